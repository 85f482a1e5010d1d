import Buses
import Coverage
import FixedMemory
import LoRa
import Proofs
import Radios
import Records
import Simulation
import TestSupport
import Testing

@testable import RadioDuties

@Suite struct RadioDutyTests {
  @Test func aRadioIsIdentifiedSetToThePlansFirstChannelAndListens() throws {
    let bench = DutyBench()
    try bench.listen()
    #expect(bench.duty.identity?.kind == .rak3172)
    #expect(bench.setting?.frequencyHertz == 868_100_000)
    #expect(bench.setting?.modulation.spreadingFactor == 10)
    #expect(bench.setting?.syncWord == 0x34)
    #expect(bench.model.tuning.powerDecibelMilliwatts == 14 && bench.model.isReceiving)
    #expect(bench.actions.isEmpty)
  }

  @Test func aBeaconOfAnotherNodeBecomesAWitnessWithTheRadiosFigures() throws {
    let bench = DutyBench()
    try bench.listen()
    let frame = DutyBench.frame(7)
    bench.model.deliver(frame.array, AirFigures(rssi: -11_000, snr: -500), now: bench.now)
    bench.turn(milliseconds: 500)
    let witness = try #require(bench.witnesses.first)
    #expect(bench.actions.count == 1 && witness.frame == frame.bytes)
    #expect(witness.reception.rssiCentidecibelMilliwatts == -11_000)
    #expect(witness.reception.snrCentidecibels == -500)
    #expect(witness.reception.frequencyHertz == 868_100_000)
    #expect(witness.reception.spreadingFactor == 10 && witness.reception.bandwidthHertz == 125_000)
    #expect(witness.reception.uncertaintyMilliseconds == 20)
    #expect(witness.reception.signalCentidecibelMilliwatts == nil)
    #expect(bench.duty.lastFrame?.rssiCentidecibelMilliwatts == -11_000)
    #expect(bench.duty.heardCount == 1 && bench.duty.witnessCount == 1)
  }

  /// Its bytes have waited in the terminal.
  @Test func aLineThatWaitedForABusyAgentIsAsUncertainAsThatWasLong() throws {
    let bench = DutyBench()
    try bench.listen()
    bench.model.deliver(
      DutyBench.frame(7).array, AirFigures(rssi: -11_000, snr: -500), now: bench.now)
    bench.clock.now += 400
    if let action = bench.duty.step(at: bench.time, unlookedMilliseconds: 400) {
      bench.actions.append(action)
    }
    bench.turn(milliseconds: 500)
    #expect(bench.witnesses.map(\.reception.uncertaintyMilliseconds) == [420])
  }

  @Test func whatIsNoBeaconIsHeardAndNotWitnessed() throws {
    let bench = DutyBench()
    try bench.listen()
    var own = DutyBench.frame(7).array
    for index in 0..<4 { own[2 + index] = DutyBench.ownKeyHash[index] }
    for bytes in [own, [0x40, 1, 2, 3], [UInt8](repeating: 0xe0, count: 24)] {
      bench.model.deliver(bytes, AirFigures(rssi: -9_000, snr: 500), now: bench.now)
      bench.turn(milliseconds: 500)
    }
    #expect(bench.duty.heardCount == 3 && bench.duty.witnessCount == 0 && bench.actions.isEmpty)
  }

  @Test func copiesAreCountedAndToldOnceAMinute() throws {
    let bench = DutyBench()
    try bench.listen()
    let frame = DutyBench.frame(7)
    for _ in 0..<3 {
      bench.model.deliver(frame.array, AirFigures(rssi: -9_000, snr: 500), now: bench.now)
      bench.turn(milliseconds: 60)
    }
    bench.turn(milliseconds: 120_000)
    let told = bench.actions.filter { if case .writeFramesRefused = $0 { true } else { false } }
    #expect(told == [.writeFramesRefused(.copies, count: 2)])
  }

  @Test func aRadioThatGoesDeafIsToldAndListensAgain() throws {
    let bench = DutyBench()
    try bench.listen()
    bench.model.dropReception()
    let isTold = bench.turn(milliseconds: 120_000) { bench in
      bench.actions.contains { if case .writeDeaf = $0 { true } else { false } }
    }
    #expect(isTold)
    #expect(bench.turn(milliseconds: 60_000) { $0.model.isReceiving })
  }

