import DeviceLog
import FixedMemory
import LogInMemory
import Proofs
import Records
import Signers
import Spool

/// A log over four small segments: batches, boots, a full ring that drops its oldest leaves, ends without
/// warning, and a card that loses what it had confirmed. After each step the bytes of the whole spool.
struct LogScript: ~Copyable {
  private let storage: MemoryStorage
  private var key = ExampleKey.device()
  /// Beyond 32 bits from the start.
  private var milliseconds: Int64 = 4_294_967_000
  private var number: Int64 = 0

  private static var segmentByteCount: Int { 12_288 }
  private static var byteCount: Int { 32_768 + 4 * segmentByteCount }

  init() { storage = MemoryStorage(byteCount: Self.byteCount) }

  deinit { storage.release() }

  mutating func tell() {
    do throws(MemoryLog.Failure) {
      var log = try beginLog(
        on: storage, policy: .dropOldest, segmentByteCount: UInt32(Self.segmentByteCount))
      try appendBoot(1, to: &log)
      for batch in 0..<60 as Range<UInt64> { try seal(batch, of: &log) }
      tell("log after sixty batches", log)
      try restart(boot: 2)
      try loseCard()
    } catch { fail("the log, or its spool, failed") }
    tellBatches()
  }

  private mutating func seal(_ batch: UInt64, of log: inout MemoryLog) throws(MemoryLog.Failure) {
    for _ in 0..<12 { try appendReading(to: &log) }
    if let range = log.untoldDropped {
      let (from, to, time) = (range.lowerBound, range.upperBound, milliseconds)
      let gap = Message {
        LeafEncoding.gap(
          .leavesDropped, schema: 0, milliseconds: time, from: from, to: to, count: to - from,
          reason: .spoolFull, into: $0)
      }
      try log.append(leaf: gap.span, milliseconds: time, purpose: .lastWord)
      log.told(range, .spoolFull)
    }
    _ = try log.seal(with: &key)
    if batch < 20 {
      try log.markDelivered(
        epoch: log.state.epoch, size: log.state.size, throughSequence: log.lastCheckpointSequence)
    }
    log.checkInvariants()
    if batch % 10 == 9 { tell(named("log after batch ", batch), log) }
  }

  /// The program ends twice: with leaves that are durable and open, and with some that are not durable.
  private mutating func restart(boot: UInt64) throws(MemoryLog.Failure) {
    do {
      var log = try MemoryLog.recover(storage, policy: .dropOldest)
      log.begin(boot: boot, flags: 1)
      try appendBoot(boot, to: &log)
      for _ in 0..<5 { try appendReading(to: &log) }
      try log.commit()
      tell("log with open leaves", log)
    }
    do {
      var log = try MemoryLog.recover(storage, policy: .dropOldest)
      tell("log with open leaves, recovered", log)
      _ = try log.seal(with: &key)
      for _ in 0..<3 { try appendReading(to: &log) }
    }
    var log = try MemoryLog.recover(storage, policy: .dropOldest)
    guard log.recovery == .resumed else { fail("a log does not go on") }
    tell("log after leaves that were lost", log)
    log.begin(boot: boot + 1, flags: 0)
    try appendBoot(boot + 1, to: &log)
    _ = try log.seal(with: &key)
    tell("log in its third boot", log)
  }

  /// The marks of now over the segments of before: then only a new epoch is lawful.
  private mutating func loseCard() throws(MemoryLog.Failure) {
    let before = MemoryStorage(byteCount: Self.byteCount)
    defer { before.release() }
    copy(from: storage, to: before, at: 0..<Self.byteCount)
    do {
      var log = try MemoryLog.recover(storage, policy: .dropOldest)
      for _ in 0..<4 { try appendReading(to: &log) }
      _ = try log.seal(with: &key)
    }
    copy(from: before, to: storage, at: 32_768..<Self.byteCount)
    var log = try MemoryLog.recover(storage, policy: .dropOldest)
    guard case .epochNeeded = log.recovery else { fail("a loss of the card is not seen") }
    tell("log of a card that lost a batch", log)
    try log.begin(epoch: 1)
    log.begin(boot: 9, flags: 0)
    try appendBoot(9, to: &log)
    for _ in 0..<4 { try appendReading(to: &log) }
    _ = try log.seal(with: &key)
    tell("log in its second epoch", log)
  }

