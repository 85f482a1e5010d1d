import AgentMessages
import CBOR
import DeviceLog
import FixedMemory
import Foundation
import LinuxPlatform
import Proofs
import Records
import Signers
import Spool
import TestSupport

/// A node in a folder of its own, for the built agent and, while that does not run, for this test.
final class AgentNode {
  typealias Log = DeviceLog<FileStorage>

  /// Held while a process is started, and while this test holds a spool's lock: a child has its parent's
  /// descriptors until it is the new program.
  private static let spawning = NSLock()

  /// Starts another program beside the agent.
  static func start(_ process: Process) throws { try spawning.withLock { try process.run() } }

  let folder: URL
  private var board: Process?
  private var boardInput = Pipe()

  struct NoPath: Error {}

  /// The private key of the gateway that the site file names: its seed is this byte, 32 times.
  static let gatewaySeed: UInt8 = 77

  static func gatewayKey(seed: UInt8 = gatewaySeed) throws -> FileKey {
    try FileKey(seed: filled(seed))
  }

  /// With configuration, and neither key nor spool.
  init(site: String = "") throws {
    folder = URL(filePath: "/tmp/cairn-agent-\(UInt32.random(in: 0 ... .max))")
    for name in ["agent", "uplink"] {
      try FileManager.default.createDirectory(
        at: folder.appending(path: name), withIntermediateDirectories: true)
    }
    try writeSite(site)
    try write(
      """
      [board]
      name = bench
      serial_file = \(path("board-serial"))
      card_file = \(path("card-serial"))
      [i2c.i2c-1]
      virtual = i2c-1.sock
      timeout = 100 ms

      """, to: "board.ini")
  }

  /// The board profile with these buses and lines.
  func writeBoard(_ sections: String) throws {
    try write("[board]\nname = bench\n" + sections + "\n", to: "board.ini")
  }

  func writeSite(_ site: String, gatewaySeed: UInt8 = gatewaySeed) throws {
    let key = try Self.gatewayKey(seed: gatewaySeed).publicKey.bytes
    let span = key.span
    let digits = (0..<32).map { (span[$0] < 16 ? "0" : "") + String(span[$0], radix: 16) }.joined()
    try write(
      """
      [gateway]
      url = http://127.0.0.1:9
      public_key = \(digits)
      [spool]
      size = 1 MiB
      segment = 128 KiB
      [batch]
      interval = 1 s
      \(site)

      """, to: "site.ini")
  }

  deinit {
    board?.terminate()
    board?.waitUntilExit()
    // What stays behind in /tmp is no failure of what was tested.
    do { try FileManager.default.removeItem(at: folder) } catch {}
  }

  func path(_ name: String) -> String { folder.appending(path: name).path }

  func write(_ text: String, to name: String) throws {
    try text.write(toFile: path(name), atomically: true, encoding: .utf8)
  }

  private func fixedPath(_ name: String) throws -> FixedPath {
    guard let path = FixedPath(Array(path(name).utf8).span) else { throw NoPath() }
    return path
  }

  private static func program(_ name: String) -> URL {
    URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
      .appending(path: name)
  }

  // MARK: the programs

  /// Chip models on the bus, once they listen.
  func startBoard() throws {
    let process = Process()
    process.executableURL = Self.program("cairn-simulate")
    process.arguments = [
      "board", "--bus", path("i2c-1.sock"), "--weather", Self.weather, "--until-end-of-input",
    ]
    // A pipe serves one process.
    boardInput = Pipe()
    process.standardInput = boardInput
    let output = Pipe()
    process.standardOutput = output
    try Self.spawning.withLock { try process.run() }
    board = process
    _ = output.fileHandleForReading.availableData
  }

  /// A second bus, whose lines are held low.
  func heldBoard() throws -> Process {
    let process = Process()
    process.executableURL = Self.program("cairn-simulate")
    process.arguments = [
      "board", "--bus", path("i2c-2.sock"), "--weather", Self.weather, "--fault",
      "sht3x:stuck-bus",
    ]
    let output = Pipe()
    process.standardOutput = output
    try Self.spawning.withLock { try process.run() }
    _ = output.fileHandleForReading.availableData
    return process
  }

