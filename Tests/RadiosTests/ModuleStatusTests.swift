import Buses
import Simulation
import Testing

@testable import Radios

/// What the question for the status finds, round after round, and what follows.
@Suite struct ModuleStatusTests {
  /// Asks by itself whether it is in reception; LoRa-E5 is put into it anew instead.
  private static let asking = Module.allCases.filter { $0 != .loraE5 }
  /// More rounds than it takes to be given up: four rows of three failures.
  private static let rounds = 12

  @Test(arguments: asking)
  func aModuleThatIsDeafAtEachQuestionIsResetAndGivenUp(module: Module) throws {
    let bench = try RadioBench.listening(module)
    for count in 1...Self.rounds {
      bench.turn(milliseconds: 60_000) { $0.state == .listening }
      try #require(bench.state == .listening && bench.model.isReceiving, "round \(count)")
      bench.model.dropReception()
      bench.turn(milliseconds: 70_000) { $0.counts.deaf == count }
      try #require(bench.counts.deaf == count, "round \(count)")
      #expect(bench.counts.resets == min(3, count / 3), "round \(count)")
    }
    #expect(bench.state == .failed && bench.failures == [.deaf])
  }

  @Test(arguments: Module.allCases)
  func aModuleThatIsSilentAtEachQuestionIsResetAndGivenUp(module: Module) throws {
    let bench = try RadioBench.listening(module)
    for count in 1...Self.rounds {
      bench.model.fault = .none
      bench.turn(milliseconds: 60_000) { $0.state == .listening }
      try #require(bench.state == .listening && bench.model.isReceiving, "round \(count)")
      bench.model.fault = .silent
      bench.turn(milliseconds: 90_000) { $0.state != .listening }
      #expect(bench.counts.resets == min(3, count / 3), "round \(count)")
    }
    #expect(bench.state == .failed && bench.failures == [.noAnswer])
  }

  /// One sound answer ends the row, and it is asked for soon.
  @Test(arguments: Module.allCases)
  func aModuleThatIsDeafNowAndThenIsNotReset(module: Module) throws {
    let bench = try RadioBench.listening(module)
    for _ in 0..<Self.rounds {
      bench.model.dropReception()
      bench.turn(milliseconds: 90_000)
      bench.turn(milliseconds: 60_000) { $0.state == .listening }
      try #require(bench.state == .listening && bench.model.isReceiving)
    }
    #expect(bench.counts.deaf == (module == .loraE5 ? 0 : UInt32(Self.rounds)))
    #expect(bench.counts.resets == 0 && bench.failures == [])
  }

  @Test(arguments: Module.allCases)
  func afterAFailureTheStatusIsAskedForSoonAndThenAsUsual(module: Module) throws {
    let bench = try RadioBench.listening(module)
    bench.model.fault = .silent
    bench.turn(milliseconds: 90_000) { $0.state != .listening }
    bench.model.fault = .none
    #expect(bench.turn(milliseconds: 60_000) { $0.state == .listening })
    let said = bench.model.commands.count
    bench.turn(milliseconds: 5_000)
    #expect(bench.model.commands.count == said + 1, "asked once, and found well")
    bench.turn(milliseconds: RadioBounds.statusPollMilliseconds - 10_000)
    #expect(bench.model.commands.count == said + 1)
  }

  /// Frames end an RN2483's reception each time, and a new setting everybody's.
  @Test(arguments: Module.allCases)
  func whatIsSaidMeanwhileDoesNotPutTheQuestionOffAfterAFailure(module: Module) throws {
    let bench = try RadioBench.listening(module)
    for round in 0..<Self.rounds {
      bench.model.fault = .silent
      bench.turn(milliseconds: 90_000) { $0.state != .listening }
      bench.model.fault = .none
      bench.turn(milliseconds: 60_000) { $0.state == .listening }
      let heard = bench.frames.count
      for _ in 0..<4 {
        bench.model.deliver(
          module.frameBytes, AirFigures(rssi: -9_000, snr: 100), now: bench.now)
        bench.turn(milliseconds: 700)
      }
      #expect(bench.frames.count > heard && bench.counts.resets == 0, "round \(round)")
    }
    #expect(bench.state == .listening && bench.failures == [])
  }

  /// A firmware that does not know the question, or not while it receives, hears as well as others.
  @Test(
    arguments: [
      (Module.rak3172, "AT+PRECV=?"), (.rak3172Old, "AT+PRECV=?"), (.la66, "AT+RXMOD=?"),
    ],
    ["AT_ERROR", "AT_BUSY_ERROR"])
  func aModuleThatDoesNotKnowTheQuestionIsNotReset(
    asked: (module: Module, question: String), answer: String
  ) throws {
    let bench = try RadioBench.listening(asked.module)
    let model = bench.model
    model.onLine = { _, bytes in
      guard model.commands.last == asked.question else { return bytes }
      return bytes.contains(UInt8(ascii: "K")) ? [] : Array("\(answer)\r\n".utf8)
    }
    bench.turn(milliseconds: Int64(Self.rounds) * 90_000)
    let asking = model.commands.filter { $0 == asked.question }.count
    #expect(asking >= Self.rounds)
    bench.turn(milliseconds: 60_000) { $0.state == .listening }
    #expect(bench.state == .listening && model.isReceiving)
    #expect(bench.counts.resets == 0 && bench.failures == [])
    model.deliver(asked.module.frameBytes, AirFigures(rssi: -9_000, snr: 100), now: bench.now)
    #expect(bench.turn(milliseconds: 3_000) { !$0.frames.isEmpty })
  }
}
