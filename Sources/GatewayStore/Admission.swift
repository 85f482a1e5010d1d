import FixedMemory
import Proofs

/// Whom a gateway's operator takes (docs/gateway.md, "Enrolment").
public struct Admission: Equatable, Sendable {
  public enum Policy: Equatable, Sendable {
    /// Whoever posts an enrolment: trust on first use.
    case open
    /// Whoever has an invite.
    case invite
    /// The keys of a list.
    case list
    /// Nobody new. Nodes that are known go on, also under another key.
    case closed
  }

  public var policy: Policy
  /// Owners whose invites for new nodes count; nil: any owner's.
  public var owners: KeyList?
  /// Device keys that are taken by `list`.
  public var keys: KeyList

  public init(
    _ policy: Policy, owners: KeyList? = nil, keys: KeyList = KeyList()
  ) {
    self.policy = policy
    self.owners = owners
    self.keys = keys
  }

  /// Whoever posts an enrolment.
  public static let open = Admission(.open)
  /// Nobody new.
  public static let closed = Admission(.closed)
}

/// Public keys of a file: one a line, as 64 (Ed25519) or 66 (P-256) hexadecimal digits or as did:key, with
/// anything behind a space for people. `#` begins a comment line.
public struct KeyList: Equatable, Sendable {
  /// A line that is no key, counted from 1.
  public struct Failure: Error, Equatable {
    public let line: Int
  }

  /// Lower-case hexadecimal digits of the keys' bytes.
  private var keys: Set<String> = []

  public init(_ keys: [PublicKey] = []) {
    for key in keys { self.keys.insert(key.bytes.hexadecimal) }
  }

  public init(text: String) throws(Failure) {
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, line) in lines.enumerated() {
      let words = line.split(whereSeparator: \.isWhitespace)
      guard let first = words.first, !first.hasPrefix("#") else { continue }
      guard let key = Self.key(String(first)) else { throw Failure(line: index + 1) }
      keys.insert(key.bytes.hexadecimal)
    }
  }

  public var count: Int { keys.count }

  public func contains(_ key: PublicKey) -> Bool { keys.contains(key.bytes.hexadecimal) }

  private static func key(_ text: String) -> PublicKey? {
    let ascii = Array(text.utf8)
    if let key = PublicKey(didKey: ascii.span) { return key }
    guard let bytes = [UInt8](hexadecimal: text) else { return nil }
    switch bytes.count {
    case 32: return PublicKey(algorithm: .ed25519, bytes: bytes.span)
    case 33: return PublicKey(algorithm: .es256, bytes: bytes.span)
    default: return nil
    }
  }
}
