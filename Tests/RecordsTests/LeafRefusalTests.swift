import CBOR
import FixedMemory
import Records
import Testing

private let zero = Item.unsigned(0)

/// kind, schema 0, time 0, then the values.
private func leaf(_ kind: UInt64, _ values: [Item]) -> [Item] {
  [.unsigned(kind), zero, zero] + values
}

private let hash = Item.bytes([UInt8](repeating: 7, count: 32))

private let reception: [Item] = [
  zero, .unsigned(2), .unsigned(868_100_000), .unsigned(7), .unsigned(125_000), .unsigned(5),
  .negative(9_799), .simple(22), .unsigned(725), .simple(22), zero, zero,
]

private func text(_ string: String) -> Item { .text(Array(string.utf8)) }

/// One leaf of each kind that this version knows the values of.
private let rightValues: [(kind: UInt64, values: [Item])] = [
  (0, [zero, text("1"), .bytes([1]), text("b"), .bytes([2]), zero, .bytes([])]),
  (1, [zero, .negative(4), .simple(22)]),
  (
    2,
    [
      .array([.array([text("t"), text("Cel"), .negative(2)])]), text("c"), text("b"), zero,
      text(""),
    ]
  ),
  (3, [.unsigned(2), .unsigned(1)]),
  (4, [.unsigned(1), zero, zero, zero, .unsigned(1)]),
  (4, [.unsigned(2), zero, zero, zero, .unsigned(3)]),
  (4, [.unsigned(3), text("x")]),
  (4, [.unsigned(4), text("x")]),
  (4, [.unsigned(5), text("x")]),
  (4, [.unsigned(12), .unsigned(7), .unsigned(2)]),
  (4, [.unsigned(13), .unsigned(1), .unsigned(9)]),
  (4, [.unsigned(14), .unsigned(865_000_000), .unsigned(370_688), .unsigned(1)]),
  (4, [.unsigned(15), .unsigned(5)]),
  (4, [.unsigned(16), .unsigned(1), .unsigned(1)]),
  (5, [.unsigned(2), zero, zero]),
  (6, [.unsigned(3), zero, zero, .simple(22), .simple(22)]),
  (8, [.unsigned(7), hash]),
  (
    9,
    [
      .unsigned(7), .simple(20), zero, .unsigned(370_688), .unsigned(868_100_000), .unsigned(10),
      .simple(21),
    ]
  ),
  (10, [.unsigned(7), hash, .simple(22)]),
  (11, [.bytes([UInt8](repeating: 0xe0, count: 24))] + reception),
  (12, [.unsigned(7), zero, .simple(22), .simple(22), .bytes([1]), .negative(11_679)]),
  (13, [hash, .unsigned(23)] + reception + [.simple(22)]),
]

@Test(arguments: rightValues.indices)
func aValueTooManyOrTooFewIsRefused(index: Int) {
  let (kind, values) = rightValues[index]
  #expect(refusal(leaf(kind, values)) == nil)
  for count in values.indices where kind != 1 {
    #expect(refusal(leaf(kind, Array(values[..<count]))) != nil, "\(count) values")
  }
  guard kind != 1 else { return }
  for extra in [zero, text(""), .simple(22), .array([])] {
    #expect(refusal(leaf(kind, values + [extra])) == .outsideFormat)
  }
}

@Test(arguments: rightValues.indices)
func aValueOfAnotherTypeIsRefused(index: Int) {
  let (kind, values) = rightValues[index]
  let others: [Item] = [
    zero, .negative(0), .bytes([]), text(""), .array([]), .simple(20), .simple(22),
  ]
  for place in values.indices {
    for other in others where !isAlike(other, values[place], in: kind, at: place) {
      var changed = values
      changed[place] = other
      #expect(refusal(leaf(kind, changed)) != nil, "value \(place) is \(other)")
    }
  }
}

