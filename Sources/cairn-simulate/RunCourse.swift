import Foundation
import Simulation

/// One run: starts everything in order, shows what the gateway says, ends everything in order.
///
///     folder → owner → gateway → boards → site.ini, agent, uplink of each → … → agents end → the rest is delivered
///            → uplinks end → gateway ends → export
///
/// One thread turns all of it. Every wait has a bound, and each program is killed with this one, however this
/// one ends.
final class RunCourse {
  /// Why a run ends before its time.
  enum Failure: Error {
    /// A step was not done.
    case step(String, reason: String)
    /// A program ended that should not have.
    case ended(String, DemoExit, tail: [String])
    /// Asked to end once more while it was ending.
    case forced(signal: Int32)
  }

  enum Outcome { case met, time, asked }

  /// Bounds of the waits, in milliseconds. A debug build on a busy machine takes seconds to start.
  enum Bound {
    static let gatewayStart: Int64 = 30_000
    static let agentStart: Int64 = 20_000
    static let firstBatch: Int64 = 30_000
    static let agentEnd: Int64 = 10_000
    static let delivery: Int64 = 8_000
    /// After the last batch nothing more comes within this.
    static let quiet: Int64 = 700
    static let end: Int64 = 5_000
    static let export: Int64 = 60_000
    /// From the gateway's word to the agent's.
    static let receipt: Int64 = 1_500
  }

  let options: RunCommand
  let folder: RunFolder
  let output: RunOutput
  var tally = DemoTally()
  var gatewayKey = ""
  var gatewayAddress = ""
  /// The owner's public key, in hexadecimal.
  var ownerKey = ""
  let nodes: [RunNode]
  var coverage = RunCoverage()
  /// Batches of several boards that are shown together.
  var round = DemoRound()
  var coverageTally: DemoCoverageTally
  /// What `cairn` has written so far.
  var toolOutput = ""

  private let signals: DemoSignals
  private var signalCount = 0
  private var toleratedSignalCount = 0
  private var lastSignal: Int32 = 0

  var hardware: RunHardware?
  var weather: DemoWeather?
  var programs: [DemoProgram] = []
  /// Programs that have been asked to end, or may.
  var expectedToEnd: Set<ObjectIdentifier> = []
  private var lastBatchMilliseconds: Int64 = 0
  private var hasWarned = false
  /// Asks the gateway for verdicts.
  var gatewayWatch: RunGatewayWatch?
  /// Everything has been started.
  private var hasBegun = false
  private var notes = DemoNotes()
  private var saidTexts: Set<String> = []
  private let startMilliseconds = DemoSystem.milliseconds

  init(
    _ options: RunCommand, folder: consuming RunFolder, output: RunOutput, signals: DemoSignals
  ) {
    self.options = options
    nodes = options.nodes.map { RunNode($0, paths: folder.node($0.name)) }
    coverageTally = DemoCoverageTally(names: options.nodes.map(\.name))
    self.folder = folder
    self.output = output
    self.signals = signals
  }

  var now: Int64 { DemoSystem.milliseconds }

  /// Returns the exit status.
  func run() -> Int32 {
    showHeader()
    var status: Int32 = 0
    do throws(Failure) {
      do throws(Failure) {
        try start()
        try watch()
      } catch {
        if case .forced = error { throw error }
        status = show(error)
      }
      try end()
    } catch {
      status = show(error)
    }
    killAll()
    flushPending(.agentEnded)
    if hasBegun {
      showCoverage()
      showCount()
    }
    if tally.verifiedCount > 0, status < 128, !export() { status = max(status, RunExit.bad) }
    killAll()
    if status == 0, let shortcoming = tally.shortcoming {
      output.show(DemoLine.wrapped(label: "verdict", "✘ \(shortcoming)", .bad))
      status = RunExit.bad
    }
    output.finish()
    return status
  }

  // MARK: - Starting