  private static var weather: String {
    URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../Data/weather/weather-jfk-2013.csv").standardized.path
  }

  /// Ends the chip models; their socket goes with them.
  func stopBoard() {
    board?.terminate()
    board?.waitUntilExit()
    board = nil
  }

  /// A running agent; it has begun its boot when this returns, or ended.
  func startAgent(environment: [String: String] = [:]) throws -> Agent {
    try startAgent(through: [], environment: environment)
  }

  /// By way of another program that becomes the agent, such as a shell that sets a limit.
  func startAgent(through wrapper: [String], environment: [String: String] = [:]) throws -> Agent {
    let command =
      wrapper + [
        Self.program("cairn-agent").path, "--board", path("board.ini"), "--config",
        path("site.ini"), "--state", folder.path, "--run", folder.path,
      ]
    return try Self.spawning.withLock {
      try Agent(
        program: URL(filePath: command[0]), arguments: Array(command.dropFirst()),
        environment: environment)
    }
  }

  /// Starts the agent and asks it to end.
  func runAgent() throws -> Agent.Ending { try startAgent().end() }

  func connect() throws(SocketFailure) -> UnixConnection {
    guard let path = FixedPath(Array(path("agent.sock").utf8).span) else { throw .pathTooLong }
    return try UnixConnection(connectingTo: path)
  }

  /// An agent that waits says nothing on its output: looks for its socket a bounded number of times.
  func connectOnceItListens() throws -> UnixConnection {
    for _ in 0..<60_000 {
      do throws(SocketFailure) { return try connect() } catch { usleep(1000) }
    }
    return try connect()
  }

  // MARK: the log, while no agent runs

  func makeKeyAndSpool() throws {
    _ = try FileKey(creatingAt: Array(path("agent/agent.key").utf8).span)
    try makeSpool()
  }

  private func makeSpool() throws {
    try Self.spawning.withLock {
      var storage = try FileStorage.create(
        at: fixedPath("agent/spool"), byteCount: SpoolLayout.segmentsOffset + 1_048_576,
        mode: 0o640)
      try SpoolWriter<FileStorage>.format(
        &storage, spoolID: FixedBytes<16>(), segmentByteCount: 131_072)
    }
  }

  func withLog(_ body: (inout Log, inout FileKey) throws -> Void) throws {
    try Self.spawning.withLock {
      var key = try FileKey(opening: Array(path("agent/agent.key").utf8).span)
      var log = try Log.recover(
        FileStorage.openWhenFree(at: fixedPath("agent/spool")), policy: .stop)
      if log.recovery == .new { try log.begin(epoch: 0) }
      try body(&log, &key)
    }
  }

  /// Batches that nobody fetches, until `count` more leaves of 900 bytes would fill the ring.
  func fillSpool(leaving count: Int) throws {
    let capacity = try fillSpool(upTo: .max)
    try FileManager.default.removeItem(atPath: path("agent/spool"))
    try makeSpool()
    _ = try fillSpool(upTo: capacity - count)
  }

  /// Returns how many leaves there was room for.
  private func fillSpool(upTo limit: Int) throws -> Int {
    var leafCount = 0
    try withLog { log, key in
      log.begin(boot: 1, flags: 0)
      try log.append(at: 0) {
        LeafEncoding.boot(
          milliseconds: 0, bootCount: 1, agentVersion: "0.1.0", programHash: Digest().span,
          board: Span(), configurationHash: Digest().span, flags: 0, claims: Span(),
          into: $0.mutableSpan)
      }
      let text = [UInt8](repeating: 97, count: 900)
      do {
        while leafCount < limit {
          if log.mustSeal { _ = try log.seal(with: &key) }
          try log.append(at: 1) {
            LeafEncoding.device(
              .deviceAttached, schema: 0, milliseconds: 1, name: text.span, into: $0.mutableSpan)
          }
          leafCount += 1
        }
      } catch Log.Failure.full {}
      _ = try log.seal(with: &key)
    }
    return leafCount
  }

