import AgentMessages
import FixedMemory
import Foundation
import LinuxPlatform
import LoRa
import Proofs
import Radios
import Records
import Simulation
import TestSupport
import Testing

/// Test frames go by the rules and the airtime that beacons have.
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct RadioTestFrameTests {
  private func reason(_ channel: UInt8, _ factor: UInt8, _ bench: BeaconBench) throws
    -> BeaconReason?
  {
    try bench.connection.send(.radioTest(channel: channel, spreadingFactor: factor))
    let number: UInt8? = try bench.connection.receiveMessage { message in
      if case .radioTestAnswer(let reason) = message { reason } else { nil }
    }
    return try BeaconReason(rawValue: #require(number))
  }

  private func radio(_ bench: BeaconBench) throws -> RadioStatus {
    try bench.connection.send(.statusRequest)
    return try #require(try bench.connection.receiveStatus().radio)
  }

  @Test func aTestFrameIsSentWithinTheRulesAndCountsInTheHour() throws {
    let bench = try BeaconBench()
    try bench.untilReady()
    let before = try #require(try radio(bench).airtimeLeftMicroseconds)
    #expect(try radio(bench).transmits)
    #expect(try reason(0, 9, bench) == nil)
    // One at a time.
    #expect(try reason(0, 9, bench) == .radioBusy)
    #expect(try bench.until { !bench.model.transmitted.isEmpty })
    let frame = try #require(bench.model.transmitted.first)
    let keyHash = try bench.node.deviceKey().hash
    #expect(frame.bytes == [0xe0, 0] + (0..<4).map { keyHash[$0] } + [0, 1])
    #expect(frame.tuning.frequencyHertz == 868_100_000 && frame.tuning.spreadingFactor == 9)
    #expect(frame.tuning.powerDecibelMilliwatts == 14)
    let modulation = try #require(Modulation(spreadingFactor: 9))
    let spent = UInt64(modulation.timeOnAirMicroseconds(payloadByteCount: 8))
    #expect(try radio(bench).airtimeLeftMicroseconds == before - spent)
    #expect(try bench.until { try radio(bench).stateNumber == 4 })
    // Not in the plan, and not LoRaWAN's.
    #expect(try reason(90, 9, bench) == .noChannel)
    #expect(try reason(0, 5, bench) == .notAllowed)
    #expect(try reason(0, 200, bench) == .notAllowed)
    #expect(bench.model.transmitted.count == 1)
    #expect(try bench.agent.end().status == 0)
    // No beacon: no leaf tells of it.
    #expect(try bench.leaves().allSatisfy { try $0.sent() == nil && $0.notSent() == nil })
  }

  @Test func aModuleThatDoesNotTellTheNoiseIsSaidNotTo() throws {
    let bench = try BeaconBench()
    try bench.untilReady()
    try bench.connection.send(.noiseRequest)
    let told: NoiseLevels? = try bench.connection.receiveMessage { message in
      if case .noise(let levels) = message { levels } else { nil }
    }
    let levels = try #require(told)
    #expect(levels.source == .module && levels.channels.isEmpty)
    #expect(levels.kindNumber == RadioKind.rak3172.rawValue)
    #expect(try bench.agent.end().status == 0)
  }

  @Test func whatTheRadioHeardIsTold() throws {
    let bench = try BeaconBench()
    try bench.untilReady()
    for index in 0..<10 {
      bench.model.deliver(
        [0x40, UInt8(index), 3], AirFigures(rssi: -10_000 - index * 100, snr: 300),
        now: SystemClock().bootMilliseconds())
      #expect(try bench.until { try radio(bench).frameCount == index + 1 })
    }
    try bench.connection.send(.heardRequest)
    let heard: HeardFrames? = try bench.connection.receiveMessage { message in
      if case .heard(let heard) = message { heard } else { nil }
    }
    let told = try #require(heard)
    #expect(told.count == 10 && told.frames.count == 8)
    let powers = told.frames.indices.map { told.frames[$0].rssiCentidecibelMilliwatts }
    #expect(powers == (2..<10).map { -10_000 - $0 * 100 })
    #expect(told.frames[7].firstByte == 0x40 && told.frames[7].byteCount == 3)
    #expect(told.frames[7].frequencyHertz == 868_100_000 && told.frames[7].snrCentidecibels == 300)
  }
}
