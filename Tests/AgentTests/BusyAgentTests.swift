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
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct BusyAgentTests: ChipBench {
  @Test func aFrameThatComesWhileASensorKeepsTheAgentIsSaidToBeAsUncertain() throws {
    let node = try node(
      before: """
        [sensor.slow]
        chip = sht3x
        bus = i2c-1
        interval = 200 ms
        optional = yes
        """,
      buses: """
        [i2c.i2c-1]
        virtual = i2c-1.sock
        timeout = 5 s
        """)
    let bus = try HeldBus(path: node.path("i2c-1.sock"))
    defer { bus.end() }
    let served = try ServedChip(SX126xModel(), path: node.path("spi-0.sock"))
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    let isListening = try untilListening(connection)
    try #require(isListening)
    bus.hold(true)
    let isHeld = try until { bus.isHolding }
    try #require(isHeld)
    try served.deliver(beacon(9), AirFigures(rssi: -11_300, snr: -725))
    // The frame waits for so long, at least.
    usleep(700_000)
    bus.hold(false)
    let isHeard = try until(connection) { $0.witnessCount == 1 }
    #expect(isHeard)
    #expect(try agent.end().status == 0)
    let witness = try #require(try node.leaves().compactMap(\.witness).first)
    #expect(witness.reception.uncertaintyMilliseconds >= 700)
    served.end()
  }
}