  @Test func aSilentRadioIsFaultsWithinABoundAndIsBegunAnewWhenItAnswers() throws {
    let bench = DutyBench()
    bench.model.fault = .silent
    bench.turn(milliseconds: 600_000)
    #expect(bench.duty.lastFault != nil)
    let faults = bench.actions.filter { if case .writeFault = $0 { true } else { false } }
    #expect((1...60).contains(faults.count), "\(faults.count)")
    // At least the ones that gave it up are counted.
    let resets = bench.actions.filter { if case .writeReset = $0 { true } else { false } }
    #expect(resets.count <= 10)
    bench.model.fault = .none
    #expect(bench.turn(milliseconds: 300_000) { $0.state == .listening })
  }

  @Test func aLineThatIsGoneIsToldAndAnotherOneTaken() throws {
    let bench = DutyBench(isAttached: false)
    bench.attach { count throws(BusError) in if count > 3 { throw .disconnected } }
    let isGone = bench.turn(milliseconds: 60_000) { $0.actions.contains(.lineGone) }
    #expect(isGone)
    bench.duty.detach(at: bench.time)
    #expect(bench.state == .unknown && bench.setting == nil)
    bench.turn(milliseconds: 60_000)
    bench.attach()
    try bench.listen()
  }

  @Test func aRadioThatDoesNotReachTheRegionsChannelsIsAFaultAndSetToNothing() throws {
    let bench = DutyBench(RN2483Model(), region: .us915)
    bench.turn(milliseconds: 120_000)
    #expect(bench.duty.lastFault == .wrongRadio && bench.state == .ready)
    #expect(
      bench.actions.contains { if case .writeFault(.wrongRadio, _) = $0 { true } else { false } })
    #expect(bench.model.commands.allSatisfy { !$0.hasPrefix("radio rx 0") })
  }
}

@Suite struct WindowTests {
  /// Listens through the window and gives its leaf.
  private func listened(_ bench: DutyBench, _ number: UInt32) throws -> ListenRecord {
    let order = try bench.order(number)
    bench.duty.take(order, at: bench.time)
    let isWritten = bench.turn(milliseconds: 700_000) { $0.listens.count == 1 }
    try #require(isWritten)
    return try #require(bench.listens.first)
  }

