import CLinux
import FixedMemory
import LinuxPlatform
import NodeFiles
import Signers

/// The console's passphrase: console.pass beside the site file holds its Argon2id hash in one line (docs/console.md).
enum ConsolePassphrase {
  /// `cairn console passphrase`.
  static func set(_ arguments: borrowing Arguments) -> ExitStatus {
    let paths = nodePaths(arguments)
    let hash: PassphraseHash
    do throws(Passphrase.Failure) {
      let passphrase = try ask(arguments)
      do throws(PassphraseHash.Failure) { hash = try PassphraseHash(of: passphrase) } catch {
        end(.refused, "cairn: there are no 64 MiB of memory for Argon2id")
      }
    } catch {
      var text = TextBuilder<256>()
      text.append("cairn: ")
      text.append(error.explanation)
      end(error == .noTerminal || error == .missingFile ? .usage : .refused, text.span)
    }
    write(hash, paths)
    var text = TextBuilder<384>()
    text.append("The console's passphrase is set: its hash is in ")
    text.append(untrusted: paths.consolePassphrase.span)
    text.append("\n")
    // Who started this sees the status anyway.
    do throws(SystemError) { try StandardStream.output.write(text) } catch {}
    return .success
  }

  private static func ask(_ arguments: borrowing Arguments) throws(Passphrase.Failure)
    -> Passphrase
  {
    if arguments.has(.passphraseFile) {
      return try Passphrase(file: arguments.value(of: .passphraseFile))
    }
    if cairn_is_terminal(0) == 1 {
      return try Passphrase(
        asking: "New passphrase of the console: ", again: "Once more: ")
    }
    // A script's pipe: one line, within a minute.
    return try unsafe Passphrase { bytes, count in
      unsafe cairn_session_read_line(
        bytes, Int64(count), Int32(CAIRN_SESSION_ANY_TEXT), 60_000)
    }
  }

  private static func write(_ hash: PassphraseHash, _ paths: NodePaths) {
    var line = TextBuilder<129>()
    line.append(hash.span)
    line.append("\n")
    let path = paths.consolePassphrase
    do throws(FileFailure) {
      try atomicReplace(path, with: line.span, mode: 0o640)
    } catch {
      var text = TextBuilder<384>()
      text.append("cairn: ")
      text.append(untrusted: path.span)
      text.append(": ")
      switch error {
      case .noSpace: text.append("no room on the disk")
      case .notFound: text.append("there is no such folder")
      case .system(let errno): text.append(SystemError(errno: errno))
      case .notAFile, .tooLong, .pathTooLong: text.append("can't be written")
      }
      end(error == .noSpace ? .storageFailed : .refused, text.span)
    }
    // So that the console's user can read it. On a desk without that group it stays the owner's.
    var text = InlineArray<256, UInt8>(repeating: 0)
    for index in 0..<path.byteCount { text[index] = path.span[index] }
    let group: StaticString = "cairn\0"
    let result = unsafe text.span.withUnsafeBufferPointer {
      unsafe cairn_give_to_group($0.baseAddress, group.utf8Start)
    }
    guard result < 0, result != 0 &- ENOENT else { return }
    end(
      .refused,
      """
      cairn: the passphrase is set, and its file can't be given to the group cairn: the console's \
      user can't read it. Run this as root
      """)
  }

  /// The hash; nil when there is none to check against, told in words.
  static func read(_ paths: NodePaths, _ output: inout Output) -> PassphraseHash? {
    var bytes = InlineArray<160, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    var text = RowText()
    text.append("Nothing can be unlocked: ")
    text.append(untrusted: paths.consolePassphrase.span)
    do throws(FileFailure) {
      let count = try readFile(paths.consolePassphrase, into: &span)
      do throws(PassphraseHash.Failure) {
        return try PassphraseHash(decoding: span.span.extracting(0..<count))
      } catch {
        text.append(" holds no passphrase's hash: `cairn console passphrase` makes it anew.")
      }
    } catch {
      switch error {
      case .notFound:
        text.append(" is not there: no passphrase is set. `cairn console passphrase`, as root,")
        text.append(" sets one.")
      case .system(let errno) where errno == EACCES || errno == EPERM:
        text.append(" can't be read by this user: run as root, or as a member of the group cairn.")
      default: text.append(" can't be read: `cairn console passphrase` makes it anew.")
      }
    }
    output.paragraph(text.span, indentation: 0)
    output.newLine()
    return nil
  }
}
