import AgentMessages
import CBOR
import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs
import Records
import Sampling
import Signers
import Spool
import Verifier

/// What clients of the socket ask for (docs/agent-socket.md).
extension Agent {
  mutating func serveSocket(_ poller: borrowing Poller) {
    tick()
    for index in 0..<AgentSocket.clientCapacity {
      guard var client = socket.clients[index].take() else { continue }
      var isKept = true
      if let slot = client.slot, poller.isReadable(slot) {
        client.lastHeardMilliseconds = now
        isKept = serve(&client)
      }
      if isKept { socket.clients[index] = consume client }
    }
    socket.accept(poller, now: now)
  }

  /// One packet of one client. False when the client is to be let go.
  private mutating func serve(_ client: inout AgentSocket.Client) -> Bool {
    var packet = InlineArray<4096, UInt8>(repeating: 0)
    var span = packet.mutableSpan
    let count: Int
    do throws(SocketFailure) {
      count = try client.connection.receive(into: &span, timeoutMilliseconds: 0)
    } catch { return false }
    do throws(AgentMessage.Failure) {
      let message = try AgentMessage(decoding: span.span.extracting(0..<count))
      guard client.role.maySend(message.type) else {
        return client.send(.denied(type: message.type.rawValue, reason: .notPermitted))
      }
      switch message {
      case .statusRequest: return client.send(.status(status()))
      case .subscribe:
        client.isSubscribed = true
        return client.send(.released(sequence: log.releasedThrough))
      case .receipt(let sequence, let bytes):
        let refusal = take(receipt: bytes, sequence: sequence)
        return client.send(
          .receiptAnswer(sequence: sequence, refusalCode: refusal?.code.rawValue))
      case .status, .receiptAnswer, .released, .denied: return true
      }
    } catch {
      return client.send(.denied(type: 0, reason: error.denialReason))
    }
  }

  /// A receipt counts when the configured gateway signed it, for this key, for the very checkpoint that
  /// stands at that place of the spool. Nil when it was taken.
  private mutating func take(receipt bytes: Span<UInt8>, sequence: UInt64) -> Refusal? {
    do throws(Refusal) {
      guard let gatewayKey = files.site.gateway.publicKey else { throw Refusal(.unknownKey) }
      let receipt = try Receipt(
        verifying: bytes, gatewayKey: PublicKey(ed25519: gatewayKey))
      guard receipt.deviceKeyHash == key.publicKey.hash else { throw Refusal(.keyMismatch) }
      switch place(at: sequence) {
      case .checkpoint(let checkpoint, let hash):
        guard hash == receipt.checkpointHash, checkpoint.size == receipt.size,
          checkpoint.epoch == receipt.epoch
        else { throw Refusal(.unknownPosition) }
      // Nothing waits for it any more, and nothing is wrong with it.
      case .overwritten: return nil
      case .other: throw Refusal(.unknownPosition)
      }
      do throws(AgentLog.Failure) {
        try log.markDelivered(
          epoch: receipt.epoch, size: receipt.size, throughSequence: sequence)
      } catch { endForLog(paths, error) }
      wasReceiptRefused = false
      return nil
    } catch {
      wasReceiptRefused = true
      return error
    }
  }

  /// What the log has at a place of its spool.
  private func place(at sequence: UInt64) -> LogReader<FileStorage>.Place {
    do throws(FileStorage.Failure) {
      let storage = try FileStorage.open(at: paths.spool, access: .readOnly)
      do throws(LogReader<FileStorage>.Failure) {
        return try LogReader<FileStorage>.place(at: sequence, in: storage)
      } catch { return .other }
    } catch { return .other }
  }

  private mutating func status() -> AgentStatus {
    var status = AgentStatus()
    for index in 0..<agentVersion.utf8CodeUnitCount {
      status.agentVersion.append(unsafe agentVersion.utf8Start[index])
    }
    status.boot = log.state.boot
    status.uptimeMilliseconds = now
    status.sensorCount = UInt16(schedule.count)
    status.failingSensorCount = failingSensorCount()
    status.epoch = log.state.epoch
    status.lastBatch = log.state.batch > 0 ? log.state.batch - 1 : nil
    status.leafCount = log.state.size
    status.releasedSequence = log.releasedThrough
    status.deliveredSequence = log.deliveredThrough
    status.spoolByteCount = UInt64(files.site.spool.byteCount)
    status.spoolUsedByteCount = log.undeliveredByteCount()
    status.isSimulated = isSimulated
    status.problem = problem().map { $0.rawValue } ?? 0
    return status
  }

  private func failingSensorCount() -> UInt16 {
    var count: UInt16 = 0
    for index in 0..<schedule.count where isFailing[index] { count += 1 }
    return count
  }

  private func problem() -> AgentProblem? {
    if fullSince != nil { return .spoolStopped }
    if log.untoldDropped != nil { return .spoolDropping }
    if schedule.count == 0 || Int(failingSensorCount()) == schedule.count { return .noSensor }
    return wasReceiptRefused ? .receiptRefused : nil
  }
}
