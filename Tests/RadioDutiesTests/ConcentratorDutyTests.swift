import Coverage
import FixedMemory
import LoRa
import Proofs
import Radios
import Records
import Testing

@testable import GWMP
@testable import RadioDuties

@Suite struct ConcentratorHearingTests {
  @Test func aBeaconIsAWitnessLeafWithTheConcentratorsFigures() throws {
    let bench = ConcentratorBench.listening()
    let frame = DutyBench.frame(9)
    bench.hear(frame.array, ago: 12) { $0.frequencyErrorHertz = -730 }
    let witness = try #require(bench.witnesses.first)
    #expect(witness.frame == frame.bytes && bench.witnesses.count == 1)
    let reception = witness.reception
    #expect(reception.endMilliseconds == bench.now - 12)
    #expect(reception.uncertaintyMilliseconds == 150)
    #expect(reception.frequencyHertz == 868_100_000 && reception.spreadingFactor == 7)
    #expect(reception.rssiCentidecibelMilliwatts == -10_150)
    #expect(reception.signalCentidecibelMilliwatts == -10_400)
    #expect(reception.snrCentidecibels == -225 && reception.frequencyErrorHertz == -730)
    // The packet forwarder's own offset is in it, and what that is it does not tell.
    #expect(reception.correctionNumber == 2 && reception.correctionCentidecibels == 0)
    // Two concentrators that hear it are one witness.
    bench.hear(frame.array)
    try bench.turn(130_000)
    #expect(bench.witnesses.count == 1 && bench.refused(.copies) == 1)
    #expect(bench.duty.witnessCount == 1 && bench.duty.heardCount == 2)
  }

  @Test func aLoRaWANFrameIsALeafWithItsHashAndNotItsBytes() throws {
    let bench = ConcentratorBench.listening()
    let bytes = ConcentratorBench.uplink(1)
    bench.hear(bytes)
    let frame = try #require(bench.frames.first)
    #expect(frame.hash == SHA256.hash(bytes.span) && frame.byteCount == bytes.count)
    #expect(frame.reception.rssiCentidecibelMilliwatts == -10_150)
  }

  @Test func whatIsNeitherOfBothIsCountedAsHeardAndNoLeaf() {
    let bench = ConcentratorBench.listening()
    // Proprietary, too short, another major version.
    var other = ConcentratorBench.uplink(1)
    other[0] = 0x41
    for bytes in [[0xe0, 9, 9], [0x40, 1, 2], other] { bench.hear(bytes) }
    // A wrong checksum; no power, which a leaf must have.
    bench.hear(ConcentratorBench.uplink(2)) { $0.checksum = 2 }
    bench.hear(ConcentratorBench.uplink(3)) { $0.packetRSSICentidecibelMilliwatts = nil }
    #expect(bench.actions.isEmpty && bench.duty.heardCount == 5)
    #expect(bench.duty.heardFrames.count == 5)
  }

  @Test(arguments: [0, 1, 7]) func noMoreFramesAMinuteThanTheSiteSays(limit: Int) throws {
    let bench = ConcentratorBench.listening(frameLimit: limit)
    for counter in 0..<20 {
      bench.hear(ConcentratorBench.uplink(counter))
      bench.now += 10
    }
    #expect(bench.frames.count == limit)
    try bench.turn(120_000)
    // What did not become a leaf is told, and nothing is counted twice.
    #expect(bench.refused(.rateLimited) == UInt64(20 - limit))
    bench.hear(ConcentratorBench.uplink(99))
    #expect(bench.frames.count == (limit == 0 ? 0 : limit + 1))
    while let action = bench.duty.finish(at: bench.time) { bench.actions.append(action) }
    #expect(bench.refused(.rateLimited) == UInt64(limit == 0 ? 21 : 20 - limit))
  }

  @Test func framesThatTheForwarderCouldNotHandOverAreTold() throws {
    let bench = ConcentratorBench.listening()
    bench.lost(5)
    bench.lost(12)
    while let action = bench.duty.finish(at: bench.time) { bench.actions.append(action) }
    #expect(bench.refused(.lostOnTheWay) == 12)
    // A new connection counts from its own beginning; a count that falls is none of a forwarder.
    bench.duty.disconnected(.disconnected, at: bench.time)
    bench.duty.connected(at: bench.time)
    #expect(bench.lost(3))
    #expect(!bench.lost(2))
  }

