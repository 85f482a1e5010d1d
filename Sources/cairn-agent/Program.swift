import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs
import Signers

/// The version that boot leaves and `--version` give.
var agentVersion: StaticString { "0.1.0" }

@main
struct Program {
  static func main() {
    do throws(SystemError) { try ignoreBrokenPipes() } catch { end(.refused, "no signals") }
    var problems = ProblemList()
    let options = readOptions(&problems)
    guard
      let files = NodeConfigurationFiles.load(
        options: options, requiresBoard: true, problems: &problems)
    else {
      problems.writeAll(options: options, to: .error)
      end(.configuration)
    }
    problems.writeAll(options: options, to: .error)
    guard let paths = NodePaths(options: options) else {
      end(.usage, "cairn-agent: --state or --run is too long for the names below it")
    }
    var key = openKey(paths)
    let log = openLog(paths, files.site, key: &key)
    var agent = Agent(files: files, paths: paths, key: key, log: log)
    agent.run()
    end(.success)
  }

  private static func readOptions(_ problems: inout ProblemList) -> ProgramOptions {
    var options = ProgramOptions(stateFolder: "/var/lib/cairn")
    do throws(FileFailure) {
      let arguments = try ProgramArguments()
      for index in 1..<max(1, arguments.count) {
        if arguments[index].equals("--version") { printVersion() }
        if arguments[index].equals("--help") { printHelp() }
        if !options.take(arguments[index], problems: &problems) {
          options.refuseUnknown(arguments[index], problems: &problems)
        }
      }
    } catch {
      end(.usage, "cairn-agent: the command line is longer than 4096 bytes")
    }
    options.finish(requiresBoard: true, problems: &problems)
    guard problems.isUsable else {
      problems.writeAll(options: options, to: .error)
      end(.usage)
    }
    return options
  }

  private static func printVersion() -> Never {
    // Nothing is left to do when standard output is closed.
    do throws(SystemError) {
      try StandardStream.output.write("cairn-agent ")
      try StandardStream.output.write(agentVersion)
      try StandardStream.output.write("\n")
    } catch {}
    end(.success)
  }

  private static func printHelp() -> Never {
    do throws(SystemError) {
      try StandardStream.output.write(
        """
        cairn-agent: measures, signs, and keeps a log that anyone can check

          --board FILE    board profile: buses and serial lines (Boards/)      needed
          --config FILE   site file: sensors, intervals, gateway               /etc/cairn/site.ini
          --state FOLDER  holds agent/ with key and log                        /var/lib/cairn
          --run FOLDER    sockets, and what relative virtual buses stand below /run/cairn
          --version, --help

        It runs until SIGTERM. Exit status: 0 asked to end, 2 command line, 69 a needed sensor is
        missing, 74 storage failed (a new start recovers), 77 key or spool refused, 78 configuration.

        """)
    } catch {}
    end(.success)
  }
}
