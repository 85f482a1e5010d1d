import AgentMessages
import CBOR
import Delivery
import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs
import Records
import Spool

/// `cairn status`: one screen, each row with content or with the reason why it has none.
enum StatusCommand {
  static func run(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    let report = NodeReport(arguments)
    if arguments.isJSON {
      output.status(report)
    } else {
      writeNode(report, &output)
      writeAgent(report, &output)
      if let problem = report.spoolProblem {
        writeProblem(problem, report.paths, &output)
      } else {
        writeLog(report, &output)
        SensorPage.write(report, &output)
        writeGaps(report, &output)
        writeClock(report, &output)
        writePosition(report, &output)
        writeSpool(report, &output)
      }
      writeDelivery(report, &output)
      writeConfiguration(arguments, report, &output)
    }
    return report.isEmpty ? .unavailable : .success
  }

  private static func writeNode(_ report: borrowing NodeReport, _ output: inout Output) {
    output.row("node")
    if !report.site.nodeName.isEmpty {
      output.write(untrusted: report.site.nodeName.span)
      output.write(", ")
    }
    if let key = report.publicKey {
      output.write("kid ")
      output.write(hex: key.keyID.span)
    } else if let problem = report.keyProblem {
      var text = TextBuilder<512>()
      problem.explain(&text)
      output.paragraph(text.span, indentation: Output.indentation)
    }
    switch report.isSimulated {
    case true?: output.write(", simulated: no reading is a measurement", .warning)
    case false?: output.write(", real hardware")
    case nil: break
    }
    output.newLine()
    guard let key = report.publicKey else { return }
    output.pad(to: Output.indentation)
    output.write(key.didKey)
    output.newLine()
  }

  private static func writeAgent(_ report: borrowing NodeReport, _ output: inout Output) {
    output.row("agent")
    switch report.agent {
    case .status(let live):
      output.write("running", .good)
      output.write(" for ")
      output.write(duration: live.uptimeMilliseconds)
      output.write(", version ")
      for index in live.agentVersion.indices { output.write(untrusted: live.agentVersion[index]) }
      output.newLine()
      guard live.problem != 0 else { return }
      output.pad(to: Output.indentation)
      output.emphasise(.bad)
      if let problem = AgentProblem(rawValue: live.problem) {
        output.paragraph(problem.explanation)
      } else {
        output.write("problem ")
        output.write(UInt64(live.problem))
        output.write(", which a newer `cairn` can explain")
      }
      output.plain()
      output.newLine()
    case .silent(let reason):
      output.write("no answer", .bad)
      output.write(": ")
      output.paragraph(reason.explanation)
      if case .failed(let errno) = reason {
        output.write(", errno ")
        output.write(Int(errno))
      }
      output.newLine()
    }
  }

  private static func writeProblem(
    _ problem: SpoolProblem, _ paths: NodePaths, _ output: inout Output
  ) {
    output.row("log")
    output.emphasise(.bad)
    var text = TextBuilder<512>()
    problem.explain(&text)
    output.paragraph(text.span, indentation: Output.indentation)
    output.plain()
    output.newLine()
    output.pad(to: Output.indentation)
    output.write(untrusted: paths.spool.span)
    output.newLine()
  }

  private static func writeLog(_ report: borrowing NodeReport, _ output: inout Output) {
    output.row("log")
    guard let last = report.spool.last else {
      output.write("empty: nothing has been sealed yet")
      output.newLine()
      return
    }
    let checkpoint = last.checkpoint
    output.write("epoch ")
    output.write(checkpoint.epoch)
    output.write(", boot ")
    output.write(checkpoint.boot)
    output.write(", ")
    output.write(checkpoint.size, "leaf", "leaves")
    output.write(" in ")
    output.write(checkpoint.batch + 1, "batch", "batches")
    output.newLine()
    output.pad(to: Output.indentation)
    output.write("last batch ")
    output.write(checkpoint.epoch)
    output.write("/")
    output.write(checkpoint.batch)
    output.write(": ")
    output.write(checkpoint.size - checkpoint.first, "leaf", "leaves")
    output.write(", ")
    writeTime(checkpoint.lastLeafMilliseconds, report, &output)
    output.newLine()
    output.pad(to: Output.indentation)
    output.write("root ")
    output.write(hex: checkpoint.root.span)
    output.newLine()
    if report.spool.lossCount > 0 {
      output.pad(to: Output.indentation)
      output.emphasise(.bad)
      output.paragraph("damage: some of the spool can't be read; look at the card and at `dmesg`")
      output.plain()
      output.newLine()
    }
  }

  /// "4 s ago" while the agent runs, else "at 00:03:08.250 of boot 2".
  static func writeTime(
    _ milliseconds: Int64, _ report: borrowing NodeReport, _ output: inout Output
  ) {
    if let age = report.age(of: milliseconds) {
      output.write(duration: age)
      output.write(" ago")
    } else {
      output.write("at log time ")
      output.write(logTime: milliseconds)
    }
  }

  private static func writeGaps(_ report: borrowing NodeReport, _ output: inout Output) {
    output.row("gaps")
    guard let gap = report.spool.survey.lastGap else {
      output.write(report.spool.isExcerpt ? "none lately" : "none in this boot")
      output.newLine()
      return
    }
    output.write(report.spool.survey.gapCount)
    output.write(", the last ")
    writeTime(gap.milliseconds, report, &output)
    output.write(": ")
    var text = TextBuilder<256>()
    LeafWords.describe(gap: gap.gap, codeNumber: gap.codeNumber, schema: gap.schema, &text)
    output.paragraph(text.span, indentation: Output.indentation)
    output.newLine()
  }

