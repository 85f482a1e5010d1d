import CBOR
import FixedMemory
import Simulation
import Testing

/// The encoding of one call to the encoder.
private func encoded(
  capacity: Int = 32, _ body: (inout CBOREncoder) -> Void
) -> (bytes: [UInt8], needed: Int) {
  var buffer = [UInt8](repeating: 0xee, count: capacity)
  var encoder = CBOREncoder(buffer.mutableSpan)
  body(&encoder)
  let needed = encoder.byteCount
  return (Array(buffer.prefix(min(needed, capacity))), needed)
}

/// Writes the item that the decoder sees at its place, with the encoder alone: the slow check that
/// what is accepted has one form only.
private func reencode(_ decoder: inout CBORDecoder, _ encoder: inout CBOREncoder)
  throws(CBORDecoder.Failure)
{
  switch try decoder.peekMajorType() {
  case .unsigned: encoder.unsigned(try decoder.unsigned())
  case .negative: encoder.integer(try decoder.integer())
  case .byteString: encoder.byteString(try decoder.byteString())
  case .text: encoder.text(try decoder.text())
  case .array:
    let count = try decoder.arrayHead()
    encoder.arrayHead(count: count)
    for _ in 0..<count { try reencode(&decoder, &encoder) }
  case .simple:
    if try decoder.skipNull() {
      encoder.null()
    } else {
      encoder.boolean(try decoder.boolean())
    }
  case .map, .tag: throw .notSupported
  }
}

@Test func theShortestHeadIsUsedAtEveryBorder() {
  // RFC 8949 appendix A.
  #expect(encoded { $0.unsigned(0) }.bytes == [0x00])
  #expect(encoded { $0.unsigned(23) }.bytes == [0x17])
  #expect(encoded { $0.unsigned(24) }.bytes == [0x18, 0x18])
  #expect(encoded { $0.unsigned(255) }.bytes == [0x18, 0xff])
  #expect(encoded { $0.unsigned(256) }.bytes == [0x19, 0x01, 0x00])
  #expect(encoded { $0.unsigned(65535) }.bytes == [0x19, 0xff, 0xff])
  #expect(encoded { $0.unsigned(65536) }.bytes == [0x1a, 0, 1, 0, 0])
  #expect(encoded { $0.unsigned(0xffff_ffff) }.bytes == [0x1a, 0xff, 0xff, 0xff, 0xff])
  #expect(encoded { $0.unsigned(1 << 32) }.bytes == [0x1b, 0, 0, 0, 1, 0, 0, 0, 0])
  #expect(encoded { $0.unsigned(.max) }.bytes == [0x1b] + [UInt8](repeating: 0xff, count: 8))
  #expect(encoded { $0.integer(-1) }.bytes == [0x20])
  #expect(encoded { $0.integer(-1000) }.bytes == [0x39, 0x03, 0xe7])
  #expect(encoded { $0.integer(.min) }.bytes == [0x3b, 0x7f] + [UInt8](repeating: 0xff, count: 7))
  #expect(encoded { $0.text("IETF") }.bytes == [0x64, 0x49, 0x45, 0x54, 0x46])
  #expect(encoded { $0.boolean(true) }.bytes == [0xf5])
  #expect(encoded { $0.null() }.bytes == [0xf6])
}

@Test func everyIntegerNearABorderComesBack() throws {
  var candidates: [Int64] = [.min, .min + 1, .max]
  for shift in 0..<63 {
    for delta in -2...2 { candidates.append((1 << Int64(shift)) + Int64(delta)) }
  }
  for value in candidates + candidates.map({ 0 &- $0 }) {
    let bytes = encoded { $0.integer(value) }.bytes
    var decoder = CBORDecoder(bytes.span)
    #expect(try decoder.integer() == value)
    let isAtEnd = decoder.isAtEnd
    #expect(isAtEnd)
  }
}

