import CBOR
import FixedMemory

/// What a device signs: the state of its log after a batch (docs/proof-format.md).
///
///     protected  = { 1: alg, 4: kid, 16: "cairn-ckpt", 395: 1,
///                    -65537: [1, epoch, batch, first, size, boot, t0, t1, flags, prev] }
///     checkpoint = 18([ <<protected>>, {}, root, signature ])
public struct Checkpoint: Equatable, Sendable {
  /// Bit 0 of `flags`: the measurements come from chip models, not from hardware.
  public static var simulatedFlag: UInt64 { 1 }

  /// The map's head 1, alg 2, kid 10, typ 12, vds 4, label 5, array head 1, version 1, eight numbers
  /// of at most 9 bytes, prev 34.
  public static var maximumProtectedByteCount: Int { 142 }
  /// "Signature1" 12, protected 2 + 142, external data 1, root 34.
  public static var maximumSigStructureByteCount: Int { 191 }
  /// Tag 1, array 1, protected 2 + 142, map 1, root 34, signature 66.
  public static var maximumMessageByteCount: Int { 247 }

  public var algorithm: SignatureAlgorithm
  public var keyID: KeyID
  /// Counts from 0; a new epoch begins when the tree's frontier was lost.
  public var epoch: UInt64
  /// Counts from 0 in each epoch.
  public var batch: UInt64
  /// Index of the batch's first leaf: leaves `first..<size` are in it.
  public var first: UInt64
  /// Number of leaves of the tree after the batch.
  public var size: UInt64
  /// Boot count: all leaves of a batch come from one boot.
  public var boot: UInt64
  /// Times of the first and the last leaf, in milliseconds since the boot leaf.
  public var firstLeafMilliseconds: Int64
  public var lastLeafMilliseconds: Int64
  public var flags: UInt64
  /// SHA-256 of the Sig_structure of the checkpoint before; zero in front of the first of all.
  public var previous: Digest
  /// RFC 9162 root of the tree of `size` leaves.
  public var root: Digest

  public init(
    algorithm: SignatureAlgorithm, keyID: KeyID, epoch: UInt64, batch: UInt64, first: UInt64,
    size: UInt64, boot: UInt64, firstLeafMilliseconds: Int64, lastLeafMilliseconds: Int64,
    flags: UInt64, previous: Digest, root: Digest
  ) {
    self.algorithm = algorithm
    self.keyID = keyID
    self.epoch = epoch
    self.batch = batch
    self.first = first
    self.size = size
    self.boot = boot
    self.firstLeafMilliseconds = firstLeafMilliseconds
    self.lastLeafMilliseconds = lastLeafMilliseconds
    self.flags = flags
    self.previous = previous
    self.root = root
  }

  public var isSimulated: Bool { flags & Self.simulatedFlag != 0 }

  /// Writes the protected header's content and says how many bytes it takes.
  public func encodeProtected(into bytes: consuming MutableSpan<UInt8>) -> Int {
    var encoder = CBOREncoder(bytes)
    DocumentHeader(algorithm: algorithm, keyID: keyID).encode(as: .checkpoint, into: &encoder)
    encoder.unsigned(epoch)
    encoder.unsigned(batch)
    encoder.unsigned(first)
    encoder.unsigned(size)
    encoder.unsigned(boot)
    encoder.integer(firstLeafMilliseconds)
    encoder.integer(lastLeafMilliseconds)
    encoder.unsigned(flags)
    encoder.byteString(previous.span)
    return encoder.byteCount
  }

  /// Reads a checkpoint message strictly. The signature is the caller's to check.
  public init(decoding message: Span<UInt8>) throws(CBORDecoder.Failure) {
    let (protected, payload) = try COSESign1.document(message)
    guard let root = Digest(message.extracting(payload)) else { throw .outsideFormat }
    try self.init(decodingProtected: message.extracting(protected), root: root)
  }

  /// Reads the protected header's content; `root` comes from the payload, or from a proof.
  public init(decodingProtected bytes: Span<UInt8>, root: Digest) throws(CBORDecoder.Failure) {
    var decoder = CBORDecoder(bytes)
    let header = try DocumentHeader(of: .checkpoint, from: &decoder)
    algorithm = header.algorithm
    keyID = header.keyID
    epoch = try decoder.unsigned()
    batch = try decoder.unsigned()
    first = try decoder.unsigned()
    size = try decoder.unsigned()
    boot = try decoder.unsigned()
    firstLeafMilliseconds = try decoder.integer()
    lastLeafMilliseconds = try decoder.integer()
    flags = try decoder.unsigned()
    previous = try decoder.digest()
    self.root = root
    try decoder.finish()
    guard first < size, size <= UInt64(Int64.max), firstLeafMilliseconds >= 0,
      firstLeafMilliseconds <= lastLeafMilliseconds
    else { throw .outsideFormat }
  }

  /// SHA-256 of what the signature covers: `prev` of the next checkpoint, payload of receipts. The
  /// protected bytes come as they were sent, since −8 and −19 both stand for Ed25519.
  public static func sigStructureHash(protected: Span<UInt8>, root: Digest) -> Digest {
    COSESign1.sigStructureHash(protected: protected, payload: root.span)
  }

  /// Signs and writes the whole message; returns its byte count and the hash of what was signed.
  public func sign(
    with signer: inout some Signer & ~Copyable, into bytes: consuming MutableSpan<UInt8>
  ) throws(SigningFailure) -> (byteCount: Int, sigStructureHash: Digest) {
    var protected = InlineArray<142, UInt8>(repeating: 0)
    let protectedCount = encodeProtected(into: protected.mutableSpan)
    let signed = try COSESign1.sign(
      protected: protected.span.extracting(0..<protectedCount), payload: root.span,
      with: &signer, into: bytes)
    return (signed.byteCount, signed.hash)
  }
}