  private func start() throws(Failure) {
    try checkPrograms()
    try makeOwner()
    let gateway = try start(
      "gateway", options.gatewayPath,
      [
        "serve", "--data", folder.gateway, "--listen", "127.0.0.1:0", "--events", "--enrolment",
        "invite", "--owners", folder.owners,
      ] + coverageArguments)
    try wait(for: gateway, Bound.gatewayStart) { !self.gatewayAddress.isEmpty }
    step(
      "gateway",
      "\(gatewayAddress), key \(DemoBlock.short(gatewayKey, digitCount: 8)), "
        + "takes this owner's nodes")
    try startHardware()
    for node in nodes { try start(node) }
    watchGateway()
    lastBatchMilliseconds = now
    hasBegun = true
  }

  private func start(_ node: RunNode) throws(Failure) {
    try writeSite(node)
    let common = [
      "--config", node.paths.site, "--state", node.paths.state, "--run", node.paths.run,
    ]
    let agent = try start(
      "\(node.name) agent", options.program("cairn-agent"), ["--board", options.board] + common)
    node.agent = agent
    try wait(for: agent, Bound.agentStart) { node.announcement != nil }
    node.uplink = try start(
      "\(node.name) uplink", options.program("cairn-uplink-https"), common)
    step(node.name, "\(describe(node)); agent \(node.announcement ?? ""), and its uplink")
  }

  private func checkPrograms() throws(Failure) {
    let needed =
      [options.gatewayPath] + ["cairn-agent", "cairn-uplink-https", "cairn"].map(options.program)
    for path in needed where !FileManager.default.isExecutableFile(atPath: path) {
      let name = URL(fileURLWithPath: path).lastPathComponent
      let remedy =
        path == options.gatewayPath
        ? "build it (`swift build --product cairn-gateway`), or say where: --gateway-program PATH"
        : "build it (`make ship`), or say where: --programs FOLDER"
      throw .step(name, reason: "there is no program at \(path): \(remedy)")
    }
  }

  func start(_ name: String, _ path: String, _ arguments: [String]) throws(Failure)
    -> DemoProgram
  {
    output.status(DemoLine("  … \(name)", .quiet))
    do throws(DemoProgram.Failure) {
      let program = try DemoProgram(name, path: path, arguments: arguments)
      programs.append(program)
      return program
    } catch {
      switch error {
      case .notStarted(let path, let errno):
        throw .step(name, reason: "\(path) does not start: \(DemoSystem.words(errno: errno))")
      }
    }
  }

  private func wait(
    for program: DemoProgram, _ milliseconds: Int64, until condition: () -> Bool
  ) throws(Failure) {
    switch try pump(milliseconds, until: condition) {
    case .met: return
    case .time:
      throw .step(
        program.name,
        reason: "no word of its start for \(milliseconds / 1000) s"
          + (program.tail.isEmpty
            ? "" : "; its last words: \(program.tail.joined(separator: " | "))"))
    case .asked: throw .step(program.name, reason: "asked to end before it had started")
    }
  }

  private func startHardware() throws(Failure) {
    do throws(RunBoard.Failure) {
      let hardware = try RunHardware(
        options: options, nodes: nodes.map { ($0.demo, $0.paths) })
      self.hardware = hardware
      weather = DemoWeather(hardware.replay)
      let recording = URL(fileURLWithPath: options.recording).lastPathComponent
      guard let first = hardware.boards.first else { return }
      let count = hardware.boards.count
      step(
        count == 1 ? "board" : "boards",
        (count == 1 ? "" : "\(count), each with ")
          + "\(first.chips), receiver \(recording), "
          + (count == 1 ? first.node.radioModel : DemoNode.radioModels))
      let commands: [FaultCommand]
      do { commands = try options.faults() } catch { commands = [] }
      // Faults are the first board's.
      for command in commands {
        note("board", first.board.perform(command, now: now), .warning)
      }
    } catch {
      throw .step("boards", reason: "\(error)")
    }
  }

  /// Nothing more is heard of it.
  func forget(_ program: DemoProgram) { programs.removeAll { $0 === program } }

  private func writeSite(_ node: RunNode) throws(Failure) {
    let invite = try invite(for: node.name)
    do {
      let text = DemoSite.text(
        address: gatewayAddress, publicKey: gatewayKey, authorization: invite, node: node.demo,
        transmits: nodes.count > 1)
      try text.write(toFile: node.paths.site, atomically: true, encoding: .utf8)
    } catch {
      throw .step("site", reason: "\(node.paths.site): \(error.localizedDescription)")
    }
  }

