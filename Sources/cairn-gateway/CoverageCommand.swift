import ArgumentParser
import CoverageVerifier
import Foundation
import GatewayServer
import GatewayStore
import Proofs

/// Lists beacons, who heard them and what that is worth, from a gateway's store, while the gateway runs or not.
struct CoverageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "coverage",
    abstract: "List beacons: who heard whom, how well, and what it is worth.",
    discussion: """
      Reads the store of a gateway that runs or not, and changes nothing. Newest first. Of a beacon whose reveal is \
      not due it says only when it will be. Then what each node weighs over time, and why it is lowered; with --device \
      every check. Verdicts and statistics are those of docs/coverage-protocol.md; /v1/verdicts/ID has every check of \
      one, /v1/devices/ID/coverage what a node's statistics rest on.
      """)

  @Option(help: ArgumentHelp("Folder of the store.", valueName: "folder"))
  var data: String

  @Option(
    help: ArgumentHelp(
      "Only of this device: 16 digits of its key's hash, or more.", valueName: "id"))
  var device: String?

  @Option(help: ArgumentHelp("At most so many, 1 to 1000.", valueName: "count"))
  var limit = 20

  @Flag(help: "Also those whose reveal is not due.")
  var all = false

  @Option(
    help: ArgumentHelp(
      "Nodes in the period of this time instead of the newest complete one.", valueName: "time"))
  var at: String?

  @Flag(help: "One JSON object.")
  var json = false

  func validate() throws {
    guard (1...CoverageQuery.maximumLimit).contains(limit) else {
      throw ValidationError("--limit is a number from 1 to \(CoverageQuery.maximumLimit)")
    }
  }

  func run() throws {
    do throws(OperatorError) {
      let now = Int64(Date().timeIntervalSince1970 * 1000)
      let beacons = try found(now)
      let node = try node()
      let periods = try standings(now)
      if json {
        try StandardOutput.answer(
          CoverageList.json(beacons, periods, node: node, atUTCMilliseconds: now) + "\n")
        return
      }
      if beacons.isEmpty {
        try StandardOutput.answer("No beacon\(all ? "" : "'s reveal is due") yet.\n")
      } else {
        try StandardOutput.answer(CoverageList.text(beacons, atUTCMilliseconds: now))
      }
      guard !periods.isEmpty else { return }
      try StandardOutput.answer(
        "\n" + StandingList.text(periods, node: node, hasColour: Self.hasColour))
    } catch {
      throw error.told()
    }
  }

  private static var hasColour: Bool {
    isatty(1) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
  }

  /// Of the device that is asked for; nil: of all. A device that nobody has enrolled has none, and no standing.
  private func node() throws(OperatorError) -> String? {
    guard let device else { return nil }
    return try reading { store in
      try GatewayStore.nodeID(ofDevice: device, storeAt: store) ?? ""
    }
  }

  private func standings(_ now: Int64) throws(OperatorError) -> [PeriodStandings] {
    let moment: Int64?
    if let at {
      guard let time = CalendarTime.milliseconds(at) else {
        throw OperatorError(.configuration, "--at is a time as 2026-11-28T12:00:00Z, not \(at)")
      }
      moment = time
    } else {
      moment = nil
    }
    return try reading {
      try GatewayStore.standings(storeAt: $0, atUTCMilliseconds: now, containing: moment)
    }
  }

  private func found(_ now: Int64) throws(OperatorError) -> [JudgedBeacon] {
    var query = CoverageQuery()
    query.limit = limit
    query.isNewestFirst = true
    query.dueUTCMilliseconds = all ? nil : now
    let asked = query
    return try reading { try GatewayStore.beacons(asked, ofDevice: device, storeAt: $0) }
  }

  private func reading<Value>(_ read: (String) throws -> Value) throws(OperatorError) -> Value {
    let store = data + "/gateway.sqlite"
    guard FileManager.default.fileExists(atPath: store) else {
      throw OperatorError(.data, "\(data) has no gateway.sqlite: it is not a gateway's folder")
    }
    do {
      return try read(store)
    } catch GatewayStore.CoverageFailure.noSuchDevice {
      throw OperatorError(
        .data,
        "\(device ?? "") is no device of this gateway: give 16 digits of its key's hash, or more")
    } catch ExportFailure.otherVersion {
      throw OperatorError(
        .newerStore, "\(store) is of another version: start this version's cairn-gateway on it once"
      )
    } catch ExportFailure.notUsable(let why) {
      throw OperatorError(.data, "\(store): \(why)")
    } catch {
      throw OperatorError(.data, "\(store) can't be read: \(error)")
    }
  }
}
