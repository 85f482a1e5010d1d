import Testing

@testable import Delivery

typealias Machine = DeliveryStateMachine

func at(_ epoch: UInt64, _ batch: UInt64) -> BatchPosition {
  BatchPosition(epoch: epoch, batch: batch)
}

/// One machine in each state, with the events that led there. Machines are not copied: made anew.
struct Route {
  let name: String
  let events: [Machine.Event]

  func machine() -> DeliveryStateMachine {
    var machine = DeliveryStateMachine()
    for event in events { _ = machine.handle(event, randomWord: 0) }
    return machine
  }

  static let all = [
    Route(name: "idle", events: []),
    Route(name: "sending", events: [.batchReady(at(0, 5))]),
    Route(name: "enrolling", events: [.batchReady(at(0, 5)), .unknownKey]),
    Route(name: "seeking", events: [.batchReady(at(0, 5)), .gap(expected: at(0, 3), size: 9)]),
    Route(name: "confirming", events: [.batchReady(at(0, 5)), .accepted]),
    Route(name: "waiting", events: [.batchReady(at(0, 5)), .failed(.unreachable)]),
    Route(name: "blocked", events: [.batchReady(at(0, 5)), .forked]),
  ]

  static func to(_ name: String) -> DeliveryStateMachine {
    for route in all where route.name == name { return route.machine() }
    preconditionFailure("no such route")
  }
}

/// Each event once.
let everyEvent: [(name: String, event: Machine.Event)] = [
  ("batchReady", .batchReady(at(0, 6))),
  ("accepted", .accepted),
  ("gap", .gap(expected: at(0, 3), size: 9)),
  ("closedEpoch", .closedEpoch(expected: at(1, 0), size: 0)),
  ("forked", .forked),
  ("refused", .refused(code: 45)),
  ("unknownKey", .unknownKey),
  ("tryLater", .tryLater(afterSeconds: 20)),
  ("failed", .failed(.unreachable)),
  ("enrolled", .enrolled),
  ("gatewayAhead", .gatewayAhead(expected: at(0, 9))),
  ("receiptConfirmed", .receiptConfirmed),
  ("receiptRefused", .receiptRefused(code: 23)),
  ("agentAway", .agentAway),
  ("found", .found),
  ("notHeld", .notHeld(oldest: at(0, 8))),
  ("beyondEnd", .beyondEnd(next: at(0, 2))),
  ("retryDue", .retryDue),
]

/// The whole table: state, event, what is done. "-" is passed over, "stop" is a bug of the program.
let table: [String: [String: String]] = [
  "idle": [
    "batchReady": "send", "receiptConfirmed": "-", "receiptRefused": "-", "agentAway": "-",
    "retryDue": "-",
  ],
  "sending": [
    "batchReady": "-", "accepted": "handReceipt", "gap": "seek", "closedEpoch": "seek",
    "forked": "block", "refused": "block", "unknownKey": "sendKey", "tryLater": "timer",
    "failed": "timer", "receiptConfirmed": "-", "receiptRefused": "-", "agentAway": "-",
    "notHeld": "send", "gatewayAhead": "block", "retryDue": "-",
  ],
  "enrolling": [
    "batchReady": "-", "refused": "block", "tryLater": "timer", "failed": "timer",
    "enrolled": "send", "receiptConfirmed": "-", "receiptRefused": "-", "agentAway": "-",
    "retryDue": "-",
  ],
  "seeking": [
    "batchReady": "-", "failed": "timer", "receiptConfirmed": "-", "receiptRefused": "-",
    "agentAway": "-", "found": "send", "notHeld": "sendResumed", "beyondEnd": "block",
    "retryDue": "-",
  ],
  "confirming": [
    "batchReady": "-", "receiptConfirmed": "advance", "receiptRefused": "block",
    "agentAway": "advance", "retryDue": "-",
  ],
  "waiting": [
    "batchReady": "-", "receiptConfirmed": "-", "receiptRefused": "-", "agentAway": "-",
    "retryDue": "send",
  ],
  "blocked": [
    "batchReady": "-", "receiptConfirmed": "-", "receiptRefused": "-", "agentAway": "-",
    "retryDue": "send",
  ],
]

func verb(_ action: Machine.Action?) -> String {
  switch action {
  case nil: "stop"
  case .nothing: "-"
  case .send: "send"
  case .sendResumed: "sendResumed"
  case .sendKey: "sendKey"
  case .seek: "seek"
  case .handReceiptToAgent: "handReceipt"
  case .advanceCursor: "advance"
  case .moveCursor: "move"
  case .startTimer: "timer"
  case .block: "block"
  }
}

@Test func everyPairOfStateAndEventDoesWhatTheTableSays() {
  for route in Route.all {
    for (name, event) in everyEvent {
      var machine = route.machine()
      let before = machine.state
      let action = machine.transition(event, 7)
      let expected = table[route.name]?[name] ?? "stop"
      #expect(verb(action) == expected, "\(route.name), \(name)")
      if expected == "-" || expected == "stop" {
        #expect(machine.state == before, "\(route.name), \(name)")
      }
    }
  }
}

