import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs
import Signers

/// The private key: its address, there, private, whole, on its hardware. Its content is read only by who may.
extension Checkup {
  mutating func checkKey(_ sink: inout some DoctorSink & ~Copyable) {
    checkAddress(&sink)
    checkFile(&sink)
  }

  /// Where the key is, who says so, and whether the agent's sandbox lets it be there.
  private func checkAddress(_ sink: inout some DoctorSink & ~Copyable) {
    var row = DoctorRow(.keyAddress, .ok)
    row.reason.append("file:")
    row.reason.append(untrusted: paths.key.span)
    if !options.keyFile.isEmpty {
      row.reason.append(", by --key-address")
    } else if !report.site.isUsable {
      row.reason.append(" is looked at, where a key is unless the site file says otherwise")
      row.judge(.notChecked, do: "mend the site file first")
    } else if !paths.isKeyNamed {
      row.reason.append(", where a key is unless the site file says otherwise")
    } else if paths.isKeyAnothersPlace {
      row.reason.append(", by the site file: another file of the agent stands there")
      row.judge(.failed, do: "Give the key a file of its own: [key] address = file:/PATH.")
    } else {
      row.reason.append(", by the site file")
      if isInstalled, report.live == nil, paths.otherKeyFolder != nil {
        row.reason.append("; the agent's service may write into /var/lib/cairn/agent alone")
        row.judge(
          .warning,
          do: "`systemctl edit cairn-agent`: [Service], ReadWritePaths= and the key's folder.")
      }
    }
    sink.take(row)
  }

  private func checkFile(_ sink: inout some DoctorSink & ~Copyable) {
    let facts: FileFacts
    do throws(SystemError) { facts = try FileFacts(at: paths.key) } catch {
      var row = DoctorRow(.keyFile, .failed)
      if error.isForbidden {
        row.reason.append("this user may not look into the agent's folder")
        row.judge(.notChecked, do: Self.asWhom)
      } else if error.isNotFound {
        row.reason.append("no key: ")
        row.reason.append(untrusted: paths.key.span)
        row.judge(
          .failed,
          do: report.spoolProblem == .file(.notFound)
            ? "Start the agent, which makes it; or bring a backup back: `cairn key restore FILE`."
            : "There is a spool without its key: `cairn key restore FILE`, or mend [key] address.")
      } else {
        row.reason.append(error)
        row.judge(.failed, do: "Look at `dmesg` and at the agent's folder.")
      }
      sink.take(row)
      return
    }
    var row = DoctorRow(.keyFile, .ok)
    row.reason.append(untrusted: paths.key.span)
    sink.take(row)
    checkAccess(facts, &sink)
    checkContent(&sink)
  }

  private func checkAccess(_ facts: FileFacts, _ sink: inout some DoctorSink & ~Copyable) {
    var row = DoctorRow(.keyAccess, .ok)
    row.reason.append("mode ")
    row.reason.append(mode: facts.mode)
    row.reason.append(", owner ")
    row.reason.append(facts.ownerID)
    let folderOwner = ownerUserID(of: paths.key.directory)
    if facts.mode & 0o077 != 0 {
      row.reason.append(": others can read or replace it, so it may be known")
      row.judge(
        .failed, do: "`chmod 600` it if nobody did; else begin as another node with a new key.")
    } else if let folderOwner, folderOwner != facts.ownerID {
      row.reason.append(": the folder is user ")
      row.reason.append(folderOwner)
      row.reason.append("'s, who is the agent")
      row.judge(.failed, do: "Give it to the folder's owner: `chown` it.")
    } else {
      row.reason.append(": nobody but its owner")
    }
    sink.take(row)
  }

  private func checkContent(_ sink: inout some DoctorSink & ~Copyable) {
    var row = DoctorRow(.keyContent, .ok)
    do throws(FileKey.Failure) {
      let key = try FileKey(reading: paths.key.span)
      row.reason.append("kid ")
      row.reason.append(hex: key.publicKey.keyID.span)
      row.reason.append(", epoch ")
      row.reason.append(key.epoch)
      if let known = report.publicKey, known != key.publicKey {
        row.reason.append("; device.pub is another key's")
        row.judge(
          .failed, do: "Restore the key that device.pub and spool belong to, or move both away.")
      }
      sink.take(row)
      checkHardware(key.hardware, &sink)
    } catch {
      switch error {
      case .readableByOthers:
        // Whose it is, or who may read it, is told above.
        row.reason.append("not looked at, since the agent would not take it either")
        row.judge(.notChecked, do: "mend its owner and mode first")
      case .system(let errno) where SystemError(errno: errno).isForbidden:
        row.reason.append("only root and the agent may read it")
        row.judge(.notChecked, do: "run it as root")
      case .malformed:
        row.reason.append("it is damaged, or no key file")
        row.judge(.failed, do: "Bring a backup back: move it away, `cairn key restore FILE`.")
      case .unsupportedVersion:
        row.reason.append("it is of a later version")
        row.judge(.failed, do: "Install the programs that made it.")
      case .notAFile:
        row.reason.append("a link, folder or device stands there")
        row.judge(.failed, do: "Move it away, and bring the key back as a file.")
      default:
        row.reason.append("it can't be read")
        row.judge(.failed, do: "Look at `dmesg`; a backup is brought back by `cairn key restore`.")
      }
      sink.take(row)
    }
  }

  private func checkHardware(
    _ bound: HardwareIdentity, _ sink: inout some DoctorSink & ~Copyable
  ) {
    guard let setup else {
      sink.take(DoctorRow(.keyHardware, .notChecked, "only with a board profile"))
      return
    }
    var (board, card) = (FixedText<64>(), FixedText<64>())
    Self.readSerialNumber(setup.serialFile, &board)
    Self.readSerialNumber(setup.cardFile, &card)
    let found = HardwareIdentity(board: board.span, card: card.span)
    var row = DoctorRow(.keyHardware, .ok)
    switch bound.compare(found: found) {
    case .same: row.reason.append("the board and card that the key is bound to")
    case .moreKnown:
      row.reason.append("nothing contradicts; the agent will bind the key to this board and card")
    case .otherBoard: tell(bound.board, found.board, "board ", &row)
    case .otherCard: tell(bound.card, found.card, "card ", &row)
    }
    sink.take(row)
  }

  private func tell(
    _ bound: FixedText<40>, _ found: FixedText<40>, _ what: StaticString, _ row: inout DoctorRow
  ) {
    row.reason.append("the key is bound to ")
    row.reason.append(what)
    row.reason.append(untrusted: bound.span)
    row.reason.append(", and this one ")
    if found.isEmpty {
      row.reason.append("shows no number")
    } else {
      row.reason.append("is ")
      row.reason.append(untrusted: found.span)
    }
    row.judge(
      .failed,
      do: "When the other one is off for good: start the agent, then `cairn key adopt`.")
  }

  /// Leaves the text empty when there is no such file, as the agent does.
  private static func readSerialNumber(_ path: PathText, _ text: inout FixedText<64>) {
    var bytes = InlineArray<65, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    guard let fixedPath = FixedPath(path.span) else { return }
    do throws(FileFailure) {
      let count = try readFile(fixedPath, into: &span)
      text.write(span.span.extracting(0..<min(count, 64)))
    } catch {}
  }
}