  @Test func whatNoForwarderSaysEndsTheConnection() throws {
    let bench = ConcentratorBench.listening()
    let packet = ForwarderMessage.encode(
      ForwarderMessage.Gateway(identifier: 1, version: 2, isPresent: true))
    var good: [UInt8] = []
    for index in 0..<packet.byteCount { good.append(packet.bytes[index]) }
    for index in good.indices {
      for bit in 0..<8 as Range<UInt8> {
        var bytes = good
        bytes[index] ^= 1 << bit
        // Whatever it is, it traps nothing; what begins wrongly is refused.
        let action = bench.duty.take(bytes.span, at: bench.time)
        if index < 3 { #expect(action == .lineGone, "\(index) \(bit)") }
      }
      let cut = Array(good[..<index])
      let action = bench.duty.take(cut.span, at: bench.time)
      #expect(action == .lineGone)
    }
    // Times that this board's clock can't have given.
    #expect(!bench.hear(ConcentratorBench.uplink(1), ago: bench.now + 1))
    #expect(!bench.hear(ConcentratorBench.uplink(1), ago: -5_000))
    #expect(bench.frames.isEmpty)
  }

  @Test func eachWayOfNotHearingHasItsReason() throws {
    let bench = ConcentratorBench()
    bench.duty.disconnected(.disconnected, at: bench.time)
    bench.duty.disconnected(.disconnected, at: bench.time)
    try bench.turn(30_000)
    // Once, however often it is tried.
    #expect(bench.faults == [.disconnected] && bench.duty.state == .unknown)
    bench.duty.connected(at: bench.time)
    try bench.turn(59_000)
    #expect(bench.faults.count == 1 && bench.duty.state == .starting)
    try bench.turn(2_000)
    #expect(bench.faults == [.disconnected, .noAnswer])
    bench.gateway()
    #expect(bench.duty.state == .listening)
    bench.gateway(false)
    try bench.turn(20_000)
    #expect(bench.faults == [.disconnected, .noAnswer, .noAnswer])
    #expect(bench.duty.state == .starting && bench.duty.lastFault == .noAnswer)
    bench.duty.disconnected(.unintelligible, at: bench.time)
    try bench.turn(20_000)
    #expect(bench.faults.last == .unintelligible && bench.faults.count == 4)
  }
}

@Suite struct ConcentratorListeningTests {
  /// Slots of the policy's 100.
  private func slots(_ record: ListenRecord) -> [Int] {
    (0..<100).filter { record.slots.contains($0) }
  }

  @Test func aConcentratorThatIsThereHearsEverySlotOfAPlanOfFewChannels() throws {
    let bench = ConcentratorBench.listening()
    bench.duty.take(try bench.order(3), at: bench.time)
    try bench.turn(700_000) { !$0.listens.isEmpty }
    let listen = try #require(bench.listens.first)
    #expect(listen.mode == .everything && listen.number == 3 && slots(listen) == Array(0..<100))
  }

  @Test func ofAPlanOfManyItHearsTheSlotsOfItsEightChannels() throws {
    let bench = ConcentratorBench.listening(.us915, firstChannel: 8)
    var policy = DutyBench.policy
    policy.spreadingFactors = 1 << 7
    let order = try bench.order(3, policy)
    bench.duty.take(order, at: bench.time)
    let madeRendezvous = Rendezvous(nonce: order.nonce, plan: RegionPlan(.us915), policy: policy)
    let rendezvous = try #require(madeRendezvous)
    try bench.turn(700_000) { !$0.listens.isEmpty }
    let listen = try #require(bench.listens.first)
    #expect(listen.mode == .rendezvous)
    let expected = (0..<100).filter { (8..<16).contains(rendezvous.place(slot: $0).channel) }
    #expect(slots(listen) == expected && !expected.isEmpty && expected.count < 100)
  }

