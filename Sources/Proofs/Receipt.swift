import CBOR
import FixedMemory

/// What a gateway signs when it has verified and stored a batch (docs/proof-format.md).
///
///     protected = { 1: alg, 4: kid, 16: "cairn-rcpt",
///                   -65537: [1, SHA-256(device key), epoch, batch, size, received UTC ms, result] }
///     payload   = SHA-256 of the Sig_structure of the batch's checkpoint
public struct Receipt: Equatable, Sendable {
  /// The batch is verified and durably stored.
  public static var resultStored: UInt64 { 0 }

  /// Map head 1, alg 2, kid 10, typ 12, label 5, array head 1, version 1, key hash 34, five numbers of
  /// at most 9 bytes.
  public static var maximumProtectedByteCount: Int { 111 }
  /// "Signature1" 12, protected 2 + 111, external data 1, payload 34.
  public static var maximumSigStructureByteCount: Int { 160 }
  /// Tag 1, array 1, protected 2 + 111, map 1, payload 34, signature 66.
  public static var maximumMessageByteCount: Int { 216 }

  public var algorithm: SignatureAlgorithm
  /// Of the gateway's key.
  public var keyID: KeyID
  /// SHA-256 of the device's public key.
  public var deviceKeyHash: Digest
  public var epoch: UInt64
  public var batch: UInt64
  /// Leaves of the device's tree after the batch.
  public var size: UInt64
  /// When the gateway received the batch, by its own clock.
  public var receivedUTCMilliseconds: Int64
  /// 0: stored.
  public var result: UInt64
  /// SHA-256 of the Sig_structure of the batch's checkpoint.
  public var checkpointHash: Digest

  public init(
    algorithm: SignatureAlgorithm, keyID: KeyID, deviceKeyHash: Digest, epoch: UInt64,
    batch: UInt64, size: UInt64, receivedUTCMilliseconds: Int64, result: UInt64,
    checkpointHash: Digest
  ) {
    self.algorithm = algorithm
    self.keyID = keyID
    self.deviceKeyHash = deviceKeyHash
    self.epoch = epoch
    self.batch = batch
    self.size = size
    self.receivedUTCMilliseconds = receivedUTCMilliseconds
    self.result = result
    self.checkpointHash = checkpointHash
  }

  func encodeProtected(into bytes: consuming MutableSpan<UInt8>) -> Int {
    var encoder = CBOREncoder(bytes)
    DocumentHeader(algorithm: algorithm, keyID: keyID).encode(as: .receipt, into: &encoder)
    encoder.byteString(deviceKeyHash.span)
    encoder.unsigned(epoch)
    encoder.unsigned(batch)
    encoder.unsigned(size)
    encoder.integer(receivedUTCMilliseconds)
    encoder.unsigned(result)
    return encoder.byteCount
  }

  /// Signs and writes the whole message; returns its byte count.
  public func sign(
    with signer: inout some Signer & ~Copyable, into bytes: consuming MutableSpan<UInt8>
  ) throws(SigningFailure) -> Int {
    var protected = InlineArray<111, UInt8>(repeating: 0)
    let protectedCount = encodeProtected(into: protected.mutableSpan)
    return try COSESign1.sign(
      protected: protected.span.extracting(0..<protectedCount), payload: checkpointHash.span,
      with: &signer, into: bytes
    ).byteCount
  }

  /// Reads a receipt strictly. The signature is the caller's to check.
  public init(decoding message: Span<UInt8>) throws(CBORDecoder.Failure) {
    let (protected, payload) = try COSESign1.document(message)
    guard let checkpointHash = Digest(message.extracting(payload)) else { throw .outsideFormat }
    self.checkpointHash = checkpointHash
    var decoder = CBORDecoder(message.extracting(protected))
    let header = try DocumentHeader(of: .receipt, from: &decoder)
    algorithm = header.algorithm
    keyID = header.keyID
    deviceKeyHash = try decoder.digest()
    epoch = try decoder.unsigned()
    batch = try decoder.unsigned()
    size = try decoder.unsigned()
    receivedUTCMilliseconds = try decoder.integer()
    result = try decoder.unsigned()
    try decoder.finish()
  }
}
