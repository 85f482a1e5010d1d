import Delivery
import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs
import Records
import Verifier

/// Delivery, and what is known of the gateway.
extension StatusPage {
  static func writeDelivery(_ report: borrowing NodeReport, _ output: inout Output) {
    output.row("delivery")
    var text = RowText()
    switch report.cursor {
    case .missing: text.append("not begun: the uplink has not delivered anything here")
    case .unreadable(let failure):
      text.append(
        failure.isForbidden
          ? """
          not known: this user may not read the cursor; run as root, or as a member of the group \
          cairn
          """
          : "not known: the cursor can't be read")
    case .broken(.unsupportedVersion): text.append("not known: the cursor is of a later version")
    case .broken:
      text.append(
        "the cursor is damaged: the uplink begins again at the oldest batch; nothing is lost")
    case .cursor(let cursor): append(cursor, report, &text)
    }
    output.finishRow(text)
    writeNotice(report, &output)
    guard report.site.isUsable, !report.site.canVerifyReceipts else { return }
    output.pad(to: Output.indentation)
    output.emphasise(.warning)
    output.paragraph(
      "[gateway] has no public_key: no receipt can be verified, so nothing ever counts as delivered"
    )
    output.plain()
    output.newLine()
  }

  private static func append(
    _ cursor: CursorRecord, _ report: borrowing NodeReport, _ text: inout RowText
  ) {
    if let key = report.publicKey, key.hash != cursor.keyHash {
      text.append("the cursor is another key's: the uplink begins again at the oldest batch")
      return
    }
    if let receipt = cursor.receipt {
      text.append("last receipt for ")
      text.append(receipt.epoch)
      text.append("/")
      text.append(receipt.batch)
      text.append(", received by the gateway ")
      text.append(utc: receipt.receivedUTCMilliseconds, separator: "\u{1f}")
      text.append("\u{1f}UTC")
      if cursor.isReceiptUnanswered { text.append(", not yet seen by the agent") }
    } else {
      text.append("no receipt yet")
    }
    text.append("; next is batch ")
    text.append(cursor.next.epoch)
    text.append("/")
    text.append(cursor.next.batch)
    if report.spoolProblem == nil {
      text.append(", ")
      if let count = report.spool.undeliveredBatchCount {
        text.append(count)
        text.append("\u{1f}without\u{1f}a\u{1f}verified\u{1f}receipt")
      } else {
        text.append("batches of several epochs wait")
      }
    }
  }

  /// What holds delivery up, and until when.
  private static func writeNotice(_ report: borrowing NodeReport, _ output: inout Output) {
    guard case .notice(let notice) = report.notice, notice.standing != .free else { return }
    output.pad(to: Output.indentation)
    var text = RowText()
    switch notice.standing {
    case .free: return
    case .waiting(let hindrance):
      output.write("waiting", .warning)
      text.append(": ")
      text.append(hindrance.explanation)
    case .blocked(let reason):
      output.write("blocked", .bad)
      text.append(": ")
      // Meanings are sentences, and this one goes on.
      let words = reason.explanation.bytes
      let isSentence = words.count > 0 && words[words.count - 1] == UInt8(ascii: ".")
      text.append(untrusted: words.extracting(0..<words.count - (isSentence ? 1 : 0)))
    }
    text.append("; ")
    let left = notice.dueMilliseconds - report.bootMilliseconds
    if left >= 0 {
      text.append("next attempt in ")
      text.append(duration: left)
    } else {
      text.append("the next attempt was due ")
      text.append(duration: left)
      text.append("\u{1f}ago")
    }
    output.finishRow(text)
  }

  static func writeGateway(_ report: borrowing NodeReport, _ output: inout Output) {
    output.row("gateway")
    guard report.site.isUsable || report.gateway.key != nil else {
      output.write("not known: the site file can't be used")
      output.newLine()
      return
    }
    var text = RowText()
    text.append(untrusted: report.site.gatewayURL.span)
    if let key = report.gateway.key {
      text.append(", key ")
      text.append(hex: key.keyID.span)
      if report.gateway.changeCount > 0 {
        text.append(" after ")
        text.append(UInt64(report.gateway.changeCount), "change", "changes")
        text.append(", each signed by the key before, from the one in the site file on")
      } else {
        text.append(" as in the site file")
      }
    } else {
      text.append(", no key known")
    }
    output.finishRow(text)
    writeHead(report, &output)
    writeContradiction(report, &output)
  }

