import CBOR
import FixedMemory
import Records
import TestSupport
import Testing

private let indices = 0..<7

@Test func theExamplesBootSaysWhatTheSpecificationSays() throws {
  let bytes = try CheckpointExample().bytes("leaf 0")
  let leaf = try Leaf(decoding: bytes.span)
  let (time, boot) = (leaf.milliseconds, try leaf.boot())
  let (count, flags) = (boot.bootCount, boot.flags)
  #expect(time == 12 && count == 1 && flags == 1)
  let (version, board, claims) = (array(boot.agentVersion), array(boot.board), array(boot.claims))
  #expect(version == Array("0.1.0".utf8) && board == Array("virtual".utf8) && claims.isEmpty)
  let hashes = [array(boot.programHash), array(boot.configurationHash)]
  let zeros = [UInt8](repeating: 0, count: 32)
  #expect(hashes == [zeros, zeros])
  #expect(
    written {
      LeafEncoding.boot(
        milliseconds: 12, bootCount: 1, agentVersion: "0.1.0", programHash: zeros.span,
        board: Array("virtual".utf8).span, configurationHash: zeros.span, flags: 1,
        claims: Span(), into: $0.mutableSpan)
    } == bytes)
}

@Test func theExamplesSchemaSaysWhatTheSpecificationSays() throws {
  let bytes = try CheckpointExample().bytes("leaf 1")
  let leaf = try Leaf(decoding: bytes.span)
  let (id, time, schema) = (leaf.schema, leaf.milliseconds, try leaf.schemaRecord())
  let (count, address) = (schema.quantityCount, schema.address)
  #expect(id == 1 && time == 40 && count == 3 && address == 0x76)
  let expected: [(name: StaticString, unit: StaticString, power: Int8)] = [
    ("temperature", "Cel", -3), ("humidity", "%RH", -3), ("pressure", "Pa", 0),
  ]
  var quantities = Quantities(filler: Quantity(name: "", unit: "", powerOfTen: 0))
  for (index, column) in expected.enumerated() {
    let quantity = try schema.quantity(at: index)
    let isEqual =
      quantity.name.equals(column.name) && quantity.unit.equals(column.unit)
      && quantity.powerOfTen == column.power
    #expect(isEqual, "quantity \(index)")
    quantities.append(Quantity(name: column.name, unit: column.unit, powerOfTen: column.power))
  }
  #expect(
    written {
      LeafEncoding.schema(
        schema: 1, milliseconds: 40, quantities: quantities, chip: "BME280",
        bus: Array("i2c-1".utf8).span, address: 0x76, serialNumber: Span(), into: $0.mutableSpan)
    } == bytes)
}

@Test func theExamplesClockSaysWhatTheSpecificationSays() throws {
  let bytes = try CheckpointExample().bytes("leaf 2")
  let clock = try Leaf(decoding: bytes.span).clock()
  // 2013-01-01 00:00:00 UTC, from NTP, give or take 20 ms.
  #expect(clock.sourceNumber == 2 && clock.utcMilliseconds == 1_356_998_400_000)
  #expect(clock.uncertaintyMilliseconds == 20)
  #expect(
    written {
      LeafEncoding.clock(
        milliseconds: 60, source: .networkTime, utcMilliseconds: 1_356_998_400_000,
        uncertaintyMilliseconds: 20, into: $0.mutableSpan)
    } == bytes)
}

@Test(
  arguments: [
    (3, 1000, [3900, 59_370, 101_260]), (4, 61_000, [3910, 59_400, 101_255]),
    (6, 181_000, [3900, nil, 101_251]),
  ] as [(Int, Int64, [Int64?])])
func theExamplesReadingsSayWhatTheSpecificationSays(
  index: Int, time: Int64, expected: [Int64?]
) throws {
  let bytes = try CheckpointExample().bytes("leaf \(index)")
  let leaf = try Leaf(decoding: bytes.span)
  let (schema, found, values) = (leaf.schema, leaf.milliseconds, try leaf.reading())
  #expect(schema == 1 && found == time)
  #expect(values.indices.map { values[$0] } == expected)
  #expect(
    written {
      LeafEncoding.reading(schema: 1, milliseconds: time, values: values, into: $0.mutableSpan)
    } == bytes)
}

@Test func theExamplesFaultSaysWhatTheSpecificationSays() throws {
  let bytes = try CheckpointExample().bytes("leaf 5")
  let fault = try Leaf(decoding: bytes.span).fault()
  #expect(fault.code == .checksumMismatch && fault.count == 1)
  #expect(
    written {
      LeafEncoding.fault(
        schema: 1, milliseconds: 121_000, code: .checksumMismatch, count: 1,
        into: $0.mutableSpan)
    } == bytes)
}

@Test(arguments: indices)
func anExampleLeafIsAcceptedAndWrittenAnewIsTheSame(index: Int) throws {
  let bytes = try CheckpointExample().bytes("leaf \(index)")
  #expect(try acceptedAndReencoded(bytes) == bytes)
}

@Test(arguments: indices)
func everyCutOfAnExampleLeafIsRefused(index: Int) throws {
  let bytes = try CheckpointExample().bytes("leaf \(index)")
  for count in bytes.indices {
    #expect(try acceptedAndReencoded(Array(bytes[..<count])) == nil, "\(count) bytes")
  }
  for byte in UInt8.min...UInt8.max {
    #expect(refusal(bytes + [byte]) == .trailingBytes)
  }
}

@Test(arguments: indices)
func aFlippedBitIsRefusedOrGivesALeafWithOneFormOnly(index: Int) throws {
  let bytes = try CheckpointExample().bytes("leaf \(index)")
  for position in bytes.indices {
    for bit in 0..<8 {
      var flipped = bytes
      flipped[position] ^= 1 << bit
      guard let anew = try acceptedAndReencoded(flipped) else { continue }
      #expect(anew == flipped, "byte \(position) bit \(bit)")
    }
  }
}

@Test(arguments: indices)
func anyByteInPlaceOfAnotherIsRefusedOrGivesALeafWithOneFormOnly(index: Int) throws {
  let bytes = try CheckpointExample().bytes("leaf \(index)")
  for position in bytes.indices {
    for byte in UInt8.min...UInt8.max {
      var changed = bytes
      changed[position] = byte
      guard let anew = try acceptedAndReencoded(changed) else { continue }
      if anew != changed { Issue.record("byte \(position) is \(byte)") }
    }
  }
}
