import FixedMemory
import HTTPSTransport
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs
import Uplinks

@main
struct Program {
  static func main() {
    Uplink<HTTPSTransport>.main(
      version: version, help: help, check: { site, _ in check(site) },
      open: { site, signals in openTransport(site, signals) })
  }

  private static var version: StaticString { "0.1.0" }

  private static func check(_ site: borrowing SiteConfiguration) {
    typealias Check = GatewayCheck<HTTPSTransport>
    Check.begin(version: version)
    let timeouts = HTTPSTransport.Timeouts(
      connectMilliseconds: UInt32(
        min(Check.connectMilliseconds, site.delivery.connectTimeoutMilliseconds)),
      totalMilliseconds: UInt32(
        min(Check.totalMilliseconds, site.delivery.timeoutMilliseconds)),
      lowSpeedSeconds: 8)
    do throws(HTTPSTransport.Failure) {
      let transport = try HTTPSTransport(
        gateway: site.gateway.url.span, authorities: site.gateway.caFile.span,
        userAgent: "cairn-uplink-https/0.1.0", timeouts: timeouts,
        allowsPlainHTTP: site.gateway.allowsPlainHTTP)
      var check = Check(site, transport)
      check.look()
    } catch {
      Check.tell(
        "network.name", .failed, error.explanation, "Mend [gateway] of the site file.")
    }
    Check.end()
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
      Uplink<HTTPSTransport>.end(.configuration, saying: error.explanation)
    }
  }

  private static var help: StaticString {
    """
    cairn-uplink-https: delivers the log's batches to the gateway, without devices and key

      --config FILE   site file: gateway, its key, time limits    /etc/cairn/site.ini
      --state FOLDER  agent/ is read, uplink/ holds the cursor    /var/lib/cairn
      --run FOLDER    holds the agent's socket                    /run/cairn
      --check         looks once whether the gateway can be reached and is the right
                      one, prints a line for each step (docs: doctor), and ends
      --version, --help

    It runs until SIGTERM, however long network and gateway are missing. Exit status: 0 asked to
    end, 2 command line, 74 the spool can't be read, 77 key, spool or state folder refused, or
    another uplink has the folder, 78 configuration.
    """
  }
}

extension HTTPSTransport: GatewayTransport {
  public static var programName: StaticString { "cairn-uplink-https" }
  public static var hasBroker: Bool { false }

  /// Every request says itself which key it is about.
  public mutating func use(_ keyID: KeyID) {}

  public mutating func post(
    to path: StaticString, _ body: Span<UInt8>, contentType: StaticString, accept: StaticString,
    into reply: inout MutableSpan<UInt8>
  ) throws(TransportFailure) -> TransportAnswer {
    do throws(Failure) {
      return TransportAnswer(
        try post(path: path, body: body, contentType: contentType, accept: accept, into: &reply))
    } catch { throw TransportFailure(error) }
  }

  public mutating func get(
    from path: Span<UInt8>, accept: StaticString, into reply: inout MutableSpan<UInt8>
  ) throws(TransportFailure) -> TransportAnswer {
    do throws(Failure) {
      return TransportAnswer(try get(path: path, accept: accept, into: &reply))
    } catch { throw TransportFailure(error) }
  }

  public var wireByteCount: UInt64 { wire.byteCount }

  // libcurl looks at an idle connection when it is used again.
  public var idleDescriptor: Int32? { nil }
  public var idleMilliseconds: Int64? { nil }
  public mutating func tend() {}
}

extension TransportAnswer {
  fileprivate init(_ response: HTTPSTransport.Response) {
    self.init(
      status: response.status, byteCount: response.byteCount,
      retryAfterSeconds: response.retryAfterSeconds, contentType: response.contentType)
  }
}
