import FixedMemory
import Simulation
import Testing

@testable import Spool

/// Two segments, five entries, two notes, all committed.
private func small() throws -> (image: [UInt8], items: [Item]) {
  let medium = try formattedMedium(segmentCount: 2)
  var writer = try recover(medium)
  try writer.begin("one")
  var items = [try writer.append(20), try writer.append(0)]
  try writer.commit()
  try writer.storeNote("old")
  try writer.begin("two")
  for count in [11, 30, 5] { items.append(try writer.append(count)) }
  try writer.storeNote("new")
  try writer.commit()
  try writer.markDelivered(through: 1)
  try writer.commit()
  return (medium.cached, items)
}

/// The bytes that mean something: headers, and what they cover.
private let usedRanges: [Range<Int>] = [
  0..<40, 4096..<4096 + 48, 8192..<8192 + 48, 12288..<12288 + 19, 20480..<20480 + 19,
  32768..<32768 + 39, 36864..<36864 + 68, 40960..<40960 + 39, 45056..<45056 + 118,
]

private func isSubsequence(_ found: [Item], of items: [Item]) -> Bool {
  var rest = items[...]
  for item in found {
    guard let index = rest.firstIndex(of: item) else { return false }
    rest = rest[(index + 1)...]
  }
  return true
}

/// Nil when everything is there, or something says that it is not.
private func silentLoss(_ image: [UInt8], _ items: [Item]) -> String? {
  let medium = FaultyMedium(image: image)
  do throws(SpoolFailure) {
    var reader = try Reader(opening: FaultyStorage(medium, isReadOnly: true))
    let isReported = reader.damagedMarkCount > 0 || reader.nextSequence != 1
    let reading = readAll(&reader)
    guard isSubsequence(reading.items, of: items) else { return "the reader shows foreign entries" }
    if reading.items != items, reading.complaints.isEmpty, !isReported {
      return "the reader shows \(reading.items) and no complaint"
    }
  } catch {
    // The superblock says so.
  }
  do {
    var replayed: [Item] = []
    var writer = try recover(medium, replayed: &replayed)
    guard isSubsequence(replayed, of: items) else { return "recovery finds foreign entries" }
    if writer.recovery == .intact, replayed != Array(items[2...]) {
      return "recovery finds \(replayed) and calls it intact"
    }
    do throws(SpoolFailure) {
      var buffer = [UInt8](repeating: 0, count: 8192)
      var span = buffer.mutableSpan
      let count = try writer.note(into: &span)
      guard count == 3, Array(buffer[..<3]) == Array("new".utf8) else {
        // Without marks nobody knows that a newer note was durable.
        guard case .marksLost = writer.recovery else { return "an old note" }
        return nil
      }
    } catch { guard error == .noteDamaged else { return "\(error)" } }
  } catch {
    guard error is SpoolFailure else { return "\(error)" }
  }
  return nil
}

@Test func everyFlippedBitIsHarmlessOrReported() throws {
  let (whole, items) = try small()
  #expect(silentLoss(whole, items) == nil)
  var changed = 0
  for range in usedRanges {
    for index in range {
      for bit in 0..<8 {
        var image = whole
        image[index] ^= 1 << UInt8(bit)
        let loss = silentLoss(image, items)
        #expect(loss == nil, "bit \(bit) of byte \(index)")
        changed += 1
      }
    }
  }
  #expect(changed == 438 * 8)
}

/// Also says that `usedRanges` leaves nothing out.
@Test func bytesOutsideTheSpoolsDataAreNeverRead() throws {
  let (whole, items) = try small()
  var image = payload(whole.count, seed: 5)
  for range in usedRanges { image.replaceSubrange(range, with: whole[range]) }
  let medium = FaultyMedium(image: image)
  #expect(try readAll(medium) == Reading(items: items))
  var replayed: [Item] = []
  var writer = try recover(medium, replayed: &replayed)
  #expect(writer.recovery == .intact && writer.deliveredThrough == 1)
  #expect(replayed == Array(items[2...]))
  #expect(try writer.contextText() == "two")
  #expect(try writer.noteText() == "new")
}

