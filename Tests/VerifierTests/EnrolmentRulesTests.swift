import FixedMemory
import Identity
import Proofs
import Records
import Signers
import TestSupport
import Testing
import Verifier

/// One owner, two devices, one gateway, and what can be signed among them.
private struct Parties {
  let owner: PublicKey
  let stranger: PublicKey
  let device: PublicKey
  let newDevice: PublicKey
  let gatewayHash: Digest
  var now: Int64 = 1_000_000

  static let here = place(1)
  static let there = place(2)

  static func place(_ latitude: Int32) -> Place? {
    Place(
      latitudeE7: latitude, longitudeE7: 0, altitudeCentimetres: nil,
      heightAboveGroundCentimetres: nil)
  }

  init() throws {
    owner = try deviceKey(1).publicKey
    stranger = try deviceKey(2).publicKey
    device = try deviceKey(3).publicKey
    newDevice = try deviceKey(4).publicKey
    gatewayHash = try deviceKey(5).publicKey.hash
  }

  func invite(
    node: Digest? = nil, uses: Invite.Uses = .once, expires: Int64 = 2_000_000,
    gateway: Digest? = nil, byStranger: Bool = false
  ) throws -> [UInt8] {
    var key = try deviceKey(byStranger ? 2 : 1)
    let invite = Invite(
      ownerKey: key.publicKey, gatewayKeyHash: gateway ?? gatewayHash, node: node,
      expiresUTCMilliseconds: expires, uses: uses, nonce: FixedBytes())
    var buffer = [UInt8](repeating: 0, count: Invite.maximumMessageByteCount)
    let count = try invite.sign(with: &key, into: buffer.mutableSpan).byteCount
    return Array(buffer.prefix(count))
  }

  func succession(
    node: Digest, old: Digest? = nil, to newKey: PublicKey? = nil, byStranger: Bool = false
  ) throws -> [UInt8] {
    var key = try deviceKey(byStranger ? 2 : 1)
    let succession = Succession(
      ownerKey: key.publicKey, oldKeyHash: old ?? device.hash, newKey: newKey ?? newDevice,
      issuedUTCMilliseconds: 0, node: node)
    var buffer = [UInt8](repeating: 0, count: Succession.maximumMessageByteCount)
    let count = try succession.sign(with: &key, into: buffer.mutableSpan).byteCount
    return Array(buffer.prefix(count))
  }

  /// Signed by the device, or by the new one.
  func enrolment(
    _ authorization: [UInt8] = [], version: UInt64 = 1, previous: Digest? = nil,
    place: Place? = here, radio: RadioSetup? = nil, byNewDevice: Bool = false
  ) throws -> VerifiedEnrolment {
    var key = try deviceKey(byNewDevice ? 4 : 3)
    let enrolment = Enrolment(
      version: version, previous: previous, deviceKey: key.publicKey, storage: .file, anchor: nil,
      place: place, radio: radio, validFromUTCMilliseconds: nil)
    var buffer = [UInt8](repeating: 0, count: Enrolment.maximumMessageByteCount)
    let count = try enrolment.sign(
      authorization: authorization.span, with: &key, into: buffer.mutableSpan
    ).byteCount
    return try VerifiedEnrolment(verifying: buffer.span.extracting(0..<count))
  }

  func circumstances(
    toGateway: Bool = true, takesAll: Bool = false, ownerKnown: Bool = true, usedBy: Digest? = nil,
    revoked: Bool = false,
    node: EnrolmentRules.Node? = nil, succeeded: EnrolmentRules.Node? = nil
  ) -> EnrolmentRules.Circumstances {
    EnrolmentRules.Circumstances(
      isInviteToGateway: toGateway, nowUTCMilliseconds: now, takesNodesWithoutOwner: takesAll,
      isOwnerKnown: ownerKnown, inviteUsedBy: usedBy, isKeyRevoked: revoked, nodeOfKey: node,
      nodeSucceeded: succeeded)
  }

