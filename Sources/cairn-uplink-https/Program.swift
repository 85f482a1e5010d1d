import FixedMemory
import HTTPSTransport
import LinuxPlatform
import NodeConfiguration
import NodeFiles

/// The version that requests and `--version` give.
var uplinkVersion: StaticString { "0.1.0" }

@main
struct Program {
  static func main() {
    do throws(SystemError) { try ignoreBrokenPipes() } catch { end(.refused, "no signals") }
    var problems = ProblemList()
    let options = readOptions(&problems)
    guard
      let files = NodeConfigurationFiles.load(
        options: options, requiresBoard: false, problems: &problems)
    else {
      problems.writeAll(options: options, to: .error)
      end(.configuration)
    }
    problems.writeAll(options: options, to: .error)
    guard let paths = NodePaths(options: options) else {
      end(.usage, "cairn-uplink-https: --state or --run is too long for the names below it")
    }
    let lock = lockFolder(paths)
    // Made before libcurl's threads, so that none of them takes the signals.
    let signals: TerminationSignals
    do throws(SystemError) { signals = try TerminationSignals() } catch {
      end(.refused, "cairn-uplink-https: the kernel gives no signal descriptor")
    }
    let transport = openTransport(files.site, signals)
    if var uplink = Uplink(paths: paths, lock: lock, transport: transport, signals: signals) {
      uplink.run()
    }
    sayEnd()
    end(.success)
  }

  private static func lockFolder(_ paths: NodePaths) -> FolderLock {
    do throws(FolderLock.Failure) {
      return try FolderLock(of: paths.uplinkFolder)
    } catch {
      var text = TextBuilder<512>()
      text.append("cairn-uplink-https: ")
      text.append(paths.uplinkFolder.span)
      switch error {
      case .notFound: text.append(": no such folder; make it, owned by the uplink's user")
      case .locked:
        text.append(": another uplink delivers from here; end that one first, or leave it the work")
      case .system(let errno):
        text.append(": can't be opened and locked: errno ")
        text.append(errno)
        text.append("; look at its owner and mode")
      }
      end(.refused, text.span)
    }
  }

  private static func sayEnd() {
    // The status says it too.
    do throws(SystemError) {
      try StandardStream.output.write(
        "cairn-uplink-https: ends as asked; what is not delivered stays in the spool\n")
    } catch {}
  }

  private static func openTransport(
    _ site: borrowing SiteConfiguration, _ signals: borrowing TerminationSignals
  ) -> HTTPSTransport {
    let timeouts = HTTPSTransport.Timeouts(
      connectMilliseconds: UInt32(site.delivery.connectTimeoutMilliseconds),
      totalMilliseconds: UInt32(site.delivery.timeoutMilliseconds))
    do throws(HTTPSTransport.Failure) {
      return try HTTPSTransport(
        gateway: site.gateway.url.span, authorities: site.gateway.caFile.span,
        userAgent: "cairn-uplink-https/0.1.0", timeouts: timeouts,
        allowsPlainHTTP: site.gateway.allowsPlainHTTP, stopDescriptor: signals.pollDescriptor)
    } catch {
      end(.configuration, error.explanation)
    }
  }

  private static func readOptions(_ problems: inout ProblemList) -> ProgramOptions {
    var options = ProgramOptions(stateFolder: "/var/lib/cairn")
    do throws(FileFailure) {
      let arguments = try ProgramArguments()
      for index in 1..<max(1, arguments.count) {
        if arguments[index].equals("--version") {
          printAndEnd("cairn-uplink-https ", uplinkVersion)
        }
        if arguments[index].equals("--help") { printAndEnd(help, "") }
        if !options.take(arguments[index], problems: &problems) {
          options.refuseUnknown(arguments[index], problems: &problems)
        }
      }
    } catch {
      end(.usage, "cairn-uplink-https: the command line is longer than 4096 bytes")
    }
    options.finish(requiresBoard: false, problems: &problems)
    guard problems.isUsable else {
      problems.writeAll(options: options, to: .error)
      end(.usage)
    }
    return options
  }

  private static var help: StaticString {
    """
    cairn-uplink-https: delivers the log's batches to the gateway, without devices and key

      --config FILE   site file: gateway, its key, time limits    /etc/cairn/site.ini
      --state FOLDER  agent/ is read, uplink/ holds the cursor    /var/lib/cairn
      --run FOLDER    holds the agent's socket                    /run/cairn
      --version, --help

    It runs until SIGTERM, however long network and gateway are missing. Exit status: 0 asked to
    end, 2 command line, 77 state refused, 78 configuration.
    """
  }

  private static func printAndEnd(_ text: StaticString, _ more: StaticString) -> Never {
    // Nothing is left to do when standard output is closed.
    do throws(SystemError) {
      try StandardStream.output.write(text)
      try StandardStream.output.write(more)
      try StandardStream.output.write("\n")
    } catch {}
    end(.success)
  }
}
