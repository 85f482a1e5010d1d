import CBOR
import FixedMemory
import Proofs
import Records
import Verifier

/// What was found out about a document, step by step: what has been set is true.
struct Verdict {
  let kind: DocumentKind
  let key: PublicKey
  var refusal: Refusal?

  /// Its signature is the key's.
  var checkpoint: VerifiedCheckpoint?
  /// The leaves give the signed root.
  var content: BatchVerifier.Content?
  /// Index of the leaf that the inclusion proof is about, once the proof holds.
  var leafIndex: UInt64?
  var receipt: Receipt?
  /// The batch of an inclusion proof was found beside it.
  var foundBatch = false
  /// The batch is sound as far as it goes, and begins where only who has the batches before can go
  /// on.
  var missesBeginning = false

  init(kind: DocumentKind, key: PublicKey) {
    self.kind = kind
    self.key = key
  }

  mutating func take(batch bytes: Span<UInt8>) throws(Refusal) {
    let head = try BatchVerifier.head(of: bytes)
    let verified = try VerifiedCheckpoint(
      verifying: bytes.extracting(head.checkpointRange), key: key)
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
    checkpoint = try VerifiedCheckpoint(verifying: bytes, key: key)
  }

  /// Against a batch, which is verified first: its root, and its leaf.
  mutating func take(inclusion bytes: Span<UInt8>, batch: Span<UInt8>) throws(Refusal) {
    try take(batch: batch)
    guard let verified = checkpoint else { throw Refusal(.malformed) }
    let proof = try Self.proof(in: bytes)
    guard let leafHash = try Self.leafHash(at: proof.index, in: batch) else {
      throw Refusal(.unknownPosition, leafIndex: proof.index)
    }
    let result = try LogReceiptVerifier.verifyInclusion(
      receipt: bytes, leafHash: leafHash, root: verified.checkpoint.root, key: key)
    leafIndex = result.index
  }

  /// Against a leaf: the root is what the proof makes of it, and then the signature decides.
  mutating func take(inclusion bytes: Span<UInt8>, leaf: Span<UInt8>) throws(Refusal) {
    do throws(CBORDecoder.Failure) { try Leaf(decoding: leaf).validate() } catch {
      throw Refusal(error, otherwise: .leafMalformed)
    }
    let leafHash = MerkleTree.leafHash(leaf)
    let proof = try Self.proof(in: bytes)
    guard
      let root = MerkleProof.root(
        leafHash: leafHash, index: proof.index, size: proof.size, path: proof.path)
    else { throw Refusal(.rootMismatch, leafIndex: proof.index) }
    let result = try LogReceiptVerifier.verifyInclusion(
      receipt: bytes, leafHash: leafHash, root: root, key: key)
    checkpoint = result.checkpoint
    leafIndex = result.index
  }

