import FixedMemory
import Foundation
import GRDB
import Identity
import Proofs
import Records
import Signers
import Testing
import Verifier

@testable import GatewayStore

/// Another key for a gateway: what the log says of it, and what the files are when it is interrupted.
@Suite struct KeyChangeTests {
  private let now = TestGateway.now

  private static func key(_ number: UInt8) throws -> FileKey {
    var seed = FixedBytes<32>()
    seed[31] = number
    return try FileKey(seed: seed)
  }

  private static func publicKey(_ number: UInt8) throws -> PublicKey {
    try key(number).publicKey
  }

  /// The gateway of a store, with one of the numbered keys: 1 is `TestGateway`'s.
  private static func gateway(_ store: GatewayStore, key number: UInt8) throws -> Gateway {
    try Gateway(store: store, key: key(number))
  }

  // MARK: The log

  @Test func afterAChangeTheNewKeySignsAndWhatWasGivenStays() throws {
    let before = try TestGateway.make()
    let device = try TestDevice()
    try before.enrol(device)
    let batch = try device.seal([TestLeaf.reading([1], at: 1)])
    let receipt = try #require(before.receive(batch).receipt)
    let challenge = try before.challenge(for: .everybody, utcMilliseconds: now)
    let changed = try before.change(to: Self.publicKey(2), utcMilliseconds: now)
    let size = changed.index
    #expect(size == 4)

    let after = try Self.gateway(before.store, key: 2)
    #expect(after.keyChain.keys == [try Self.publicKey(1), try Self.publicKey(2)])
    // A repeat gets what was given first, by the old key.
    #expect(after.receive(batch).receipt == receipt)
    let next = try #require(
      after.receive(try device.seal([TestLeaf.reading([2], at: 2)])).receipt)
    _ = try Receipt(verifying: next.span, gatewayKey: Self.publicKey(2))
    let other = try after.challenge(for: .everybody, utcMilliseconds: now)
    #expect(other.isNew && other.challenge.number == challenge.challenge.number + 1)
    _ = try Challenge(verifying: other.message.span, gatewayKey: Self.publicKey(2))

