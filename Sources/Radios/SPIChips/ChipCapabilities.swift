import FixedMemory
import LoRa

extension RadioCapabilities {
  /// - `lookMilliseconds`: of a line that wakes nobody.
  static func ofChip(_ wiring: ChipWiring, hasLine: Bool, lookMilliseconds: Int64?)
    -> RadioCapabilities
  {
    var ranges = FixedArray<3, FrequencyRange>(filler: FrequencyRange(fromHertz: 0, toHertz: 0))
    func add(_ fromMegahertz: UInt32, _ toMegahertz: UInt32) {
      ranges.append(
        FrequencyRange(
          fromHertz: fromMegahertz * 1_000_000, toHertz: toMegahertz * 1_000_000))
    }
    var factors: ClosedRange<UInt8> = 7...12
    var power: ClosedRange<Int32> = 0...1_400
    switch wiring.kind {
    case .sx1261:
      add(150, 960)
      (factors, power) = (5...12, -1_700...1_400)
    case .sx1262:
      add(150, 960)
      (factors, power) = (5...12, -900...2_200)
    case .llcc68:
      add(150, 960)
      (factors, power) = (5...11, -900...2_200)
    case .sx1272:
      add(860, 1_020)
      power = wiring.usesBoostPin ? 200...2_000 : -100...1_400
    default:
      if wiring.band != .high { add(137, 525) }
      if wiring.band != .low { add(779, 1_020) }
      power = wiring.usesBoostPin ? 200...2_000 : 0...1_400
    }
    let isSX126x = wiring.isSX126x
    var capabilities = RadioCapabilities(
      frequencyRanges: ranges, spreadingFactors: factors, powerCentidecibelMilliwatts: power,
      powerStepCentidecibels: 100, maximumPayloadByteCount: 255, syncWords: .any,
      rssiStepCentidecibels: isSX126x ? 50 : 25, snrStepCentidecibels: 25,
      hasSignalRSSI: isSX126x, hasFrequencyError: true, hasNoiseReading: true,
      receiveTimeUncertaintyMilliseconds: hasLine
        ? 5 + UInt32(clamping: lookMilliseconds ?? 0) : 25,
      retuneMilliseconds: 50,
      needsRestartToConfigure: false, fixedFirstByte: nil)
    if wiring.kind == .llcc68 { capabilities.spreadingFactorsAt125Kilohertz = 5...9 }
    return capabilities
  }
}

extension RadioSetting {
  /// Why a chip can't be set so, beside what its capabilities say.
  func checkForChip(_ kind: RadioKind) throws(RadioRefusal) {
    // Without a header a receiver must know the length beforehand, which a setting does not have.
    guard modulation.hasExplicitHeader, modulation.hasCRC else { throw .modulationNotPossible }
    let factor = modulation.spreadingFactor
    // SX126x receives SF5 and SF6 with a preamble of 12 and more only.
    guard factor > 6 || modulation.preambleSymbolCount >= 12 else { throw .modulationNotPossible }
    if kind == .llcc68 {
      let highest: UInt8 =
        switch modulation.bandwidth {
        case .khz125: 9
        case .khz250: 10
        case .khz500: 11
        }
      guard factor <= highest else { throw .modulationNotPossible }
    }
  }
}
