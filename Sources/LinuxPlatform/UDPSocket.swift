import CLinux
import FixedMemory

/// An address and a port, as numbers.
public struct UDPAddress: Equatable, Sendable {
  /// 4 or 6.
  public let version: UInt16
  public let high: UInt64
  public let low: UInt64
  public let scope: UInt32
  public let port: UInt16

  init(_ address: cairn_udp_address) {
    version = address.version
    high = address.high
    low = address.low
    scope = address.scope
    port = address.port
  }

  /// "127.0.0.1:1700" or "[::1]:1700"; nil for anything else. No name is looked up.
  public init?(_ text: Span<UInt8>) {
    var colon = text.count
    while colon > 0, text[colon - 1] != UInt8(ascii: ":") { colon -= 1 }
    guard colon > 1, let port = Self.port(text.extracting(colon..<text.count)) else { return nil }
    var host = text.extracting(0..<(colon - 1))
    let isBracketed = host[0] == UInt8(ascii: "[")
    if isBracketed {
      guard host.count > 2, host[host.count - 1] == UInt8(ascii: "]") else { return nil }
      host = host.extracting(1..<(host.count - 1))
    }
    guard let path = FixedPath(host) else { return nil }
    var address = cairn_udp_address()
    guard unsafe path.withPointer({ unsafe cairn_udp_parse($0, port, &address) }) == 0,
      isBracketed == (address.version == 6)
    else { return nil }
    self.init(address)
  }

  private static func port(_ digits: Span<UInt8>) -> UInt16? {
    guard (1...5).contains(digits.count) else { return nil }
    var value: UInt32 = 0
    for index in digits.indices {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digits[index]) else { return nil }
      value = value * 10 + UInt32(digits[index] - UInt8(ascii: "0"))
    }
    return UInt16(exactly: value)
  }

  /// Nobody on another machine can reach it.
  public var isLoopback: Bool {
    var address = system
    return unsafe cairn_udp_is_loopback(&address) == 1
  }

  var system: cairn_udp_address {
    cairn_udp_address(high: high, low: low, scope: scope, port: port, version: version)
  }
}

/// A UDP socket. Datagrams come whole, in any order, or not at all. No call waits.
public struct UDPSocket: ~Copyable {
  /// The largest datagram that IPv4 has room for; IPv6's is 20 bytes longer.
  public static var maximumByteCount: Int { 65_527 }

  private let descriptor: FileDescriptor

  /// Receives what is sent to this address. Port 0: one that is free.
  public init(boundTo address: UDPAddress) throws(SystemError) {
    var system = address.system
    descriptor = FileDescriptor(owning: try checked(unsafe cairn_udp_bind(&system)))
  }

  /// Speaks with this address alone: the kernel drops what others send.
  public init(connectedTo address: UDPAddress) throws(SystemError) {
    var system = address.system
    descriptor = FileDescriptor(owning: try checked(unsafe cairn_udp_connect(&system)))
  }

  public var pollDescriptor: Int32 { descriptor.number }

  /// The port that this socket has on our side.
  public func port() throws(SystemError) -> UInt16 {
    UInt16(truncatingIfNeeded: try checked(cairn_udp_port(descriptor.number)))
  }

  /// The next datagram's size and source; nil when none is there. One that is longer than `bytes` has its whole
  /// size here, and its end is lost.
  public func receive(into bytes: inout MutableSpan<UInt8>) throws(SystemError)
    -> (byteCount: Int, source: UDPAddress)?
  {
    var source = cairn_udp_address()
    let result = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
      unsafe cairn_udp_receive(
        descriptor.number, buffer.baseAddress, Int64(buffer.count), &source)
    }
    if result == Int64(0 &- EAGAIN) { return nil }
    return (try checked(result), UDPAddress(source))
  }

  /// Sends one datagram to somebody.
  public func send(_ bytes: Span<UInt8>, to address: UDPAddress) throws(SystemError) {
    var system = address.system
    let result = unsafe bytes.withUnsafeBufferPointer { buffer in
      unsafe cairn_udp_send(descriptor.number, buffer.baseAddress, Int64(buffer.count), &system)
    }
    _ = try checked(result)
  }

  /// Sends one datagram on a connected socket.
  public func send(_ bytes: Span<UInt8>) throws(SystemError) {
    let result = unsafe bytes.withUnsafeBufferPointer { buffer in
      unsafe cairn_socket_send(descriptor.number, buffer.baseAddress, Int64(buffer.count))
    }
    _ = try checked(result)
  }
}
