import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs
import Signers

/// `cairn key restore`: a sealed device key becomes agent.key again. Nothing is overwritten but a key file of the same
/// key, and that only to raise its epoch.
enum KeyRestoreCommand {
  private enum Outcome {
    case restored
    /// The same key was there, with an earlier epoch.
    case epochRaised
    /// The same key was there, and its file has all that the backup knows.
    case wasThere
  }

  static func run(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    let source = pathOrEnd(arguments.operandText)
    let sealedKey = sealedKeyOrEnd(source, .device)
    let paths = keyPathsOrEnd(arguments)
    let lock = folderOrEnd(paths.agentFolder)
    let keyLock = paths.otherKeyFolder.map { folderOrEnd($0) }
    let present = presentKeyOrEnd(paths, sealedKey.publicKey)
    endIfSpoolIsOfAnother(paths, sealedKey.publicKey)
    let key = openOrEnd(
      sealedKey, at: source, arguments, asking: "Passphrase of the backup: ")
    let outcome: Outcome
    if let present {
      outcome = present.epoch < key.epoch ? .epochRaised : .wasThere
    } else {
      outcome = .restored
    }
    // A file of the same key knows better on which hardware it is.
    let hardware = present?.hardware ?? key.hardware
    if outcome != .wasThere { restoreOrEnd(key, paths, hardware) }
    keyLock?.release()
    lock.release()
    let hasSpool = isThere(paths.spool)
    if arguments.isJSON {
      output.beginObject()
      output.member("file", text: paths.key.span)
      switch outcome {
      case .restored: output.member("result", text: "restored")
      case .epochRaised: output.member("result", text: "epoch-raised")
      case .wasThere: output.member("result", text: "was-there")
      }
      output.members(of: key)
      output.member("hasSpool", hasSpool)
      output.endDocument()
      return .success
    }
    tell(outcome, paths, hasSpool: hasSpool, key, &output)
    return .success
  }

  /// Epoch and hardware of the key file that is there.
  private struct Present {
    let epoch: UInt64
    let hardware: HardwareIdentity
  }

  /// Nil when there is none. Another key, or something that is none, is not touched.
  private static func presentKeyOrEnd(_ paths: NodePaths, _ wanted: PublicKey) -> Present? {
    do throws(FileKey.Failure) {
      let key = try FileKey(reading: paths.key.span)
      guard key.publicKey == wanted else {
        endFor(paths.key, "is another node's key, and is never overwritten: move it away first")
      }
      return Present(epoch: key.epoch, hardware: key.hardware)
    } catch {
      if error == .missing { return nil }
      endForNodeKey(paths, error)
    }
  }

  /// The agent has its folder while it runs.
  private static func folderOrEnd(_ folder: FixedPath) -> FolderLock {
    do throws(FolderLock.Failure) { return try FolderLock(of: folder) } catch {
      switch error {
      case .notFound:
        endFor(folder, "no such folder: make it first, owned by the agent's user")
      case .locked: endFor(folder, "an agent runs in this folder: stop it first")
      case .system(let errno):
        var text = TextBuilder<384>()
        text.append("cairn: ")
        text.append(untrusted: folder.span)
        text.append(": ")
        text.append(SystemError(errno: errno))
        end(.refused, text.span)
      }
    }
  }

  /// The log of one key is never continued with another: the agent would end, so it is said here.
  private static func endIfSpoolIsOfAnother(_ paths: NodePaths, _ key: PublicKey) {
    do throws(KeyProblem) {
      guard try readPublicKey(paths.publicKey) != key, isThere(paths.spool) else { return }
    } catch {
      // Not there or cut short: the agent writes it anew from the key.
      return
    }
    endFor(
      paths.spool,
      "is the log of another key, which device.pub beside it names: move both away first")
  }

  private static func isThere(_ path: FixedPath) -> Bool {
    do throws(FileFailure) {
      _ = try FileIdentity(at: path)
      return true
    } catch { return error != .notFound }
  }

  /// Writes and reads again.
  private static func restoreOrEnd(
    _ key: borrowing FileKey, _ paths: NodePaths, _ hardware: HardwareIdentity
  ) {
    do throws(FileKey.Failure) {
      try key.restore(to: paths.key.span, epoch: key.epoch, hardware: hardware)
      let written = try FileKey(reading: paths.key.span)
      guard written.publicKey == key.publicKey, written.epoch == key.epoch else {
        end(.storageFailed, "cairn: agent.key reads otherwise than it was written")
      }
    } catch { endForNodeKey(paths, error) }
  }

  private static func endFor(_ path: FixedPath, _ what: StaticString) -> Never {
    var text = TextBuilder<512>()
    text.append("cairn: ")
    text.append(untrusted: path.span)
    text.append(": ")
    text.append(what)
    end(.refused, text.span)
  }

  private static func tell(
    _ outcome: Outcome, _ paths: NodePaths, hasSpool: Bool, _ key: borrowing FileKey,
    _ output: inout Output
  ) {
    output.row("file")
    output.write(untrusted: paths.key.span)
    output.newLine()
    output.lines(of: key)
    output.row("result")
    switch outcome {
    case .restored: output.write("restored")
    case .epochRaised: output.write("the key was there, and has the later epoch of the backup now")
    case .wasThere: output.write("nothing to do: this key is there, with no earlier epoch")
    }
    output.newLine()
    guard outcome != .wasThere else { return }
    output.row("next")
    if hasSpool {
      output.paragraph("start the agent: it goes on with the spool that is there.")
    } else {
      output.paragraph(
        "start the agent: without a spool it asks its gateway for at most 10 s where the log stands, and begins a new epoch behind it."
      )
    }
    if !key.hardware.board.isEmpty || !key.hardware.card.isEmpty {
      output.newLine()
      output.pad(to: Output.indentation)
      output.paragraph(
        "On other hardware than the above it signs nothing until `cairn key adopt`: make sure first that the old board is off."
      )
    }
    output.newLine()
  }
}
