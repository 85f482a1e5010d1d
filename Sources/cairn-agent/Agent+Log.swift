import AgentMessages
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
    guard !isBootLeafOwed || recordBoot() else { return false }
    guard append(purpose: .record, milliseconds: now, encode) else { return false }
    // Room again, and nothing was missed meanwhile that a gap leaf would have to tell.
    if missedWhileFull == 0 { fullSince = nil }
    return true
  }

  private mutating func append(
    purpose: AgentLog.Purpose, milliseconds: Int64, _ encode: (consuming MutableSpan<UInt8>) -> Int
  ) -> Bool {
    var buffer = InlineArray<1024, UInt8>(repeating: 0)
    let count = encode(buffer.mutableSpan)
    precondition(count <= Batch.maximumLeafByteCount, "a record longer than a leaf may be")
    if log.mustSeal { seal() }
    do throws(AgentLog.Failure) {
      try log.append(
        leaf: buffer.span.extracting(0..<count), milliseconds: milliseconds, purpose: purpose)
    } catch {
      guard error == .full else { endForLog(paths, error) }
      if fullSince == nil {
        fullSince = now
        tellFull()
      }
      return false
    }
    isDirty = true
    if log.state.openLeafCount >= UInt64(files.site.batchMaximumLeafCount) { seal() }
    return true
  }

  /// The ring is full: says so in the room kept for it, before a crash can hide why nothing follows.
  private mutating func tellFull() {
    // Nothing stands before a boot's own leaf. The boot before has told that the ring is full.
    guard !isBootLeafOwed, owedEpoch == nil else { return }
    if recordMissed(purpose: .lastWord) { seal() }
  }

  private mutating func recordMissed(purpose: AgentLog.Purpose) -> Bool {
    guard let since = fullSince else { return true }
    let (from, to, count, milliseconds) = (UInt64(since), UInt64(now), missedWhileFull, now)
    return append(purpose: purpose, milliseconds: now) {
      LeafEncoding.gap(
        .measurementsMissed, schema: 0, milliseconds: milliseconds, from: from, to: to,
        count: count, reason: .spoolFull, into: $0)
    }
  }

  /// Begins this boot. Its first leaf waits while the ring is full, and every other leaf waits for it.
  mutating func beginBoot() {
    boot = log.state.boot + 1
    programHash = hashOfProgram()
    isBootLeafOwed = true
    nextCommit = files.site.commitIntervalMilliseconds
    nextSeal = files.site.batchIntervalMilliseconds
    if recordBoot() { tellGaps() }
  }

  mutating func recordBoot() -> Bool {
    guard beginOwedEpoch() else { return false }
    let flags = isSimulated ? Checkpoint.simulatedFlag : 0
    if log.state.boot < boot { log.begin(boot: boot, flags: flags) }
    let (boot, programHash) = (self.boot, self.programHash)
    let (board, configurationHash) = (files.board.name, files.hash)
    let isKept = append(purpose: .record, milliseconds: 0) { bytes in
      LeafEncoding.boot(
        milliseconds: 0, bootCount: boot, agentVersion: agentVersion,
        programHash: programHash.span, board: board.span,
        configurationHash: configurationHash.span, flags: flags, claims: Span(), into: bytes)
    }
    if isKept { isBootLeafOwed = false }
    return isKept
  }

  /// False while the ring is full: then nothing is signed, and receipts for what is there make room.
  mutating func beginOwedEpoch() -> Bool {
    guard let owed = owedEpoch else { return true }
    do throws(AgentLog.Failure) {
      try log.begin(epoch: owed.number, after: owed.previous)
    } catch {
      guard error == .full else { endForLog(paths, error) }
      if fullSince == nil { fullSince = now }
      return false
    }
    owedEpoch = nil
    return true
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
    if let left = untoldLeft { tellLeft(left) }
    // Telling may itself have taken another segment: then the next turn tells of all of it.
    if let void = log.state.untoldVoid { tellLost(void, .storageLost) }
    if let dropped = log.untoldDropped { tellLost(dropped, .spoolFull) }
    if let older = log.untoldOlder { tellLost(older) }
    guard missedWhileFull > 0, !isBootLeafOwed || recordBoot(), recordMissed(purpose: .record)
    else { return }
    fullSince = nil
    missedWhileFull = 0
  }

  private mutating func tellLost(_ older: OlderLeaves) {
    let milliseconds = now
    let isTold = record {
      LeafEncoding.olderGap(
        epoch: older.epoch, milliseconds: milliseconds, from: older.range.lowerBound,
        to: older.range.upperBound, reason: .spoolFull, into: $0)
    }
    // More may have given way while this was written.
    if isTold, log.untoldOlder == older { log.toldOlder() }
  }

  private mutating func tellLost(_ range: Range<UInt64>, _ reason: GapReason) {
    let milliseconds = now
    let isTold = record {
      LeafEncoding.gap(
        .leavesDropped, schema: 0, milliseconds: milliseconds, from: range.lowerBound,
        to: range.upperBound, count: range.upperBound - range.lowerBound, reason: reason, into: $0)
    }
    if isTold { log.told(range, reason) }
  }

  /// What happened at consoles: leaves within an hour's bound, so that nobody at a serial port can fill the card.
  /// On the card at the end of this turn: who unlocks may cut the power next.
  mutating func tellConsoles(isLast: Bool = false) {
    let milliseconds = now
    while let event = socket.consoleEvents.next(now: now, isLast: isLast) {
      let isKept = record {
        LeafEncoding.console(
          event.action == .unlocked ? .consoleUnlocked : .consoleRefused,
          milliseconds: milliseconds, terminal: event.terminal.span, count: event.count, into: $0)
      }
      guard isKept else { return }
      socket.consoleEvents.told(event.action, now: now)
      nextCommit = now
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
    // What is open of the old epoch is void, and must not be signed.
    guard owedEpoch == nil else { return }
    do throws(AgentLog.Failure) {
      let last = log.state.lastLeafMilliseconds
      if let batch = try log.seal(with: &key) {
        lastSealed = (batch, last)
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
    while fullSince == nil, let report = faults.drain(now: now) { tellFault(report) }
    tellLastOfDevices()
    finishRadio()
    if fullSince == nil { tellConsoles(isLast: true) }
    if missedWhileFull > 0, !isBootLeafOwed { _ = recordMissed(purpose: .lastWord) }
    seal()
  }
}
