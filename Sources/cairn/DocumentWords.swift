import FixedMemory
import Identity
import LinuxPlatform
import Proofs
import Verifier

/// The documents of docs/identity.md in rows, for `verify` and `enrol`.
extension Output {
  mutating func rows(of document: Verdict.Document) {
    switch document {
    case .receipt(let receipt): rows(of: receipt)
    case .deviceHead(let head): rows(of: head)
    case .challenge(let challenge): rows(of: challenge)
    case .gatewayHead(let head): rows(of: head)
    case .keyChange(let change): rows(of: change)
    case .invite(let invite): rows(of: invite)
    case .succession(let succession): rows(of: succession)
    case .revocation(let revocation): rows(of: revocation)
    case .enrolment(let enrolment):
      rows(of: enrolment.enrolment)
      rows(of: enrolment.authorization)
    }
  }

  mutating func rows(of enrolment: Enrolment) {
    row("version")
    write(enrolment.version)
    if let previous = enrolment.previous {
      write(", after ")
      write(short: previous)
    } else {
      write(", the first of this key")
    }
    newLine()
    row("device")
    write(enrolment.deviceKey.didKey)
    newLine()
    row("storage")
    write(enrolment.storage.words)
    newLine()
    row("place")
    if let place = enrolment.place {
      var text = TextBuilder<128>()
      text.append(place)
      paragraph(text.span, indentation: Self.indentation)
    } else {
      write("not said")
    }
    newLine()
    row("radio")
    if let radio = enrolment.radio {
      var text = TextBuilder<192>()
      text.append(radio)
      paragraph(text.span, indentation: Self.indentation)
    } else {
      write("none")
    }
    newLine()
    if let anchor = enrolment.anchor {
      row("anchor")
      write(short: anchor.value)
      write(", its first link is number ")
      write(anchor.firstLink)
      newLine()
    }
    row("valid")
    if let time = enrolment.validFromUTCMilliseconds {
      write("from ")
      write(utc: time)
    } else {
      write("from when a gateway receives it: the device had no clock")
    }
    newLine()
  }

  mutating func rows(of authorization: EnrolmentMessage.Authorization) {
    switch authorization {
    case .none:
      row("owner")
      paragraph("none: only a gateway that takes nodes without an owner makes a node of it")
      newLine()
    case .invite(let invite): rows(of: invite)
    case .succession(let succession): rows(of: succession)
    }
  }

  private mutating func rows(of invite: Invite) {
    owner(invite.ownerKey)
    row(invite.node == nil ? "invite" : "move")
    if let node = invite.node {
      write("of node ")
      write(short: node)
    } else {
      write("for a new node")
    }
    write(invite.uses == .once ? ", once," : ", as often as wanted,")
    blank(before: 31, indentation: Self.indentation)
    expiry(invite.expiresUTCMilliseconds)
    newLine()
    row("for")
    write("the gateway whose key has the hash ")
    write(short: invite.gatewayKeyHash)
    newLine()
  }

  private mutating func rows(of succession: Succession) {
    owner(succession.ownerKey)
    line("node", hex: succession.node.span)
    row("old key")
    write(hex: succession.oldKeyHash.span)
    newLine()
    row("new key")
    write(succession.newKey.didKey)
    newLine()
    issued(succession.issuedUTCMilliseconds)
  }

  private mutating func rows(of revocation: Revocation) {
    owner(revocation.ownerKey)
    line("node", hex: revocation.node.span)
    row("key")
    write(hex: revocation.deviceKeyHash.span)
    newLine()
    row("reason")
    write(revocation.reason.words)
    newLine()
    issued(revocation.issuedUTCMilliseconds)
  }

  private mutating func rows(of receipt: Receipt) {
    line("device", hex: receipt.deviceKeyHash.span)
    row("batch")
    write(receipt.epoch)
    write("/")
    write(receipt.batch)
    write(", ")
    write(receipt.size, "leaf", "leaves")
    newLine()
    row("received")
    write(utc: receipt.receivedUTCMilliseconds)
    write(
      receipt.result == Receipt.resultStored ? ", stored" : ", with a result of a later version")
    newLine()
    line("about", hex: receipt.checkpointHash.span)
  }

  private mutating func rows(of head: DeviceHead) {
    line("device", hex: head.deviceKeyHash.span)
    row("has")
    write("everything up to batch ")
    write(head.epoch)
    write("/")
    write(head.batch)
    write(", ")
    write(head.size, "leaf", "leaves")
    newLine()
    line("about", hex: head.checkpointHash.span)
    row("said")
    write(utc: head.nowUTCMilliseconds)
    newLine()
  }

