import CBOR
import FixedMemory
import Records

func array(_ span: Span<UInt8>) -> [UInt8] { span.indices.map { span[$0] } }

/// CBOR as RFC 8949 section 3 has it, read without any of the strictness of deterministic CBOR, and
/// written in its only deterministic form: the slow and obvious oracle for `Leaf`.
indirect enum Item: Equatable {
  case unsigned(UInt64)
  case negative(UInt64)
  case bytes([UInt8])
  case text([UInt8])
  case array([Item])
  case simple(UInt64)

  struct Outside: Error {}

  init(reading bytes: [UInt8], _ offset: inout Int) throws(Outside) {
    guard offset < bytes.count else { throw Outside() }
    let (major, additional) = (bytes[offset] >> 5, bytes[offset] & 31)
    offset += 1
    var argument = UInt64(additional)
    if additional > 23 {
      guard additional < 28 else { throw Outside() }
      argument = 0
      for _ in 0..<(1 << Int(additional - 24)) {
        guard offset < bytes.count else { throw Outside() }
        argument = argument << 8 | UInt64(bytes[offset])
        offset += 1
      }
    }
    switch major {
    case 0: self = .unsigned(argument)
    case 1: self = .negative(argument)
    case 2, 3:
      guard argument <= UInt64(bytes.count - offset) else { throw Outside() }
      let content = Array(bytes[offset..<offset + Int(argument)])
      offset += content.count
      self = major == 2 ? .bytes(content) : .text(content)
    case 4:
      var items: [Item] = []
      guard argument <= UInt64(bytes.count) else { throw Outside() }
      for _ in 0..<argument { items.append(try Item(reading: bytes, &offset)) }
      self = .array(items)
    case 7: self = .simple(argument)
    default: throw Outside()
    }
  }

  init(_ bytes: [UInt8]) throws(Outside) {
    var offset = 0
    self = try Item(reading: bytes, &offset)
    guard offset == bytes.count else { throw Outside() }
  }

  var encoded: [UInt8] {
    switch self {
    case .unsigned(let value): head(0, value)
    case .negative(let value): head(1, value)
    case .bytes(let content): head(2, UInt64(content.count)) + content
    case .text(let content): head(3, UInt64(content.count)) + content
    case .array(let items): head(4, UInt64(items.count)) + items.flatMap(\.encoded)
    case .simple(let value): head(7, value)
    }
  }

  private func head(_ major: UInt8, _ argument: UInt64) -> [UInt8] {
    let type = major << 5
    if argument < 24 { return [type | UInt8(argument)] }
    let (additional, count): (UInt8, Int) =
      argument <= 0xff
      ? (24, 1) : argument <= 0xffff ? (25, 2) : argument <= 0xffff_ffff ? (26, 4) : (27, 8)
    return [type | additional]
      + (0..<count).map { UInt8(truncatingIfNeeded: argument >> UInt64((count - 1 - $0) * 8)) }
  }
}

/// What the accessors of `Leaf` say, written anew; nil for kinds and events without accessors.
func reencodedFromValues(_ bytes: [UInt8]) throws(CBORDecoder.Failure) -> [UInt8]? {
  let leaf = try Leaf(decoding: bytes.span)
  let time = leaf.milliseconds
  var items: [Item] = [
    .unsigned(leaf.kindNumber), .unsigned(UInt64(leaf.schema)), integer(time),
  ]
  switch leaf.kind {
  case .boot:
    let boot = try leaf.boot()
    items += [
      .unsigned(boot.bootCount), .text(array(boot.agentVersion)), .bytes(array(boot.programHash)),
      .text(array(boot.board)), .bytes(array(boot.configurationHash)), .unsigned(boot.flags),
      .bytes(array(boot.claims)),
    ]
  case .reading:
    let values = try leaf.reading()
    items += values.indices.map { values[$0].map(integer) ?? .simple(22) }
  case .schema:
    let schema = try leaf.schemaRecord()
    var quantities: [Item] = []
    for index in 0..<schema.quantityCount {
      let quantity = try schema.quantity(at: index)
      quantities.append(
        .array([
          .text(array(quantity.name)), .text(array(quantity.unit)),
          integer(Int64(quantity.powerOfTen)),
        ]))
    }
    items += [
      .array(quantities), .text(array(schema.chip)), .text(array(schema.bus)),
      .unsigned(schema.address), .text(array(schema.serialNumber)),
    ]
  case .fault:
    let fault = try leaf.fault()
    items += [.unsigned(fault.codeNumber), .unsigned(fault.count)]
  case .event:
    let event = try leaf.event()
    items.append(.unsigned(event.codeNumber))
    switch event.code {
    case .measurementsMissed, .leavesDropped, .olderLeavesDropped:
      if let epoch = try event.olderEpoch() { items.append(.unsigned(epoch)) }
      let gap = try event.gap()
      items += [
        .unsigned(gap.from), .unsigned(gap.to), .unsigned(gap.count), .unsigned(gap.reasonNumber),
      ]
    case .deviceAttached, .deviceDetached, .sensorReplaced:
      items.append(.text(array(try event.deviceName())))
      if event.argumentCount == 2 { items.append(.unsigned(try event.changeCount())) }
    case .consoleUnlocked, .consoleRefused:
      let console = try event.console()
      items += [.text(array(console.terminal)), .unsigned(console.count)]
    case .contactChanged:
      let contact = try event.contact()
      items += [
        .text(array(contact.name)), .simple(contact.isOn ? 21 : 20),
        integer(contact.milliseconds), .unsigned(contact.count),
        .simple(contact.isTamper ? 21 : 20),
      ]
    case .buttonPressed:
      let button = try event.button()
      items += [integer(button.milliseconds), .unsigned(button.count)]
    case .beaconNotSent, .framesRefused, .airtimeSpent, .radioDeaf, .radioReset:
      let numbers = try event.numbers()
      items += numbers.indices.map { .unsigned(numbers[$0]) }
    case nil: return nil
    }
  case .clock:
    let clock = try leaf.clock()
    items += [
      .unsigned(clock.sourceNumber), integer(clock.utcMilliseconds),
      .unsigned(clock.uncertaintyMilliseconds),
    ]
  case .position:
    let position = try leaf.position()
    items += [
      .unsigned(position.sourceNumber), integer(position.latitudeE7),
      integer(position.longitudeE7),
      position.altitudeCentimetres.map(integer) ?? .simple(22),
      position.accuracyCentimetres.map(integer) ?? .simple(22),
    ]
  case .challenge: items.append(.bytes(array(try leaf.challengeHash())))
  case .intent, .sent, .reveal, .witness, .listen, .frame: items += try coverageItems(leaf)
  case .health, nil: return nil
  }
  return Item.array(items).encoded
}

