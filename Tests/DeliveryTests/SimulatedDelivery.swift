@testable import Delivery

/// SplitMix64: small, and the same everywhere.
struct Dice {
  var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func word() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int(word() % UInt64(bound)) }
  mutating func happens(_ percent: Int) -> Bool { below(100) < percent }
}

struct SimulatedBatch: Equatable {
  let position: BatchPosition
  let first: UInt64
  let size: UInt64
}

/// What the agent has released, of which a ring keeps the newest.
struct SimulatedSpool {
  var batches: [SimulatedBatch] = []
  var dropped = 0

  var held: ArraySlice<SimulatedBatch> { batches[dropped...] }
  func batch(at position: BatchPosition) -> SimulatedBatch? {
    held.first { $0.position == position }
  }
  func oldest(from position: BatchPosition) -> SimulatedBatch? {
    held.first { $0.position >= position }
  }

  mutating func seal(leaves: UInt64, inNewEpoch: Bool) {
    guard let last = batches.last else {
      batches.append(SimulatedBatch(position: at(0, 0), first: 0, size: leaves))
      return
    }
    let position = inNewEpoch ? at(last.position.epoch + 1, 0) : last.position.next
    let first = inNewEpoch ? 0 : last.size
    batches.append(SimulatedBatch(position: position, first: first, size: first + leaves))
  }
}

/// A gateway that accepts only what its log can be continued with, and says what it expects.
struct SimulatedGateway {
  /// Everything taken, in order: a batch, and how many of its leaves came as hashes in front of it.
  var log: [(batch: SimulatedBatch, from: UInt64)] = []
  var knowsKey = false
  var acceptedCount = 0

  var expected: (position: BatchPosition, size: UInt64)? {
    log.last.map { ($0.batch.position.next, $0.batch.size) }
  }

  /// `from` is nil for a plain batch.
  mutating func receive(_ batch: SimulatedBatch, from: UInt64?) -> Machine.Event {
    guard knowsKey else { return .unknownKey }
    if log.contains(where: { $0.batch == batch }) { return .accepted }
    let (position, size) = expected ?? (at(batch.position.epoch, 0), 0)
    if batch.position.epoch < position.epoch {
      return .closedEpoch(expected: position, size: size)
    }
    let opens = batch.position.epoch > position.epoch
    let begin = opens ? 0 : size
    let continues =
      from == nil
      ? batch.first == begin && (opens ? batch.position.batch == 0 : batch.position == position)
      : from == begin && batch.position >= position && batch.first >= begin
    guard continues else { return .gap(expected: position, size: size) }
    log.append((batch, begin))
    acceptedCount += 1
    return .accepted
  }

  /// True when every epoch's leaves were taken once, in order, without a hole.
  var isWhole: Bool {
    var last: SimulatedBatch?
    for (batch, from) in log {
      let begin = last?.position.epoch == batch.position.epoch ? last?.size ?? 0 : 0
      guard from == begin, batch.first >= from, batch.size > batch.first else { return false }
      if let last, batch.position <= last.position { return false }
      last = batch
    }
    return true
  }
}

/// The uplink's loop around the state machine, with everything that can go wrong around it.
struct SimulatedDelivery: ~Copyable {
  var dice: Dice
  var spool = SimulatedSpool()
  var gateway = SimulatedGateway()
  var machine = DeliveryStateMachine()
  var cursor = at(0, 0)
  /// What the last action makes the world answer, unless the uplink is restarted before.
  var pending: Machine.Event?
  var faults = true
  /// Requests since the last pause or receipt: a tight loop would let it grow.
  var requestsWithoutPause = 0
  var mostRequestsWithoutPause = 0
  var pauses = 0

  init(seed: UInt64) { dice = Dice(seed: seed) }

  mutating func step() {
    if faults { disturb() }
    let event: Machine.Event
    if let pending {
      event = pending
    } else if let batch = spool.oldest(from: cursor) {
      event = .batchReady(batch.position)
    } else {
      return
    }
    pending = nil
    perform(machine.handle(event, randomWord: dice.word()))
  }

  /// The world outside goes on: batches are sealed, the ring turns, programs restart, disks are lost.
  mutating func disturb() {
    if dice.happens(30) {
      spool.seal(leaves: UInt64(1 + dice.below(5)), inNewEpoch: dice.happens(3))
    }
    if dice.happens(2), spool.held.count > 3 { spool.dropped += dice.below(spool.held.count - 1) }
    if dice.happens(3) { restartUplink() }
    if dice.happens(1) { cursor = at(0, 0) }
    if dice.happens(1) { gateway.log.removeLast(dice.below(gateway.log.count + 1)) }
    if dice.happens(1) { gateway.knowsKey = false }
  }

  mutating func restartUplink() {
    machine = DeliveryStateMachine()
    pending = nil
    requestsWithoutPause = 0
  }

  mutating func perform(_ action: Machine.Action) {
    switch action {
    case .nothing: break
    case .send(let position): post(position, from: nil)
    case .sendResumed(let position, let from): post(position, from: from)
    case .sendKey:
      countRequest()
      pending = answer { gateway in
        gateway.knowsKey = true
        return .enrolled
      }
    case .seek(let position): pending = lookUp(position)
    case .handReceiptToAgent: pending = dice.happens(10) ? .agentAway : .receiptConfirmed
    case .advanceCursor(let position, _):
      cursor = position.next
      requestsWithoutPause = 0
    case .moveCursor(let position): cursor = position
    case .startTimer, .block:
      requestsWithoutPause = 0
      pauses += 1
      pending = .retryDue
    }
  }

  private mutating func lookUp(_ position: BatchPosition) -> Machine.Event {
    if faults, dice.happens(5) { return .failed(.spoolUnreadable) }
    if spool.batch(at: position) != nil { return .found }
    if let oldest = spool.oldest(from: position) { return .notHeld(oldest: oldest.position) }
    return .beyondEnd(next: spool.batches.last?.position.next ?? at(0, 0))
  }

  private mutating func post(_ position: BatchPosition, from: UInt64?) {
    guard let batch = spool.batch(at: position) else {
      pending = .notHeld(oldest: spool.oldest(from: position)?.position)
      return
    }
    countRequest()
    pending = answer { gateway in gateway.receive(batch, from: from) }
  }

  private mutating func countRequest() {
    requestsWithoutPause += 1
    mostRequestsWithoutPause = max(mostRequestsWithoutPause, requestsWithoutPause)
  }

  /// The network between: loses the request, loses the answer, or lets somebody else answer.
  private mutating func answer(_ receive: (inout SimulatedGateway) -> Machine.Event)
    -> Machine.Event
  {
    guard faults else { return receive(&gateway) }
    switch dice.below(20) {
    case 0, 1: return .failed(.unreachable)
    case 2, 3:
      _ = receive(&gateway)
      return .failed(.unreachable)
    case 4: return .failed(.notAGateway(status: 200))
    case 5: return .tryLater(afterSeconds: 5)
    case 6: return .failed(.gatewayError(status: 502))
    // Sent twice by somebody in between: the second answer is the one that arrives.
    case 7:
      _ = receive(&gateway)
      return receive(&gateway)
    default: return receive(&gateway)
    }
  }
}