/// All byte strings of up to two bytes, and those of three whose first byte lets three be a whole item:
/// what is accepted is exactly what the encoder writes.
@Test func whatIsAcceptedHasOneFormOnly() throws {
  var acceptedCount = 0
  // Two-byte arguments, strings of two bytes, arrays of one and two.
  let wholeInThree: Set<UInt8> = [0x19, 0x39, 0x42, 0x62, 0x81, 0x82]
  func check(_ bytes: [UInt8]) {
    var whole = CBORDecoder(bytes.span)
    do {
      try whole.skipItem()
      try whole.finish()
    } catch {
      guard error == .truncated,
        bytes.count < 2 || bytes.count == 2 && wholeInThree.contains(bytes[0])
      else { return }
      for next in UInt8.min...UInt8.max { check(bytes + [next]) }
      return
    }
    acceptedCount += 1
    var decoder = CBORDecoder(bytes.span)
    var buffer = [UInt8](repeating: 0, count: 8)
    var encoder = CBOREncoder(buffer.mutableSpan)
    do {
      try reencode(&decoder, &encoder)
    } catch {
      Issue.record("\(bytes) is skipped but not read: \(error)")
      return
    }
    let count = encoder.byteCount
    if Array(buffer.prefix(count)) != bytes { Issue.record("\(bytes) has another form") }
  }
  for first in UInt8.min...UInt8.max { check([first]) }
  #expect(acceptedCount > 1000)
}

@Test func everyCutIsTruncated() throws {
  let bytes = encoded(capacity: 64) {
    $0.arrayHead(count: 4)
    $0.unsigned(1000)
    $0.byteString([1, 2, 3].span)
    $0.text("héllo")
    $0.arrayHead(count: 1)
    $0.null()
  }.bytes
  var whole = CBORDecoder(bytes.span)
  try whole.skipItem()
  try whole.finish()
  for cut in 0..<bytes.count {
    let part = Array(bytes[..<cut])
    var decoder = CBORDecoder(part.span)
    #expect(throws: CBORDecoder.Failure.truncated) { try decoder.skipItem() }
  }
}

@Test(
  arguments: [
    ([0x18, 0x17], CBORDecoder.Failure.notShortest),
    ([0x19, 0x00, 0xff], .notShortest),
    ([0x5f, 0x41, 0x00, 0xff], .notSupported),
    ([0x9f, 0xff], .notSupported),
    ([0xf9, 0x3c, 0x00], .notSupported),
    ([0xf8, 0x20], .notSupported),
    ([0xf7], .notSupported),
    ([0xa1, 0x01, 0x02], .notSupported),
    ([0xc1, 0x00], .notSupported),
    ([0x62, 0xc0, 0x80], .notUTF8),
    ([0x63, 0xed, 0xa0, 0x80], .notUTF8),
    ([0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], .truncated),
  ] as [([UInt8], CBORDecoder.Failure)])
func laxFormsAreRefused(_ bytes: [UInt8], _ failure: CBORDecoder.Failure) {
  var decoder = CBORDecoder(bytes.span)
  #expect(throws: failure) { try decoder.skipItem() }
}

@Test func nestingHasABound() {
  let deep = [UInt8](repeating: 0x81, count: 40) + [0x00]
  var decoder = CBORDecoder(deep.span)
  #expect(throws: CBORDecoder.Failure.tooDeep) { try decoder.skipItem() }
}

@Test func whatDoesNotFitIsCountedAndNotWritten() {
  for capacity in 0..<12 {
    let (bytes, needed) = encoded(capacity: capacity) { $0.byteString([UInt8](0..<10).span) }
    #expect(needed == 11)
    #expect(bytes.count == capacity || capacity > 11)
  }
}

@Test func randomBytesNeverTrap() {
  var generator = SplitMix64(seed: 20_260_101)
  for _ in 0..<200_000 {
    let bytes = (0..<Int.random(in: 0...12, using: &generator)).map { _ in
      UInt8.random(in: .min ... .max, using: &generator)
    }
    var decoder = CBORDecoder(bytes.span)
    do { try decoder.skipItem() } catch {}
    let offset = decoder.offset
    #expect(offset <= bytes.count)
  }
}