private func coverageItems(_ leaf: borrowing Leaf) throws(CBORDecoder.Failure) -> [Item] {
  switch leaf.kind {
  case .intent:
    let intent = try leaf.intent()
    return [.unsigned(UInt64(intent.number)), .bytes(array(intent.frameHash.span))]
  case .sent:
    let sent = try leaf.sent()
    return [
      .unsigned(UInt64(sent.number)), .simple(sent.isRetry ? 21 : 20),
      integer(sent.startMilliseconds), .unsigned(UInt64(sent.timeOnAirMicroseconds)),
      .unsigned(UInt64(sent.frequencyHertz)), .unsigned(UInt64(sent.spreadingFactor)),
      .simple(sent.isConfirmed ? 21 : 20),
    ]
  case .reveal:
    let reveal = try leaf.reveal()
    return [
      .unsigned(UInt64(reveal.number)), .bytes(array(reveal.link.span)),
      optional(reveal.powerCentidecibelMilliwatts),
    ]
  case .witness:
    let witness = try leaf.witness()
    return [.bytes(array(witness.frame.span))] + items(witness.reception)
  case .listen:
    let listen = try leaf.listen()
    return [
      .unsigned(UInt64(listen.number)), .unsigned(UInt64(listen.mode.rawValue)),
      listen.frequencyHertz.map { .unsigned(UInt64($0)) } ?? .simple(22),
      listen.spreadingFactor.map { .unsigned(UInt64($0)) } ?? .simple(22),
      .bytes(array(listen.slots.span)), optional(listen.noiseCentidecibelMilliwatts),
    ]
  case .frame:
    let frame = try leaf.frame()
    let receipt = array(try leaf.frameReceipt())
    return [.bytes(array(frame.hash.span)), .unsigned(UInt64(frame.byteCount))]
      + items(frame.reception) + [receipt.isEmpty ? .simple(22) : .bytes(receipt)]
  case .boot, .reading, .schema, .fault, .event, .clock, .position, .challenge, .health, nil:
    return []
  }
}

private func optional(_ value: Int32?) -> Item { value.map { integer(Int64($0)) } ?? .simple(22) }

private func items(_ reception: Reception) -> [Item] {
  [
    integer(reception.endMilliseconds), .unsigned(UInt64(reception.uncertaintyMilliseconds)),
    .unsigned(UInt64(reception.frequencyHertz)), .unsigned(UInt64(reception.spreadingFactor)),
    .unsigned(UInt64(reception.bandwidthHertz)),
    .unsigned(UInt64(reception.codingRateDenominator)),
    integer(Int64(reception.rssiCentidecibelMilliwatts)),
    optional(reception.signalCentidecibelMilliwatts), optional(reception.snrCentidecibels),
    optional(reception.frequencyErrorHertz), .unsigned(reception.correctionNumber),
    integer(Int64(reception.correctionCentidecibels)),
  ]
}

func integer(_ value: Int64) -> Item {
  value >= 0 ? .unsigned(UInt64(value)) : .negative(UInt64(bitPattern: ~value))
}

/// Nil when the leaf is refused; else what it says, written anew, which must be the same bytes.
func acceptedAndReencoded(_ bytes: [UInt8]) throws -> [UInt8]? {
  do throws(CBORDecoder.Failure) {
    let leaf = try Leaf(decoding: bytes.span)
    try leaf.validate()
  } catch { return nil }
  let generic = try Item(bytes).encoded
  guard let typed = try reencodedFromValues(bytes) else { return generic }
  // When the two disagree, neither is what the caller expects.
  return typed == generic ? typed : []
}

/// Why a leaf is refused: by its form, or by what its kind asks for. Nil when it is not.
func refusal(_ items: [Item]) -> CBORDecoder.Failure? { refusal(Item.array(items).encoded) }

func refusal(_ bytes: [UInt8]) -> CBORDecoder.Failure? {
  do throws(CBORDecoder.Failure) {
    let leaf = try Leaf(decoding: bytes.span)
    try leaf.validate()
    return nil
  } catch { return error }
}