  private static func writeClock(_ report: borrowing NodeReport, _ output: inout Output) {
    output.row("clock")
    let survey = report.spool.survey
    guard let clock = survey.clock,
      let utc = survey.utcMilliseconds(at: survey.clockMilliseconds)
    else {
      output.emphasise(.warning)
      output.write("no clock")
      output.plain()
      output.paragraph(
        !report.site.hasReceiver
          ? """
          : the system's clock is not kept by NTP, and the site file has no [gnss]; readings \
          have log time only
          """
          : """
          : the receiver has no fix, and the system's clock is not kept by NTP; readings have \
          log time only
          """
      )
      output.newLine()
      return
    }
    output.write(LeafWords.name(ofSource: clock.sourceNumber))
    output.write(": ")
    output.write(utc: utc)
    output.write(" ")
    output.writePlusMinus()
    output.write(duration: Int64(clamping: clock.uncertaintyMilliseconds))
    output.write(", ")
    writeTime(survey.clockMilliseconds, report, &output)
    output.newLine()
  }

  private static func writePosition(_ report: borrowing NodeReport, _ output: inout Output) {
    output.row("position")
    let survey = report.spool.survey
    guard let position = survey.position else {
      output.paragraph(
        !report.site.hasReceiver
          ? "none: the site file has no [gnss]" : "none: the receiver has no fix")
      output.newLine()
      return
    }
    var text = TextBuilder<160>()
    LeafWords.describe(position, isUnicode: output.console.hasUnicode, &text)
    output.paragraph(text.span, indentation: Output.indentation)
    output.write(",")
    output.blank(before: 16, indentation: Output.indentation)
    writeTime(survey.positionMilliseconds, report, &output)
    output.newLine()
  }

  private static func writeSpool(_ report: borrowing NodeReport, _ output: inout Output) {
    guard let geometry = report.spool.geometry else { return }
    let size = UInt64(geometry.segmentCount) * UInt64(geometry.segmentByteCount)
    let used = report.spool.undeliveredByteCount
    output.row("spool")
    output.write(byteCount: used)
    output.write(" of ")
    output.write(byteCount: size)
    output.write(" hold what is not delivered")
    if size > 0 {
      output.write(" (")
      output.write(used / (size / 100 + 1))
      output.write(" %)")
    }
    output.newLine()
    output.pad(to: Output.indentation)
    if let count = report.spool.undeliveredBatchCount {
      output.write(count, "batch", "batches")
      output.write(" to deliver")
    } else {
      output.write("batches of several epochs to deliver")
    }
    output.write("; entries released ")
    output.write(report.spool.releasedThrough)
    output.write(", delivered ")
    output.write(report.spool.deliveredThrough)
    output.newLine()
  }

  private static func writeDelivery(_ report: borrowing NodeReport, _ output: inout Output) {
    output.row("delivery")
    switch report.cursor {
    case .missing: output.paragraph("not begun: the uplink has not delivered anything here")
    case .unreadable(let failure):
      output.paragraph(
        failure == .system(errno: 13)
          ? """
          not known: this user may not read the cursor; run as root, or as a member of the group \
          cairn
          """
          : "not known: the cursor can't be read")
    case .broken(.unsupportedVersion):
      output.paragraph("not known: the cursor is of a later version")
    case .broken:
      output.paragraph(
        "the cursor is damaged: the uplink begins again at the oldest batch; nothing is lost")
    case .cursor(let cursor): writeCursor(cursor, report, &output)
    }
    output.newLine()
    guard report.site.isUsable, !report.site.canVerifyReceipts else { return }
    output.pad(to: Output.indentation)
    output.emphasise(.warning)
    output.paragraph(
      "[gateway] has no public_key: no receipt can be verified, so nothing ever counts as delivered"
    )
    output.plain()
    output.newLine()
  }

  private static func writeCursor(
    _ cursor: CursorRecord, _ report: borrowing NodeReport, _ output: inout Output
  ) {
    if let key = report.publicKey, key.hash != cursor.keyHash {
      output.paragraph("the cursor is another key's: the uplink begins again at the oldest batch")
      return
    }
    output.write("next is batch ")
    output.write(cursor.next.epoch)
    output.write("/")
    output.write(cursor.next.batch)
    guard let receipt = cursor.receipt else {
      output.write("; no receipt yet")
      return
    }
    output.write("; last receipt for ")
    output.write(receipt.epoch)
    output.write("/")
    output.write(receipt.batch)
    output.newLine()
    output.pad(to: Output.indentation)
    output.write("received by the gateway ")
    output.write(utc: receipt.receivedUTCMilliseconds)
    if cursor.isReceiptUnanswered { output.write(", not yet seen by the agent") }
  }

  private static func writeConfiguration(
    _ arguments: borrowing Arguments, _ report: borrowing NodeReport, _ output: inout Output
  ) {
    guard !report.site.isUsable else { return }
    output.row("config")
    output.write(untrusted: arguments.options.configPath.span)
    output.blank(before: 14, indentation: Output.indentation)
    output.paragraph("can't be used: `cairn config check` tells why")
    output.newLine()
  }
}

extension Receipt {
  /// A receipt that is well-formed; its signature is not checked here.
  static func read(_ bytes: Span<UInt8>) -> Receipt? {
    do throws(CBORDecoder.Failure) { return try Receipt(decoding: bytes) } catch { return nil }
  }
}
