/// A number as it stands in JSON: mantissa × 10 to the exponent, the mantissa with 18 digits at most. Further digits
/// are left out, which is below what any figure of a gateway means.
public struct JSONNumber: Equatable, Sendable {
  public let mantissa: Int64
  public let exponent: Int32

  /// The value × 10 to `power`, rounded to the nearest whole number, halves away from zero; nil when that is
  /// beyond 64 bits.
  public func scaled(powerOfTen power: Int32) -> Int64? {
    let shift = exponent + power
    if shift >= 0 {
      var value = mantissa
      if value == 0 { return 0 }
      // 19 digits are the longest Int64.
      guard shift <= 18 else { return nil }
      for _ in 0..<shift {
        let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
        if overflowed { return nil }
        value = product
      }
      return value
    }
    guard shift >= -18 else { return 0 }
    var divisor: Int64 = 1
    for _ in 0..<(0 - shift) { divisor *= 10 }
    let magnitude = Int64(mantissa.magnitude)
    let rounded = (magnitude + divisor / 2) / divisor
    return mantissa < 0 ? 0 - rounded : rounded
  }
}