@Test func anEventThatCannotHappenStopsTheProgram() async {
  await #expect(processExitsWith: .failure) {
    var machine = DeliveryStateMachine()
    _ = machine.handle(.accepted, randomWord: 0)
  }
}

@Test func aBatchIsRetriedUntilTheAgentAgreesToItsReceipt() {
  var machine = DeliveryStateMachine()
  #expect(machine.handle(.batchReady(at(0, 9)), randomWord: 0) == .send(at(0, 9)))
  #expect(
    machine.handle(.failed(.unreachable), randomWord: .max) == .startTimer(milliseconds: 1_000))
  #expect(machine.handle(.retryDue, randomWord: 0) == .send(at(0, 9)))
  #expect(
    machine.handle(.failed(.unreachable), randomWord: .max) == .startTimer(milliseconds: 2_000))
  #expect(machine.handle(.retryDue, randomWord: 0) == .send(at(0, 9)))
  #expect(machine.handle(.accepted, randomWord: 0) == .handReceiptToAgent(at(0, 9)))
  #expect(
    machine.handle(.receiptConfirmed, randomWord: 0)
      == .advanceCursor(past: at(0, 9), agentWasAway: false))
  #expect(machine.state == .idle)
}

@Test func anAbsentAgentHoldsNothingUpAndIsRemembered() {
  var machine = Route.to("confirming")
  #expect(
    machine.handle(.agentAway, randomWord: 0)
      == .advanceCursor(past: at(0, 5), agentWasAway: true))
  #expect(machine.state == .idle)
}

@Test func aReceiptThatTheAgentRefusesIsNeverADelivery() {
  var machine = Route.to("confirming")
  #expect(
    machine.handle(.receiptRefused(code: 23), randomWord: 0)
      == .block(.receiptRefused(code: 23), retryMilliseconds: 2_700_000))
  #expect(machine.handle(.retryDue, randomWord: 0) == .send(at(0, 5)))
}

@Test func whatIsRefusedForGoodIsKeptAndTriedAboutHourly() {
  for event in [Machine.Event.forked, .refused(code: 45), .refused(code: 40_000)] {
    for word: UInt64 in [0, .max] {
      var machine = Route.to("sending")
      guard case .block(_, let milliseconds) = machine.handle(event, randomWord: word) else {
        Issue.record("\(event) did not block")
        continue
      }
      #expect(Backoff.blockedMilliseconds.contains(milliseconds))
      #expect(machine.handle(.batchReady(at(0, 6)), randomWord: 0) == .nothing)
      #expect(machine.handle(.retryDue, randomWord: 0) == .send(at(0, 5)))
      #expect(machine.handle(.accepted, randomWord: 0) == .handReceiptToAgent(at(0, 5)))
    }
  }
}

@Test func aClosedEpochIsLeftOnlyForALaterOne() {
  var machine = Route.to("sending")
  #expect(
    machine.handle(.closedEpoch(expected: at(2, 1), size: 4), randomWord: 0) == .seek(at(2, 1)))
  var blocked = Route.to("sending")
  #expect(
    blocked.handle(.closedEpoch(expected: at(0, 1), size: 4), randomWord: 0)
      == .block(.refused(code: 42), retryMilliseconds: 2_700_000))
}

@Test func aGapIsFilledFromTheExpectedPosition() {
  var machine = Route.to("seeking")
  #expect(machine.handle(.found, randomWord: 0) == .send(at(0, 3)))
  #expect(machine.handle(.accepted, randomWord: 0) == .handReceiptToAgent(at(0, 3)))
  #expect(
    machine.handle(.receiptConfirmed, randomWord: 0)
      == .advanceCursor(past: at(0, 3), agentWasAway: false))
}

@Test func whatTheSpoolNoLongerHoldsIsResumedFromTheGatewaysSize() {
  var machine = Route.to("seeking")
  #expect(
    machine.handle(.notHeld(oldest: at(0, 8)), randomWord: 0)
      == .sendResumed(at(0, 8), from: 9))
  // A lost answer does not change how it is sent.
  _ = machine.handle(.failed(.unreachable), randomWord: 0)
  #expect(machine.handle(.retryDue, randomWord: 0) == .sendResumed(at(0, 8), from: 9))
  // The spool moves on meanwhile.
  #expect(
    machine.handle(.notHeld(oldest: at(0, 11)), randomWord: 0)
      == .sendResumed(at(0, 11), from: 9))
  // The gateway asks for the same again: it does not take this.
  #expect(
    machine.handle(.gap(expected: at(0, 3), size: 9), randomWord: 0)
      == .block(.notResumable, retryMilliseconds: 2_700_000))
  #expect(machine.handle(.retryDue, randomWord: 0) == .send(at(0, 11)))
}

