import FixedMemory
import Simulation
import Testing

@testable import Spool

private func next(_ reader: inout Reader) throws(SpoolFailure) -> Item? {
  var buffer = [UInt8](repeating: 0, count: 4096)
  var span = buffer.mutableSpan
  guard let entry = try reader.next(into: &span) else { return nil }
  return item(entry, span.span)
}

/// `count` segments of three entries each, in a ring of three.
private func filled(_ count: Int) throws -> (FaultyMedium, [Item]) {
  let medium = try formattedMedium()
  var writer = try recover(medium)
  var items: [Item] = []
  for number in 1...count {
    try writer.beginOverwriting("context \(number)")
    for _ in 0..<3 { items.append(try writer.append(200)) }
  }
  try writer.commit()
  return (medium, items)
}

private func contextText(_ reader: inout Reader) throws -> String {
  var buffer = [UInt8](repeating: 0, count: 100)
  var span = buffer.mutableSpan
  let count = try reader.copyContext(into: &span)
  return String(decoding: buffer[..<count], as: UTF8.self)
}

@Test func everySequenceCanBeSoughtAndReadFrom() throws {
  let (medium, items) = try filled(5)
  // Nine entries are left, 7 to 15.
  var reader = try Reader(opening: FaultyStorage(medium, isReadOnly: true))
  #expect(try reader.oldestSequence() == 7)
  #expect(reader.nextSequence == 7)
  for sequence in UInt64(0)...20 {
    try reader.seek(toSequence: sequence)
    #expect(reader.nextSequence == min(max(sequence, 7), 16))
    let expected = items[(Int(reader.nextSequence) - 1)...]
    #expect(readAll(&reader) == Reading(items: Array(expected)))
  }
}

@Test func theContextIsThatOfTheSegmentBeingRead() throws {
  let (medium, items) = try filled(5)
  var reader = try Reader(opening: FaultyStorage(medium, isReadOnly: true))
  for expected in items[6...] {
    try reader.seek(toSequence: expected.sequence)
    #expect(try contextText(&reader) == "context \((expected.sequence + 2) / 3)")
    #expect(try next(&reader) == expected)
    #expect(try contextText(&reader) == "context \((expected.sequence + 2) / 3)")
  }
}

@Test func segmentsAreWalkedOldestToNewest() throws {
  let (medium, _) = try filled(5)
  var reader = try Reader(opening: FaultyStorage(medium, isReadOnly: true))
  var walked: [String] = []
  repeat { walked.append(try contextText(&reader)) } while try reader.seekToNextSegment()
  #expect(walked == ["context 3", "context 4", "context 5"])
  #expect(try !reader.seekToNextSegment())
  #expect(reader.nextSequence == 13)
}

@Test func aReaderFollowsTheWriter() throws {
  let medium = try formattedMedium()
  var writer = try recover(medium)
  var reader = try Reader(opening: FaultyStorage(medium, isReadOnly: true))
  #expect(try next(&reader) == nil)
  for turn in 0..<40 {
    if turn % 4 == 0 {
      try writer.beginOverwriting()
    }
    let item = try writer.append(turn * 20)
    #expect(try next(&reader) == nil)
    try writer.commit()
    // Not seen before the mark is read again.
    #expect(try next(&reader) == nil)
    try reader.refresh()
    #expect(try next(&reader) == item)
    #expect(try next(&reader) == nil)
  }
}

@Test func segmentsWithoutEntriesAreSteppedOver() throws {
  let medium = try formattedMedium(segmentCount: 5)
  var writer = try recover(medium)
  try writer.begin()
  let first = try writer.append(10)
  for _ in 0..<3 { try writer.begin() }
  let second = try writer.append(10)
  try writer.commit()
  #expect(try readAll(medium) == Reading(items: [first, second]))
  var reader = try Reader(opening: FaultyStorage(medium))
  try reader.seek(toSequence: 2)
  #expect(try next(&reader) == second)
}

