import FixedMemory
import LoRa
import Proofs
import Records
import TestSupport
import Testing

@testable import Coverage

/// A node with a clock of its own, played against by hand.
final class PlayedNode {
  var node: BeaconNode
  /// UTC is boot time and this; nil: no clock.
  var utcOffset: Int64? = 1_000_000_000
  var uncertainty: UInt64 = 20
  var now: Int64 = 10_000

  static let keyHash = SHA256.hash([1, 2, 3].span)

  init(
    firstNumber: UInt64 = 1, region: RegionPlan.Region = .eu868, attemptedNumber: UInt32 = 0
  ) throws {
    let setup = BeaconNode.Setup(
      keyHash: Self.keyHash, firstNumber: firstNumber, plan: RegionPlan(region),
      transmitter: Transmitter(
        maximumCentidecibelMilliwatts: 1_400, antennaGainCentidecibels: 215,
        cableLossCentidecibels: 0))
    let chain = HashChain(secret: try fixed([UInt8](repeating: 9, count: 32)))
    node = BeaconNode(
      setup: setup, chain: chain, attemptedNumber: attemptedNumber,
      now: NodeTime(milliseconds: 10_000, utcMilliseconds: nil, uncertaintyMilliseconds: 0))
  }

  var isTransmitting: Bool { node.isTransmitting }

  func wantsChain(_ order: BeaconOrder) -> Bool { node.wantsChain(for: order, at: time) }

  var time: NodeTime {
    NodeTime(
      milliseconds: now, utcMilliseconds: utcOffset.map { $0 + now },
      uncertaintyMilliseconds: uncertainty)
  }

  func tell(_ event: BeaconEvent) -> [BeaconAction] {
    let actions = node.handle(event, at: time)
    node.checkInvariants()
    return actions.indices.map { actions[$0] }
  }

  /// Half seconds until something is to be done, at most `limit` milliseconds.
  func untilNext(limit: Int64 = 3_600_000) -> [BeaconAction] {
    let end = now + limit
    while now < end {
      now += 500
      let actions = tell(.tick)
      if !actions.isEmpty { return actions }
    }
    return []
  }

  func order(_ number: UInt32, policy: CoveragePolicy = CoveragePolicy()) throws -> BeaconOrder {
    let challenge = Challenge(
      algorithm: .ed25519, keyID: KeyID(), number: UInt64(number),
      issuedUTCMilliseconds: (utcOffset ?? 1_000_000_000) + now, validSeconds: 1_800,
      region: FixedText("EU868"), coverage: policy, nonce: SHA256.hash([UInt8(number & 255)].span))
    return try #require(BeaconOrder(challenge))
  }

  func transmission() throws -> BeaconTransmission {
    let actions = untilNext()
    guard actions.count == 1, case .transmit(let transmission) = actions[0] else {
      Issue.record("no transmission: \(actions)")
      throw NoTransmission()
    }
    return transmission
  }

  func transmitted(_ transmission: BeaconTransmission, power: Int32?) -> [BeaconAction] {
    now = transmission.startMilliseconds + Int64(transmission.timeOnAirMicroseconds) / 1_000 + 20
    return tell(
      .transmitted(
        number: transmission.number, startMilliseconds: transmission.startMilliseconds,
        powerCentidecibelMilliwatts: power, isConfirmed: true))
  }

  func transmitted(_ transmission: BeaconTransmission) -> [BeaconAction] {
    transmitted(transmission, power: transmission.powerCentidecibelMilliwatts)
  }
}

struct NoTransmission: Error {}