/// What may stand in a value's place: the same type; an integer or null where a reading, an altitude or an
/// accuracy stands; either sign where an integer has one.
private func isAlike(_ other: Item, _ value: Item, in kind: UInt64, at place: Int) -> Bool {
  // Where a reception begins, its RSSI is the seventh value, and three that may be null follow.
  let figure = kind == 11 ? place - 1 : kind == 13 ? place - 2 : -1
  let hasSign =
    kind == 1 || (kind == 5 && place == 1) || (kind == 6 && place >= 1)
    || (kind == 10 && place == 2)
    || (kind == 12 && place == 5) || (6...9).contains(figure) || figure == 11
  let mayBeNull =
    kind == 1 || (kind == 6 && place >= 3) || (kind == 10 && place == 2)
    || (kind == 12 && place == 5) || (7...9).contains(figure) || (kind == 13 && place == 14)
  switch other {
  case .unsigned:
    if case .unsigned = value { return true }
    return hasSign
  case .negative: return hasSign
  case .bytes: if case .bytes = value { return true }
  case .text: if case .text = value { return true }
  case .array: if case .array = value { return true }
  case .simple(let number):
    if number == 20, case .simple(let own) = value { return own == 20 || own == 21 }
    // Neither frequency nor spreading factor of a radio that follows the rendezvous.
    return (mayBeNull || kind == 12 && (2...3).contains(place)) && number == 22
  }
  return false
}

@Test func aHeadThatIsNoLeafIsRefused() {
  #expect(refusal([] as [Item]) == .outsideFormat)
  #expect(refusal([zero]) == .outsideFormat)
  #expect(refusal([zero, zero]) == .outsideFormat)
  #expect(refusal([.negative(0), zero, zero]) == .unexpectedType)
  #expect(refusal([.unsigned(1), .negative(0), zero]) == .unexpectedType)
  #expect(refusal([.unsigned(1), .unsigned(65_536), zero]) == .outOfRange)
  #expect(refusal([.unsigned(1), .unsigned(65_535), zero]) == nil)
  #expect(refusal([.unsigned(1), zero, .negative(0)]) == .outOfRange)
  #expect(refusal([.unsigned(1), zero, .unsigned(1 << 63)]) == .outOfRange)
  #expect(refusal([.unsigned(1), zero, .unsigned(1 << 63 - 1)]) == nil)
  #expect(refusal(Item.unsigned(0).encoded) == .unexpectedType)
}

@Test func aReadingHasAtMostSixteenValuesOf64Bits() {
  let largest = Item.unsigned(UInt64(Int64.max))
  #expect(refusal(leaf(1, Array(repeating: largest, count: 16))) == nil)
  #expect(refusal(leaf(1, Array(repeating: largest, count: 17))) == .outsideFormat)
  #expect(refusal(leaf(1, [.unsigned(1 << 63)])) == .outOfRange)
  #expect(refusal(leaf(1, [.negative(UInt64(Int64.max))])) == nil)
  #expect(refusal(leaf(1, [.negative(1 << 63)])) == .outOfRange)
}

@Test func aSchemaHasAtMostSixteenQuantitiesOfThreePartsEach() {
  func schema(_ quantities: [Item]) -> [Item] {
    leaf(2, [.array(quantities), text("c"), text("b"), zero, text("")])
  }
  func quantity(_ power: Item) -> Item { .array([text("t"), text("Cel"), power]) }
  #expect(refusal(schema(Array(repeating: quantity(zero), count: 16))) == nil)
  #expect(refusal(schema(Array(repeating: quantity(zero), count: 17))) == .outsideFormat)
  #expect(refusal(schema([quantity(.unsigned(127))])) == nil)
  #expect(refusal(schema([quantity(.unsigned(128))])) == .outOfRange)
  #expect(refusal(schema([quantity(.negative(127))])) == nil)
  #expect(refusal(schema([quantity(.negative(128))])) == .outOfRange)
  #expect(refusal(schema([.array([text("t"), text("Cel")])])) == .outsideFormat)
  #expect(refusal(schema([.array([text("t"), text("Cel"), zero, zero])])) == .outsideFormat)
}

@Test func aPositionOffTheGlobeIsRefused() {
  func position(_ latitude: Int64, _ longitude: Int64) -> [Item] {
    leaf(6, [zero, integer(latitude), integer(longitude), .simple(22), .simple(22)])
  }
  for sign: Int64 in [-1, 1] {
    #expect(refusal(position(sign * 900_000_000, sign * 1_800_000_000)) == nil)
    #expect(refusal(position(sign * 900_000_001, 0)) == .outOfRange)
    #expect(refusal(position(0, sign * 1_800_000_001)) == .outOfRange)
    #expect(refusal(position(sign * Int64.max, sign * Int64.max)) == .outOfRange)
  }
}

