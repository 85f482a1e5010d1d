import CLinux
import FixedMemory
import LinuxPlatform
import NodeFiles
import Signers

/// Reads the sealed key at a path that was named, of this kind, or ends the program.
func sealedKeyOrEnd(_ path: FixedPath, _ kind: SealedKey.Kind) -> SealedKey {
  do throws(SealedKey.Failure) {
    let sealedKey = try SealedKey(reading: path.span)
    guard sealedKey.kind == kind else { endForKind(path, sealedKey.kind, wanted: kind) }
    return sealedKey
  } catch {
    endForSealedKey(path, error)
  }
}

/// Opens it with the passphrase that the command line leads to, or ends the program.
func openOrEnd(
  _ sealedKey: SealedKey, at path: FixedPath, _ arguments: borrowing Arguments,
  asking prompt: StaticString
) -> FileKey {
  let passphrase = passphraseOrEnd(arguments, asking: prompt, again: nil)
  do throws(SealedKey.Failure) {
    return try FileKey(opening: sealedKey, with: passphrase)
  } catch {
    endForSealedKey(path, error)
  }
}

/// Of --passphrase-file, or asked for on the terminal; a new one twice.
func passphraseOrEnd(
  _ arguments: borrowing Arguments, asking prompt: StaticString, again: StaticString?
) -> Passphrase {
  do throws(Passphrase.Failure) {
    if arguments.has(.passphraseFile) {
      return try Passphrase(file: arguments.value(of: .passphraseFile))
    }
    return try Passphrase(asking: prompt, again: again)
  } catch {
    var text = TextBuilder<384>()
    text.append("cairn: ")
    text.append(error.explanation)
    switch error {
    case .readableByOthers(let mode, let owner):
      text.append("; its mode is ")
      for place in 0..<3 { text.append(UInt64(mode >> (6 - 3 * UInt32(place)) & 7)) }
      text.append(", its owner ")
      text.append(owner)
    case .system(let errno):
      text.append(": ")
      text.append(SystemError(errno: errno))
    case .tooShort, .tooLong, .notOneLine, .noTerminal, .notTheSame, .noAnswer, .interrupted,
      .missingFile, .notAFile, .pathTooLong, .noSecureMemory:
      break
    }
    let isUsage = error == .missingFile || error == .noTerminal || error == .pathTooLong
    end(isUsage ? .usage : .refused, text.span)
  }
}

/// Seals a key, opens it again, and makes the file. Ends the program when a step fails; what stands at the path is
/// never overwritten.
func sealOrEnd(
  _ key: borrowing FileKey, as kind: SealedKey.Kind, with passphrase: borrowing Passphrase,
  at path: FixedPath
) {
  do throws(SealedKey.Failure) {
    let sealedKey = try key.seal(as: kind, with: passphrase)
    var text = TextBuilder<548>()
    sealedKey.write(to: &text)
    let opened = try FileKey(opening: SealedKey(decoding: text.span), with: passphrase)
    guard opened.publicKey == key.publicKey, kind != .device || opened.epoch == key.epoch else {
      stop("a sealed key opens as another")
    }
    try sealedKey.create(at: path.span)
  } catch {
    endForSealedKey(path, error)
  }
}

/// Ends the program when something stands where a file is to be made, before anybody has typed a passphrase.
func endIfThere(_ path: FixedPath) {
  do throws(FileFailure) { _ = try FileIdentity(at: path) } catch {
    if error == .notFound { return }
  }
  endForSealedKey(path, .exists)
}

func endForSealedKey(_ path: FixedPath, _ failure: SealedKey.Failure) -> Never {
  var text = TextBuilder<512>()
  text.append("cairn: ")
  text.append(untrusted: path.span)
  text.append(": ")
  text.append(failure.explanation)
  let status: ExitStatus =
    switch failure {
    case .missing, .pathTooLong, .noFolder: .usage
    case .notWritten: .storageFailed
    // As `cairn log export` and `enrol --to` say it.
    case .system(ENOSPC), .system(EDQUOT), .system(EIO), .system(EROFS): .storageFailed
    case .notSealed, .unsupportedVersion, .damaged, .costOutOfBounds, .wrongPassphrase, .noMemory,
      .noRandomness, .notAFile, .tooLarge, .exists, .system:
      .refused
    }
  end(status, text.span)
}

private func endForKind(_ path: FixedPath, _ kind: SealedKey.Kind, wanted: SealedKey.Kind) -> Never
{
  var text = TextBuilder<512>()
  text.append("cairn: ")
  text.append(untrusted: path.span)
  text.append(": holds the key of ")
  text.append(kind.article)
  text.append(", and ")
  text.append(wanted.article)
  text.append("'s is needed here")
  end(.refused, text.span)
}

extension SealedKey.Kind {
  fileprivate var article: StaticString {
    switch self {
    case .owner: "an owner"
    case .device: "a device"
    case .gateway: "a gateway"
    }
  }
}
