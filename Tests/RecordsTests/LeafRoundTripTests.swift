import CBOR
import FixedMemory
import Records
import TestSupport
import Testing

private let times: [Int64] = [
  0, 1, 23, 24, 255, 256, 65_535, 65_536, 0xffff_ffff, 0x1_0000_0000, .max,
]
private let integers: [Int64] = [
  .min, -0x1_0000_0001, -257, -25, -24, -1, 0, 23, 24, 255, 256, 65_536, 0x1_0000_0000, .max,
]
private let numbers: [UInt64] = [0, 23, 24, 256, 65_536, 0x1_0000_0000, .max]

@Test(arguments: times)
func aReadingComesBack(time: Int64) throws {
  for count in 0...16 {
    var values = ReadingValues(filler: nil)
    for index in 0..<count {
      values.append(index % 3 == 2 ? nil : integers[(index + count) % integers.count])
    }
    let bytes = written {
      LeafEncoding.reading(
        schema: 65_535, milliseconds: time, values: values, into: $0.mutableSpan)
    }
    let leaf = try Leaf(decoding: bytes.span)
    let (kind, schema, found) = (leaf.kind, leaf.schema, leaf.milliseconds)
    #expect(kind == .reading && schema == 65_535 && found == time)
    let valuesRead = try leaf.reading()
    #expect(valuesRead == values)
    #expect(try acceptedAndReencoded(bytes) == bytes)
  }
}

@Test func aBootComesBack() throws {
  for number in numbers {
    for size in [0, 1, 32, 300] {
      let hash = [UInt8](repeating: 0xa5, count: size)
      let bytes = written {
        LeafEncoding.boot(
          milliseconds: 12, bootCount: number, agentVersion: "1.2.3", programHash: hash.span,
          board: Array("Brett Ä".utf8).span, configurationHash: hash.span, flags: number,
          claims: hash.span, into: $0.mutableSpan)
      }
      let leaf = try Leaf(decoding: bytes.span)
      let boot = try leaf.boot()
      let (count, flags) = (boot.bootCount, boot.flags)
      #expect(count == number && flags == number)
      let texts = [array(boot.agentVersion), array(boot.board)]
      #expect(texts == [Array("1.2.3".utf8), Array("Brett Ä".utf8)])
      let hashes = [
        array(boot.programHash), array(boot.configurationHash), array(boot.claims),
      ]
      #expect(hashes == [hash, hash, hash])
      #expect(try acceptedAndReencoded(bytes) == bytes)
    }
  }
}

@Test func aSchemaComesBackWithAnyNumberOfQuantities() throws {
  for count in 0...16 {
    var quantities = Quantities(filler: Quantity(name: "", unit: "", powerOfTen: 0))
    for index in 0..<count {
      quantities.append(
        Quantity(name: "x", unit: "%RH", powerOfTen: Int8(truncatingIfNeeded: index * 17 - 128)))
    }
    let bytes = written {
      LeafEncoding.schema(
        schema: 7, milliseconds: 1, quantities: quantities, chip: "SHT3x",
        bus: Array("i2c-1".utf8).span, address: 0x44, serialNumber: Array("42".utf8).span,
        into: $0.mutableSpan)
    }
    let leaf = try Leaf(decoding: bytes.span)
    let schema = try leaf.schemaRecord()
    let (found, address) = (schema.quantityCount, schema.address)
    #expect(found == count && address == 0x44)
    for index in 0..<count {
      let quantity = try schema.quantity(at: index)
      let power = quantity.powerOfTen
      #expect(power == quantities[index].powerOfTen)
      let (name, unit) = (array(quantity.name), array(quantity.unit))
      #expect(name == Array("x".utf8) && unit == Array("%RH".utf8))
    }
    #expect(try acceptedAndReencoded(bytes) == bytes)
  }
}

