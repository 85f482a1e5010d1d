import CBOR
import FixedMemory
import Records
import TestSupport
import Testing

/// Numbers that a seed determines, the ends of their types among them (SplitMix64).
private struct Draws {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func word() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  mutating func flag() -> Bool { word() & 1 == 1 }

  mutating func number<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) -> Number {
    switch word() % 4 {
    case 0: Number.min
    case 1: Number.max
    // As figures of radios are, and of any size.
    case 2: Number(clamping: Int64(word() % 60_000) - 30_000)
    default: Number(truncatingIfNeeded: word())
    }
  }

  mutating func optional<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) -> Number? {
    word() % 4 == 0 ? nil : number()
  }

  mutating func fixed<let count: Int>() -> FixedBytes<count> {
    var bytes = FixedBytes<count>()
    for index in 0..<count { bytes[index] = UInt8(truncatingIfNeeded: word()) }
    return bytes
  }

  /// Of a challenge: 1 at least.
  mutating func challenge() -> UInt32 { max(1, number()) }
  mutating func time() -> Int64 { max(0, number()) }

  mutating func decibels() -> Int32 { Int32(word() % 42_000) - 31_000 }

  mutating func reception() -> Reception? {
    Reception(
      endMilliseconds: time(), uncertaintyMilliseconds: number(), frequencyHertz: number(),
      spreadingFactor: UInt8(word() % 16), bandwidthHertz: number(),
      codingRateDenominator: UInt8(word() % 10), rssiCentidecibelMilliwatts: decibels(),
      signalCentidecibelMilliwatts: flag() ? nil : decibels(),
      snrCentidecibels: optional(), frequencyErrorHertz: optional(), correctionNumber: number(),
      correctionCentidecibels: decibels())
  }
}

/// A batch with one leaf that a gateway refuses is refused for good, and all behind it: so no figure, whoever told it,
/// may lead to such a leaf.
@Test(arguments: 1...8 as ClosedRange<UInt64>)
func whateverACoverageLeafIsGivenItDecodesAgain(seed: UInt64) throws {
  var draws = Draws(seed: seed)
  var receptions = 0
  for _ in 0..<400 {
    let (number, link, power) = (
      draws.challenge(), draws.fixed() as FixedBytes<32>, draws.optional(Int32.self)
    )
    let reveal = BeaconReveal(number: number, link: link, powerCentidecibelMilliwatts: power)
    let revealed = written {
      LeafEncoding.reveal(milliseconds: 5, reveal, into: $0.mutableSpan)
    }
    #expect(try Leaf(decoding: revealed.span).reveal() == reveal, "\(String(describing: power))")
    let isHeld = power.map { Reception.decibelRange.contains($0) } ?? true
    #expect(reveal.powerCentidecibelMilliwatts == (isHeld ? power : nil))

    let sent = SentBeacon(
      number: draws.challenge(), isRetry: draws.flag(), startMilliseconds: draws.number(),
      timeOnAirMicroseconds: draws.number(), frequencyHertz: draws.number(),
      spreadingFactor: draws.number(), isConfirmed: draws.flag())
    let sentBytes = written {
      LeafEncoding.sent(schema: 33, milliseconds: 5, sent, into: $0.mutableSpan)
    }
    #expect(try Leaf(decoding: sentBytes.span).sent() == sent)

    let intent = BeaconIntent(number: draws.challenge(), frameHash: draws.fixed())
    let intentBytes = written {
      LeafEncoding.intent(milliseconds: 5, intent, into: $0.mutableSpan)
    }
    #expect(try Leaf(decoding: intentBytes.span).intent() == intent)

    if let reception = draws.reception() {
      receptions += 1
      let witness = BeaconWitness(frame: draws.fixed(), reception: reception)
      let bytes = written {
        LeafEncoding.witness(schema: 33, milliseconds: 5, witness, into: $0.mutableSpan)
      }
      #expect(try Leaf(decoding: bytes.span).witness() == witness)
      let frame = ForwardedFrame(
        hash: draws.fixed(), byteCount: draws.number(), reception: reception)
      let frameBytes = written {
        LeafEncoding.frame(
          schema: 33, milliseconds: 5, frame, receipt: Span(), into: $0.mutableSpan)
      }
      #expect(try Leaf(decoding: frameBytes.span).frame() == frame)
    }
    try listen(&draws)
  }
  #expect(receptions > 0)
}

private func listen(_ draws: inout Draws) throws {
  var slots = SlotSet()
  for _ in 0..<(draws.word() % 20) { slots.insert(Int(draws.word() % 1_024)) }
  let made = ListenRecord(
    number: draws.challenge(), mode: draws.flag() ? .rendezvous : .fixed,
    frequencyHertz: draws.optional(), spreadingFactor: draws.optional(), slots: slots,
    noiseCentidecibelMilliwatts: draws.optional())
  guard let record = made else { return }
  let bytes = written {
    LeafEncoding.listen(schema: 33, milliseconds: 5, record, into: $0.mutableSpan)
  }
  #expect(try Leaf(decoding: bytes.span).listen() == record)
}
