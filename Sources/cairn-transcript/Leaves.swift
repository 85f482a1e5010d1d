import CBOR
import FixedMemory
import Proofs
import Records

/// Every kind of leaf that is written, with ordinary values and with those at the ends of 32 and 64 bits.
func tellLeaves() {
  tellReadings()
  tellEvents()
  tellPositions()
  let times: InlineArray<4, Int64> = [0, 2_147_483_648, 4_294_967_296, .max]
  for index in times.indices {
    let time = times[index]
    let hash = SHA256.hash(text("a leaf"))
    tell(
      leaf: named("leaf boot ", UInt64(index)),
      Message {
        LeafEncoding.boot(
          milliseconds: time, bootCount: UInt64(bitPattern: time), agentVersion: "0.1.0",
          programHash: hash.span, board: text("a board"), configurationHash: hash.span,
          flags: .max, claims: hash.span, into: $0)
      })
    tell(
      leaf: named("leaf clock ", UInt64(index)),
      Message {
        LeafEncoding.clock(
          milliseconds: time, source: .gnss, utcMilliseconds: time,
          uncertaintyMilliseconds: UInt64(bitPattern: ~time), into: $0)
      })
    tell(
      leaf: named("leaf challenge ", UInt64(index)),
      Message { LeafEncoding.challenge(milliseconds: time, challengeHash: hash.span, into: $0) })
    tell(
      leaf: named("leaf fault ", UInt64(index)),
      Message {
        LeafEncoding.fault(
          schema: .max, milliseconds: time, code: .unintelligible, count: UInt64(bitPattern: ~time),
          into: $0)
      })
  }
  var columns = Quantities(filler: Quantity(name: "t", unit: "Cel", powerOfTen: -2))
  let powers: InlineArray<4, Int8> = [Int8.min, -3, 0, .max]
  for powerIndex in powers.indices {
    let power = powers[powerIndex]
    columns.append(Quantity(name: "temperature", unit: "Cel", powerOfTen: power))
  }
  let quantities = columns
  tell(
    leaf: named("leaf schema ", 0),
    Message {
      LeafEncoding.schema(
        schema: .max, milliseconds: .max, quantities: quantities, chip: "BME280",
        bus: text("i2c-1"), address: .max, serialNumber: text("cal-00000000"), into: $0)
    })
}

private func tellReadings() {
  for power in 0..<63 {
    let value = Int64(1) << Int64(power)
    var values = ReadingValues(filler: nil)
    for delta in -1...1 as ClosedRange<Int64> {
      values.append(value + delta)
      values.append(-value - delta)
    }
    values.append(nil)
    let taken = values
    tell(
      leaf: named("leaf reading of 2^", UInt64(power)),
      Message {
        LeafEncoding.reading(
          schema: UInt16(power) << 10, milliseconds: value, values: taken, into: $0)
      })
  }
  var ends = ReadingValues(filler: nil)
  for _ in 0..<8 {
    ends.append(.min)
    ends.append(.max)
  }
  let taken = ends
  tell(
    leaf: named("leaf reading of ends ", 0),
    Message { LeafEncoding.reading(schema: .max, milliseconds: .max, values: taken, into: $0) })
}

private func tellEvents() {
  let counts: InlineArray<4, UInt64> = [0, 4_294_967_295, 4_294_967_296, UInt64(Int64.max)]
  for index in counts.indices {
    let count = counts[index]
    tell(
      leaf: named("leaf gap ", UInt64(index)),
      Message {
        LeafEncoding.gap(
          .measurementsMissed, schema: 1, milliseconds: Int64(count), from: count, to: count + 7,
          count: count, reason: .suspended, into: $0)
      })
    tell(
      leaf: named("leaf older gap ", UInt64(index)),
      Message {
        LeafEncoding.olderGap(
          epoch: count, milliseconds: Int64(count), from: count, to: .max, reason: .spoolFull,
          into: $0)
      })
  }
  tell(
    leaf: named("leaf device ", 0),
    Message {
      LeafEncoding.device(
        .deviceAttached, schema: .max, milliseconds: .max, name: text("a stick"), into: $0)
    })
}

private func tellPositions() {
  let latitudes: InlineArray<4, Int64> = [-900_000_000, 0, 900_000_000, 900_000_001]
  let altitudes: InlineArray<4, Int64?> = [.min, nil, .max, -2_147_483_649]
  for index in latitudes.indices {
    let (latitude, altitude) = (latitudes[index], altitudes[index])
    tell(
      leaf: named("leaf position ", UInt64(index)),
      Message {
        LeafEncoding.position(
          milliseconds: 1, source: .gnss, latitudeE7: latitude, longitudeE7: -2 * latitude,
          altitudeCentimetres: altitude, accuracyCentimetres: altitude, into: $0)
      })
  }
}

/// The leaf's bytes; how its check ends; and all that is read from it.
private func tell(leaf name: consuming Name, _ bytes: Message) {
  tell(name.span, bytes.span)
  var tally = Tally()
  var failure: UInt8 = 0
  do throws(CBORDecoder.Failure) {
    let leaf = try Leaf(decoding: bytes.span)
    tally.add(leaf.kindNumber)
    tally.add(leaf.milliseconds)
    tally.add(UInt64(leaf.schema))
    tally.add(count: leaf.valueCount)
    try leaf.validate()
    try add(leaf, to: &tally)
  } catch { failure = number(of: error) }
  tally.add(UInt64(failure))
  name.append(" read")
  tally.tell(name.span)
}

private func add(_ leaf: borrowing Leaf, to tally: inout Tally) throws(CBORDecoder.Failure) {
  switch leaf.kind {
  case .reading:
    let values = try leaf.reading()
    for index in values.indices { tally.add(optional: values[index]) }
  case .boot:
    let boot = try leaf.boot()
    tally.add(boot.bootCount)
    tally.add(boot.flags)
    tally.add(boot.board)
  case .clock:
    let clock = try leaf.clock()
    tally.add(clock.utcMilliseconds)
    tally.add(clock.uncertaintyMilliseconds)
  case .fault:
    let fault = try leaf.fault()
    tally.add(fault.codeNumber)
    tally.add(fault.count)
  case .position:
    let position = try leaf.position()
    tally.add(position.latitudeE7)
    tally.add(position.longitudeE7)
    tally.add(optional: position.altitudeCentimetres)
    tally.add(optional: position.accuracyCentimetres)
  case .schema:
    let schema = try leaf.schemaRecord()
    tally.add(schema.address)
    for index in 0..<schema.quantityCount {
      tally.add(Int64(try schema.quantity(at: index).powerOfTen))
    }
  case .event:
    let event = try leaf.event()
    tally.add(event.codeNumber)
    switch event.code {
    case .measurementsMissed, .leavesDropped, .olderLeavesDropped:
      let gap = try event.gap()
      tally.add(gap.from)
      tally.add(gap.to)
      tally.add(gap.count)
    default: break
    }
  default: break
  }
}