@Test func aFaultComesBackWithEveryCode() throws {
  for code in (0...255).compactMap({ FaultCode(rawValue: $0) }) {
    for number in numbers {
      let bytes = written {
        LeafEncoding.fault(
          schema: 1, milliseconds: 5, code: code, count: number, into: $0.mutableSpan)
      }
      let fault = try Leaf(decoding: bytes.span).fault()
      #expect(fault.code == code && fault.count == number)
      #expect(try acceptedAndReencoded(bytes) == bytes)
    }
  }
}

@Test func aGapComesBackWithEveryReason() throws {
  for code in [EventCode.measurementsMissed, .leavesDropped] {
    for reason in (0...255).compactMap({ GapReason(rawValue: $0) }) {
      for number in numbers {
        let bytes = written {
          LeafEncoding.gap(
            code, schema: 3, milliseconds: 9, from: number, to: number, count: number,
            reason: reason, into: $0.mutableSpan)
        }
        let leaf = try Leaf(decoding: bytes.span)
        let event = try leaf.event()
        let (found, gap) = (event.code, try event.gap())
        #expect(found == code && gap.from == number && gap.to == number && gap.count == number)
        #expect(GapReason(rawValue: UInt8(gap.reasonNumber)) == reason)
        #expect(try acceptedAndReencoded(bytes) == bytes)
      }
    }
  }
}

@Test(arguments: [EventCode.deviceAttached, .deviceDetached, .sensorReplaced])
func aDeviceThatCameOrWentComesBack(code: EventCode) throws {
  for name in ["", "gnss", "Ölstand €"] {
    let bytes = written {
      LeafEncoding.device(
        code, schema: 2, milliseconds: 3, name: Array(name.utf8).span, into: $0.mutableSpan)
    }
    let leaf = try Leaf(decoding: bytes.span)
    let event = try leaf.event()
    let (found, read) = (event.code, array(try event.deviceName()))
    #expect(found == code && read == Array(name.utf8))
    #expect(try acceptedAndReencoded(bytes) == bytes)
  }
}

@Test(arguments: [EventCode.deviceAttached, .deviceDetached])
func howOftenADeviceChangedComesBackAndOnceStandsWithoutACount(code: EventCode) throws {
  for count in [1, 2, 23, 1000, .max] as [UInt64] {
    let bytes = written {
      LeafEncoding.device(
        code, schema: 0, milliseconds: 3, name: Array("gnss".utf8).span, changeCount: count,
        into: $0.mutableSpan)
    }
    let leaf = try Leaf(decoding: bytes.span)
    let event = try leaf.event()
    let (name, read) = (array(try event.deviceName()), try event.changeCount())
    #expect(name == Array("gnss".utf8) && read == count)
    #expect(event.argumentCount == (count == 1 ? 1 : 2))
    #expect(try acceptedAndReencoded(bytes) == bytes)
  }
}

@Test func aCountOfOneOrNoneOrOfAReplacedSensorIsRefused() throws {
  // 85 kind schema time … [code, "gnss", count]
  for (code, count) in [(3, 0), (3, 1), (4, 1), (5, 2)] as [(UInt8, UInt8)] {
    let bytes: [UInt8] = [0x86, 4, 0, 3, code, 0x64, 0x67, 0x6e, 0x73, 0x73, count]
    #expect(throws: CBORDecoder.Failure.self) { _ = try Leaf(decoding: bytes.span).event() }
  }
  let right: [UInt8] = [0x86, 4, 0, 3, 3, 0x64, 0x67, 0x6e, 0x73, 0x73, 2]
  #expect(try Leaf(decoding: right.span).event().changeCount() == 2)
}

@Test(arguments: [EventCode.consoleUnlocked, .consoleRefused])
func whatHappenedAtAConsoleComesBack(code: EventCode) throws {
  for name in ["", "ttyS0", "pts/3"] {
    for count in numbers {
      let bytes = written {
        LeafEncoding.console(
          code, milliseconds: 3, terminal: Array(name.utf8).span, count: count,
          into: $0.mutableSpan)
      }
      let leaf = try Leaf(decoding: bytes.span)
      let event = try leaf.event()
      let console = try event.console()
      let (found, read, told) = (event.code, array(console.terminal), console.count)
      #expect(found == code && read == Array(name.utf8) && told == count)
      #expect(try acceptedAndReencoded(bytes) == bytes)
    }
  }
}

