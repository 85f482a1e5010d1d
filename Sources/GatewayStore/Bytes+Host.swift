import FixedMemory
import Foundation
import Proofs

/// Bytes of fixed length as the types that the store and the HTTP side speak.
extension FixedBytes {
  /// The bytes of `data`, or nil when it has another length.
  init?(_ data: Data) {
    self.init(data.span)
  }

  /// A copy of the bytes.
  public var array: [UInt8] { span.array }

  var data: Data { Data(array) }

  /// Lower-case hexadecimal, two characters a byte.
  public var hexadecimal: String { array.hexadecimal }
}

extension PublicKeyBytes {
  /// A copy of the bytes.
  public var array: [UInt8] { span.array }

  var data: Data { Data(array) }

  /// Lower-case hexadecimal, two characters a byte.
  public var hexadecimal: String { array.hexadecimal }
}

extension Span<UInt8> {
  /// A copy of the bytes.
  public var array: [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(count)
    for index in indices { result.append(self[index]) }
    return result
  }

  /// The text that these bytes are; the caller knows them to be UTF-8.
  var text: String { String(decoding: array, as: UTF8.self) }
}

extension [UInt8] {
  /// Lower-case hexadecimal, two characters a byte.
  public var hexadecimal: String {
    let digits = [UInt8]("0123456789abcdef".utf8)
    var result: [UInt8] = []
    result.reserveCapacity(count * 2)
    for byte in self {
      result.append(digits[Int(byte >> 4)])
      result.append(digits[Int(byte & 15)])
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// The bytes that a text of hexadecimal digits stands for; nil when it has other characters, or an odd
  /// count of digits.
  public init?(hexadecimal text: some StringProtocol) {
    let digits = Array(text.utf8)
    guard digits.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(digits.count / 2)
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let high = hexadecimalDigit(digits[index]),
        let low = hexadecimalDigit(digits[index + 1])
      else { return nil }
      bytes.append(high << 4 | low)
    }
    self = bytes
  }
}

private func hexadecimalDigit(_ character: UInt8) -> UInt8? {
  switch character {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
  default: nil
  }
}
