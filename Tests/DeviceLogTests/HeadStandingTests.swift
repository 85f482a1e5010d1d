import FixedMemory
import Proofs
import Records
import Signers
import Simulation
import Spool
import TestSupport
import Testing

@testable import DeviceLog

/// Where a gateway's head stands in a log, for every position around what the log has.
struct HeadStandingTests {
  private struct Held {
    let epoch: UInt64
    let batch: UInt64
    let hash: Digest
  }

  /// The slow way: every checkpoint that can be read, in order.
  private func checkpoints(_ medium: FaultyMedium) throws -> [Held] {
    var reader = try LogReader(opening: FaultyStorage(medium, isReadOnly: true))
    var held: [Held] = []
    while let batch = try reader.next() {
      held.append(
        Held(
          epoch: batch.checkpoint.epoch, batch: batch.checkpoint.batch,
          hash: batch.sigStructureHash))
    }
    return held
  }

  private func place(_ epoch: UInt64, _ batch: UInt64, _ medium: FaultyMedium) throws
    -> PositionPlace
  {
    try LogReader<FaultyStorage>.place(
      ofEpoch: epoch, batch: batch, in: FaultyStorage(medium, isReadOnly: true))
  }

  /// Epochs with so many batches each, on a ring of few segments when `isFull`.
  private func log(_ epochs: [(epoch: UInt64, batchCount: Int)], segmentCount: Int) throws
    -> FaultyMedium
  {
    let medium = try formattedMedium(segmentCount: segmentCount, segmentByteCount: 8192)
    var key = try testKey()
    var log = try TestLog.recover(FaultyStorage(medium), policy: .dropOldest)
    for (index, (epoch, batchCount)) in epochs.enumerated() {
      try log.begin(epoch: epoch)
      try appendBoot(&log, boot: UInt64(index + 1))
      for batch in 0..<batchCount {
        for reading in 0..<9 {
          try appendReading(&log, at: Int64(batch * 10 + reading), value: Int64(batch))
        }
        _ = try log.seal(with: &key)
      }
    }
    return medium
  }

  @Test(
    arguments: [
      ([(0, 40)], 16), ([(0, 40)], 3), ([(0, 1)], 4), ([(5, 3)], 4),
      ([(0, 9), (1, 9), (4, 9)], 16),
      ([(0, 60), (2, 9), (3, 1)], 4), ([(0, 0), (1, 5)], 4),
    ] as [([(UInt64, Int)], Int)])
  func everyPositionIsHeldOrBeforeOrAbsent(_ epochs: [(UInt64, Int)], _ segmentCount: Int) throws {
    let medium = try log(
      epochs.map { (epoch: $0.0, batchCount: $0.1) }, segmentCount: segmentCount)
    let held = try checkpoints(medium)
    let oldest = try #require(held.first)
    var seen: Set<String> = []
    for epoch in 0...6 as ClosedRange<UInt64> {
      for batch in 0...70 as ClosedRange<UInt64> {
        let found = try place(epoch, batch, medium)
        if let here = held.first(where: { $0.epoch == epoch && $0.batch == batch }) {
          #expect(found == .held(sigStructureHash: here.hash), "\(epoch)/\(batch)")
          seen.insert("held")
        } else if (epoch, batch) < (oldest.epoch, oldest.batch) {
          #expect(found == .before, "\(epoch)/\(batch), oldest \(oldest.epoch)/\(oldest.batch)")
          seen.insert("before")
        } else {
          #expect(found == .absent, "\(epoch)/\(batch)")
          seen.insert("absent")
        }
      }
    }
    #expect(seen.contains("held") && seen.contains("absent"))
    #expect(try place(.max, .max, medium) == .absent)
  }

  @Test func aDamagedSegmentSpeaksForNobody() throws {
    let medium = try log([(epoch: 0, batchCount: 8)], segmentCount: 8)
    var storage = FaultyStorage(medium)
    // Behind the first segment's header and context: its entries.
    let noise = [UInt8](repeating: 0xee, count: 2048)
    try storage.write(noise.span, at: SpoolLayout.segmentsOffset + 5000)
    var answers: Set<String> = []
    for batch in 0..<8 as Range<UInt64> { answers.insert("\(try place(0, batch, medium))") }
    #expect(answers.contains("unreadable"), "\(answers)")
    // Nothing there counts as another history.
    #expect(!answers.contains("absent"), "\(answers)")
  }

  @Test func onlyAnotherCheckpointOrNoneSetsALogApart() throws {
    let head: Digest = try fixed([UInt8](repeating: 1, count: 32))
    let other: Digest = try fixed([UInt8](repeating: 2, count: 32))
    #expect(HeadStanding(ofHead: head, at: .held(sigStructureHash: head)) == .shared)
    #expect(HeadStanding(ofHead: head, at: .held(sigStructureHash: other)) == .apart)
    #expect(HeadStanding(ofHead: head, at: .absent) == .apart)
    #expect(HeadStanding(ofHead: head, at: .before) == .before)
    #expect(HeadStanding(ofHead: head, at: .unreadable) == .before)
  }

  /// What was measured and is not sealed stays in the tree that it was measured in.
  @Test func anEpochThatBeginsAmidOpenLeavesLeavesThemVoidAndIsToldOnce() throws {
    let medium = try formattedMedium(segmentCount: 8)
    var key = try testKey()
    var log = try TestLog.recover(FaultyStorage(medium), policy: .stop)
    try log.begin(epoch: 0)
    try appendBoot(&log, boot: 1)
    _ = try log.seal(with: &key)
    for index in 1..<4 { try appendReading(&log, at: Int64(index), value: 1) }
    let head: Digest = try fixed([UInt8](repeating: 9, count: 32))
    try log.begin(epoch: 3, after: head)
    let void = log.state.untoldVoid
    #expect(void == 1..<4)
    try appendBoot(&log, boot: 2)
    try append(&log, at: 5) {
      LeafEncoding.olderGap(
        epoch: 0, milliseconds: 5, from: 0, to: 4, reason: .restoredCopy, into: $0.mutableSpan)
    }
    log.toldLeft()
    _ = try log.seal(with: &key)
    log.checkInvariants()
    let live = log.state
    let again = try TestLog.recover(FaultyStorage(medium), policy: .stop)
    let replayed = again.state
    #expect(replayed == live)
    #expect(replayed.untoldVoid == nil)
    var reader = try LogReader(opening: FaultyStorage(medium, isReadOnly: true))
    _ = try reader.next()
    let first = try #require(try reader.next()).checkpoint
    #expect(first.epoch == 3 && first.batch == 0 && first.first == 0 && first.size == 2)
    #expect(first.previous == head)
  }
}