@Test func aContactsStateComesBack() throws {
  for (isOn, isTamper) in [(false, false), (true, false), (false, true), (true, true)] {
    for time in integers where time >= 0 {
      let bytes = written {
        LeafEncoding.contact(
          milliseconds: 9, name: Array("lid".utf8).span, isOn: isOn, edgeMilliseconds: time,
          count: UInt64(time), isTamper: isTamper, into: $0.mutableSpan)
      }
      let leaf = try Leaf(decoding: bytes.span)
      try leaf.validate()
      let contact = try leaf.event().contact()
      #expect(array(contact.name) == Array("lid".utf8))
      #expect(contact.isOn == isOn && contact.isTamper == isTamper)
      #expect(contact.milliseconds == time && contact.count == UInt64(time))
      #expect(try acceptedAndReencoded(bytes) == bytes)
    }
  }
}

@Test func aPressedButtonComesBackAndOneThatWasNeverPressedIsRefused() throws {
  for count in [0, 1, 100_000] as [UInt64] {
    let bytes = written {
      LeafEncoding.button(
        milliseconds: 9, edgeMilliseconds: 7, count: count, into: $0.mutableSpan)
    }
    let leaf = try Leaf(decoding: bytes.span)
    guard count > 0 else {
      #expect(throws: (any Error).self) { try leaf.validate() }
      continue
    }
    let button = try leaf.event().button()
    #expect(button.milliseconds == 7 && button.count == count)
    #expect(try acceptedAndReencoded(bytes) == bytes)
  }
}

@Test func aClockComesBackFromEverySource() throws {
  for source in (0...255).compactMap({ FixSource(rawValue: $0) }) {
    for utc in integers {
      let bytes = written {
        LeafEncoding.clock(
          milliseconds: 60, source: source, utcMilliseconds: utc, uncertaintyMilliseconds: .max,
          into: $0.mutableSpan)
      }
      let clock = try Leaf(decoding: bytes.span).clock()
      #expect(clock.sourceNumber == UInt64(source.rawValue) && clock.utcMilliseconds == utc)
      #expect(clock.uncertaintyMilliseconds == .max)
      #expect(try acceptedAndReencoded(bytes) == bytes)
    }
  }
}

@Test func aPositionComesBackFromPoleToPole() throws {
  let corners: [(Int64, Int64)] = [
    (0, 0), (900_000_000, 1_800_000_000), (-900_000_000, -1_800_000_000),
    (406_428_000, -737_789_000),
  ]
  for (latitude, longitude) in corners {
    for altitude: Int64? in [nil, 0, -43_000, 884_886] {
      for accuracy: Int64? in [nil, 0, 250] {
        let bytes = written {
          LeafEncoding.position(
            milliseconds: 4, source: .gnss, latitudeE7: latitude, longitudeE7: longitude,
            altitudeCentimetres: altitude, accuracyCentimetres: accuracy, into: $0.mutableSpan)
        }
        let position = try Leaf(decoding: bytes.span).position()
        #expect(position.latitudeE7 == latitude && position.longitudeE7 == longitude)
        #expect(position.altitudeCentimetres == altitude)
        #expect(position.accuracyCentimetres == accuracy)
        #expect(try acceptedAndReencoded(bytes) == bytes)
      }
    }
  }
}

@Test func aBufferThatIsTooSmallIsToldAndNotOverrun() {
  var values = ReadingValues(filler: nil)
  values.append(1000)
  let whole = written {
    LeafEncoding.reading(schema: 1, milliseconds: 1000, values: values, into: $0.mutableSpan)
  }
  for room in 0..<whole.count {
    var buffer = [UInt8](repeating: 0xee, count: room)
    let count = LeafEncoding.reading(
      schema: 1, milliseconds: 1000, values: values, into: buffer.mutableSpan)
    #expect(count == whole.count)
    #expect(buffer == Array(whole[..<room]))
  }
}
