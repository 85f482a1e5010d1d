/// How a LoRa frame is modulated: all that its time on air depends on, but its length.
public struct Modulation: Equatable, Sendable {
  /// 5 to 12: a symbol has 2^SF chips. SX127x radios have no 5.
  public let spreadingFactor: UInt8
  /// 125, 250 or 500 kHz here; narrower ones are in no region plan.
  public let bandwidth: Bandwidth
  /// N of the coding rate 4/N, 5 to 8.
  public let codingRateDenominator: UInt8
  /// The programmed preamble: 8 in every LoRaWAN region. The radio adds 4.25 symbols, or 6.25 below SF7.
  public let preambleSymbolCount: UInt16
  public let hasExplicitHeader: Bool
  public let hasCRC: Bool

  public enum Bandwidth: UInt32, Sendable {
    case khz125 = 125_000
    case khz250 = 250_000
    case khz500 = 500_000

    public var hertz: UInt32 { rawValue }
  }

  /// A LoRaWAN uplink unless told otherwise. Nil for what no radio can do.
  public init?(
    spreadingFactor: UInt8, bandwidth: Bandwidth = .khz125, codingRateDenominator: UInt8 = 5,
    preambleSymbolCount: UInt16 = 8, hasExplicitHeader: Bool = true, hasCRC: Bool = true
  ) {
    guard (5...12).contains(spreadingFactor), (5...8).contains(codingRateDenominator),
      preambleSymbolCount >= 6
    else { return nil }
    self.spreadingFactor = spreadingFactor
    self.bandwidth = bandwidth
    self.codingRateDenominator = codingRateDenominator
    self.preambleSymbolCount = preambleSymbolCount
    self.hasExplicitHeader = hasExplicitHeader
    self.hasCRC = hasCRC
  }

  /// A symbol's length: 2^SF / bandwidth. A whole number of microseconds for every bandwidth here.
  public var symbolMicroseconds: UInt32 {
    (UInt32(1) << UInt32(spreadingFactor)) * (1_000_000 / bandwidth.hertz)
  }

  /// Symbols of 16 ms and longer carry two bits less each, so that a drifting oscillator does no harm.
  public var hasLowDataRateOptimization: Bool { symbolMicroseconds >= 16_000 }

  /// How long the frame occupies the channel (SX1261/2 data sheet rev. 2.1, section 6.1.4).
  public func timeOnAirMicroseconds(payloadByteCount: UInt8) -> UInt32 {
    let factor = Int32(spreadingFactor)
    let isShort = factor < 7
    var bits = 8 * Int32(payloadByteCount) + (hasCRC ? 16 : 0) - 4 * factor
    if !isShort { bits += 8 }
    if hasExplicitHeader { bits += 20 }
    let bitsInBlock = 4 * (factor - (hasLowDataRateOptimization ? 2 : 0))
    let blocks = bits > 0 ? (bits + bitsInBlock - 1) / bitsInBlock : 0
    let quarterSymbols =
      4 * UInt32(preambleSymbolCount) + (isShort ? 25 : 17) + 4 * 8
      + 4 * UInt32(blocks) * UInt32(codingRateDenominator)
    // SF12 at 125 kHz: 32 768 µs a symbol. The longest frame, with a preamble of 65535, stays below 2^32.
    return UInt32(UInt64(quarterSymbols) * UInt64(symbolMicroseconds) / 4)
  }
}
