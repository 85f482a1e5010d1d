import FixedMemory
import LoRa

extension RadioCapabilities {
  /// Of a module on a serial line; nil for a chip behind SPI. Power, ranges and lengths are those that its firmware
  /// takes; which band a module's matching network is made for is printed on it, and can't be asked.
  static func ofModule(_ kind: RadioKind, isOldFirmware: Bool) -> RadioCapabilities? {
    var ranges = FixedArray<3, FrequencyRange>(
      filler: FrequencyRange(fromHertz: 0, toHertz: 0))
    func add(_ fromKilohertz: UInt32, _ toKilohertz: UInt32) {
      ranges.append(
        FrequencyRange(fromHertz: fromKilohertz * 1_000, toHertz: toKilohertz * 1_000))
    }
    var power: ClosedRange<Int32> = 0...2_200
    var maximumByteCount: UInt8 = 250
    var syncWords = SyncWords.lorawanAndPrivate
    // What the line takes for a frame of 24 bytes, and for the commands of a change.
    var (uncertainty, retune): (UInt32, UInt32) = (150, 500)
    var factors: ClosedRange<UInt8> = 7...12
    switch kind {
    case .rak3172:
      add(433_000, 510_000)
      add(863_000, 960_000)
      power = 500...2_200
      syncWords = isOldFirmware ? .privateOnly : .any
      (uncertainty, retune) = isOldFirmware ? (100, 600) : (20, 300)
      factors = isOldFirmware ? 6...12 : 5...12
    case .rn2483:
      add(433_050, 434_790)
      add(863_000, 870_000)
      power = -300...1_500
      (maximumByteCount, syncWords, uncertainty, retune) = (255, .any, 30, 700)
    case .rn2903:
      add(902_000, 928_000)
      power = 200...1_700
      (maximumByteCount, syncWords, uncertainty, retune) = (255, .any, 30, 700)
    case .loraE5:
      add(410_000, 510_000)
      add(862_000, 932_000)
    case .la66:
      add(410_000, 525_000)
      add(862_000, 960_000)
      (maximumByteCount, uncertainty, retune) = (230, 250, 6_000)
    case .sx1261, .sx1262, .llcc68, .sx1272, .sx1276, .concentrator: return nil
    }
    return RadioCapabilities(
      frequencyRanges: ranges, spreadingFactors: factors, powerCentidecibelMilliwatts: power,
      powerStepCentidecibels: 100, maximumPayloadByteCount: maximumByteCount,
      syncWords: syncWords, rssiStepCentidecibels: 100, snrStepCentidecibels: 100,
      hasSignalRSSI: false, hasFrequencyError: false, hasNoiseReading: false,
      receiveTimeUncertaintyMilliseconds: uncertainty, retuneMilliseconds: retune,
      needsRestartToConfigure: kind == .la66, fixedFirstByte: kind == .la66 ? LA66.firstByte : nil)
  }
}

extension RadioSetting {
  /// Why a module's firmware can't be set so, beside what its capabilities say.
  func checkForModule(_ kind: RadioKind, isOldFirmware: Bool) throws(RadioRefusal) {
    guard modulation.hasExplicitHeader, modulation.hasCRC else { throw .modulationNotPossible }
    // RFCFG has no coding rate.
    guard kind != .loraE5 || modulation.codingRateDenominator == 5 else {
      throw .modulationNotPossible
    }
    guard !(isOldFirmware && hasInvertedIQ) else { throw .modulationNotPossible }
    guard kind != .la66 || frequencyHertz % 1_000 == 0 else { throw .frequencyOutOfRange }
    guard kind != .la66 || modulation.preambleSymbolCount <= 255 else {
      throw .modulationNotPossible
    }
  }

  /// A place for a setting that there is not yet.
  static var none: RadioSetting {
    guard let modulation = Modulation(spreadingFactor: 7) else { stop("SF7 is no LoRa") }
    return RadioSetting(
      frequencyHertz: 0, modulation: modulation, powerCentidecibelMilliwatts: 0)
  }
}
