import CBOR
import CLinux
import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs
import Records
import Verifier

/// `cairn verify`: the verdict as exit status, what was checked in words.
enum VerifyCommand {
  static func run(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    var key: PublicKey?
    if arguments.has(.key) { key = possibleKeyOrEnd(arguments, .key, isEd25519: false) }
    var document = InlineArray<73_728, UInt8>(repeating: 0)
    var span = document.mutableSpan
    let path = pathOrEnd(arguments.operandText)
    let count = read(path, into: &span, .document)
    let bytes = span.span.extracting(0..<count)
    let kind = DocumentKind(bytes)
    checkOptions(arguments, kind, hasKey: key != nil)
    var verdict = Verdict(kind: kind, key: key)
    do throws(Refusal) {
      switch kind {
      case .batch: try verdict.take(batch: bytes)
      case .inclusion: try takeInclusion(bytes, beside: path, arguments, &verdict)
      case .gatewayInclusion: try takeInclusion(bytes, ofLeafIn: arguments, &verdict)
      case .consistency, .gatewayConsistency: try takeConsistency(bytes, arguments, &verdict)
      case .checkpoint, .gatewayReceipt, .deviceHead, .challenge, .gatewayHead, .keyChange, .invite,
        .succession, .revocation, .enrolment, .damaged, .unknown:
        try verdict.take(document: bytes)
      }
    } catch { verdict.refusal = error }
    if arguments.isJSON { output.object(verdict) } else { output.write(verdict) }
    return verdict.refusal == nil ? .success : .invalid
  }

  /// Ends the program when what is needed besides the file was not given.
  private static func checkOptions(
    _ arguments: borrowing Arguments, _ kind: DocumentKind, hasKey: Bool
  ) {
    switch kind {
    case .unknown, .damaged: return
    case .inclusion:
      if arguments.has(.leaf), arguments.has(.batch) {
        end(.usage, "cairn: --leaf and --batch are one too many")
      }
    case .gatewayInclusion:
      if !arguments.has(.leaf) {
        end(.usage, "cairn: this proof is about a leaf of a gateway's log: give it as --leaf FILE")
      }
    case .consistency:
      if !arguments.has(.from) {
        end(.usage, "cairn: this proof begins at an older checkpoint: give it as --from FILE")
      }
    case .gatewayConsistency:
      if !arguments.has(.from) {
        end(
          .usage,
          "cairn: this proof begins at an older head of the gateway's log: give it as --from FILE")
      }
    case .batch, .checkpoint, .gatewayReceipt, .deviceHead, .challenge, .gatewayHead, .keyChange,
      .invite, .succession, .revocation, .enrolment:
      break
    }
    guard !hasKey, !kind.holdsItsKey else { return }
    end(
      .usage,
      kind.isOfGateway
        ? "cairn: this is a gateway's: verify needs its public key as --key KEY"
        : "cairn: verify needs --key KEY: a file, hexadecimal digits, or a did:key")
  }

  /// An inclusion proof is about a leaf: given as such, or as the last of a batch.
  private static func takeInclusion(
    _ bytes: Span<UInt8>, beside path: FixedPath, _ arguments: borrowing Arguments,
    _ verdict: inout Verdict
  ) throws(Refusal) {
    if arguments.has(.leaf) { return try takeInclusion(bytes, ofLeafIn: arguments, &verdict) }
    var batchPath = path.directory.appending(name: "batch.cbor")
    if arguments.has(.batch) {
      batchPath = pathOrEnd(arguments.value(of: .batch))
    } else {
      verdict.foundBatch = true
    }
    guard let batchPath else { endForMissingLeaf() }
    var batch = InlineArray<73_728, UInt8>(repeating: 0)
    var span = batch.mutableSpan
    let count: Int
    if arguments.has(.batch) {
      count = read(batchPath, into: &span, .document)
    } else {
      do throws(FileFailure) { count = try readFile(batchPath, into: &span) } catch {
        endForMissingLeaf()
      }
    }
    try verdict.take(inclusion: bytes, batch: span.span.extracting(0..<count))
  }

  private static func takeInclusion(
    _ bytes: Span<UInt8>, ofLeafIn arguments: borrowing Arguments, _ verdict: inout Verdict
  ) throws(Refusal) {
    var leaf = InlineArray<1024, UInt8>(repeating: 0)
    var span = leaf.mutableSpan
    let count = read(pathOrEnd(arguments.value(of: .leaf)), into: &span, .leaf)
    try verdict.take(inclusion: bytes, leaf: span.span.extracting(0..<count))
  }

  private static func takeConsistency(
    _ bytes: Span<UInt8>, _ arguments: borrowing Arguments, _ verdict: inout Verdict
  ) throws(Refusal) {
    var older = InlineArray<512, UInt8>(repeating: 0)
    var span = older.mutableSpan
    let count = read(pathOrEnd(arguments.value(of: .from)), into: &span, .older)
    try verdict.take(consistency: bytes, older: span.span.extracting(0..<count))
  }

  private static func endForMissingLeaf() -> Never {
    end(
      .usage,
      """
      cairn: an inclusion proof needs what it is about: --leaf FILE, or --batch FILE, or \
      batch.cbor beside it
      """
    )
  }

  private enum FileRole {
    case document, leaf, older

    /// Larger than any of its kind.
    var tooLong: StaticString {
      switch self {
      case .document: "larger than 73728 bytes: none of Cairn's documents"
      case .leaf: "larger than 1024 bytes: no leaf"
      case .older: "larger than 512 bytes: no head or checkpoint"
      }
    }
  }

  /// Reads a file that was named, or ends the program: it says nothing about validity.
  private static func read(
    _ path: FixedPath, into bytes: inout MutableSpan<UInt8>, _ role: FileRole
  )
    -> Int
  {
    do throws(FileFailure) { return try readFile(path, into: &bytes) } catch {
      var text = TextBuilder<384>()
      text.append("cairn: ")
      text.append(untrusted: path.span)
      text.append(": ")
      switch error {
      case .notFound: text.append("no such file")
      case .notAFile: text.append("is not a file")
      case .tooLong: text.append(role.tooLong)
      case .pathTooLong, .noSpace: text.append("can't be read")
      case .system(let errno) where errno == EACCES || errno == EPERM:
        text.append("this user may not read it")
      case .system(let errno):
        text.append("can't be read: errno ")
        text.append(errno)
      }
      // A file of another size is no document of ours, so it is not valid; all others are not
      // there.
      end(error == .tooLong ? .invalid : .usage, text.span)
    }
  }
}
