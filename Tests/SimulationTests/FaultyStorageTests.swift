import Spool
import Testing

@testable import Simulation

private func write(_ bytes: [UInt8], at offset: Int, to medium: FaultyMedium) throws {
  var storage = FaultyStorage(medium)
  try storage.write(bytes.span, at: UInt64(offset))
}

private func synchronize(_ medium: FaultyMedium) throws {
  var storage = FaultyStorage(medium)
  try storage.synchronize()
}

@Test func aWriteIsSeenAtOnceAndDurableAfterSynchronize() throws {
  let medium = FaultyMedium(byteCount: 8)
  try write([1, 2, 3], at: 2, to: medium)
  #expect(medium.cached == [0, 0, 1, 2, 3, 0, 0, 0])
  #expect(medium.durable == [0, 0, 0, 0, 0, 0, 0, 0])
  try synchronize(medium)
  #expect(medium.durable == medium.cached)
  #expect(medium.pending.isEmpty)
}

@Test func eachOutcomeOfAWriteIsWhatItSays() throws {
  let medium = FaultyMedium(byteCount: 2048)
  try write([UInt8](repeating: 7, count: 1500), at: 500, to: medium)
  func kept(_ outcome: FaultyMedium.Outcome) -> [Range<Int>] {
    let image = medium.image([outcome])
    var ranges: [Range<Int>] = []
    for index in image.indices where image[index] == 7 {
      if let last = ranges.last, last.upperBound == index {
        ranges[ranges.count - 1] = last.lowerBound..<index + 1
      } else {
        ranges.append(index..<index + 1)
      }
    }
    return ranges
  }
  #expect(kept(.lost) == [])
  #expect(kept(.kept) == [500..<2000])
  #expect(kept(.keptFirst(10)) == [500..<510])
  #expect(kept(.lostFirst(10)) == [510..<2000])
  // The sectors that the write touches: 500..<512, 512..<1024, 1024..<1536, 1536..<2000.
  #expect(kept(.keptSectors(0b0101)) == [500..<512, 1024..<1536])
  #expect(kept(.keptSectors(0b1010)) == [512..<1024, 1536..<2000])
}

@Test func afterAFailedSynchronizeALaterOneDoesNotMakeTheWriteDurable() throws {
  let medium = FaultyMedium(byteCount: 4)
  try write([1], at: 0, to: medium)
  medium.failingSynchronize = 1
  #expect(throws: FaultyMedium.failure) { try synchronize(medium) }
  try write([2], at: 1, to: medium)
  try synchronize(medium)
  #expect(medium.durable == [0, 2, 0, 0])
  #expect(medium.cached == [1, 2, 0, 0])
  // Written again, it is.
  try write([1], at: 0, to: medium)
  try synchronize(medium)
  #expect(medium.durable == [1, 2, 0, 0])
}

@Test func afterThePowerCutEveryCallFails() throws {
  let medium = FaultyMedium(byteCount: 4)
  medium.powerCutAfterWrite = 1
  try write([1], at: 0, to: medium)
  #expect(throws: FaultyMedium.failure) { try write([2], at: 1, to: medium) }
  #expect(throws: FaultyMedium.failure) { try synchronize(medium) }
  var storage = FaultyStorage(medium)
  var byte: [UInt8] = [9]
  var span = byte.mutableSpan
  do throws(StorageError) {
    try storage.read(into: &span, at: 0)
    Issue.record("read without power")
  } catch { #expect(error == FaultyMedium.failure) }
  #expect(medium.pending.count == 1)
}

@Test func aFailingWriteLeavesItsFirstHalf() throws {
  let medium = FaultyMedium(byteCount: 4)
  medium.failingWrite = 1
  #expect(throws: FaultyMedium.failure) { try write([1, 2, 3, 4], at: 0, to: medium) }
  #expect(medium.cached == [1, 2, 0, 0])
}

@Test func outsideTheMediumIsAnErrorAndNoTrap() throws {
  let medium = FaultyMedium(byteCount: 4)
  for offset: UInt64 in [4, 5, 1 << 40, .max] {
    #expect(throws: StorageError.outOfBounds) { try write([1], at: 3, to: medium, then: offset) }
  }
  #expect(FaultyStorage(medium).byteCount == 4)
  var readOnly = FaultyStorage(medium, isReadOnly: true)
  let one: [UInt8] = [1]
  do throws(StorageError) {
    try readOnly.write(one.span, at: 0)
    Issue.record("written through a read-only storage")
  } catch { #expect(error == .readOnly) }
}

private func write(_ bytes: [UInt8], at first: Int, to medium: FaultyMedium, then offset: UInt64)
  throws
{
  var storage = FaultyStorage(medium)
  try storage.write(bytes.span, at: UInt64(first))
  try storage.write(bytes.span, at: offset)
}

@Test func aSeedGivesTheSameImageAgain() throws {
  let medium = FaultyMedium(byteCount: 4096)
  for index in 0..<8 {
    try write([UInt8](repeating: UInt8(index + 1), count: 600), at: index * 400, to: medium)
  }
  var images: Set<[UInt8]> = []
  for seed in UInt64(0)..<50 {
    var first = SplitMix64(seed: seed)
    var second = SplitMix64(seed: seed)
    let image = medium.image(using: &first)
    #expect(image == medium.image(using: &second))
    images.insert(image)
  }
  #expect(images.count == 50)
}

/// The first numbers of the reference generator for seed 1234567.
@Test func theRandomNumbersAreThoseOfSplitMix64() {
  var random = SplitMix64(seed: 1_234_567)
  #expect(random.next() == 6_457_827_717_110_365_317)
  #expect(random.next() == 3_203_168_211_198_807_973)
  #expect(random.next() == 9_817_491_932_198_370_423)
}
