import FixedMemory
import LoRa

/// What a radio can do, and what it can tell. Known once it is identified.
public struct RadioCapabilities: Equatable, Sendable {
  /// A part of the spectrum that the radio tunes to, both ends included.
  public struct FrequencyRange: Equatable, Sendable {
    public let fromHertz: UInt32
    public let toHertz: UInt32

    public init(fromHertz: UInt32, toHertz: UInt32) {
      self.fromHertz = fromHertz
      self.toHertz = toHertz
    }
  }

  public enum SyncWords: UInt8, Sendable {
    case any
    /// 0x34 and 0x12.
    case lorawanAndPrivate
    /// 0x12: such a radio hears no LoRaWAN frame, and no beacon.
    case privateOnly
  }

  public let frequencyRanges: FixedArray<3, FrequencyRange>
  public let spreadingFactors: ClosedRange<UInt8>
  /// At 125 kHz, on which beacons are: LLCC68 has fewer there than at 500 kHz.
  public var spreadingFactorsAt125Kilohertz: ClosedRange<UInt8>
  /// Conducted power, in steps from the lowest.
  public let powerCentidecibelMilliwatts: ClosedRange<Int32>
  public let powerStepCentidecibels: Int32
  public let maximumPayloadByteCount: UInt8
  public let syncWords: SyncWords
  /// Figures have this step; 100 where the module cuts fractions off.
  public let rssiStepCentidecibels: Int32
  public let snrStepCentidecibels: Int32
  public let hasSignalRSSI: Bool
  public let hasFrequencyError: Bool
  /// Whether `measureNoise` works.
  public let hasNoiseReading: Bool
  /// The end of a reception is known within so much: an AT module's line takes its time.
  public let receiveTimeUncertaintyMilliseconds: UInt32
  /// From `configure` to listening on another channel, at most, when nothing goes wrong.
  public let retuneMilliseconds: UInt32
  /// Every change of a setting restarts the radio, which is deaf meanwhile.
  public let needsRestartToConfigure: Bool
  /// The firmware begins every frame that it sends with a byte of its own choice, which the driver sets to this:
  /// other frames can't be sent.
  public let fixedFirstByte: UInt8?

  public init(
    frequencyRanges: FixedArray<3, FrequencyRange>, spreadingFactors: ClosedRange<UInt8>,
    powerCentidecibelMilliwatts: ClosedRange<Int32>, powerStepCentidecibels: Int32,
    maximumPayloadByteCount: UInt8, syncWords: SyncWords, rssiStepCentidecibels: Int32,
    snrStepCentidecibels: Int32, hasSignalRSSI: Bool, hasFrequencyError: Bool,
    hasNoiseReading: Bool, receiveTimeUncertaintyMilliseconds: UInt32, retuneMilliseconds: UInt32,
    needsRestartToConfigure: Bool, fixedFirstByte: UInt8?
  ) {
    self.frequencyRanges = frequencyRanges
    self.spreadingFactors = spreadingFactors
    spreadingFactorsAt125Kilohertz = spreadingFactors
    self.powerCentidecibelMilliwatts = powerCentidecibelMilliwatts
    self.powerStepCentidecibels = powerStepCentidecibels
    self.maximumPayloadByteCount = maximumPayloadByteCount
    self.syncWords = syncWords
    self.rssiStepCentidecibels = rssiStepCentidecibels
    self.snrStepCentidecibels = snrStepCentidecibels
    self.hasSignalRSSI = hasSignalRSSI
    self.hasFrequencyError = hasFrequencyError
    self.hasNoiseReading = hasNoiseReading
    self.receiveTimeUncertaintyMilliseconds = receiveTimeUncertaintyMilliseconds
    self.retuneMilliseconds = retuneMilliseconds
    self.needsRestartToConfigure = needsRestartToConfigure
    self.fixedFirstByte = fixedFirstByte
  }

  /// Whether the radio follows a rendezvous: it is on the next slot's channel with half of the slot left.
  public func retunesWithin(slotMilliseconds: UInt32) -> Bool {
    !needsRestartToConfigure && retuneMilliseconds <= slotMilliseconds / 2
  }

  /// Why a setting can't be had, or nothing.
  public func check(_ setting: RadioSetting) throws(RadioRefusal) {
    var isInRange = false
    for index in frequencyRanges.indices
    where frequencyRanges[index].fromHertz <= setting.frequencyHertz
      && setting.frequencyHertz <= frequencyRanges[index].toHertz
    {
      isInRange = true
    }
    guard isInRange else { throw .frequencyOutOfRange }
    let factors =
      setting.modulation.bandwidth == .khz125 ? spreadingFactorsAt125Kilohertz : spreadingFactors
    guard factors.contains(setting.modulation.spreadingFactor) else {
      throw .modulationNotPossible
    }
    let power = setting.powerCentidecibelMilliwatts
    guard powerCentidecibelMilliwatts.contains(power),
      (power - powerCentidecibelMilliwatts.lowerBound) % powerStepCentidecibels == 0
    else { throw .powerNotPossible }
    let isKnown =
      switch syncWords {
      case .any: true
      case .lorawanAndPrivate: setting.syncWord == 0x34 || setting.syncWord == 0x12
      case .privateOnly: setting.syncWord == 0x12
      }
    guard isKnown else { throw .syncWordNotPossible }
  }

  /// The nearest power that the radio has, not above what is asked for where it has one as low.
  public func nearestPower(toCentidecibelMilliwatts asked: Int32) -> Int32 {
    let (low, high) = (
      powerCentidecibelMilliwatts.lowerBound, powerCentidecibelMilliwatts.upperBound
    )
    let clamped = max(low, min(high, asked))
    return clamped - (clamped - low) % powerStepCentidecibels
  }
}
