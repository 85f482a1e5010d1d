import FixedMemory
import Foundation
import LinuxPlatform
import LoRa
import Simulation
import Testing

@testable import Radios

private func fixed(_ path: String) throws -> FixedPath {
  let found = FixedPath(Array(path.utf8).span)
  return try #require(found)
}

/// A module and its driver with a kernel's line between them, and the kernel's clock.
@Test(arguments: [Module.rak3172, .rn2483, .loraE5])
func aModuleBehindATerminalIsUsedAsARealOne(module: Module) throws {
  let path = NSTemporaryDirectory() + "cairn-radio-\(UUID().uuidString.prefix(8))"
  var end = try ModuleTerminal(model: module.model(), path: path)
  let baudRate = try #require(
    module.kind.usualBaudRate.flatMap { TerminalSerialPort.BaudRate(rawValue: $0) })
  let port = try TerminalSerialPort(
    path: try fixed(path), baudRate: baudRate,
    writeMarginMilliseconds: RadioBounds.lineMarginMilliseconds)
  let isPseudo = port.isPseudoTerminal
  #expect(isPseudo)
  var radio = AnyRadio<TerminalSerialPort, ModelSPIDevice, ModelRadioLines>.serial(
    SerialRadio(port: port, expected: module.kind))
  var frame = ReceivedFrame()
  let clock = SystemClock()
  var events: [RadioEvent] = []
  radio.begin(atMilliseconds: clock.bootMilliseconds())
  for _ in 0..<60_000 where !events.contains(.received) {
    let now = clock.bootMilliseconds()
    try end.turn(now: now)
    guard let event = radio.step(atMilliseconds: now, frame: &frame) else {
      usleep(1000)
      continue
    }
    events.append(event)
    switch event {
    case .identified: try radio.configure(module.setting(factor: 7), atMilliseconds: now)
    case .configured: try radio.transmit(module.frameBytes.span, atMilliseconds: now)
    case .transmitted:
      // Once the module listens again.
      for _ in 0..<60_000 where !end.model.isReceiving {
        try end.turn(now: clock.bootMilliseconds())
        _ = radio.step(atMilliseconds: clock.bootMilliseconds(), frame: &frame)
        usleep(1000)
      }
      end.model.deliver(
        module.frameBytes, AirFigures(rssi: -9_000, snr: 300), now: clock.bootMilliseconds())
    default: break
    }
  }
  #expect(events.first == .identified && events.last == .received)
  #expect(end.model.transmitted.map(\.bytes) == [module.frameBytes])
  #expect(frame.array == module.frameBytes)
  #expect(frame.packetRSSICentidecibelMilliwatts == -9_000 && frame.snrCentidecibels == 300)
  let (identity, capabilities, counts) = (radio.identity, radio.capabilities, radio.counts)
  let setting = radio.setting
  #expect(identity?.kind == module.kind && capabilities != nil)
  #expect(counts.received == 1 && setting != nil)
  #expect(throws: RadioRefusal.notMeasurable) { try radio.measureNoise(atMilliseconds: 0) }
}

@Test func aModuleThatIsUnpluggedIsToldAtOnce() throws {
  let path = NSTemporaryDirectory() + "cairn-radio-\(UUID().uuidString.prefix(8))"
  func open() throws -> SerialRadio<TerminalSerialPort> {
    let end = try ModuleTerminal(model: RAK3172Model(), path: path)
    let port = try TerminalSerialPort(
      path: try fixed(path), baudRate: .baud115200)
    _ = end.pollDescriptor
    return SerialRadio(port: port, expected: .rak3172)
  }
  var radio = try open()
  var frame = ReceivedFrame()
  radio.begin(atMilliseconds: 0)
  let event = radio.step(atMilliseconds: 1, frame: &frame)
  #expect(event == .failed(.begin, .bus(.disconnected)))
  let (state, next) = (radio.state, radio.step(atMilliseconds: 2, frame: &frame))
  #expect(state == .failed && next == nil)
}

@Test func everyRefusalHasAReasonOfItsOwn() {
  let refusals = (UInt8.min ... .max).compactMap { RadioRefusal(rawValue: $0) }
  #expect(Set(refusals.map { "\($0.explanation)" }).count == refusals.count)
  #expect(refusals.count == 10)
}

@Test func everyRadioHasAName() throws {
  let kinds = (UInt8.min ... .max).compactMap { RadioKind(rawValue: $0) }
  #expect(kinds.count == 11)
  for kind in kinds {
    // No model of a site file is the forwarder's concentrator: nobody says which one that is.
    let named = kind == .concentrator ? nil : kind
    #expect(RadioKind(text: kind.configurationName.bytes) == named)
    let isModule = kind.path == .serialCommands
    #expect((kind.usualBaudRate != nil) == isModule)
    #expect((RadioCapabilities.ofModule(kind, isOldFirmware: false) != nil) == isModule)
  }
  let concentrator: StaticString = "sx1301"
  #expect(RadioKind(text: concentrator.bytes) == nil)
}

@Test func onlyARadioThatRetunesInHalfASlotFollowsTheRendezvous() throws {
  for kind: RadioKind in [.rak3172, .rn2483, .rn2903, .loraE5, .la66] {
    let capabilities = try #require(RadioCapabilities.ofModule(kind, isOldFirmware: false))
    #expect(capabilities.retunesWithin(slotMilliseconds: 2_000) == (kind != .la66))
    #expect(capabilities.nearestPower(toCentidecibelMilliwatts: 1_415) == 1_400)
    #expect(
      capabilities.nearestPower(toCentidecibelMilliwatts: 9_000)
        == capabilities.powerCentidecibelMilliwatts.upperBound)
    #expect(
      capabilities.nearestPower(toCentidecibelMilliwatts: -9_000)
        == capabilities.powerCentidecibelMilliwatts.lowerBound)
  }
}

/// Retuning as the model's line takes it: the figure that `retuneMilliseconds` promises.
@Test(arguments: Module.allCases)
func aChangeOfChannelTakesNoLongerThanIsSaid(module: Module) throws {
  let bench = try RadioBench.listening(module)
  let bound = Int64(try #require(bench.capabilities).retuneMilliseconds)
  for step in 1...8 {
    let start = bench.now
    let isListening = try bench.configure(
      module.setting(
        factor: UInt8(7 + step % 5), frequencyHertz: module.frequencyHertz + UInt32(step) * 200_000)
    )
    #expect(isListening)
    #expect(bench.now - start <= bound, "\(bench.now - start)")
  }
}
