import CBOR
import FixedMemory
import Records
import TestSupport
import Testing

private let signs: [Int32?] = [nil, -30_000, -257, -1, 0, 23, 256, 10_000]

private func someReception(_ index: Int, factor: UInt8) throws -> Reception {
  let made = Reception(
    endMilliseconds: index.isMultiple(of: 2) ? .max : 0, uncertaintyMilliseconds: .max,
    frequencyHertz: 868_100_000, spreadingFactor: factor, bandwidthHertz: 125_000,
    codingRateDenominator: 5, rssiCentidecibelMilliwatts: signs[index] ?? -12_000,
    signalCentidecibelMilliwatts: signs[(index + 1) % signs.count],
    snrCentidecibels: signs[(index + 2) % signs.count],
    frequencyErrorHertz: signs[(index + 3) % signs.count], correctionNumber: .max,
    correctionCentidecibels: signs[(index + 4) % signs.count] ?? 0)
  return try #require(made)
}

@Test func beaconsComeBackFromTheirLeaves() throws {
  for number in [1, 23, 24, 65_536, UInt32.max] {
    let intent = BeaconIntent(number: number, frameHash: try fixed(Array(0..<32)))
    let intentBytes = written {
      LeafEncoding.intent(milliseconds: 5, intent, into: $0.mutableSpan)
    }
    #expect(try Leaf(decoding: intentBytes.span).intent() == intent)
    #expect(try acceptedAndReencoded(intentBytes) == intentBytes)
    for flag in [false, true] {
      let sent = SentBeacon(
        number: number, isRetry: flag, startMilliseconds: .max, timeOnAirMicroseconds: .max,
        frequencyHertz: .max, spreadingFactor: 12, isConfirmed: !flag)
      let bytes = written {
        LeafEncoding.sent(schema: 33, milliseconds: 5, sent, into: $0.mutableSpan)
      }
      #expect(try Leaf(decoding: bytes.span).sent() == sent)
      #expect(try acceptedAndReencoded(bytes) == bytes)
    }
    for power in signs {
      let reveal = BeaconReveal(
        number: number, link: try fixed(Array(0..<32)), powerCentidecibelMilliwatts: power)
      let bytes = written {
        LeafEncoding.reveal(milliseconds: 5, reveal, into: $0.mutableSpan)
      }
      #expect(try Leaf(decoding: bytes.span).reveal() == reveal)
      #expect(try acceptedAndReencoded(bytes) == bytes)
    }
  }
}

@Test func receptionsComeBackFromTheirLeaves() throws {
  for index in signs.indices {
    for factor in UInt8(5)...12 {
      let reception = try someReception(index, factor: factor)
      let witness = BeaconWitness(frame: try fixed(Array(0..<24)), reception: reception)
      let bytes = written {
        LeafEncoding.witness(schema: 33, milliseconds: 5, witness, into: $0.mutableSpan)
      }
      #expect(try Leaf(decoding: bytes.span).witness() == witness)
      #expect(try acceptedAndReencoded(bytes) == bytes)
      for receiptCount in [0, 1, 256] {
        let frame = ForwardedFrame(
          hash: try fixed(Array(0..<32)), byteCount: .max, reception: reception)
        let receipt = [UInt8](repeating: 9, count: receiptCount)
        let frameBytes = written {
          LeafEncoding.frame(
            schema: 33, milliseconds: 5, frame, receipt: receipt.span, into: $0.mutableSpan)
        }
        let leaf = try Leaf(decoding: frameBytes.span)
        #expect(try leaf.frame() == frame)
        let found = array(try leaf.frameReceipt())
        #expect(found == receipt)
        #expect(try acceptedAndReencoded(frameBytes) == frameBytes)
        #expect(frameBytes.count <= 1_024)
      }
    }
  }
}

@Test func whatWasListenedToComesBackSlotBySlot() throws {
  for slots in [[], [0], [7, 8], [3, 400, 1_023]] {
    var set = SlotSet()
    for slot in slots { set.insert(slot) }
    for mode in [ListenRecord.Mode.rendezvous, .fixed, .everything] {
      let made = ListenRecord(
        number: .max, mode: mode, frequencyHertz: mode == .fixed ? 868_100_000 : nil,
        spreadingFactor: mode == .fixed ? 12 : nil, slots: set,
        noiseCentidecibelMilliwatts: -11_700)
      let listen = try #require(made)
      let bytes = written {
        LeafEncoding.listen(schema: 33, milliseconds: 5, listen, into: $0.mutableSpan)
      }
      let found = try Leaf(decoding: bytes.span).listen()
      #expect(found == listen)
      #expect((0..<1_024).filter { found.slots.contains($0) } == slots)
      #expect(try acceptedAndReencoded(bytes) == bytes)
    }
  }
  #expect(
    ListenRecord(
      number: 1, mode: .fixed, slots: SlotSet(), noiseCentidecibelMilliwatts: nil) == nil)
  func slots(_ bytes: [UInt8]) -> SlotSet? { SlotSet(bytes.span) }
  #expect(slots([1, 0]) == nil)
  #expect(slots([UInt8](repeating: 1, count: 129)) == nil)
}

@Test func figuresThatNoRadioHasAreNoReception() throws {
  let witness = BeaconWitness(
    frame: FixedBytes(), reception: try someReception(0, factor: 7))
  let right = written {
    LeafEncoding.witness(schema: 33, milliseconds: 5, witness, into: $0.mutableSpan)
  }
  guard case .array(var items) = try Item(right) else {
    Issue.record("a leaf is an array")
    return
  }
  // kind, schema, t, frame, then the reception.
  let wrong: [(place: Int, value: Item)] = [
    (4, .negative(0)), (5, .unsigned(1 << 32)), (7, .unsigned(4)), (7, .unsigned(13)),
    (9, .unsigned(4)), (9, .unsigned(9)), (10, .unsigned(10_001)), (10, .negative(30_000)),
    (11, .unsigned(10_001)), (12, .negative(30_000)), (13, .unsigned(1_000_001)),
    (15, .negative(30_000)), (3, .bytes([1])),
  ]
  for (place, value) in wrong {
    let kept = items[place]
    items[place] = value
    #expect(refusal(items) != nil, "value \(place)")
    items[place] = kept
  }
  #expect(refusal(items) == nil)
}

@Test func aBeaconHasANumberOf32Bits() {
  let hash = Item.bytes([UInt8](repeating: 7, count: 32))
  func intent(_ number: UInt64) -> [Item] {
    [.unsigned(8), .unsigned(0), .unsigned(0), .unsigned(number), hash]
  }
  #expect(refusal(intent(1)) == nil)
  #expect(refusal(intent(0)) == .outOfRange)
  #expect(refusal(intent(1 << 32 - 1)) == nil)
  #expect(refusal(intent(1 << 32)) == .outOfRange)
}

@Test func eventsOfARadioSayTheirNumbers() throws {
  let counts: [(EventCode, Int)] = [
    (.beaconNotSent, 2), (.framesRefused, 2), (.airtimeSpent, 3), (.radioDeaf, 1),
    (.radioReset, 2),
  ]
  for (code, count) in counts {
    var numbers = FixedArray<3, UInt64>(filler: 0)
    for index in 0..<count { numbers.append(index == 0 ? .max : UInt64(index)) }
    let bytes = written {
      LeafEncoding.radioEvent(
        code, schema: 33, milliseconds: 5, numbers, into: $0.mutableSpan)
    }
    let found = try Leaf(decoding: bytes.span).event().numbers()
    #expect(found == numbers)
    #expect(try acceptedAndReencoded(bytes) == bytes)
  }
}
