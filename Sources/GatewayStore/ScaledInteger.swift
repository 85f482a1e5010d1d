/// A measured value as the device signed it: an integer and a power of ten. It is written as a decimal
/// number with exactly these digits; no binary fraction comes in between.
public struct ScaledInteger: Equatable, Sendable, CustomStringConvertible {
  public let integer: Int64
  /// −128 to 127.
  public let powerOfTen: Int8

  public init(_ integer: Int64, powerOfTen: Int8) {
    self.integer = integer
    self.powerOfTen = powerOfTen
  }

  /// 2143 with power −2 is "21.43"; 99210 with power 1 is "992100"; also a number of JSON.
  public var description: String {
    guard integer != 0 || powerOfTen < 0 else { return "0" }
    var digits = String(integer.magnitude)
    if powerOfTen >= 0 {
      digits += String(repeating: "0", count: Int(powerOfTen))
    } else {
      let fractionCount = -Int(powerOfTen)
      if digits.count <= fractionCount {
        digits = String(repeating: "0", count: fractionCount - digits.count + 1) + digits
      }
      digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -fractionCount))
    }
    return integer < 0 ? "-" + digits : digits
  }
}
