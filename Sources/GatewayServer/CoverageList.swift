import Coverage
import CoverageVerifier
import FixedMemory
import GatewayStore
import Proofs
import Records

/// Beacons, who heard them and what that is worth, for a terminal and for programs. Before its reveal is due nothing is
/// said of a beacon but that there is one.
public enum CoverageList {
  /// Nil: its reveal is due, or nobody knows when it would be.
  static func isOpen(_ judged: JudgedBeacon, at now: Int64) -> Bool {
    judged.window.map { $0.revealUTCMilliseconds <= now } ?? true
  }

  /// `{"beacons":[…],"periods":[…]}` on one line; `node`: standings of this one only.
  public static func json(
    _ beacons: [JudgedBeacon], _ periods: [PeriodStandings], node: String? = nil,
    atUTCMilliseconds now: Int64
  ) -> String {
    JSONText.object([
      ("beacons", .array(beacons.map { CoverageJSON.beacon($0, isOpen: isOpen($0, at: now)) })),
      ("periods", StandingList.json(periods, node: node)),
    ]).line
  }

  /// Some lines for each beacon, an empty one between.
  public static func text(_ beacons: [JudgedBeacon], atUTCMilliseconds now: Int64) -> String {
    beacons.map { judged in
      lines(judged, at: now).joined(separator: "\n") + "\n"
    }.joined(separator: "\n")
  }

  private static func lines(_ judged: JudgedBeacon, at now: Int64) -> [String] {
    let verdict = judged.verdict
    let key = judged.name.keyHash.hexadecimal
    var head = "beacon \(judged.name.number) of \(key.prefix(16))"
    if let window = judged.window {
      head += ", window of \(FleetPage.clock(window.startUTCMilliseconds))"
    }
    guard isOpen(judged, at: now) else {
      let due = judged.window.map { FleetPage.clock($0.revealUTCMilliseconds) } ?? "no time"
      return [head + ": shown from \(due) on"]
    }
    var lines = ["\(head): \(outcome(verdict))"]
    if let derived = verdict.derived {
      lines.append(
        "  slot \(derived.slot), \(decimals(Int64(derived.frequencyHertz), 6)) MHz, SF"
          + "\(derived.spreadingFactor), \(decimals(derived.powerCentidecibelMilliwatts, 2)) dBm")
    }
    lines += judged.heard.map { "  " + words($0) }
    let silent = verdict.silentListeners.map { String($0.prefix(16)) }
    if !silent.isEmpty {
      lines.append("  listened and heard nothing: " + silent.joined(separator: ", "))
    }
    return lines
  }

  /// "sound, simulated"; "refused: …"; "pending: …".
  static func outcome(_ verdict: BeaconVerdict) -> String {
    var text = verdict.outcome.rawValue
    if let reason = verdict.reason { text += ": \(reason.words) (\(reason.rawValue))" }
    return text + (verdict.isSimulated ? ", simulated" : "")
  }

  private static func words(_ heard: HeardBeacon) -> String {
    let witness = heard.witness
    var text = "heard by \(witness.key.prefix(16)): \(figures(heard))"
    if witness.reason == .beaconRefused {
      // The line above says why.
    } else if let reason = witness.reason {
      text += "; does not count: \(reason.words) (\(reason.rawValue))"
    } else {
      text += "; counts \(decimals(Int64(witness.weightPermille), 3))"
    }
    return text + (witness.isSimulated ? ", simulated" : "")
  }

  /// "-114.50 dBm, SNR 1.00 dB, 5560 m, free space -96.30 dBm"
  static func figures(_ heard: HeardBeacon) -> String {
    var parts = ["\(decimals(heard.reception.rssiCentidecibelMilliwatts, 2)) dBm"]
    parts.append(
      heard.reception.snrCentidecibels.map { "SNR \(decimals($0, 2)) dB" } ?? "no SNR told")
    if let metres = heard.witness.distanceMetres { parts.append("\(metres) m") }
    if let most = heard.witness.freeSpaceCentidecibelMilliwatts {
      parts.append("free space \(decimals(most, 2)) dBm")
    }
    return parts.joined(separator: ", ")
  }

  static func decimals(_ value: Int32, _ digits: Int8) -> String { decimals(Int64(value), digits) }

  static func decimals(_ value: Int64, _ digits: Int8) -> String {
    ScaledInteger(value, powerOfTen: -digits).description
  }
}
