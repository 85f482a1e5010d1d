/// How a radio chip is built into its module, which no register tells.
public struct ChipWiring: Equatable, Sendable {
  /// What DIO3 gives the oscillator.
  public enum OscillatorVoltage: UInt8, Sendable {
    case volts1p6 = 0
    case volts1p7, volts1p8, volts2p2, volts2p4, volts2p7, volts3p0, volts3p3
  }

  /// What the module's network to the antenna is made for.
  public enum Band: UInt8, Sendable {
    case any, low, high
  }

  /// One of the kinds behind SPI. SX1261 and SX1262 name themselves alike: this tells which it is.
  public var kind: RadioKind
  /// SX126x: the voltage of a TCXO behind DIO3; nil: a crystal.
  public var oscillator: OscillatorVoltage?
  /// SX126x: the inductor of the DC-DC converter is there; false: LDO alone.
  public var hasConverter: Bool
  /// SX126x: DIO2 switches the antenna between receiver and transmitter.
  public var switchesAntennaByDIO2: Bool
  /// SX127x: the antenna is at PA_BOOST; false: at RFO.
  public var usesBoostPin: Bool
  /// SX1276 and relatives: one of their bands alone.
  public var band: Band

  public init(
    kind: RadioKind, oscillator: OscillatorVoltage? = nil, hasConverter: Bool = true,
    switchesAntennaByDIO2: Bool = true, usesBoostPin: Bool = true, band: Band = .any
  ) {
    precondition(kind.path == .spi, "a module on a serial line has no chip wiring")
    self.kind = kind
    self.oscillator = oscillator
    self.hasConverter = hasConverter
    self.switchesAntennaByDIO2 = switchesAntennaByDIO2
    self.usesBoostPin = usesBoostPin
    self.band = band
  }

  var isSX126x: Bool { kind == .sx1261 || kind == .sx1262 || kind == .llcc68 }
}
