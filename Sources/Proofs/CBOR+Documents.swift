import CBOR
import FixedMemory

/// What several documents have among their fields.
extension CBORDecoder {
  /// A byte string of exactly `count` bytes.
  @_lifetime(self: copy self)
  public mutating func fixedBytes<let count: Int>() throws(Failure) -> FixedBytes<count> {
    guard let bytes = FixedBytes<count>(try byteString()) else { throw .outsideFormat }
    return bytes
  }

  /// A SHA-256 value: 32 bytes.
  @_lifetime(self: copy self)
  public mutating func digest() throws(Failure) -> Digest { try fixedBytes() }

  /// Milliseconds of UTC since 1970, 0 to 2^63 - 1.
  @_lifetime(self: copy self)
  public mutating func utcMilliseconds() throws(Failure) -> Int64 {
    let value = try integer()
    guard value >= 0 else { throw .outOfRange }
    return value
  }

  /// Text of at most `capacity` bytes.
  @_lifetime(self: copy self)
  public mutating func fixedText<let capacity: Int>() throws(Failure) -> FixedText<capacity> {
    guard let text = FixedText<capacity>(try text()) else { throw .outOfRange }
    return text
  }

  /// Two items: the algorithm that a key is bound to, by its polymorphic number only, and the key.
  @_lifetime(self: copy self)
  public mutating func publicKey() throws(Failure) -> PublicKey {
    let number = try integer()
    guard let algorithm = SignatureAlgorithm(coseNumber: number), algorithm.coseNumber == number
    else { throw .unknownAlgorithm }
    guard let key = PublicKey(algorithm: algorithm, bytes: try byteString()) else {
      throw .outsideFormat
    }
    return key
  }

  /// The same, and Ed25519: owners and gateways have no other keys.
  @_lifetime(self: copy self)
  public mutating func ed25519Key() throws(Failure) -> PublicKey {
    let key = try publicKey()
    guard key.algorithm == .ed25519 else { throw .unknownAlgorithm }
    return key
  }
}

extension CBOREncoder {
  /// Two items: the algorithm that the key is bound to, and the key.
  @_lifetime(self: copy self)
  public mutating func publicKey(_ key: PublicKey) {
    integer(key.algorithm.coseNumber)
    byteString(key.bytes.span)
  }
}