@Test func aLaterEpochIsResumedFromItsFirstLeaf() {
  var machine = Route.to("seeking")
  #expect(machine.handle(.notHeld(oldest: at(1, 0)), randomWord: 0) == .send(at(1, 0)))
  machine = Route.to("seeking")
  #expect(
    machine.handle(.notHeld(oldest: at(1, 2)), randomWord: 0) == .sendResumed(at(1, 2), from: 0))
}

@Test func aSpoolThatEndsBeforeTheExpectedPositionMovesTheCursorThere() {
  var machine = Route.to("seeking")
  #expect(
    machine.handle(.beyondEnd(next: at(0, 3)), randomWord: 0) == .moveCursor(to: at(0, 3)))
  #expect(machine.state == .idle)
}

@Test func aGatewayThatIsAheadOfTheDeviceBlocksIt() {
  var machine = Route.to("seeking")
  #expect(
    machine.handle(.beyondEnd(next: at(0, 2)), randomWord: 0)
      == .block(.gatewayAhead(expected: at(0, 3)), retryMilliseconds: 2_700_000))
}

/// Nothing of it was sent, and nothing is before the agent or its operator has done something.
@Test func aHeadThatTheLogDoesNotLeadToHoldsDeliveryUp() {
  var machine = Route.to("sending")
  #expect(
    machine.handle(.gatewayAhead(expected: at(0, 9)), randomWord: 0)
      == .block(.gatewayAhead(expected: at(0, 9)), retryMilliseconds: 2_700_000))
  #expect(machine.handle(.retryDue, randomWord: 0) == .send(at(0, 5)))
  // The agent has begun an epoch: what lies before it is passed over.
  #expect(machine.handle(.notHeld(oldest: at(1, 0)), randomWord: 0) == .send(at(1, 0)))
}

@Test func aGatewayThatContradictsItselfIsAskedWithPauses() {
  // It asks for what it was just sent.
  var machine = Route.to("sending")
  #expect(
    machine.handle(.gap(expected: at(0, 5), size: 9), randomWord: .max)
      == .startTimer(milliseconds: 1_000))
  // It asks for one position after the other.
  machine = Route.to("sending")
  var seeks = 0
  var batch: UInt64 = 100
  while machine.handle(.gap(expected: at(0, batch), size: 9), randomWord: 0) == .seek(at(0, batch))
  {
    seeks += 1
    #expect(machine.handle(.found, randomWord: 0) == .send(at(0, batch)))
    batch += 1
    guard seeks < 10 else { break }
  }
  #expect(seeks == Int(Machine.maximumGapCount) - 1)
  #expect(verb(machine.handle(.retryDue, randomWord: 0)) == "send")
}

@Test func aGatewayThatForgetsTheKeyAtOnceIsNotAskedAgainAtOnce() {
  var machine = Route.to("enrolling")
  #expect(machine.handle(.enrolled, randomWord: 0) == .send(at(0, 5)))
  #expect(
    machine.handle(.unknownKey, randomWord: 0)
      == .block(.refused(code: 20), retryMilliseconds: 2_700_000))
}

@Test func aSpoolThatGoesBackwardsIsNotBelieved() {
  var machine = Route.to("seeking")
  #expect(verb(machine.handle(.notHeld(oldest: at(0, 3)), randomWord: 0)) == "timer")
  machine = Route.to("sending")
  #expect(verb(machine.handle(.notHeld(oldest: at(0, 5)), randomWord: 0)) == "timer")
}

@Test func aSpoolThatHoldsNothingAnyMoreIsAskedWithPauses() {
  // The last batch may have decayed: were it offered at once again, this would spin.
  for name in ["sending", "seeking"] {
    var machine = Route.to(name)
    #expect(verb(machine.handle(.notHeld(oldest: nil), randomWord: 0)) == "timer")
    #expect(machine.handle(.retryDue, randomWord: 0) == .send(at(0, 5)))
    #expect(machine.handle(.notHeld(oldest: at(0, 6)), randomWord: 0) == .send(at(0, 6)))
  }
}

@Test func retryAfterIsHonouredWithinBounds() {
  for (asked, least, most): (UInt32, UInt32, UInt32) in [
    (0, 1_000, 1_250), (20, 20_000, 25_000), (3_600, 3_600_000, 4_500_000),
    (.max, 3_600_000, 4_500_000),
  ] {
    var machine = Route.to("sending")
    #expect(
      machine.handle(.tryLater(afterSeconds: asked), randomWord: 0)
        == .startTimer(milliseconds: least))
    machine = Route.to("sending")
    #expect(
      machine.handle(.tryLater(afterSeconds: asked), randomWord: .max)
        == .startTimer(milliseconds: most))
  }
}

@Test func attemptsSaturate() {
  var machine = Route.to("sending")
  for _ in 0..<300 {
    _ = machine.handle(.failed(.unreachable), randomWord: 0)
    _ = machine.handle(.retryDue, randomWord: 0)
  }
  guard case .sending(let errand) = machine.state else {
    Issue.record("not sending")
    return
  }
  #expect(errand.attempt == .max)
}