  @Test func whatWasMissedBeforeAndBehindABreakIsNotSaid() throws {
    let bench = ConcentratorBench()
    let order = try bench.order(3)
    bench.duty.take(order, at: bench.time)
    let offset = try #require(bench.utcOffset)
    let start = order.window.startUTCMilliseconds - offset
    // It comes in the midst of slot 10, and goes in the midst of slot 60, when a frame has just come.
    try bench.turn(start + 21_000 - bench.now)
    bench.duty.connected(at: bench.time)
    bench.gateway()
    try bench.turn(start + 121_000 - bench.now)
    bench.hear(ConcentratorBench.uplink(1))
    bench.duty.disconnected(.disconnected, at: bench.time)
    try bench.turn(700_000) { !$0.listens.isEmpty }
    #expect(slots(try #require(bench.listens.first)) == Array(11..<60))
  }

  @Test func aMinuteBeforeItsSilenceIsToldIsNotSaidToBeHeard() throws {
    let bench = ConcentratorBench.listening()
    let order = try bench.order(3)
    bench.duty.take(order, at: bench.time)
    let offset = try #require(bench.utcOffset)
    let start = order.window.startUTCMilliseconds - offset
    try bench.turn(start + 160_000 - bench.now)
    bench.gateway(false)
    try bench.turn(700_000) { !$0.listens.isEmpty }
    // 98 s of 2 s each: the word of it is up to two turns late.
    #expect(slots(try #require(bench.listens.first)) == Array(0..<49))
  }

  @Test func whatGotLostOnTheWayIsNotSaidToBeHeard() throws {
    let bench = ConcentratorBench.listening()
    let order = try bench.order(3)
    bench.duty.take(order, at: bench.time)
    let offset = try #require(bench.utcOffset)
    let start = order.window.startUTCMilliseconds - offset
    try bench.turn(start + 21_000 - bench.now)
    bench.hear(ConcentratorBench.uplink(1))
    // It stalls in the midst of slot 10, and reads in the midst of slot 20.
    try bench.turn(20_000)
    bench.lost(3)
    // The same count once more is nothing new.
    try bench.turn(20_000)
    bench.lost(3)
    try bench.turn(700_000) { !$0.listens.isEmpty }
    let listen = try #require(bench.listens.first)
    #expect((0..<100).filter { !listen.slots.contains($0) } == Array(10...20))
  }

  /// Of a window whose challenge comes when it has begun, what got lost before is not said either.
  @Test func whatGotLostBeforeAWindowWasKnownIsNotSaid() throws {
    let bench = ConcentratorBench.listening()
    let order = try bench.order(3)
    let offset = try #require(bench.utcOffset)
    let start = order.window.startUTCMilliseconds - offset
    try bench.turn(start + 21_000 - bench.now)
    bench.lost(1)
    bench.duty.take(order, at: bench.time)
    try bench.turn(700_000) { !$0.listens.isEmpty }
    #expect(slots(try #require(bench.listens.first)) == Array(11..<100))
  }

  @Test func aFrameBehindTheWindowEndsItsLeafAtOnce() throws {
    let bench = ConcentratorBench.listening()
    let order = try bench.order(3)
    bench.duty.take(order, at: bench.time)
    let offset = try #require(bench.utcOffset)
    let end = order.window.endUTCMilliseconds - offset
    try bench.turn(end + 10 - bench.now)
    #expect(bench.listens.isEmpty)
    bench.hear(ConcentratorBench.uplink(1))
    try bench.turn(1)
    #expect(bench.listens.count == 1)
  }

  @Test func slotsInWhichItSendsForTheServerAreNotSaid() throws {
    let bench = ConcentratorBench.listening()
    let order = try bench.order(3)
    bench.duty.take(order, at: bench.time)
    let offset = try #require(bench.utcOffset)
    let start = order.window.startUTCMilliseconds - offset
    try bench.turn(start + 9_000 - bench.now)
    let from = ConcentratorBench.start + start + 11_900
    #expect(bench.sending(from: from, lasting: 2_200))
    try bench.turn(700_000) { !$0.listens.isEmpty }
    let listen = try #require(bench.listens.first)
    #expect((0..<100).filter { !listen.slots.contains($0) } == [5, 6, 7])
    // Longer than any frame, or of another time.
    for (begins, lasts) in [(0, 60_001), (61_000, 1), (-61_000, 1)] as [(Int64, Int64)] {
      let from = ConcentratorBench.start + bench.now + begins
      #expect(!bench.sending(from: from, lasting: lasts))
    }
  }