  @Test func aRadioFollowsTheRendezvousSlotBySlot() throws {
    let bench = DutyBench()
    try bench.listen()
    let order = try bench.order(7)
    bench.duty.take(order, at: bench.time)
    let rendezvous = try #require(
      Rendezvous(nonce: order.nonce, plan: RegionPlan(.eu868), policy: order.policy))
    // When a frame of each slot is on the air, the model is set to where it is sent.
    for slot in 0..<100 {
      let middle = order.window.transmissionUTCMilliseconds(slot) - (bench.utcOffset ?? 0) + 30
      bench.turn(milliseconds: middle - bench.now)
      let place = rendezvous.place(slot: slot)
      #expect(bench.model.tuning.frequencyHertz == place.frequencyHertz, "slot \(slot)")
      #expect(bench.model.tuning.spreadingFactor == Int(place.spreadingFactor), "slot \(slot)")
      #expect(bench.model.isReceiving, "slot \(slot)")
    }
    bench.turn(milliseconds: 200_000)
    let record = try #require(bench.listens.first)
    #expect(record.number == 7 && record.mode == .rendezvous && record.frequencyHertz == nil)
    #expect((0..<100).allSatisfy { record.slots.contains($0) })
    #expect(bench.listens.count == 1)
    // Then it is at rest again.
    #expect(bench.setting?.frequencyHertz == 868_100_000)
  }

  @Test func aRadioThatRestartsForEachChannelStaysOnOneAndSaysSo() throws {
    let bench = DutyBench(LA66Model())
    try bench.listen()
    let record = try listened(bench, 7)
    #expect(record.mode == .fixed && record.frequencyHertz == 868_100_000)
    #expect(record.spreadingFactor == 10)
    #expect((0..<100).allSatisfy { record.slots.contains($0) })
  }

  @Test func withoutAGoodClockNoSlotIsSaidToBeListenedTo() throws {
    let bench = DutyBench()
    bench.uncertainty = 301
    try bench.listen()
    bench.duty.take(try bench.order(7), at: bench.time)
    bench.turn(milliseconds: 700_000)
    #expect(bench.listens.isEmpty && bench.setting?.frequencyHertz == 868_100_000)
    bench.utcOffset = nil
    bench.duty.take(try bench.order(8), at: bench.time)
    bench.turn(milliseconds: 700_000)
    #expect(bench.listens.isEmpty)
  }

  @Test func whileTheRadioIsGoneItsSlotsAreNotListenedTo() throws {
    let bench = DutyBench()
    try bench.listen()
    let order = try bench.order(7)
    bench.duty.take(order, at: bench.time)
    let start = order.window.startUTCMilliseconds - (bench.utcOffset ?? 0)
    bench.turn(milliseconds: start + 100_500 - bench.now)
    bench.duty.detach(at: bench.time)
    bench.turn(milliseconds: 20_000)
    bench.attach()
    bench.turn(milliseconds: 400_000)
    let record = try #require(bench.listens.first)
    // The minute before is in doubt: slots of it are not claimed.
    #expect((0..<19).allSatisfy { record.slots.contains($0) })
    #expect((20...60).allSatisfy { !record.slots.contains($0) })
    #expect((70..<100).allSatisfy { record.slots.contains($0) })
  }

  @Test func aDeafRadiosSlotsAreTakenBack() throws {
    let bench = DutyBench(LA66Model())
    try bench.listen()
    let order = try bench.order(7)
    bench.duty.take(order, at: bench.time)
    let start = order.window.startUTCMilliseconds - (bench.utcOffset ?? 0)
    bench.turn(milliseconds: start + 60_500 - bench.now)
    bench.model.dropReception()
    let deafAt = bench.now
    bench.turn(milliseconds: 400_000)
    var since: Int64?
    for action in bench.actions { if case .writeDeaf(let time) = action { since = time } }
    let told = try #require(since)
    #expect(told <= deafAt)
    let record = try #require(bench.listens.first)
    let first = Int((told - start) / 2_000)
    #expect((max(0, first)...30).allSatisfy { !record.slots.contains($0) })
    #expect(record.slots.contains(95))
  }

  @Test func anOlderChallengeChangesNothingAndTheNextWaitsForItsWindow() throws {
    let bench = DutyBench()
    try bench.listen()
    let (first, second) = (try bench.order(7), try bench.order(8))
    bench.duty.take(first, at: bench.time)
    bench.duty.take(try bench.order(6), at: bench.time)
    #expect(bench.duty.sequence.number == 7 && bench.duty.next == nil)
    bench.duty.take(second, at: bench.time)
    #expect(bench.duty.current?.order.number == 7 && bench.duty.next?.order.number == 8)
    bench.turn(milliseconds: 100)
    let record = bench.duty.finish(at: bench.time)
    #expect(record == nil && bench.duty.current == nil && bench.duty.next == nil)
  }

  @Test func anotherGatewaysChallengeIsFollowedWhateverItsNumber() throws {
    let bench = DutyBench()
    try bench.listen()
    let first = try bench.order(9_000)
    bench.duty.take(first, at: bench.time)
    let start = first.window.startUTCMilliseconds - (bench.utcOffset ?? 0)
    bench.turn(milliseconds: start + 1_000 - bench.now)
    bench.duty.take(try bench.order(100), at: bench.time)
    bench.duty.take(first, at: bench.time)
    bench.turn(milliseconds: 650_000)
    #expect(bench.listens.map(\.number) == [9_000, 100])
  }

  @Test func whatWasCountedInTheLastSecondsIsToldAtTheEnd() throws {
    let bench = DutyBench()
    try bench.listen()
    let order = try bench.order(7)
    bench.duty.take(order, at: bench.time)
    let start = order.window.startUTCMilliseconds - (bench.utcOffset ?? 0)
    bench.turn(milliseconds: start + 20_500 - bench.now)
    bench.duty.faults.count(.noAnswer)
    bench.duty.faults.count(.radioBusy)
    bench.turn(milliseconds: 100)
    #expect(bench.actions.filter(isFault).count == 1)
    bench.duty.faults.count(.noAnswer)
    bench.duty.resetCount = 1
    bench.turn(milliseconds: 100)
    // A minute has to pass before the next ones are told.
    bench.duty.resetReason = .deaf
    bench.duty.resetCount = 2
    bench.duty.hearing.lost(3)
    let before = bench.actions
    bench.turn(milliseconds: 100)
    #expect(bench.actions == before)
    var told: [RadioDutyAction] = []
    while let action = bench.duty.finish(at: bench.time) { told.append(action) }
    #expect(told.contains(.writeReset(.deaf, count: 2)))
    #expect(told.contains(.writeFramesRefused(.lostOnTheWay, count: 3)))
    #expect(told.contains { if case .writeListen = $0 { true } else { false } })
    let all = before + told
    func count(_ code: FaultCode) -> UInt64 {
      all.reduce(0) { if case .writeFault(code, let count) = $1 { $0 + count } else { $0 } }
    }
    #expect(count(.noAnswer) == 2 && count(.radioBusy) == 1)
    bench.turn(milliseconds: 120_000)
    #expect(bench.actions.filter(isFault).count == 1)
  }

  private func isFault(_ action: RadioDutyAction) -> Bool {
    if case .writeFault = action { true } else { false }
  }
}
