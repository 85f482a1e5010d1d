import AgentMessages
import CLibEdit
import CLinux
import FixedMemory
import LinuxPlatform
import NodeFiles

/// One person at one terminal, from the greeting to `quit` or a hang-up.
///
///     read a line ──▶ word ──▶ page             open to everybody
///         ▲            └─────▶ unlock           passphrase, event leaf
///         │                     └──▶ adopt      while unlocked
///         └── too long, noise: refused, and on
///
/// Invariants: a line has at most `maximumLineByteCount` bytes, and more is never kept; nothing waits longer than
/// `idleMilliseconds`; unlocked ends `unlockedMilliseconds` after the last line.
struct ConsoleSession: ~Copyable {
  /// The longest line that means something has 12.
  static var maximumLineByteCount: Int { 200 }
  /// Unlocked without a line for so long is locked again.
  static var unlockedMilliseconds: Int64 { 300_000 }
  /// A wait for a line begins anew after so long.
  private static var idleMilliseconds: Int64 { 3_600_000 }

  let paths: NodePaths
  let isTerminal: Bool
  let terminal = ConsoleTerminal.name()
  private let isEditing: Bool
  private(set) var isUnlocked = false
  private var lastLineMilliseconds: Int64 = 0
  private var hasEnded = false

  init(_ paths: NodePaths, isTerminal: Bool, _ console: Console) {
    self.paths = paths
    self.isTerminal = isTerminal
    guard isTerminal, console.isTerminal, Console.understandsControls() else {
      isEditing = false
      return
    }
    isEditing = unsafe cairn_editor_open(ConsoleWord.completions.utf8Start) == 0
  }

  func close() {
    if isEditing { cairn_editor_close() }
  }

  mutating func run(_ arguments: borrowing Arguments, _ output: inout Output) {
    output.write("Cairn console", .heading)
    output.write(" on ")
    output.write(untrusted: terminal.span)
    output.write(". Reading is open; ")
    output.write("help", .heading)
    output.write(" lists what can be asked.")
    output.newLine()
    var line = InlineArray<200, UInt8>(repeating: 0)
    while !hasEnded {
      output.flush()
      guard !output.isGone else { return }
      let count = read(into: &line)
      expire(&output)
      if count >= 0 {
        lastLineMilliseconds = cairn_clock_boot()
        take(line.span.extracting(0..<Int(count)), arguments, &output)
      } else {
        take(failure: Int32(truncatingIfNeeded: 0 &- count), &output)
      }
    }
  }

  /// The line's length, or -errno.
  private func read(into line: inout InlineArray<200, UInt8>) -> Int64 {
    let prompt: StaticString = isUnlocked ? "cairn# \0" : "cairn> \0"
    let patience = isUnlocked ? Self.unlockedMilliseconds : Self.idleMilliseconds
    var span = line.mutableSpan
    if isEditing {
      return unsafe span.withUnsafeMutableBufferPointer {
        unsafe cairn_editor_read(prompt.utf8Start, $0.baseAddress, Int64($0.count), patience)
      }
    }
    if isTerminal {
      _ = unsafe cairn_session_write(prompt.utf8Start, Int64(prompt.utf8CodeUnitCount) - 1)
    }
    let flags = isTerminal ? Int32(CAIRN_SESSION_ECHO) : 0
    let count = unsafe span.withUnsafeMutableBufferPointer {
      unsafe cairn_session_read_line($0.baseAddress, Int64($0.count), flags, patience)
    }
    if isTerminal { ConsoleTerminal.write("\n") }
    return count
  }

  private mutating func take(failure errno: Int32, _ output: inout Output) {
    switch errno {
    case E2BIG:
      output.write("The line was longer than ")
      output.write(Self.maximumLineByteCount)
      output.write(" bytes, and was ignored.")
      output.newLine()
    case EILSEQ:
      output.paragraph(
        """
        The line held bytes that are no plain text, and was ignored. Garbage without typing means \
        another speed at the other end.
        """, indentation: 0)
      output.newLine()
    case ECANCELED where isEditing:
      output.write("^C")
      output.newLine()
    case ECANCELED: break
    // Nobody has typed for long; the prompt is shown anew. `expire` has locked.
    case ETIMEDOUT:
      if isEditing { output.newLine() }
    default:
      // End of input, hang-up or a signal.
      if isEditing { output.newLine() }
      hasEnded = true
    }
  }

