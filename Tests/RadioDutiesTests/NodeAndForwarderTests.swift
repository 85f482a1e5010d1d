import LoRa
import Proofs
import Records
import Testing

@testable import Coverage
@testable import GWMP
@testable import RadioDuties

/// The node and a concentrator's duty, as the agent has them: what one asks for, the other sends and answers.
private final class SendingNode {
  let bench = ConcentratorBench.listening()
  var node: BeaconNode
  var sent: [SentBeacon] = []
  var reasons: [BeaconReason] = []

  init() {
    node = BeaconNode(
      setup: BeaconNode.Setup(
        keyHash: DutyBench.ownKeyHash, firstNumber: 1, plan: RegionPlan(.eu868),
        transmitter: Transmitter(
          maximumCentidecibelMilliwatts: 1_400, antennaGainCentidecibels: 0,
          cableLossCentidecibels: 0)),
      chain: HashChain(secret: SHA256.hash([9].span)), now: bench.time)
  }

  func tell(_ event: BeaconEvent) {
    let actions = node.handle(event, at: bench.time)
    for place in actions.indices {
      switch actions[place] {
      case .writeIntent(let intent): tell(.intentDurable(number: intent.number))
      case .transmit(let beacon):
        let order = RadioTransmission(
          bytes: beacon.frame.bytes, number: beacon.number,
          startMilliseconds: beacon.startMilliseconds,
          latestMilliseconds: beacon.latestMilliseconds, frequencyHertz: beacon.frequencyHertz,
          spreadingFactor: beacon.spreadingFactor,
          powerCentidecibelMilliwatts: beacon.powerCentidecibelMilliwatts)
        if let reason = bench.duty.send(order) {
          tell(.refused(number: beacon.number, reason))
        }
      case .writeSent(let record): sent.append(record)
      case .writeNotSent(let number, let reason): if number > 0 { reasons.append(reason) }
      case .writeReveal: break
      }
    }
  }

  /// - `answer`: so long after a request, what the forwarder says; nil: it says nothing.
  func turn(_ milliseconds: Int64, answer: (after: Int64, TransmitOutcome)?) throws {
    let end = bench.now + milliseconds
    var due: Int64?
    var requestCount = 0
    while bench.now < end {
      try bench.turn(10)
      if bench.requests.count > requestCount {
        requestCount = bench.requests.count
        due = answer.map { bench.now + $0.after }
      }
      if let moment = due, bench.now >= moment, let answer {
        due = nil
        try bench.answer(answer.1)
        try bench.turn(0)
      }
      let actions = bench.actions
      bench.actions.removeAll()
      for action in actions {
        guard case .transmissionEnded(let number, let outcome) = action else { continue }
        switch outcome {
        case .sent(let start, let power, let isConfirmed):
          tell(
            .transmitted(
              number: number, startMilliseconds: start, powerCentidecibelMilliwatts: power,
              isConfirmed: isConfirmed))
        case .refused(let reason): tell(.refused(number: number, reason))
        }
      }
      tell(.tick)
    }
  }
}

@Suite struct NodeAndForwarderTests {
  private static func policy(slot: UInt16, uncertainty: UInt16) -> CoveragePolicy {
    var policy = DutyBench.policy
    policy.slotMilliseconds = slot
    policy.maximumUncertaintyMilliseconds = uncertainty
    policy.spreadingFactors = 1 << 7
    return policy
  }

  /// A forwarder's word can come 5.96 s after the start, and its own end a little later.
  @Test(arguments: [(UInt16(2_000), UInt16(300)), (1_000, 300), (700, 200)])
  func aFrameThatMayBeOnTheAirIsSentOnceAndHasItsLeaf(slot: UInt16, uncertainty: UInt16) throws {
    let answers: [(after: Int64, TransmitOutcome)?] = [
      nil, (5_960, .unanswered), (4_960, .unanswered), (5_900, .sent), (100, .sent),
    ]
    for answer in answers {
      let sending = SendingNode()
      let order = try sending.bench.order(3, Self.policy(slot: slot, uncertainty: uncertainty))
      sending.tell(.challenge(order))
      try sending.turn(600_000, answer: answer)
      #expect(sending.bench.requests.count == 1, "\(String(describing: answer))")
      #expect(sending.sent.map(\.isConfirmed) == [answer?.1 == .sent])
      #expect(sending.sent.allSatisfy { $0.number == 3 && !$0.isRetry })
      #expect(sending.reasons.isEmpty)
    }
  }

  @Test func theNodeWaitsLongerThanTheForwardersLastWordCanTake() {
    let forwarder = ConcentratorDuty.queueMilliseconds + ConcentratorDuty.answerMilliseconds
    #expect(BeaconNode.answerMilliseconds >= forwarder + 1_000)
    // The duty, in its turn, longer than the forwarder's table and a turn of its program.
    #expect(forwarder >= ForwarderTable<Int>.answerMilliseconds + 1_000)
  }
}
