import Foundation
import Testing

@testable import LoRa

@Suite struct ModulationTests {
  private func microseconds(_ factor: UInt8, _ bytes: UInt8) -> UInt32? {
    Modulation(spreadingFactor: factor)?.timeOnAirMicroseconds(payloadByteCount: bytes)
  }

  @Test func timesOnAirAreThoseOfSemtechsDriver() {
    #expect(microseconds(7, 20) == 56_576)
    #expect(microseconds(12, 51) == 2_465_792)
    // A beacon of 24 bytes.
    #expect(microseconds(10, 24) == 370_688)
    #expect(microseconds(12, 24) == 1_482_752)
  }

  /// The formula of the data sheet in floating point, over every factor, bandwidth, coding rate, header, CRC, length.
  @Test func timeOnAirIsTheDataSheetsFormula() throws {
    for factor in UInt8(5)...12 {
      for bandwidth in [Modulation.Bandwidth.khz125, .khz250, .khz500] {
        for rate in UInt8(5)...8 {
          for flags in 0..<4 {
            let modulation = try #require(
              Modulation(
                spreadingFactor: factor, bandwidth: bandwidth, codingRateDenominator: rate,
                preambleSymbolCount: flags == 0 ? 12 : 8, hasExplicitHeader: flags & 1 == 0,
                hasCRC: flags & 2 == 0))
            for count in UInt8.min ... .max {
              let expected = formula(modulation, Double(count))
              let found = Double(modulation.timeOnAirMicroseconds(payloadByteCount: count))
              #expect(abs(expected - found) < 1, "\(modulation) \(count)")
            }
          }
        }
      }
    }
  }

  private func formula(_ modulation: Modulation, _ count: Double) -> Double {
    let factor = Double(modulation.spreadingFactor)
    let symbol = pow(2, factor) / Double(modulation.bandwidth.hertz)
    let isSlow = symbol >= 0.016
    var numerator = 8 * count + (modulation.hasCRC ? 16 : 0) - 4 * factor
    numerator += (factor >= 7 ? 8 : 0) + (modulation.hasExplicitHeader ? 20 : 0)
    let blocks = ceil(max(numerator, 0) / (4 * (factor - (isSlow ? 2 : 0))))
    let symbols =
      Double(modulation.preambleSymbolCount) + (factor >= 7 ? 4.25 : 6.25) + 8
      + blocks * Double(modulation.codingRateDenominator)
    return symbols * symbol * 1_000_000
  }

  @Test func whatNoRadioCanDoIsNoModulation() {
    #expect(Modulation(spreadingFactor: 4) == nil)
    #expect(Modulation(spreadingFactor: 13) == nil)
    #expect(Modulation(spreadingFactor: 7, codingRateDenominator: 4) == nil)
    #expect(Modulation(spreadingFactor: 7, codingRateDenominator: 9) == nil)
    #expect(Modulation(spreadingFactor: 7, preambleSymbolCount: 5) == nil)
  }

  @Test func theLongestFrameHasATime() throws {
    let longest = try #require(
      Modulation(
        spreadingFactor: 12, codingRateDenominator: 8, preambleSymbolCount: .max))
    #expect(longest.timeOnAirMicroseconds(payloadByteCount: 255) > 2_147_000_000)
  }
}

@Suite struct SignalPowerTests {
  @Test func signalPowerIsTheFormulaToAHundredthOfADecibel() {
    for snr in Int32(-6_000)...6_000 {
      let share = 10 * log10(1 + pow(10, -Double(snr) / 1_000))
      let expected = -10_000 - 100 * share
      let found = SignalPower.centidecibelMilliwatts(rssi: -10_000, snrCentidecibels: snr)
      #expect(abs(expected - Double(found)) <= 1, "SNR \(snr)")
    }
  }

  @Test func figuresThatNoRadioGivesDoNotTrap() {
    for value in [Int32.min, -20_001, 0, 20_001, .max] {
      for snr in [Int32.min, .max] {
        let power = SignalPower.centidecibelMilliwatts(rssi: value, snrCentidecibels: snr)
        #expect((-120_000...120_000).contains(power))
      }
    }
  }

  @Test func aFactorMoreHearsTwoAndAHalfDecibelsLess() {
    #expect(SignalPower.lowestSNRCentidecibels(spreadingFactor: 7) == -750)
    #expect(SignalPower.lowestSNRCentidecibels(spreadingFactor: 12) == -2_000)
  }
}
