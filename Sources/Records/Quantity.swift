import FixedMemory

/// One column of a sensor's readings: what it is and in which unit its integers count.
/// Name and unit are SenML's (RFC 8428 sections 4.3 and 12.1).
public struct Quantity: Sendable {
  public let name: StaticString
  public let unit: StaticString
  /// A reading's integer times ten to this power is the value in `unit`.
  public let powerOfTen: Int8

  public init(name: StaticString, unit: StaticString, powerOfTen: Int8) {
    self.name = name
    self.unit = unit
    self.powerOfTen = powerOfTen
  }
}

/// The columns of one sensor, in the order of its readings' values.
public typealias Quantities = FixedArray<16, Quantity>

/// What one measurement gave, in the order of the sensor's quantities; nil where the chip has none.
public typealias ReadingValues = FixedArray<16, Int64?>
