import AgentMessages
import CBOR
import Coverage
import DeviceLog
import FixedMemory
import Identity
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
      case .challenge(let bytes): return client.answer(message.type, take(challenge: bytes))
      case .keyChange(let bytes):
        return client.answer(message.type, gatewayKeys.take(change: bytes))
      case .enrolment(let bytes): return client.answer(message.type, take(enrolment: bytes))
      case .head(let bytes):
        switch take(head: bytes) {
        case .taken: return client.answer(message.type, nil as Refusal?)
        case .refused(let refusal): return client.answer(message.type, refusal)
        case .notNeeded:
          return client.send(.denied(type: message.type.rawValue, reason: .notNow))
        }
      case .adopt:
        return client.send(.denied(type: message.type.rawValue, reason: .notNow))
      case .consoleAction(let action, let terminal, let count):
        socket.consoleEvents.add(action, terminal, count)
        tellConsoles()
        return client.send(.consoleAnswer(isTold: !socket.consoleEvents.hasUntold))
      case .heardRequest: return client.send(.heard(heardFrames()))
      case .noiseRequest: return client.send(.noise(noiseLevels()))
      case .radioTest(let channel, let factor):
        let reason = sendTest(channel: channel, spreadingFactor: factor)
        return client.send(.radioTestAnswer(reason: reason?.rawValue ?? 0))
      case .radioTestAnswer, .heard, .noise: return true
      case .status, .receiptAnswer, .released, .denied, .headWanted, .answer, .consoleAnswer:
        return true
      }
    } catch {
      return client.send(.denied(type: 0, reason: error.denialReason))
    }
  }

  /// A receipt counts when the gateway signed it, with any key that it had, for this key, for the very checkpoint that
  /// stands at that place of the spool. Nil when it was taken.
  private mutating func take(receipt bytes: Span<UInt8>, sequence: UInt64) -> Refusal? {
    do throws(Refusal) {
      guard let gatewayKeys = gatewayKeys.chain else { throw Refusal(.unknownKey) }
      let receipt = try Receipt(verifying: bytes, by: gatewayKeys)
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
      considerGatewayClock(receipt)
      return nil
    } catch {
      wasReceiptRefused = true
      return error
    }
  }

  /// A challenge counts when the gateway signed it with its newest key and its number is above every one before it in
  /// this boot, or it was issued later than each: a gateway that was restored counts anew. Its leaf says that what
  /// follows is not older than it; when it was issued, this board can't check. Nil when it was taken.
  private mutating func take(challenge bytes: Span<UInt8>) -> Refusal? {
    do throws(Refusal) {
      guard let gatewayKey = gatewayKeys.newest else { throw Refusal(.unknownKey) }
      let challenge = try Challenge(verifying: bytes, gatewayKey: gatewayKey)
      let number = challenge.number
      let issued = challenge.issuedUTCMilliseconds
      guard challenges.isNew(number: number, utcMilliseconds: issued) else {
        throw Refusal(.challengeReplayed)
      }
      let milliseconds = now
      let hash: Digest
      do throws(CBORDecoder.Failure) {
        hash = try COSESign1.hash(of: bytes)
      } catch { throw Refusal(error) }
      let isKept = record {
        LeafEncoding.challenge(milliseconds: milliseconds, challengeHash: hash.span, into: $0)
      }
      // With a full ring the next challenge is as good.
      if isKept {
        challenges.take(number: number, utcMilliseconds: issued)
        take(BeaconOrder(challenge))
      }
      return nil
    } catch { return error }
  }

  /// The newest enrolment that the gateway has of this key: what a node that was restored from its key alone
  /// goes on from. Nil when it was taken; then enrolment.cose is that one, or the version after it.
  private mutating func take(enrolment message: Span<UInt8>) -> Refusal? {
    do throws(Refusal) {
      let version = try Enrolment(verifying: message, of: key.publicKey).version
      // A version that nobody counts to leaves no room for the next one.
      guard version < UInt64(Int64.max) else { throw Refusal(.malformed) }
      guard version >= enrolmentVersion(paths, key.publicKey) else {
        throw Refusal(.enrolmentOutdated)
      }
      keepEnrolment(paths, files.site, key: &key, anchor: anchorWanted, learnt: message)
      return nil
    } catch { return error }
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
    status.setAgentVersion(agentVersion)
    status.boot = boot
    status.uptimeMilliseconds = now
    status.sensorCount = UInt16(schedule.count + files.site.pulses.count)
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
    status.failingLines = failingLines()
    status.radio = radioStatus()
    return status
  }

  private func failingSensorCount() -> UInt16 {
    var count: UInt16 = 0
    for index in 0..<schedule.count where isFailing[index] { count += 1 }
    for index in files.site.pulses.indices where lines.pulses[index].input.descriptor == nil {
      count += 1
    }
    return count
  }

  private func failingLines() -> FailingLines {
    var failing = FailingLines()
    for index in files.site.contacts.indices where lines.contacts[index].input.failure != nil {
      failing.insert(.contact(index))
    }
    if lines.contacts[AgentLines.buttonIndex].input.failure != nil { failing.insert(.button) }
    if lines.ledFailure != nil { failing.insert(.led) }
    return failing
  }

  func problem() -> AgentProblem? {
    if fullSince != nil { return .spoolStopped }
    if log.isDropping { return .spoolDropping }
    let inputCount = schedule.count + files.site.pulses.count
    let hasOnlyContacts = inputCount == 0 && !files.site.contacts.isEmpty
    if !hasOnlyContacts, Int(failingSensorCount()) == inputCount { return .noSensor }
    return wasReceiptRefused ? .receiptRefused : nil
  }
}
