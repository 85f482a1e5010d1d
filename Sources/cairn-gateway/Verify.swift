import Archive
import ArgumentParser
import FixedMemory
import Foundation
import GatewayStore
import Proofs

/// Recomputes everything from an archive's files alone.
struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Recompute everything from an archive alone.",
    discussion: """
      Needs neither the gateway nor its store. Ends with 0 when all is as the gateway says, with 1 when \
      something is not (docs/archive.md), with 74 when a file can't be read.
      """)

  @Argument(help: ArgumentHelp("Folder that `cairn-gateway export` has made.", valueName: "folder"))
  var archive: String

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Heads of the gateway's log that somebody kept (/v1/log/head).", valueName: "file"))
  var heads: [String] = []

  @Option(
    help: ArgumentHelp(
      "The gateway's key that you trust, its first or any later one: a file, 64 digits, or did:key.",
      valueName: "key"))
  var key: String?

  @Flag(help: "One JSON object.")
  var json = false

  func validate() throws {
    if let key, try Self.key(key) == nil {
      throw ValidationError("\(key) is no key: a file of 32 bytes, 64 digits, or did:key")
    }
  }

  func run() throws {
    do {
      let report = try verify()
      try StandardOutput.answer(json ? report.json + "\n" : report.text(hasColour: Self.hasColour))
      guard report.isGood else { throw ExitCode(1) }
    } catch let error as OperatorError {
      throw error.told()
    }
  }

  private func verify() throws(OperatorError) -> ArchiveReport {
    var kept: [ArchiveVerifier.KeptHead] = []
    for path in heads {
      do throws(ArchiveFailure) {
        // A head has at most 159 bytes; what is longer is none.
        let bytes = try ArchiveFile.bytes(of: path, limit: 4096)
        kept.append(ArchiveVerifier.KeptHead(file: path, bytes: bytes))
      } catch {
        throw OperatorError(.storage, "\(error.path): \(error.reason)")
      }
    }
    let progress = ProgressLine("verifying")
    do throws(ArchiveFailure) {
      let trusted: PublicKey?
      do { trusted = try key.flatMap { try Self.key($0) } } catch { trusted = nil }
      let verifier = ArchiveVerifier(folder: archive, trustedKey: trusted, keptHeads: kept) {
        progress.show($0, of: $1)
      }
      let report = try verifier.run()
      progress.end()
      return report
    } catch {
      progress.end()
      throw OperatorError(.storage, "\(error.path): \(error.reason)")
    }
  }

  private static var hasColour: Bool {
    isatty(1) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
  }

  /// A key in words, or in a file of 32 bytes or of such words. Nil when it is none.
  private static func key(_ text: String) throws -> PublicKey? {
    if let key = keyInWords(text) { return key }
    guard FileManager.default.fileExists(atPath: text) else { return nil }
    let bytes: [UInt8]
    do throws(ArchiveFailure) {
      bytes = try ArchiveFile.bytes(of: text, limit: 128)
    } catch {
      throw ValidationError("\(error.path): \(error.reason)")
    }
    if let raw = FixedBytes<32>(bytes.span) { return PublicKey(ed25519: raw) }
    return keyInWords(String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .newlines))
  }

  private static func keyInWords(_ text: String) -> PublicKey? {
    if let key = PublicKey(didKey: Array(text.utf8).span) { return key }
    guard text.utf8.count == 64, let bytes = [UInt8](hexadecimal: text),
      let raw = FixedBytes<32>(bytes.span)
    else { return nil }
    return PublicKey(ed25519: raw)
  }
}
