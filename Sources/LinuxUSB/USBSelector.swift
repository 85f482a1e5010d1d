import FixedMemory

/// Which stick is meant: VENDOR:PRODUCT, and with @ its serial number or the port that it is plugged into.
///
///     1a86:5512   1a86:5512@1-1.2   1a86:5512@A7F00321
public struct USBSelector: Sendable {
  public let vendor: UInt16
  public let product: UInt16
  /// Empty: any, if there is only one.
  public let which: FixedText<64>

  /// Nil when it is written otherwise.
  public init?(_ text: Span<UInt8>) {
    guard text.count >= 9, text[4] == UInt8(ascii: ":"),
      let vendor = Self.hex(text.extracting(0..<4)), vendor != 0,
      let product = Self.hex(text.extracting(5..<9))
    else { return nil }
    self.vendor = vendor
    self.product = product
    if text.count == 9 {
      which = FixedText()
      return
    }
    guard text[9] == UInt8(ascii: "@"), text.count > 10,
      let which = FixedText<64>(text.extracting(10..<text.count))
    else { return nil }
    for index in 10..<text.count where !(0x21...0x7e).contains(text[index]) { return nil }
    self.which = which
  }

  private static func hex(_ digits: Span<UInt8>) -> UInt16? {
    var value: UInt16 = 0
    for index in digits.indices {
      let byte = digits[index] | 0x20
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9") where digits[index] == byte:
        value = value << 4 | UInt16(byte - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"):
        value = value << 4 | UInt16(byte - UInt8(ascii: "a") + 10)
      default: return nil
      }
    }
    return value
  }

  /// Whether it names this device.
  public func fits(_ device: USBDevice) -> Bool {
    guard device.vendor == vendor, device.product == product else { return false }
    if which.isEmpty { return true }
    return which == device.serialNumber || which == FixedText(device.port)
  }
}

extension FixedText where capacity == 64 {
  init(_ shorter: FixedText<32>) {
    self.init()
    write(shorter.span)
  }
}