  private func copy(from source: MemoryStorage, to target: MemoryStorage, at range: Range<Int>) {
    var block = InlineArray<4096, UInt8>(repeating: 0)
    var span = block.mutableSpan
    var offset = range.lowerBound
    while offset < range.upperBound {
      do throws(StorageError) {
        try source.read(into: &span, at: UInt64(offset))
        try target.write(span.span, at: UInt64(offset))
      } catch { fail("a copy of a storage") }
      offset += 4096
    }
  }

  // MARK: leaves

  private mutating func appendBoot(_ boot: UInt64, to log: inout MemoryLog)
    throws(MemoryLog.Failure)
  {
    let (time, flags, hash) = (milliseconds, log.state.flags, Digest())
    let leaf = Message {
      LeafEncoding.boot(
        milliseconds: time, bootCount: boot, agentVersion: "0.1.0", programHash: hash.span,
        board: text("transcript"), configurationHash: hash.span, flags: flags, claims: Span(),
        into: $0)
    }
    try log.append(leaf: leaf.span, milliseconds: time)
  }

  private mutating func appendReading(to log: inout MemoryLog) throws(MemoryLog.Failure) {
    milliseconds += 61_000
    number += 1
    var values = ReadingValues(filler: nil)
    for index in 0..<6 as Range<Int64> {
      values.append((number &* 0x1e37_79b9_7f4a_7c15) >> (8 * index))
    }
    let (taken, time) = (values, milliseconds)
    let leaf = Message {
      LeafEncoding.reading(schema: 1, milliseconds: time, values: taken, into: $0)
    }
    do throws(MemoryLog.Failure) {
      try log.append(leaf: leaf.span, milliseconds: time)
    } catch {
      guard error == .batchFull else { throw error }
      _ = try log.seal(with: &key)
      try log.append(leaf: leaf.span, milliseconds: time)
    }
  }

  // MARK: results

  private func tell(_ name: StaticString, _ log: borrowing MemoryLog) {
    var plain = Name()
    plain.append(name)
    tell(plain, log)
  }

  private func tell(_ name: consuming Name, _ log: borrowing MemoryLog) {
    var tally = Tally()
    var block = InlineArray<4096, UInt8>(repeating: 0)
    var span = block.mutableSpan
    var offset: UInt64 = 0
    while offset < storage.byteCount {
      do throws(StorageError) { try storage.read(into: &span, at: offset) } catch {
        fail("a storage is not read")
      }
      tally.add(span.span)
      offset += 4096
    }
    tally.add(log.bytesWritten)
    tally.add(log.state.size)
    tally.add(log.state.batch)
    tally.add(log.deliveredThrough)
    tally.add(count: log.state.openItemsByteCount)
    tally.add(log.state.firstLeafMilliseconds)
    let root = log.state.frontier.root()
    tally.add(root.span)
    tally.tell(name.span)
  }

  /// All that can still be read, as an uplink would deliver it. What the card lost is one failure.
  private func tellBatches() {
    do throws(LogReader<MemoryStorage>.Failure) {
      var reader = try LogReader<MemoryStorage>(opening: storage)
      try reader.rewind()
      var tally = Tally()
      var (count, lossCount) = (0, 0)
      while count < 100, lossCount < 100 {
        do throws(LogReader<MemoryStorage>.Failure) {
          guard let batch = try reader.next() else { break }
          tally.add(batch.sequence)
          tally.add(batch.itemsStart)
          tally.add(count: batch.itemCount)
          tally.add(batch.checkpoint.size)
          if batch.isWhole { try reader.assemble() } else { try reader.assembleAlone() }
          tally.add(reader.bytes)
          count += 1
        } catch {
          guard case .spool(.damaged(let from, let through)) = error else { throw error }
          tally.add(from)
          tally.add(through)
          lossCount += 1
        }
      }
      guard count > 1, lossCount == 1 else { fail("a log without batches, or without its loss") }
      tally.tell("batches of the log, as delivered")
    } catch { fail("a log is not read back") }
  }
}