@Suite struct BeaconNodeTests {
  @Test func aBeaconGoesFromChallengeToReveal() throws {
    let played = try PlayedNode()
    let order = try played.order(5)
    let taken = played.tell(.challenge(order))
    guard case .writeIntent(let intent)? = taken.first, taken.count == 1 else {
      Issue.record("no intent: \(taken)")
      return
    }
    #expect(intent.number == 5)
    // Nothing is sent before the intent is durable, and nothing is written twice.
    #expect(played.tell(.challenge(order)).isEmpty)
    #expect(played.tell(.intentDurable(number: 5)).isEmpty)
    let transmission = try played.transmission()
    #expect(transmission.frame.hash == intent.frameHash)
    let offset = try #require(played.utcOffset)
    let slot = try #require(
      order.window.slot(atUTCMilliseconds: offset + transmission.startMilliseconds))
    #expect(
      offset + transmission.startMilliseconds == order.window.transmissionUTCMilliseconds(slot))
    #expect(slot < 350 && !transmission.isRetry)
    #expect(transmission.startMilliseconds - played.now <= 1_000)
    let sent = played.transmitted(transmission)
    guard case .writeSent(let record)? = sent.first, sent.count == 1 else {
      Issue.record("no sent leaf: \(sent)")
      return
    }
    #expect(record.startMilliseconds == transmission.startMilliseconds && record.isConfirmed)
    #expect(record.spreadingFactor == transmission.spreadingFactor)
    // The reveal comes when not even an early clock would make it too early.
    played.now = order.window.revealUTCMilliseconds - offset + Int64(played.uncertainty) - 1
    #expect(!played.tell(.tick).contains { if case .writeReveal = $0 { true } else { false } })
    played.now += 1
    let revealed = played.tell(.tick)
    guard case .writeReveal(let reveal)? = revealed.first else {
      Issue.record("no reveal: \(revealed)")
      return
    }
    let draw = BeaconDraw(
      link: reveal.link, nonce: order.nonce, keyHash: PlayedNode.keyHash, number: 5,
      policy: order.policy)
    #expect(draw.frame == transmission.frame && draw.slot == slot)
    #expect(reveal.powerCentidecibelMilliwatts == transmission.powerCentidecibelMilliwatts)
  }

  @Test func aPowerThatIsNotKnownIsNoPowerInTheReveal() throws {
    let played = try PlayedNode()
    let order = try played.order(5)
    _ = played.tell(.challenge(order))
    _ = played.tell(.intentDurable(number: 5))
    let transmission = try played.transmission()
    #expect(played.transmitted(transmission, power: nil).count == 1)
    let offset = try #require(played.utcOffset)
    played.now = order.window.revealUTCMilliseconds - offset + Int64(played.uncertainty)
    let revealed = played.tell(.tick)
    guard case .writeReveal(let reveal)? = revealed.first else {
      Issue.record("no reveal: \(revealed)")
      return
    }
    #expect(reveal.number == 5 && reveal.powerCentidecibelMilliwatts == nil)
  }

  @Test func aRefusedBeaconIsTriedOnceMoreInTheReserve() throws {
    let played = try PlayedNode()
    let order = try played.order(1)
    _ = played.tell(.challenge(order))
    _ = played.tell(.intentDurable(number: 1))
    let first = try played.transmission()
    #expect(played.tell(.refused(number: 1, .radioBusy)).isEmpty)
    let second = try played.transmission()
    #expect(second.isRetry && second.frame == first.frame)
    let offset = try #require(played.utcOffset)
    let slot = try #require(
      order.window.slot(atUTCMilliseconds: offset + second.startMilliseconds))
    #expect(slot >= 350)
    #expect(
      played.tell(.refused(number: 1, .airtimeSpent))
        == [.writeNotSent(number: 1, .airtimeSpent)])
    // Nothing more of it, until there is no challenge for two windows.
    #expect(played.untilNext() == [.writeNotSent(number: 0, .noChallenge)])
  }

  /// The slots of the rules, and the shorter ones of `make run` and between: the node does not wait on the slot alone.
  @Test(arguments: [(2_000, 300), (1_000, 300), (700, 200)])
  func aRadioThatDoesNotAnswerMayHaveSentItAndIsNotAskedAgain(slot: Int, uncertainty: Int) throws {
    let played = try PlayedNode()
    var policy = CoveragePolicy()
    policy.slotMilliseconds = UInt16(slot)
    policy.maximumUncertaintyMilliseconds = UInt16(uncertainty)
    policy.spreadingFactors = 1 << 7
    let order = try played.order(1, policy: policy)
    _ = played.tell(.challenge(order))
    _ = played.tell(.intentDurable(number: 1))
    let transmission = try played.transmission()
    #expect(played.isTransmitting)
    let told = played.untilNext()
    #expect(played.now >= transmission.latestMilliseconds + BeaconNode.answerMilliseconds)
    #expect(
      told == [
        .writeSent(
          SentBeacon(
            number: 1, isRetry: false, startMilliseconds: transmission.startMilliseconds,
            timeOnAirMicroseconds: transmission.timeOnAirMicroseconds,
            frequencyHertz: transmission.frequencyHertz,
            spreadingFactor: transmission.spreadingFactor, isConfirmed: false))
      ])
    // What it says afterwards changes nothing; it is revealed, as what was asked for.
    #expect(played.tell(.refused(number: 1, .radioFailed)).isEmpty)
    #expect(played.transmitted(transmission).isEmpty)
    played.now = order.window.revealUTCMilliseconds - (played.utcOffset ?? 0) + 1_000
    let revealed = played.tell(.tick)
    guard case .writeReveal(let reveal)? = revealed.first else {
      Issue.record("no reveal: \(revealed)")
      return
    }
    #expect(reveal.powerCentidecibelMilliwatts == transmission.powerCentidecibelMilliwatts)
  }

  @Test func withoutAGoodClockNothingIsSentAndThatIsSaid() throws {
    for uncertainty in [UInt64(301), .max] {
      let played = try PlayedNode()
      played.uncertainty = uncertainty
      _ = played.tell(.challenge(try played.order(1)))
      _ = played.tell(.intentDurable(number: 1))
      #expect(played.untilNext().first == .writeNotSent(number: 1, .noClock))
    }
    let played = try PlayedNode()
    played.utcOffset = nil
    _ = played.tell(.challenge(try played.order(1)))
    _ = played.tell(.intentDurable(number: 1))
    #expect(played.untilNext().first == .writeNotSent(number: 1, .noClock))
  }

  @Test func anIntentThatIsNotDurableIsNoBeacon() throws {
    let played = try PlayedNode()
    _ = played.tell(.challenge(try played.order(1)))
    #expect(played.untilNext().first == .writeNotSent(number: 1, .notDurable))
    _ = played.tell(.challenge(try played.order(2)))
    #expect(
      played.tell(.intentFailed(number: 2)) == [.writeNotSent(number: 2, .notDurable)])
  }

  @Test func challengesThatCannotBeServedAreSaidSo() throws {
    let late = try PlayedNode(firstNumber: 7)
    #expect(
      late.tell(.challenge(try late.order(6))) == [.writeNotSent(number: 6, .chainNotValid)])
    #expect(
      late.tell(.challenge(try late.order(65_543)))
        == [.writeNotSent(number: 65_543, .chainNotValid)])
    let silent = try PlayedNode(region: .kr920)
    #expect(
      silent.tell(.challenge(try silent.order(1)))
        == [.writeNotSent(number: 1, .listenBeforeTalk)])
    let narrow = try PlayedNode()
    var policy = CoveragePolicy()
    policy.spreadingFactors = 1 << 12
    #expect(
      narrow.tell(.challenge(try narrow.order(1, policy: policy)))
        == [.writeNotSent(number: 1, .noChannel)])
    let old = try PlayedNode()
    let order = try old.order(1)
    old.now += 1_700_001
    old.now = order.window.endUTCMilliseconds - 1_000_000_000
    #expect(old.tell(.challenge(order)) == [.writeNotSent(number: 1, .tooLate)])
  }

  @Test func aNodeThatHearsOfNoChallengeSaysSoOnceInTwoWindows() throws {
    let played = try PlayedNode()
    #expect(played.untilNext() == [.writeNotSent(number: 0, .noChallenge)])
    #expect(played.now == 10_000 + 1_800_000)
    #expect(played.untilNext() == [.writeNotSent(number: 0, .noChallenge)])
    #expect(played.now == 10_000 + 3_600_000)
  }

  @Test func aRestartedAgentSendsTheSameFrameInTheSameSlot() throws {
    let first = try PlayedNode()
    let order = try first.order(3)
    _ = first.tell(.challenge(order))
    _ = first.tell(.intentDurable(number: 3))
    let before = try first.transmission()
    // Another boot: its time began later, and so UTC is further off.
    let second = try PlayedNode()
    second.utcOffset = 1_000_000_000 + 5_000
    _ = second.tell(.challenge(order))
    _ = second.tell(.intentDurable(number: 3))
    let after = try second.transmission()
    #expect(after.frame == before.frame)
    #expect(after.startMilliseconds + 5_000 == before.startMilliseconds)
    // After its slot it is the reserve.
    let third = try PlayedNode()
    third.now = before.startMilliseconds + 1_500
    _ = third.tell(.challenge(order))
    _ = third.tell(.intentDurable(number: 3))
    #expect(try third.transmission().isRetry)
  }

  @Test func oneBeaconOverlapsTheNextAndRevealsComeInOrder() throws {
    let played = try PlayedNode()
    var revealed: [UInt32] = []
    var sent: [UInt32] = []
    for number in UInt32(1)...60 {
      var actions = played.tell(.challenge(try played.order(number)))
      let end = played.now + 900_000
      while played.now < end {
        for action in actions {
          switch action {
          case .writeIntent(let intent):
            _ = played.tell(.intentDurable(number: intent.number))
          case .transmit(let transmission):
            for told in played.transmitted(transmission) {
              if case .writeSent(let record) = told { sent.append(record.number) }
              if case .writeReveal(let reveal) = told { revealed.append(reveal.number) }
            }
          case .writeReveal(let reveal): revealed.append(reveal.number)
          case .writeSent, .writeNotSent: Issue.record("\(action)")
          }
        }
        played.now += 500
        actions = played.tell(.tick)
      }
    }
    #expect(sent == Array(1...59) || sent == Array(1...58))
    // Each 25 windows after its own.
    #expect(revealed == Array(1...34) || revealed == Array(1...33) || revealed == Array(1...35))
  }
}

