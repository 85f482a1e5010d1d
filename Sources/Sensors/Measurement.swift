import Records

/// What one measurement of a sensor gave.
public struct Measurement: Sendable {
  /// In the order of the sensor's quantities; nil where the chip gave no value for one of them.
  public let values: ReadingValues
  /// The raw words as they came from the chip, packed side by side. A sensor that measures has
  /// noise in its last bits: see `FrozenDetector`.
  public let rawFingerprint: UInt64

  public init(values: ReadingValues, rawFingerprint: UInt64) {
    self.values = values
    self.rawFingerprint = rawFingerprint
  }
}
