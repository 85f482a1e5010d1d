import CLinux
import FixedMemory
import LinuxPlatform

/// How such a program ends (docs/architecture.md): systemd decides by it whether to start it anew.
public enum SocketProgramExit: Int32, Sendable {
  case success = 0
  case usage = 2
  /// What it serves does not exist on this machine.
  case unavailable = 69
  case refused = 77
}

/// The command line of a program that serves the agent something by a socket in its run folder, and all that such
/// programs say of it. It has neither key nor configuration files, so it knows nothing of either.
///
///     let options = Options.read()          2, or 0 for --help and --version
///     let place = options.begin()           77
///     …                                     what it serves
///     place.serve(&server)                  until SIGTERM
public protocol SocketProgram {
  /// An option, with or without a value.
  associatedtype Word

  /// As it is typed, and as its lines begin.
  static var name: StaticString { get }
  static var version: StaticString { get }
  /// What --help prints, without a line's end.
  static var help: StaticString { get }
  /// Why a path is too long, in the words of its options; and what to do when another one has it.
  static var tooLongForASocket: StaticString { get }
  static var tooLongForTheKernel: StaticString { get }
  static var socketInUse: StaticString { get }

  /// As it is started without options.
  init()
  /// Which option that is; nil: none of this program's own.
  static func word(_ text: Span<UInt8>) -> Word?
  /// The option has no value, and is taken.
  mutating func isTaken(_ word: Word) -> Bool
  /// False: that is no value of this option.
  mutating func set(_ word: Word, _ value: Span<UInt8>) -> Bool
  /// What its value must be: "--run: a folder of up to 80 bytes".
  static func form(of word: Word) -> StaticString
  /// Why the options do not go together; nil: they do.
  var contradiction: StaticString? { get }

  /// Whose owner is the agent's user.
  var runFolder: FixedText<80> { get }
  /// Nil when that is too long.
  var socketPath: FixedPath? { get }
}

extension SocketProgram {
  /// Reads the command line, or ends the program.
  public static func read() -> Self {
    var options = Self()
    var awaited: Word?
    do throws(FileFailure) {
      let arguments = try ProgramArguments()
      for index in 1..<max(1, arguments.count) {
        if let word = awaited {
          guard options.set(word, arguments[index]) else { refuse(arguments[index], of: word) }
          awaited = nil
        } else {
          let word = known(arguments[index])
          if !options.isTaken(word) { awaited = word }
        }
      }
    } catch { end(.usage, "the command line can't be read, or is longer than 4096 bytes") }
    if awaited != nil { end(.usage, "the last option needs a value; see --help") }
    if let why = options.contradiction { end(.usage, why) }
    return options
  }

  private static func known(_ text: Span<UInt8>) -> Word {
    if text.equals("--help") { show(help) }
    if text.equals("--version") { show(name, " ", version) }
    if let word = word(text) { return word }
    var message = TextBuilder<256>()
    message.append("unknown argument ")
    message.append(untrusted: text)
    message.append("; see --help")
    end(.usage, message.span)
  }

  private static func refuse(_ value: Span<UInt8>, of word: Word) -> Never {
    var message = TextBuilder<384>()
    message.append(form(of: word))
    message.append(", not ")
    message.append(untrusted: value)
    end(.usage, message.span)
  }

  private static func show(
    _ first: StaticString, _ second: StaticString = "", _ third: StaticString = ""
  ) -> Never {
    // Nothing is left to do when standard output is closed.
    do throws(SystemError) {
      try StandardStream.output.write(first)
      try StandardStream.output.write(second)
      try StandardStream.output.write(third)
      try StandardStream.output.write("\n")
    } catch {}
    end(.success)
  }

  // MARK: Lines and the end

  /// Writes one line to standard error, if there is one.
  public static func tell(_ message: Span<UInt8>) {
    var text = TextBuilder<512>()
    text.append(name)
    text.append(": ")
    text.append(message)
    text.append("\n")
    // The status says it too, when nobody reads the line.
    do throws(SystemError) { try StandardStream.error.write(text) } catch {}
  }

  public static func end(_ status: SocketProgramExit) -> Never { exit(status.rawValue) }

  /// Writes one line to standard error, if there is one, and ends the program.
  public static func end(_ status: SocketProgramExit, _ message: Span<UInt8>) -> Never {
    tell(message)
    exit(status.rawValue)
  }

  /// The same with a text that is known beforehand.
  public static func end(_ status: SocketProgramExit, _ message: StaticString) -> Never {
    end(status, message.bytes)
  }

  // MARK: The socket

  /// Readies signals and place, or ends the program. From here on a reader of its output that goes does not end it.
  public func begin() -> SocketPlace<Self> {
    do throws(SystemError) { try ignoreBrokenPipes() } catch {
      Self.end(.refused, "the kernel refuses to ignore SIGPIPE; look at the sandbox")
    }
    let signals: TerminationSignals
    do throws(SystemError) { signals = try TerminationSignals() } catch {
      Self.end(.refused, "the kernel gives no signal descriptor")
    }
    guard let run = FixedPath(runFolder.span), let path = socketPath else {
      Self.end(.refused, Self.tooLongForASocket)
    }
    // The agent's folder: whoever owns it is the agent. No user's name has to be looked up.
    guard let agent = ownerUserID(of: run) else { Self.end(.refused, "--run: no such folder") }
    return SocketPlace(signals: signals, path: path, agent: agent)
  }

  /// The socket can't be had at that path.
  public static func refuse(_ failure: SocketFailure, _ path: FixedPath) -> Never {
    var text = TextBuilder<384>()
    text.append(path.span)
    text.append(": ")
    switch failure {
    case .pathInUse: text.append(socketInUse)
    case .pathTooLong: text.append(tooLongForTheKernel)
    case .nobodyListens: text.append("no such folder")
    case .timedOut, .closed, .messageTooLong: text.append("can't listen")
    case .system(let errno): text.append(SystemError(errno: errno))
    }
    end(.refused, text.span)
  }
}
