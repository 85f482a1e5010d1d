import FixedMemory
import Proofs

/// The 24 bytes of a beacon on the air.
///
///     e0 ‖ 01 ‖ first 4 bytes of SHA-256(public key) ‖ u16be(number) ‖ tag (16 bytes)
///
/// 0xe0 is LoRaWAN's proprietary message type (TS001-1.0.4, section 4.2.1), so that network servers pass it over.
public struct BeaconFrame: Equatable, Sendable {
  public static var byteCount: Int { 24 }
  private static var messageType: UInt8 { 0xe0 }
  private static var version: UInt8 { 1 }

  public let bytes: FixedBytes<24>

  public init(seed: Digest, keyHash: Digest, number: UInt32) {
    var hash = SHA256()
    hash.update(StaticString("cairn-tag-v1").bytes)
    hash.update(seed.span)
    let tag = hash.finish()
    var bytes = FixedBytes<24>()
    bytes[0] = Self.messageType
    bytes[1] = Self.version
    for index in 0..<4 { bytes[2 + index] = keyHash[index] }
    bytes[6] = UInt8(truncatingIfNeeded: number >> 8)
    bytes[7] = UInt8(truncatingIfNeeded: number)
    for index in 0..<16 { bytes[8 + index] = tag[index] }
    self.bytes = bytes
  }

  /// Nil for what is no beacon of this version.
  public init?(_ bytes: Span<UInt8>) {
    guard bytes.count == Self.byteCount, bytes[0] == Self.messageType, bytes[1] == Self.version,
      let bytes = FixedBytes<24>(bytes)
    else { return nil }
    self.bytes = bytes
  }

  /// The number's lower 16 bits, which tell which challenge it may be of.
  public var shortNumber: UInt16 { UInt16(bytes[6]) << 8 | UInt16(bytes[7]) }

  /// True when the key's hash begins as the frame says; of other keys it is once in 2^32.
  public func mayBe(of keyHash: Digest) -> Bool {
    for index in 0..<4 where bytes[2 + index] != keyHash[index] { return false }
    return true
  }

  /// What the intent leaf has of it.
  public var hash: Digest { SHA256.hash(bytes.span) }
}
