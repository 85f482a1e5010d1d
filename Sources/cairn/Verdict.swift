import CBOR
import FixedMemory
import Identity
import P256Signatures
import Proofs
import Records
import Verifier

/// What was found out about a document, step by step: what has been set is true.
struct Verdict {
  /// A document of identity whose signature, or signatures, were found to be good.
  enum Document {
    case receipt(Receipt)
    case deviceHead(DeviceHead)
    case challenge(Challenge)
    case gatewayHead(GatewayHead)
    case keyChange(GatewayKeyChange)
    case invite(Invite)
    case succession(Succession)
    case revocation(Revocation)
    case enrolment(VerifiedEnrolment)
  }

  let kind: DocumentKind
  /// The key that was given; or, without one, that of the document's own signer once it is read.
  private(set) var key: PublicKey?
  let isKeyGiven: Bool
  var refusal: Refusal?

  /// Its signature is the key's.
  var checkpoint: VerifiedCheckpoint?
  /// The leaves give the signed root.
  var content: BatchVerifier.Content?
  var document: Document?
  /// SHA-256 of what was signed: a document's name. Not of proofs and batches.
  var hash: Digest?
  /// Index of the leaf that the inclusion proof is about, once the proof holds.
  var leafIndex: UInt64?
  /// That leaf, when it is one of a gateway's log: its kind and time.
  var gatewayLeaf: (kind: GatewayLogLeaf.Kind, utcMilliseconds: Int64)?
  /// Leaves of the older tree, once the consistency proof holds.
  var olderSize: UInt64?
  /// The batch of an inclusion proof was found beside it.
  var foundBatch = false
  /// The batch is sound as far as it goes, and begins where only who has the batches before can go
  /// on.
  var missesBeginning = false
  /// What `--from` names is at fault, not the proof.
  var isOlderAtFault = false

  private let es256 = OpenSSLES256()

  init(kind: DocumentKind, key: PublicKey?) {
    self.kind = kind
    self.key = key
    isKeyGiven = key != nil
  }

  /// A document that stands for itself: all but batches and proofs.
  mutating func take(document bytes: Span<UInt8>) throws(Refusal) {
    switch kind {
    case .invite:
      let invite = try Invite(verifying: bytes)
      try take(signer: invite.ownerKey)
      document = .invite(invite)
    case .succession:
      let succession = try Succession(verifying: bytes)
      try take(signer: succession.ownerKey)
      document = .succession(succession)
    case .revocation:
      let revocation = try Revocation(verifying: bytes)
      try take(signer: revocation.ownerKey)
      document = .revocation(revocation)
    case .enrolment:
      let enrolment = try VerifiedEnrolment(verifying: bytes, es256: es256)
      try take(signer: enrolment.enrolment.deviceKey)
      document = .enrolment(enrolment)
    case .gatewayReceipt:
      document = .receipt(try Receipt(verifying: bytes, gatewayKey: givenKey()))
    case .deviceHead:
      document = .deviceHead(try DeviceHead(verifying: bytes, gatewayKey: givenKey()))
    case .challenge:
      document = .challenge(try Challenge(verifying: bytes, gatewayKey: givenKey()))
    case .gatewayHead:
      document = .gatewayHead(try GatewayHead(verifying: bytes, gatewayKey: givenKey()))
    case .keyChange:
      document = .keyChange(try GatewayKeyChange(verifying: bytes, gatewayKey: givenKey()))
    case .checkpoint: try take(checkpoint: bytes)
    case .damaged: throw Self.damage(of: bytes)
    case .batch, .inclusion, .consistency, .gatewayInclusion, .gatewayConsistency, .unknown:
      throw Refusal(.malformed)
    }
    hash = Self.hash(of: bytes)
  }