  /// The node that the first enrolment by an invite makes.
  func node() throws -> EnrolmentRules.Node {
    let first = try enrolment(invite())
    return try EnrolmentRules.admission(of: first, in: circumstances()).node
  }
}

private func refusal(
  _ enrolment: VerifiedEnrolment, _ circumstances: EnrolmentRules.Circumstances
) -> RefusalCode? {
  do throws(Refusal) {
    _ = try EnrolmentRules.admission(of: enrolment, in: circumstances)
    return nil
  } catch { return error.code }
}

@Test func aFirstEnrolmentMakesANodeNamedByItsHash() throws {
  let parties = try Parties()
  let (owner, device) = (parties.owner, parties.device)
  let invited = try parties.enrolment(parties.invite())
  guard
    case .newNode(let node) = try EnrolmentRules.admission(
      of: invited, in: parties.circumstances())
  else {
    Issue.record("not a new node")
    return
  }
  #expect(node.id == invited.hash && node.enrolmentHash == invited.hash && node.version == 1)
  #expect(node.ownerKey == owner && node.keyHash == device.hash && node.place == Parties.here)
  let alone = try parties.enrolment()
  #expect(refusal(alone, parties.circumstances()) == .enrolmentRequired)
  let taken = try EnrolmentRules.admission(of: alone, in: parties.circumstances(takesAll: true))
  #expect(taken.node.ownerKey == nil && taken.node.id == alone.hash)
}

@Test func anInviteIsForOneGatewayAndTimeAndOwnerAndOnce() throws {
  var parties = try Parties()
  let good = try parties.enrolment(parties.invite())
  #expect(refusal(good, parties.circumstances()) == nil)
  #expect(refusal(good, parties.circumstances(ownerKnown: false)) == .ownerUnknown)
  let foreign = try parties.enrolment(parties.invite(gateway: Digest()))
  #expect(refusal(foreign, parties.circumstances(toGateway: false)) == .inviteForeign)
  let other = SHA256.hash([1].span)
  #expect(refusal(good, parties.circumstances(usedBy: other)) == .inviteUsed)
  #expect(refusal(good, parties.circumstances(usedBy: good.hash)) == nil)
  let often = try parties.enrolment(parties.invite(uses: .often))
  #expect(refusal(often, parties.circumstances(usedBy: other)) == nil)
  #expect(refusal(good, parties.circumstances(revoked: true)) == .keyRevoked)
  // A gateway that takes everybody does not take a wrong invite for none.
  #expect(
    refusal(foreign, parties.circumstances(toGateway: false, takesAll: true)) == .inviteForeign)
  for (now, code) in [
    (Int64(1_999_999), nil), (2_000_000, .inviteExpired), (.max, RefusalCode.inviteExpired),
  ] {
    parties.now = now
    #expect(refusal(good, parties.circumstances()) == code)
  }
}

@Test func theSameEnrolmentAgainIsARepeatWhateverHappenedToItsInvite() throws {
  var parties = try Parties()
  let first = try parties.enrolment(parties.invite())
  let node = try EnrolmentRules.admission(of: first, in: parties.circumstances()).node
  parties.now = .max
  let again = try EnrolmentRules.admission(
    of: first, in: parties.circumstances(ownerKnown: false, usedBy: first.hash, node: node))
  #expect(again == .repeated(node))
}

@Test func aLaterVersionFollowsTheNewestAndNoOther() throws {
  let parties = try Parties()
  let node = try parties.node()
  let next = try parties.enrolment(version: 2, previous: node.id)
  guard
    case .nextVersion(let after) = try EnrolmentRules.admission(
      of: next, in: parties.circumstances(node: node))
  else {
    Issue.record("not the next version")
    return
  }
  #expect(after.id == node.id && after.ownerKey == node.ownerKey)
  #expect(after.version == 2 && after.enrolmentHash == next.hash)
  // The wrong hash, an older one again, another first one.
  let wrong = try parties.enrolment(version: 2, previous: Digest())
  #expect(refusal(wrong, parties.circumstances(node: node)) == .enrolmentOutdated)
  let first = try parties.enrolment(parties.invite())
  #expect(refusal(first, parties.circumstances(node: after)) == .enrolmentOutdated)
  let otherFirst = try parties.enrolment(parties.invite(), place: Parties.there)
  #expect(refusal(otherFirst, parties.circumstances(node: node)) == .enrolmentOutdated)
  var last = node
  last.version = .max
  #expect(refusal(next, parties.circumstances(node: last)) == .enrolmentOutdated)
}

