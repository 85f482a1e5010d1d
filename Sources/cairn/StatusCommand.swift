import AgentMessages
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs

/// `cairn status`: one screen, each row with content or with the reason why it has none; at the end what is
/// wrong and what to do about it.
enum StatusCommand {
  static func run(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    // On a terminal without --qr the screen is for the rows.
    let showsQR = arguments.has(.qr) && arguments.wantsQR(output.console)
    let report = NodeReport(arguments)
    let findings = Findings(report)
    if arguments.isJSON {
      output.status(report, findings)
    } else {
      StatusPage.writeNode(report, &output)
      StatusPage.writeEnrolment(report, &output)
      StatusPage.writeAgent(report, &output)
      if let problem = report.spoolProblem {
        StatusPage.writeProblem(problem, report.paths, &output)
      } else {
        StatusPage.writeLog(report, &output)
        StatusPage.writeClock(report, &output)
        StatusPage.writePosition(report, &output)
        SensorPage.write(report, &output)
        StatusPage.writeLines(report, &output)
        StatusPage.writeRadio(report, &output)
        StatusPage.writeGaps(report, &output)
        StatusPage.writeSpool(report, &output)
      }
      StatusPage.writeDelivery(report, &output)
      StatusPage.writeBudget(report, &output)
      StatusPage.writeGateway(report, &output)
      StatusPage.writeConfiguration(arguments, report, &output)
      StatusPage.write(findings, report, &output)
      if showsQR, let key = report.publicKey { output.write(qrCode: key.didKey.span) }
    }
    return report.isEmpty ? .unavailable : .success
  }
}

/// The rows of `cairn status`, by what they are about.
enum StatusPage {
  /// "4 s ago" while the agent runs, else "at log time 00:03:08.250".
  static func append(
    time milliseconds: Int64, _ report: borrowing NodeReport, _ text: inout RowText
  ) {
    if let age = report.age(of: milliseconds) {
      text.append(duration: age)
      text.append("\u{1f}ago")
    } else {
      text.append("at log time\u{1f}")
      text.append(logTime: milliseconds.magnitude)
    }
  }

  /// "3 h 2 min ago", or the time itself where this machine's clock is behind it.
  static func append(
    ageOfUTC milliseconds: Int64, _ report: borrowing NodeReport, _ text: inout RowText
  ) {
    if let age = report.age(ofUTC: milliseconds) {
      text.append(duration: age)
      text.append("\u{1f}ago")
    } else {
      text.append("at ")
      text.append(utc: milliseconds, separator: "\u{1f}")
      text.append("\u{1f}UTC, ahead of this clock")
    }
  }

  static func writeConfiguration(
    _ arguments: borrowing Arguments, _ report: borrowing NodeReport, _ output: inout Output
  ) {
    guard !report.site.isUsable else { return }
    output.row("config")
    output.write(untrusted: arguments.options.configPath.span)
    output.blank(before: 14, indentation: Output.indentation)
    output.paragraph("can't be used: `cairn config check` tells why")
    output.newLine()
  }

  /// The last row: what is wrong, the worst first, each with what to do.
  static func write(
    _ findings: borrowing Findings, _ report: borrowing NodeReport, _ output: inout Output
  ) {
    output.row("to do")
    guard findings.list.count > 0 else {
      output.write("nothing: all that can be seen from here is well", .good)
      output.newLine()
      return
    }
    for index in findings.list.indices {
      let finding = findings.list[index]
      output.pad(to: Output.indentation)
      output.emphasise(finding.isGrave ? .bad : .warning)
      output.paragraph(finding.what)
      output.write(":")
      output.plain()
      var text = RowText()
      text.append(" ")
      text.append(findings.remedy(of: finding))
      output.finishRow(text)
    }
    if findings.isFull {
      output.pad(to: Output.indentation)
      output.write("and more, once these are mended")
      output.newLine()
    }
  }
}
