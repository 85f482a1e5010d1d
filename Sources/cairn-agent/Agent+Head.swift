import AgentMessages
import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs
import Records
import Sampling
import Sensors
import Signers
import Spool
import Verifier

/// The gateway's head of this log, when it lies where this log does not lead: the card was restored from an older
/// copy. Nothing more is signed in that epoch; a new one begins behind the head (docs/key-file.md, "Epochs").
///
/// Invariants: no position is signed twice, whatever a gateway says; a boot begins one epoch by a head at most.
extension Agent {
  enum HeadAnswer {
    /// The log is in an epoch behind the head's.
    case taken
    case refused(Refusal)
    /// The log has what the head names, or had it once: it goes on.
    case notNeeded
  }

  mutating func take(head bytes: Span<UInt8>) -> HeadAnswer {
    // No bytes: the gateway has nothing of this key.
    guard !bytes.isEmpty else { return .notNeeded }
    let head: DeviceHead
    do throws(Refusal) {
      guard let gatewayKey = gatewayKeys.newest else { throw Refusal(.unknownKey) }
      head = try DeviceHead(verifying: bytes, gatewayKey: gatewayKey)
      guard head.deviceKeyHash == key.publicKey.hash else { throw Refusal(.keyMismatch) }
      guard head.isWithinReach(of: key.epoch) else { throw Refusal(.unknownPosition) }
    } catch { return .refused(error) }
    if head.epoch < owedEpoch?.number ?? log.state.epoch { return .taken }
    guard standing(of: head) == .apart else { return .notNeeded }
    guard !hasFollowedHead else { return .refused(Refusal(.rateLimited)) }
    hasFollowedHead = true
    leaveEpoch(behind: head)
    return .taken
  }

  /// By this board's own spool, whatever the uplink has found.
  private func standing(of head: DeviceHead) -> HeadStanding {
    do throws(FileStorage.Failure) {
      let storage = try FileStorage.open(at: paths.spool, access: .readOnly)
      do throws(LogReader<FileStorage>.Failure) {
        return try LogReader<FileStorage>.standing(of: head, in: storage)
      } catch { return .before }
    } catch { return .before }
  }

  /// What is open of the old epoch is durable and void; the new one begins with a boot leaf of its own, and with
  /// what became of the leaves that were left.
  private mutating func leaveEpoch(behind head: DeviceHead) {
    commit()
    let left = log.state
    recordEpoch(nextEpoch(after: max(max(key.epoch, head.epoch), left.epoch)), &key, paths)
    owedEpoch = OwedEpoch(number: key.epoch, previous: head.checkpointHash)
    if left.deliveredSize < left.size {
      untoldLeft = OlderLeaves(epoch: left.epoch, range: left.deliveredSize..<left.size)
    }
    tellLeaving(head, leafCount: left.size - min(left.deliveredSize, left.size))
    forgetTree()
    if !beginOwedEpoch() {
      // The ring is full of what can't be delivered any more: that gives way.
      do throws(AgentLog.Failure) {
        try log.markDelivered(
          epoch: left.epoch, size: left.deliveredSize, throughSequence: log.releasedThrough)
      } catch { endForLog(paths, error) }
    }
    if recordBoot() { tellGaps() }
    seal()
  }

  /// Nothing that the old tree said counts in the new one: boot, schemas, clock and place are said again.
  private mutating func forgetTree() {
    boot += 1
    isBootLeafOwed = true
    schemaSerialNumbers = InlineArray(repeating: nil)
    toldRadio = nil
    mapping = nil
    nextClockLook = now
    nextPosition = now
    lastSealed = nil
  }

  /// One gap leaf, in the new epoch.
  mutating func tellLeft(_ left: OlderLeaves) {
    let milliseconds = now
    let isTold = record {
      LeafEncoding.olderGap(
        epoch: left.epoch, milliseconds: milliseconds, from: left.range.lowerBound,
        to: left.range.upperBound, reason: .restoredCopy, into: $0)
    }
    guard isTold else { return }
    untoldLeft = nil
    log.toldLeft()
  }

  private func tellLeaving(_ head: DeviceHead, leafCount: UInt64) {
    var text = TextBuilder<512>()
    text.append("cairn-agent: restored from an older copy: the gateway has batch ")
    text.append(head.epoch)
    text.append("/")
    text.append(head.batch)
    text.append(" of this key's log, and this board has not. A new epoch begins behind it, ")
    text.append(key.epoch)
    text.append("; ")
    text.append(leafCount)
    text.append(" leaves that no receipt covers stay behind, and a leaf tells of them. ")
    text.append("Does another board sign with this key? Then stop one of the two\n")
    // Without a reader of standard output the agent goes on.
    do throws(SystemError) { try StandardStream.output.write(text) } catch {}
  }
}

extension DeviceHead {
  /// A gateway that lies can make a key skip epochs. It can't make it run out of them: at most a million a time.
  func isWithinReach(of epoch: UInt64) -> Bool {
    self.epoch <= epoch || self.epoch - epoch <= 1_000_000
  }
}
