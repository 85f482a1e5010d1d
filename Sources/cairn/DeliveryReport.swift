import CBOR
import Delivery
import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs

/// How far delivery has come, as the uplink remembers it.
enum CursorAnswer {
  case cursor(CursorRecord)
  /// The uplink has never run here.
  case missing
  case unreadable(FileFailure)
  case broken(DeliveryCursor.Failure)

  static func read(_ path: FixedPath) -> CursorAnswer {
    // One byte more than a cursor has would do.
    var bytes = InlineArray<1024, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    let count: Int
    do throws(FileFailure) { count = try readFile(path, into: &span) } catch {
      return error == .notFound ? .missing : .unreadable(error)
    }
    do throws(DeliveryCursor.Failure) {
      return .cursor(CursorRecord(try DeliveryCursor(decoding: span.span.extracting(0..<count))))
    } catch { return .broken(error) }
  }
}

/// What a cursor says, apart from where the uplink reads on.
struct CursorRecord {
  let keyHash: Digest
  let next: BatchPosition
  let isReceiptUnanswered: Bool
  /// Nil before the first one. The agent has verified it when it is answered; here nobody has.
  let receipt: Receipt?

  init(_ cursor: borrowing DeliveryCursor) {
    keyHash = cursor.keyHash
    next = cursor.next
    isReceiptUnanswered = cursor.isReceiptUnanswered
    receipt = Receipt.read(cursor.receiptBytes)
  }
}

/// What holds delivery up, as the uplink last told. It lies in memory: gone means that nothing was told
/// since the kernel started.
enum NoticeAnswer {
  case notice(DeliveryNotice)
  case missing
  case unreadable

  static func read(_ path: FixedPath) -> NoticeAnswer {
    var bytes = InlineArray<64, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    do throws(FileFailure) {
      let count = try readFile(path, into: &span)
      do throws(CBORDecoder.Failure) {
        return .notice(try DeliveryNotice(decoding: span.span.extracting(0..<count)))
      } catch { return .unreadable }
    } catch { return error == .notFound ? .missing : .unreadable }
  }
}

extension Receipt {
  /// A receipt that is well-formed; its signature is not checked here.
  static func read(_ bytes: Span<UInt8>) -> Receipt? {
    do throws(CBORDecoder.Failure) { return try Receipt(decoding: bytes) } catch { return nil }
  }
}
