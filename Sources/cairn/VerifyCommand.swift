import CBOR
import CLinux
import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs
import Records
import Verifier

/// What a file turned out to be.
enum DocumentKind {
  case batch, checkpoint, inclusion, gatewayReceipt, unknown

  var name: StaticString {
    switch self {
    case .batch: "batch"
    case .checkpoint: "checkpoint"
    case .inclusion: "inclusion proof"
    case .gatewayReceipt: "gateway's receipt"
    case .unknown: "document"
    }
  }

  /// Told apart by how it begins: an array of two is a batch, tag 18 a COSE_Sign1.
  init(_ bytes: Span<UInt8>) {
    guard bytes.count > 0 else {
      self = .unknown
      return
    }
    switch bytes[0] {
    case 0x82: self = .batch
    case 0xd2:
      do throws(CBORDecoder.Failure) {
        let parts = try COSESign1(decoding: bytes)
        if parts.payload == nil {
          self = .inclusion
        } else {
          self = Receipt.read(bytes) == nil ? .checkpoint : .gatewayReceipt
        }
      } catch { self = .checkpoint }
    default: self = .unknown
    }
  }
}

/// `cairn verify`: the verdict as exit status, what was checked in words.
enum VerifyCommand {
  static func run(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    guard arguments.has(.key) else {
      end(.usage, "cairn: verify needs --key KEY: a file, 64 hexadecimal digits, or a did:key")
    }
    let key = keyOrEnd(arguments, .key)
    var document = InlineArray<73_728, UInt8>(repeating: 0)
    var span = document.mutableSpan
    let path = pathOrEnd(arguments.operandText)
    let count = read(path, into: &span, .document)
    let bytes = span.span.extracting(0..<count)
    let kind = DocumentKind(bytes)
    var verdict = Verdict(kind: kind, key: key)
    do throws(Refusal) {
      switch kind {
      case .batch: try verdict.take(batch: bytes)
      case .checkpoint: try verdict.take(checkpoint: bytes)
      case .inclusion: try takeInclusion(bytes, beside: path, arguments, &verdict)
      case .gatewayReceipt:
        verdict.receipt = try Receipt(verifying: bytes, gatewayKey: key)
      case .unknown: throw Refusal(.malformed)
      }
    } catch { verdict.refusal = error }
    if arguments.isJSON { output.object(verdict) } else { output.write(verdict) }
    return verdict.refusal == nil ? .success : .invalid
  }

  /// An inclusion proof is about a leaf: given as such, or as the last of a batch.
  private static func takeInclusion(
    _ bytes: Span<UInt8>, beside path: FixedPath, _ arguments: borrowing Arguments,
    _ verdict: inout Verdict
  ) throws(Refusal) {
    if arguments.has(.leaf), arguments.has(.batch) {
      end(.usage, "cairn: --leaf and --batch are one too many")
    }
    if arguments.has(.leaf) {
      var leaf = InlineArray<1024, UInt8>(repeating: 0)
      var span = leaf.mutableSpan
      let count = read(pathOrEnd(arguments.value(of: .leaf)), into: &span, .leaf)
      return try verdict.take(inclusion: bytes, leaf: span.span.extracting(0..<count))
    }
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
    case document, leaf

    /// Larger than any of its kind.
    var tooLong: StaticString {
      switch self {
      case .document: "larger than 73728 bytes: no batch, checkpoint or receipt"
      case .leaf: "larger than 1024 bytes: no leaf"
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