  /// Fills what a full ring keeps for its last words.
  func exhaustLastWords() throws {
    try withLog { log, key in
      do {
        for _ in 0..<100 {
          let bytes = Self.gap
          try log.append(leaf: bytes.span, milliseconds: 2, purpose: .lastWord)
          _ = try log.seal(with: &key)
        }
      } catch Log.Failure.full {}
    }
  }

  private static let gap: [UInt8] = {
    var buffer = [UInt8](repeating: 0, count: 64)
    let count = LeafEncoding.gap(
      .measurementsMissed, schema: 0, milliseconds: 2, from: 2, to: 2, count: 0,
      reason: .spoolFull, into: buffer.mutableSpan)
    return Array(buffer[..<count])
  }()

  /// As if a gateway had everything.
  func deliverAll() throws {
    try withLog { log, _ in
      try log.markDelivered(
        epoch: log.state.epoch, size: log.state.size,
        throughSequence: log.lastCheckpointSequence)
      try log.commit()
    }
  }

  /// Every sealed checkpoint, with its place in the spool.
  func checkpoints() throws -> [LogBatch] {
    let storage = try FileStorage.open(at: fixedPath("agent/spool"), access: .readOnly)
    var reader = try LogReader(opening: storage)
    var batches: [LogBatch] = []
    while let batch = try reader.next() { batches.append(batch) }
    return batches
  }

  func bytes(of name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(filePath: path(name))))
  }

  func deviceKey() throws -> PublicKey {
    let bytes = try bytes(of: "agent/device.pub")
    guard let key = PublicKey(algorithm: .ed25519, bytes: bytes.span) else { throw NoPath() }
    return key
  }

  /// Every sealed leaf: boot of its batch, kind, and for gap leaves why and how many.
  func leaves() throws -> [LoggedLeaf] {
    let storage = try FileStorage.open(at: fixedPath("agent/spool"), access: .readOnly)
    var reader = try LogReader(opening: storage)
    var leaves: [LoggedLeaf] = []
    // The beginning of the first batch may have given way.
    while let batch = try reader.next() {
      guard batch.isWhole else { continue }
      try reader.assemble()
      let boot = batch.checkpoint.boot
      var items = try BatchReader(reader.bytes)
      while !items.isAtEnd {
        guard case .leaf(let bytes) = try items.next() else { continue }
        let leaf = try Leaf(decoding: bytes)
        var logged = LoggedLeaf(boot: boot, kind: leaf.kind)
        logged.epoch = batch.checkpoint.epoch
        if leaf.kind == .event {
          let event = try leaf.event()
          if event.code == .measurementsMissed { logged.gap = try event.gap() }
          if event.code == .deviceAttached || event.code == .deviceDetached {
            logged.device = Device(
              name: String(
                decoding: try event.deviceName().withUnsafeBufferPointer { Array($0) },
                as: UTF8.self),
              isThere: event.code == .deviceAttached, changeCount: try event.changeCount())
          }
          if let code = event.code, code == .consoleUnlocked || code == .consoleRefused {
            let console = try event.console()
            let terminal = console.terminal.indices.map { console.terminal[$0] }
            logged.console = .init(
              code: code, terminal: String(decoding: terminal, as: UTF8.self), count: console.count)
          }
          if event.code == .leavesDropped { logged.lost = try event.gap() }
          if event.code == .olderLeavesDropped {
            logged.lost = try event.gap()
            logged.lostEpoch = try event.olderEpoch()
          }
        }
        if leaf.kind == .fault {
          let fault = try leaf.fault()
          logged.fault = Fault(
            schema: leaf.schema, codeNumber: fault.codeNumber, count: fault.count)
        }
        if leaf.kind == .witness {
          logged.witness = try leaf.witness()
          logged.schemaNumber = leaf.schema
        }
        if leaf.kind == .schema { logged.schemaNumber = leaf.schema }
        if leaf.kind == .clock { logged.clock = try leaf.clock() }
        if leaf.kind == .challenge {
          let hash = try leaf.challengeHash()
          logged.challengeHash = Digest(hash)
        }
        leaves.append(logged)
      }
    }
    return leaves
  }
}

