/// The calibration words of a BME280 model, the datasheet's floating-point formulas over them
/// (appendix A, section 8.1), and the search backwards: which raw word gives a value.
struct BME280ModelCalibration {
  var t1 = 27_504.0, t2 = 26_435.0, t3 = -1_000.0
  var p1 = 36_477.0, p2 = -10_685.0, p3 = 3_024.0, p4 = 2_855.0, p5 = 140.0, p6 = -7.0
  var p7 = 15_500.0, p8 = -14_600.0, p9 = 6_000.0
  var h1 = 75.0, h2 = 355.0, h3 = 0.0, h4 = 340.0, h5 = 0.0, h6 = 30.0

  /// The words of the datasheet's example; humidity words of a real chip.
  init() {}

  /// An individual chip: words a little beside those of the example, as chips differ.
  init(noise: inout SeededNoise) {
    t1 += Double(Int64.random(in: -300...300, using: &noise))
    t2 += Double(Int64.random(in: -300...300, using: &noise))
    p1 += Double(Int64.random(in: -300...300, using: &noise))
    p4 += Double(Int64.random(in: -200...200, using: &noise))
    h2 += Double(Int64.random(in: -15...15, using: &noise))
    h4 += Double(Int64.random(in: -20...20, using: &noise))
    h5 = Double(Int64.random(in: 0...50, using: &noise))
  }

  /// 0x88 to 0xA1 (table 16).
  var lowBytes: [UInt8] {
    let words = [t1, t2, t3, p1, p2, p3, p4, p5, p6, p7, p8, p9]
    let bytes = words.flatMap { word -> [UInt8] in
      let bits = UInt16(truncatingIfNeeded: Int64(word))
      return [UInt8(bits & 0xff), UInt8(bits >> 8)]
    }
    return bytes + [0, UInt8(h1)]
  }

  /// 0xE1 to 0xF0: seven bytes of calibration, the rest reserved.
  var highBytes: [UInt8] {
    let h2 = UInt16(truncatingIfNeeded: Int64(h2))
    let h4 = UInt16(truncatingIfNeeded: Int64(h4))
    let h5 = UInt16(truncatingIfNeeded: Int64(h5))
    return [
      UInt8(h2 & 0xff), UInt8(h2 >> 8), UInt8(h3), UInt8(h4 >> 4 & 0xff),
      UInt8((h4 & 0x0f) | (h5 & 0x0f) << 4), UInt8(h5 >> 4 & 0xff),
      UInt8(bitPattern: Int8(h6)),
    ] + [UInt8](repeating: 0, count: 9)
  }

  // MARK: - Appendix A

  func fineTemperature(_ raw: Double) -> Double {
    let linear = (raw / 16_384 - t1 / 1_024) * t2
    let difference = raw / 131_072 - t1 / 8_192
    return linear + difference * difference * t3
  }

  func temperatureCelsius(_ raw: Double) -> Double { fineTemperature(raw) / 5_120 }

  func pressurePascals(_ raw: Double, fine: Double) -> Double {
    let offset = fine / 2 - 64_000
    var square = offset * offset * p6 / 32_768
    square += offset * p5 * 2
    square = square / 4 + p4 * 65_536
    let slope = (p3 * offset * offset / 524_288 + p2 * offset) / 524_288
    let scale = (1 + slope / 32_768) * p1
    let pressure = (1_048_576 - raw - square / 4_096) * 6_250 / scale
    let first = p9 * pressure * pressure / 2_147_483_648
    let second = pressure * p8 / 32_768
    return pressure + (first + second + p7) / 16
  }

  func relativeHumidityPercent(_ raw: Double, fine: Double) -> Double {
    let offset = fine - 76_800
    let linear = raw - (h4 * 64 + h5 / 16_384 * offset)
    let inner = 1 + h3 / 67_108_864 * offset
    let bend = h2 / 65_536 * (1 + h6 / 67_108_864 * offset * inner)
    let humidity = linear * bend
    return min(max(humidity * (1 - h1 * humidity / 524_288), 0), 100)
  }

  // MARK: - Backwards

  /// The multiple of `step` up to `last` whose value, by a formula that never falls, is nearest.
  static func nearest(
    _ value: Double, step: Int64, last: Int64, _ formula: (Double) -> Double
  ) -> Int64 {
    var low: Int64 = 0
    var high = last / step
    // The smallest multiple whose value reaches the one that is looked for: at most 20 halvings.
    while low < high {
      let middle = (low + high) / 2
      if formula(Double(middle * step)) >= value { high = middle } else { low = middle + 1 }
    }
    guard low > 0 else { return 0 }
    let above = formula(Double(low * step)) - value
    let below = value - formula(Double((low - 1) * step))
    return (below <= above ? low - 1 : low) * step
  }
}
