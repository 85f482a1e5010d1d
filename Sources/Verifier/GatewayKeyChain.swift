import CBOR
import FixedMemory
import Proofs
import Records

/// A gateway's keys as far as they are proved: a first one that somebody trusts, and each later one named by
/// the one before it (docs/identity.md, change of the gateway's key).
///
/// Invariants: at least one key; no key twice; each but the first was named by a signature of the one before.
public struct GatewayKeyChain: Equatable, Sendable {
  private var keys: FixedArray<23, PublicKey>

  public init(first: PublicKey) {
    keys = FixedArray(filler: first)
    keys.append(first)
  }

  /// Checks every change of a list against the key before it. The first key is for the caller to trust.
  public init(verifying list: borrowing GatewayKeyList) throws(Refusal) {
    self.init(first: PublicKey(ed25519: list.firstKey))
    for index in 0..<list.changeCount { try append(verifying: list.message(at: index)) }
  }

  public var count: Int { keys.count }
  public subscript(index: Int) -> PublicKey { keys[index] }

  /// The key that signs now.
  public var newest: PublicKey { keys[keys.count - 1] }

  public func contains(_ key: PublicKey) -> Bool {
    for index in keys.indices where keys[index] == key { return true }
    return false
  }

  /// The key with this identifier, the newest where two share it; nil when there is none.
  public func key(withID keyID: KeyID) -> PublicKey? {
    for index in keys.indices.reversed() where keys[index].keyID == keyID { return keys[index] }
    return nil
  }

  /// Takes one change more. It has to be the newest key's, name a key that somebody can hold, and none that
  /// was there before: a chain neither branches nor comes back. Refused, nothing changes.
  public mutating func append(verifying message: Span<UInt8>) throws(Refusal) {
    let change = try GatewayKeyChange(verifying: message, gatewayKey: newest)
    guard SignatureCheck.isPossibleKey(change.newKey) else { throw Refusal(.malformed) }
    guard !contains(change.newKey) else { throw Refusal(.keyMismatch) }
    guard keys.offer(change.newKey) else { throw Refusal(.tooLarge) }
  }
}

extension GatewayKeyChain {
  /// What a kept file of keys is worth where `configured` is trusted: the chain that it proves; the
  /// configured key alone when the file is missing, another gateway's or damaged.
  ///
  /// - `file`: the bytes of `gateway-keys.cbor`, empty when there is none.
  public init(file: Span<UInt8>, configured: PublicKey) {
    self.init(first: configured)
    do throws(Refusal) {
      let found = try GatewayKeyChain(verifyingList: file)
      if found.contains(configured) { self = found }
    } catch {
      // The uplink brings the changes again.
    }
  }

  /// Reads a list strictly and checks every change in it.
  public init(verifyingList bytes: Span<UInt8>) throws(Refusal) {
    try self.init(verifying: try Self.decoded(bytes))
  }

  @_lifetime(copy bytes)
  private static func decoded(_ bytes: Span<UInt8>) throws(Refusal) -> GatewayKeyList {
    do throws(CBORDecoder.Failure) { return try GatewayKeyList(decoding: bytes) } catch {
      throw Refusal(error)
    }
  }
}

extension Receipt {
  /// Reads a gateway's receipt strictly and checks its signature under the key of the chain that it names:
  /// a repeat carries the receipt that was given first.
  public init(verifying message: Span<UInt8>, by chain: borrowing GatewayKeyChain) throws(Refusal) {
    let receipt: Receipt
    do throws(CBORDecoder.Failure) { receipt = try Receipt(decoding: message) } catch {
      throw Refusal(error)
    }
    guard let key = chain.key(withID: receipt.keyID) else { throw Refusal(.unknownKey) }
    _ = try DocumentHeader(algorithm: receipt.algorithm, keyID: receipt.keyID)
      .check(message, by: key)
    self = receipt
  }
}