  private mutating func rows(of challenge: Challenge) {
    row("number")
    write(challenge.number)
    write(", for ")
    if challenge.region.isEmpty {
      write("everybody")
    } else {
      write("region ")
      write(untrusted: challenge.region.span)
    }
    if challenge.policy != 0 {
      write(", policy ")
      write(challenge.policy)
    }
    newLine()
    row("issued")
    write(utc: challenge.issuedUTCMilliseconds)
    write(", in force for ")
    write(duration: Int64(challenge.validSeconds) * 1000)
    newLine()
    line("nonce", hex: challenge.nonce.span)
    guard let beacon = challenge.beacon else { return }
    row("beacon")
    write(untrusted: beacon.source.span)
    write(", round ")
    write(beacon.round)
    write(": the nonce is made of it")
    newLine()
  }

  private mutating func rows(of head: GatewayHead) {
    row("log")
    write(head.size, "leaf", "leaves")
    write(" at ")
    write(utc: head.nowUTCMilliseconds)
    newLine()
    line("root", hex: head.root.span)
  }

  private mutating func rows(of change: GatewayKeyChange) {
    line("new key", hex: change.newKey.bytes.span)
    row("kid")
    write(hex: change.newKey.keyID.span)
    newLine()
    row("said")
    write(utc: change.nowUTCMilliseconds)
    newLine()
  }

  private mutating func owner(_ key: PublicKey) {
    row("owner")
    write(key.didKey)
    newLine()
  }

  private mutating func issued(_ utcMilliseconds: Int64) {
    row("issued")
    write(utc: utcMilliseconds)
    newLine()
  }

  /// "until 2025-01-31 00:00:00 UTC", and what this machine's clock thinks of it.
  mutating func expiry(_ utcMilliseconds: Int64) {
    write("until ")
    write(utc: utcMilliseconds)
    guard SystemClock().utcMilliseconds() >= utcMilliseconds else { return }
    write(", ")
    blank(before: 32, indentation: Self.indentation)
    write("which is past by this machine's clock", .warning)
  }
}

extension Enrolment.StorageClass {
  var words: StaticString {
    switch self {
    case .file: "the key is a file: whoever copies the card has it"
    case .trustedPlatformModule: "the key is in a TPM 2.0"
    case .secureElement: "the key is in a secure element"
    }
  }

  var short: StaticString {
    switch self {
    case .file: "key in a file"
    case .trustedPlatformModule: "key in a TPM"
    case .secureElement: "key in a secure element"
    }
  }

  var name: StaticString {
    switch self {
    case .file: "file"
    case .trustedPlatformModule: "tpm"
    case .secureElement: "secure-element"
    }
  }
}

extension RevocationReason {
  var words: StaticString {
    switch self {
    case .notSaid: "not said"
    case .lostOrStolen: "lost or stolen"
    case .retired: "retired"
    case .compromised: "compromised"
    }
  }
}

extension GatewayLogLeaf.Kind {
  var words: StaticString {
    switch self {
    case .firstKey: "the gateway's first key"
    case .receipt: "a receipt"
    case .challenge: "a challenge"
    case .enrolment: "an enrolment"
    case .revocation: "a revocation by an owner"
    case .operatorRevocation: "a revocation by the gateway's operator"
    case .keyChange: "a change of the gateway's key"
    case .fork: "a fork: two checkpoints of one device for one position"
    }
  }

  var name: StaticString {
    switch self {
    case .firstKey: "first-key"
    case .receipt: "receipt"
    case .challenge: "challenge"
    case .enrolment: "enrolment"
    case .revocation: "revocation"
    case .operatorRevocation: "operator-revocation"
    case .keyChange: "key-change"
    case .fork: "fork"
    }
  }
}

extension TextBuilder {
  /// "40.6398000 N 73.7789000 W, 4.00 m high, 2.50 m above ground".
  mutating func append(_ place: Place) {
    append(fixedPoint: Int64(place.latitudeE7.magnitude), powerOfTen: -7)
    append(place.latitudeE7 < 0 ? " S " : " N ")
    append(fixedPoint: Int64(place.longitudeE7.magnitude), powerOfTen: -7)
    append(place.longitudeE7 < 0 ? " W" : " E")
    if let altitude = place.altitudeCentimetres {
      append(", ")
      append(fixedPoint: Int64(altitude), powerOfTen: -2)
      append(" m high")
    }
    if let height = place.heightAboveGroundCentimetres {
      append(", ")
      append(fixedPoint: Int64(height), powerOfTen: -2)
      append(" m above ground")
    }
  }

  /// "SX1262, EU868, 14.00 dBm, antenna 2.15 dBi, cable 0.50 dB".
  mutating func append(_ radio: RadioSetup) {
    append(untrusted: radio.model.span)
    append(", ")
    append(untrusted: radio.region.span)
    append(", ")
    append(fixedPoint: Int64(radio.transmitPowerHundredthsDBm), powerOfTen: -2)
    append(" dBm, antenna ")
    append(fixedPoint: Int64(radio.antennaGainHundredthsDBi), powerOfTen: -2)
    append(" dBi, cable ")
    append(fixedPoint: Int64(radio.cableLossHundredthsDB), powerOfTen: -2)
    append(" dB")
  }
}
