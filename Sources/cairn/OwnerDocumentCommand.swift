import FixedMemory
import Identity
import LinuxPlatform
import NodeFiles
import Proofs
import Records
import Signers
import Verifier

/// `cairn owner invite`, `move`, `succeed` and `revoke`: what an owner says about a node (docs/identity.md). What is
/// signed is read and verified again, as a gateway will, before anybody sees it.
enum OwnerDocumentCommand {
  static func invite(
    _ arguments: borrowing Arguments, isMove: Bool, _ output: inout Output
  ) -> ExitStatus {
    guard arguments.has(.gateway) else {
      refuse(.gateway, " is needed: the key of the gateway that may take the node")
    }
    guard arguments.has(.expires) else {
      refuse(.expires, " is needed: a time from now such as 7d, or a UTC date")
    }
    let node = isMove ? nodeOrEnd(arguments) : nil
    let gateway = possibleKeyOrEnd(arguments, .gateway, isEd25519: true)
    let expires = expiryOrEnd(arguments)
    let file = targetOrEnd(arguments)
    var key = ownerKeyOrEnd(arguments)
    guard gateway != key.publicKey else {
      refuse(.gateway, ": this is the owner's own key, and not a gateway's")
    }
    var nonce = FixedBytes<16>()
    var nonceSpan = nonce.mutableSpan
    fillRandom(&nonceSpan)
    let invite = Invite(
      ownerKey: key.publicKey, gatewayKeyHash: gateway.hash, node: node,
      expiresUTCMilliseconds: expires, uses: arguments.has(.often) ? .often : .once, nonce: nonce)
    var document = OwnerDocument(isMove ? "move" : "invite")
    do throws(SigningFailure) {
      (document.byteCount, document.hash) = try invite.sign(
        with: &key, into: document.message.mutableSpan)
    } catch { endForSigner() }
    do throws(Refusal) {
      guard try Invite(verifying: document.bytes) == invite else { endForVerification() }
    } catch { endForVerification() }
    if let file { document.write(to: file) }
    guard arguments.isJSON else {
      tell(document, invite, gateway)
      document.writeLines(&output)
      return .success
    }
    output.beginObject()
    document.writeMembers(file: file, &output)
    output.members(owner: key.publicKey)
    output.member("gateway", hex: gateway.hash.span)
    if let node { output.member("node", hex: node.span) } else { output.member(null: "node") }
    output.member("expires", utc: expires)
    output.member("expiresMilliseconds", expires)
    output.member("uses", text: invite.uses == .once ? "once" : "often")
    output.endDocument()
    return .success
  }

  static func succeed(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    let node = nodeOrEnd(arguments)
    guard arguments.has(.old) else { refuse(.old, " is needed: the device key that is given up") }
    guard arguments.has(.new) else {
      refuse(.new, " is needed: the key that the node goes on with")
    }
    let oldHash = keyHashOrEnd(arguments, .old)
    let newKey = possibleKeyOrEnd(arguments, .new, isEd25519: false)
    guard newKey.hash != oldHash else { refuse(.new, ": this is the old key") }
    let issued = UTCTime.nowOrEnd()
    let file = targetOrEnd(arguments)
    var key = ownerKeyOrEnd(arguments)
    guard newKey != key.publicKey else {
      refuse(.new, ": this is the owner's own key, which is never a device's")
    }
    let succession = Succession(
      ownerKey: key.publicKey, oldKeyHash: oldHash, newKey: newKey, issuedUTCMilliseconds: issued,
      node: node)
    var document = OwnerDocument("succession")
    do throws(SigningFailure) {
      (document.byteCount, document.hash) = try succession.sign(
        with: &key, into: document.message.mutableSpan)
    } catch { endForSigner() }
    do throws(Refusal) {
      guard try Succession(verifying: document.bytes) == succession else { endForVerification() }
    } catch { endForVerification() }
    if let file { document.write(to: file) }
    guard arguments.isJSON else {
      tell(document, succession)
      document.writeLines(&output)
      return .success
    }
    output.beginObject()
    document.writeMembers(file: file, &output)
    output.members(owner: key.publicKey)
    output.member("node", hex: node.span)
    output.member("oldKey", hex: oldHash.span)
    output.member("newKey", hex: newKey.hash.span)
    output.member("newPublicKey", hex: newKey.bytes.span)
    output.member("issuedMilliseconds", issued)
    output.endDocument()
    return .success
  }

  static func revoke(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    let node = nodeOrEnd(arguments)
    guard arguments.has(.key) else { refuse(.key, " is needed: the device key that is given up") }
    let keyHash = keyHashOrEnd(arguments, .key)
    let (reason, reasonName) = reasonOrEnd(arguments)
    guard arguments.has(.to) || arguments.isJSON else {
      refuse(.to, " is needed: the file that is then posted to the gateway")
    }
    let issued = UTCTime.nowOrEnd()
    let file = targetOrEnd(arguments)
    var key = ownerKeyOrEnd(arguments)
    let revocation = Revocation(
      ownerKey: key.publicKey, deviceKeyHash: keyHash, reason: reason,
      issuedUTCMilliseconds: issued, node: node)
    var document = OwnerDocument("revocation")
    do throws(SigningFailure) {
      (document.byteCount, document.hash) = try revocation.sign(
        with: &key, into: document.message.mutableSpan)
    } catch { endForSigner() }
    do throws(Refusal) {
      guard try Revocation(verifying: document.bytes) == revocation else { endForVerification() }
    } catch { endForVerification() }
    if let file { document.write(to: file) }
    if arguments.isJSON {
      output.beginObject()
      document.writeMembers(file: file, &output)
      output.members(owner: key.publicKey)
      output.member("node", hex: node.span)
      output.member("key", hex: keyHash.span)
      output.member("reason", text: reasonName)
      output.member("issuedMilliseconds", issued)
      output.endDocument()
    } else if let file {
      tell(document, revocation, reasonName, file, &output)
    }
    return .success
  }
}

