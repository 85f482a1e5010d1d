import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs
import Records

/// What the log and its spool say.
extension StatusPage {
  static func writeProblem(
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

  static func writeLog(_ report: borrowing NodeReport, _ output: inout Output) {
    output.row("log")
    guard let last = report.spool.last else {
      output.write("empty: nothing has been sealed yet")
      output.newLine()
      return
    }
    let checkpoint = last.checkpoint
    var text = RowText()
    text.append("epoch ")
    text.append(checkpoint.epoch)
    text.append(", boot ")
    text.append(checkpoint.boot)
    text.append(", ")
    text.append(checkpoint.size, "leaf", "leaves")
    text.append(" in ")
    text.append(checkpoint.batch + 1, "batch", "batches")
    text.append(", the last ")
    append(time: checkpoint.lastLeafMilliseconds, report, &text)
    output.finishRow(text)
    guard report.spool.lossCount > 0 else { return }
    output.pad(to: Output.indentation)
    output.emphasise(.bad)
    output.paragraph("damage: some of the spool can't be read; look at the card and at `dmesg`")
    output.plain()
    output.newLine()
  }

  static func writeClock(_ report: borrowing NodeReport, _ output: inout Output) {
    output.row("clock")
    let survey = report.spool.survey
    guard let clock = survey.clock,
      let tied = survey.utcMilliseconds(at: survey.clockMilliseconds)
    else {
      output.write("no clock", .warning)
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
    var text = RowText()
    text.append(LeafWords.name(ofSource: clock.sourceNumber))
    text.append(": ")
    let plusMinus: StaticString =
      output.console.hasUnicode ? "\u{1f}\u{b1}\u{1f}" : "\u{1f}+/-\u{1f}"
    if let now = report.now {
      // Tenths are more than people read, and hide nothing: the uncertainty stands beside.
      text.append(utc: now.utcMilliseconds / 1000 * 1000, separator: "\u{1f}")
      text.append("\u{1f}UTC")
      text.append(plusMinus)
      text.append(duration: Int64(clamping: now.uncertaintyMilliseconds))
      text.append(" now, tied ")
      append(time: survey.clockMilliseconds, report, &text)
    } else {
      text.append(utc: tied, separator: "\u{1f}")
      text.append("\u{1f}UTC")
      text.append(plusMinus)
      text.append(duration: Int64(clamping: clock.uncertaintyMilliseconds))
      text.append(" ")
      append(time: survey.clockMilliseconds, report, &text)
    }
    output.finishRow(text)
    guard clock.sourceNumber == UInt64(FixSource.gateway.rawValue) else { return }
    output.pad(to: Output.indentation)
    output.emphasise(.warning)
    output.paragraph(
      """
      the weakest source: the gateway says it, and nothing here can check it; there is neither \
      NTP nor a receiver's fix
      """)
    output.plain()
    output.newLine()
  }

  static func writePosition(_ report: borrowing NodeReport, _ output: inout Output) {
    output.row("position")
    let survey = report.spool.survey
    guard let position = survey.position else {
      output.paragraph(
        !report.site.hasReceiver
          ? "none: the site file has no [gnss]" : "none: the receiver has no fix")
      output.newLine()
      return
    }
    var text = RowText()
    LeafWords.describe(position, isUnicode: output.console.hasUnicode, &text)
    text.append(", ")
    append(time: survey.positionMilliseconds, report, &text)
    output.finishRow(text)
  }

  static func writeGaps(_ report: borrowing NodeReport, _ output: inout Output) {
    output.row("gaps")
    var text = RowText()
    guard let gap = report.spool.survey.lastGap else {
      text.append(report.spool.isExcerpt ? "none lately" : "none in this boot")
      return output.finishRow(text)
    }
    text.append(report.spool.survey.gapCount)
    text.append(", the last ")
    append(time: gap.milliseconds, report, &text)
    text.append(": ")
    LeafWords.describe(gap: gap.gap, codeNumber: gap.codeNumber, schema: gap.schema, &text)
    output.finishRow(text)
  }

  static func writeSpool(_ report: borrowing NodeReport, _ output: inout Output) {
    let spool = report.spool
    guard spool.geometry != nil else { return }
    output.row("spool")
    var text = RowText()
    text.append(byteCount: spool.undeliveredByteCount)
    text.append(" of ")
    text.append(byteCount: spool.byteCount)
    text.append(" (")
    text.append(spool.undeliveredPercent, unit: "%)")
    text.append(" taken by what is not delivered, in whole segments")
    output.finishRow(text)
    text.removeAll()
    if let oldest = spool.firstUndelivered {
      text.append("oldest undelivered ")
      if oldest.checkpoint.boot == spool.last?.checkpoint.boot {
        append(time: oldest.checkpoint.firstLeafMilliseconds, report, &text)
      } else {
        text.append("of boot ")
        text.append(oldest.checkpoint.boot)
      }
    } else {
      text.append("all that is sealed is delivered")
    }
    text.append("; ")
    if let left = spool.millisecondsUntilFull {
      text.append("room for about ")
      text.append(duration: left)
      text.append(" without delivery, at the rate of this boot")
    } else {
      text.append("how long it lasts can't be told yet")
    }
    output.furtherLine(text)
  }
}
