import AgentMessages
import CBOR
import Coverage
import CoverageVerifier
import DeviceLog
import FixedMemory
import Foundation
import Identity
import LinuxPlatform
import LoRa
import Proofs
import Records
import Simulation
import Testing

/// A node that transmits: the built agent, a module behind a terminal, and a receiver that gives it the time. Whoever
/// waits for something turns all of it meanwhile.
final class BeaconBench {
  let node: AgentNode
  let model = RAK3172Model()
  /// Nil when the radio is a concentrator.
  private var end: ModuleTerminal?
  private let forwarder: PacketForwarder?
  /// What the packet forwarder was asked to send.
  private(set) var asked: [[String: Any]] = []
  private var receiver: VirtualTerminal
  private var nextSentence: Int64 = 0
  private(set) var agent: Agent
  private(set) var connection: UnixConnection
  /// What was in the spool's file when a frame went on the air: was its intent?
  private(set) var wasIntentThere: [Bool] = []
  /// Called when the module has been told to send.
  var onTransmit: (() -> Void)?

  init(
    site: String = "", region: String = "EU868", fillsAirtime: Bool = false,
    isForwarded: Bool = false
  ) throws {
    node = try AgentNode(
      site: """
        [place]
        latitude = 47.3
        longitude = 8.5
        [radio]
        model = RAK3172
        region = \(region)
        transmit_power = 14 dBm
        antenna_gain = 2.15 dBi
        \(isForwarded ? "forwarder = yes" : "port = usb0")
        transmit = yes
        [gnss]
        port = usb1
        \(site)
        """)
    try node.writeBoard(
      """
      [serial.usb0]
      device = \(node.path("dev/radio"))
      baud = 115200
      [serial.usb1]
      device = \(node.path("dev/gnss"))
      baud = 9600
      """)
    try FileManager.default.createDirectory(
      atPath: node.path("dev"), withIntermediateDirectories: true)
    if isForwarded {
      end = nil
      let started = try PacketForwarder(run: node.folder.path)
      try started.pull()
      forwarder = started
    } else {
      end = try ModuleTerminal(model: model, path: node.path("dev/radio"))
      forwarder = nil
    }
    receiver = try VirtualTerminal(path: node.path("dev/gnss"), baudRate: 9_600)
    agent = try node.startAgent()
    _ = agent.words()
    connection = try node.connect()
    model.onTransmit = { [unowned self] frame in
      let hash = SHA256.hash(frame.bytes.span)
      wasIntentThere.append(spoolHas((0..<32).map { hash[$0] }))
      onTransmit?()
    }
  }

  // An agent that lived on would take the lines of the next test, which may have the same names.
  deinit { if agent.isRunning { agent.kill() } }

  /// The bytes stand in the spool's file, committed or not.
  func spoolHas(_ bytes: [UInt8]) -> Bool {
    do {
      let spool = try Data(contentsOf: URL(filePath: node.path("agent/spool")))
      return spool.firstRange(of: Data(bytes)) != nil
    } catch { return false }
  }

  // MARK: Time

  static var utc: Int64 {
    SystemClock().utcMilliseconds()
  }

  func turn() throws {
    try end?.turn(now: SystemClock().bootMilliseconds())
    if let transmission = try forwarder?.takeTransmission() {
      let hash = SHA256.hash(PacketForwarder.bytes(of: transmission).span)
      wasIntentThere.append(spoolHas((0..<32).map { hash[$0] }))
      asked.append(transmission)
    }
    let now = SystemClock().bootMilliseconds()
    if now >= nextSentence {
      nextSentence = now + 1_000
      try receiver.forgetExclusiveUse()
      _ = try receiver.send(Self.sentence(Self.utc))
    }
  }

  func until(_ isSo: () throws -> Bool) throws -> Bool {
    for _ in 0..<120_000 {
      try turn()
      if try isSo() { return true }
      usleep(1000)
    }
    return false
  }

  /// Looks at the log now and then, which is no small thing.
  func untilLog(_ isSo: ([BenchLeaf]) throws -> Bool) throws -> Bool {
    var turns = 0
    return try until {
      turns += 1
      return turns % 200 == 0 ? try isSo(leaves()) : false
    }
  }

