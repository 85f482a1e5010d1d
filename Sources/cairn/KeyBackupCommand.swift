import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs
import Signers

/// `cairn key backup`: the node's key, with epoch and hardware, in a sealed file. The agent may run: it replaces its
/// key file whole.
enum KeyBackupCommand {
  static func backup(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    guard arguments.has(.to) else { refuse(.to, " is needed: the file that is made") }
    let target = pathOrEnd(arguments.value(of: .to))
    let paths = keyPathsOrEnd(arguments)
    let key = nodeKeyOrEnd(paths)
    endIfThere(target)
    let passphrase = passphraseOrEnd(
      arguments, asking: "New passphrase of the backup: ", again: "Once more: ")
    sealOrEnd(key, as: .device, with: passphrase, at: target)
    if arguments.isJSON {
      output.beginObject()
      output.member("file", text: target.span)
      output.members(of: key)
      output.endDocument()
      return .success
    }
    output.row("file")
    output.write(untrusted: target.span)
    output.newLine()
    output.lines(of: key)
    output.newLine()
    output.paragraph(
      "Whoever has this file and its passphrase can sign as this node. `cairn key restore` takes it back; the log itself is not in it.",
      indentation: 0)
    output.newLine()
    return .success
  }

  private static func nodeKeyOrEnd(_ paths: NodePaths) -> FileKey {
    do throws(FileKey.Failure) { return try FileKey(reading: paths.key.span) } catch {
      endForNodeKey(paths, error)
    }
  }
}

/// Ends the program because of agent.key.
func endForNodeKey(_ paths: NodePaths, _ failure: FileKey.Failure) -> Never {
  var text = TextBuilder<512>()
  text.append("cairn: ")
  text.append(untrusted: paths.key.span)
  text.append(": ")
  switch failure {
  case .missing:
    text.append(
      "no key: the agent makes it at its first start, or [key] address or --state says otherwise")
  case .readableByOthers:
    text.append("its mode or owner is not right, so that others may know it; docs/key-file.md")
  case .notAFile: text.append("is not a file")
  case .malformed: text.append("is not a key file, or is damaged; it was left as it is")
  case .unsupportedVersion: text.append("was written by a later version of Cairn")
  case .pathTooLong: text.append("the path is too long")
  case .noRandomness: text.append("the kernel gives no random bytes")
  case .noSecureMemory: text.append("no locked memory left: raise RLIMIT_MEMLOCK (ulimit -l)")
  case .noFolder: text.append("its folder is not there, or --state names another one")
  case .system(let errno):
    text.append(SystemError(errno: errno))
    text.append(". The key is for root and the agent's own user")
  }
  end(failure == .missing || failure == .noFolder ? .unavailable : .refused, text.span)
}

extension Output {
  /// A device's key with what belongs to it.
  mutating func lines(of key: borrowing FileKey) {
    lines(of: key.publicKey)
    row("epoch")
    write(key.epoch)
    newLine()
    row("board")
    writeSerialNumber(key.hardware.board)
    newLine()
    row("card")
    writeSerialNumber(key.hardware.card)
    newLine()
  }

  private mutating func writeSerialNumber(_ text: FixedText<40>) {
    if text.isEmpty { write("not bound to one") } else { write(untrusted: text.span) }
  }

  mutating func members(of key: borrowing FileKey) {
    members(of: key.publicKey)
    member("epoch", key.epoch)
    memberSerialNumber("board", key.hardware.board)
    memberSerialNumber("card", key.hardware.card)
  }

  private mutating func memberSerialNumber(_ name: StaticString, _ text: FixedText<40>) {
    if text.isEmpty { member(null: name) } else { member(name, text: text.span) }
  }
}