/// Arguments that several of them take.
extension OwnerDocumentCommand {
  private static func expiryOrEnd(_ arguments: borrowing Arguments) -> Int64 {
    let now = UTCTime.nowOrEnd()
    do throws(UTCTime.Failure) {
      return try UTCTime.expiry(arguments.value(of: .expires), now: now)
    } catch {
      switch error {
      case .notATime:
        refuse(
          .expires, ": a time from now (90m, 12h, 7d, 4w), or a date of UTC (2027-01-31T12:00)")
      case .tooFar: refuse(.expires, ": after the year 9999")
      case .isPast:
        refuse(.expires, ": not after now: no gateway would take it. Times are UTC")
      }
    }
  }

  private static func reasonOrEnd(_ arguments: borrowing Arguments) -> (
    RevocationReason, StaticString
  ) {
    guard arguments.has(.reason) else {
      refuse(.reason, " is needed: lost, retired, compromised or unsaid")
    }
    let text = arguments.value(of: .reason)
    if text.equals("lost") { return (.lostOrStolen, "lost") }
    if text.equals("retired") { return (.retired, "retired") }
    if text.equals("compromised") { return (.compromised, "compromised") }
    if text.equals("unsaid") { return (.notSaid, "unsaid") }
    refuse(.reason, " is lost, retired, compromised or unsaid")
  }

  /// The file of --to, where there is nothing yet.
  private static func targetOrEnd(_ arguments: borrowing Arguments) -> FixedPath? {
    guard arguments.has(.to) else { return nil }
    let path = pathOrEnd(arguments.value(of: .to))
    endIfThere(path)
    return path
  }

  private static func ownerKeyOrEnd(_ arguments: borrowing Arguments) -> FileKey {
    let path = pathOrEnd(arguments.operandText)
    return openOrEnd(
      sealedKeyOrEnd(path, .owner), at: path, arguments, asking: "Passphrase of the owner's key: ")
  }

  private static func endForSigner() -> Never {
    end(.refused, "cairn: the key did not sign: nothing was made")
  }

  private static func endForVerification() -> Never {
    stop("a document that was just signed is not valid")
  }
}

/// What is said on standard error, so that standard output has the lines of the site file alone.
extension OwnerDocumentCommand {
  private static func tell(_ document: OwnerDocument, _ invite: Invite, _ gateway: PublicKey) {
    var text = TextBuilder<768>()
    begin(document, by: invite.ownerKey, &text)
    text.append("\n  for gateway ")
    text.append(hex: gateway.keyID.span)
    if let node = invite.node {
      text.append("\n  of node ")
      text.append(hex: node.span)
    }
    text.append("\n  expires ")
    text.append(utc: invite.expiresUTCMilliseconds, separator: " ")
    text.append(
      invite.uses == .once ? " UTC, for one enrolment\n" : " UTC, as often as it is used\n")
    endWithPlace(&text)
  }

  private static func tell(_ document: OwnerDocument, _ succession: Succession) {
    var text = TextBuilder<768>()
    begin(document, by: succession.ownerKey, &text)
    text.append("\n  of node ")
    text.append(hex: succession.node.span)
    text.append("\n  to key ")
    text.append(succession.newKey.didKey.span)
    text.append(
      "\n  The old key is refused from when a gateway has taken the new one's enrolment.\n")
    endWithPlace(&text)
  }

  private static func begin(
    _ document: OwnerDocument, by owner: PublicKey, _ text: inout TextBuilder<768>
  ) {
    text.append(document.name)
    text.append(" ")
    text.append(hex: document.hash.span)
    text.append("\n  by owner ")
    text.append(hex: owner.keyID.span)
  }

  private static func endWithPlace(_ text: inout TextBuilder<768>) {
    text.append(
      "These lines go below [enrolment] in the node's site.ini, in place of any others:\n")
    // The lines are what was asked for; who has closed standard error needs no words.
    do throws(SystemError) { try StandardStream.error.write(text) } catch {}
  }

  private static func tell(
    _ document: OwnerDocument, _ revocation: Revocation, _ reason: StaticString, _ file: FixedPath,
    _ output: inout Output
  ) {
    output.write("revocation ")
    output.write(hex: document.hash.span)
    output.newLine()
    output.line("owner", hex: revocation.ownerKey.keyID.span)
    output.line("node", hex: revocation.node.span)
    output.line("key", hex: revocation.deviceKeyHash.span)
    output.row("reason")
    output.write(reason)
    output.newLine()
    output.newLine()
    output.write("It holds from when a gateway has it:\n  curl -H 'Content-Type: application/cose'")
    output.write(" --data-binary @")
    output.write(untrusted: file.span)
    output.write(" \\\n    https://GATEWAY/v1/revocations\n")
  }
}

extension Output {
  fileprivate mutating func members(owner key: PublicKey) {
    member("ownerKid", hex: key.keyID.span)
    member("owner", hex: key.bytes.span)
  }
}
