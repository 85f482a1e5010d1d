import AgentMessages
import FixedMemory
import Identity
import LinuxPlatform
import NodeFiles
import Proofs
import Records
import Verifier

/// Who this node is, and what its gateway makes of that.
extension StatusPage {
  static func writeNode(_ report: borrowing NodeReport, _ output: inout Output) {
    output.row("node")
    if !report.site.nodeName.isEmpty {
      output.write(untrusted: report.site.nodeName.span)
      output.write(", ")
    }
    guard let key = report.publicKey else {
      if let problem = report.keyProblem {
        var text = RowText()
        problem.explain(&text)
        output.paragraph(text.span, indentation: Output.indentation)
      }
      output.newLine()
      return
    }
    output.write("kid ")
    output.write(hex: key.keyID.span)
    switch report.isSimulated {
    case true?:
      output.write(",")
      output.blank(before: 38, indentation: Output.indentation)
      output.write("simulated: no reading is a measurement", .warning)
    case false?: output.write(", real hardware")
    case nil: output.write(", hardware not told")
    }
    if let enrolment = report.identity.enrolment.found, report.identity.isOfThisKey {
      output.write(",")
      let words = enrolment.enrolment.storage.short
      output.blank(before: words.utf8CodeUnitCount, indentation: Output.indentation)
      output.write(words)
    }
    output.newLine()
    var text = RowText()
    text.append(key.didKey.span)
    output.furtherLine(text)
  }

  static func writeEnrolment(_ report: borrowing NodeReport, _ output: inout Output) {
    output.row("enrolment")
    switch report.identity.enrolment {
    case .missing:
      output.paragraph("none: the agent writes it when it starts; not yet a node of any gateway")
      output.newLine()
      return
    case .unreadable(let failure):
      output.paragraph(
        failure.isForbidden
          ? "not known: this user may not read it; run as root, or as a member of the group cairn"
          : "not known: its file can't be read")
      output.newLine()
      return
    case .damaged(let code):
      output.write("not valid", .bad)
      var text = RowText()
      text.append(": ")
      text.append(code.name)
      text.append("; the agent makes it anew when it starts")
      output.finishRow(text)
      return
    case .value(let enrolment): writeEnrolment(enrolment, report, &output)
    }
  }

  private static func writeEnrolment(
    _ verified: VerifiedEnrolment, _ report: borrowing NodeReport, _ output: inout Output
  ) {
    guard report.identity.isOfThisKey else {
      output.write("of another key", .bad)
      output.paragraph(" than agent/device.pub: the agent makes it anew when it starts")
      output.newLine()
      return
    }
    output.write("version ")
    output.write(verified.enrolment.version)
    output.write(", ")
    writeStanding(report, &output)
    var text = RowText()
    switch verified.authorization {
    case .none: text.append("owner none: no invite in the site file")
    case .invite(let invite):
      text.append("owner ")
      text.append(hex: invite.ownerKey.keyID.span)
      text.append(invite.node == nil ? ", by invite, " : ", by a move, ")
      text.append(invite.uses == .once ? "good once, until\u{1f}" : "good often, until\u{1f}")
      text.append(utc: invite.expiresUTCMilliseconds, separator: "\u{1f}")
      text.append("\u{1f}UTC")
    case .succession(let succession):
      text.append("owner ")
      text.append(hex: succession.ownerKey.keyID.span)
      text.append(", by a succession: this key goes on for another")
    }
    output.furtherLine(text)
    text.removeAll()
    if let place = verified.enrolment.place {
      text.append("at ")
      text.append(place)
    } else {
      text.append("no place")
    }
    if let radio = verified.enrolment.radio {
      text.append("; ")
      text.append(radio)
    } else {
      text.append("; no radio")
    }
    output.furtherLine(text)
  }

  /// What follows "version 2, ", and the line's end.
  static func writeStanding(_ report: borrowing NodeReport, _ output: inout Output) {
    var text = RowText()
    switch report.identity.standing {
    case .notEnrolled, .unanswered:
      output.write("not yet taken", .warning)
      text.append(
        report.site.isUsable && !report.site.canVerifyReceipts
          ? ": no gateway's key is configured"
          : ": the uplink has no answer of the gateway yet")
    case .taken(let node, let version, let isCurrent):
      if isCurrent {
        output.write("taken", .good)
      } else {
        output.write("not yet taken", .warning)
        text.append("; version ")
        text.append(version)
        text.append(" is")
      }
      text.append(" as node")
      output.finishRow(text)
      text.removeAll()
      text.append(hex: node.span)
      output.furtherLine(text)
      return
    case .refused(let code, let version, let isCurrent):
      output.write(isCurrent ? "refused" : "not yet taken", isCurrent ? .bad : .warning)
      if !isCurrent {
        text.append("; version ")
        text.append(version)
        text.append(" was refused")
      }
      text.append(": ")
      if let known = RefusalCode(rawValue: code) {
        text.append(known.name)
      } else {
        text.append("reason ")
        text.append(UInt64(code))
      }
    }
    output.finishRow(text)
  }

  static func writeAgent(_ report: borrowing NodeReport, _ output: inout Output) {
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
}

extension FileFailure {
  /// Permissions, and nothing else.
  var isForbidden: Bool { self == .system(errno: 13) || self == .system(errno: 1) }
}