/// Whatever the bytes are, nothing traps and every loop ends.
@Test(arguments: 1...20 as ClosedRange<UInt64>)
func arbitraryDamageNeverTraps(seed: UInt64) throws {
  let (whole, items) = try small()
  var random = SplitMix64(seed: seed)
  for _ in 0..<50 {
    var image = whole
    for _ in 0..<Int.random(in: 1...12, using: &random) {
      let range = usedRanges[Int.random(in: 1..<usedRanges.count, using: &random)]
      let index = Int.random(in: range, using: &random)
      image[index] =
        [0, 0xff, UInt8.random(in: 0...255, using: &random)].randomElement(
          using: &random) ?? 0
    }
    let medium = FaultyMedium(image: image)
    #expect(isSubsequence(try readAll(medium).items, of: items), "seed \(seed)")
    do { _ = try recover(medium) } catch { #expect(error is SpoolFailure) }
  }
}

/// A checksum is no proof of good will: a card from elsewhere may say anything. Every number of the
/// marks, the note and the segment headers is driven to its ends, with a checksum that fits.
@Test func numbersAtTheirEndsNeverTrap() throws {
  let (whole, _) = try small()
  // Start of the checked bytes, their end, where the checksum stands, the numbers in between.
  let forgeable: [(checked: Range<Int>, checksum: Int, fields: [(offset: Int, count: Int)])] = [
    (
      4100..<4144, 4096,
      [(4100, 4), (4104, 8), (4112, 8), (4120, 8), (4128, 8), (4136, 4), (4140, 4)]
    ),
    (
      8196..<8240, 8192,
      [(8196, 4), (8200, 8), (8208, 8), (8216, 8), (8224, 8), (8232, 4), (8236, 4)]
    ),
    (12292..<12307, 12288, [(12292, 4), (12296, 4)]),
    (32776..<32807, 32772, [(32780, 4), (32784, 8), (32792, 8), (32800, 4)]),
    (40968..<40999, 40964, [(40972, 4), (40976, 8), (40984, 8), (40992, 4)]),
    (45060..<45091, 45056, [(45060, 4), (45064, 8), (45072, 4), (45076, 2)]),
  ]
  let values: [UInt64] = [
    0, 1, 2, 3, 1 << 31, (1 << 32) - 1 << 16, (1 << 32) - 2, 1 << 62, (1 << 62) + 1, .max - 1, .max,
  ]
  for place in forgeable {
    for first in place.fields {
      for second in place.fields {
        for value in values {
          var image = whole
          for field in [first, second] {
            for index in 0..<field.count {
              image[field.offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
            }
          }
          let covered = Array(testSpoolIDBytes) + image[place.checked]
          let checksum = CRC32C.checksum(covered.span)
          for index in 0..<4 {
            image[place.checksum + index] = UInt8(truncatingIfNeeded: checksum >> UInt32(8 * index))
          }
          writeAndReadOn(FaultyMedium(image: image))
        }
      }
    }
  }
}

private let testSpoolIDBytes = UInt8(0x10)...0x1f

/// Errors are fine; a trap ends the test.
private func writeAndReadOn(_ medium: FaultyMedium) {
  do {
    var reader = try Reader(opening: FaultyStorage(medium, isReadOnly: true))
    _ = readAll(&reader)
    try reader.seek(toSequence: 3)
    _ = try reader.oldestSequence()
    var writer = try recover(medium)
    _ = try writer.nextSegment()
    try writer.beginOverwriting("on")
    try writer.append(1)
    try writer.commit()
    try writer.storeNote("on")
    writer.checkInvariants()
    try reader.refresh()
    _ = readAll(&reader)
  } catch { #expect(error is SpoolFailure) }
}
