import AgentMessages
import Coverage
import Foundation
import LinuxPlatform
import LoRa
import Proofs
import Radios
import Records
import Simulation
import StickSupport
import TestSupport
import Testing

/// The built agent with an SX1262 behind an emulated stick: agent, socket, bridge, packets, chip model.
private final class AgentStick {
  let node: AgentNode
  let stick = StickBench()
  let chip = SX126xModel(needsOscillator: true)
  private(set) var bridge: RunningBridge?
  private var receiver: VirtualTerminal
  private var nextSentence: Int64 = 0
  let agent: Agent
  let connection: UnixConnection

  /// - `isServed`: cairn-usb runs from the start.
  init(isServed: Bool = true) throws {
    node = try AgentNode(
      site: """
        [place]
        latitude = 47.3
        longitude = 8.5
        [radio]
        model = SX1262
        region = EU868
        transmit_power = 14 dBm
        antenna_gain = 2.15 dBi
        wiring = stick
        transmit = yes
        [gnss]
        port = usb1
        """)
    try node.writeBoard(
      """
      [serial.usb1]
      device = \(node.path("dev/gnss"))
      baud = 9600
      [spi.stick]
      usb = usb.sock
      timeout = 5 s
      [lora.stick]
      chip = sx1262
      spi = stick
      reset = d2
      busy = d4
      interrupt = d6
      receive = d1
      tcxo = 1.8 V
      """)
    try FileManager.default.createDirectory(
      atPath: node.path("dev"), withIntermediateDirectories: true)
    receiver = try VirtualTerminal(path: node.path("dev/gnss"), baudRate: 9_600)
    stick.attach(chip, pins: StickRadioPins(), now: { SystemClock().bootMilliseconds() })
    if isServed { bridge = try RunningBridge(stick, in: node.folder) }
    agent = try node.startAgent()
    _ = agent.words()
    connection = try node.connect()
  }

  func serve() throws { bridge = try RunningBridge(stick, in: node.folder) }

  deinit {
    if agent.isRunning { agent.kill() }
    bridge?.end()
  }

  func radio() throws -> RadioStatus {
    try connection.send(.statusRequest)
    return try #require(try connection.receiveStatus().radio)
  }

  func until(_ isSo: () throws -> Bool) throws -> Bool {
    for _ in 0..<60_000 {
      let now = SystemClock().bootMilliseconds()
      if now >= nextSentence {
        nextSentence = now + 1_000
        try receiver.forgetExclusiveUse()
        _ = try receiver.send(BeaconBench.sentence(BeaconBench.utc))
      }
      if try isSo() { return true }
      usleep(1000)
    }
    return false
  }

  func isListening() throws -> Bool {
    try radio().stateNumber == RadioState.listening.rawValue
  }

  /// Until the agent has heard so many beacons: a frame that comes while the radio is at something else is lost.
  func hears(_ count: UInt64) throws -> Bool {
    try until {
      let status = try radio()
      if status.witnessCount < count, try isListening(), !stick.hasFrame {
        _ = stick.deliver(Self.beacon(UInt8(count)), AirFigures(rssi: -11_300, snr: -700))
      }
      return status.witnessCount >= count
    }
  }

  static func beacon(_ key: UInt8) -> [UInt8] {
    let frame = BeaconFrame(
      seed: SHA256.hash([key, 2].span), keyHash: SHA256.hash([key].span), number: 7)
    return (0..<24).map { frame.bytes[$0] }
  }
}

@Suite(.ownThreads, .timeLimit(.minutes(30))) struct AgentStickTests {
  @Test func aRadioBehindAStickHearsAndSends() throws {
    let bench = try AgentStick()
    #expect(try bench.until { try bench.isListening() })
    let status = try bench.radio()
    #expect(status.isAttached && status.kindNumber == RadioKind.sx1262.rawValue)
    #expect(try bench.hears(1))
    let heard = try bench.radio()
    #expect(heard.lastRSSICentidecibelMilliwatts == -11_300)
    #expect(heard.lastSNRCentidecibels == -700)
    // A test frame needs the time, for its place in the hour.
    #expect(
      try bench.until {
        try bench.connection.send(.radioTest(channel: 0, spreadingFactor: 9))
        let number: UInt8? = try bench.connection.receiveMessage { message in
          if case .radioTestAnswer(let reason) = message { reason } else { nil }
        }
        return number == 0
      })
    #expect(try bench.until { bench.stick.withRadio { !$0.transmitted.isEmpty } == true })
    let keyHash = try bench.node.deviceKey().hash
    let frames = try #require(bench.stick.withRadio { $0.transmitted })
    #expect(frames.map(\.bytes) == [[0xe0, 0] + (0..<4).map { keyHash[$0] } + [0, 1]])
    #expect(frames.first?.tuning.frequencyHertz == 868_100_000)
    // And it hears on.
    #expect(try bench.hears(2))
    #expect(bench.stick.look { $0.violations } == [])
    #expect(bench.stick.withRadio { $0.violations } == [])
    #expect(try bench.agent.end().status == 0)
    let leaves = try bench.node.leaves()
    let witnesses = leaves.compactMap(\.witness)
    #expect(witnesses.count == 2)
    #expect(witnesses.first?.reception.rssiCentidecibelMilliwatts == -11_300)
    #expect(leaves.compactMap(\.fault) == [])
  }

  @Test func aStickThatIsPulledOutAndPutBackHearsAgainAndWasToldAsGone() throws {
    let bench = try AgentStick()
    #expect(try bench.hears(1))
    bench.stick.plug(false)
    #expect(
      try bench.until {
        let status = try bench.radio()
        return !status.isAttached
          && status.lastFaultNumber == UInt16(FaultCode.disconnected.rawValue)
      })
    bench.stick.plug(true)
    #expect(try bench.hears(2))
    #expect(try bench.agent.end().status == 0)
    let leaves = try bench.node.leaves()
    let changes = leaves.compactMap(\.device).filter { $0.name == "stick" }.states
    #expect(changes == [true, false, true])
    let codes = Set(leaves.compactMap(\.fault).map(\.codeNumber))
    #expect(codes == [UInt64(FaultCode.disconnected.rawValue)])
  }

  @Test func aStickThatHangsIsResetAndHearsAgain() throws {
    let bench = try AgentStick()
    #expect(try bench.hears(1))
    bench.stick.change { $0.isHung = true }
    #expect(try bench.until { bench.stick.look { $0.resetCount } > 0 })
    #expect(try bench.hears(2))
    #expect(try bench.agent.end().status == 0)
  }

  @Test func aBridgeThatDoesNotRunIsAReasonAndNoEnd() throws {
    let bench = try AgentStick(isServed: false)
    #expect(
      try bench.until {
        try bench.radio().lastFaultNumber == UInt16(FaultCode.bridgeAbsent.rawValue)
      })
    #expect(try !bench.radio().isAttached)
    try bench.serve()
    #expect(try bench.hears(1))
    #expect(try bench.agent.end().status == 0)
    let faults = try bench.node.leaves().compactMap(\.fault)
    #expect(faults.first?.codeNumber == UInt64(FaultCode.bridgeAbsent.rawValue))
  }
}