  // MARK: - Running and ending

  private func watch() throws(Failure) {
    let end = options.seconds.map { startMilliseconds + $0 * 1_000 } ?? .max
    while now < end {
      switch try pump(min(1_000, end - now), until: { self.output.isBroken }) {
      case .asked, .met: return
      case .time: warnOfSilence()
      }
    }
  }

  /// A run without batches says what it is waiting for.
  private func warnOfSilence() {
    guard !hasWarned, now - lastBatchMilliseconds > Bound.firstBatch else { return }
    hasWarned = true
    let words = programs.filter { $0.name != "gateway" }.flatMap { program in
      program.tail.suffix(2).map { "\(program.name): \($0)" }
    }
    note(
      "waiting",
      "no batch for \(Bound.firstBatch / 1000) s. "
        + (words.isEmpty ? "Nobody says why." : words.joined(separator: " | ")), .warning)
  }

  private func end() throws(Failure) {
    toleratedSignalCount = signalCount
    if signalCount > 0, output.terminal.isInteractive { output.show([DemoLine()]) }
    let before = nodes.map(\.verifiedCount)
    let agents = nodes.compactMap(\.agent).filter(\.isRunning)
    if !agents.isEmpty {
      try end(agents, Bound.agentEnd, saying: "sealing what was measured")
      for node in nodes { node.status.close() }
      if nodes.contains(where: { $0.uplink?.isRunning == true }) {
        output.status(DemoLine("  … delivering the rest", .quiet))
        _ = try pump(Bound.delivery) {
          zip(self.nodes, before).allSatisfy { $0.verifiedCount > $1 }
            && self.now - self.lastBatchMilliseconds > Bound.quiet
        }
      }
    }
    try end(
      nodes.compactMap(\.uplink).filter(\.isRunning), Bound.end, saying: "ending the uplinks")
    flushPending(.agentEnded)
    try askGatewayOnceMore()
    if let gateway = running("gateway") {
      try end([gateway], Bound.end, saying: "ending the gateway")
      // Its last words are in the pipe.
      _ = try pump(1_000) { gateway.descriptors.isEmpty }
    }
    hardware?.close()
    hardware = nil
  }

  private func running(_ name: String) -> DemoProgram? {
    programs.first { $0.name == name && $0.isRunning }
  }

  private func end(_ programs: [DemoProgram], _ milliseconds: Int64, saying words: String)
    throws(Failure)
  {
    output.status(DemoLine("  … \(words)", .quiet))
    for program in programs {
      expectedToEnd.insert(ObjectIdentifier(program))
      program.askToEnd()
    }
    guard try pump(milliseconds, until: { !programs.contains(where: \.isRunning) }) != .met
    else { return }
    for program in programs where program.isRunning {
      program.kill()
      note(
        program.name, "did not end within \(milliseconds / 1000) s, and was killed", .warning)
    }
  }

  private func killAll() {
    gatewayWatch?.stop()
    for program in programs { program.kill() }
    hardware?.close()
    hardware = nil
  }

  /// The export is what somebody else's tools verify. True when it is there.
  private func export() -> Bool {
    do throws(Failure) {
      do { try folder.removeExport() } catch {
        throw .step("export", reason: error.localizedDescription)
      }
      let path = options.program("cairn")
      guard FileManager.default.isExecutableFile(atPath: path) else {
        throw .step("export", reason: "there is no program at \(path): build it (`make ship`)")
      }
      toleratedSignalCount = signalCount
      let tool = try start(
        "export", path,
        [
          "log", "export", "--state", nodes[0].paths.state, "--run", nodes[0].paths.run, "--to",
          folder.export,
        ])
      expectedToEnd.insert(ObjectIdentifier(tool))
      guard try pump(Bound.export, until: { !tool.isRunning }) == .met else {
        throw .step("export", reason: "took longer than \(Bound.export / 1000) s")
      }
      guard tool.ended == .status(0) else { throw tool.failure }
      guard FileManager.default.fileExists(atPath: folder.export + "/checkpoint.cose") else {
        throw .step("export", reason: "\(path) wrote no checkpoint to \(folder.export)")
      }
      showExport()
      return true
    } catch {
      _ = show(error)
      return false
    }
  }