  private static func writeHead(_ report: borrowing NodeReport, _ output: inout Output) {
    var text = RowText()
    switch report.gateway.head {
    case .missing: text.append("its own log: no head kept yet")
    case .unreadable: text.append("its own log: the head kept here can't be read")
    case .damaged(let code):
      text.append("its own log: the head kept here is not valid, ")
      text.append(code.name)
    case .value(let head):
      text.append("its own log: ")
      text.append(head.size, "leaf", "leaves")
      text.append(", newest head kept here ")
      append(ageOfUTC: head.nowUTCMilliseconds, report, &text)
      text.append(", root ")
      text.append(short: head.root)
    }
    output.furtherLine(text)
  }

  /// In strong words: this is what the gateway's log is for.
  private static func writeContradiction(_ report: borrowing NodeReport, _ output: inout Output) {
    guard report.gateway.isContradicted else { return }
    output.pad(to: Output.indentation)
    output.emphasise(.bad)
    output.paragraph("THE GATEWAY HAS CONTRADICTED ITSELF.")
    output.paragraph(" ")
    switch report.gateway.contradiction {
    case .value(let evidence): output.paragraph(evidence.kind.meaning)
    case .missing, .unreadable: output.paragraph("The evidence can't be read by this user.")
    case .damaged: output.paragraph("The evidence is damaged: keep the file as it is.")
    }
    output.plain()
    var text = RowText()
    text.append(" It can't be trusted with times and verdicts. Signed evidence: ")
    text.append(untrusted: report.paths.gatewayContradiction.span)
    output.finishRow(text)
  }
}

extension DeliveryStateMachine.Hindrance {
  var explanation: StaticString {
    switch self {
    case .unreachable: "the gateway can't be reached; the journal has the step that failed"
    case .notAGateway: "what answers is not a gateway: a login page, or a wrong address"
    case .gatewayError: "the gateway, or a proxy before it, has an error"
    case .askedToWait: "the gateway asked for a pause"
    case .contradiction: "the gateway asks again for what it was just sent"
    case .spoolUnreadable: "spool, public key or cursor can't be read by the uplink"
    case .budgetSpent: "this month's budget of bytes is used up; what waits goes out next month"
    }
  }

  var name: StaticString {
    switch self {
    case .unreachable: "unreachable"
    case .notAGateway: "not-a-gateway"
    case .gatewayError: "gateway-error"
    case .askedToWait: "asked-to-wait"
    case .contradiction: "contradiction"
    case .spoolUnreadable: "spool-unreadable"
    case .budgetSpent: "budget-spent"
    }
  }
}

extension DeliveryStateMachine.BlockReason {
  var explanation: StaticString {
    switch self {
    case .refused(let code):
      RefusalCode(rawValue: code)?.meaning ?? "refused, for a reason of a newer gateway"
    case .forked: RefusalCode.fork.meaning
    case .receiptRefused: "the gateway's receipt is not valid for this device and key"
    case .gatewayAhead:
      "the gateway has more of this log than the device: another board with this key, or an old backup"
    case .notResumable: "leaves are gone that the gateway asks for, and their hashes with them"
    }
  }

  var remedy: StaticString {
    switch self {
    case .refused(let code):
      RefusalCode(rawValue: code)?.remedy ?? "Bring this node's programs up to date."
    case .forked: RefusalCode.fork.remedy
    case .receiptRefused:
      "Compare [gateway] url and public_key of the site file with what its operator says."
    case .gatewayAhead:
      """
      Is there another board with a copy of this key? Stop it. Then start or restart the agent: it \
      begins a new epoch behind the gateway's.
      """
    case .notResumable: "Ask the gateway's operator, who decides whether the log goes on."
    }
  }

  var name: StaticString {
    switch self {
    case .refused(let code): RefusalCode(rawValue: code)?.name ?? "refused"
    case .forked: "fork"
    case .receiptRefused: "receipt-refused"
    case .gatewayAhead: "gateway-ahead"
    case .notResumable: "not-resumable"
    }
  }
}
