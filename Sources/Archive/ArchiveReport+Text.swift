import FixedMemory
import Proofs

/// The report for people: one screen, then what was found.
extension ArchiveReport {
  /// Findings that are shown one by one; the others are counted.
  static let maximumShownCount = 20

  private enum Emphasis: String {
    case heading = "1"
    case good = "32"
    case bad = "1;31"
    case warning = "33"
  }

  /// Lines of at most about 100 columns, apart from what can't be broken.
  public func text(hasColour: Bool) -> String {
    func mark(_ text: String, _ emphasis: Emphasis) -> String {
      hasColour ? "\u{1b}[\(emphasis.rawValue)m\(text)\u{1b}[0m" : text
    }
    func row(_ name: String, _ text: String) -> String {
      mark(name, .heading) + String(repeating: " ", count: max(1, 11 - name.count)) + text + "\n"
    }
    var result = ""
    for (name, line) in summaryRows { result += row(name, line) }
    for fork in forks.prefix(Self.maximumShownCount) {
      result += row(
        "  two",
        "device \(fork.deviceKeyHash.short) signed two checkpoints for batch \(fork.epoch)/\(fork.batch): leaf \(fork.leaf)"
      )
    }
    let ordered = findings.enumerated().sorted {
      (Self.rank($0.element.severity), $0.offset) < (Self.rank($1.element.severity), $1.offset)
    }.map(\.element)
    for finding in ordered.prefix(Self.maximumShownCount) {
      let emphasis: Emphasis = finding.severity == .warning ? .warning : .bad
      result += "\n" + mark(finding.name.rawValue, emphasis) + ", " + Self.words(finding.severity)
      result += "\n"
      result += row("  what", finding.what)
      result += row("  where", Self.words(finding.place))
      result += row("  why", finding.name.meaning)
    }
    let count = findingCounts.values.reduce(0, +)
    if count > Self.maximumShownCount {
      result += "\n\(count - Self.maximumShownCount) more:"
      for name in findingCounts.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
        result += " \(findingCounts[name, default: 0]) \(name.rawValue)"
      }
      result += "\n"
    }
    result += "\n" + row("verdict", mark(verdict, isGood ? .good : .bad))
    return result
  }

  private var summaryRows: [(String, String)] {
    var rows: [(String, String)] = []
    let keys = gatewayKeys.map(\.hash.short).joined(separator: ", then ")
    let trust =
      switch isKeyTrusted {
      case true: "one of them is the key given"
      case false: "NOT the key given"
      case nil: "whose that is, no file tells: --key compares"
      }
    rows.append(("gateway", keys.isEmpty ? "no key" : "key \(keys); \(trust)"))
    let times =
      (firstUTCMilliseconds.map { UTCText.text($0) } ?? "–") + " to "
      + (lastUTCMilliseconds.map { UTCText.text($0) } ?? "–")
    rows.append(("log", "\(Self.grouped(counts.leaves)) leaves, \(times)"))
    rows.append(
      (
        "root",
        root.hex + (isLogSigned ? "" : "\n           NOT what the gateway has signed a head for")
      ))
    if let head, isLogSigned {
      rows.append(
        ("head", "signed by the key in force, for \(UTCText.text(head.nowUTCMilliseconds))"))
    }
    rows.append(
      (
        "batches",
        "\(Self.grouped(UInt64(counts.batches))) verified, for \(Self.grouped(UInt64(counts.receipts))) receipts; "
          + "\(Self.grouped(UInt64(counts.deviceLeaves))) leaves of devices"
          + (counts.withheldLeaves > 0
            ? ", \(Self.grouped(counts.withheldLeaves)) more only as hashes" : "")
      ))
    rows.append(
      (
        "identity",
        "\(counts.keys) keys, \(counts.nodes) nodes; \(counts.enrolments) enrolments, "
          + "\(counts.revocations) revocations"
      ))
    rows.append(
      ("challenges", "\(counts.challenges); changes of the gateway's key: \(counts.keyChanges)"))
    rows.append(
      (
        "heads",
        counts.keptHeads == 0
          ? "none given to compare: only who kept one sees a second history (--heads)"
          : "\(counts.agreeingHeads) of \(counts.keptHeads) that were kept agree with this log"
      ))
    rows.append(
      (
        "forks",
        counts.forks == 0
          ? "none" : "\(counts.forks), each with both signatures: proof against the device"
      ))
    if counts.beacons > 0 {
      rows.append(
        (
          "coverage",
          "\(counts.beacons) beacons judged, \(counts.soundBeacons) sound; "
            + "\(counts.countedWitnesses) witnesses count"
        ))
    }
    if counts.frames > 0 {
      rows.append(("frames", "\(Self.grouped(UInt64(counts.frames))) LoRaWAN frames were heard"))
    }
    if counts.periods > 0 {
      rows.append(
        (
          "standings",
          "\(counts.standings) of nodes in \(counts.periods) periods, "
            + "\(counts.loweredStandings) lowered"
            + (counts.largePeriods > 0
              ? "; \(counts.largePeriods) periods are too large to be judged: weights not known"
              : "")
        ))
    }
    return rows
  }

  /// One sentence.
  public var verdict: String {
    if isGood { return "good: everything that was recomputed is as the gateway says" }
    var parts: [String] = []
    for severity in Finding.Severity.allCases where count(of: severity) > 0 {
      parts.append("\(count(of: severity)) × \(Self.words(severity))")
    }
    return "not good: " + parts.joined(separator: ", ")
  }

  private static func rank(_ severity: Finding.Severity) -> Int {
    Finding.Severity.allCases.firstIndex(of: severity) ?? 0
  }

  static func words(_ severity: Finding.Severity) -> String {
    switch severity {
    case .gateway: "proof against the gateway"
    case .device: "proof against a device"
    case .damage: "damage"
    case .warning: "to be looked at"
    }
  }

  private static func words(_ place: Finding.Place) -> String {
    place.file + (place.offset.map { ", byte \($0)" } ?? "")
      + (place.leaf.map { ", leaf \($0) of the log" } ?? "")
  }

  /// 1234567 is "1 234 567".
  static func grouped(_ value: UInt64) -> String {
    var digits: [Character] = []
    for (place, digit) in String(value).reversed().enumerated() {
      if place > 0, place.isMultiple(of: 3) { digits.append(" ") }
      digits.append(digit)
    }
    return String(digits.reversed())
  }
}

/// UTC as people write it, to the second.
enum UTCText {
  static func text(_ milliseconds: Int64) -> String {
    // Years 0 to 9999; what lies outside is a number.
    guard (-62_167_219_200_000...253_402_300_799_999).contains(milliseconds) else {
      return "\(milliseconds) ms"
    }
    let days = Int64((Double(milliseconds) / 86_400_000).rounded(.down))
    let rest = (milliseconds - days * 86_400_000) / 1000
    // Civil date of a day number: 400 years are 146 097 days; years begin in March, so that leap days end
    // them.
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let day = shifted - era * 146_097
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365
    let dayOfYear = day - (365 * year + year / 4 - year / 100)
    let month = (5 * dayOfYear + 2) / 153
    let parts = [
      padded(year + era * 400 + (month < 10 ? 0 : 1), 4),
      padded(month < 10 ? month + 3 : month - 9, 2),
      padded(dayOfYear - (153 * month + 2) / 5 + 1, 2),
    ]
    return parts.joined(separator: "-") + " " + padded(rest / 3600, 2) + ":"
      + padded(rest / 60 % 60, 2) + ":" + padded(rest % 60, 2) + " UTC"
  }

  private static func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
