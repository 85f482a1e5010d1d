import AgentMessages
import Coverage
import Foundation
import LinuxPlatform
import Proofs
import Radios
import Simulation
import TestSupport
import Testing

/// What a frame's time is worth while the agent has other work.
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct BusyAgentTests {
  @Test func aFrameThatComesWhileASensorKeepsTheAgentIsSaidToBeAsUncertain() throws {
    let node = try AgentNode(
      site: """
        [sensor.slow]
        chip = sht3x
        bus = i2c-1
        interval = 200 ms
        optional = yes
        [radio]
        model = sx1262
        region = EU868
        transmit_power = 14 dBm
        antenna_gain = 2.15 dBi
        wiring = hat
        """)
    try node.writeBoard(
      """
      [i2c.i2c-1]
      virtual = i2c-1.sock
      timeout = 5 s
      [spi.spi0]
      virtual = spi-0.sock
      [gpio.reset]
      chip = spi-0-lines.sock
      line = 0
      [gpio.busy]
      chip = spi-0-lines.sock
      line = 1
      [gpio.dio]
      chip = spi-0-lines.sock
      line = 2
      [lora.hat]
      chip = sx1262
      spi = spi0
      reset = reset
      busy = busy
      interrupt = dio
      """)
    let bus = try HeldBus(path: node.path("i2c-1.sock"))
    defer { bus.end() }
    let served = try ServedChip(SX126xModel(), path: node.path("spi-0.sock"))
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    func until(_ isSo: () throws -> Bool) throws -> Bool {
      for _ in 0..<60_000 {
        if try isSo() { return true }
        usleep(1000)
      }
      return false
    }
    func status() throws -> (state: UInt8, count: UInt64) {
      try connection.send(.statusRequest)
      let radio = try #require(try connection.receiveStatus().radio)
      return (radio.stateNumber, radio.witnessCount)
    }
    let isListening = try until { try status().state == RadioState.listening.rawValue }
    try #require(isListening)
    bus.hold(true)
    let isHeld = try until { bus.isHolding }
    try #require(isHeld)
    let frame = BeaconFrame(
      seed: SHA256.hash([9, 2].span), keyHash: SHA256.hash([9].span), number: 7)
    try served.deliver((0..<24).map { frame.bytes[$0] }, AirFigures(rssi: -11_300, snr: -725))
    // The frame waits for so long, at least.
    usleep(700_000)
    bus.hold(false)
    let isHeard = try until { try status().count == 1 }
    #expect(isHeard)
    #expect(try agent.end().status == 0)
    let witness = try #require(try node.leaves().compactMap(\.witness).first)
    #expect(witness.reception.uncertaintyMilliseconds >= 700)
    served.end()
  }
}