struct Device: Equatable {
  let name: String
  let isThere: Bool
  let changeCount: UInt64
}

extension [Device] {
  /// Each coming and going, of those too that one leaf tells together: an agent that is held up sees two at once.
  var states: [Bool] {
    flatMap { device in
      (0..<device.changeCount).reversed().map { $0.isMultiple(of: 2) == device.isThere }
    }
  }
}

struct Fault: Equatable {
  let schema: UInt16
  let codeNumber: UInt64
  let count: UInt64
}

struct LoggedLeaf: Equatable {
  let boot: UInt64
  let kind: LeafKind?
  var epoch: UInt64 = 0
  var gap: Leaf.Event.Gap?
  /// Of leaves that are not to be had, and of which earlier epoch.
  var lost: Leaf.Event.Gap?
  var lostEpoch: UInt64?
  var clock: Leaf.Clock?
  var device: Device?
  var fault: Fault?
  var challengeHash: Digest?
  var witness: BeaconWitness?
  /// Of witness and schema leaves.
  var schemaNumber: UInt16?
  var console: Console?

  struct Console: Equatable {
    let code: EventCode
    let terminal: String
    let count: UInt64
  }
}

extension DeviceLog where Storage == FileStorage {
  mutating func append(at milliseconds: Int64, _ encode: (inout [UInt8]) -> Int) throws {
    var buffer = [UInt8](repeating: 0, count: 1100)
    let count = encode(&buffer)
    try append(leaf: buffer.span.extracting(0..<count), milliseconds: milliseconds)
  }
}

extension UnixConnection {
  func send(_ message: borrowing AgentMessage) throws {
    var packet = [UInt8](repeating: 0, count: 4096)
    var encoder = CBOREncoder(packet.mutableSpan)
    message.encode(into: &encoder)
    let count = encoder.byteCount
    try send(packet.span.extracting(0..<count), timeoutMilliseconds: 1000)
  }

  /// The type of the next message.
  func receiveType() throws -> AgentMessage.MessageType { try receiveMessage { $0.type } }

  /// Why the next message that denies or answers something does so: nil when it answers.
  func receiveDenial() throws -> AgentMessage.DenialReason? {
    while true {
      let found: (isAnswer: Bool, reason: AgentMessage.DenialReason?)? = try receiveMessage {
        message in
        switch message {
        case .denied(_, let reason): return (false, reason)
        case .answer: return (true, nil)
        default: return nil
        }
      }
      if let found { return found.reason }
    }
  }

  /// The refusal code of the next answer, 0 for taken; what else the agent says is passed over.
  func receiveAnswer() throws -> UInt16 {
    while true {
      let code: UInt16? = try receiveMessage { message in
        switch message {
        case .answer(_, let code), .receiptAnswer(_, let code): return code ?? 0
        default: return nil
        }
      }
      if let code { return code }
    }
  }

  /// The problem that the next status tells.
  func receiveProblem() throws -> UInt16? { try receiveStatus().problem }

  struct NoStatus: Error {}

  func receiveStatus() throws -> AgentStatus {
    let status: AgentStatus? = try receiveMessage { message in
      if case .status(let status) = message { return status }
      return nil
    }
    guard let status else { throw NoStatus() }
    return status
  }

  func receiveMessage<Result>(_ read: (borrowing AgentMessage) -> Result) throws -> Result {
    var packet = [UInt8](repeating: 0, count: 4096)
    var span = packet.mutableSpan
    let count = try receive(into: &span, timeoutMilliseconds: 20_000)
    return read(try AgentMessage(decoding: span.span.extracting(0..<count)))
  }
}

/// 32 times the same byte.
func filled(_ byte: UInt8) -> FixedBytes<32> {
  var bytes = FixedBytes<32>()
  for index in 0..<32 { bytes[index] = byte }
  return bytes
}