@Test func aReaderThatIsOvertakenSaysSoAndGoesOnAtTheOldestEntry() throws {
  let medium = try formattedMedium()
  var writer = try recover(medium)
  try writer.begin("1")
  for _ in 0..<3 { try writer.append(200) }
  try writer.commit()
  var reader = try Reader(opening: FaultyStorage(medium, isReadOnly: true))
  #expect(try next(&reader)?.sequence == 1)
  var items: [Item] = []
  for number in 2...4 {
    try writer.beginOverwriting("\(number)")
    for _ in 0..<3 { items.append(try writer.append(200)) }
  }
  try writer.commit()
  #expect(throws: SpoolFailure.overtaken) { try contextText(&reader) }
  #expect(throws: SpoolFailure.overtaken) { try next(&reader) }
  #expect(reader.nextSequence == 4)
  #expect(try contextText(&reader) == "2")
  #expect(readAll(&reader) == Reading(items: items))
}

@Test func aReaderThatWasIdleIsNotOvertakenWhileItsNextEntryIsThere() throws {
  let medium = try formattedMedium()
  var writer = try recover(medium)
  try writer.begin("1")
  try writer.append(200)
  try writer.commit()
  var reader = try Reader(opening: FaultyStorage(medium, isReadOnly: true))
  #expect(try next(&reader)?.sequence == 1)
  // Entry 2 stands in the segment after; that of entry 1 is reused.
  var items: [Item] = []
  for number in 2...4 {
    try writer.beginOverwriting("\(number)")
    items.append(try writer.append(200))
  }
  try writer.commit()
  try reader.refresh()
  #expect(readAll(&reader) == Reading(items: items))
}

