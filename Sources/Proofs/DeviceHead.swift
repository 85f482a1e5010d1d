import CBOR
import FixedMemory

/// What a gateway has of a device's log, signed: for a device that has lost its spool or woke up on other
/// hardware, and begins the next epoch behind it (docs/identity.md).
///
///     protected = { 1: alg, 4: kid, 16: "cairn-head",
///                   -65537: [1, SHA-256(device key), epoch, batch, size, now UTC ms] }
///     payload   = SHA-256 of the Sig_structure of that batch's checkpoint
public struct DeviceHead: Equatable, Sendable {
  /// Header 32, key hash 34, four numbers of at most 9 bytes.
  public static var maximumProtectedByteCount: Int { 102 }
  /// "Signature1" 12, protected 2 + 102, external data 1, payload 34.
  public static var maximumSigStructureByteCount: Int { 151 }
  /// Tag 1, array 1, protected 2 + 102, map 1, payload 34, signature 66.
  public static var maximumMessageByteCount: Int { 207 }

  public var algorithm: SignatureAlgorithm
  /// Of the gateway's key.
  public var keyID: KeyID
  /// SHA-256 of the device's public key.
  public var deviceKeyHash: Digest
  /// Position of the last batch that the gateway holds.
  public var epoch: UInt64
  public var batch: UInt64
  /// Leaves of the device's tree after it.
  public var size: UInt64
  /// When this was said, by the gateway's clock: milliseconds of UTC.
  public var nowUTCMilliseconds: Int64
  /// SHA-256 of the Sig_structure of that batch's checkpoint.
  public var checkpointHash: Digest

  public init(
    algorithm: SignatureAlgorithm, keyID: KeyID, deviceKeyHash: Digest, epoch: UInt64,
    batch: UInt64, size: UInt64, nowUTCMilliseconds: Int64, checkpointHash: Digest
  ) {
    self.algorithm = algorithm
    self.keyID = keyID
    self.deviceKeyHash = deviceKeyHash
    self.epoch = epoch
    self.batch = batch
    self.size = size
    self.nowUTCMilliseconds = nowUTCMilliseconds
    self.checkpointHash = checkpointHash
  }

  /// Signs and writes the whole message; returns its byte count and the document's name.
  public func sign(
    with signer: inout some Signer & ~Copyable, into bytes: consuming MutableSpan<UInt8>
  ) throws(SigningFailure) -> (byteCount: Int, hash: Digest) {
    var protected = InlineArray<102, UInt8>(repeating: 0)
    var encoder = CBOREncoder(protected.mutableSpan)
    DocumentHeader(algorithm: algorithm, keyID: keyID).encode(as: .deviceHead, into: &encoder)
    encoder.byteString(deviceKeyHash.span)
    encoder.unsigned(epoch)
    encoder.unsigned(batch)
    encoder.unsigned(size)
    encoder.integer(nowUTCMilliseconds)
    let count = encoder.byteCount
    return try COSESign1.sign(
      protected: protected.span.extracting(0..<count), payload: checkpointHash.span,
      with: &signer, into: bytes)
  }

  /// Reads a head strictly. The signature is the caller's to check.
  public init(decoding message: Span<UInt8>) throws(CBORDecoder.Failure) {
    let (protected, payload) = try COSESign1.document(message)
    guard let checkpointHash = Digest(message.extracting(payload)) else { throw .outsideFormat }
    self.checkpointHash = checkpointHash
    var decoder = CBORDecoder(message.extracting(protected))
    let header = try DocumentHeader(of: .deviceHead, from: &decoder)
    algorithm = header.algorithm
    keyID = header.keyID
    deviceKeyHash = try decoder.digest()
    epoch = try decoder.unsigned()
    batch = try decoder.unsigned()
    size = try decoder.unsigned()
    nowUTCMilliseconds = try decoder.utcMilliseconds()
    try decoder.finish()
  }
}
