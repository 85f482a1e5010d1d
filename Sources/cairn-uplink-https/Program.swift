import FixedMemory
import HTTPSTransport
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs

@main
struct Program {
  static func main() {
    let program = BoardProgram(
      name: "cairn-uplink-https", version: "0.1.0", help: help, requiresBoard: false)
    let options = program.start()
    let files = program.configuration(options)
    let paths = program.paths(options)
    // A turn may have two requests, each as long as configured; waiting for key and spool is no failure.
    ServiceManager.allowSilence(
      seconds: UInt32(files.site.delivery.timeoutMilliseconds / 1000) * 2 + 120)
    ServiceManager.tellReady()
    let lock = lockFolder(paths)
    // Made before libcurl's threads, so that none of them takes the signals.
    let signals: TerminationSignals
    do throws(SystemError) { signals = try TerminationSignals() } catch {
      end(.refused, "cairn-uplink-https: the kernel gives no signal descriptor")
    }
    let transport = openTransport(files.site, signals)
    // A challenge is for a region of the radio; without one, for everybody.
    let region = files.site.radio?.region ?? FixedText<24>()
    if var uplink = Uplink(
      paths: paths, region: region.span,
      gatewayKey: files.site.gateway.publicKey.map { PublicKey(ed25519: $0) }, lock: lock,
      transport: transport, signals: signals)
    {
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
      var text = TextBuilder<512>()
      text.append("cairn-uplink-https: ")
      text.append(error.explanation)
      end(.configuration, text.span)
    }
  }

  private static var help: StaticString {
    """
    cairn-uplink-https: delivers the log's batches to the gateway, without devices and key

      --config FILE   site file: gateway, its key, time limits    /etc/cairn/site.ini
      --state FOLDER  agent/ is read, uplink/ holds the cursor    /var/lib/cairn
      --run FOLDER    holds the agent's socket                    /run/cairn
      --version, --help

    It runs until SIGTERM, however long network and gateway are missing. Exit status: 0 asked to
    end, 2 command line, 74 the spool can't be read, 77 key, spool or state folder refused, or
    another uplink has the folder, 78 configuration.
    """
  }
}
