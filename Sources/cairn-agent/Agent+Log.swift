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

/// Leaves into the log, and the log onto the card.
extension Agent {
  /// Appends one leaf of this turn's time. False when the ring is full and policy is to stop; every other
  /// failure ends the program, and its next start recovers.
  mutating func record(_ encode: (consuming MutableSpan<UInt8>) -> Int) -> Bool {
    var buffer = InlineArray<1024, UInt8>(repeating: 0)
    let count = encode(buffer.mutableSpan)
    precondition(count <= Batch.maximumLeafByteCount, "a record longer than a leaf may be")
    if log.mustSeal { seal() }
    do throws(AgentLog.Failure) {
      try log.append(leaf: buffer.span.extracting(0..<count), milliseconds: now)
    } catch {
      guard error == .full else { endForLog(paths, error) }
      if fullSince == nil { fullSince = now }
      return false
    }
    isDirty = true
    if log.state.openLeafCount >= UInt64(files.site.batchMaximumLeafCount) { seal() }
    return true
  }

  /// The first leaf of this boot.
  mutating func beginBoot() {
    log.begin(boot: log.state.boot + 1, flags: isSimulated ? Checkpoint.simulatedFlag : 0)
    let programHash = hashOfProgram()
    let boot = log.state.boot
    let flags = log.state.flags
    let (board, configurationHash) = (files.board.name, files.hash)
    _ = record { bytes in
      LeafEncoding.boot(
        milliseconds: 0, bootCount: boot, agentVersion: agentVersion,
        programHash: programHash.span, board: board.span,
        configurationHash: configurationHash.span, flags: flags, claims: Span(), into: bytes)
    }
    nextCommit = files.site.commitIntervalMilliseconds
    nextSeal = files.site.batchIntervalMilliseconds
    tellGaps()
  }

  /// SHA-256 of the running program's file; zero when /proc does not show it.
  private func hashOfProgram() -> Digest {
    var buffer = InlineArray<8192, UInt8>(repeating: 0)
    var span = buffer.mutableSpan
    var hash = SHA256()
    do throws(SystemError) {
      let file = try FileDescriptor(reading: FixedPath("/proc/self/exe"))
      while true {
        let count = try file.read(into: &span, from: 0)
        guard count > 0 else { return hash.finish() }
        hash.update(span.span.extracting(0..<count))
      }
    } catch { return Digest() }
  }

  /// Leaves that tell of what is missing: dropped for want of room, or void since a new epoch began.
  mutating func tellGaps() {
    if let void = log.voidLeaves,
      tell(.leavesDropped, from: void.lowerBound, to: void.upperBound, reason: .storageLost)
    {
      log.forgetVoidLeaves()
    }
    if let dropped = log.droppedSinceGapLeaf,
      tell(.leavesDropped, from: dropped.lowerBound, to: dropped.upperBound, reason: .spoolFull),
      // Telling may itself have taken another segment: then the next leaf tells of all of it.
      log.droppedSinceGapLeaf == dropped
    {
      log.forgetDroppedRange()
    }
    guard let since = fullSince, missedWhileFull > 0 else { return }
    let (from, to, count, milliseconds) = (UInt64(since), UInt64(now), missedWhileFull, now)
    let isTold = record {
      LeafEncoding.gap(
        .measurementsMissed, schema: 0, milliseconds: milliseconds, from: from, to: to,
        count: count, reason: .spoolFull, into: $0)
    }
    if isTold {
      fullSince = nil
      missedWhileFull = 0
    }
  }

  /// False when there is no room for it now.
  private mutating func tell(_ code: EventCode, from: UInt64, to: UInt64, reason: GapReason) -> Bool
  {
    let milliseconds = now
    return record {
      LeafEncoding.gap(
        code, schema: 0, milliseconds: milliseconds, from: from, to: to, count: to - from,
        reason: reason, into: $0)
    }
  }

  /// Commits or seals when it is time.
  mutating func keepTheLog() {
    tellGaps()
    if now >= nextSeal {
      seal()
    } else if now >= nextCommit {
      commit()
    }
  }

  mutating func commit() {
    if isDirty {
      do throws(AgentLog.Failure) { try log.commit() } catch { endForLog(paths, error) }
      isDirty = false
    }
    nextCommit = now + files.site.commitIntervalMilliseconds
  }

  mutating func seal() {
    do throws(AgentLog.Failure) {
      if try log.seal(with: &key) != nil {
        socket.announceReleased(log.releasedThrough)
      } else {
        try log.commit()
      }
    } catch { endForLog(paths, error) }
    isDirty = false
    nextCommit = now + files.site.commitIntervalMilliseconds
    // From the grid, so that batches don't drift; sealed early by size, the next one is a whole interval away.
    let interval = files.site.batchIntervalMilliseconds
    nextSeal =
      now >= nextSeal ? nextSeal + (1 + (now - nextSeal) / interval) * interval : now + interval
  }

  /// What was counted and measured is signed before the program ends.
  mutating func closeLog() {
    while let report = faults.drain(now: now) { tellFault(report) }
    seal()
  }
}
