import FixedMemory

/// The head of a datagram of Semtech's UDP protocol, versions 1 and 2 (docs/forwarder.md):
///
///     0        1        3        4                      12
///     version  token    type     gateway's EUI          JSON
///
/// What goes down to the gateway has no EUI.
public struct GWMPDatagram: Equatable, Sendable {
  public enum Kind: UInt8, Sendable {
    case pushData = 0
    case pushAck = 1
    case pullData = 2
    case pullResp = 3
    case pullAck = 4
    case txAck = 5

    /// Goes from the gateway to the server.
    public var isUp: Bool {
      switch self {
      case .pushData, .pullData, .txAck: true
      case .pushAck, .pullResp, .pullAck: false
      }
    }

    /// What answers it; nil when nothing does.
    public var answer: Kind? {
      switch self {
      case .pushData: .pushAck
      case .pullData: .pullAck
      case .pushAck, .pullResp, .pullAck, .txAck: nil
      }
    }
  }

  public static var headByteCount: Int { 4 }
  public static var upHeadByteCount: Int { 12 }

  /// 1 or 2.
  public let version: UInt8
  /// The two bytes of the token, the first one high. It means nothing but to whoever made it.
  public let token: UInt16
  public let kind: Kind
  /// 0 for what goes down.
  public let gateway: UInt64

  public init(version: UInt8, token: UInt16, kind: Kind, gateway: UInt64 = 0) {
    self.version = version
    self.token = token
    self.kind = kind
    self.gateway = gateway
  }

  /// Nil for what is no datagram of these versions, or too short for its type.
  public init?(_ bytes: Span<UInt8>) {
    guard bytes.count >= Self.headByteCount, bytes[0] == 1 || bytes[0] == 2,
      let kind = Kind(rawValue: bytes[3])
    else { return nil }
    var gateway: UInt64 = 0
    if kind.isUp {
      guard bytes.count >= Self.upHeadByteCount else { return nil }
      for index in Self.headByteCount..<Self.upHeadByteCount {
        gateway = gateway << 8 | UInt64(bytes[index])
      }
    }
    version = bytes[0]
    token = UInt16(bytes[1]) << 8 | UInt16(bytes[2])
    self.kind = kind
    self.gateway = gateway
  }

  /// What follows the head, without the NULs and spaces that some forwarders append.
  public static func body(of bytes: Span<UInt8>, _ kind: Kind) -> Range<Int> {
    let start = kind.isUp ? upHeadByteCount : headByteCount
    var end = bytes.count
    while end > start, bytes[end - 1] == 0 || JSONCursor.isSpace(bytes[end - 1]) { end -= 1 }
    return min(start, end)..<end
  }

  /// Appends the head.
  public func write<let capacity: Int>(to text: inout TextBuilder<capacity>) {
    text.append(byte: version)
    text.append(byte: UInt8(truncatingIfNeeded: token >> 8))
    text.append(byte: UInt8(truncatingIfNeeded: token))
    text.append(byte: kind.rawValue)
    guard kind.isUp else { return }
    for index in 0..<8 {
      text.append(byte: UInt8(truncatingIfNeeded: gateway >> UInt64((7 - index) * 8)))
    }
  }
}
