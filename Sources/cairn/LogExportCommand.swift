import CBOR
import CLinux
import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs
import Records
import Verifier

/// `cairn log export`: a batch with all that is needed to check it. What is written has been
/// verified with the key that is written beside it.
enum LogExportCommand {
  static func run(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    guard arguments.has(.to), let folder = FixedPath(arguments.value(of: .to)) else {
      end(.usage, "cairn: log export needs --to FOLDER, of at most 255 bytes")
    }
    var wanted: (epoch: UInt64, batch: UInt64)?
    if arguments.hasOperand {
      guard let position = batchPosition(arguments.operandText) else {
        LogShowCommand.endForPosition()
      }
      wanted = position
    }
    let paths = nodePaths(arguments)
    let key = publicKeyOrEnd(paths)
    do throws(SpoolProblem) {
      var walk = try LogWalk(paths)
      let found: LogBatch?
      if let wanted {
        found = try walk.find(epoch: wanted.epoch, batch: wanted.batch)
      } else {
        found = try walk.findLast()
      }
      guard let found else {
        if wanted == nil { end(.unavailable, "cairn: nothing has been sealed yet") }
        LogShowCommand.endForMissing(paths)
      }
      do throws(NodeLogReader.Failure) { try walk.reader.assembleAlone() } catch {
        throw .log(error)
      }
      return export(found, walk, key, to: folder, arguments.isJSON, &output)
    } catch {
      endForSpool(paths, error)
    }
  }

  private static func export(
    _ found: LogBatch, _ walk: borrowing LogWalk, _ key: PublicKey, to folder: FixedPath,
    _ isJSON: Bool, _ output: inout Output
  ) -> ExitStatus {
    let content: BatchVerifier.Content
    do throws(Refusal) {
      let verified = try VerifiedCheckpoint(verifying: walk.reader.checkpointMessage, key: key)
      content = try BatchVerifier.content(
        of: walk.reader.bytes, checkpoint: verified.checkpoint, known: MerkleFrontier())
    } catch {
      var text = TextBuilder<256>()
      text.append("cairn: the batch is not valid with this node's key, and nothing was written: ")
      text.append(error.code.name)
      text.append(". ")
      text.append(error.code.meaning)
      end(.invalid, text.span)
    }
    guard content.leafCount > 0 else {
      end(.unavailable, "cairn: the spool has no leaf of this batch any more")
    }
    var receipt = InlineArray<2419, UInt8>(repeating: 0)
    let receiptByteCount = inclusionReceipt(found, walk, into: receipt.mutableSpan)
    makeFolder(folder)
    write(walk.reader.bytes, "batch.cbor", in: folder)
    write(walk.reader.checkpointMessage, "checkpoint.cose", in: folder)
    write(receipt.span.extracting(0..<receiptByteCount), "receipt.cose", in: folder)
    write(key.bytes.span, "device.pub", in: folder)
    if isJSON {
      output.beginObject()
      output.batch(found, deliveredThrough: walk.reader.deliveredThrough, "batch")
      output.member("folder", text: folder.span)
      output.member("batchByteCount", UInt64(walk.reader.bytes.count))
      output.member("receiptByteCount", UInt64(receiptByteCount))
      output.endDocument()
      return .success
    }
    output.write("batch ")
    output.write(found.checkpoint.epoch)
    output.write("/")
    output.write(found.checkpoint.batch)
    output.write(" of ")
    output.write(hex: key.keyID.span)
    output.write(" is in ")
    output.write(untrusted: folder.span)
    output.newLine()
    line("batch.cbor", walk.reader.bytes.count, "checkpoint and ", &output)
    output.write(UInt64(content.leafCount), "leaf", "leaves")
    output.newLine()
    line(
      "checkpoint.cose", walk.reader.checkpointMessage.count, "the signed state after it", &output)
    output.newLine()
    line("receipt.cose", receiptByteCount, "inclusion proof of leaf ", &output)
    output.write(found.checkpoint.size - 1)
    output.newLine()
    line("device.pub", 32, "the key that signed", &output)
    output.newLine()
    output.write("check it: cairn verify ")
    output.write(untrusted: folder.span)
    output.write("/batch.cbor --key ")
    output.write(untrusted: folder.span)
    output.write("/device.pub")
    output.newLine()
    return .success
  }