@Test func versionsThatWentElsewhereAreNotAskedFor() throws {
  let parties = try Parties()
  let node = try parties.node()
  // The fourth, after two that this gateway has never seen.
  let fourth = try parties.enrolment(version: 4, previous: SHA256.hash([3].span))
  let after = try EnrolmentRules.admission(of: fourth, in: parties.circumstances(node: node))
  #expect(after == .nextVersion(.init(after: fourth, of: node, owner: node.ownerKey)))
  // What was skipped does not come afterwards, and place and radio still take a move.
  let second = try parties.enrolment(version: 2, previous: node.id)
  #expect(refusal(second, parties.circumstances(node: after.node)) == .enrolmentOutdated)
  let moved = try parties.enrolment(
    version: 9, previous: SHA256.hash([3].span), place: Parties.there)
  #expect(refusal(moved, parties.circumstances(node: node)) == .moveRequired)
}

@Test func whateverVersionComesFirstMakesTheNode() throws {
  let parties = try Parties()
  let node = try parties.node()
  let invited = try parties.enrolment(parties.invite(), version: 3, previous: node.id)
  let admission = try EnrolmentRules.admission(of: invited, in: parties.circumstances())
  #expect(admission == .newNode(.init(after: invited, of: nil, owner: parties.owner)))
  #expect(admission.node.id == invited.hash && admission.node.version == 3)
  let alone = try parties.enrolment(version: 2, previous: node.id)
  #expect(refusal(alone, parties.circumstances()) == .enrolmentRequired)
  #expect(refusal(alone, parties.circumstances(takesAll: true)) == nil)
  let succession = try parties.succession(node: node.id)
  let succeeded = try parties.enrolment(
    succession, version: 5, previous: Digest(), byNewDevice: true)
  #expect(refusal(succeeded, parties.circumstances(succeeded: node)) == nil)
}

@Test func aNodeThatNobodyOwnsGetsAnOwnerByAnInvite() throws {
  var parties = try Parties()
  let alone = try parties.enrolment()
  let node = try EnrolmentRules.admission(of: alone, in: parties.circumstances(takesAll: true)).node
  func next(_ authorization: [UInt8], place: Place? = Parties.here) throws -> VerifiedEnrolment {
    try parties.enrolment(authorization, version: 2, previous: node.id, place: place)
  }
  for authorization in [try parties.invite(), try parties.invite(node: node.id)] {
    // The invite is the owner's word for another place too.
    for place in [Parties.here, Parties.there] {
      let enrolment = try next(authorization, place: place)
      let admission = try EnrolmentRules.admission(
        of: enrolment, in: parties.circumstances(node: node))
      #expect(
        admission == .gainedOwner(.init(after: enrolment, of: node, owner: parties.owner)))
      #expect(admission.usesInvite && admission.node.id == node.id)
      // From here on a stranger has no say.
      let strangers = try parties.enrolment(
        parties.invite(byStranger: true), version: 3, previous: enrolment.hash)
      #expect(refusal(strangers, parties.circumstances(node: admission.node)) == .moveForeign)
    }
  }
  let good = try next(parties.invite())
  #expect(refusal(good, parties.circumstances(ownerKnown: false, node: node)) == .ownerUnknown)
  #expect(refusal(good, parties.circumstances(usedBy: Digest(), node: node)) == .inviteUsed)
  let foreign = try next(parties.invite(gateway: Digest()))
  #expect(refusal(foreign, parties.circumstances(toGateway: false, node: node)) == .inviteForeign)
  let another = try next(parties.invite(node: Digest()))
  #expect(refusal(another, parties.circumstances(node: node)) == .moveForeign)
  let succession = try next(
    parties.succession(node: node.id, old: Digest(), to: parties.device))
  #expect(refusal(succession, parties.circumstances(node: node)) == .successionForeign)
  parties.now = .max
  #expect(refusal(good, parties.circumstances(node: node)) == .inviteExpired)
}

