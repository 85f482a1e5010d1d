import Buses
import Coverage
import FixedMemory
import LoRa
import Radios
import Records
import Simulation
import Testing

@testable import RadioDuties

/// A transmission is set in time, told to the module once, and ends in one outcome.
@Suite struct SendingTests {
  private func transmission(
    _ bench: DutyBench, in milliseconds: Int64 = 1_000, power: Int32 = 800,
    frequency: UInt32 = 868_300_000, factor: UInt8 = 8
  ) -> RadioTransmission {
    RadioTransmission(
      bytes: DutyBench.frame(9).bytes, number: 9, startMilliseconds: bench.now + milliseconds,
      latestMilliseconds: bench.now + milliseconds + 200, frequencyHertz: frequency,
      spreadingFactor: factor, powerCentidecibelMilliwatts: power)
  }

  private func outcomes(_ bench: DutyBench) -> [TransmissionOutcome] {
    bench.actions.compactMap {
      if case .transmissionEnded(9, let outcome) = $0 { outcome } else { nil }
    }
  }

  private func listeningBench(_ model: SerialModuleModel = RAK3172Model()) throws -> DutyBench {
    let bench = DutyBench(model)
    try bench.listen()
    return bench
  }

  @Test(arguments: 0..<4) func everyModuleSendsInItsMomentAndListensAgain(_ kind: Int) throws {
    let models: [SerialModuleModel] = [
      RAK3172Model(), RN2483Model(), LoRaE5Model(), LA66Model(),
    ]
    let bench = try listeningBench(models[kind])
    let order = transmission(bench, in: bench.duty.leadMilliseconds)
    #expect(bench.duty.send(order) == nil)
    #expect(bench.turn(milliseconds: 30_000) { !self.outcomes($0).isEmpty })
    guard case .sent(let start, let power, true) = outcomes(bench).first else {
      Issue.record("\(outcomes(bench))")
      return
    }
    #expect((order.startMilliseconds...order.latestMilliseconds).contains(start))
    #expect(power == 800)
    let frame = try #require(bench.model.transmitted.first)
    #expect(frame.bytes == DutyBench.frame(9).array && bench.model.transmitted.count == 1)
    // LoRa-E5 reckons in floating point.
    #expect((868_299_900...868_300_100).contains(frame.tuning.frequencyHertz))
    #expect(frame.tuning.spreadingFactor == 8)
    #expect(frame.tuning.powerDecibelMilliwatts == 8 && frame.tuning.syncWord == 0x34)
    #expect(bench.turn(milliseconds: 30_000) { $0.state == .listening })
    #expect(outcomes(bench).count == 1)
  }

  @Test func aModuleThatRefusesHasNotSent() throws {
    let bench = try listeningBench()
    #expect(bench.duty.send(transmission(bench)) == nil)
    #expect(bench.turn(milliseconds: 990) == false)
    bench.model.fault = .refusing
    #expect(bench.turn(milliseconds: 10_000) { !self.outcomes($0).isEmpty })
    #expect(outcomes(bench) == [.refused(.radioFailed)])
    #expect(bench.model.transmitted.isEmpty)
  }

  @Test func aModuleThatIsBusyIsNotToldAgainLater() throws {
    let bench = try listeningBench()
    #expect(bench.duty.send(transmission(bench)) == nil)
    #expect(bench.turn(milliseconds: 990) == false)
    bench.model.fault = .busy
    #expect(bench.turn(milliseconds: 10_000) { !self.outcomes($0).isEmpty })
    #expect(outcomes(bench) == [.refused(.radioBusy)])
    #expect(bench.model.commands.filter { $0.hasPrefix("AT+PSEND") }.count == 1)
  }

  @Test func aModuleThatIsSilentWhenItIsSetHasNotSent() throws {
    let bench = try listeningBench()
    bench.model.fault = .silent
    #expect(bench.duty.send(transmission(bench)) == nil)
    #expect(bench.turn(milliseconds: 10_000) { !self.outcomes($0).isEmpty })
    #expect(outcomes(bench) == [.refused(.radioGone)])
    #expect(!bench.model.commands.contains { $0.hasPrefix("AT+PSEND") })
  }

