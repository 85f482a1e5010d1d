import Buses
import Simulation
import Testing

@testable import Radios

private let buses: [BusError] = [.timedOut, .disconnected, .system(errno: 5)]

/// Counts transfers from power to a sent and a heard frame, then fails each one.
@Test(arguments: Module.allCases)
func anErrorAtAnyTransferIsToldAndSurvived(module: Module) throws {
  var failAt: Int?
  var error = BusError.timedOut
  var seen = 0
  func life(_ bench: RadioBench) throws {
    guard bench.begin(), try bench.configure(module.setting()) else { return }
    bench.model.deliver(module.frameBytes, AirFigures(rssi: -9_000, snr: 100), now: bench.now)
    bench.turn(milliseconds: 3_000) { !$0.frames.isEmpty || $0.state == .failed }
    bench.turn(milliseconds: 1_500) { $0.state == .failed }
    guard bench.state == .listening else { return }
    try bench.transmit(module.frameBytes)
    bench.turn(milliseconds: 5_000) {
      $0.counts.transmitted == 1 || $0.state == .failed
    }
    bench.turn(milliseconds: 500)
  }
  func bench() -> RadioBench {
    seen = 0
    return RadioBench(module.model(), expected: module.kind) { number throws(BusError) in
      seen = number + 1
      if number == failAt { throw error }
    }
  }
  let whole = bench()
  try life(whole)
  #expect(whole.failures == [] && whole.counts.transmitted == 1 && whole.frames.count == 1)
  let count = seen
  for number in stride(from: 0, to: count, by: max(1, count / 300)) {
    error = buses[number % buses.count]
    failAt = number
    let broken = bench()
    try life(broken)
    #expect(broken.failures == [.bus(error)], "transfer \(number)")
    #expect(broken.state == .failed)
    failAt = nil
    broken.events = []
    #expect(broken.begin(), "transfer \(number)")
  }
}

@Test(arguments: Module.allCases, SerialModuleFault.allCases)
func aFaultFromTheStartEndsInAFailureAndIsForgotten(module: Module, fault: SerialModuleFault) throws
{
  guard fault != .none, fault != .deaf else { return }
  for expected in [module.kind, nil] {
    let model = module.model(seed: 7)
    model.fault = fault
    let bench = RadioBench(model, expected: expected)
    let start = bench.now
    #expect(!bench.begin())
    #expect(bench.now - start < 60_000)
    #expect(bench.failures.count == 1 && bench.state == .failed)
    if fault == .silent { #expect(bench.failures == [.noAnswer]) }
    #expect(throws: RadioRefusal.notReady) { try bench.transmit([0xe0]) }
    let said = model.commands.count
    bench.turn(milliseconds: 200_000)
    #expect(model.commands.count == said, "a failed module is left alone")
    model.fault = .none
    bench.turn(milliseconds: 5_000)
    #expect(bench.begin())
    let isListening = try bench.configure(module.setting())
    #expect(isListening)
  }
}

@Test(arguments: Module.allCases, SerialModuleFault.allCases)
func aFaultDuringReceptionIsFoundByAskingAndEndsInResets(
  module: Module, fault: SerialModuleFault
) throws {
  // A deaf module answers as always: only its silence and the renewal of its setting tell. RN2483 says "busy"
  // in reception anyway.
  guard fault != .none, fault != .deaf else { return }
  let bench = try RadioBench.listening(module)
  bench.model.fault = fault
  let ended = bench.turn(milliseconds: 1_500_000) { $0.state == .failed }
  #expect(ended, "\(bench.events)")
  #expect(bench.counts.resets == UInt32(RadioBounds.resetsBeforeFailed))
  #expect(bench.events.contains { if case .reset = $0 { true } else { false } })
  bench.model.fault = .none
  bench.turn(milliseconds: 5_000)
  #expect(bench.begin())
}

@Test(arguments: Module.allCases, SerialModuleFault.allCases)
func aFaultThatPassesLeavesAListeningRadio(module: Module, fault: SerialModuleFault) throws {
  let bench = try RadioBench.listening(module)
  bench.model.fault = fault
  // Until the question for the status fails, and a little of what follows.
  bench.turn(milliseconds: RadioBounds.statusPollMilliseconds + 3_000)
  bench.model.fault = .none
  #expect(
    bench.turn(milliseconds: 300_000) { $0.state == .listening && $0.model.isReceiving })
  bench.turn(milliseconds: 10_000)
  #expect(bench.setting == (try module.setting()))
  bench.model.deliver(module.frameBytes, AirFigures(rssi: -9_000, snr: 100), now: bench.now)
  #expect(bench.turn(milliseconds: 3_000) { $0.frames.last?.array == module.frameBytes })
}