@Test func anInviteIsUsedByWhatItAllowsAndByNothingElse() throws {
  let parties = try Parties()
  let invite = try parties.invite()
  let node = try parties.node()
  func admission(_ authorization: [UInt8], place: Place? = Parties.here) throws
    -> EnrolmentRules.Admission
  {
    try EnrolmentRules.admission(
      of: parties.enrolment(authorization, version: 2, previous: node.id, place: place),
      in: parties.circumstances(node: node))
  }
  #expect(try admission([]).usesInvite == false)
  #expect(try admission(invite).usesInvite == false)
  #expect(try admission(parties.invite(node: node.id)).usesInvite)
  #expect(try admission(parties.invite(node: node.id), place: Parties.there).usesInvite)
  #expect(
    try EnrolmentRules.admission(of: parties.enrolment(invite), in: parties.circumstances())
      .usesInvite)
}

@Test func anotherPlaceOrRadioTakesAMoveOfTheOwner() throws {
  let parties = try Parties()
  let node = try parties.node()
  let radio = RadioSetup(
    model: FixedText("a"), region: FixedText("b"), transmitPowerHundredthsDBm: 0,
    antennaGainHundredthsDBi: 0, cableLossHundredthsDB: 0)
  let invite = try parties.invite()
  let move = try parties.invite(node: node.id)
  for (place, radio) in [(Parties.there, nil), (nil, nil), (Parties.here, radio)] {
    for (authorization, code) in [
      ([], RefusalCode.moveRequired), (invite, .moveRequired), (move, nil),
    ] {
      let next = try parties.enrolment(
        authorization, version: 2, previous: node.id, place: place, radio: radio)
      #expect(refusal(next, parties.circumstances(node: node)) == code)
    }
  }
  // The invite that the node came by may stay where it is.
  let same = try parties.enrolment(invite, version: 2, previous: node.id)
  #expect(refusal(same, parties.circumstances(usedBy: node.id, node: node)) == nil)
  var free = node
  free.ownerKey = nil
  let moved = try parties.enrolment(version: 2, previous: node.id, place: Parties.there)
  #expect(refusal(moved, parties.circumstances(node: free)) == nil)
}

@Test func aMoveIsForItsNodeAndByItsOwner() throws {
  let parties = try Parties()
  let node = try parties.node()
  func code(_ parties: Parties, _ authorization: [UInt8], toGateway: Bool = true) throws
    -> RefusalCode?
  {
    let next = try parties.enrolment(
      authorization, version: 2, previous: node.id, place: Parties.there)
    return refusal(next, parties.circumstances(toGateway: toGateway, node: node))
  }
  #expect(try code(parties, parties.invite(node: Digest())) == .moveForeign)
  #expect(try code(parties, parties.invite(node: node.id, byStranger: true)) == .moveForeign)
  #expect(try code(parties, parties.invite(byStranger: true)) == .moveForeign)
  let elsewhere = try parties.invite(node: node.id, gateway: Digest())
  #expect(try code(parties, elsewhere, toGateway: false) == .inviteForeign)
  #expect(try code(parties, parties.invite(node: node.id, expires: 1)) == .inviteExpired)
  #expect(try code(parties, parties.invite(node: node.id)) == nil)
  let used = try parties.enrolment(
    parties.invite(node: node.id), version: 2, previous: node.id, place: Parties.there)
  #expect(refusal(used, parties.circumstances(usedBy: Digest(), node: node)) == .inviteUsed)
  // A move makes no node.
  let first = try parties.enrolment(parties.invite(node: node.id))
  #expect(refusal(first, parties.circumstances()) == .moveForeign)
}

