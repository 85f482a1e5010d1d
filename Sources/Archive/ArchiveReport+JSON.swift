import FixedMemory
import Proofs

/// The report for programs: one object on one line. Hashes, keys and messages are lower-case hexadecimal.
extension ArchiveReport {
  public var json: String {
    var members: [String] = []
    func member(_ name: String, _ value: String) { members.append("\"\(name)\":\(value)") }
    member("good", isGood ? "true" : "false")
    member("logSigned", isLogSigned ? "true" : "false")
    member("gatewayKeys", Self.list(gatewayKeys.map { Self.quoted($0.bytes.span.hex) }))
    member("keyTrusted", isKeyTrusted.map { $0 ? "true" : "false" } ?? "null")
    member("root", Self.quoted(root.hex))
    member("firstUTC", firstUTCMilliseconds.map { String($0) } ?? "null")
    member("lastUTC", lastUTCMilliseconds.map { String($0) } ?? "null")
    member("headSize", head.map { String($0.size) } ?? "null")
    for (name, value) in numbers { member(name, value) }
    member("forks", Self.list(forks.map { Self.object($0) }))
    let sorted = findingCounts.sorted { $0.key.rawValue < $1.key.rawValue }
    member(
      "findingCounts",
      "{" + sorted.map { "\"\($0.key.rawValue)\":\($0.value)" }.joined(separator: ",") + "}")
    member("findings", Self.list(findings.map { Self.object($0) }))
    return "{" + members.joined(separator: ",") + "}"
  }

  private var numbers: [(String, String)] {
    [
      ("leaves", "\(counts.leaves)"), ("receipts", "\(counts.receipts)"),
      ("batches", "\(counts.batches)"), ("deviceLeaves", "\(counts.deviceLeaves)"),
      ("withheldLeaves", "\(counts.withheldLeaves)"),
      ("undueLeaves", "\(counts.undueLeaves)"), ("keys", "\(counts.keys)"),
      ("nodes", "\(counts.nodes)"), ("enrolments", "\(counts.enrolments)"),
      ("revocations", "\(counts.revocations)"), ("challenges", "\(counts.challenges)"),
      ("keyChanges", "\(counts.keyChanges)"), ("forkCount", "\(counts.forks)"),
      ("keptHeads", "\(counts.keptHeads)"), ("agreeingHeads", "\(counts.agreeingHeads)"),
      ("beacons", "\(counts.beacons)"), ("soundBeacons", "\(counts.soundBeacons)"),
      ("countedWitnesses", "\(counts.countedWitnesses)"), ("periods", "\(counts.periods)"),
      ("standings", "\(counts.standings)"), ("loweredStandings", "\(counts.loweredStandings)"),
      ("largePeriods", "\(counts.largePeriods)"),
      ("frames", "\(counts.frames)"),
    ]
  }

  private static func object(_ fork: Fork) -> String {
    "{\"leaf\":\(fork.leaf),\"device\":\"\(fork.deviceKeyHash.hex)\",\"epoch\":\(fork.epoch),"
      + "\"batch\":\(fork.batch),\"held\":\"\(fork.held.hex)\",\"sent\":\"\(fork.sent.hex)\"}"
  }

  private static func object(_ finding: Finding) -> String {
    let place = finding.place
    let evidence = finding.evidence.map {
      "{\"what\":\(quoted($0.what)),\"bytes\":\"\($0.bytes.hex)\"}"
    }
    return "{\"name\":\"\(finding.name.rawValue)\",\"severity\":\"\(finding.severity.rawValue)\","
      + "\"what\":\(quoted(finding.what)),\"why\":\(quoted(finding.name.meaning)),"
      + "\"file\":\(quoted(place.file)),\"offset\":\(place.offset.map { String($0) } ?? "null"),"
      + "\"leaf\":\(place.leaf.map { String($0) } ?? "null"),\"evidence\":\(list(evidence))}"
  }

  private static func list(_ values: [String]) -> String {
    "[" + values.joined(separator: ",") + "]"
  }

  /// A JSON string (RFC 8259 section 7).
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\u{0}"..."\u{1f}", "\u{7f}"..."\u{9f}":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

extension Span<UInt8> {
  var hex: String { withUnsafeBufferPointer { Array($0) }.hex }
}
