import CBOR
import FixedMemory

/// What a gateway signs when it has verified and stored a batch (docs/proof-format.md).
///
///     protected = { 1: alg, 4: kid, 16: "cairn-rcpt",
///                   -65537: [1, SHA-256(device key), epoch, batch, size, received UTC ms, result] }
///     payload   = SHA-256 of the Sig_structure of the batch's checkpoint
public struct Receipt: Equatable, Sendable {
  public static var formatVersion: Int64 { 1 }
  public static var type: StaticString { "cairn-rcpt" }
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
    encoder.mapHead(count: 4)
    encoder.integer(COSESign1.Label.algorithm)
    encoder.integer(algorithm.coseNumber)
    encoder.integer(COSESign1.Label.keyID)
    encoder.byteString(keyID.span)
    encoder.integer(COSESign1.Label.type)
    encoder.text(Self.type)
    encoder.integer(COSESign1.Label.cairn)
    encoder.arrayHead(count: 7)
    encoder.integer(Self.formatVersion)
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
    var structure = InlineArray<160, UInt8>(repeating: 0)
    let structureCount = COSESign1.encodeSigStructure(
      protected: protected.span.extracting(0..<protectedCount), externalData: Span(),
      payload: checkpointHash.span, into: structure.mutableSpan)
    let signature = try signer.sign(structure.span.extracting(0..<structureCount))
    return COSESign1.encodeMessage(
      protected: protected.span.extracting(0..<protectedCount), payload: checkpointHash.span,
      signature: signature, into: bytes)
  }

  /// Reads a receipt strictly. The signature is the caller's to check.
  public init(decoding message: Span<UInt8>) throws(CBORDecoder.Failure) {
    let parts = try COSESign1(decoding: message)
    guard parts.unprotected == .empty, let payload = parts.payload,
      let checkpointHash = Digest(message.extracting(payload))
    else { throw .outsideFormat }
    var decoder = CBORDecoder(message.extracting(parts.protected))
    try decoder.expectMap(count: 4)
    try decoder.expectInteger(COSESign1.Label.algorithm)
    guard let algorithm = SignatureAlgorithm(coseNumber: try decoder.integer()) else {
      throw .unknownAlgorithm
    }
    try decoder.expectInteger(COSESign1.Label.keyID)
    guard let keyID = KeyID(try decoder.byteString()) else { throw .outsideFormat }
    try decoder.expectInteger(COSESign1.Label.type)
    try decoder.expectText(Self.type)
    try decoder.expectInteger(COSESign1.Label.cairn)
    let fieldCount = try decoder.arrayHead()
    guard try decoder.integer() == Self.formatVersion else { throw .unknownVersion }
    guard fieldCount == 7 else { throw .outsideFormat }
    guard let deviceKeyHash = Digest(try decoder.byteString()) else { throw .outsideFormat }
    self.algorithm = algorithm
    self.keyID = keyID
    self.deviceKeyHash = deviceKeyHash
    epoch = try decoder.unsigned()
    batch = try decoder.unsigned()
    size = try decoder.unsigned()
    receivedUTCMilliseconds = try decoder.integer()
    result = try decoder.unsigned()
    self.checkpointHash = checkpointHash
    try decoder.finish()
  }
}
