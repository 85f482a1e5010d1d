import CBOR
import FixedMemory

/// Leaves of coverage, strictly (docs/coverage-protocol.md, "Leaves").
extension Leaf {
  /// What a network server signs for a frame: a signature, a key and a few numbers.
  public static var maximumReceiptByteCount: Int { 256 }

  public func intent() throws(CBORDecoder.Failure) -> BeaconIntent {
    var decoder = try values(.intent, count: 2)
    return BeaconIntent(
      number: try decoder.challengeNumber(), frameHash: try decoder.exactly())
  }

  public func sent() throws(CBORDecoder.Failure) -> SentBeacon {
    var decoder = try values(.sent, count: 7)
    let number = try decoder.challengeNumber()
    let isRetry = try decoder.boolean()
    let start = try decoder.integer()
    let timeOnAir = try decoder.unsigned(as: UInt32.self)
    let frequency = try decoder.unsigned(as: UInt32.self)
    let factor = try decoder.unsigned(as: UInt8.self)
    guard start >= 0, (5...12).contains(factor) else { throw .outOfRange }
    return SentBeacon(
      number: number, isRetry: isRetry, startMilliseconds: start,
      timeOnAirMicroseconds: timeOnAir, frequencyHertz: frequency, spreadingFactor: factor,
      isConfirmed: try decoder.boolean())
  }

  public func reveal() throws(CBORDecoder.Failure) -> BeaconReveal {
    var decoder = try values(.reveal, count: 3)
    let number = try decoder.challengeNumber()
    let link: FixedBytes<32> = try decoder.exactly()
    let power = try decoder.optionalInt32()
    guard Reception.decibelRange.contains(power ?? 0) else { throw .outOfRange }
    return BeaconReveal(number: number, link: link, powerCentidecibelMilliwatts: power)
  }

  public func witness() throws(CBORDecoder.Failure) -> BeaconWitness {
    var decoder = try values(.witness, count: 13)
    return BeaconWitness(frame: try decoder.exactly(), reception: try decoder.reception())
  }

  public func listen() throws(CBORDecoder.Failure) -> ListenRecord {
    var decoder = try values(.listen, count: 6)
    let number = try decoder.challengeNumber()
    let modeNumber = try decoder.unsigned(as: UInt8.self)
    let frequency = try decoder.skipNull() ? nil : decoder.unsigned(as: UInt32.self)
    let factor = try decoder.skipNull() ? nil : decoder.unsigned(as: UInt8.self)
    guard let mode = ListenRecord.Mode(rawValue: modeNumber),
      let slots = SlotSet(try decoder.byteString()),
      let listen = ListenRecord(
        number: number, mode: mode, frequencyHertz: frequency, spreadingFactor: factor,
        slots: slots, noiseCentidecibelMilliwatts: try decoder.optionalInt32())
    else { throw .outsideFormat }
    return listen
  }

  public func frame() throws(CBORDecoder.Failure) -> ForwardedFrame {
    var decoder = try values(.frame, count: 15)
    let frame = ForwardedFrame(
      hash: try decoder.exactly(), byteCount: try decoder.unsigned(as: UInt8.self),
      reception: try decoder.reception())
    if try !decoder.skipNull() {
      let receipt = try decoder.byteString()
      guard (1...Self.maximumReceiptByteCount).contains(receipt.count) else { throw .outOfRange }
    }
    return frame
  }

  /// What a network server signed for the frame; empty when there is nothing.
  @_lifetime(copy self)
  public func frameReceipt() throws(CBORDecoder.Failure) -> Span<UInt8> {
    var decoder = try values(.frame, count: 15)
    for _ in 0..<14 { try decoder.skipItem() }
    if try decoder.skipNull() { return Span() }
    return try decoder.byteString()
  }
}

extension Leaf.Event {
  /// The arguments of events 12 to 16: numbers, as many as the code asks for.
  public func numbers() throws(CBORDecoder.Failure) -> FixedArray<3, UInt64> {
    guard let count = code?.numberCount, count == argumentCount else { throw .outsideFormat }
    var decoder = arguments
    var numbers = FixedArray<3, UInt64>(filler: 0)
    for _ in 0..<count { numbers.append(try decoder.unsigned()) }
    return numbers
  }
}

extension CBORDecoder {
  @_lifetime(self: copy self)
  fileprivate mutating func exactly<let count: Int>() throws(Failure) -> FixedBytes<count> {
    guard let bytes = FixedBytes<count>(try byteString()) else { throw .outsideFormat }
    return bytes
  }

  /// 1 to 2^32 - 1.
  @_lifetime(self: copy self)
  fileprivate mutating func challengeNumber() throws(Failure) -> UInt32 {
    let number = try unsigned(as: UInt32.self)
    guard number > 0 else { throw .outOfRange }
    return number
  }

  @_lifetime(self: copy self)
  fileprivate mutating func int32() throws(Failure) -> Int32 {
    guard let value = Int32(exactly: try integer()) else { throw .outOfRange }
    return value
  }

  @_lifetime(self: copy self)
  fileprivate mutating func optionalInt32() throws(Failure) -> Int32? {
    try skipNull() ? nil : int32()
  }

  @_lifetime(self: copy self)
  fileprivate mutating func reception() throws(Failure) -> Reception {
    guard
      let reception = Reception(
        endMilliseconds: try integer(), uncertaintyMilliseconds: try unsigned(as: UInt32.self),
        frequencyHertz: try unsigned(as: UInt32.self),
        spreadingFactor: try unsigned(as: UInt8.self),
        bandwidthHertz: try unsigned(as: UInt32.self),
        codingRateDenominator: try unsigned(as: UInt8.self),
        rssiCentidecibelMilliwatts: try int32(), signalCentidecibelMilliwatts: try optionalInt32(),
        snrCentidecibels: try optionalInt32(), frequencyErrorHertz: try optionalInt32(),
        correctionNumber: try unsigned(), correctionCentidecibels: try int32())
    else { throw .outOfRange }
    return reception
  }
}
