import FixedMemory
import Identity
import Proofs
import Records
import Verifier

/// A verdict for people.
extension Output {
  mutating func write(_ verdict: Verdict) {
    if let refusal = verdict.refusal { return write(refusal, verdict) }
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
    if let key = verdict.key {
      row("key")
      write(hex: key.keyID.span)
      write(verdict.isKeyGiven ? ", the key given, signed it (" : ", the key in it, signed it (")
      write(key.algorithm.name)
      write(")")
      newLine()
    }
    if let checkpoint = verdict.checkpoint?.checkpoint { write(checkpoint) }
    if let content = verdict.content { write(content) }
    if let document = verdict.document { rows(of: document) }
    writeProof(verdict)
    if let hash = verdict.hash { line("name", hex: hash.span) }
    row("open")
    paragraph(Self.whatIsOpen(verdict))
    newLine()
  }

  private mutating func write(_ refusal: Refusal, _ verdict: Verdict) {
    write("not valid", .bad)
    write(": ")
    write(verdict.kind.name)
    write(", ")
    write(refusal.code.name)
    newLine()
    row("why")
    paragraph(Self.reason(refusal, verdict))
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
  }

  private mutating func writeProof(_ verdict: Verdict) {
    if let index = verdict.leafIndex {
      row("proof")
      write("leaf ")
      write(index)
      write(" is in the tree with this root")
      if verdict.foundBatch { paragraph("; the leaf is from batch.cbor beside the file") }
      newLine()
    }
    if let leaf = verdict.gatewayLeaf {
      row("leaf")
      write(leaf.kind.words)
      write(", ")
      write(utc: leaf.utcMilliseconds)
      newLine()
    }
    if let size = verdict.olderSize {
      row("proof")
      write("the tree begins with the older one of ")
      write(size, "leaf", "leaves")
      paragraph(", unchanged")
      newLine()
    }
  }

  /// What no file can tell.
  private static func whatIsOpen(_ verdict: Verdict) -> StaticString {
    switch verdict.kind {
    case .batch, .checkpoint:
      "whose key this is, and whether prev is the checkpoint before: the files don't tell"
    case .enrolment:
      """
      whether a gateway takes it: that hangs on its owners, on what it has of this key, and on \
      the time
      """
    case .invite:
      "whether it was used or its time is over at the gateway; and whose key this is"
    case .succession, .revocation:
      "whether the node is this owner's: the gateway that has its first enrolment tells"
    case .gatewayHead:
      """
      whether others were shown another log: compare the root with theirs, or ask for a \
      consistency proof
      """
    case .inclusion, .consistency, .gatewayReceipt, .deviceHead, .challenge, .keyChange,
      .gatewayInclusion, .gatewayConsistency, .damaged, .unknown:
      "whose key this is: the file does not tell"
    }
  }

  private static func reason(_ refusal: Refusal, _ verdict: Verdict) -> StaticString {
    if verdict.missesBeginning {
      return """
        the leaves before it are missing, so its root can't be computed: `cairn log export` \
        writes batches with the hashes of all that stands before
        """
    }
    if verdict.isOlderAtFault {
      return """
        what --from names is not an older head or checkpoint that this key signed: take one \
        that was kept, as it came
        """
    }
    switch (refusal.code, verdict.kind) {
    case (_, .unknown):
      return "neither a batch nor a COSE_Sign1 message: not a document of Cairn's"
    case (.malformed, .damaged):
      return """
        begins like a signed message and is cut short, damaged, or none of Cairn's: get it \
        again from where it came
        """
    case (.unknownKey, _): return "it names another key than the one given"
    case (.unsupportedVersion, _):
      return "its format version is not one that this program knows: take a newer `cairn`"
    case (.unknownPosition, _): return "the batch does not have the leaf that the proof is about"
    case (.badSignature, .inclusion), (.badSignature, .gatewayInclusion):
      return """
        leaf and path lead to a root that this key has not signed: another leaf, or a proof \
        that was changed
        """
    case (.badSignature, .consistency), (.badSignature, .gatewayConsistency):
      return "the path leads to a root that this key has not signed: a proof that was changed"
    case (.rootMismatch, .consistency), (.rootMismatch, .gatewayConsistency):
      return """
        the older tree is not the beginning of the newer one: a changed proof, or a log whose \
        past was changed. Ask for the proof once more, and keep both heads
        """
    case (.sizeMismatch, .consistency), (.sizeMismatch, .gatewayConsistency):
      return "the proof begins at another size than what --from names: ask for one from that size"
    case (.leafMalformed, .gatewayInclusion): return "what --leaf names is no leaf of such a log"
    case (.unknownAlgorithm, _):
      return "its algorithm is not the one that the key is bound to"
    case (.malformed, _):
      return "cut short, damaged or not of this format: get it again from where it came"
    default: return refusal.code.meaning
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

  private mutating func write(_ content: BatchVerifier.Content) {
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
}

extension SignatureAlgorithm {
  /// As people and `--json` know it.
  var name: StaticString {
    switch self {
    case .ed25519: "Ed25519"
    case .es256: "ES256"
    }
  }
}
