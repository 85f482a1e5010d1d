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
      not due it says only when it will be. The verdicts are those of docs/coverage-protocol.md; /v1/verdicts/ID has \
      every check of one.
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
      if json {
        try StandardOutput.answer(CoverageList.json(beacons, atUTCMilliseconds: now) + "\n")
      } else if beacons.isEmpty {
        try StandardOutput.answer("No beacon\(all ? "" : "'s reveal is due") yet.\n")
      } else {
        try StandardOutput.answer(CoverageList.text(beacons, atUTCMilliseconds: now))
      }
    } catch {
      throw error.told()
    }
  }

  private func found(_ now: Int64) throws(OperatorError) -> [JudgedBeacon] {
    let store = data + "/gateway.sqlite"
    guard FileManager.default.fileExists(atPath: store) else {
      throw OperatorError(.data, "\(data) has no gateway.sqlite: it is not a gateway's folder")
    }
    var query = CoverageQuery()
    query.limit = limit
    query.isNewestFirst = true
    query.dueUTCMilliseconds = all ? nil : now
    do {
      return try GatewayStore.beacons(query, ofDevice: device, storeAt: store)
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
