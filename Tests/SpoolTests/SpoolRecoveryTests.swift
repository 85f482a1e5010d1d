import FixedMemory
import Simulation
import Testing

@testable import Spool

// One test per row of the recovery table in docs/spool-format.md; the row's label stands in the
// comment.

private let segments = 32768

/// Two segments: "one" with entries 1 and 2, "two" with 3, 4 and 5 of 100 bytes each; all
/// committed, and 2 delivered. The image is what a clean end leaves.
private func twoSegments() throws -> (image: [UInt8], items: [Item]) {
  let medium = try formattedMedium()
  var writer = try recover(medium)
  var items: [Item] = []
  try writer.begin("one")
  for _ in 0..<2 { items.append(try writer.append(100)) }
  try writer.begin("two")
  for _ in 0..<3 { items.append(try writer.append(100)) }
  try writer.storeNote("old")
  try writer.storeNote("new")
  try writer.commit()
  try writer.markDelivered(through: 2)
  try writer.commit()
  return (medium.cached, items)
}

/// Where entry `index` of a segment of 100-byte entries starts.
private func entryOffset(slot: Int, index: Int) -> Int {
  segments + slot * 8192 + 4096 + index * 124
}

private func failure(_ image: [UInt8]) -> SpoolFailure? {
  do throws(SpoolFailure) {
    _ = try Writer(recovering: FaultyStorage(FaultyMedium(image: image)))
    return nil
  } catch { return error }
}

@Test func withoutMagicItIsNotASpool() throws {  // A1
  #expect(failure([UInt8](repeating: 0, count: 65536)) == .notASpool)
  #expect(failure([UInt8](repeating: 0xff, count: 65536)) == .notASpool)
  #expect(failure([]) == .notASpool)
  #expect(failure([UInt8](repeating: 0, count: 32767)) == .notASpool)
}

@Test func anotherVersionIsRefusedByItsNumber() throws {  // A2
  var (image, _) = try twoSegments()
  image[8] = 2
  #expect(failure(image) == .unsupportedVersion(2))
  image[9] = 1
  #expect(failure(image) == .unsupportedVersion(258))
}

@Test func aDamagedSuperblockIsRefused() throws {  // A3
  let (whole, _) = try twoSegments()
  for index in 10..<40 {
    var image = whole
    image[index] ^= 0x20
    #expect(failure(image) == .superblockDamaged)
  }
}

@Test func aSpoolThatWasCutShortIsRefused() throws {  // A4
  let (image, _) = try twoSegments()
  let whole = UInt64(image.count)
  #expect(
    failure(Array(image.dropLast())) == .wrongByteCount(expected: whole, found: whole - 1))
  #expect(
    failure(image + [UInt8](repeating: 0, count: 8192))
      == .wrongByteCount(expected: whole, found: whole + 8192))
  #expect(failure(image + [UInt8](repeating: 0, count: 8191)) == nil)
}

@Test func noFailingReadIsTakenForTheEndOfTheLog() throws {  // A5
  let (image, items) = try twoSegments()
  for failing in 1..<1000 {
    let medium = FaultyMedium(image: image)
    medium.failingRead = failing
    var replayed: [Item] = []
    do {
      _ = try recover(medium, replayed: &replayed)
      #expect(medium.readCount < failing)
      #expect(replayed == Array(items[2...]))
      return
    } catch let failure as SpoolFailure {
      #expect(failure == .storage(FaultyMedium.failure))
      #expect(medium.writeCount == 0)
    }
  }
  Issue.record("recovery reads more than 1000 times")
}

@Test func aFormattedSpoolRecoversEmpty() throws {  // B1
  let medium = try formattedMedium()
  var writer = try recover(medium)
  #expect(writer.recovery == .empty)
  #expect(writer.currentSegment == nil && writer.lastSequence == 0)
  #expect(try writer.contextText() == "")
  #expect(try writer.nextSegment() == .free)
}

@Test func aWholeNewestSegmentIsReplayed() throws {  // B2
  let (image, items) = try twoSegments()
  let medium = FaultyMedium(image: image)
  var replayed: [Item] = []
  var writer = try recover(medium, replayed: &replayed)
  #expect(writer.recovery == .intact)
  #expect(replayed == Array(items[2...]))
  #expect(writer.lastSequence == 5 && writer.releasedThrough == 5)
  #expect(writer.deliveredThrough == 2)
  #expect(try writer.contextText() == "two")
  #expect(try writer.noteText() == "new")
  let next = try writer.append(100)
  try writer.commit()
  #expect(try readAll(medium) == Reading(items: items + [next]))
}

