import FixedMemory
import LinuxPlatform
import NodeConfiguration

/// How a long-running program of a board begins: options, configuration, paths. Each step succeeds, or ends
/// the program with its exit status and the reason on standard error.
///
///     let options = program.start()                      2, or 0 for --help and --version
///     let files = program.configuration(options)         78
///     let paths = program.paths(options, files.site)     2
public struct BoardProgram {
  /// As it is typed, and as its lines begin.
  public let name: StaticString
  public let version: StaticString
  /// What --help prints, without a line's end.
  public let help: StaticString
  /// It reaches devices, so that it needs a board profile: named with --board, or found (`BoardChoice`).
  public let requiresBoard: Bool

  public init(
    name: StaticString, version: StaticString, help: StaticString, requiresBoard: Bool
  ) {
    self.name = name
    self.version = version
    self.help = help
    self.requiresBoard = requiresBoard
  }

  /// Reads the command line. From here on a reader of its output that goes does not end the program.
  public func start() -> ProgramOptions {
    var isGiven = false
    return start(orWith: "", &isGiven)
  }

  /// The same for a program with one word of its own, which changes what it does.
  public func start(orWith flag: StaticString, _ isGiven: inout Bool) -> ProgramOptions {
    do throws(SystemError) { try ignoreBrokenPipes() } catch {
      end(.refused, ": the kernel refuses to ignore SIGPIPE; look at the sandbox")
    }
    var problems = ProblemList()
    // Who reaches devices is who has the key.
    var options = ProgramOptions(stateFolder: "/var/lib/cairn", takesKeyAddress: requiresBoard)
    do throws(FileFailure) {
      let arguments = try ProgramArguments()
      for index in 1..<max(1, arguments.count) {
        if arguments[index].equals("--version") { printAndEnd(name, " ", version) }
        if arguments[index].equals("--help") { printAndEnd(help, "", "") }
        if !options.take(arguments[index], problems: &problems) {
          if !flag.bytes.isEmpty, arguments[index].equals(flag) {
            isGiven = true
            continue
          }
          options.refuseUnknown(arguments[index], problems: &problems)
        }
      }
    } catch {
      switch error {
      case .tooLong: end(.usage, ": the command line is longer than 4096 bytes")
      case .notFound, .notAFile, .pathTooLong, .noSpace, .system:
        end(.refused, ": /proc/self/cmdline can't be read; is /proc mounted?")
      }
    }
    options.finish(problems: &problems)
    if requiresBoard, problems.isUsable { BoardChoice.choose(for: &options, problems: &problems) }
    problems.writeAll(options: options, to: .error)
    guard problems.isUsable else { NodeFiles.end(.usage) }
    return options
  }

  /// Reads the site file, and the board profile where one is needed. Warnings are written too.
  public func configuration(_ options: borrowing ProgramOptions) -> NodeConfigurationFiles {
    var problems = ProblemList()
    let files = NodeConfigurationFiles.load(
      options: options, requiresBoard: requiresBoard, problems: &problems)
    problems.writeAll(options: options, to: .error)
    guard let files else { NodeFiles.end(.configuration) }
    return files
  }

  public func paths(
    _ options: borrowing ProgramOptions, _ site: borrowing SiteConfiguration
  ) -> NodePaths {
    guard let paths = NodePaths(options: options, keyFile: site.keyFile) else {
      end(.usage, ": --state or --run is too long for the names below it")
    }
    if paths.isKeyAnothersPlace {
      end(.configuration, ": the key's address is that of another file of the agent")
    }
    return paths
  }

  /// Ends the program; the line begins with its name.
  private func end(_ status: ExitStatus, _ what: StaticString) -> Never {
    var text = TextBuilder<256>()
    text.append(name)
    text.append(what)
    NodeFiles.end(status, text.span)
  }

  private func printAndEnd(
    _ first: StaticString, _ second: StaticString, _ third: StaticString
  ) -> Never {
    // Nothing is left to do when standard output is closed.
    do throws(SystemError) {
      try StandardStream.output.write(first)
      try StandardStream.output.write(second)
      try StandardStream.output.write(third)
      try StandardStream.output.write("\n")
    } catch {}
    NodeFiles.end(.success)
  }
}