  mutating func take(batch bytes: Span<UInt8>) throws(Refusal) {
    let head = try BatchVerifier.head(of: bytes)
    let verified = try VerifiedCheckpoint(
      verifying: bytes.extracting(head.checkpointRange), key: givenKey(), es256: es256)
    checkpoint = verified
    do throws(Refusal) {
      content = try BatchVerifier.content(
        of: bytes, checkpoint: verified.checkpoint, known: MerkleFrontier())
    } catch {
      missesBeginning =
        error == Refusal(.sizeMismatch) && verified.checkpoint.first > 0
        && Self.leafCount(of: bytes) == verified.checkpoint.size - verified.checkpoint.first
      throw error
    }
  }

  mutating func take(checkpoint bytes: Span<UInt8>) throws(Refusal) {
    checkpoint = try VerifiedCheckpoint(verifying: bytes, key: givenKey(), es256: es256)
  }

  /// Against a batch, which is verified first: its root, and its leaf.
  mutating func take(inclusion bytes: Span<UInt8>, batch: Span<UInt8>) throws(Refusal) {
    try take(batch: batch)
    guard let verified = checkpoint else { throw Refusal(.malformed) }
    let proof = try Self.inclusionProof(in: bytes)
    guard let leafHash = try Self.leafHash(at: proof.index, in: batch) else {
      throw Refusal(.unknownPosition, leafIndex: proof.index)
    }
    let result = try LogReceiptVerifier.verifyInclusion(
      receipt: bytes, leafHash: leafHash, root: verified.checkpoint.root, key: givenKey(),
      es256: es256)
    leafIndex = result.index
  }

  /// Against a leaf: the root is what the proof makes of it, and then the signature decides.
  mutating func take(inclusion bytes: Span<UInt8>, leaf: Span<UInt8>) throws(Refusal) {
    if kind == .gatewayInclusion {
      let read: (kind: GatewayLogLeaf.Kind, utcMilliseconds: Int64)
      do throws(CBORDecoder.Failure) {
        let decoded = try GatewayLogLeaf(decoding: leaf)
        read = (decoded.kind, decoded.utcMilliseconds)
      } catch { throw Refusal(error, otherwise: .leafMalformed) }
      let result = try GatewayLogVerifier.verifyInclusion(
        receipt: bytes, leafHash: MerkleTree.leafHash(leaf), gatewayKey: givenKey())
      document = .gatewayHead(result.head)
      leafIndex = result.index
      gatewayLeaf = read
      return
    }
    do throws(CBORDecoder.Failure) { try Leaf(decoding: leaf).validate() } catch {
      throw Refusal(error, otherwise: .leafMalformed)
    }
    let leafHash = MerkleTree.leafHash(leaf)
    let proof = try Self.inclusionProof(in: bytes)
    guard
      let root = MerkleProof.root(
        leafHash: leafHash, index: proof.index, size: proof.size, path: proof.path)
    else { throw Refusal(.rootMismatch, leafIndex: proof.index) }
    let result = try LogReceiptVerifier.verifyInclusion(
      receipt: bytes, leafHash: leafHash, root: root, key: givenKey(), es256: es256)
    checkpoint = result.checkpoint
    leafIndex = result.index
  }

  /// Against the older tree: a signed head or checkpoint, which is verified first.
  mutating func take(consistency bytes: Span<UInt8>, older: Span<UInt8>) throws(Refusal) {
    let key = try givenKey()
    isOlderAtFault = true
    if kind == .gatewayConsistency {
      let head = try GatewayHead(verifying: older, gatewayKey: key)
      isOlderAtFault = false
      document = .gatewayHead(
        try GatewayLogVerifier.verifyConsistency(
          receipt: bytes, olderSize: head.size, olderRoot: head.root, gatewayKey: key))
      olderSize = head.size
      return
    }
    let known = try VerifiedCheckpoint(verifying: older, key: key, es256: es256).checkpoint
    isOlderAtFault = false
    let proof = try Self.consistencyProof(in: bytes)
    guard proof.olderSize == known.size else { throw Refusal(.sizeMismatch) }
    guard
      let root = MerkleProof.newerRoot(
        size1: known.size, root1: known.root, size2: proof.newerSize, path: proof.path)
    else { throw Refusal(.rootMismatch) }
    checkpoint = try LogReceiptVerifier.verifyConsistency(
      receipt: bytes, olderSize: known.size, olderRoot: known.root, root: root, key: key,
      es256: es256)
    olderSize = known.size
  }