  private static func proof(in message: Span<UInt8>) throws(Refusal) -> InclusionProof {
    do throws(CBORDecoder.Failure) {
      let parts = try COSESign1(decoding: message)
      guard case .inclusionProof(let range) = parts.unprotected else { throw .outsideFormat }
      return try InclusionProof(decoding: message.extracting(range))
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

extension Output {
  mutating func write(_ verdict: Verdict) {
    if let refusal = verdict.refusal {
      write("not valid", .bad)
      write(": ")
      write(verdict.kind.name)
      write(", ")
      write(refusal.code.name)
      newLine()
      row("why")
      write(verdict.kind, refusal, verdict)
      newLine()
      if let index = refusal.leafIndex {
        row("leaf")
        write(index)
        newLine()
      }
      guard verdict.checkpoint != nil || verdict.content != nil else { return }
      row("but")
      write(
        verdict.content == nil
          ? "the checkpoint's signature is valid" : "the batch that it was held against is valid")
      newLine()
      return
    }
    write("valid", .good)
    write(": ")
    write(verdict.kind.name)
    if let checkpoint = verdict.checkpoint?.checkpoint {
      write(" ")
      write(checkpoint.epoch)
      write("/")
      write(checkpoint.batch)
      if checkpoint.isSimulated { write(", simulated hardware", .warning) }
    }
    newLine()
    row("key")
    write(hex: verdict.key.keyID.span)
    write(", the key given, signed it (Ed25519)")
    newLine()
    if let checkpoint = verdict.checkpoint?.checkpoint { write(checkpoint) }
    if let content = verdict.content { write(content, verdict) }
    if let index = verdict.leafIndex {
      row("proof")
      write("leaf ")
      write(index)
      write(" is in the tree with this root")
      if verdict.foundBatch { paragraph("; the leaf is from batch.cbor beside the file") }
      newLine()
    }
    if let receipt = verdict.receipt { write(receipt) }
    row("open")
    paragraph(Self.whatIsOpen(verdict.kind))
    newLine()
  }

  /// What no file can tell.
  private static func whatIsOpen(_ kind: DocumentKind) -> StaticString {
    switch kind {
    case .batch, .checkpoint:
      "whose key this is, and whether prev is the checkpoint before: the files don't tell"
    case .inclusion, .gatewayReceipt, .unknown: "whose key this is: the file does not tell"
    }
  }

  private mutating func write(_ kind: DocumentKind, _ refusal: Refusal, _ verdict: Verdict) {
    if kind == .unknown {
      paragraph("neither a batch nor a COSE_Sign1 message: not a document of Cairn's")
    } else if verdict.missesBeginning {
      paragraph(
        """
        the leaves before it are missing, so its root can't be computed: `cairn log export` \
        writes batches with the hashes of all that stands before
        """
      )
    } else if refusal.code == .unknownKey {
      paragraph("it names another key than the one given")
    } else if refusal.code == .unsupportedVersion {
      paragraph("its format version is not one that this program knows")
    } else if refusal.code == .unknownPosition {
      paragraph("the batch does not have the leaf that the proof is about")
    } else {
      paragraph(refusal.code.meaning)
    }
  }

  private mutating func write(_ checkpoint: Checkpoint) {
    row("leaves")
    write(checkpoint.first)
    write("..<")
    write(checkpoint.size)
    write(" of boot ")
    write(checkpoint.boot)
    write(", log time ")
    write(logTime: checkpoint.firstLeafMilliseconds)
    write(" to ")
    write(logTime: checkpoint.lastLeafMilliseconds)
    newLine()
    line("root", hex: checkpoint.root.span)
    line("prev", hex: checkpoint.previous.span)
  }

  private mutating func write(_ content: BatchVerifier.Content, _ verdict: Verdict) {
    row("checked")
    write("form, times and hashes of ")
    write(UInt64(content.leafCount), "leaf", "leaves")
    if content.withheldCount > 0 {
      write(", ")
      write(content.withheldCount)
      write(" more only as hashes")
    }
    write(": they give the signed root")
    newLine()
  }

  private mutating func write(_ receipt: Receipt) {
    row("device")
    write(hex: receipt.deviceKeyHash.span)
    newLine()
    row("batch")
    write(receipt.epoch)
    write("/")
    write(receipt.batch)
    write(", ")
    write(receipt.size, "leaf", "leaves")
    newLine()
    row("received")
    write(utc: receipt.receivedUTCMilliseconds)
    write(
      receipt.result == Receipt.resultStored ? ", stored" : ", with a result of a later version")
    newLine()
    line("about", hex: receipt.checkpointHash.span)
  }
}

extension Output {
  mutating func object(_ verdict: Verdict) {
    beginObject()
    member("valid", verdict.refusal == nil)
    member("kind", text: verdict.kind.name)
    member("kid", hex: verdict.key.keyID.span)
    if let refusal = verdict.refusal {
      beginObject("refusal")
      member("code", UInt64(refusal.code.rawValue))
      member("name", text: refusal.code.name)
      member("meaning", text: refusal.code.meaning)
      if let index = refusal.leafIndex { member("leaf", index) } else { member(null: "leaf") }
      member("missesBeginning", verdict.missesBeginning)
      endObject()
    }
    if let checkpoint = verdict.checkpoint?.checkpoint {
      beginObject("checkpoint")
      member("epoch", checkpoint.epoch)
      member("batch", checkpoint.batch)
      member("boot", checkpoint.boot)
      member("first", checkpoint.first)
      member("size", checkpoint.size)
      member("firstLeafMilliseconds", checkpoint.firstLeafMilliseconds)
      member("lastLeafMilliseconds", checkpoint.lastLeafMilliseconds)
      member("simulated", checkpoint.isSimulated)
      member("root", hex: checkpoint.root.span)
      member("previous", hex: checkpoint.previous.span)
      endObject()
    }
    if let content = verdict.content {
      member("leaves", UInt64(content.leafCount))
      member("withheld", content.withheldCount)
    }
    if let index = verdict.leafIndex { member("leaf", index) }
    if let receipt = verdict.receipt {
      beginObject("receipt")
      member("device", hex: receipt.deviceKeyHash.span)
      member("epoch", receipt.epoch)
      member("batch", receipt.batch)
      member("size", receipt.size)
      member("received", utc: receipt.receivedUTCMilliseconds)
      member("result", receipt.result)
      endObject()
    }
    endDocument()
  }
}