@Suite struct WitnessNodeTests {
  private func frame(_ number: UInt32, key: UInt8 = 7) -> BeaconFrame {
    BeaconFrame(
      seed: SHA256.hash([UInt8(number & 255), UInt8(number >> 8 & 255)].span),
      keyHash: SHA256.hash([key].span), number: number)
  }

  private func heard(_ milliseconds: Int64, factor: UInt8 = 10) throws -> Reception {
    let reception = Reception(
      endMilliseconds: milliseconds, uncertaintyMilliseconds: 2, frequencyHertz: 868_100_000,
      spreadingFactor: factor, bandwidthHertz: 125_000, codingRateDenominator: 5,
      rssiCentidecibelMilliwatts: -11_000, signalCentidecibelMilliwatts: nil,
      snrCentidecibels: 100, frequencyErrorHertz: nil)
    return try #require(reception)
  }

  @Test func copiesWithinOneTimeOnAirAreCountedAndLaterOnesKept() throws {
    var node = WitnessNode(ownKeyHash: SHA256.hash([1].span))
    #expect(node.hear(frame(1), try heard(1_000)) == .keep)
    #expect(node.hear(frame(1), try heard(1_000)) == .counted(.copies))
    #expect(node.hear(frame(1), try heard(1_370)) == .counted(.copies))
    // 370 ms at SF10.
    for time in [1_371, 2_000, 3_000] as [Int64] {
      #expect(node.hear(frame(1), try heard(time)) == .keep)
    }
    #expect(node.hear(frame(1), try heard(4_000)) == .counted(.copies))
    let early = node.refusalToTell(atMilliseconds: 59_999)
    #expect(early == nil)
    let tally = node.refusalToTell(atMilliseconds: 60_000)
    let told = try #require(tally)
    #expect(told == (.copies, 3))
    let rest = node.refusalToTell(atMilliseconds: 60_000)
    #expect(rest == nil)
  }