@Test func whatWasWrittenAndNotCommittedIsKeptAndReleased() throws {  // B3
  let medium = FaultyMedium(image: try twoSegments().image)
  var writer = try recover(medium)
  let late = try writer.append(100)
  // The process ends: the page cache has the entry, the mark does not know it.
  #expect(try readAll(medium).items.last?.sequence == 5)
  var replayed: [Item] = []
  writer = try recover(medium, replayed: &replayed)
  #expect(replayed.last == late)
  #expect(try readAll(medium).items.last == late)
  #expect(medium.pending == [])
}

@Test func recoverySynchronizesBeforeItReleases() throws {  // B3
  let medium = FaultyMedium(image: try twoSegments().image)
  var writer = try recover(medium)
  try writer.append(100)
  medium.failingSynchronize = medium.synchronizeCount + 1
  #expect(throws: SpoolFailure.storage(FaultyMedium.failure)) { _ = try recover(medium) }
  #expect(try readAll(medium).items.last?.sequence == 5)
}

/// A synchronize fails, the process starts again: the page cache shows an entry that the kernel no
/// longer means to write.
@Test func whatAFailedSynchronizeLeftBehindIsWrittenAgain() throws {  // B7
  let medium = FaultyMedium(image: try twoSegments().image)
  var writer = try recover(medium)
  let late = try writer.append(100)
  try writer.storeNote("newest")
  let second = try writer.append(100)
  medium.failingSynchronize = medium.synchronizeCount + 1
  #expect(throws: SpoolFailure.storage(FaultyMedium.failure)) { try writer.commit() }
  writer = try recover(medium)
  #expect(try readAll(medium).items.suffix(2) == [late, second])
  let after = FaultyMedium(
    image: medium.image(medium.pending.map { _ in FaultyMedium.Outcome.lost }))
  #expect(try readAll(after).items.suffix(2) == [late, second])
  writer = try recover(after)
  #expect(try writer.noteText() == "newest")
}

@Test func aTornNewestHeaderFallsBackToTheSegmentBefore() throws {  // B4
  let medium = FaultyMedium(image: try twoSegments().image)
  var writer = try recover(medium)
  medium.powerCutAfterWrite = medium.writeCount + 1
  #expect(throws: SpoolFailure.self) { try writer.begin("three") }
  for count in 0..<41 {
    let after = FaultyMedium(image: medium.image([.keptFirst(count)]))
    var again = try recover(after)
    #expect(again.recovery == .intact)
    #expect(try again.contextText() == "two")
    #expect(again.lastSequence == 5)
    try again.append(10)
    try again.commit()
    #expect(try readAll(after).items.count == 6)
  }
}

@Test func aTornLastEntryIsCutOffAtEveryByte() throws {  // B5
  let before = try twoSegments()
  let medium = FaultyMedium(image: before.image)
  var writer = try recover(medium)
  try writer.append(100)
  for count in 0..<124 {
    let after = FaultyMedium(image: medium.image([.keptFirst(count)]))
    var replayed: [Item] = []
    var again = try recover(after, replayed: &replayed)
    #expect(again.recovery == .intact)
    #expect(replayed == Array(before.items[2...]))
    let new = try again.append(100, salt: 1)
    try again.commit()
    #expect(try readAll(after) == Reading(items: before.items + [new]))
  }
}

/// Entries 6 and 7 were written and not committed; of 6 nothing reached the medium, 7 is whole. A
/// new entry 6 of the same length ends exactly where the old 7 begins.
@Test func anEntryBehindADamagedOneNeverBecomesValidAgain() throws {  // B6
  let before = try twoSegments()
  let medium = FaultyMedium(image: before.image)
  var writer = try recover(medium)
  try writer.append(100)
  try writer.append(100)
  let after = FaultyMedium(image: medium.image([.lost, .kept]))
  var replayed: [Item] = []
  writer = try recover(after, replayed: &replayed)
  #expect(replayed == Array(before.items[2...]))
  let new = try writer.append(100, salt: 1)
  #expect(new.sequence == 6)

  // The new 6 is on the medium, committed or not; the old 7 stands whole behind it.
  for isCommitted in [false, true] {
    if isCommitted { try writer.commit() }
    let later = FaultyMedium(image: after.cached)
    let old = entryOffset(slot: 1, index: 4)
    #expect(later.cached[old..<old + 124] == medium.cached[old..<old + 124])
    var again: [Item] = []
    let last = try recover(later, replayed: &again)
    #expect(last.lastSequence == 6)
    #expect(again.last == new)
    #expect(try readAll(later).items.last == new)
  }
}

