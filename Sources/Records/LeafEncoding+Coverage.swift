import CBOR
import FixedMemory

/// Leaves of coverage (docs/coverage-protocol.md, "Leaves"). `schema` is the number of the radio.
extension LeafEncoding {
  public static func intent(
    milliseconds: Int64, _ intent: BeaconIntent, into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.leafHead(.intent, schema: 0, milliseconds, valueCount: 2)
    encoder.unsigned(UInt64(intent.number))
    encoder.byteString(intent.frameHash.span)
    return encoder.byteCount
  }

  public static func sent(
    schema: UInt16, milliseconds: Int64, _ sent: SentBeacon,
    into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.leafHead(.sent, schema: schema, milliseconds, valueCount: 7)
    encoder.unsigned(UInt64(sent.number))
    encoder.boolean(sent.isRetry)
    encoder.integer(sent.startMilliseconds)
    encoder.unsigned(UInt64(sent.timeOnAirMicroseconds))
    encoder.unsigned(UInt64(sent.frequencyHertz))
    encoder.unsigned(UInt64(sent.spreadingFactor))
    encoder.boolean(sent.isConfirmed)
    return encoder.byteCount
  }

  public static func reveal(
    milliseconds: Int64, _ reveal: BeaconReveal, into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.leafHead(.reveal, schema: 0, milliseconds, valueCount: 3)
    encoder.unsigned(UInt64(reveal.number))
    encoder.byteString(reveal.link.span)
    encoder.optional(reveal.powerCentidecibelMilliwatts)
    return encoder.byteCount
  }

  public static func witness(
    schema: UInt16, milliseconds: Int64, _ witness: BeaconWitness,
    into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.leafHead(.witness, schema: schema, milliseconds, valueCount: 13)
    encoder.byteString(witness.frame.span)
    encoder.reception(witness.reception)
    return encoder.byteCount
  }

  public static func listen(
    schema: UInt16, milliseconds: Int64, _ listen: ListenRecord,
    into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.leafHead(.listen, schema: schema, milliseconds, valueCount: 6)
    encoder.unsigned(UInt64(listen.number))
    encoder.unsigned(UInt64(listen.mode.rawValue))
    if let frequency = listen.frequencyHertz {
      encoder.unsigned(UInt64(frequency))
    } else {
      encoder.null()
    }
    if let factor = listen.spreadingFactor {
      encoder.unsigned(UInt64(factor))
    } else {
      encoder.null()
    }
    encoder.byteString(listen.slots.span)
    encoder.optional(listen.noiseCentidecibelMilliwatts)
    return encoder.byteCount
  }

  /// - `receipt`: what the network server signed for this frame; empty when there is none. At most 256 bytes.
  public static func frame(
    schema: UInt16, milliseconds: Int64, _ frame: ForwardedFrame, receipt: Span<UInt8>,
    into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    precondition(
      receipt.count <= Leaf.maximumReceiptByteCount, "a receipt longer than a leaf takes")
    var encoder = CBOREncoder(bytes)
    encoder.leafHead(.frame, schema: schema, milliseconds, valueCount: 15)
    encoder.byteString(frame.hash.span)
    encoder.unsigned(UInt64(frame.byteCount))
    encoder.reception(frame.reception)
    if receipt.isEmpty { encoder.null() } else { encoder.byteString(receipt) }
    return encoder.byteCount
  }

  /// Events 12 to 16, whose arguments are numbers: `beaconNotSent` (challenge or 0, why), `framesRefused` (why,
  /// count), `airtimeSpent` (sub-band, microseconds, count), `radioDeaf` (since), `radioReset` (why, count).
  public static func radioEvent(
    _ code: EventCode, schema: UInt16, milliseconds: Int64, _ arguments: FixedArray<3, UInt64>,
    into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    precondition(arguments.count == code.numberCount, "an event with another count of arguments")
    var encoder = CBOREncoder(bytes)
    encoder.leafHead(.event, schema: schema, milliseconds, valueCount: 1 + arguments.count)
    encoder.unsigned(UInt64(code.rawValue))
    for index in arguments.indices { encoder.unsigned(arguments[index]) }
    return encoder.byteCount
  }
}

extension EventCode {
  /// The arguments of an event of coverage, which are unsigned numbers; nil for other events.
  var numberCount: Int? {
    switch self {
    case .beaconNotSent, .framesRefused, .radioReset: 2
    case .airtimeSpent: 3
    case .radioDeaf: 1
    case .measurementsMissed, .leavesDropped, .deviceAttached, .deviceDetached, .sensorReplaced,
      .olderLeavesDropped, .contactChanged, .consoleUnlocked, .consoleRefused, .buttonPressed:
      nil
    }
  }
}

extension CBOREncoder {
  @_lifetime(self: copy self)
  fileprivate mutating func optional(_ value: Int32?) {
    if let value { integer(Int64(value)) } else { null() }
  }

  /// Twelve values.
  @_lifetime(self: copy self)
  fileprivate mutating func reception(_ reception: Reception) {
    integer(reception.endMilliseconds)
    unsigned(UInt64(reception.uncertaintyMilliseconds))
    unsigned(UInt64(reception.frequencyHertz))
    unsigned(UInt64(reception.spreadingFactor))
    unsigned(UInt64(reception.bandwidthHertz))
    unsigned(UInt64(reception.codingRateDenominator))
    integer(Int64(reception.rssiCentidecibelMilliwatts))
    optional(reception.signalCentidecibelMilliwatts)
    optional(reception.snrCentidecibels)
    optional(reception.frequencyErrorHertz)
    unsigned(reception.correctionNumber)
    integer(Int64(reception.correctionCentidecibels))
  }
}
