import CBOR
import FixedMemory

extension ForwarderMessage {
  /// What was encoded, to be sent as one packet.
  public struct Packet: ~Copyable {
    var storage = InlineArray<512, UInt8>(repeating: 0)
    public internal(set) var byteCount = 0

    /// Transparent for the reason given at `FixedBytes.span`.
    public var bytes: Span<UInt8> {
      @_lifetime(borrow self)
      borrowing get { storage.span.extracting(0..<byteCount) }
    }
  }

  private static func head(_ encoder: inout CBOREncoder, _ kind: Kind, count: Int) {
    encoder.arrayHead(count: count)
    encoder.unsigned(version)
    encoder.unsigned(kind.rawValue)
  }

  private static func eight(_ number: UInt64) -> FixedBytes<8> {
    var bytes = FixedBytes<8>()
    for index in 0..<8 {
      bytes[index] = UInt8(truncatingIfNeeded: number >> UInt64((7 - index) * 8))
    }
    return bytes
  }

  private static func optional(_ encoder: inout CBOREncoder, _ value: Int32?) {
    if let value { encoder.integer(Int64(value)) } else { encoder.null() }
  }

  private static func optional(_ encoder: inout CBOREncoder, _ value: UInt32?) {
    if let value { encoder.unsigned(UInt64(value)) } else { encoder.null() }
  }

  /// Type 1.
  public static func encode(_ frame: Frame) -> Packet {
    var packet = Packet()
    let gateway = eight(frame.gateway)
    var encoder = CBOREncoder(packet.storage.mutableSpan)
    head(&encoder, .frame, count: 16)
    encoder.byteString(gateway.span)
    encoder.integer(frame.receivedMilliseconds)
    optional(&encoder, frame.packet.concentratorMicroseconds)
    encoder.unsigned(UInt64(frame.packet.frequencyHertz))
    encoder.unsigned(UInt64(frame.packet.spreadingFactor))
    encoder.unsigned(UInt64(frame.packet.bandwidthHertz))
    encoder.unsigned(UInt64(frame.packet.codingRateDenominator))
    optional(&encoder, frame.packet.packetRSSICentidecibelMilliwatts)
    optional(&encoder, frame.packet.signalRSSICentidecibelMilliwatts)
    optional(&encoder, frame.packet.snrCentidecibels)
    optional(&encoder, frame.packet.frequencyErrorHertz)
    optional(&encoder, frame.packet.fineNanoseconds)
    encoder.unsigned(UInt64(frame.packet.checksum))
    encoder.byteString(frame.packet.bytes)
    let count = encoder.byteCount
    packet.byteCount = count
    return packet
  }

  /// Type 2.
  public static func encode(_ transmit: Transmit) -> Packet {
    var packet = Packet()
    let gateway = eight(transmit.gateway)
    var encoder = CBOREncoder(packet.storage.mutableSpan)
    head(&encoder, .transmit, count: 13)
    encoder.unsigned(UInt64(transmit.number))
    encoder.byteString(gateway.span)
    encoder.unsigned(UInt64(transmit.packet.frequencyHertz))
    encoder.unsigned(UInt64(transmit.packet.spreadingFactor))
    encoder.unsigned(UInt64(transmit.packet.bandwidthHertz))
    encoder.unsigned(UInt64(transmit.packet.codingRateDenominator))
    encoder.integer(Int64(transmit.packet.powerDecibelMilliwatts))
    encoder.boolean(transmit.packet.isInverted)
    encoder.unsigned(UInt64(transmit.packet.preambleSymbolCount))
    encoder.boolean(transmit.packet.hasChecksum)
    encoder.byteString(transmit.packet.bytes)
    let count = encoder.byteCount
    packet.byteCount = count
    return packet
  }

  /// Type 3.
  public static func encode(_ outcome: Outcome) -> Packet {
    var packet = Packet()
    var encoder = CBOREncoder(packet.storage.mutableSpan)
    head(&encoder, .outcome, count: 5)
    encoder.unsigned(UInt64(outcome.number))
    encoder.unsigned(UInt64(outcome.outcome.rawValue))
    optional(&encoder, outcome.powerDecibelMilliwatts)
    let count = encoder.byteCount
    packet.byteCount = count
    return packet
  }

  /// Type 4.
  public static func encode(_ gateway: Gateway) -> Packet {
    var packet = Packet()
    let identifier = eight(gateway.identifier)
    var encoder = CBOREncoder(packet.storage.mutableSpan)
    head(&encoder, .gateway, count: 5)
    encoder.byteString(identifier.span)
    encoder.unsigned(UInt64(gateway.version))
    encoder.boolean(gateway.isPresent)
    let count = encoder.byteCount
    packet.byteCount = count
    return packet
  }

  /// Type 6.
  public static func encode(_ sending: Sending) -> Packet {
    var packet = Packet()
    let identifier = eight(sending.gateway)
    var encoder = CBOREncoder(packet.storage.mutableSpan)
    head(&encoder, .sending, count: 5)
    encoder.byteString(identifier.span)
    encoder.integer(sending.fromMilliseconds)
    encoder.integer(sending.toMilliseconds)
    let count = encoder.byteCount
    packet.byteCount = count
    return packet
  }

  /// Type 5: frames and transmissions that a client was not told of, since it connected.
  public static func encode(lost count: UInt64) -> Packet {
    var packet = Packet()
    var encoder = CBOREncoder(packet.storage.mutableSpan)
    head(&encoder, .lost, count: 3)
    encoder.unsigned(count)
    let byteCount = encoder.byteCount
    packet.byteCount = byteCount
    return packet
  }
}
