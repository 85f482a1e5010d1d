import LoRa

/// How a radio is set: what it hears, and what it sends with. One value, because most modules take it as one.
public struct RadioSetting: Equatable, Sendable {
  /// The channel's centre.
  public let frequencyHertz: UInt32
  public let modulation: Modulation
  /// As SX127x radios write it: 0x34 in LoRaWAN, 0x12 elsewhere. SX126x has it as 0x3444 and 0x1424.
  public let syncWord: UInt8
  /// What gateways send to devices is inverted in LoRaWAN; beacons are not.
  public let hasInvertedIQ: Bool
  /// Conducted, into the antenna's cable.
  public let powerCentidecibelMilliwatts: Int32

  public init(
    frequencyHertz: UInt32, modulation: Modulation, syncWord: UInt8 = 0x34,
    hasInvertedIQ: Bool = false, powerCentidecibelMilliwatts: Int32
  ) {
    self.frequencyHertz = frequencyHertz
    self.modulation = modulation
    self.syncWord = syncWord
    self.hasInvertedIQ = hasInvertedIQ
    self.powerCentidecibelMilliwatts = powerCentidecibelMilliwatts
  }
}