@Test func aSuccessionHandsANodeFromOneKeyToAnother() throws {
  let parties = try Parties()
  let node = try parties.node()
  let (newKey, oldHash) = (parties.newDevice, node.keyHash)
  let succession = try parties.succession(node: node.id)
  let enrolled = try parties.enrolment(succession, place: Parties.there, byNewDevice: true)
  guard
    case .succeeded(let after) = try EnrolmentRules.admission(
      of: enrolled, in: parties.circumstances(succeeded: node))
  else {
    Issue.record("not succeeded")
    return
  }
  #expect(after.id == node.id && after.keyHash == newKey.hash && after.ownerKey == node.ownerKey)
  #expect(after.version == 1 && after.enrolmentHash == enrolled.hash)
  // The new key goes on, with the succession still there; the old one is as a revoked one.
  let next = try parties.enrolment(
    succession, version: 2, previous: enrolled.hash, place: Parties.there, byNewDevice: true)
  #expect(refusal(next, parties.circumstances(node: after)) == nil)
  let moved = try parties.enrolment(
    succession, version: 2, previous: enrolled.hash, byNewDevice: true)
  #expect(refusal(moved, parties.circumstances(node: after)) == .moveRequired)
  let old = try parties.enrolment(version: 2, previous: node.id)
  #expect(refusal(old, parties.circumstances(node: after)) == .keyRevoked)
  #expect(oldHash != after.keyHash)
}

@Test func aSuccessionIsForItsNodeAndKeysAndByItsOwner() throws {
  let parties = try Parties()
  let node = try parties.node()
  func code(_ parties: Parties, _ succession: [UInt8], _ node: EnrolmentRules.Node?) throws
    -> RefusalCode?
  {
    let enrolled = try parties.enrolment(succession, byNewDevice: true)
    return refusal(enrolled, parties.circumstances(takesAll: true, succeeded: node))
  }
  #expect(try code(parties, parties.succession(node: node.id), node) == nil)
  #expect(try code(parties, parties.succession(node: node.id), nil) == .successionForeign)
  #expect(try code(parties, parties.succession(node: Digest()), node) == .successionForeign)
  #expect(
    try code(parties, parties.succession(node: node.id, old: Digest()), node)
      == .successionForeign)
  let stranger = parties.stranger
  #expect(
    try code(parties, parties.succession(node: node.id, to: stranger), node)
      == .successionForeign)
  #expect(
    try code(parties, parties.succession(node: node.id, byStranger: true), node)
      == .successionForeign)
  var free = node
  free.ownerKey = nil
  #expect(try code(parties, parties.succession(node: node.id), free) == .successionForeign)
}

@Test func aRevocationIsForItsNodeAndByItsOwner() throws {
  let parties = try Parties()
  let node = try parties.node()
  let (owner, stranger) = (parties.owner, parties.stranger)
  func code(
    _ owner: PublicKey, _ id: Digest, isKeyOfNode: Bool = true, of node: EnrolmentRules.Node
  ) -> RefusalCode? {
    let revocation = Revocation(
      ownerKey: owner, deviceKeyHash: node.keyHash, reason: .retired, issuedUTCMilliseconds: 0,
      node: id)
    do throws(Refusal) {
      try EnrolmentRules.check(revocation, of: node, isKeyOfNode: isKeyOfNode)
      return nil
    } catch { return error.code }
  }
  #expect(code(owner, node.id, of: node) == nil)
  #expect(code(stranger, node.id, of: node) == .revocationForeign)
  #expect(code(owner, Digest(), of: node) == .revocationForeign)
  #expect(code(owner, node.id, isKeyOfNode: false, of: node) == .revocationForeign)
  var free = node
  free.ownerKey = nil
  #expect(code(owner, node.id, of: free) == .revocationForeign)
}