  @Test func withoutAClockNothingIsSaid() throws {
    let bench = ConcentratorBench.listening()
    bench.duty.take(try bench.order(3), at: bench.time)
    bench.utcOffset = nil
    try bench.turn(1_300_000)
    #expect(bench.listens.isEmpty)
    #expect(bench.duty.finish(at: bench.time) == nil)
  }

  @Test func faultsThatWaitForTheirTimeAreToldAtTheEnd() throws {
    let bench = ConcentratorBench()
    bench.duty.disconnected(.disconnected, at: bench.time)
    try bench.turn(100)
    bench.duty.disconnected(.lineInUse, at: bench.time)
    bench.duty.disconnected(.unintelligible, at: bench.time)
    try bench.turn(100)
    #expect(bench.faults == [.disconnected])
    while let action = bench.duty.finish(at: bench.time) { bench.actions.append(action) }
    #expect(Set(bench.faults) == [.disconnected, .lineInUse, .unintelligible])
    #expect(bench.faults.count == 3)
  }

  @Test func anotherGatewaysChallengeIsFollowedWhateverItsNumber() throws {
    let bench = ConcentratorBench.listening()
    for number in [9_000, 100, 101, 9_001] as [UInt32] {
      let order = try bench.order(number)
      bench.duty.take(order, at: bench.time)
      bench.duty.take(order, at: bench.time)
      try bench.turn(300_000)
    }
    try bench.turn(700_000)
    #expect(bench.listens.map(\.number) == [9_000, 100, 101, 9_001])
  }

  @Test func windowsThatFollowEachOtherHaveALeafEach() throws {
    let bench = ConcentratorBench.listening()
    for number in 1...4 as ClosedRange<UInt32> {
      bench.duty.take(try bench.order(number), at: bench.time)
      try bench.turn(300_000)
    }
    try bench.turn(700_000)
    #expect(bench.listens.map(\.number) == [1, 2, 3, 4])
    #expect(bench.listens.allSatisfy { slots($0).count == 100 })
  }
}

@Suite struct ConcentratorSendingTests {
  private func order(
    _ bench: ConcentratorBench, in milliseconds: Int64 = 1_000, power: Int32 = 800
  ) -> RadioTransmission {
    RadioTransmission(
      bytes: DutyBench.frame(9).bytes, number: 9, startMilliseconds: bench.now + milliseconds,
      latestMilliseconds: bench.now + milliseconds + 200, frequencyHertz: 868_300_000,
      spreadingFactor: 8, powerCentidecibelMilliwatts: power)
  }

  private func asked(_ bench: ConcentratorBench) throws -> RadioTransmission {
    let order = order(bench)
    #expect(bench.duty.send(order) == nil)
    _ = try bench.turn(2_000) { !$0.requests.isEmpty }
    return order
  }

  @Test func aBeaconIsAskedForInItsMomentAndOnce() throws {
    let bench = ConcentratorBench.listening()
    let order = try asked(bench)
    // The packet forwarder's queue takes 45 ms.
    #expect(bench.now == order.startMilliseconds - 45 && bench.duty.state == .transmitting)
    let request = try #require(bench.requests.first)
    #expect(request.gateway == ConcentratorBench.gateway)
    #expect(request.packet.frequencyHertz == 868_300_000 && request.packet.spreadingFactor == 8)
    #expect(request.packet.powerDecibelMilliwatts == 8 && request.packet.bandwidthHertz == 125_000)
    #expect(request.packet.preambleSymbolCount == 8 && request.packet.hasChecksum)
    #expect(!request.packet.isInverted && request.packet.codingRateDenominator == 5)
    #expect((0..<24).map { request.packet.bytes[$0] } == DutyBench.frame(9).array)
    try bench.answer(.sent)
    try bench.turn(20_000)
    #expect(
      bench.outcomes == [
        .sent(
          startMilliseconds: order.startMilliseconds, powerCentidecibelMilliwatts: 800,
          isConfirmed: true)
      ])
    #expect(bench.requests.count == 1 && bench.duty.state == .listening)
  }

