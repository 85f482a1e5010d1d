import FixedMemory
import Simulation
import Testing

@testable import Spool

@Test func whatWasCommittedIsReadBackByteForByte() throws {
  let medium = try formattedMedium()
  var writer = try recover(medium)
  try writer.begin("frontier")
  var appended: [Item] = []
  for count in [0, 1, 23, 24, 25, 300, 511, 512, 513] { appended.append(try writer.append(count)) }
  try writer.commit()
  writer.checkInvariants()
  #expect(try readAll(medium) == Reading(items: appended))
}

@Test func nothingIsReleasedBeforeCommit() throws {
  let medium = try formattedMedium()
  var writer = try recover(medium)
  try writer.begin()
  let first = try writer.append(10)
  try writer.commit()
  try writer.append(10)
  #expect(try readAll(medium) == Reading(items: [first]))
}

@Test func synchronizeMakesDurableAndReleasesNothing() throws {
  let medium = try formattedMedium()
  var writer = try recover(medium)
  try writer.begin()
  let item = try writer.append(10)
  let writes = medium.writeCount
  try writer.synchronize()
  #expect(medium.writeCount == writes && medium.pending.isEmpty)
  #expect(try readAll(medium) == Reading())
  var replayed: [Item] = []
  _ = try recover(FaultyMedium(image: medium.durable), replayed: &replayed)
  #expect(replayed == [item])
  medium.failingSynchronize = medium.synchronizeCount + 1
  #expect(throws: SpoolFailure.storage(FaultyMedium.failure)) { try writer.synchronize() }
  #expect(throws: SpoolFailure.storageFailed) { try writer.synchronize() }
}

@Test func theMarkIsWrittenOnlyAfterSynchronizeReturned() throws {
  let medium = try formattedMedium()
  var writer = try recover(medium)
  try writer.begin()
  try writer.append(10)
  medium.failingSynchronize = medium.synchronizeCount + 1
  let writes = medium.writeCount
  #expect(throws: SpoolFailure.storage(FaultyMedium.failure)) { try writer.commit() }
  #expect(medium.writeCount == writes)
  #expect(try readAll(medium) == Reading())
}

@Test func afterAFailedSynchronizeEverythingIsRefusedUntilRecoveredAnew() throws {
  let medium = try formattedMedium()
  var writer = try recover(medium)
  try writer.begin()
  try writer.append(10)
  medium.failingSynchronize = medium.synchronizeCount + 1
  #expect(throws: SpoolFailure.storage(FaultyMedium.failure)) { try writer.commit() }
  #expect(throws: SpoolFailure.storageFailed) { try writer.commit() }
  #expect(throws: SpoolFailure.storageFailed) { try writer.append(1) }
  #expect(throws: SpoolFailure.storageFailed) { try writer.begin() }
  #expect(throws: SpoolFailure.storageFailed) { try writer.storeNote("n") }
  #expect(throws: SpoolFailure.storageFailed) { try writer.markDelivered(through: 0) }
  #expect(throws: SpoolFailure.storageFailed) { try writer.nextSegment() }
  #expect(throws: SpoolFailure.storageFailed) { try writer.noteText() }
  #expect(throws: SpoolFailure.storageFailed) { try writer.contextText() }
  writer.checkInvariants()
}

@Test func afterAFailedWriteEverythingIsRefused() throws {
  let medium = try formattedMedium()
  var writer = try recover(medium)
  try writer.begin()
  medium.failingWrite = medium.writeCount + 1
  #expect(throws: SpoolFailure.storage(FaultyMedium.failure)) { try writer.append(100) }
  #expect(throws: SpoolFailure.storageFailed) { try writer.commit() }
}

@Test func anEntryThatDoesNotFitChangesNothing() throws {
  let medium = try formattedMedium()
  var writer = try recover(medium)
  #expect(throws: SpoolFailure.segmentFull) { try writer.append(1) }
  #expect(writer.remainingPayloadByteCount == 0)
  try writer.begin()
  let maximum = writer.geometry.maximumPayloadByteCount
  #expect(maximum == 4096 - 24)
  #expect(throws: SpoolFailure.entryTooLarge) { try writer.append(maximum + 1) }
  try writer.append(100)
  #expect(writer.remainingPayloadByteCount == maximum - 124)
  let writes = medium.writeCount
  #expect(throws: SpoolFailure.segmentFull) { try writer.append(maximum - 123) }
  #expect(medium.writeCount == writes)
  try writer.append(maximum - 124)
  #expect(writer.remainingPayloadByteCount == 0)
  // Not even an empty one.
  #expect(throws: SpoolFailure.segmentFull) { try writer.append(0) }
  writer.checkInvariants()
  try writer.commit()
  #expect(try readAll(medium).items.count == 2)
}

