import CLinux

/// Counts what a line that is paid by the byte is charged for: the bytes of one TCP connection after the other, as the
/// kernel knows them, and an estimate for what it does not show.
///
/// Invariant: `byteCount` never falls.
public struct WireCount: Sendable {
  /// A connection whose end nobody saw: name look-up, three packets to begin, TLS with a chain of certificates, four
  /// packets to end.
  public static var unseenConnectionByteCount: UInt64 { 7_000 }
  /// An attempt that reached nobody: name look-up and a few packets.
  public static var attemptByteCount: UInt64 { 1_000 }
  /// Beside the connection's own bytes: the look-up of its name, and its end.
  static var aroundConnectionByteCount: UInt64 { 700 }

  public private(set) var byteCount: UInt64 = 0
  private var connection: UInt64 = 0

  public init() {}

  /// Another connection begins: what was seen of the one before stays counted.
  public mutating func begin() {
    connection = 0
    add(Self.aroundConnectionByteCount)
  }

  /// This connection has had so many bytes since it began.
  public mutating func see(_ total: UInt64) {
    // Less than before: another connection, whose beginning nobody saw.
    if total < connection { begin() }
    add(total - connection)
    connection = total
  }

  /// What this TCP connection has had since it began, both ways, with the heads of its packets and what was sent
  /// twice (tcp(7), TCP_INFO); nil when it is none.
  public static func byteCount(ofConnection descriptor: Int32) -> UInt64? {
    let count = cairn_tcp_wire_bytes(descriptor)
    return count < 0 ? nil : UInt64(count)
  }

  public mutating func add(_ count: UInt64) {
    let sum = byteCount.addingReportingOverflow(count)
    byteCount = sum.overflow ? .max : sum.partialValue
  }
}