@Test(arguments: Module.allCases)
func aModuleThatLeftReceptionIsFoundDeafAndListensAgain(module: Module) throws {
  // LoRa-E5 has no question for it: reception is asked for anew instead, which helps as well.
  let bench = try RadioBench.listening(module)
  bench.turn(milliseconds: 1_000)
  bench.model.dropReception()
  let lost = bench.now
  #expect(
    bench.turn(milliseconds: 2 * RadioBounds.statusPollMilliseconds) {
      $0.model.isReceiving && $0.state == .listening
        && (module == .loraE5 || $0.events.last == .configured)
    })
  if module != .loraE5 {
    #expect(bench.counts.deaf == 1)
    #expect(
      bench.events.contains {
        if case .deaf(let since) = $0 { since <= lost } else { false }
      })
    #expect(bench.events.last == .configured)
  }
}

@Test(arguments: Module.allCases)
func aPowerCutOfTheModuleIsFoundAndMended(module: Module) throws {
  let bench = try RadioBench.listening(module)
  bench.model.powerCycle(now: bench.now)
  #expect(
    bench.turn(milliseconds: 3 * RadioBounds.statusPollMilliseconds + 60_000) {
      $0.model.isReceiving && $0.state == .listening
        && $0.model.tuning.spreadingFactor == 10
        && (module == .loraE5 || $0.events.last == .configured)
    }, "\(bench.events)")
  bench.model.deliver(module.frameBytes, AirFigures(rssi: -9_000, snr: 100), now: bench.now)
  #expect(bench.turn(milliseconds: 3_000) { $0.frames.last?.array == module.frameBytes })
}

@Test(arguments: Module.allCases)
func aLongSilenceRenewsTheSetting(module: Module) throws {
  let bench = try RadioBench.listening(module)
  let said = bench.model.commands.count
  bench.model.tuning.spreadingFactor = 7
  bench.turn(milliseconds: RadioBounds.silenceBeforeRenewalMilliseconds + 10_000)
  #expect(bench.model.tuning.spreadingFactor == 10 && bench.model.isReceiving)
  #expect(bench.model.commands.count > said + 10)
  #expect(bench.events == [])
}

@Test(arguments: Module.allCases)
func aTransmissionWithoutAnEndIsToldAndNeverRepeated(module: Module) throws {
  for fault in [SerialModuleFault.silent, .garbage, .halfLines] {
    let bench = try RadioBench.listening(module)
    try bench.transmit(module.frameBytes)
    bench.turn(milliseconds: 200) { !$0.model.transmitted.isEmpty }
    bench.model.fault = fault
    #expect(bench.turn(milliseconds: 30_000) { !$0.failures.isEmpty })
    #expect(
      bench.events.first { if case .failed(.transmit, _) = $0 { true } else { false } } != nil)
    bench.model.fault = .none
    bench.turn(milliseconds: 60_000) { $0.state == .listening }
    #expect(bench.model.transmitted.count <= 1)
  }
}

@Test(arguments: Module.allCases)
func aRequestIsRefusedWhileItCantBeHad(module: Module) throws {
  let bench = RadioBench(module.model(), expected: module.kind)
  let setting = try module.setting()
  #expect(throws: RadioRefusal.notReady) { try bench.radio.configure(setting, atMilliseconds: 0) }
  #expect(bench.begin())
  #expect(throws: RadioRefusal.notConfigured) { try bench.transmit([0xe0]) }
  let wrong: [(RadioSetting, RadioRefusal)] = [
    (try module.setting(frequencyHertz: 700_000_000), .frequencyOutOfRange),
    (try module.setting(power: 1_450), .powerNotPossible),
    (try module.setting(power: 3_000), .powerNotPossible),
  ]
  for (setting, refusal) in wrong {
    #expect(throws: refusal) { try bench.radio.configure(setting, atMilliseconds: 0) }
  }
  try bench.radio.configure(setting, atMilliseconds: bench.now)
  #expect(throws: RadioRefusal.underWay) { try bench.radio.configure(setting, atMilliseconds: 0) }
  #expect(bench.turn(milliseconds: 60_000) { $0.state == .listening })
  #expect(throws: RadioRefusal.payloadTooLong) { try bench.transmit([]) }
  #expect(throws: RadioRefusal.notMeasurable) { try bench.radio.measureNoise(atMilliseconds: 0) }
  if module.kind == .la66 {
    #expect(throws: RadioRefusal.firstByteNotPossible) { try bench.transmit([0x40, 1]) }
  }
  // The same setting again costs nothing.
  let said = bench.model.commands.count
  bench.events = []
  try bench.radio.configure(setting, atMilliseconds: bench.now)
  bench.turn(milliseconds: 10)
  #expect(bench.events == [.configured] && bench.model.commands.count == said)
}