@Test func anEntryOf64KiBIsWrittenAndReadWhole() throws {
  let medium = try formattedMedium(segmentCount: 2, segmentByteCount: 128 << 10)
  var writer = try recover(medium)
  #expect(writer.geometry.maximumPayloadByteCount == 65536)
  try writer.begin()
  #expect(throws: SpoolFailure.entryTooLarge) { try writer.append(65537) }
  let before = (medium.writeCount, writer.bytesWritten)
  let big = try writer.append(65536)
  #expect(medium.writeCount == before.0 + 2)
  #expect(writer.bytesWritten == before.1 + 65536 + 24)
  try writer.commit()
  #expect(try readAll(medium) == Reading(items: [big]))
  var replayed: [Item] = []
  _ = try recover(medium, replayed: &replayed)
  #expect(replayed == [big])
}

@Test func anEntryUpTo8KiBTakesOneWrite() throws {
  let medium = try formattedMedium(segmentCount: 2, segmentByteCount: 32 << 10)
  var writer = try recover(medium)
  try writer.begin()
  let before = medium.writeCount
  try writer.append(8192 - 24)
  #expect(medium.writeCount == before + 1)
  try writer.append(8192 - 23)
  #expect(medium.writeCount == before + 3)
}

@Test func aCommitWithNothingNewWritesNothing() throws {
  let medium = try formattedMedium()
  var writer = try recover(medium)
  try writer.begin()
  try writer.append(10)
  try writer.commit()
  let before = (medium.writeCount, medium.synchronizeCount)
  try writer.commit()
  #expect((medium.writeCount, medium.synchronizeCount) == before)
}

@Test func deliveryIsDurableWithTheNextCommitAndNeverGoesBack() throws {
  let medium = try formattedMedium()
  var writer = try recover(medium)
  try writer.begin()
  for _ in 0..<3 { try writer.append(10) }
  try writer.commit()
  try writer.markDelivered(through: 2)
  try writer.markDelivered(through: 1)
  #expect(writer.deliveredThrough == 2)
  let reader = try Reader(opening: FaultyStorage(medium, isReadOnly: true))
  #expect(reader.deliveredThrough == 0)
  try writer.commit()
  let later = try Reader(opening: FaultyStorage(medium, isReadOnly: true))
  #expect(later.deliveredThrough == 2)
  let recovered = try recover(medium)
  #expect(recovered.deliveredThrough == 2)
}

/// Three segments with one entry each; the next one would overwrite the first.
private func fullRing() throws -> (FaultyMedium, [Item]) {
  let medium = try formattedMedium()
  var writer = try recover(medium)
  var items: [Item] = []
  for number in 1...3 {
    try writer.begin("context \(number)")
    items.append(try writer.append(1000))
    items.append(try writer.append(500))
  }
  try writer.commit()
  return (medium, items)
}

@Test func segmentsAreFreeUntilTheRingIsFull() throws {
  let medium = try formattedMedium()
  var writer = try recover(medium)
  for _ in 0..<3 {
    #expect(try writer.nextSegment() == .free)
    try writer.begin()
    try writer.append(10)
  }
  #expect(try writer.nextSegment() == .undelivered(firstSequence: 1, lastSequence: 1))
}

@Test func undeliveredEntriesAreOverwrittenOnlyWhenSaidSo() throws {
  let (medium, items) = try fullRing()
  var writer = try recover(medium)
  try writer.markDelivered(through: 1)
  #expect(try writer.nextSegment() == .undelivered(firstSequence: 1, lastSequence: 2))
  let writes = medium.writeCount
  #expect(throws: SpoolFailure.undelivered) { try writer.begin() }
  #expect(medium.writeCount == writes)
  #expect(try readAll(medium).items == items)
  try writer.beginOverwriting("dropped")
  #expect(try readAll(medium).items == Array(items[2...]))
}

@Test func deliveredSegmentsAreKeptUntilTheirPlaceIsNeeded() throws {
  let (medium, items) = try fullRing()
  var writer = try recover(medium)
  try writer.markDelivered(through: 2)
  try writer.commit()
  #expect(try readAll(medium).items == items)
  #expect(try writer.nextSegment() == .delivered(firstSequence: 1, lastSequence: 2))
  try writer.begin("context 4")
  #expect(try writer.contextText() == "context 4")
  #expect(try writer.nextSegment() == .undelivered(firstSequence: 3, lastSequence: 4))
  #expect(try readAll(medium).items == Array(items[2...]))
}