  private func givenKey() throws(Refusal) -> PublicKey {
    guard let key else { throw Refusal(.unknownKey) }
    return key
  }

  /// The document is its signer's; and when a key was given, that one's.
  private mutating func take(signer: PublicKey) throws(Refusal) {
    guard let key else {
      self.key = signer
      return
    }
    guard key == signer else { throw Refusal(.unknownKey) }
  }
}

/// Looking into documents.
extension Verdict {
  /// Why a COSE_Sign1 message could not be taken for one of ours.
  private static func damage(of bytes: Span<UInt8>) -> Refusal {
    do throws(CBORDecoder.Failure) {
      _ = try DocumentType(of: bytes)
      return Refusal(.malformed)
    } catch { return Refusal(error) }
  }

  /// SHA-256 of a message's Sig_structure; nil when it has no payload, or is longer than any document.
  static func hash(of message: Span<UInt8>) -> Digest? {
    do throws(CBORDecoder.Failure) {
      let parts = try COSESign1(decoding: message)
      guard let payload = parts.payload else { return nil }
      var structure = InlineArray<516, UInt8>(repeating: 0)
      guard parts.protected.count + payload.count <= 499 else { return nil }
      let count = COSESign1.encodeSigStructure(
        protected: message.extracting(parts.protected), externalData: Span(),
        payload: message.extracting(payload), into: structure.mutableSpan)
      return SHA256.hash(structure.span.extracting(0..<count))
    } catch { return nil }
  }

  private static func inclusionProof(in message: Span<UInt8>) throws(Refusal) -> InclusionProof {
    do throws(CBORDecoder.Failure) {
      let parts = try COSESign1(decoding: message)
      guard case .inclusionProof(let range) = parts.unprotected else { throw .outsideFormat }
      return try InclusionProof(decoding: message.extracting(range))
    } catch { throw Refusal(error) }
  }

  private static func consistencyProof(in message: Span<UInt8>) throws(Refusal) -> ConsistencyProof
  {
    do throws(CBORDecoder.Failure) {
      let parts = try COSESign1(decoding: message)
      guard case .consistencyProof(let range) = parts.unprotected else { throw .outsideFormat }
      return try ConsistencyProof(decoding: message.extracting(range))
    } catch { throw Refusal(error) }
  }

  /// Leaves that the items of a batch stand for; 0 when that can't be said.
  private static func leafCount(of batch: Span<UInt8>) -> UInt64 {
    do throws(CBORDecoder.Failure) {
      var reader = try BatchReader(batch)
      var total: UInt64 = 0
      while !reader.isAtEnd {
        switch try reader.next() {
        case .leaf: total += 1
        case .subtree(let count, _):
          let (sum, overflows) = total.addingReportingOverflow(count)
          guard !overflows else { return 0 }
          total = sum
        }
      }
      return total
    } catch { return 0 }
  }

  /// The hash of a leaf of a verified batch; nil when it is not there as bytes.
  private static func leafHash(at wanted: UInt64, in batch: Span<UInt8>) throws(Refusal) -> Digest?
  {
    do throws(CBORDecoder.Failure) {
      var reader = try BatchReader(batch)
      var index: UInt64 = 0
      while !reader.isAtEnd, index <= wanted {
        switch try reader.next() {
        case .leaf(let bytes):
          if index == wanted { return MerkleTree.leafHash(bytes) }
          index += 1
        case .subtree(let count, _): index += count
        }
      }
      return nil
    } catch { throw Refusal(error) }
  }
}