@Test func theIncarnationIsDurableBeforeTheFirstWriteInBothMarks() throws {  // B6
  let medium = FaultyMedium(image: try twoSegments().image)
  var writer = try recover(medium)
  let incarnation = try Reader(opening: FaultyStorage(medium)).incarnation
  // Before anything else is written, each mark is lost in turn.
  for slot in 0..<2 {
    var image = medium.image([])
    image[Int(SpoolLayout.markOffset(slot: slot)) + 5] ^= 1
    let reader = try Reader(opening: FaultyStorage(FaultyMedium(image: image)))
    #expect(reader.incarnation == incarnation)
    #expect(reader.damagedMarkCount == 1)
  }
  try writer.append(1)
  writer = try recover(medium)
  #expect(try Reader(opening: FaultyStorage(medium)).incarnation == incarnation + 1)
}

@Test func aTornMarkLeavesTheOneBefore() throws {  // C1
  let before = try twoSegments()
  let medium = FaultyMedium(image: before.image)
  var writer = try recover(medium)
  let late = try writer.append(100)
  try writer.markDelivered(through: 4)
  try writer.commit()
  #expect(medium.pending.count == 1)
  // A mark without a change at its end is whole earlier.
  for count in 1..<40 {
    let after = FaultyMedium(image: medium.image([.keptFirst(count)]))
    #expect(try readAll(after).items == before.items)
    let again = try recover(after)
    #expect(again.recovery == .intact)
    #expect(again.deliveredThrough == 2)
    #expect(again.releasedThrough == 6)
    #expect(try readAll(after).items.last == late)
  }
}

private func withoutMarks(_ image: [UInt8]) -> [UInt8] {
  var image = image
  for slot in 0..<2 { image[Int(SpoolLayout.markOffset(slot: slot))] ^= 1 }
  return image
}

@Test func withoutMarksNoNumberAndNoIncarnationIsUsedTwice() throws {  // C2
  let before = try twoSegments()
  let medium = FaultyMedium(image: withoutMarks(before.image))
  #expect(try readAll(medium) == Reading())
  var writer = try recover(medium)
  #expect(writer.recovery == .marksLost(recoveredThrough: 5))
  #expect(writer.deliveredThrough == 0)
  #expect(throws: SpoolFailure.segmentFull) { try writer.append(1) }
  try writer.begin("after the loss")
  let new = try writer.append(100)
  #expect(new.sequence == 6 + 1 << 32)
  try writer.commit()
  let reading = try readAll(medium)
  #expect(reading.items == before.items + [new])
  #expect(reading.complaints == [.damaged(fromSequence: 6, throughSequence: 5 + 1 << 32)])
  #expect(try Reader(opening: FaultyStorage(medium)).incarnation > 1 << 16)
  writer = try recover(medium)
  #expect(writer.recovery == .intact)
}

@Test func releasedEntriesThatAreDamagedAreReportedAndTheirNumbersNotUsedAgain() throws {  // C3
  let before = try twoSegments()
  var image = before.image
  image[entryOffset(slot: 1, index: 1) + 60] ^= 4
  let medium = FaultyMedium(image: image)
  var writer = try recover(medium)
  #expect(writer.recovery == .shortOfRelease(releasedThrough: 5, recoveredThrough: 3))
  #expect(throws: SpoolFailure.segmentFull) { try writer.append(1) }
  try writer.begin("after the loss")
  let new = try writer.append(100)
  #expect(new.sequence == 6)
  try writer.commit()
  let reading = try readAll(medium)
  #expect(reading.items == Array(before.items[..<3]) + [new])
  #expect(reading.complaints == [.damaged(fromSequence: 4, throughSequence: 5)])
}

@Test func aReleasedSegmentWhoseHeaderIsDamagedIsReported() throws {  // C4
  let before = try twoSegments()
  var image = before.image
  image[segments + 8192 + 21] ^= 4
  let medium = FaultyMedium(image: image)
  var writer = try recover(medium)
  #expect(writer.recovery == .shortOfRelease(releasedThrough: 5, recoveredThrough: 2))
  #expect(try writer.contextText() == "one")
  try writer.begin("after the loss")
  let new = try writer.append(100)
  try writer.commit()
  let reading = try readAll(medium)
  #expect(reading.items == Array(before.items[..<2]) + [new])
  #expect(reading.complaints == [.damaged(fromSequence: 3, throughSequence: 5)])
}