@Test func beginningASegmentMakesTheOneBeforeDurableFirst() throws {
  let medium = try formattedMedium()
  var writer = try recover(medium)
  try writer.begin()
  let item = try writer.append(10)
  // Power goes when the mark and the header of the second are written, and neither is durable.
  medium.powerCutAfterWrite = medium.writeCount + 2
  #expect(throws: SpoolFailure.storage(FaultyMedium.failure)) { try writer.begin("second") }
  #expect(medium.pending.count == 2)
  let after = FaultyMedium(
    image: medium.image(medium.pending.map { _ in FaultyMedium.Outcome.lost }))
  #expect(try readAll(after).items == [])
  var replayed: [Item] = []
  _ = try recover(after, replayed: &replayed)
  #expect(replayed == [item])
}

@Test func contextsAndNotesHaveTheirLimits() throws {
  let medium = try formattedMedium()
  var writer = try recover(medium)
  let context = payload(SpoolLayout.maximumContextByteCount + 1, seed: 1)
  #expect(throws: SpoolFailure.contextTooLarge) { try writer.beginSegment(context: context.span) }
  try writer.beginSegment(context: Array(context.dropLast()).span)
  var small = [UInt8](repeating: 0, count: 100)
  var span = small.mutableSpan
  do throws(SpoolFailure) {
    _ = try writer.copyContext(into: &span)
    Issue.record("a context was copied into too small a buffer")
  } catch { #expect(error == .bufferTooSmall(needed: SpoolLayout.maximumContextByteCount)) }

  let note = payload(SpoolLayout.maximumNoteByteCount + 1, seed: 2)
  #expect(throws: SpoolFailure.noteTooLarge) { try writer.store(note: note.span) }
  #expect(try writer.noteText() == nil)
  try writer.store(note: Array(note.dropLast()).span)
  var buffer = [UInt8](repeating: 0, count: note.count)
  var noteSpan = buffer.mutableSpan
  #expect(try writer.note(into: &noteSpan) == SpoolLayout.maximumNoteByteCount)
  #expect(buffer.dropLast() == note.dropLast())
}

@Test func theNewestNoteIsTheOneRead() throws {
  let medium = try formattedMedium()
  var writer = try recover(medium)
  for number in 1...5 {
    try writer.storeNote("note \(number)")
    #expect(try writer.noteText() == "note \(number)")
  }
  try writer.storeNote("")
  #expect(try writer.noteText() == "")
  writer = try recover(medium)
  #expect(try writer.noteText() == "")
}

@Test func bytesWrittenCountsEveryByteGivenToTheStorage() throws {
  let medium = try formattedMedium()
  var writer = try recover(medium)
  // Both marks of the recovery.
  #expect(writer.bytesWritten == 2 * 48)
  try writer.begin("1234")
  #expect(writer.bytesWritten == 96 + 40)
  try writer.append(100)
  #expect(writer.bytesWritten == 136 + 124)
  try writer.commit()
  #expect(writer.bytesWritten == 260 + 48)
  try writer.storeNote("12345")
  #expect(writer.bytesWritten == 308 + 21)
}

@Test func anUnusableGeometryIsRefusedBeforeAnythingIsWritten() throws {
  func attempt(_ byteCount: Int, _ segmentByteCount: UInt32) throws {
    let medium = FaultyMedium(byteCount: byteCount)
    var storage = FaultyStorage(medium)
    do throws(SpoolFailure) {
      try Writer.format(&storage, spoolID: testSpoolID, segmentByteCount: segmentByteCount)
      Issue.record("formatted \(byteCount) bytes in segments of \(segmentByteCount)")
    } catch { #expect(error == .unusableGeometry) }
    #expect(medium.writeCount == 0)
  }
  for size: UInt32 in [0, 1, 4096, 8191, 8193, 12287, (1 << 24) + 4096, .max] {
    try attempt(1 << 20, size)
  }
  try attempt(0, 8192)
  try attempt(32768, 8192)
  try attempt(32768 + 2 * 8192 - 1, 8192)
}

@Test func aSpoolIsWrittenOnlyAfterItsRecoveryWasFinished() async throws {
  await #expect(processExitsWith: .failure) {
    var writer = try Writer(recovering: FaultyStorage(try formattedMedium()))
    try writer.begin()
  }
}

@Test func recoveryIsFinishedOnlyAfterTheReplay() async throws {
  await #expect(processExitsWith: .failure) {
    let medium = try formattedMedium()
    var first = try recover(medium)
    try first.begin()
    var writer = try Writer(recovering: FaultyStorage(medium))
    try writer.finishRecovery()
  }
}