  /// It was told as a whole: it may be on the air.
  @Test func aModuleThatSaysNothingAfterTheCommandMayHaveSent() throws {
    let bench = try listeningBench()
    #expect(bench.duty.send(transmission(bench)) == nil)
    #expect(bench.turn(milliseconds: 990) == false)
    bench.model.fault = .silent
    #expect(bench.turn(milliseconds: 10_000) { !self.outcomes($0).isEmpty })
    guard case .sent(_, 800, false) = outcomes(bench).first else {
      Issue.record("\(outcomes(bench))")
      return
    }
    #expect(bench.model.commands.filter { $0.hasPrefix("AT+PSEND") }.count == 1)
  }

  @Test func aLineThatGoesEndsTheTransmission() throws {
    let bench = try listeningBench()
    #expect(bench.duty.send(transmission(bench)) == nil)
    #expect(bench.turn(milliseconds: 500) == false)
    bench.duty.detach(at: bench.time)
    #expect(bench.turn(milliseconds: 2_000) { !self.outcomes($0).isEmpty })
    #expect(outcomes(bench) == [.refused(.radioGone)])
  }

  @Test func whatTheRadioCannotDoIsNotTaken() throws {
    let bench = try listeningBench()
    #expect(bench.duty.send(transmission(bench, power: 300)) == .notAllowed)
    #expect(bench.duty.send(transmission(bench, frequency: 2_400_000_000)) == .notAllowed)
    #expect(bench.duty.send(transmission(bench)) == nil)
    #expect(bench.duty.send(transmission(bench)) == .radioBusy)
    let absent = DutyBench(isAttached: false)
    #expect(absent.duty.send(transmission(absent)) == .radioGone)
  }

  /// The radio leaves the slot that it listens to for its own: that one is not said to be listened to.
  @Test func aSlotThatTheRadioLeftToSendIsNotListenedTo() throws {
    let bench = try listeningBench()
    let order = try bench.order(1)
    bench.duty.take(order, at: bench.time)
    let slot = 5
    let start = order.window.transmissionUTCMilliseconds(slot) - (bench.utcOffset ?? 0)
    let rendezvous = try #require(
      Rendezvous(nonce: order.nonce, plan: bench.duty.plan, policy: order.policy))
    let other = rendezvous.place(slot: slot).frequencyHertz == 868_100_000
    _ = bench.turn(milliseconds: start - 1_000 - bench.now)
    #expect(
      bench.duty.send(
        RadioTransmission(
          bytes: DutyBench.frame(9).bytes, number: 9, startMilliseconds: start,
          latestMilliseconds: start + 300, frequencyHertz: other ? 868_500_000 : 868_100_000,
          spreadingFactor: 7, powerCentidecibelMilliwatts: 800)) == nil)
    #expect(bench.turn(milliseconds: 400_000) { !$0.listens.isEmpty })
    let slots = try #require(bench.listens.first).slots
    #expect(!slots.contains(slot) && slots.contains(slot - 2) && slots.contains(slot + 2))
  }

  @Test func lorawanFramesBecomeLeavesAtMostSixtyInAMinute() throws {
    let bench = try listeningBench()
    for index in 0..<80 {
      bench.model.deliver(
        [0x40, 1, 2, 3, 4, 0, UInt8(index), 0, 9, 9, 9, 9, 9], AirFigures(rssi: -9_000, snr: 500),
        now: bench.now)
      _ = bench.turn(milliseconds: 200)
    }
    // A proprietary frame, and one too short, are none.
    for bytes: [UInt8] in [[0xe0, 7] + [UInt8](repeating: 1, count: 30), [0x40, 1, 2, 3]] {
      bench.model.deliver(bytes, AirFigures(rssi: -9_000, snr: 500), now: bench.now)
      _ = bench.turn(milliseconds: 200)
    }
    let frames = bench.actions.compactMap { action -> ForwardedFrame? in
      if case .writeFrame(let frame) = action { frame } else { nil }
    }
    #expect(frames.count == 60 && frames.allSatisfy { $0.byteCount == 13 })
    #expect(
      bench.turn(milliseconds: 70_000) {
        $0.actions.contains(.writeFramesRefused(.rateLimited, count: 20))
      })
  }
}
