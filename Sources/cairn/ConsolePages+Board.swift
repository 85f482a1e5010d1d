import AgentMessages
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles

/// What the board's profile says, and what of it is there.
extension ConsolePages {
  static func board(_ arguments: borrowing Arguments, _ output: inout Output) {
    output.row("model")
    if !line(of: FixedPath("/proc/device-tree/model"), &output) {
      output.write("not told: this machine shows no device tree")
    }
    output.newLine()
    output.row("kernel")
    if !line(of: FixedPath("/proc/sys/kernel/osrelease"), &output) { output.write("not told") }
    output.newLine()
    temperature(&output)
    guard let files = files(arguments, &output) else { return }
    output.row("profile")
    output.write(untrusted: files.board.name.span)
    output.newLine()
    for index in files.board.buses.indices {
      let bus = files.board.buses[index]
      place(
        index == 0 ? "buses" : "", bus.name, bus.path, isVirtual: bus.place == .virtual, &output)
    }
    for index in files.board.serialLines.indices {
      let line = files.board.serialLines[index]
      place(
        index == 0 ? "serial" : "", line.name, line.path, isVirtual: line.place == .virtual,
        &output)
    }
    for index in files.board.spiBuses.indices {
      let bus = files.board.spiBuses[index]
      place(index == 0 ? "spi" : "", bus.name, bus.path, isVirtual: bus.place == .virtual, &output)
    }
    for index in files.board.gpioLines.indices {
      let line = files.board.gpioLines[index]
      output.row(index == 0 ? "lines" : "")
      output.write(untrusted: line.name.span)
      output.pad(to: 20)
      output.write("line ")
      output.write(UInt64(line.offset))
      if !line.chips.isEmpty {
        output.write(" of ")
        output.write(untrusted: line.chips[0].span)
      }
      output.newLine()
    }
  }

  /// The agent's radio, the noise it measured, what it heard, and what the board wires.
  static func radios(_ arguments: borrowing Arguments, _ output: inout Output) {
    agentRadio(arguments, &output)
    wiredRadios(arguments, &output)
  }

  private static func agentRadio(_ arguments: borrowing Arguments, _ output: inout Output) {
    let report = NodeReport(arguments)
    if case .silent = report.agent { StatusPage.writeAgent(report, &output) }
    guard let live = report.live else { return }
    guard live.radio != nil else {
      output.row("radio")
      output.write("the agent has none: [radio] port or wiring names it")
      output.newLine()
      return
    }
    StatusPage.writeRadio(report, &output)
    NoiseCommand.write(report.paths.agentSocket, &output)
    AgentRadioCommand.writeFrames(report.paths.agentSocket, &output)
  }

  /// A new page after so long, and the prompt again after that.
  private static var livePauseMilliseconds: Int64 { 2_000 }
  private static var livePages: Int { 1_800 }

  /// The agent's radio, until a key is pressed.
  static func radiosLive(
    _ arguments: borrowing Arguments, isTerminal: Bool, _ output: inout Output
  ) -> ConsoleTerminal.Wait {
    guard isTerminal else {
      agentRadio(arguments, &output)
      return .over
    }
    let clears = Console.understandsControls()
    for _ in 0..<livePages {
      if clears { output.clearScreen() }
      agentRadio(arguments, &output)
      output.write("live, every 2 s; any key ends it", .dim)
      output.newLine()
      output.flush()
      guard !output.isGone else { return .ended }
      let wait = ConsoleTerminal.waitForKey(milliseconds: livePauseMilliseconds)
      guard wait == .over else { return wait }
    }
    return .over
  }

  private static func wiredRadios(_ arguments: borrowing Arguments, _ output: inout Output) {
    guard let files = files(arguments, &output) else { return }
    output.row("radios")
    guard !files.board.loRaWirings.isEmpty else {
      output.paragraph("none: the board's profile has no [lora.NAME]")
      output.newLine()
      return
    }
    for index in files.board.loRaWirings.indices {
      if index > 0 { output.pad(to: Output.indentation) }
      let wiring = files.board.loRaWirings[index]
      radio(wiring, files.board, isUsed: files.site.radio?.wiring == wiring.name, &output)
    }
    output.pad(to: Output.indentation)
    output.emphasise(.warning)
    output.paragraph(
      """
      what the profile wires behind SPI, and whether the kernel has the bus: [radio] wiring gives one to the agent
      """)
    output.plain()
    output.newLine()
  }