  // MARK: - The turn

  /// Turns everything until the condition is met, the time is over, or somebody asks to end.
  func pump(_ milliseconds: Int64, until condition: () -> Bool) throws(Failure) -> Outcome {
    let end = now + milliseconds
    while true {
      if condition() { return .met }
      if signalCount > toleratedSignalCount {
        if toleratedSignalCount > 0 || !expectedToEnd.isEmpty { throw .forced(signal: lastSignal) }
        return .asked
      }
      guard now < end else { return .time }
      try turn(untilMilliseconds: min(end, now + 100))
    }
  }

  private func turn(untilMilliseconds end: Int64) throws(Failure) {
    let others =
      [signals.descriptor] + programs.flatMap(\.descriptors)
      + nodes.compactMap { $0.status.descriptor }
    if let hardware {
      do throws(RunBoard.Failure) {
        let turn = try hardware.turn(untilMilliseconds: end, others: others)
        for (node, text) in turn.told { note(node, text, .warning) }
        take(turn)
      } catch {
        throw .step("boards", reason: "\(error)")
      }
    } else {
      DemoSystem.wait(for: others, milliseconds: end - now)
    }
    readSignals()
    for program in programs { read(program) }
    for node in nodes { lookAtAgent(node) }
    takeVerdicts()
    showStatus()
    for program in programs
    where !program.isRunning && !expectedToEnd.contains(ObjectIdentifier(program)) {
      expectedToEnd.insert(ObjectIdentifier(program))
      throw program.failure
    }
  }

  private func readSignals() {
    while let signal = signals.next() {
      signalCount += 1
      lastSignal = signal
    }
  }

  private func read(_ program: DemoProgram) {
    let lines = program.read()
    for line in lines.output where !line.isEmpty { take(line, from: program) }
    for line in lines.error where !line.isEmpty { takeTalk(line, of: program) }
  }

  private func take(_ line: String, from program: DemoProgram) {
    if let node = nodes.first(where: { $0.agent === program }), node.announcement == nil {
      return node.take(announcement: line)
    }
    switch program.name {
    case "gateway":
      do throws(DemoEvent.Failure) {
        let event = try DemoEvent(line: line)
        output.pass(line)
        take(event)
      } catch {
        note("gateway", "said what is no event: \(line.prefix(200))", .warning)
      }
    case "owner": toolOutput += line
    case "export": break  // What it wrote is shown with the command that verifies it.
    default: takeTalk(line, of: program)
    }
  }

  /// What programs say beside. What one board's has said needs no repetition by another's.
  private func takeTalk(_ line: String, of program: DemoProgram) {
    guard let text = notes.take(line, of: program.name) else { return }
    guard nodes.count == 1 || saidTexts.insert(text).inserted else { return }
    note(program.name, text, .quiet)
  }

  private func take(_ event: DemoEvent) {
    tally.count(event)
    switch event {
    case .started(let address, let publicKey):
      gatewayAddress = address
      gatewayKey = publicKey
    case .device(let enrolment): show(enrolment)
    case .batch(let batch):
      lastBatchMilliseconds = now
      hasWarned = false
      notes.reset()
      node(ofDevice: batch.device)?.take(batch, now)
    case .refused(let refusal): output.show(refusal.lines)
    case .repeated(_, let epoch, let batch):
      note("repeat", "batch \(batch) of epoch \(epoch) came again: the first receipt again", .quiet)
    case .challenge(let number, let region):
      let whom = region.isEmpty ? "everybody" : region
      if nodes.count == 1 {
        note("challenge", "number \(number) for \(whom): what follows it is not older", .quiet)
      }
    case .omitted(let lines):
      note("omitted", "\(lines) events were not read fast enough", .warning)
    case .unknown(let name): note("gateway", "an event of a later version: \(name)", .quiet)
    }
  }

  /// Milliseconds since the start.
  var elapsedMilliseconds: Int64 { now - startMilliseconds }
}

extension DemoProgram {
  /// That it ended, and how.
  var failure: RunCourse.Failure {
    .ended(name, ended ?? .status(0), tail: tail)
  }
}
