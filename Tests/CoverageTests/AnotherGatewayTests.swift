import Proofs
import Records
import TestSupport
import Testing

@testable import Coverage

/// Numbers of challenges are each gateway's own: a node goes to one that counts from elsewhere.
@Suite struct AnotherGatewayTests {
  private func sent(_ number: UInt32, by played: PlayedNode) throws -> BeaconOrder {
    let order = try played.order(number)
    _ = played.tell(.challenge(order))
    _ = played.tell(.intentDurable(number: number))
    _ = played.transmitted(try played.transmission())
    return order
  }

  private func begin(_ played: PlayedNode, after order: BeaconOrder) -> HashChain {
    let secret = SHA256.hash([10].span)
    played.node.begin(HashChain(secret: secret), firstNumber: UInt64(order.number) + 1)
    return HashChain(secret: secret)
  }

  @Test func afterARestartALinkThatWasUsedIsToldAndAnotherChainBegins() throws {
    for number in [100, 8_999, 9_000] as [UInt32] {
      let played = try PlayedNode(attemptedNumber: 9_000)
      let order = try played.order(number)
      #expect(played.tell(.challenge(order)) == [.writeNotSent(number: number, .linkUsed)])
      #expect(played.wantsChain(order))
      // Handed over once more, it says nothing new and wants the same.
      #expect(played.tell(.challenge(order)).isEmpty)
      #expect(played.wantsChain(order))
      let chain = begin(played, after: order)
      #expect(!played.wantsChain(order))
      played.now += 900_000
      let next = try played.order(number + 1)
      _ = played.tell(.challenge(next))
      #expect(!played.wantsChain(next))
      _ = played.tell(.intentDurable(number: number + 1))
      let link = chain.link(1)
      let draw = BeaconDraw(
        link: try #require(link), nonce: next.nonce, keyHash: PlayedNode.keyHash,
        number: number + 1, policy: next.policy)
      #expect(try played.transmission().frame == draw.frame)
    }
  }

  /// The gateway is the same as before, and the window of the challenge that was tried is near, lasts or is over.
  @Test func afterARestartOfTheAgentAloneTheOutcomeIsUnknownAndTheChainStays() throws {
    for ahead in [1_500, 0, -400_000] as [Int64] {
      let played = try PlayedNode(attemptedNumber: 9_000)
      let order = try played.order(9_000)
      played.now = order.window.startUTCMilliseconds - (played.utcOffset ?? 0) - ahead
      #expect(played.tell(.challenge(order)) == [.writeNotSent(number: 9_000, .outcomeUnknown)])
      #expect(!played.wantsChain(order))
    }
    // Nobody knows which window it is.
    let blind = try PlayedNode(attemptedNumber: 9_000)
    blind.uncertainty = 301
    let order = try blind.order(100)
    #expect(blind.tell(.challenge(order)) == [.writeNotSent(number: 100, .outcomeUnknown)])
    #expect(!blind.wantsChain(order))
  }

  @Test func aRunningAgentGoesOnOnceItsRevealsAreMade() throws {
    let played = try PlayedNode()
    let first = try sent(9_000, by: played)
    // A restored gateway counts anew: no link of the old chain is drawn from again.
    var links: [BeaconAction] = []
    var number: UInt32 = 100
    var last = first
    while number < 200 {
      played.now = last.window.startUTCMilliseconds + 900_000 - (played.utcOffset ?? 0)
      let order = try played.order(number)
      links += played.tell(.challenge(order))
      last = order
      if played.wantsChain(order) { break }
      number += 1
    }
    // 25 windows until the reveal, and two for each challenge here.
    #expect((111...114).contains(number))
    for told in links {
      switch told {
      case .writeNotSent(_, let reason): #expect(reason == .linkUsed)
      case .writeReveal(let reveal): #expect(reveal.number == 9_000)
      case .writeIntent, .transmit, .writeSent: Issue.record("\(told)")
      }
    }
    #expect(links.contains { if case .writeReveal = $0 { true } else { false } })
    _ = begin(played, after: last)
    // One of the first gateway's again is old.
    #expect(played.tell(.challenge(first)).isEmpty)
    played.now = last.window.startUTCMilliseconds + 900_000 - (played.utcOffset ?? 0)
    _ = try sent(number + 1, by: played)
    // And the first gateway's next one is served by a link of the new chain.
    played.now += 1_800_000
    _ = try sent(9_001, by: played)
    // Back at the second: the links up to there are to be revealed, or were.
    played.now += 1_800_000
    let back = try played.order(number + 4)
    #expect(
      played.tell(.challenge(back)).contains(.writeNotSent(number: number + 4, .linkUsed)))
  }

  @Test func numbersThatFallAreNewOnlyWhenTheirTimeIsLater() throws {
    var sequence = ChallengeSequence()
    #expect(sequence.isNew(number: 0, utcMilliseconds: 0))
    sequence.take(number: 9_000, utcMilliseconds: 1_000)
    #expect(!sequence.isNew(number: 9_000, utcMilliseconds: 1_000))
    #expect(!sequence.isNew(number: 100, utcMilliseconds: 1_000))
    #expect(sequence.isNew(number: 9_001, utcMilliseconds: 0))
    #expect(sequence.isNew(number: 100, utcMilliseconds: 1_001))
    sequence.take(number: 100, utcMilliseconds: 1_001)
    #expect(sequence.number == 9_000)
    #expect(!sequence.isNew(number: 9_000, utcMilliseconds: 1_000))
    #expect(!sequence.isNew(number: 100, utcMilliseconds: 1_001))
    #expect(sequence.isNew(number: 101, utcMilliseconds: 1_002))
  }
}
