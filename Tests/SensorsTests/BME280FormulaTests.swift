import Records
import Testing

@testable import Sensors

/// The datasheet's 32-bit temperature and humidity formulas in C's int32 arithmetic, as the oracle
/// for the driver's wider ones. Inside the chip's ranges neither overflows.
private func oracleHumidity(_ words: BME280Calibration, _ raw: Int32, _ fine: Int32) -> Int32 {
  let h1 = Int32(words.h1)
  let h2 = Int32(words.h2)
  let h3 = Int32(words.h3)
  let h4 = Int32(words.h4)
  let h5 = Int32(words.h5)
  let h6 = Int32(words.h6)
  var v = fine - 76_800
  let left = ((raw << 14) - (h4 << 20) - (h5 * v) + 16_384) >> 15
  let inner = (((v * h6) >> 10) * (((v * h3) >> 11) + 32_768)) >> 10
  v = left * (((inner + 2_097_152) * h2 + 8_192) >> 14)
  v -= (((((v >> 15) * (v >> 15)) >> 7) * h1) >> 4)
  return min(max(v, 0), 419_430_400) >> 12
}

@Suite struct BME280FormulaTests {
  let words = ExampleCalibration.words

  @Test func humidityIsThatOfTheDatasheetsNarrowArithmetic() {
    for raw in stride(from: Int32(0), through: 65_535, by: 251) {
      for fine in stride(from: Int32(-204_800), through: 435_200, by: 9_973) {
        #expect(
          words.relativeHumidity1024ths(UInt32(raw), Int64(fine))
            == Int64(oracleHumidity(words, raw, fine)))
      }
    }
  }

  @Test func valuesRiseWithTheirRawWords() {
    var last = Int64.min
    for raw in stride(from: UInt32(300_000), to: 700_000, by: 16) {
      let fine = words.fineTemperature(raw)
      #expect(fine >= last)
      last = fine
    }
    var lastPressure = Int64.max
    for raw in stride(from: UInt32(200_000), to: 700_000, by: 16) {
      let pressure = words.pressurePascals256ths(raw, 128_422) ?? .max
      #expect(pressure < lastPressure)
      lastPressure = pressure
    }
  }

  @Test func theEndsOfTheTemperatureRangeAreReadingsAndWhatIsBeyondIsNot() throws {
    func temperature(_ raw: UInt32) -> Int64? {
      do throws(SensorFailure) {
        return try words.values(
          BME280RawWords(pressure: 0x80000, temperature: raw, humidity: 0x8000))[0]
      } catch {
        #expect(error == .outOfRange)
        return nil
      }
    }
    let readings = (UInt32(200_000)...800_000).filter { $0 % 16 == 0 }.map(temperature)
    let accepted = readings.compactMap { $0 }
    // One raw word of 600 000 / 16 is the mark of a skipped value, and lies inside the range.
    #expect(accepted.min() == -4_000 && accepted.max() == 8_500)
    #expect(readings.first == .some(nil) && readings.last == .some(nil))
    #expect(temperature(0x80000) == nil)
  }

  @Test func pressureOutsideTheChipsRangeIsNoReading() {
    var accepted: [Int64] = []
    for raw in stride(from: UInt32(0), through: 0xfffff, by: 16) where raw != 0x80000 {
      do throws(SensorFailure) {
        let values = try words.values(
          BME280RawWords(pressure: raw, temperature: 519_888, humidity: 27_000))
        accepted.append(values[2] ?? 0)
      } catch {
        #expect(error == .outOfRange)
      }
    }
    #expect((30_000...30_003).contains(accepted.min() ?? 0))
    #expect((109_997...110_000).contains(accepted.max() ?? 0))
  }

  /// Whatever stands on the bus: a failure or values in range, and no trap.
  @Test func noBytesTrap() {
    var generator = SeededGenerator(seed: 0x5eed_0280)
    for _ in 0..<20_000 {
      let extremes = generator.next() & 3 == 0
      let low = (0..<26).map { _ in generator.byte(extremes: extremes) }
      let high = (0..<7).map { _ in generator.byte(extremes: extremes) }
      let data = (0..<8).map { _ in generator.byte(extremes: extremes) }
      let words = BME280Calibration(low: low.span, high: high.span)
      do throws(SensorFailure) {
        let values = try words.values(BME280RawWords(data.span))
        #expect((-4_000...8_500).contains(values[0] ?? 0))
        #expect((0...100_000).contains(values[1] ?? 0))
        #expect((30_000...110_000).contains(values[2] ?? 30_000))
      } catch {
        #expect(error == .outOfRange || error == .calibrationInvalid)
      }
    }
  }
}

/// SplitMix64: the same bytes for the same seed.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
  mutating func byte(extremes: Bool) -> UInt8 {
    let byte = UInt8(truncatingIfNeeded: next() >> 8)
    return extremes ? [0x00, 0x7f, 0x80, 0xff][Int(byte & 3)] : byte
  }
}
