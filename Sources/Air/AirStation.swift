import Foundation

/// A radio with its antenna, at its place.
public struct AirStation: Equatable, Sendable {
  public var place: AirPlace
  /// Stations of one site are in the same shadow, and in none of each other's; nil: a site of its own.
  public var site: UInt64?
  public var antennaGainDecibels: Double
  public var cableLossDecibels: Double
  public var noiseFigureDecibels: Double
  /// What machines around add to the thermal noise; −infinity: nothing.
  public var localNoiseDecibelMilliwatts: Double
  public var oscillator: AirOscillator
  public var figures: AirFigureStyle
  /// How far the radio's power readings are off, on all frames alike.
  public var rssiOffsetDecibels: Double

  public init(
    place: AirPlace, site: UInt64? = nil, antennaGainDecibels: Double = 2.15,
    cableLossDecibels: Double = 0, noiseFigureDecibels: Double = 6,
    localNoiseDecibelMilliwatts: Double = -.infinity, oscillator: AirOscillator = AirOscillator(),
    figures: AirFigureStyle = .sx126x, rssiOffsetDecibels: Double = 0
  ) {
    self.place = place
    self.site = site
    self.antennaGainDecibels = antennaGainDecibels
    self.cableLossDecibels = cableLossDecibels
    self.noiseFigureDecibels = noiseFigureDecibels
    self.localNoiseDecibelMilliwatts = localNoiseDecibelMilliwatts
    self.oscillator = oscillator
    self.figures = figures
    self.rssiOffsetDecibels = rssiOffsetDecibels
  }

  /// −174 dBm/Hz + 10·log10(bandwidth) + noise figure, and what machines add.
  public func noiseDecibelMilliwatts(bandwidthHertz: UInt32) -> Double {
    let thermal = Self.thermalDecibelMilliwatts(
      bandwidthHertz: bandwidthHertz, noiseFigureDecibels: noiseFigureDecibels)
    guard localNoiseDecibelMilliwatts > -.infinity else { return thermal }
    return Decibels.sum(thermal, localNoiseDecibelMilliwatts)
  }
}

extension AirStation {
  /// −174 dBm/Hz + 10·log10(bandwidth) + noise figure.
  public static func thermalDecibelMilliwatts(
    bandwidthHertz: UInt32, noiseFigureDecibels: Double
  ) -> Double {
    -174 + 10 * log10(Double(bandwidthHertz)) + noiseFigureDecibels
  }
}

/// A radio's clock, against the true frequency.
public struct AirOscillator: Equatable, Sendable {
  /// At 25 °C.
  public var offsetPPM: Double
  public var driftPPMPerKelvin: Double
  public var meanCelsius: Double
  /// Half of the way between the coldest and the warmest moment of a day.
  public var dailySwingKelvin: Double

  public init(
    offsetPPM: Double = 0, driftPPMPerKelvin: Double = 0, meanCelsius: Double = 25,
    dailySwingKelvin: Double = 0
  ) {
    self.offsetPPM = offsetPPM
    self.driftPPMPerKelvin = driftPPMPerKelvin
    self.meanCelsius = meanCelsius
    self.dailySwingKelvin = dailySwingKelvin
  }

  /// Time 0 is a morning between cold and warmth.
  public func errorPPM(atMicroseconds time: Int64) -> Double {
    let day = Double(time) / 86_400_000_000
    let celsius = meanCelsius + dailySwingKelvin * sin(2 * .pi * day)
    return offsetPPM + driftPPMPerKelvin * (celsius - 25)
  }
}

/// How a radio tells of what it received. Power is that in the channel: signal and noise together, so that it stays
/// flat below the noise.
public struct AirFigureStyle: Equatable, Sendable {
  public var rssiStepDecibels: Double
  public var snrStepDecibels: Double
  /// An SNR outside is told as the nearer end.
  public var snrRangeDecibels: ClosedRange<Double>
  public var hasSNR: Bool
  public var hasFrequencyError: Bool
  /// Firmware that cuts fractions off, towards zero.
  public var showsWholeDecibels: Bool

  public init(
    rssiStepDecibels: Double, snrStepDecibels: Double, snrRangeDecibels: ClosedRange<Double>,
    hasSNR: Bool = true, hasFrequencyError: Bool, showsWholeDecibels: Bool = false
  ) {
    self.rssiStepDecibels = rssiStepDecibels
    self.snrStepDecibels = snrStepDecibels
    self.snrRangeDecibels = snrRangeDecibels
    self.hasSNR = hasSNR
    self.hasFrequencyError = hasFrequencyError
    self.showsWholeDecibels = showsWholeDecibels
  }

  /// SX1261, SX1262, LLCC68 behind SPI: steps of the data sheet; where SNR ends is an assumption.
  public static let sx126x = AirFigureStyle(
    rssiStepDecibels: 0.5, snrStepDecibels: 0.25, snrRangeDecibels: -25...14,
    hasFrequencyError: true)
  public static let sx127x = AirFigureStyle(
    rssiStepDecibels: 1, snrStepDecibels: 0.25, snrRangeDecibels: -25...11,
    hasFrequencyError: true)
  /// An SX130x concentrator.
  public static let concentrator = AirFigureStyle(
    rssiStepDecibels: 1, snrStepDecibels: 0.25, snrRangeDecibels: -25...14,
    hasFrequencyError: true)
  /// RAK3172, LoRa-E5.
  public static let sx126xModule = AirFigureStyle(
    rssiStepDecibels: 0.5, snrStepDecibels: 0.25, snrRangeDecibels: -25...14,
    hasFrequencyError: false, showsWholeDecibels: true)
  /// RN2483, RN2903.
  public static let sx127xModule = AirFigureStyle(
    rssiStepDecibels: 1, snrStepDecibels: 0.25, snrRangeDecibels: -25...11,
    hasFrequencyError: false, showsWholeDecibels: true)
  /// LA66 in the versions that tell no SNR.
  public static let withoutSNR = AirFigureStyle(
    rssiStepDecibels: 0.5, snrStepDecibels: 0.25, snrRangeDecibels: -25...14, hasSNR: false,
    hasFrequencyError: false, showsWholeDecibels: true)

  /// As the radio tells it, hundredths of dBm.
  public func rssi(_ decibels: Double) -> Int32 { told(decibels, step: rssiStepDecibels) }

  /// As the radio tells it, hundredths of a decibel; nil when it tells none.
  public func snr(_ decibels: Double) -> Int32? {
    guard hasSNR else { return nil }
    let (low, high) = (snrRangeDecibels.lowerBound, snrRangeDecibels.upperBound)
    return told(min(high, max(low, decibels)), step: snrStepDecibels)
  }

  private func told(_ decibels: Double, step: Double) -> Int32 {
    let stepped = (decibels / step).rounded() * step
    return Int32(((showsWholeDecibels ? stepped.rounded(.towardZero) : stepped) * 100).rounded())
  }
}
