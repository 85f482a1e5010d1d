import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs
import Signers

/// `cairn owner new` and `cairn owner show`: the key of whoever owns nodes. It lives in a sealed file on a desk, and is
/// never on a board.
enum OwnerCommand {
  static func new(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    let path = pathOrEnd(arguments.operandText)
    endIfThere(path)
    let passphrase = passphraseOrEnd(
      arguments, asking: "New passphrase of the owner's key: ", again: "Once more: ")
    do throws(FileKey.Failure) {
      let key = try FileKey()
      sealOrEnd(key, as: .owner, with: passphrase, at: path)
      tell(key.publicKey, path, isVerified: true, arguments.isJSON, &output)
    } catch {
      end(.refused, "cairn: no key was made: the kernel gives no random bytes or no locked memory")
    }
    guard !arguments.isJSON else { return .success }
    output.newLine()
    output.paragraph(
      "Keep a copy elsewhere, on paper too, and the passphrase apart from it: whoever has lost either can't move, succeed or revoke a node any more, and nobody can help.",
      indentation: 0)
    output.newLine()
    return .success
  }

  static func show(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    let showsQR = arguments.wantsQR(output.console)
    let path = pathOrEnd(arguments.operandText)
    let sealedKey = sealedKeyOrEnd(path, .owner)
    let isVerified = arguments.has(.passphraseFile)
    if isVerified {
      let key = openOrEnd(sealedKey, at: path, arguments, asking: "")
      guard key.publicKey == sealedKey.publicKey else { stop("an opened key is another") }
    }
    tell(sealedKey.publicKey, path, isVerified: isVerified, arguments.isJSON, &output)
    if showsQR { output.write(qrCode: sealedKey.publicKey.didKey.span) }
    return .success
  }

  private static func tell(
    _ key: PublicKey, _ path: FixedPath, isVerified: Bool, _ isJSON: Bool, _ output: inout Output
  ) {
    if isJSON {
      output.beginObject()
      output.member("file", text: path.span)
      output.member("kind", text: SealedKey.Kind.owner.name)
      output.members(of: key)
      output.member("opened", isVerified)
      output.endDocument()
      return
    }
    output.row("file")
    output.write(untrusted: path.span)
    output.newLine()
    output.lines(of: key)
    guard !isVerified else { return }
    output.row("note")
    output.paragraph(
      "as the file says it: only its passphrase shows that nobody has exchanged it (--passphrase-file)"
    )
    output.newLine()
  }
}
