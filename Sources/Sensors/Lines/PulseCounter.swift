import Buses
import FixedMemory
import Records

/// What a pulse stands for: the columns of a counter's readings, and how they come from the pulses.
public enum PulseMeaning: UInt8, Sendable {
  case count, rain, wind, energy

  /// What the schema leaf calls it, where a sensor has its chip.
  public var chipName: StaticString {
    switch self {
    case .count: "pulse counter"
    case .rain: "rain gauge"
    case .wind: "anemometer"
    case .energy: "energy meter"
    }
  }

  /// Names and units are SenML's: `count` and `m/s` of RFC 8428 section 12.1, `mm` and `Wh` of RFC 8798.
  public var quantities: Quantities {
    var quantities = Quantities(
      filler: Quantity(name: "", unit: "", powerOfTen: 0))
    quantities.append(Quantity(name: "pulses", unit: "count", powerOfTen: 0))
    switch self {
    case .count: break
    case .rain: quantities.append(Quantity(name: "rain", unit: "mm", powerOfTen: -4))
    case .wind: quantities.append(Quantity(name: "wind_speed", unit: "m/s", powerOfTen: -3))
    case .energy: quantities.append(Quantity(name: "energy", unit: "Wh", powerOfTen: -4))
    }
    quantities.append(Quantity(name: "total", unit: "count", powerOfTen: 0))
    return quantities
  }
}

/// Counts the pulses of a line, by the numbers that whoever watches the line gives its edges: one that came
/// without its time is counted too, and said to be lost.
///
/// Invariants: `total` never falls; every pulse is in exactly one reading; `lostCount` ≤ what was counted.
public struct PulseCounter: Sendable {
  public let meaning: PulseMeaning
  /// Ten-thousandths of millimetres, of metres a second at one pulse a second, or of watt-hours.
  public let perPulseE4: Int64
  /// Since the agent began to count.
  public private(set) var total: UInt64 = 0
  /// Since the last reading.
  public private(set) var count: UInt64 = 0
  /// Pulses of which no edge came, since `takeLost` was called last.
  public private(set) var lostCount: UInt64 = 0
  private var lastNumber: UInt32?

  public init(_ meaning: PulseMeaning, perPulseE4: Int64) {
    precondition((0...10_000_000).contains(perPulseE4), "a pulse that stands for too much")
    self.meaning = meaning
    self.perPulseE4 = perPulseE4
  }

  /// The line was requested anew: its edges count from 1.
  public mutating func begin() { lastNumber = 0 }

  /// Takes one edge. A number that is not above the last one's is of a line that was requested anew.
  public mutating func take(_ edge: GPIOEdge) {
    let step = edge.number &- (lastNumber ?? edge.number &- 1)
    lastNumber = edge.number
    // Half of all numbers lie ahead: more than 2^31 edges between two looks are none that a line can have.
    let isAhead = step > 0 && step < 1 << 31
    let pulses = isAhead ? UInt64(step) : 1
    total += pulses
    count += pulses
    lostCount += pulses - 1
  }

  /// What is to be told of lost edges; 0 when none were.
  public mutating func takeLost() -> UInt64 {
    defer { lostCount = 0 }
    return lostCount
  }

  /// What was taken found no room: it is told the next time.
  public mutating func putBack(lost: UInt64) { lostCount += lost }

  /// The reading of what was counted in so many milliseconds; counting begins anew.
  public mutating func read(elapsedMilliseconds: Int64) -> ReadingValues {
    var values = ReadingValues(filler: nil)
    values.append(Int64(clamping: count))
    switch meaning {
    case .count: break
    case .rain, .energy:
      let product = Int64(clamping: count).multipliedReportingOverflow(by: perPulseE4)
      values.append(product.overflow ? nil : product.partialValue)
    case .wind: values.append(speed(elapsedMilliseconds))
    }
    values.append(Int64(clamping: total))
    count = 0
    return values
  }

  /// Thousandths of a metre a second, to the nearest: pulses · per pulse · 1000 ms ÷ elapsed ÷ 10. Nil when no
  /// time has passed, or the number is none that a wind can have.
  private func speed(_ elapsedMilliseconds: Int64) -> Int64? {
    guard elapsedMilliseconds > 0, let pulses = Int64(exactly: count) else { return nil }
    let (product, overflows) = pulses.multipliedReportingOverflow(by: perPulseE4 * 100)
    guard !overflows, product <= .max - elapsedMilliseconds else { return nil }
    return (product + elapsedMilliseconds / 2) / elapsedMilliseconds
  }
}