  @Test func aNodesOwnBeaconIsNoWitness() throws {
    var node = WitnessNode(ownKeyHash: SHA256.hash([7].span))
    #expect(node.hear(frame(1), try heard(1_000)) == .notAWitness)
    #expect(node.hear(frame(1, key: 8), try heard(1_000)) == .keep)
  }

  @Test func aFloodIsCountedAndForgottenAfterAMinute() throws {
    var node = WitnessNode(ownKeyHash: SHA256.hash([1].span))
    for number in UInt32(0)..<1_000 {
      let outcome = node.hear(frame(number), try heard(1_000))
      #expect(outcome == (number < 128 ? .keep : .counted(.tableFull)))
    }
    let tally = node.refusalToTell(atMilliseconds: 61_000)
    let told = try #require(tally)
    #expect(told == (.tableFull, 872))
    #expect(node.hear(frame(2_000), try heard(60_999)) == .counted(.tableFull))
    #expect(node.hear(frame(2_000), try heard(61_000)) == .keep)
  }

  @Test func forwardedFramesAreLimitedByTheMinute() {
    var node = WitnessNode(ownKeyHash: Digest())
    var kept = 0
    for second in 0..<600 where node.forward(atMilliseconds: Int64(second) * 100) == .keep {
      kept += 1
    }
    #expect(kept == 60)
    #expect(node.forward(atMilliseconds: 60_000) == .keep)
  }

  @Test func whatWasListenedToIsSaidSlotBySlot() throws {
    var log = ListenLog(number: 9, mode: .rendezvous)
    #expect(log.record == nil)
    for slot in [0, 5, 399] { log.listened(slot: slot) }
    for noise in [-11_000, -12_000, -11_700] as [Int32] { log.noise(centidecibelMilliwatts: noise) }
    let record = try #require(log.record)
    #expect((0..<1_024).filter { record.slots.contains($0) } == [0, 5, 399])
    #expect(record.noiseCentidecibelMilliwatts == -11_700)
    var fixedLog = ListenLog(number: 9, frequencyHertz: 868_100_000, spreadingFactor: 9)
    fixedLog.listened(slot: 1)
    #expect(fixedLog.record?.spreadingFactor == 9)
  }
}
