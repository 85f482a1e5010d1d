import Delivery
import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs
import Records
import Verifier

/// Enrolment, gateway and what is to be done, of `cairn status --json` and `cairn enrol --json`.
extension Output {
  mutating func enrolment(_ identity: IdentityReport) {
    switch identity.enrolment {
    case .missing: missing("enrolment", "missing")
    case .unreadable: missing("enrolment", "unreadable")
    case .damaged(let code): missing("enrolment", code.name)
    case .value(let enrolment):
      beginObject("enrolment")
      members(of: enrolment)
      member("isOfThisKey", identity.isOfThisKey)
      endObject()
    }
    standing(identity)
  }

  /// A member without a value, and one beside it that says why.
  private mutating func missing(_ name: StaticString, _ reason: StaticString) {
    member(null: name)
    var text = TextBuilder<40>()
    text.append(name)
    text.append("Problem")
    member(name: text.span, text: reason)
  }

  private mutating func standing(_ identity: IdentityReport) {
    beginObject("answer")
    switch identity.standing {
    case .notEnrolled, .unanswered:
      member("taken", false)
      member(null: "node")
      member(null: "refusal")
    case .taken(let node, let version, let isCurrent):
      member("taken", isCurrent)
      member("node", hex: node.span)
      member("version", version)
      member(null: "refusal")
    case .refused(let code, let version, let isCurrent):
      member("taken", false)
      member(null: "node")
      member("version", version)
      beginObject("refusal")
      member("code", UInt64(code))
      member("isOfThisEnrolment", isCurrent)
      if let known = RefusalCode(rawValue: code) {
        member("name", text: known.name)
        member("meaning", text: known.meaning)
        member("remedy", text: known.remedy)
      } else {
        member(null: "name")
      }
      endObject()
    }
    endObject()
  }

  mutating func hindrance(_ report: borrowing NodeReport) {
    guard case .notice(let notice) = report.notice, notice.standing != .free else {
      return member(null: "hindrance")
    }
    beginObject("hindrance")
    switch notice.standing {
    case .free: break
    case .waiting(let hindrance):
      member("blocked", false)
      member("name", text: hindrance.name)
      member("explanation", text: hindrance.explanation)
      member("remedy", text: hindrance.remedy)
    case .blocked(let reason):
      member("blocked", true)
      member("name", text: reason.name)
      member("explanation", text: reason.explanation)
      member("remedy", text: reason.remedy)
    }
    member("nextAttemptInMilliseconds", notice.dueMilliseconds - report.bootMilliseconds)
    endObject()
  }

  mutating func gateway(_ report: borrowing NodeReport) {
    beginObject("gateway")
    if report.site.gatewayURL.isEmpty {
      member(null: "url")
    } else {
      member("url", text: report.site.gatewayURL.span)
    }
    if let key = report.gateway.key {
      member("publicKey", hex: key.bytes.span)
    } else {
      member(null: "publicKey")
    }
    member("keyChanges", UInt64(max(0, report.gateway.changeCount)))
    member("keysBeginAtConfigured", report.gateway.isChainOfConfiguredKey)
    switch report.gateway.head {
    case .missing: missing("head", "missing")
    case .unreadable: missing("head", "unreadable")
    case .damaged(let code): missing("head", code.name)
    case .value(let head):
      beginObject("head")
      members(of: head)
      if let age = report.age(ofUTC: head.nowUTCMilliseconds) {
        member("ageMilliseconds", age)
      } else {
        member(null: "ageMilliseconds")
      }
      endObject()
    }
    contradiction(report)
    endObject()
  }

  private mutating func contradiction(_ report: borrowing NodeReport) {
    guard report.gateway.isContradicted else { return member(null: "contradiction") }
    beginObject("contradiction")
    member("evidence", text: report.paths.gatewayContradiction.span)
    switch report.gateway.contradiction {
    case .value(let evidence):
      member("kind", UInt64(evidence.kind.rawValue))
      member("meaning", text: evidence.kind.meaning)
    case .missing, .unreadable: missing("kind", "unreadable")
    case .damaged(let code): missing("kind", code.name)
    }
    endObject()
  }

  mutating func toDo(_ findings: borrowing Findings) {
    beginArray("toDo")
    for index in findings.list.indices {
      let finding = findings.list[index]
      beginObject()
      member("name", text: finding.name)
      member("grave", finding.isGrave)
      member("what", text: finding.what)
      member("remedy", text: findings.remedy(of: finding))
      endObject()
    }
    endArray()
  }
}
