import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs

/// What every uplink does, from its command line to its end. Its transport is opened by the program, which
/// alone knows it.
extension Uplink where Transport: ~Copyable {
  /// Runs until SIGTERM or SIGINT. `open` ends the program when the configuration does not suit its transport.
  /// With `--check` all it does is `check`.
  public static func main(
    version: StaticString, help: StaticString,
    check: (borrowing SiteConfiguration, NodePaths) -> Void,
    open: (borrowing SiteConfiguration, borrowing TerminationSignals) -> Transport
  ) -> Never {
    let program = BoardProgram(
      name: Transport.programName, version: version, help: help, requiresBoard: false)
    var isCheck = false
    let options = program.start(orWith: "--check", &isCheck)
    let files = program.configuration(options)
    let paths = program.paths(options, files.site)
    if isCheck {
      check(files.site, paths)
      NodeFiles.end(.success)
    }
    // A turn may have two requests, each as long as configured; waiting for key and spool is no failure.
    ServiceManager.allowSilence(
      seconds: UInt32(files.site.delivery.timeoutMilliseconds / 1000) * 2 + 120)
    ServiceManager.tellReady()
    let lock = lockFolder(paths)
    // Made before any thread of a library, so that none of them takes the signals.
    let signals: TerminationSignals
    do throws(SystemError) { signals = try TerminationSignals() } catch {
      end(.refused, saying: "the kernel gives no signal descriptor")
    }
    let transport = open(files.site, signals)
    // A challenge is for a region of the radio; without one, for everybody.
    let region = files.site.radio?.region ?? FixedText<24>()
    if var uplink = Uplink(
      paths: paths, region: region.span,
      gatewayKey: files.site.gateway.publicKey.map { PublicKey(ed25519: $0) },
      monthlyBudget: files.site.delivery.monthlyBudgetByteCount.map { UInt64($0) }, lock: lock,
      transport: transport, signals: signals)
    {
      uplink.run()
    }
    tell("ends as asked; what is not delivered stays in the spool")
    NodeFiles.end(.success)
  }

  /// Ends the program with a line that begins with its name.
  public static func end(_ status: ExitStatus, saying what: StaticString) -> Never {
    var text = TextBuilder<512>()
    text.append(Transport.programName)
    text.append(": ")
    text.append(what)
    NodeFiles.end(status, text.span)
  }

  private static func lockFolder(_ paths: NodePaths) -> FolderLock {
    do throws(FolderLock.Failure) {
      return try FolderLock(of: paths.uplinkFolder)
    } catch {
      var text = TextBuilder<512>()
      text.append(Transport.programName)
      text.append(": ")
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
      NodeFiles.end(.refused, text.span)
    }
  }
}