    // Heads: the last one of the old key, then the new key's.
    let last = try after.logHead(size: size, utcMilliseconds: now)
    #expect(last.message == changed.lastHead && last.key == before.publicKey)
    _ = try GatewayHead(verifying: last.message.span, gatewayKey: before.publicKey)
    for newer in [size + 1, size + 2, size + 3] {
      let head = try after.logHead(size: newer, utcMilliseconds: now)
      _ = try GatewayHead(verifying: head.message.span, gatewayKey: after.publicKey)
      let proof = try after.logConsistency(from: size, to: newer, utcMilliseconds: now)
      let proven = try GatewayLogVerifier.verifyConsistency(
        receipt: proof.span, olderSize: size, olderRoot: last.root, gatewayKey: after.publicKey)
      #expect(proven.root == head.root)
    }
    #expect(throws: LogFailure.ofAFormerKey(heldSizes: [size])) {
      _ = try after.logHead(size: size - 1, utcMilliseconds: now)
    }
    let inclusion = try after.logInclusion(of: 2, size: size, utcMilliseconds: now)
    let leaf = try #require(try after.store.logLeaves(from: 2, limit: 1).first)
    _ = try GatewayLogVerifier.verifyInclusion(
      receipt: inclusion.span, leafHash: leaf.hash, gatewayKey: before.publicKey)
  }

  @Test func aGatewayThatHasNamedAnotherKeySignsNothingMore() throws {
    let gateway = try TestGateway.make()
    let device = try TestDevice()
    try gateway.enrol(device)
    _ = try gateway.change(to: Self.publicKey(2), utcMilliseconds: now)
    let size = try gateway.logSize()
    let answer = gateway.receive(try device.seal([TestLeaf.reading([1], at: 1)]))
    #expect(answer.code == .unavailable)
    #expect(throws: Problem.self) {
      _ = try gateway.challenge(for: .everybody, utcMilliseconds: now)
    }
    #expect(throws: Problem.self) { _ = try gateway.logHead(utcMilliseconds: now) }
    #expect(throws: Problem.self) {
      _ = try gateway.change(to: Self.publicKey(3), utcMilliseconds: now)
    }
    #expect(try gateway.logSize() == size)
  }

  @Test func anotherKeyThanTheLogEndsWithIsRefused() throws {
    let first = try TestGateway.make()
    try first.beginLog(utcMilliseconds: now)
    #expect(throws: Gateway.Failure.keyIsNotTheNewest(expected: first.publicKey)) {
      _ = try Self.gateway(first.store, key: 2)
    }
    _ = try first.change(to: Self.publicKey(2), utcMilliseconds: now)
    let expected = try Self.publicKey(2)
    for number in [1, 3] as [UInt8] {
      #expect(throws: Gateway.Failure.keyIsNotTheNewest(expected: expected)) {
        _ = try Self.gateway(first.store, key: number)
      }
    }
    let second = try Self.gateway(first.store, key: 2)
    // A key does not come back, nor is it changed to itself.
    for number in [1, 2] as [UInt8] {
      let problem = #expect(throws: Problem.self) {
        _ = try second.change(to: Self.publicKey(number), utcMilliseconds: now)
      }
      #expect(problem?.code == .keyMismatch)
    }
  }

  @Test func anInviteThatNamesAnyKeyOfTheGatewayIsForIt() throws {
    let owner = try TestOwner()
    let gateway = try TestGateway.make(admission: Admission(.invite))
    let invite = try owner.invite(to: gateway)
    let elsewhere = try Self.gateway(.inMemory(), key: 9)
    let foreign = try owner.invite(to: elsewhere)
    let move = try owner.invite(to: gateway, uses: .often)
    _ = try gateway.change(to: Self.publicKey(2), utcMilliseconds: now)
    let after = try Gateway(
      store: gateway.store, key: Self.key(2), admission: Admission(.invite))
    let device = try TestDevice(seed: 1)
    let enrolled = try after.enrol(
      try device.signedEnrolment(invite), utcMilliseconds: TestGateway.now)
    #expect(enrolled.isNew)
    for (seed, taken) in [(2, move), (3, try owner.invite(to: after))] as [(UInt8, [UInt8])] {
      let message = try TestDevice(seed: seed).signedEnrolment(taken)
      #expect(try after.enrol(message, utcMilliseconds: TestGateway.now).isNew)
    }
    let problem = #expect(throws: Problem.self) {
      _ = try after.enrol(
        try TestDevice(seed: 4).signedEnrolment(foreign), utcMilliseconds: TestGateway.now)
    }
    #expect(problem?.code == .inviteForeign)
  }

  @Test func aChangeThatTheKeyBeforeItDidNotSignIsDamage() throws {
    let gateway = try TestGateway.make()
    try gateway.beginLog(utcMilliseconds: now)
    _ = try gateway.change(to: Self.publicKey(2), utcMilliseconds: now)
    // The third key's word, in a leaf as if it were the second's.
    var key = try Self.key(3)
    let change = GatewayKeyChange(
      algorithm: .ed25519, keyID: key.publicKey.keyID, newKey: try Self.publicKey(4),
      nowUTCMilliseconds: now)
    let message = try signedBytes(GatewayKeyChange.maximumMessageByteCount) {
      try change.sign(with: &key, into: $0).byteCount
    }
    try gateway.store.database.write {
      _ = try gateway.log.append(.message(.keyChange, message), utcMilliseconds: now, in: $0)
    }
    #expect(throws: StoreDamage.self) { _ = try gateway.store.keyChain() }
  }

  @Test func aChainIsHandedOutFromAnyOfItsKeys() throws {
    var gateway = try TestGateway.make()
    try gateway.beginLog(utcMilliseconds: now)
    let count = OwnKeyChain.maximumAnswerChangeCount + 5
    for number in 2...UInt8(count + 1) {
      _ = try gateway.change(to: Self.publicKey(number), utcMilliseconds: now)
      gateway = try Self.gateway(gateway.store, key: number)
    }
    let chain = gateway.keyChain
    #expect(chain.changes.count == count)
    for (place, key) in chain.keys.enumerated() {
      let part = try #require(chain.part(fromKeyWithHash: key.hash))
      #expect(part.firstKey == key)
      #expect(
        part.changes.count
          == min(count - place, OwnKeyChain.maximumAnswerChangeCount))
      #expect(part.encoded.count <= 4096)
      // Whoever has this key comes to the last one of the part by the signatures alone.
      var known = key
      for change in part.changes {
        known = try GatewayKeyChange(
          verifying: change.message.span, gatewayKey: known
        ).newKey
      }
      #expect(known == part.newestKey)
    }
    #expect(chain.part(fromKeyWithHash: Digest()) == nil)
  }

  /// A log has millions of receipts: what is asked at every start, and by strangers, must not pass over
  /// them all.
  @Test func noQuestionAboutTheLogReadsAllOfIt() throws {
    let store = try GatewayStore.inMemory()
    let questions = [
      "SELECT id, bytes FROM log WHERE kind = 6 AND kind <> 1 ORDER BY id LIMIT 257",
      "SELECT message FROM enrolment WHERE device = 1 ORDER BY version DESC LIMIT 1",
      """
      SELECT enrolment.id FROM enrolment JOIN device ON device.id = enrolment.device
      WHERE enrolment.node = (SELECT node FROM device WHERE id = 1) AND enrolment.id > 0
      ORDER BY enrolment.id LIMIT 101
      """,
      "SELECT count(DISTINCT region) FROM challenge WHERE issued_utc > 1 AND region NOT IN ('', 'a')",
      """
      SELECT challenge.leaf, log.bytes FROM challenge JOIN log ON log.id = challenge.leaf
      WHERE challenge.region = 'a' ORDER BY challenge.number DESC LIMIT 1
      """,
      "SELECT log.id FROM log_name JOIN log ON log.id = log_name.leaf WHERE log_name.name = x'00'",
      "SELECT leaf FROM log_name WHERE leaf = 1",
    ]
    let plans = try store.database.read { database in
      try questions.map { question in
        try Row.fetchAll(database, sql: "EXPLAIN QUERY PLAN " + question).map {
          $0["detail"] as String
        }
      }
    }
    for plan in plans.dropLast() { #expect(!plan.contains { $0.hasPrefix("SCAN") }, "\(plan)") }
    // The last one has no index: it shows that a scan is seen.
    #expect(plans.last?.contains { $0.hasPrefix("SCAN") } == true)
  }

  // MARK: The files

  @Test func everyStateOfTheKeyFilesHasOneDecision() throws {
    let gateway = try TestGateway.make()
    try gateway.beginLog(utcMilliseconds: now)
    _ = try gateway.change(to: Self.publicKey(2), utcMilliseconds: now)
    let chain = try #require(try gateway.store.keyChain())
    let (former, newest, foreign) = (
      try Self.publicKey(1), try Self.publicKey(2), try Self.publicKey(3)
    )
    let files: [PublicKey?] = [nil, former, newest, foreign]
    for current in files {
      for next in files {
        let expected: GatewayKeyFiles.Decision
        if current == newest {
          expected = .use
        } else if next == newest {
          expected = .finish
        } else if let current {
          expected = .refuse(
            .notTheNewest(found: current, expected: newest, isFormer: current == former))
        } else {
          expected = .refuse(.missing(expected: newest))
        }
        #expect(
          GatewayKeyFiles.decision(current: current, next: next, chain: chain) == expected)
        #expect(
          GatewayKeyFiles.decision(current: current, next: next, chain: nil)
            == (current == nil ? .make : .use))
      }
    }
  }

  private final class Folder {
    let path: String

    init() throws {
      path = NSTemporaryDirectory() + "cairn-gateway-" + UUID().uuidString
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
      do { try FileManager.default.removeItem(atPath: path) } catch { print(error) }
    }

    var files: GatewayKeyFiles { GatewayKeyFiles(folder: path) }
    var names: [String] {
      get throws {
        try FileManager.default.contentsOfDirectory(atPath: path).filter {
          !$0.hasPrefix("gateway.sqlite")
        }.sorted()
      }
    }
    var publicKeyFile: [UInt8] {
      get throws { Array(try Data(contentsOf: URL(fileURLWithPath: path + "/gateway.pub"))) }
    }

    /// As the program starts.
    func open() throws -> (gateway: Gateway, hasFinishedChange: Bool) {
      let store = try GatewayStore(path: path + "/gateway.sqlite")
      let opened = try files.open(try store.keyChain())
      let hasFinishedChange = opened.hasFinishedChange
      let gateway = try Gateway(store: store, key: opened.taken())
      try gateway.beginLog(utcMilliseconds: TestGateway.now)
      return (gateway, hasFinishedChange)
    }
  }

  /// The power goes after each step of a change; then the program starts, or the change is begun again.
  @Test func aChangeThatIsInterruptedAnywhereEndsInAGatewayThatWorks() throws {
    for interruptedAfter in 0...4 {
      for isBegunAgain in [false, true] {
        try interrupt(after: interruptedAfter, isBegunAgain: isBegunAgain)
      }
    }
  }

  private func interrupt(after step: Int, isBegunAgain: Bool) throws {
    let folder = try Folder()
    let (gateway, _) = try folder.open()
    let old = gateway.publicKey
    var next: PublicKey?
    if step >= 1 { next = try folder.files.nextKey(after: old) }
    if step >= 2, let next { _ = try gateway.change(to: next, utcMilliseconds: now) }
    if step >= 3 { try folder.files.finishChange() }
    try gateway.store.close()
    // gateway.pub is written by the next start.
    if step >= 4 { try folder.open().gateway.store.close() }

    var (after, hasFinished) = try folder.open()
    #expect(hasFinished == (step == 2))
    #expect(after.publicKey == (step >= 2 ? next : old))
    #expect(after.keyChain.changes.count == (step >= 2 ? 1 : 0))
    #expect(try folder.publicKeyFile == after.publicKey.bytes.array)
    if isBegunAgain, step < 2 {
      // The key that was there is the one that is introduced: nobody has to be told of two.
      let again = try folder.files.nextKey(after: old)
      if let next { #expect(again == next) }
      _ = try after.change(to: again, utcMilliseconds: now)
      try folder.files.finishChange()
      try after.store.close()
      (after, hasFinished) = try folder.open()
      #expect(!hasFinished && after.publicKey == again)
      #expect(after.keyChain.changes.count == 1)
    }
    let isPending = step == 1 && !isBegunAgain
    #expect(
      try folder.names
        == ["gateway.key"] + (isPending ? ["gateway.key.next"] : []) + ["gateway.pub"])
    // It works: what it signs verifies under the key that it shows.
    let head = try after.logHead(utcMilliseconds: now)
    _ = try GatewayHead(verifying: head.message.span, gatewayKey: after.publicKey)
    try after.store.close()
  }

  @Test func aLostOrFormerKeyFileIsRefusedAndNothingIsMade() throws {
    let folder = try Folder()
    let (gateway, _) = try folder.open()
    let keyFile = URL(fileURLWithPath: folder.path + "/gateway.key")
    let former = try Data(contentsOf: keyFile)
    let next = try folder.files.nextKey(after: gateway.publicKey)
    _ = try gateway.change(to: next, utcMilliseconds: now)
    try folder.files.finishChange()
    try gateway.store.close()
    try FileManager.default.removeItem(at: keyFile)
    #expect(throws: GatewayKeyFiles.Failure.missing(expected: next)) { _ = try folder.open() }
    #expect(try folder.names == ["gateway.pub"])
    try former.write(to: keyFile)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: keyFile.path)
    #expect(
      throws: GatewayKeyFiles.Failure.notTheNewest(
        found: gateway.publicKey, expected: next, isFormer: true)
    ) { _ = try folder.open() }
    try Data([1, 2, 3]).write(to: keyFile)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: keyFile.path)
    #expect(throws: GatewayKeyFiles.Failure.file(name: "gateway.key", .malformed)) {
      _ = try folder.open()
    }
  }

  @Test func aNextKeyThatIsTheKeyItselfGivesWayToANewOne() throws {
    let folder = try Folder()
    let (gateway, _) = try folder.open()
    try FileManager.default.copyItem(
      atPath: folder.path + "/gateway.key", toPath: folder.path + "/gateway.key.next")
    let next = try folder.files.nextKey(after: gateway.publicKey)
    #expect(next != gateway.publicKey)
    #expect(try folder.files.nextKey(after: gateway.publicKey) == next)
    try gateway.store.close()
  }
}