  /// RMC of this moment.
  static func sentence(_ utc: Int64) -> [UInt8] {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = .gmt
    let parts = calendar.dateComponents(
      [.year, .month, .day, .hour, .minute, .second],
      from: Date(timeIntervalSince1970: Double(utc) / 1_000))
    func two(_ value: Int?) -> String { String(format: "%02d", (value ?? 0) % 100) }
    let body =
      "GPRMC," + two(parts.hour) + two(parts.minute) + two(parts.second)
      + String(format: ".%02d", utc % 1_000 / 10) + ",A,4718.0000,N,00830.0000,E,0.0,,"
      + two(parts.day) + two(parts.month) + two(parts.year) + ",,,A"
    let sum = body.utf8.reduce(0, ^)
    return Array(("$" + body + String(format: "*%02X\r\n", sum)).utf8)
  }

  struct NotReady: Error {
    let isRunning: Bool
    let status: AgentStatus
    let commands: ArraySlice<String>
    let lostByteCount: Int
    /// Of leaves.
    let kinds: [UInt8]
  }

  func untilReady() throws {
    let isReady = try untilLog { leaves in
      try connection.send(.statusRequest)
      // 4: listening.
      let status = try connection.receiveStatus()
      return try status.radio?.stateNumber == 4
        && leaves.contains { try $0.boot == status.boot && $0.clock() != nil }
    }
    guard !isReady else { return }
    try connection.send(.statusRequest)
    let status = try connection.receiveStatus()
    throw NotReady(
      isRunning: agent.isRunning, status: status, commands: model.commands.suffix(8),
      lostByteCount: end?.lostByteCount ?? 0, kinds: try leaves().map { $0.bytes[1] })
  }

  // MARK: The agent

  func kill() { agent.kill() }

  /// - `words`: what it says before it runs.
  func restart(expecting words: String? = nil) throws {
    agent = try node.startAgent()
    let said = agent.words()
    if let words { #expect(said.contains(words), "\(said)") }
    connection = try node.connect()
    try untilReady()
  }

  /// A receiver's time is known to a second, and a busy machine is late: slots of 7 s, of which a frame may begin in
  /// the last two thirds of the third. Beacons of SF7.
  static var policy: CoveragePolicy {
    var policy = CoveragePolicy()
    policy.windowSeconds = 14
    policy.slotMilliseconds = 7_000
    policy.slotCount = 2
    policy.reserveSlotCount = 1
    policy.revealDelaySeconds = 2
    policy.maximumUncertaintyMilliseconds = 2_100
    policy.spreadingFactors = 1 << 7
    return policy
  }

  struct Given {
    let challenge: Challenge
    let bytes: [UInt8]
    let hash: Digest
    var order: BeaconOrder {
      get throws { try #require(BeaconOrder(challenge)) }
    }
  }

  func give(
    _ number: UInt64, policy: CoveragePolicy = BeaconBench.policy, issued: Int64 = BeaconBench.utc
  ) throws -> Given {
    var gateway = try AgentNode.gatewayKey()
    var bytes = [UInt8](repeating: 0, count: 512)
    let challenge = Challenge(
      algorithm: .ed25519, keyID: gateway.publicKey.keyID, number: number,
      issuedUTCMilliseconds: issued, validSeconds: 1200, region: FixedText("EU868"),
      coverage: policy, nonce: filled(UInt8(number & 255)))
    let (count, hash) = try challenge.sign(with: &gateway, into: bytes.mutableSpan)
    let given = Given(challenge: challenge, bytes: Array(bytes[..<count]), hash: hash)
    try send(given)
    return given
  }

  func send(_ given: Given) throws {
    try connection.send(.challenge(bytes: given.bytes.span))
    let code = try connection.receiveAnswer()
    #expect(code == 0)
  }

  func enrolment() throws -> Enrolment {
    let bytes = try node.bytes(of: "agent/enrolment.cose")
    return try Enrolment.decode(bytes.span).enrolment
  }

  /// A challenge that begins the chain; returns the chain's end and first number.
  func beginChain(_ number: UInt64 = 5) throws -> ChainRecord {
    _ = try give(number)
    let isThere = try until {
      FileManager.default.fileExists(atPath: node.path("agent/agent.chain"))
    }
    try #require(isThere)
    return try chain()
  }

  func chain() throws -> ChainRecord {
    let bytes = try node.bytes(of: "agent/agent.chain")
    return try ChainRecord(decoding: bytes.span)
  }

  func leaves() throws -> [BenchLeaf] { try BenchLeaf.all(in: node.path("agent/spool")) }

  /// Why a beacon was not sent, by its number.
  func reasons(_ number: UInt32) throws -> [BeaconReason] {
    try leaves().compactMap { try $0.notSent() }.filter { $0.number == number }.map(\.reason)
  }

  func sents(_ number: UInt32) throws -> [ArchivedLeaf<SentBeacon>] {
    try leaves().compactMap { try $0.sent() }.filter { $0.value.number == number }
  }
}
