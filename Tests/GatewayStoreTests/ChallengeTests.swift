import FixedMemory
import Foundation
import Identity
import Proofs
import Records
import Testing
import Verifier

@testable import GatewayStore

/// Challenges: one for each region and interval, in the log before it is answered.
@Suite struct ChallengeTests {
  private let now = TestGateway.now
  private let interval = Int64(ChallengeRules().intervalSeconds) * 1000

  private func region(_ text: String) throws -> ChallengeRegion {
    try #require(ChallengeRegion(text))
  }

  @Test func aChallengeIsALeafAndVerifies() throws {
    let gateway = try TestGateway.make()
    let issued = try gateway.challenge(for: region("EU868"), utcMilliseconds: now)
    let challenge = try Challenge(
      verifying: issued.message.span, gatewayKey: gateway.publicKey)
    #expect(issued.isNew && challenge == issued.challenge)
    #expect(challenge.number == 1 && challenge.validSeconds == 1800)
    #expect(challenge.isInForce(atUTCMilliseconds: now))
    let leaf = try #require(try gateway.store.logLeaves(from: issued.leaf, limit: 1).first)
    #expect(leaf.kind == .challenge && leaf.document == issued.message)
  }

  @Test func aRegionHasOneChallengeForEachInterval() throws {
    let gateway = try TestGateway.make()
    let first = try gateway.challenge(for: region("EU868"), utcMilliseconds: now)
    for time in [0, 1, interval - 1, -9_999] {
      let again = try gateway.challenge(for: region("EU868"), utcMilliseconds: now + time)
      #expect(!again.isNew && again.message == first.message)
    }
    let other = try gateway.challenge(for: .everybody, utcMilliseconds: now)
    #expect(other.challenge.number == 2 && other.challenge.nonce != first.challenge.nonce)
    let next = try gateway.challenge(for: region("EU868"), utcMilliseconds: now + interval)
    #expect(next.isNew && next.challenge.number == 3)
    // The one before is still in force for as long again.
    #expect(first.challenge.isInForce(atUTCMilliseconds: now + 2 * interval - 1))
    #expect(!first.challenge.isInForce(atUTCMilliseconds: now + 2 * interval))
    // A clock that goes back far makes a new one, once.
    let back = try gateway.challenge(for: region("EU868"), utcMilliseconds: now - 20_000)
    #expect(back.isNew && back.challenge.number == 4)
    #expect(
      try gateway.challenge(for: region("EU868"), utcMilliseconds: now - 20_000).message
        == back.message)
  }

  @Test func numbersCountOnAfterARestart() throws {
    let folder = NSTemporaryDirectory() + "cairn-gateway-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { do { try FileManager.default.removeItem(atPath: folder) } catch { print(error) } }
    var first: IssuedChallenge?
    for number in UInt64(1)...3 {
      let gateway = try TestGateway.make(try GatewayStore(path: folder + "/gateway.sqlite"))
      if let first {
        let again = try gateway.challenge(for: .everybody, utcMilliseconds: now)
        #expect(again.message == first.message && !again.isNew)
      } else {
        first = try gateway.challenge(for: .everybody, utcMilliseconds: now)
      }
      let other = try gateway.challenge(for: region("r\(number)"), utcMilliseconds: now)
      #expect(other.challenge.number == number + 1)
      #expect(try gateway.store.challengeCount() == Int(number) + 1)
      try gateway.store.close()
    }
  }

  @Test func strangersCantHaveMoreRegionsThanThereIsRoomFor() throws {
    let gateway = try TestGateway.make()
    for number in 1...ChallengeRules.maximumRegionCount {
      _ = try gateway.challenge(for: region("r\(number)"), utcMilliseconds: now)
    }
    let size = try gateway.logSize()
    let problem = #expect(throws: Problem.self) {
      _ = try gateway.challenge(for: region("one-more"), utcMilliseconds: now + 1)
    }
    #expect(problem?.code == .rateLimited && problem?.retryAfterSeconds == 1800)
    #expect(try gateway.logSize() == size)
    // Those that are there go on, and everybody's is made all the same.
    #expect(try !gateway.challenge(for: region("r1"), utcMilliseconds: now + 1).isNew)
    #expect(try gateway.challenge(for: region("r1"), utcMilliseconds: now + interval).isNew)
    #expect(try gateway.challenge(for: .everybody, utcMilliseconds: now).isNew)
    // When the others are not in force any more there is room.
    let later = now + 2 * interval
    #expect(try gateway.challenge(for: region("one-more"), utcMilliseconds: later).isNew)
  }

  @Test func aRegionIsALittleTextOfLettersAndDigits() {
    for text in ["", "EU868", "AS923-1", "a_b.c", String(repeating: "x", count: 24)] {
      #expect(ChallengeRegion(text)?.text == text)
    }
    let wrong = ["EU 868", "é", "\u{0}", "%FF", "a/b", "\u{fffd}", "'", "\n"]
    for text in wrong + [String(repeating: "x", count: 25)] {
      #expect(ChallengeRegion(text) == nil, "\(text)")
    }
  }

  @Test func aChallengeThatCouldNotBeStoredIsNotAnswered() throws {
    let gateway = try TestGateway.make()
    _ = try gateway.challenge(for: .everybody, utcMilliseconds: now)
    try gateway.store.database.write {
      try $0.execute(
        sql: """
          CREATE TRIGGER failing BEFORE INSERT ON challenge
          BEGIN SELECT RAISE(ABORT, 'the disk is gone'); END
          """)
    }
    #expect(throws: Problem.self) {
      _ = try gateway.challenge(for: region("EU868"), utcMilliseconds: now)
    }
    // Neither the leaf nor the number is used.
    #expect(try gateway.logSize() == 2)
    try gateway.store.database.write { try $0.execute(sql: "DROP TRIGGER failing") }
    let next = try gateway.challenge(for: region("EU868"), utcMilliseconds: now)
    #expect(next.challenge.number == 2 && next.leaf == 2)
  }
}
