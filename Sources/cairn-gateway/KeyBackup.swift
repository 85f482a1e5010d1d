import ArgumentParser
import FixedMemory
import Foundation
import GatewayStore
import Proofs
import Signers

/// Shows the public key; the private one is not read.
struct KeyShow: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show the gateway's public key and its names.")

  @OptionGroup var folder: KeyFolderOption

  @Flag(help: "One JSON object.")
  var json = false

  func run() throws {
    do throws(OperatorError) {
      let path = folder.data + "/gateway.pub"
      let bytes: Data
      do { bytes = try Data(contentsOf: URL(filePath: path)) } catch {
        throw OperatorError(.data, "\(path): no public key: a gateway writes it when it starts")
      }
      guard let raw = FixedBytes<32>(Array(bytes).span) else {
        throw OperatorError(.data, "\(path): \(bytes.count) bytes, not 32: not an Ed25519 key")
      }
      try KeyWords(PublicKey(ed25519: raw)).tell(asJSON: json)
    } catch { throw error.told() }
  }
}

/// Seals the gateway's key under a passphrase. The gateway may run.
struct KeyBackup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup",
    abstract: "Write the gateway's key to a text file that only a passphrase opens.",
    discussion: "The gateway may run. The file must not be there yet.")

  @OptionGroup var folder: KeyFolderOption

  @Option(help: ArgumentHelp("The file that is made.", valueName: "file"))
  var to: String

  @OptionGroup var passphrase: PassphraseOption

  @Flag(help: "One JSON object.")
  var json = false

  func run() throws {
    do throws(OperatorError) { try backup() } catch { throw error.told() }
  }

  private func backup() throws(OperatorError) {
    let key = try GatewayKeyFile.read(folder.keyPath)
    guard !FileManager.default.fileExists(atPath: to) else {
      throw OperatorError(.data, "\(to) \(SealedKey.Failure.exists.explanation)")
    }
    let passphrase = try passphrase.take("New passphrase of the backup: ", again: "Once more: ")
    do throws(SealedKey.Failure) {
      let sealedKey = try key.seal(as: .gateway, with: passphrase)
      var text = TextBuilder<548>()
      sealedKey.write(to: &text)
      let opened = try FileKey(opening: SealedKey(decoding: text.span), with: passphrase)
      precondition(opened.publicKey == key.publicKey, "a sealed key opens as another")
      try sealedKey.create(at: Array(to.utf8).span)
    } catch {
      throw OperatorError(.data, "\(to): \(error.explanation)")
    }
    try KeyWords(key.publicKey, file: to).tell(asJSON: json)
  }
}

/// Makes gateway.key of a backup.
struct KeyRestore: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Make the gateway's key file of a backup; another key is never overwritten.",
    discussion: "The gateway must be stopped first: one process has a folder.")

  @OptionGroup var folder: KeyFolderOption

  @Argument(help: "What `key backup` wrote.")
  var file: String

  @OptionGroup var passphrase: PassphraseOption

  @Flag(help: "One JSON object.")
  var json = false

  func run() throws {
    do throws(OperatorError) { try restore() } catch { throw error.told() }
  }

  private func restore() throws(OperatorError) {
    let sealedKey: SealedKey
    do throws(SealedKey.Failure) { sealedKey = try SealedKey(reading: Array(file.utf8).span) } catch
    {
      throw OperatorError(.data, "\(file): \(error.explanation)")
    }
    guard sealedKey.kind == .gateway else {
      throw OperatorError(
        .data, "\(file): holds the key of a kind \"\(sealedKey.kind.name)\", not a gateway's")
    }
    let lock = try lockedFolder()
    defer { lock.release() }
    let isThere = try isPresent(sealedKey.publicKey)
    let passphrase = try passphrase.take("Passphrase of the backup: ", again: nil)
    let key: FileKey
    do throws(SealedKey.Failure) { key = try FileKey(opening: sealedKey, with: passphrase) } catch {
      throw OperatorError(.data, "\(file): \(error.explanation)")
    }
    if !isThere {
      do throws(FileKey.Failure) {
        try key.restore(
          to: Array(folder.keyPath.utf8).span, epoch: 0, hardware: HardwareIdentity())
      } catch { throw OperatorError.keyFile(folder.keyPath, error) }
      guard try isPresent(key.publicKey) else {
        throw OperatorError(.data, "\(folder.keyPath) reads otherwise than it was written")
      }
    }
    try KeyWords(key.publicKey, file: folder.keyPath).tell(asJSON: json)
  }

  private func lockedFolder() throws(OperatorError) -> StoreLock {
    do throws(GatewayStore.Failure) {
      return try StoreLock(ofStoreAt: folder.data + "/gateway.sqlite")
    } catch {
      switch error {
      case .inUse:
        throw OperatorError(.data, "\(folder.data) is in use by a gateway: stop it first")
      case .notUsable(let why): throw OperatorError(.data, why)
      case .newerVersion: throw OperatorError(.newerStore, "\(folder.data): a later version's")
      }
    }
  }

  /// False when there is no key; another one ends the program.
  private func isPresent(_ wanted: PublicKey) throws(OperatorError) -> Bool {
    guard FileManager.default.fileExists(atPath: folder.keyPath) else { return false }
    let present = try GatewayKeyFile.read(folder.keyPath)
    guard present.publicKey == wanted else {
      throw OperatorError(
        .data, "\(folder.keyPath) is another key, and is never overwritten: move it away first")
    }
    return true
  }
}

/// Where the passphrase comes from.
struct PassphraseOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "File that only you can read, with the passphrase as its one line; else the terminal is asked.",
      valueName: "file"))
  var passphraseFile: String?

  func take(_ prompt: StaticString, again: StaticString?) throws(OperatorError) -> Passphrase {
    do throws(Passphrase.Failure) {
      if let passphraseFile { return try Passphrase(file: Array(passphraseFile.utf8).span) }
      return try Passphrase(asking: prompt, again: again)
    } catch {
      throw OperatorError(.configuration, "\(error.explanation)")
    }
  }
}

enum GatewayKeyFile {
  static func read(_ path: String) throws(OperatorError) -> FileKey {
    do throws(FileKey.Failure) { return try FileKey(reading: Array(path.utf8).span) } catch {
      throw OperatorError.keyFile(path, error)
    }
  }
}

/// A key's names.
struct KeyWords {
  let key: PublicKey
  let file: String?

  init(_ key: PublicKey, file: String? = nil) {
    self.key = key
    self.file = file
  }

  func tell(asJSON: Bool) throws(OperatorError) {
    let did = key.didKey
    let names = [
      ("kid", key.keyID.hexadecimal), ("sha256", key.hash.hexadecimal),
      ("did", String(decoding: (0..<did.span.count).map { did.span[$0] }, as: UTF8.self)),
      ("publicKey", (FixedBytes<32>(key.bytes.span) ?? FixedBytes()).hexadecimal),
      ("algorithm", "Ed25519"),
    ]
    if asJSON {
      var members = Dictionary(uniqueKeysWithValues: names)
      members["file"] = file
      let data: Data
      do {
        data = try JSONSerialization.data(
          withJSONObject: members, options: [.sortedKeys, .withoutEscapingSlashes])
      } catch { preconditionFailure("texts are JSON") }
      return try StandardOutput.answer(String(decoding: data, as: UTF8.self) + "\n")
    }
    var lines = file.map { "file       \($0)\n" } ?? ""
    for (name, value) in names {
      lines += name.padding(toLength: 11, withPad: " ", startingAt: 0) + value + "\n"
    }
    try StandardOutput.answer(lines)
  }
}
