import Testing

@testable import Delivery

/// Runs without faults until there is nothing to do; that it does not end is an issue.
private func settle(_ world: inout SimulatedDelivery, _ note: String = "") {
  world.faults = false
  for _ in 0..<20_000 {
    if world.pending == nil, world.spool.oldest(from: world.cursor) == nil { return }
    world.step()
  }
  Issue.record("delivery does not come to its end: \(note)")
}

@Test(arguments: 0..<400 as Range<UInt64>)
func whateverHappensEverythingIsDeliveredOnceAndInOrder(seed: UInt64) {
  var world = SimulatedDelivery(seed: seed)
  for _ in 0..<600 {
    world.step()
    guard world.gateway.isWhole else {
      Issue.record("seed \(seed): the gateway's log has a hole, or something twice")
      return
    }
  }
  // Another batch, so that the gateway has something to say after its last loss.
  world.spool.seal(leaves: 2, inNewEpoch: false)
  settle(&world, "seed \(seed)")
  let (gateway, newest) = (world.gateway, world.spool.batches.last)
  #expect(gateway.isWhole, "seed \(seed)")
  #expect(gateway.log.last?.batch == newest, "seed \(seed)")
  // Key, batch, gap, found, resumed: with four gaps at most.
  let most = world.mostRequestsWithoutPause
  #expect(most <= 12, "seed \(seed): a tight loop")
}

@Test func withoutFaultsEveryBatchIsSentOnce() {
  var world = SimulatedDelivery(seed: 1)
  for _ in 0..<100 { world.spool.seal(leaves: 3, inNewEpoch: false) }
  settle(&world)
  let (log, accepted, pauses) = (world.gateway.log, world.gateway.acceptedCount, world.pauses)
  let batches = world.spool.batches
  #expect(log.map(\.batch) == batches)
  #expect(accepted == 100)
  #expect(pauses == 0)
}

@Test func aRestartAtAnyStepResumes() {
  for cut in 0..<60 {
    var world = SimulatedDelivery(seed: 3)
    world.faults = false
    for _ in 0..<10 { world.spool.seal(leaves: 3, inNewEpoch: false) }
    for _ in 0..<cut { world.step() }
    world.restartUplink()
    settle(&world, "cut \(cut)")
    let (log, batches) = (world.gateway.log, world.spool.batches)
    #expect(log.map(\.batch) == batches, "cut \(cut)")
  }
}

@Test func aLostCursorCostsRepeatsOnly() {
  var world = SimulatedDelivery(seed: 4)
  for _ in 0..<20 { world.spool.seal(leaves: 3, inNewEpoch: false) }
  settle(&world)
  world.cursor = at(0, 0)
  world.restartUplink()
  settle(&world)
  let (accepted, cursor) = (world.gateway.acceptedCount, world.cursor)
  #expect(accepted == 20)
  #expect(cursor == at(0, 20))
}

@Test func aGatewayThatLostItsStoreGetsWhatIsHeldWithHashesInFront() {
  var world = SimulatedDelivery(seed: 5)
  for _ in 0..<20 { world.spool.seal(leaves: 3, inNewEpoch: false) }
  settle(&world)
  world.spool.dropped = 15
  world.gateway = SimulatedGateway()
  world.spool.seal(leaves: 1, inNewEpoch: false)
  settle(&world)
  let (log, held) = (world.gateway.log, Array(world.spool.held))
  #expect(log.map(\.batch) == held)
  #expect(log.first?.from == 0)
  #expect(log.first?.batch.first == 45)
}