  /// "hat      sx1262 on spi0 (/dev/spidev0.0) there; reset gpio18, busy gpio20, interrupt gpio16".
  private static func radio(
    _ wiring: BoardProfile.LoRaWiring, _ board: borrowing BoardProfile, isUsed: Bool,
    _ output: inout Output
  ) {
    output.write(untrusted: wiring.name.span)
    if isUsed { output.write(" (the agent's)") }
    output.write(": ")
    output.write(wiring.chip.text)
    output.write(" on ")
    output.write(untrusted: wiring.spi.span)
    if let bus = board.spiBus(named: wiring.spi) {
      output.write(", ")
      output.write(untrusted: bus.path.span)
      output.write(" ")
      presence(bus.path, &output)
    }
    output.newLine()
    output.pad(to: Output.indentation)
    var text = RowText()
    append("reset", wiring.reset, &text)
    append("busy", wiring.busy, &text)
    append("interrupt", wiring.interrupt, &text)
    if text.isEmpty { text.append("no line of its own") }
    output.finishRow(text)
  }

  private static func append(_ what: StaticString, _ line: Name?, _ text: inout RowText) {
    guard let line else { return }
    if !text.isEmpty { text.append(", ") }
    text.append(what)
    text.append(" on ")
    text.append(untrusted: line.span)
  }

  /// Name, device, and whether it is there.
  private static func place(
    _ row: StaticString, _ name: Name, _ path: PathText, isVirtual: Bool, _ output: inout Output
  ) {
    output.row(row)
    output.write(untrusted: name.span)
    output.pad(to: 20)
    output.write(untrusted: path.span)
    output.pad(to: 44)
    presence(path, &output)
    if isVirtual { output.write(", simulated", .warning) }
    output.newLine()
  }

  static func presence(_ path: PathText, _ output: inout Output) {
    guard let path = FixedPath(path.span) else { return }
    if fileExists(path) { output.write("there", .good) } else { output.write("not there", .bad) }
  }

  /// Of the processor, where the kernel tells it.
  private static func temperature(_ output: inout Output) {
    var bytes = InlineArray<32, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    do throws(FileFailure) {
      var count = try readFile(FixedPath("/sys/class/thermal/thermal_zone0/temp"), into: &span)
      while count > 0, span[count - 1] == 0x0a { count -= 1 }
      guard let millidegrees = decimal(span.span.extracting(0..<count)), millidegrees < 1_000_000
      else { return }
      output.row("processor")
      output.write(Int64(millidegrees / 100), powerOfTen: -1)
      output.write(" ")
      output.write(unit: ("Cel" as StaticString).bytes)
      output.newLine()
    } catch {}  // Not every board has such a file, and its absence says nothing.
  }

  /// The first line of a small file; false when there is none.
  private static func line(of path: FixedPath, _ output: inout Output) -> Bool {
    var bytes = InlineArray<160, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    do throws(FileFailure) {
      let count = try readFile(path, into: &span)
      var end = 0
      while end < count, span[end] != 0, span[end] != 0x0a { end += 1 }
      guard end > 0 else { return false }
      output.write(untrusted: span.span.extracting(0..<end))
      return true
    } catch { return false }
  }

  /// Site file and profile; nil when they can't be used, told in words.
  private static func files(_ arguments: borrowing Arguments, _ output: inout Output)
    -> NodeConfigurationFiles?
  {
    var problems = ProblemList()
    if let files = NodeConfigurationFiles.loadWithBoard(
      options: arguments.options, problems: &problems)
    {
      return files
    }
    output.row("profile")
    output.paragraph(
      """
      can't be told: the site file or the board's profile can't be used. `cairn config check` tells \
      why
      """)
    output.newLine()
    return nil
  }
}
