import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs
import Records
import Verifier

/// `cairn enrol`: what this node says of itself to gateways, and what its gateway made of it.
enum EnrolCommand {
  static func run(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    let report = NodeReport(arguments)
    guard let enrolment = report.identity.enrolment.found else { return endWithout(report) }
    if arguments.has(.to) { writeMessage(report, arguments) }
    if arguments.isJSON {
      output.beginObject()
      output.enrolment(report.identity)
      if arguments.has(.to) {
        output.member("file", text: arguments.value(of: .to))
      } else {
        output.member(null: "file")
      }
      output.endDocument()
    } else {
      output.line("name", hex: enrolment.hash.span)
      output.rows(of: enrolment.enrolment)
      output.rows(of: enrolment.authorization)
      writeAnswer(report, &output)
      if arguments.has(.to) { writeHandOver(report, arguments, &output) }
    }
    return report.identity.isOfThisKey ? .success : .invalid
  }

  /// No enrolment that could be shown: why, and what to do.
  private static func endWithout(_ report: borrowing NodeReport) -> ExitStatus {
    var text = TextBuilder<512>()
    text.append("cairn: ")
    text.append(untrusted: report.paths.enrolment.span)
    text.append(": ")
    switch report.identity.enrolment {
    case .value: stop("an enrolment that is there is not shown")
    case .missing:
      text.append(
        "no enrolment: the agent writes it when it starts, or --state names another folder")
      end(.unavailable, text.span)
    case .unreadable(let failure):
      text.append(
        failure.isForbidden
          ? "this user may not read it: run as root, or as a member of the group cairn"
          : "can't be read")
      end(.refused, text.span)
    case .damaged(let code):
      text.append("not valid, ")
      text.append(code.name)
      text.append(": cut short or damaged; the agent makes it anew when it starts")
      end(.invalid, text.span)
    }
  }

  private static func writeAnswer(_ report: borrowing NodeReport, _ output: inout Output) {
    output.row("gateway")
    var text = RowText()
    guard report.identity.isOfThisKey else {
      output.write("not asked", .bad)
      text.append(": this enrolment is of another key than agent/device.pub. Restart the agent.")
      return output.finishRow(text)
    }
    if case .damaged = report.identity.answer {
      output.write("not known", .warning)
      text.append(": what the uplink kept is damaged; it asks the gateway again when it starts")
      return output.finishRow(text)
    }
    if case .unreadable = report.identity.answer {
      output.write("not known", .warning)
      text.append(
        ": this user may not read what the uplink kept; run as root, or in the group cairn")
      return output.finishRow(text)
    }
    StatusPage.writeStanding(report, &output)
    output.row("to do")
    switch report.identity.standing {
    case .taken(_, _, true): text.append("nothing")
    case .refused(let code, _, true):
      if let known = RefusalCode(rawValue: code) {
        text.append(known.meaning)
        text.append(" ")
        text.append(known.remedy)
      } else {
        text.append("Bring this node's programs up to date: they don't know this reason.")
      }
    case .notEnrolled, .unanswered, .taken, .refused:
      text.append(
        report.site.isUsable && !report.site.canVerifyReceipts
          ? """
          Put the gateway's url and public_key into [gateway] of the site file; its operator has \
          them.
          """
          : """
          Nothing, if the uplink runs and reaches the gateway: it posts the enrolment by itself. \
          Else `cairn status` says what is in the way, or hand it over with --to.
          """)
    }
    output.finishRow(text)
  }

  /// The message as it was signed: the file's bytes, which were verified.
  private static func writeMessage(
    _ report: borrowing NodeReport, _ arguments: borrowing Arguments
  ) {
    guard let path = FixedPath(arguments.value(of: .to)) else {
      end(.usage, "cairn: a file's path has 1 to 255 bytes")
    }
    var bytes = InlineArray<573, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    do throws(FileFailure) {
      let count = try readFile(report.paths.enrolment, into: &span)
      try atomicReplace(path, with: span.span.extracting(0..<count), mode: 0o644)
    } catch {
      var text = TextBuilder<384>()
      text.append("cairn: ")
      text.append(untrusted: path.span)
      switch error {
      case .noSpace: text.append(": no room on the disk")
      case .notFound: text.append(": the folder is not there")
      case .notAFile: text.append(": is a folder; --to takes a file")
      case .tooLong, .pathTooLong: text.append(": the path is too long")
      case .system(let errno):
        text.append(error.isForbidden ? ": this user may not write there" : ": can't be written")
        if !error.isForbidden {
          text.append(": errno ")
          text.append(errno)
        }
      }
      end(error == .noSpace ? .storageFailed : .refused, text.span)
    }
  }

  private static func writeHandOver(
    _ report: borrowing NodeReport, _ arguments: borrowing Arguments, _ output: inout Output
  ) {
    output.newLine()
    output.write("hand it to a gateway from any machine that reaches it:")
    output.newLine()
    output.newLine()
    output.write("  curl --data-binary @")
    output.write(untrusted: arguments.value(of: .to))
    output.write(" \\")
    output.newLine()
    output.write("    -H 'Content-Type: application/cose; cose-type=\"cose-sign1\"' \\")
    output.newLine()
    output.write("    -H 'Prefer: application/problem+json' ")
    if report.site.gatewayURL.isEmpty {
      output.write("https://GATEWAY")
    } else {
      output.write("\\")
      output.newLine()
      output.write("    ")
      output.write(untrusted: report.site.gatewayURL.span)
    }
    output.write("/v1/devices")
    output.newLine()
  }
}
