import FixedMemory

/// Where a broker listens: mqtt://HOST[:PORT] or mqtts://HOST[:PORT].
public struct MQTTAddress: Sendable {
  public enum Failure: Error, Equatable, Sendable {
    /// Another scheme.
    case notMQTT
    case malformed
    /// Without TLS, and not this machine.
    case plainNotAllowed
  }

  /// A name has at most 253 bytes (RFC 1035), an address fewer.
  public static var maximumHostByteCount: Int { 253 }

  /// Without the brackets of an IPv6 address.
  public let host: FixedText<253>
  /// 1883, and 8883 with TLS, unless the address has another.
  public let port: Int32
  public let isEncrypted: Bool

  /// Reads an address; a single slash may end it. `allowsPlain`: without TLS to another machine too.
  public init(_ text: Span<UInt8>, allowsPlain: Bool) throws(Failure) {
    let isEncrypted = Self.begins(text, "mqtts://")
    guard isEncrypted || Self.begins(text, "mqtt://") else { throw .notMQTT }
    let start = isEncrypted ? 8 : 7
    var end = text.count
    if end > start, text[end - 1] == UInt8(ascii: "/") { end -= 1 }
    let authority = text.extracting(start..<end)
    let (hostRange, portStart) = try Self.parts(authority)
    var port: Int32 = isEncrypted ? 8883 : 1883
    if let portStart { port = try Self.port(authority.extracting(portStart..<authority.count)) }
    let host = authority.extracting(hostRange)
    guard !host.isEmpty, let name = FixedText<253>(host) else { throw .malformed }
    for index in host.indices {
      guard host[index] > 0x20, host[index] < 0x7f, host[index] != UInt8(ascii: "/"),
        host[index] != UInt8(ascii: "@"), host[index] != UInt8(ascii: "?"),
        host[index] != UInt8(ascii: "#"), host[index] != UInt8(ascii: "%")
      else { throw .malformed }
    }
    guard isEncrypted || allowsPlain || Self.isLoopback(host) else { throw .plainNotAllowed }
    self.host = name
    self.port = port
    self.isEncrypted = isEncrypted
  }

  private static func parts(_ authority: Span<UInt8>) throws(Failure) -> (Range<Int>, Int?) {
    if !authority.isEmpty, authority[0] == UInt8(ascii: "[") {
      var close = 1
      while close < authority.count, authority[close] != UInt8(ascii: "]") { close += 1 }
      guard close < authority.count else { throw .malformed }
      if close + 1 == authority.count { return (1..<close, nil) }
      guard authority[close + 1] == UInt8(ascii: ":") else { throw .malformed }
      return (1..<close, close + 2)
    }
    var colon = 0
    while colon < authority.count, authority[colon] != UInt8(ascii: ":") { colon += 1 }
    return (0..<colon, colon < authority.count ? colon + 1 : nil)
  }

  private static func port(_ digits: Span<UInt8>) throws(Failure) -> Int32 {
    var port: Int32 = 0
    guard (1...5).contains(digits.count) else { throw .malformed }
    for index in digits.indices {
      guard (0x30...0x39).contains(digits[index]) else { throw .malformed }
      port = port * 10 + Int32(digits[index] - 0x30)
    }
    guard (1...65_535).contains(port) else { throw .malformed }
    return port
  }

  private static func begins(_ text: Span<UInt8>, _ prefix: StaticString) -> Bool {
    let count = prefix.utf8CodeUnitCount
    return text.count >= count && text.extracting(0..<count).equals(prefix)
  }

  /// localhost, ::1 and 127.0.0.0/8 in four decimal parts.
  static func isLoopback(_ host: Span<UInt8>) -> Bool {
    if host.equals("localhost") || host.equals("::1") { return true }
    var (part, digitCount, partCount) = (0, 0, 1)
    for index in host.indices {
      switch host[index] {
      case 0x30...0x39:
        part = part * 10 + Int(host[index] - 0x30)
        digitCount += 1
        guard digitCount <= 3, part <= 255, partCount > 1 || digitCount < 3 || part == 127 else {
          return false
        }
      case UInt8(ascii: "."):
        guard digitCount > 0, partCount > 1 || part == 127 else { return false }
        partCount += 1
        (part, digitCount) = (0, 0)
      default: return false
      }
    }
    return partCount == 4 && digitCount > 0
  }
}