  private static func line(
    _ name: StaticString, _ byteCount: Int, _ what: StaticString, _ output: inout Output
  ) {
    output.write("  ")
    output.write(name)
    output.write(UInt64(byteCount), endingAt: 26)
    output.write(" bytes  ")
    output.write(what)
  }

  /// The inclusion proof of the batch's last leaf under the checkpoint's signature (RFC 9942).
  private static func inclusionReceipt(
    _ found: LogBatch, _ walk: borrowing LogWalk, into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    let size = found.checkpoint.size
    var proof = InlineArray<2197, UInt8>(repeating: 0)
    let proofByteCount = InclusionProof(
      size: size, index: size - 1, path: path(toLast: size, walk)
    ).encode(into: proof.mutableSpan)
    let message = walk.reader.checkpointMessage
    do throws(CBORDecoder.Failure) {
      let parts = try COSESign1(decoding: message)
      return COSESign1.encodeReceipt(
        protected: message.extracting(parts.protected), signature: parts.signature,
        proofLabel: COSESign1.Label.inclusion, proof: proof.span.extracting(0..<proofByteCount),
        into: bytes)
    } catch { stop("a verified checkpoint can't be read again") }
  }

  private static func path(toLast size: UInt64, _ walk: borrowing LogWalk) -> MerklePath {
    do throws(PathBuilder.Failure) {
      var builder = try PathBuilder(
        inclusionOf: size - 1, size: size, start: walk.reader.frontierBeforeItems)
      var items = CBORDecoder(walk.reader.items)
      while !items.isAtEnd {
        do throws(CBORDecoder.Failure) {
          builder.offer(leafHash: MerkleTree.leafHash(try items.byteString()))
        } catch { stop("a verified batch can't be read again") }
      }
      guard let path = builder.finished() else { stop("a verified batch lacks leaves") }
      return path
    } catch { stop("a verified batch has no last leaf") }
  }

  private static func makeFolder(_ folder: FixedPath) {
    let result = folder.makeFolder()
    guard result < 0, result != 0 &- EEXIST else { return }
    var text = TextBuilder<384>()
    text.append("cairn: ")
    text.append(untrusted: folder.span)
    text.append(
      result == 0 &- ENOENT ? ": the folder above it is not there" : ": can't be made: errno ")
    if result != 0 &- ENOENT { text.append(0 &- result) }
    end(.refused, text.span)
  }

  private static func write(_ bytes: Span<UInt8>, _ name: StaticString, in folder: FixedPath) {
    guard let path = folder.appending(name: name) else {
      end(.usage, "cairn: --to is too long for the names below it")
    }
    do throws(FileFailure) { try atomicReplace(path, with: bytes, mode: 0o644) } catch {
      var text = TextBuilder<384>()
      text.append("cairn: ")
      text.append(untrusted: path.span)
      switch error {
      case .noSpace: text.append(": no room on the disk")
      case .notFound, .notAFile: text.append(": --to does not name a folder")
      case .tooLong, .pathTooLong: text.append(": the path is too long")
      case .system(let errno) where errno == EACCES || errno == EPERM:
        text.append(": this user may not write there")
      case .system(let errno):
        text.append(": can't be written: errno ")
        text.append(errno)
      }
      end(error == .noSpace ? .storageFailed : .refused, text.span)
    }
  }
}

extension FixedPath {
  /// 0, or −errno.
  func makeFolder() -> Int32 {
    // The path's own bytes have no NUL behind them.
    var text = InlineArray<256, UInt8>(repeating: 0)
    for index in 0..<byteCount { text[index] = span[index] }
    return unsafe text.span.withUnsafeBufferPointer { unsafe cairn_make_folder($0.baseAddress) }
  }
}
