import FixedMemory
import GRDB
import Identity
import Proofs
import Records
import Testing

@testable import GatewayStore

/// Nodes: who may become one, move, go on with another key, and be refused from here on.
@Suite struct NodeTests {
  private let here = Place(
    latitudeE7: 1, longitudeE7: 2, altitudeCentimetres: nil, heightAboveGroundCentimetres: nil)
  private let there = Place(
    latitudeE7: 3, longitudeE7: 4, altitudeCentimetres: nil, heightAboveGroundCentimetres: nil)

  private func post(_ message: [UInt8], to gateway: Gateway, at now: Int64 = TestGateway.now)
    -> Result<Gateway.Enrolled, Problem>
  {
    do throws(Problem) {
      return .success(try gateway.enrol(message, utcMilliseconds: now))
    } catch {
      return .failure(error)
    }
  }

  private func code(_ message: [UInt8], to gateway: Gateway, at now: Int64 = TestGateway.now)
    -> RefusalCode?
  {
    switch post(message, to: gateway, at: now) {
    case .success: nil
    case .failure(let problem): problem.code
    }
  }

  @Test func anInviteMakesANodeOnceAndTheSameEnrolmentAgainIsNoUse() throws {
    let gateway = try TestGateway.make(admission: Admission(.invite))
    let owner = try TestOwner()
    let (device, other) = (try TestDevice(), try TestDevice(seed: 8))
    #expect(code(try device.enrolment, to: gateway) == .enrolmentRequired)
    let invite = try owner.invite(to: gateway)
    let enrolment = try device.signedEnrolment(invite)
    #expect(try post(enrolment, to: gateway).get().isNew)
    #expect(try !post(enrolment, to: gateway).get().isNew)
    #expect(try !post(enrolment, to: gateway, at: TestGateway.now + 9).get().isNew)
    #expect(code(try other.signedEnrolment(invite), to: gateway) == .inviteUsed)
    let often = try owner.invite(to: gateway, uses: .often)
    for seed: UInt8 in 20..<23 {
      #expect(code(try TestDevice(seed: seed).signedEnrolment(often), to: gateway) == nil)
    }
    #expect(try gateway.store.counts().devices == 4)
  }