@Test func aKindOfALaterVersionIsKeptAsItIs() throws {
  for kind: UInt64 in [14, 15, 255, 256, 65_536, .max] {
    let items = leaf(
      kind,
      [
        zero, .negative(.max), .bytes([1, 2]), text("ä"), .array([.array([.simple(21)])]),
        .simple(22),
      ])
    let bytes = Item.array(items).encoded
    #expect(try acceptedAndReencoded(bytes) == bytes, "kind \(kind)")
    let number = try Leaf(decoding: bytes.span).kindNumber
    #expect(number == kind)
  }
}

@Test func aCodeOfALaterVersionIsKeptAsItIs() throws {
  let event = Item.array(leaf(4, [.unsigned(900), text("whatever"), .array([])])).encoded
  #expect(try acceptedAndReencoded(event) == event)
  let fault = Item.array(leaf(3, [.unsigned(900), .unsigned(1)])).encoded
  #expect(try acceptedAndReencoded(fault) == fault)
  let found = try Leaf(decoding: fault.span).fault()
  #expect(found.code == nil && found.codeNumber == 900)
  // A number whose low byte is a known code is not that code.
  let high = Item.array(leaf(3, [.unsigned(256 + 2), .unsigned(1)])).encoded
  let code = try Leaf(decoding: high.span).fault().code
  #expect(code == nil)
}

@Test func whatIsNotDeterministicIsRefusedInUnknownKindsToo() {
  func raw(_ value: [UInt8]) -> [UInt8] { [0x84, 0x18, 0x63, 0x00, 0x00] + value }
  #expect(refusal(raw([0x00])) == nil)
  let refused: [(bytes: [UInt8], failure: CBORDecoder.Failure)] = [
    ([0x18, 0x17], .notShortest), ([0x19, 0x00, 0xff], .notShortest), ([0x38, 0x00], .notShortest),
    ([0x58, 0x00], .notShortest), ([0x78, 0x01, 0x41], .notShortest), ([0x98, 0x00], .notShortest),
    ([0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], .notShortest),
    ([0x5f, 0xff], .notSupported), ([0x7f, 0xff], .notSupported), ([0x9f, 0xff], .notSupported),
    ([0xa0], .notSupported), ([0xc1, 0x00], .notSupported), ([0xf9, 0x3c, 0x00], .notSupported),
    ([0xf7], .notSupported), ([0xf8, 0x20], .notSupported), ([0xff], .notSupported),
    ([0x1c], .notSupported), ([0x62, 0xc3, 0x28], .notUTF8), ([0x63, 0xed, 0xa0, 0x80], .notUTF8),
    ([0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], .truncated),
    ([0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], .truncated),
    (Array(repeating: 0x81, count: 8) + [0x80], .tooDeep),
  ]
  for (bytes, failure) in refused { #expect(refusal(raw(bytes)) == failure, "\(bytes)") }
  #expect(refusal(raw(Array(repeating: 0x81, count: 7) + [0x80])) == nil)
}

@Test func theAccessorOfAnotherKindRefuses() throws {
  let bytes = Item.array(leaf(5, [.unsigned(2), zero, zero])).encoded
  let leaf = try Leaf(decoding: bytes.span)
  var refused = 0
  do throws(CBORDecoder.Failure) { _ = try leaf.reading() } catch { refused += 1 }
  do throws(CBORDecoder.Failure) { _ = try leaf.fault() } catch { refused += 1 }
  do throws(CBORDecoder.Failure) { _ = try leaf.position() } catch { refused += 1 }
  do throws(CBORDecoder.Failure) { _ = try leaf.boot().flags } catch { refused += 1 }
  do throws(CBORDecoder.Failure) { _ = try leaf.schemaRecord().address } catch { refused += 1 }
  do throws(CBORDecoder.Failure) { _ = try leaf.event().codeNumber } catch { refused += 1 }
  #expect(refused == 6)
}
