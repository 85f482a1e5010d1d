import FixedMemory
import Identity
import Proofs
import Verifier

/// The documents of docs/identity.md as members, for `verify`, `enrol` and `status`.
extension Output {
  mutating func object(_ document: Verdict.Document) {
    switch document {
    case .receipt(let receipt): object(receipt)
    case .deviceHead(let head):
      beginObject("deviceHead")
      member("device", hex: head.deviceKeyHash.span)
      member("epoch", head.epoch)
      member("batch", head.batch)
      member("size", head.size)
      member("time", utc: head.nowUTCMilliseconds)
      member("checkpointHash", hex: head.checkpointHash.span)
      endObject()
    case .challenge(let challenge): object(challenge)
    case .gatewayHead(let head):
      beginObject("gatewayHead")
      members(of: head)
      endObject()
    case .keyChange(let change):
      beginObject("keyChange")
      member("newKey", hex: change.newKey.bytes.span)
      member("time", utc: change.nowUTCMilliseconds)
      endObject()
    case .invite(let invite): object(invite)
    case .succession(let succession): object(succession)
    case .revocation(let revocation):
      beginObject("revocation")
      member("owner", text: revocation.ownerKey.didKey.span)
      member("node", hex: revocation.node.span)
      member("keyHash", hex: revocation.deviceKeyHash.span)
      member("reason", text: revocation.reason.words)
      member("issued", utc: revocation.issuedUTCMilliseconds)
      endObject()
    case .enrolment(let enrolment):
      beginObject("enrolment")
      members(of: enrolment)
      endObject()
    }
  }

  private mutating func object(_ receipt: Receipt) {
    beginObject("receipt")
    member("device", hex: receipt.deviceKeyHash.span)
    member("epoch", receipt.epoch)
    member("batch", receipt.batch)
    member("size", receipt.size)
    member("received", utc: receipt.receivedUTCMilliseconds)
    member("result", receipt.result)
    member("checkpointHash", hex: receipt.checkpointHash.span)
    endObject()
  }

  private mutating func object(_ challenge: Challenge) {
    beginObject("challenge")
    member("number", challenge.number)
    member("issued", utc: challenge.issuedUTCMilliseconds)
    member("validSeconds", UInt64(challenge.validSeconds))
    member("region", text: challenge.region.span)
    member("policy", challenge.policy)
    member("nonce", hex: challenge.nonce.span)
    if let beacon = challenge.beacon {
      beginObject("beacon")
      member("source", text: beacon.source.span)
      member("round", beacon.round)
      endObject()
    } else {
      member(null: "beacon")
    }
    endObject()
  }

  mutating func members(of head: GatewayHead) {
    member("size", head.size)
    member("time", utc: head.nowUTCMilliseconds)
    member("root", hex: head.root.span)
  }

  /// Of an enrolment whose signatures are good.
  mutating func members(of verified: VerifiedEnrolment) {
    let enrolment = verified.enrolment
    member("hash", hex: verified.hash.span)
    member("version", enrolment.version)
    if let previous = enrolment.previous {
      member("previous", hex: previous.span)
    } else {
      member(null: "previous")
    }
    member("device", text: enrolment.deviceKey.didKey.span)
    member("storage", text: enrolment.storage.name)
    place(enrolment.place)
    radio(enrolment.radio)
    if let anchor = enrolment.anchor {
      beginObject("anchor")
      member("firstLink", anchor.firstLink)
      member("value", hex: anchor.value.span)
      endObject()
    } else {
      member(null: "anchor")
    }
    if let time = enrolment.validFromUTCMilliseconds {
      member("validFrom", utc: time)
    } else {
      member(null: "validFrom")
    }
    switch verified.authorization {
    case .none: member(null: "invite")
    case .invite(let invite): object(invite)
    case .succession(let succession): object(succession)
    }
  }

  private mutating func place(_ place: Place?) {
    guard let place else { return member(null: "place") }
    beginObject("place")
    member("latitude", Int64(place.latitudeE7), powerOfTen: -7)
    member("longitude", Int64(place.longitudeE7), powerOfTen: -7)
    if let altitude = place.altitudeCentimetres {
      member("altitudeMetres", Int64(altitude), powerOfTen: -2)
    } else {
      member(null: "altitudeMetres")
    }
    if let height = place.heightAboveGroundCentimetres {
      member("heightAboveGroundMetres", Int64(height), powerOfTen: -2)
    } else {
      member(null: "heightAboveGroundMetres")
    }
    endObject()
  }

  private mutating func radio(_ radio: RadioSetup?) {
    guard let radio else { return member(null: "radio") }
    beginObject("radio")
    member("model", text: radio.model.span)
    member("region", text: radio.region.span)
    member("transmitPowerDBm", Int64(radio.transmitPowerHundredthsDBm), powerOfTen: -2)
    member("antennaGainDBi", Int64(radio.antennaGainHundredthsDBi), powerOfTen: -2)
    member("cableLossDB", Int64(radio.cableLossHundredthsDB), powerOfTen: -2)
    endObject()
  }

  private mutating func object(_ invite: Invite) {
    beginObject("invite")
    member("owner", text: invite.ownerKey.didKey.span)
    member("gatewayKeyHash", hex: invite.gatewayKeyHash.span)
    if let node = invite.node { member("node", hex: node.span) } else { member(null: "node") }
    member("expires", utc: invite.expiresUTCMilliseconds)
    member("once", invite.uses == .once)
    member("nonce", hex: invite.nonce.span)
    endObject()
  }

  private mutating func object(_ succession: Succession) {
    beginObject("succession")
    member("owner", text: succession.ownerKey.didKey.span)
    member("node", hex: succession.node.span)
    member("oldKeyHash", hex: succession.oldKeyHash.span)
    member("newKey", text: succession.newKey.didKey.span)
    member("issued", utc: succession.issuedUTCMilliseconds)
    endObject()
  }
}
