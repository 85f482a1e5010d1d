import CBOR
import FixedMemory

extension ForwarderMessage {
  /// Reads one packet strictly: nothing is left out, added or out of range. A request whose values can't be sent is
  /// `invalidTransmit`, so that it can be answered.
  public static func decode(_ bytes: Span<UInt8>) throws(CBORDecoder.Failure) -> Decoded {
    var decoder = CBORDecoder(bytes)
    let count = try decoder.arrayHead()
    guard try decoder.unsigned() == version, let kind = Kind(rawValue: try decoder.unsigned())
    else { throw .outOfRange }
    guard count == itemCount(kind) else { throw .outOfRange }
    let decoded: Decoded
    switch kind {
    case .frame: decoded = .frame(try frame(&decoder))
    case .transmit: decoded = try transmit(&decoder)
    case .outcome: decoded = .outcome(try outcome(&decoder))
    case .gateway:
      let identifier = try eight(&decoder)
      let version = try decoder.unsigned()
      guard version == 1 || version == 2 else { throw .outOfRange }
      decoded = .gateway(
        Gateway(
          identifier: identifier, version: UInt8(version), isPresent: try decoder.boolean()))
    case .lost: decoded = .lost(try decoder.unsigned())
    case .sending:
      let identifier = try eight(&decoder)
      let from = try decoder.integer()
      let to = try decoder.integer()
      guard from >= 0, from <= to else { throw .outOfRange }
      decoded = .sending(
        Sending(gateway: identifier, fromMilliseconds: from, toMilliseconds: to))
    }
    try decoder.finish()
    return decoded
  }

  private static func itemCount(_ kind: Kind) -> Int {
    switch kind {
    case .frame: 16
    case .transmit: 13
    case .outcome, .gateway, .sending: 5
    case .lost: 3
    }
  }

  private static func eight(_ decoder: inout CBORDecoder) throws(CBORDecoder.Failure) -> UInt64 {
    let bytes = try decoder.byteString()
    guard bytes.count == 8 else { throw .outOfRange }
    var number: UInt64 = 0
    for index in bytes.indices { number = number << 8 | UInt64(bytes[index]) }
    return number
  }

  private static func signed(_ decoder: inout CBORDecoder) throws(CBORDecoder.Failure) -> Int32? {
    if try decoder.skipNull() { return nil }
    guard let value = Int32(exactly: try decoder.integer()) else { throw .outOfRange }
    return value
  }

  private static func word(_ decoder: inout CBORDecoder) throws(CBORDecoder.Failure) -> UInt32 {
    guard let value = UInt32(exactly: try decoder.unsigned()) else { throw .outOfRange }
    return value
  }

  private static func byte(_ decoder: inout CBORDecoder) throws(CBORDecoder.Failure) -> UInt8 {
    guard let value = UInt8(exactly: try decoder.unsigned()) else { throw .outOfRange }
    return value
  }

  private static func frame(_ decoder: inout CBORDecoder) throws(CBORDecoder.Failure) -> Frame {
    let gateway = try eight(&decoder)
    let received = try decoder.integer()
    var packet = ReceivedPacket()
    if try !decoder.skipNull() { packet.concentratorMicroseconds = try word(&decoder) }
    packet.frequencyHertz = try word(&decoder)
    packet.spreadingFactor = try byte(&decoder)
    packet.bandwidthHertz = try word(&decoder)
    packet.codingRateDenominator = try byte(&decoder)
    packet.packetRSSICentidecibelMilliwatts = try signed(&decoder)
    packet.signalRSSICentidecibelMilliwatts = try signed(&decoder)
    packet.snrCentidecibels = try signed(&decoder)
    packet.frequencyErrorHertz = try signed(&decoder)
    if try !decoder.skipNull() { packet.fineNanoseconds = try word(&decoder) }
    packet.checksum = try byte(&decoder)
    let bytes = try decoder.byteString()
    guard (5...12).contains(packet.spreadingFactor), (1...4).contains(packet.checksum),
      (5...8).contains(packet.codingRateDenominator), (1...255).contains(bytes.count),
      packet.bandwidthHertz == 125_000 || packet.bandwidthHertz == 250_000
        || packet.bandwidthHertz == 500_000
    else { throw .outOfRange }
    for index in bytes.indices { packet.storage[index] = bytes[index] }
    packet.byteCount = UInt8(bytes.count)
    return Frame(gateway: gateway, receivedMilliseconds: received, packet: packet)
  }

  private static func transmit(_ decoder: inout CBORDecoder) throws(CBORDecoder.Failure)
    -> Decoded
  {
    let number = try word(&decoder)
    let gateway = try eight(&decoder)
    let frequency = try word(&decoder)
    let factor = try byte(&decoder)
    let bandwidth = try word(&decoder)
    let rate = try byte(&decoder)
    let power = try decoder.integer()
    let isInverted = try decoder.boolean()
    let preamble = try decoder.unsigned()
    let hasChecksum = try decoder.boolean()
    let bytes = try decoder.byteString()
    guard let power = Int8(exactly: power), (6...65_535).contains(preamble),
      var packet = TransmitPacket(
        frequencyHertz: frequency, spreadingFactor: factor, bandwidthHertz: bandwidth,
        codingRateDenominator: rate, powerDecibelMilliwatts: power, bytes: bytes)
    else { return .invalidTransmit(number: number) }
    packet.isInverted = isInverted
    packet.preambleSymbolCount = UInt16(preamble)
    packet.hasChecksum = hasChecksum
    return .transmit(Transmit(number: number, gateway: gateway, packet: packet))
  }

  private static func outcome(_ decoder: inout CBORDecoder) throws(CBORDecoder.Failure) -> Outcome {
    let number = try word(&decoder)
    guard let outcome = TransmitOutcome(rawValue: try byte(&decoder)) else { throw .outOfRange }
    return Outcome(
      number: number, outcome: outcome, powerDecibelMilliwatts: try signed(&decoder))
  }
}