  /// Locks when nobody has typed a line for too long.
  private mutating func expire(_ output: inout Output) {
    guard isUnlocked,
      cairn_clock_boot() - lastLineMilliseconds >= Self.unlockedMilliseconds
    else { return }
    isUnlocked = false
    if isEditing { output.newLine() }
    output.write("Locked: five minutes without a line.")
    output.newLine()
  }

  private mutating func take(
    _ line: Span<UInt8>, _ arguments: borrowing Arguments, _ output: inout Output
  ) {
    switch ConsoleLine.read(line) {
    case .nothing: break
    case .word(.sensors, isLive: true):
      if ConsoleSensors.live(arguments, isTerminal: isTerminal, &output) == .ended {
        hasEnded = true
      }
    case .word(.radios, isLive: true):
      if ConsolePages.radiosLive(arguments, isTerminal: isTerminal, &output) == .ended {
        hasEnded = true
      }
    case .word(let word, _): take(word, arguments, &output)
    case .tooMany(let word):
      output.write("`")
      output.write(word.text)
      output.write(
        word.hasLivePage ? "` takes nothing behind it but `live`." : "` takes nothing behind it.")
      output.newLine()
    case .unknown(let nearest):
      output.write("There is no command \"")
      output.write(untrusted: line.extracting(0..<min(line.count, 40)))
      output.write("\"")
      if let nearest {
        output.write(": did you mean ")
        output.write(nearest, .heading)
        output.write("?")
      } else {
        output.write("; `help` lists them.")
      }
      output.newLine()
    }
  }

  private mutating func take(
    _ word: ConsoleWord, _ arguments: borrowing Arguments, _ output: inout Output
  ) {
    switch word {
    case .help: ConsolePages.help(isUnlocked: isUnlocked, &output)
    case .status: _ = StatusCommand.run(arguments, &output)
    case .sensors: ConsoleSensors.page(arguments, &output)
    case .radios: ConsolePages.radios(arguments, &output)
    case .log: ConsolePages.log(arguments, &output)
    case .delivery: ConsolePages.delivery(arguments, &output)
    case .clock: ConsolePages.clock(arguments, &output)
    case .board: ConsolePages.board(arguments, &output)
    case .errors: ConsolePages.errors(arguments, &output)
    case .key: ConsolePages.key(arguments, &output)
    case .unlock: unlock(&output)
    case .lock:
      output.write(isUnlocked ? "Locked." : "It was locked already.")
      output.newLine()
      isUnlocked = false
    case .adopt: adopt(&output)
    case .test: test(&output)
    case .quit: hasEnded = true
    }
  }

  private mutating func unlock(_ output: inout Output) {
    guard !isUnlocked else {
      output.write("It is unlocked already.")
      output.newLine()
      return
    }
    var lock = ConsoleLock(paths, terminal)
    switch lock.open(isTerminal: isTerminal, &output) {
    case .unlocked:
      isUnlocked = true
      lastLineMilliseconds = cairn_clock_boot()
    case .locked: break
    case .ended: hasEnded = true
    }
  }

  private func test(_ output: inout Output) {
    guard isUnlocked else {
      output.write("This sends: `unlock` first.")
      output.newLine()
      return
    }
    do throws(SocketFailure) {
      let answer = try AgentRadioCommand.ask(
        .radioTest(channel: 0, spreadingFactor: 9), at: paths.agentSocket)
      AgentRadioCommand.tell(answer, isJSON: false, &output)
    } catch {
      output.write("No agent answers on the socket, and it has the radio. Start it first.")
      output.newLine()
    }
  }

  private func adopt(_ output: inout Output) {
    guard isUnlocked else {
      output.write("This changes who the node is: `unlock` first.")
      output.newLine()
      return
    }
    do throws(SocketFailure) {
      KeyAdoptCommand.tell(try KeyAdoptCommand.ask(at: paths.agentSocket), false, &output)
    } catch {
      output.paragraph(
        "No agent answers on the socket, and only the agent touches the key. Start it first.",
        indentation: 0)
      output.newLine()
    }
  }
}
