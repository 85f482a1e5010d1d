import CBOR
import Delivery
import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs

/// The budget of bytes of a line that is paid by the byte, as the uplink counts it.
struct BudgetReport {
  enum Count {
    /// The uplink has not counted anything yet.
    case missing
    case unreadable
    case kept(MonthlyBudget.Kept)
  }

  /// Of the site file.
  let limit: UInt64
  let count: Count

  /// Nil when the site file has no budget.
  init?(reading path: FixedPath, limit: UInt64?) {
    guard let limit else { return nil }
    self.limit = limit
    var bytes = InlineArray<64, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    do throws(FileFailure) {
      let byteCount = try readFile(path, into: &span)
      do throws(CBORDecoder.Failure) {
        count = .kept(try MonthlyBudget.Kept(decoding: span.span.extracting(0..<byteCount)))
      } catch { count = .unreadable }
    } catch { count = error == .notFound ? .missing : .unreadable }
  }

  /// Nothing more may be sent in this month: less is left than a request takes.
  var isSpent: Bool {
    guard case .kept(let kept) = count else { return false }
    return kept.used.addingReportingOverflow(8_192).partialValue > limit || kept.used > limit
  }
}

extension NodeReport {
  /// Batches that the gateway has without their readings, because the budget holds them back; nil when that can't
  /// be told, or there is no budget.
  var heldBackBatchCount: UInt64? {
    guard budget != nil, case .cursor(let cursor) = cursor, let last = spool.last,
      !cursor.isReceiptUnanswered
    else { return nil }
    guard let oldest = spool.firstUndelivered else { return 0 }
    let next = cursor.next
    guard oldest.checkpoint.epoch == next.epoch, last.checkpoint.epoch == next.epoch else {
      return nil
    }
    return next.batch > oldest.checkpoint.batch ? next.batch - oldest.checkpoint.batch : 0
  }
}

extension StatusPage {
  /// What of the budget is used, left, and waits.
  static func writeBudget(_ report: borrowing NodeReport, _ output: inout Output) {
    guard let budget = report.budget else { return }
    output.row("budget")
    var text = RowText()
    switch budget.count {
    case .missing:
      text.append(byteCount: budget.limit)
      text.append(" a month; the uplink has not counted anything yet")
    case .unreadable:
      text.append(byteCount: budget.limit)
      text.append(
        " a month; the count can't be read: run as root, or as a member of the group cairn")
    case .kept(let kept):
      text.append(byteCount: kept.used)
      text.append(" of ")
      text.append(byteCount: budget.limit)
      if let month = kept.month.flatMap({ CalendarMonth(number: $0) }) {
        text.append(" used in ")
        text.append(UInt64(month.year))
        text.append(month.monthOfYear < 10 ? "-0" : "-")
        text.append(UInt64(month.monthOfYear))
      } else {
        text.append(" used; no clock has told which month it is, so it has 31 days of running")
      }
      text.append(", ")
      text.append(byteCount: budget.limit - min(budget.limit, kept.used))
      text.append(" left")
    }
    output.finishRow(text)
    guard let count = report.heldBackBatchCount, count > 0 else { return }
    text.removeAll()
    text.append("held back: the readings of ")
    text.append(count, "batch", "batches")
    text.append(" at most, from ")
    if let oldest = report.spool.firstUndelivered {
      text.append(oldest.checkpoint.epoch)
      text.append("/")
      text.append(oldest.checkpoint.batch)
    }
    text.append(" on; they go out when the budget allows, and are kept until then")
    output.furtherLine(text)
  }
}

extension Output {
  mutating func budget(_ report: borrowing NodeReport) {
    guard let budget = report.budget else { return member(null: "budget") }
    beginObject("budget")
    member("limitBytes", budget.limit)
    switch budget.count {
    case .missing: member(null: "usedBytes")
    case .unreadable: member(null: "usedBytes")
    case .kept(let kept):
      member("usedBytes", kept.used)
      member("leftBytes", budget.limit - min(budget.limit, kept.used))
      if let month = kept.month.flatMap({ CalendarMonth(number: $0) }) {
        member("year", UInt64(month.year))
        member("month", UInt64(month.monthOfYear))
      } else {
        member(null: "year")
        member(null: "month")
      }
    }
    if let count = report.heldBackBatchCount {
      member("heldBackBatches", count)
    } else {
      member(null: "heldBackBatches")
    }
    endObject()
  }
}