@Test func withoutAnyHeaderEverythingReleasedIsReported() throws {  // C5
  let before = try twoSegments()
  var image = before.image
  image[segments] ^= 1
  image[segments + 8192] ^= 1
  let medium = FaultyMedium(image: image)
  var writer = try recover(medium)
  #expect(writer.recovery == .shortOfRelease(releasedThrough: 5, recoveredThrough: 0))
  #expect(
    try readAll(medium)
      == Reading(items: [], complaints: [.damaged(fromSequence: 1, throughSequence: 5)]))
  #expect(try writer.nextSegment() == .free)
  try writer.begin("after the loss")
  let new = try writer.append(100)
  #expect(new.sequence == 6)
  try writer.commit()
  #expect(try readAll(medium).items == [new])
  #expect(try recover(medium).recovery == .intact)
}

@Test func aDamageInAnOlderSegmentDoesNotStopTheWriter() throws {  // C6
  let before = try twoSegments()
  var image = before.image
  image[entryOffset(slot: 0, index: 0) + 60] ^= 4
  let medium = FaultyMedium(image: image)
  let writer = try recover(medium)
  #expect(writer.recovery == .intact)
  let reading = try readAll(medium)
  #expect(reading.items == Array(before.items[2...]))
  #expect(reading.complaints == [.damaged(fromSequence: 1, throughSequence: 2)])
}

@Test func aTornNoteLeavesTheOneBeforeAtEveryByte() throws {  // D1
  let medium = FaultyMedium(image: try twoSegments().image)
  var writer = try recover(medium)
  medium.powerCutAfterWrite = medium.writeCount + 1
  #expect(throws: SpoolFailure.self) { try writer.storeNote("newest of all") }
  for count in 0..<29 {
    let after = FaultyMedium(image: medium.image([.keptFirst(count)]))
    var again = try recover(after)
    #expect(try again.noteText() == "new")
    try again.storeNote("next")
    #expect(try again.noteText() == "next")
  }
}

@Test func aNoteThatWasDurableIsNeverReplacedByAnOlderOne() throws {  // D2
  let before = try twoSegments()
  // "new" is note 2, in slot 0; "old" in slot 1 is still whole.
  var image = before.image
  image[Int(SpoolLayout.noteOffset(slot: 0)) + 17] ^= 1
  let medium = FaultyMedium(image: image)
  var writer = try recover(medium)
  #expect(throws: SpoolFailure.noteDamaged) { try writer.noteText() }
  // A new one takes the damaged slot, not that of "old".
  try writer.storeNote("newer")
  #expect(try writer.noteText() == "newer")
  let slot = Int(SpoolLayout.noteOffset(slot: 1))
  #expect(medium.cached[slot..<slot + 19] == before.image[slot..<slot + 19])
  writer = try recover(medium)
  #expect(try writer.noteText() == "newer")
}

@Test func theLastIncarnationIsRefused() throws {  // A6
  let medium = try formattedMedium()
  var bytes = [UInt8](repeating: 0, count: ReleaseMark.byteCount)
  var span = bytes.mutableSpan
  let geometry = try recover(medium).geometry
  ReleaseMark.empty(incarnation: .max - 1 << 16, generation: 100)
    .encode(into: &span, geometry: geometry)
  var image = medium.cached
  image.replaceSubrange(4096..<4096 + bytes.count, with: bytes)
  #expect(failure(image) == .incarnationsExhausted)
}

@Test func whatAnotherSpoolLeftOnTheMediumIsNeverRead() throws {  // B1
  let medium = FaultyMedium(image: try twoSegments().image)
  var storage = FaultyStorage(medium)
  try Writer.format(
    &storage, spoolID: FixedBytes(Array(repeating: UInt8(7), count: 16).span) ?? FixedBytes(),
    segmentByteCount: 8192)
  var writer = try recover(medium)
  #expect(writer.recovery == .empty)
  #expect(try writer.noteText() == nil)
  #expect(try readAll(medium) == Reading())
  try writer.begin("fresh")
  let item = try writer.append(100)
  try writer.commit()
  #expect(try readAll(medium) == Reading(items: [item]))
}