  @Test func anInviteIsForThisGatewayUntilItsTimeAndOfAnOwnerThatCounts() throws {
    let (owner, stranger) = (try TestOwner(), try TestOwner(seed: 201))
    let admission = Admission(.invite, owners: KeyList([owner.publicKey]))
    let gateway = try TestGateway.make(admission: admission)
    var seed = FixedBytes<32>()
    seed[31] = 99
    let elsewhere = try Gateway(store: try .inMemory(), key: try .init(seed: seed))
    let device = try TestDevice()
    let now = TestGateway.now
    #expect(
      code(try device.signedEnrolment(try owner.invite(to: elsewhere)), to: gateway)
        == .inviteForeign)
    #expect(
      code(try device.signedEnrolment(try stranger.invite(to: gateway)), to: gateway)
        == .ownerUnknown)
    let expired = try device.signedEnrolment(try owner.invite(to: gateway, expires: now))
    #expect(code(expired, to: gateway) == .inviteExpired)
    var forged = try owner.invite(to: gateway)
    forged[forged.count - 1] ^= 1
    #expect(code(try device.signedEnrolment(forged), to: gateway) == .badSignature)
    #expect(try gateway.store.counts().devices == 0)
    // It was not used up by any of these.
    #expect(code(expired, to: gateway, at: now - 1) == nil)
  }

  @Test func aListTakesItsKeysAndAClosedGatewayNobodyNew() throws {
    let owner = try TestOwner()
    let (listed, other) = (try TestDevice(), try TestDevice(seed: 8))
    let gateway = try TestGateway.make(
      admission: Admission(.list, keys: KeyList([listed.publicKey])))
    #expect(code(try listed.enrolment, to: gateway) == nil)
    #expect(code(try other.enrolment, to: gateway) == .enrolmentRequired)
    let invited = try other.signedEnrolment(try owner.invite(to: gateway))
    #expect(code(invited, to: gateway) == .enrolmentRequired)
    let closed = try TestGateway.make(gateway.store, admission: .closed)
    #expect(code(invited, to: closed) == .enrolmentRequired)
    #expect(code(try listed.enrolment, to: closed) == nil)
    // What was refused has used nothing up.
    #expect(code(invited, to: try TestGateway.make(gateway.store)) == nil)
  }

  @Test func aLaterVersionFollowsTheNewestAndNoOther() throws {
    let gateway = try TestGateway.make()
    let device = try TestDevice()
    let first = try device.enrolment
    let node = try post(first, to: gateway).get().node
    let firstHash = try COSESign1.hash(of: first.span)
    let stray = try device.signedEnrolment(version: 2, previous: Digest())
    #expect(code(stray, to: gateway) == .enrolmentOutdated)
    // Nobody owns it: it says itself where it stands.
    let second = try device.signedEnrolment(version: 2, previous: firstHash, place: here)
    let answer = try post(second, to: gateway).get()
    #expect((answer.node, answer.version, answer.isNew) == (node, 2, true))
    #expect(try !post(second, to: gateway).get().isNew)
    #expect(try !post(first, to: gateway).get().isNew)
    let other = try device.signedEnrolment(version: 2, previous: firstHash, place: there)
    #expect(code(other, to: gateway) == .enrolmentOutdated)
    // Two versions went to another gateway meanwhile.
    let fifth = try device.signedEnrolment(version: 5, previous: digest(4), place: here)
    #expect(try post(fifth, to: gateway).get().version == 5)
    // This gateway has nothing of that key: what it sees first makes the node.
    let elsewhere = try TestDevice(seed: 9).signedEnrolment(version: 2, previous: firstHash)
    let made = try post(elsewhere, to: gateway).get()
    #expect(made.isNew && made.version == 2)
    #expect(try made.node == COSESign1.hash(of: elsewhere.span))
  }

  @Test func aNodeThatNobodyOwnedHasAnOwnerSinceItShowedAnInvite() throws {
    let gateway = try TestGateway.make()
    let (owner, stranger) = (try TestOwner(), try TestOwner(seed: 201))
    let (device, other) = (try TestDevice(), try TestDevice(seed: 8))
    let first = try device.enrolment
    let node = try post(first, to: gateway).get().node
    let invite = try owner.invite(to: gateway)
    let second = try device.signedEnrolment(
      version: 2, previous: try COSESign1.hash(of: first.span), invite)
    #expect(try post(second, to: gateway).get().node == node)
    // It is used, and in the store: another process knows the owner too.
    #expect(code(try other.signedEnrolment(invite), to: gateway) == .inviteUsed)
    let restarted = try TestGateway.make(gateway.store)
    let (from, to) = (device.publicKey, other.publicKey)
    let strangers = try stranger.succession(of: node, from: from, to: to)
    #expect(code(try other.signedEnrolment(strangers), to: restarted) == .successionForeign)
    let succession = try owner.succession(of: node, from: from, to: to)
    #expect(try post(try other.signedEnrolment(succession), to: restarted).get().node == node)
  }

  @Test func anOwnedNodeMovesByItsOwnersWordOnly() throws {
    let gateway = try TestGateway.make()
    let (owner, stranger) = (try TestOwner(), try TestOwner(seed: 201))
    let device = try TestDevice()
    let invite = try owner.invite(to: gateway)
    let first = try device.signedEnrolment(place: here, invite)
    let node = try post(first, to: gateway).get().node
    let hash = try COSESign1.hash(of: first.span)
    func moved(_ authorization: [UInt8]) throws -> [UInt8] {
      try device.signedEnrolment(version: 2, previous: hash, place: there, authorization)
    }
    #expect(code(try moved([]), to: gateway) == .moveRequired)
    #expect(code(try moved(invite), to: gateway) == .moveRequired)
    #expect(
      code(try moved(try stranger.invite(to: gateway, node: node)), to: gateway) == .moveForeign)
    #expect(
      code(try moved(try owner.invite(to: gateway, node: digest(5))), to: gateway)
        == .moveForeign)
    let late = try owner.invite(to: gateway, node: node, expires: TestGateway.now)
    #expect(code(try moved(late), to: gateway) == .inviteExpired)
    let move = try owner.invite(to: gateway, node: node)
    #expect(try post(moved(move), to: gateway).get().version == 2)
    #expect(try !post(moved(move), to: gateway).get().isNew)
    // Back again needs another word: this one is used.
    let second = try moved(move)
    let secondHash = try COSESign1.hash(of: second.span)
    let back = try device.signedEnrolment(version: 3, previous: secondHash, place: here, move)
    #expect(code(back, to: gateway) == .inviteUsed)
  }

  private func digest(_ byte: UInt8) -> Digest { SHA256.hash([byte].span) }

  @Test func aNodeGoesOnUnderAnotherKeyAndTheOldOneIsClosed() throws {
    let gateway = try TestGateway.make()
    let (owner, stranger) = (try TestOwner(), try TestOwner(seed: 201))
    let (old, new) = (try TestDevice(), try TestDevice(seed: 8))
    let node = try post(try old.signedEnrolment(try owner.invite(to: gateway)), to: gateway).get()
      .node
    let held = try old.seal([TestLeaf.boot()])
    let receipt = gateway.receive(held).receipt
    let card = old.log

    let (from, to) = (old.publicKey, new.publicKey)
    let strangers = try stranger.succession(of: node, from: from, to: to)
    #expect(code(try new.signedEnrolment(strangers), to: gateway) == .successionForeign)
    let anothers = try owner.succession(of: node, from: from, to: try TestDevice(seed: 9).publicKey)
    #expect(code(try new.signedEnrolment(anothers), to: gateway) == .successionForeign)
    let wrongOld = try owner.succession(of: node, from: to, to: to)
    #expect(code(try new.signedEnrolment(wrongOld), to: gateway) == .successionForeign)
    let noNode = try owner.succession(of: digest(1), from: from, to: to)
    #expect(code(try new.signedEnrolment(noNode), to: gateway) == .successionForeign)

    let message = try new.signedEnrolment(try owner.succession(of: node, from: from, to: to))
    let answer = try post(message, to: gateway).get()
    #expect((answer.node, answer.version, answer.isNew) == (node, 1, true))
    #expect(try !post(message, to: gateway).get().isNew)
    #expect(gateway.receive(try new.seal([TestLeaf.boot()])).isStored)
    func checkOldKey(_ gateway: Gateway) throws {
      // What is held is answered as ever; nothing is added, in this epoch or another.
      #expect(gateway.receive(held).receipt == receipt)
      old.log = card
      #expect(gateway.receive(try old.seal([TestLeaf.reading([1], at: 1)])).code == .keyRevoked)
      old.log = TestDevice.Log(epoch: 1, previous: card.previous)
      #expect(gateway.receive(try old.seal([TestLeaf.boot()])).code == .keyRevoked)
      #expect(
        code(try old.signedEnrolment(try owner.invite(to: gateway)), to: gateway) == .keyRevoked)
    }
    try checkOldKey(gateway)
    // It is in the store, not in this process.
    try checkOldKey(TestGateway.make(gateway.store))
    #expect(try gateway.rows == [2, 0])
    guard case .found(let current) = try gateway.store.device(named: node.hexadecimal) else {
      Issue.record("a node's id names nothing")
      return
    }
    #expect(current.keyHash == to.hash)
  }

  @Test func aNodeThatNobodyOwnsHasNoSuccessor() throws {
    let gateway = try TestGateway.make()
    let owner = try TestOwner()
    let (old, new) = (try TestDevice(), try TestDevice(seed: 8))
    let node = try post(try old.enrolment, to: gateway).get().node
    let succession = try owner.succession(of: node, from: old.publicKey, to: new.publicKey)
    #expect(code(try new.signedEnrolment(succession), to: gateway) == .successionForeign)
    #expect(gateway.receive(try old.seal([TestLeaf.boot()])).isStored)
  }

  @Test func aDeviceFromBeforeThereWereEnrolmentsGetsItsNodeWithTheFirst() throws {
    let gateway = try TestGateway.make(admission: .closed)
    let device = try TestDevice()
    let key = device.publicKey
    try gateway.store.database.write {
      try $0.execute(
        sql: """
          INSERT INTO device (key_hash, key_id, algorithm, public_key, enrolled_utc)
          VALUES (?, ?, ?, ?, ?)
          """, arguments: [key.hash.data, key.keyID.data, -8, key.bytes.data, 1])
    }
    #expect(gateway.receive(try device.seal([TestLeaf.boot()])).isStored)
    let answer = try post(try device.enrolment, to: gateway).get()
    #expect(answer.isNew)
    #expect(gateway.receive(try device.seal([TestLeaf.reading([1], at: 1)])).isStored)
    #expect(try gateway.store.counts().devices == 1)
  }

  @Test func afterAnOwnersRevocationNothingIsTakenAndWhatWasReceivedStays() throws {
    let gateway = try TestGateway.make()
    let (owner, stranger) = (try TestOwner(), try TestOwner(seed: 201))
    let (device, other) = (try TestDevice(), try TestDevice(seed: 8))
    let enrolment = try device.signedEnrolment(try owner.invite(to: gateway))
    let node = try post(enrolment, to: gateway).get().node
    #expect(code(try other.enrolment, to: gateway) == nil)
    let held = try device.seal([TestLeaf.boot()])
    #expect(gateway.receive(held).isStored)

    func revoke(_ message: [UInt8]) -> RefusalCode? {
      do throws(Problem) {
        _ = try gateway.revoke(message, utcMilliseconds: TestGateway.now)
        return nil
      } catch {
        return error.code
      }
    }
    let key = device.publicKey
    #expect(revoke(try stranger.revocation(of: key, node: node)) == .revocationForeign)
    #expect(revoke(try owner.revocation(of: key, node: digest(1))) == .revocationForeign)
    #expect(revoke(try owner.revocation(of: other.publicKey, node: node)) == .revocationForeign)
    #expect(
      revoke(try owner.revocation(of: try TestDevice(seed: 9).publicKey, node: node))
        == .unknownKey)
    var forged = try owner.revocation(of: key, node: node)
    forged[forged.count - 1] ^= 1
    #expect(revoke(forged) == .badSignature)
    let checked = try gateway.check(
      try device.seal([TestLeaf.reading([1], at: 1)]), utcMilliseconds: TestGateway.now)
    #expect(revoke(try owner.revocation(of: key, node: node)) == nil)
    #expect(revoke(try owner.revocation(of: key, node: node)) == nil)

    // Also a batch whose signature was checked before.
    #expect(gateway.store([checked])[0].code == .keyRevoked)
    for gateway in [gateway, try TestGateway.make(gateway.store)] {
      #expect(gateway.receive(held).code == .keyRevoked)
      #expect(code(enrolment, to: gateway) == .keyRevoked)
    }
    #expect(try gateway.rows == [1, 0])
    #expect(gateway.receive(try other.seal([TestLeaf.boot()])).isStored)
    // The node is not lost with its key.
    let new = try TestDevice(seed: 10)
    let succession = try owner.succession(of: node, from: key, to: new.publicKey)
    #expect(code(try new.signedEnrolment(succession), to: gateway) == nil)
    #expect(gateway.receive(held).code == .keyRevoked)
  }

  @Test func theOperatorRevokesAnyKeyAndTheFirstReasonStays() throws {
    let gateway = try TestGateway.make()
    let device = try TestDevice()
    try gateway.enrol(device)
    let hash = device.publicKey.hash
    let first = try gateway.revoke(keyHash: hash, reason: .compromised, utcMilliseconds: 1)
    let second = try gateway.revoke(keyHash: hash, reason: .retired, utcMilliseconds: 2)
    #expect((first.isNew, first.reason) == (true, .compromised))
    #expect((second.isNew, second.reason) == (false, .compromised))
    #expect(gateway.receive(try device.seal([TestLeaf.boot()])).code == .keyRevoked)
    guard case .found(let found) = try gateway.store.device(named: hash.hexadecimal) else {
      Issue.record("the device is gone")
      return
    }
    #expect(
      try gateway.store.overview(of: found).closed
        == .revoked(.compromised, byOwner: false, utcMilliseconds: 1))
    #expect(throws: Problem(.unknownKey)) {
      try gateway.revoke(keyHash: digest(1), reason: .retired, utcMilliseconds: 3)
    }
  }

  @Test func keysOfAFileAreDigitsOrDIDsAndALineThatIsNoneIsNamed() throws {
    let device = try TestDevice()
    let key = device.publicKey
    let didKey = key.didKey
    let did = didKey.span.array
    let text = """
      # devices of the roof

      \(key.bytes.hexadecimal.uppercased())  north
      \(String(decoding: did, as: UTF8.self))
      02\(String(repeating: "ab", count: 32)) a TPM's
      """
    let list = try KeyList(text: text)
    #expect(list.count == 2)
    #expect(list.contains(key))
    #expect(list == (try KeyList(text: text.replacing("\n", with: "\r\n"))))
    for wrong in ["abc", "did:key:z6Mk", "09" + String(repeating: "ab", count: 32)] {
      #expect(throws: KeyList.Failure(line: 2)) { try KeyList(text: "#\n\(wrong)\n") }
    }
  }
}