  @Test(arguments: [
    (TransmitOutcome.tooLate, BeaconReason.tooLate), (.tooEarly, .tooLate),
    (.collisionWithPacket, .radioBusy), (.collisionWithBeacon, .radioBusy), (.busy, .radioBusy),
    (.frequencyRefused, .notAllowed), (.powerRefused, .notAllowed), (.invalid, .notAllowed),
    (.gpsUnlocked, .radioFailed), (.refused, .radioFailed), (.gatewayAbsent, .radioGone),
  ])
  func aRefusalIsAReason(outcome: TransmitOutcome, reason: BeaconReason) throws {
    let bench = ConcentratorBench.listening()
    _ = try asked(bench)
    try bench.answer(outcome)
    try bench.turn(10)
    #expect(bench.outcomes == [.refused(reason)])
  }

  @Test func whatMayHaveBeenSentIsSentAndNotConfirmed() throws {
    for turn in 0..<4 {
      let bench = ConcentratorBench.listening()
      let order = try asked(bench)
      switch turn {
      case 0: try bench.answer(.unanswered)
      case 1: try bench.answer(.unknown)
      case 2: bench.duty.disconnected(.disconnected, at: bench.time)
      default: try bench.turn(5_900)
      }
      if turn == 3 { #expect(bench.outcomes.isEmpty) }
      try bench.turn(200)
      #expect(
        bench.outcomes == [
          .sent(
            startMilliseconds: order.startMilliseconds, powerCentidecibelMilliwatts: 800,
            isConfirmed: false)
        ], "\(turn)")
    }
  }

  /// One that no concentrator has, and none at all, is another than the asked one, and not known.
  @Test(arguments: [
    (Int32?(7), Int32?(700)), (0, 0), (36, 3_600), (37, nil), (101, nil), (nil, nil),
  ])
  func anotherPowerThanTheAskedOneIsTold(told: Int32?, power: Int32?) throws {
    let bench = ConcentratorBench.listening()
    let order = try asked(bench)
    try bench.answer(.sentWithOtherPower, power: told)
    try bench.turn(10)
    #expect(
      bench.outcomes == [
        .sent(
          startMilliseconds: order.startMilliseconds, powerCentidecibelMilliwatts: power,
          isConfirmed: true)
      ])
  }

  @Test func whatCanNotBeSentIsRefusedBeforeItIsTried() throws {
    let bench = ConcentratorBench()
    #expect(bench.duty.send(order(bench)) == .radioGone)
    bench.duty.connected(at: bench.time)
    #expect(bench.duty.send(order(bench)) == .radioGone)
    bench.gateway()
    // No concentrator has half decibels, or less than 0 dBm.
    #expect(bench.duty.send(order(bench, power: 850)) == .notAllowed)
    #expect(bench.duty.send(order(bench, power: -100)) == .notAllowed)
    #expect(bench.duty.send(order(bench)) == nil)
    #expect(bench.duty.send(order(bench)) == .radioBusy)
    bench.gateway(false)
    try bench.turn(10)
    #expect(bench.outcomes == [.refused(.radioGone)] && bench.requests.isEmpty)
  }

  @Test func anAgentThatWakesTooLateDoesNotSend() throws {
    let bench = ConcentratorBench.listening()
    #expect(bench.duty.send(order(bench)) == nil)
    bench.now += 1_201
    try bench.turn(0)
    #expect(bench.outcomes == [.refused(.tooLate)] && bench.requests.isEmpty)
  }

  @Test func theSlotInWhichItSendsIsNotListenedTo() throws {
    let bench = ConcentratorBench.listening()
    let order = try bench.order(3)
    bench.duty.take(order, at: bench.time)
    let offset = try #require(bench.utcOffset)
    let start = order.window.startUTCMilliseconds - offset
    try bench.turn(start + 10_300 - bench.now - 1_000)
    #expect(bench.duty.send(self.order(bench)) == nil)
    try bench.turn(2_000) { !$0.requests.isEmpty }
    try bench.answer(.sent)
    try bench.turn(700_000) { !$0.listens.isEmpty }
    let listen = try #require(bench.listens.first)
    #expect((0..<100).filter { !listen.slots.contains($0) } == [5])
  }
}
