import Archive
import ArgumentParser
import FixedMemory
import Foundation
import GatewayStore
import Proofs
import Signers

/// Writes an auditor's archive, while the gateway runs or not.
struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write an archive from which anybody can recompute what this gateway answered for.",
    discussion: "The gateway may run meanwhile. The format is in docs/archive.md.")

  @Option(help: ArgumentHelp("Folder of the store and the key.", valueName: "folder"))
  var data: String

  @Option(
    help: ArgumentHelp("Folder to make; one that is there must be empty.", valueName: "folder"))
  var to: String

  func run() throws {
    do throws(OperatorError) {
      try export()
    } catch {
      throw error.told()
    }
  }

  private func export() throws(OperatorError) {
    let store = data + "/gateway.sqlite"
    guard FileManager.default.fileExists(atPath: store) else {
      throw OperatorError(.data, "\(data) has no gateway.sqlite: it is not a gateway's folder")
    }
    let progress = ProgressLine("exporting")
    do {
      var key = try Self.key(data)
      let writer = try ArchiveWriter(to: to)
      try GatewayStore.export(storeAt: store, to: writer, signingWith: &key) {
        progress.show($0, of: $1)
      }
      progress.end()
    } catch {
      progress.end()
      throw Self.told(error, store: store, folder: data)
    }
    StandardOutput.line("\(to) has the whole log: cairn-gateway verify \(to)")
  }

  private static func key(_ folder: String) throws(OperatorError) -> FileKey {
    do throws(FileKey.Failure) {
      return try FileKey(opening: Array((folder + "/gateway.key").utf8).span)
    } catch {
      throw OperatorError.keyFile(folder + "/gateway.key", error)
    }
  }

  private static func told(_ error: any Error, store: String, folder: String) -> OperatorError {
    switch error {
    case let error as OperatorError: error
    case let error as ArchiveFailure:
      OperatorError(.storage, "\(error.path): \(error.reason)")
    case ExportFailure.otherVersion:
      OperatorError(
        .newerStore, "\(store) is of another version: start this version's cairn-gateway on it once"
      )
    case ExportFailure.emptyLog:
      OperatorError(.data, "\(store) has answered for nothing yet: there is no log to export")
    case ExportFailure.otherKey:
      OperatorError(
        .data,
        "\(folder)/gateway.key is not the key in force in the log: nothing may be signed with it")
    case ExportFailure.notSigned:
      OperatorError(.data, "\(folder)/gateway.key did not sign")
    case ExportFailure.notUsable(let why): OperatorError(.data, "\(store): \(why)")
    default: OperatorError(.data, "\(store) can't be exported: \(error)")
    }
  }
}

/// How far long work is, on one line of a terminal; nothing elsewhere.
final class ProgressLine {
  private let name: String
  private let isShown = isatty(2) == 1
  private var lastPercent: UInt64?

  init(_ name: String) { self.name = name }

  func show(_ done: UInt64, of all: UInt64) {
    guard isShown, all > 0 else { return }
    let percent = min(done, all) * 100 / all
    guard percent != lastPercent else { return }
    lastPercent = percent
    write("\r\(name) \(percent) %")
  }

  /// Takes the line away.
  func end() {
    if lastPercent != nil { write("\r\u{1b}[K") }
    lastPercent = nil
  }

  private func write(_ text: String) {
    FileHandle.standardError.write(Data(text.utf8))
  }
}