/// The writer goes on between any two reads of a reader: it sees whole entries or says what is
/// missing.
@Test func aWriterThatIsFasterNeverMakesAReaderSeeForeignBytes() throws {
  for pace in 1...6 {
    let medium = try formattedMedium()
    var writer = try recover(medium)
    try writer.begin()
    var items = [try writer.append(700)]
    try writer.commit()
    var reader = try Reader(opening: FaultyStorage(medium, isReadOnly: true))
    var seen: UInt64 = 0
    for turn in 0..<60 {
      for _ in 0..<pace {
        if writer.remainingPayloadByteCount < 700 {
          try writer.beginOverwriting()
        }
        items.append(try writer.append(700, salt: UInt64(turn)))
      }
      if turn % 3 == 0 {
        try writer.commit()
        try reader.refresh()
      }
      do throws(SpoolFailure) {
        guard let found = try next(&reader) else { continue }
        #expect(found == items[Int(found.sequence) - 1])
        #expect(found.sequence > seen)
        seen = found.sequence
      } catch { #expect(error == .overtaken) }
    }
    #expect(seen > 0)
  }
}

@Test func aBufferThatIsTooSmallChangesNothing() throws {
  let (medium, items) = try filled(1)
  var reader = try Reader(opening: FaultyStorage(medium, isReadOnly: true))
  var small = [UInt8](repeating: 0, count: 199)
  var span = small.mutableSpan
  do throws(SpoolFailure) {
    _ = try reader.next(into: &span)
    Issue.record("200 bytes were read into 199")
  } catch { #expect(error == .bufferTooSmall(needed: 200)) }
  #expect(readAll(&reader) == Reading(items: items))
}

@Test func withoutReadableMarksNothingIsReleasedAndWhatWasKnownStays() throws {
  let (medium, items) = try filled(1)
  var reader = try Reader(opening: FaultyStorage(medium, isReadOnly: true))
  var storage = FaultyStorage(medium)
  for slot in 0..<2 { try storage.write([0, 0].span, at: SpoolLayout.markOffset(slot: slot)) }
  try reader.refresh()
  #expect(reader.damagedMarkCount == 2)
  #expect(readAll(&reader) == Reading(items: items))
  #expect(try readAll(medium) == Reading())
}

@Test func aReaderNeverGoesBackToAnOlderMark() throws {
  let (medium, items) = try filled(1)
  var writer = try recover(medium)
  let late = try writer.append(10)
  try writer.commit()
  var reader = try Reader(opening: FaultyStorage(medium, isReadOnly: true))
  // The newest mark decays; the other one is older.
  var storage = FaultyStorage(medium)
  let slot = Int(writer.mark.generation & 1)
  try storage.write([0, 0].span, at: SpoolLayout.markOffset(slot: slot))
  try reader.refresh()
  #expect(reader.damagedMarkCount == 1)
  #expect(reader.releasedThrough == late.sequence)
  #expect(readAll(&reader) == Reading(items: items + [late]))
}

@Test func whatStandsInAnotherPlaceThanItsOwnIsNotBelieved() throws {
  let (medium, items) = try filled(2)
  // The newest mark also in the other slot, the newest segment also in the third place.
  var image = medium.cached
  let reader = try Reader(opening: FaultyStorage(FaultyMedium(image: image)))
  let whole = image
  for (from, to) in [(4096, 8192), (8192, 4096)] {
    image = whole
    image.replaceSubrange(to..<to + 48, with: whole[from..<from + 48])
    #expect(try Reader(opening: FaultyStorage(FaultyMedium(image: image))).damagedMarkCount == 1)
  }
  image = whole
  let (second, third) = (32768 + 8192, 32768 + 2 * 8192)
  image.replaceSubrange(third..<third + 8192, with: whole[second..<second + 8192])
  image.replaceSubrange(second..<second + 4096, with: [UInt8](repeating: 0, count: 4096))
  let moved = FaultyMedium(image: image)
  #expect(try readAll(moved).items == Array(items[..<3]))
  #expect(
    try recover(moved).recovery
      == .shortOfRelease(releasedThrough: reader.releasedThrough, recoveredThrough: 3))
}

@Test func anotherSpoolInTheSamePlaceIsNoticed() throws {
  let (medium, _) = try filled(1)
  var reader = try Reader(opening: FaultyStorage(medium, isReadOnly: true))
  var storage = FaultyStorage(medium)
  try Writer.format(&storage, spoolID: FixedBytes(), segmentByteCount: 8192)
  #expect(throws: SpoolFailure.replaced) { try reader.refresh() }
}

@Test func aReaderNeverWrites() throws {
  let (medium, items) = try filled(5)
  // A read-only storage refuses writes, and the reader finds all the same.
  let writes = medium.writeCount
  var reader = try Reader(opening: FaultyStorage(medium, isReadOnly: true))
  try reader.refresh()
  #expect(readAll(&reader).items == Array(items[6...]))
  #expect(medium.writeCount == writes)
}

@Test func noFailingReadIsTakenForTheEndByTheReader() throws {
  let (medium, items) = try filled(2)
  for failing in 1..<1000 {
    let copy = FaultyMedium(image: medium.cached)
    copy.failingRead = failing
    do throws(SpoolFailure) {
      var reader = try Reader(opening: FaultyStorage(copy, isReadOnly: true))
      var found: [Item] = []
      while let item = try next(&reader) { found.append(item) }
      #expect(found == items)
      #expect(copy.readCount < failing)
      return
    } catch { #expect(error == .storage(FaultyMedium.failure)) }
  }
  Issue.record("the reader reads more than 1000 times")
}

@Test func theReaderReadsTheNote() throws {
  let (medium, _) = try filled(1)
  var writer = try recover(medium)
  try writer.storeNote("kept")
  var reader = try Reader(opening: FaultyStorage(medium, isReadOnly: true))
  var buffer = [UInt8](repeating: 0, count: 10)
  var span = buffer.mutableSpan
  #expect(try reader.note(into: &span) == 4)
  #expect(Array(buffer[..<4]) == Array("kept".utf8))
}
