import FixedMemory
import LinuxPlatform
import MQTTTransport
import NodeConfiguration
import NodeFiles
import Proofs
import Uplinks

@main
struct Program {
  static func main() {
    guard MQTTClient.boundLookUps() else {
      Uplink<MQTTTransport>.end(.refused, saying: "no memory is left to begin with")
    }
    Uplink<MQTTTransport>.main(
      version: version, help: help, check: { site, paths in check(site, paths) },
      open: { site, signals in openTransport(site, signals) })
  }

  private static var version: StaticString { "0.1.0" }

  private static func openTransport(
    _ site: borrowing SiteConfiguration, _ signals: borrowing TerminationSignals
  ) -> MQTTTransport {
    let timeouts = MQTTTransport.Timeouts(
      connectMilliseconds: site.delivery.connectTimeoutMilliseconds,
      totalMilliseconds: site.delivery.timeoutMilliseconds)
    do throws(AccountFailure) {
      return MQTTTransport(
        account: try account(site), timeouts: timeouts, stopDescriptor: signals.pollDescriptor)
    } catch {
      Uplink<MQTTTransport>.end(.configuration, saying: error.explanation)
    }
  }

  /// `--check`. Topics have the name of the device's key, so that there has to be one.
  private static func check(_ site: borrowing SiteConfiguration, _ paths: NodePaths) {
    typealias Check = GatewayCheck<MQTTTransport>
    Check.begin(version: version)
    let timeouts = MQTTTransport.Timeouts(
      connectMilliseconds: min(
        Check.connectMilliseconds, site.delivery.connectTimeoutMilliseconds),
      totalMilliseconds: min(Check.totalMilliseconds, site.delivery.timeoutMilliseconds))
    do throws(AccountFailure) {
      var transport = MQTTTransport(account: try account(site), timeouts: timeouts)
      if let key = deviceKey(paths) {
        transport.use(key.keyID)
        var check = Check(site, transport)
        check.look()
      } else {
        Check.tell(
          "network.name", .notChecked,
          "topics at the broker have the name of this node's key, and there is no device.pub",
          "start the agent, which makes it, or name its folder with --state")
      }
    } catch {
      Check.tell(
        error.isLogin ? "network.login" : "network.name", .failed, error.explanation,
        "Mend [gateway] of the site file.")
    }
    Check.end()
  }

  private static func deviceKey(_ paths: NodePaths) -> PublicKey? {
    var bytes = InlineArray<33, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    do throws(FileFailure) {
      let count = try readFile(paths.publicKey, into: &span)
      return FixedBytes<32>(span.span.extracting(0..<count)).map { PublicKey(ed25519: $0) }
    } catch { return nil }
  }

  /// Why [gateway] leads to no broker.
  private struct AccountFailure: Error {
    let explanation: StaticString
    var isLogin = false
  }

  private static func account(
    _ site: borrowing SiteConfiguration
  ) throws(AccountFailure) -> MQTTTransport.Account {
    var account = MQTTTransport.Account(address: try address(site))
    account.authorities = site.gateway.caFile
    account.user = site.gateway.user
    account.password = try password(site.gateway.passwordFile)
    return account
  }

  private static func address(
    _ site: borrowing SiteConfiguration
  ) throws(AccountFailure) -> MQTTAddress {
    let failure: MQTTFailure
    do throws(MQTTAddress.Failure) {
      return try MQTTAddress(site.gateway.url.span, allowsPlain: site.gateway.allowsPlainHTTP)
    } catch {
      switch error {
      case .notMQTT: failure = .schemeNotSupported
      case .malformed: failure = .addressMalformed
      case .plainNotAllowed: failure = .plainNotAllowed
      }
    }
    throw AccountFailure(explanation: failure.explanation)
  }

  /// The first line of the file; empty without a file.
  private static func password(
    _ path: borrowing PathText
  ) throws(AccountFailure) -> FixedText<255> {
    guard !path.isEmpty else { return FixedText() }
    var bytes = InlineArray<4096, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    var count = 0
    guard let file = FixedPath(path.span) else {
      throw AccountFailure(explanation: "password_file: no path", isLogin: true)
    }
    do throws(FileFailure) { count = try readFile(file, into: &span) } catch {
      throw AccountFailure(
        explanation:
          "[gateway] password_file can't be read: is it there, and may this program's user read it?",
        isLogin: true)
    }
    var end = 0
    while end < count, bytes[end] != UInt8(ascii: "\n"), bytes[end] != UInt8(ascii: "\r") {
      end += 1
    }
    guard let password = FixedText<255>(bytes.span.extracting(0..<end)), end > 0 else {
      throw AccountFailure(
        explanation: "[gateway] password_file: its first line is no password of 1 to 255 bytes",
        isLogin: true)
    }
    return password
  }

  private static var help: StaticString {
    """
    cairn-uplink-mqtt: delivers the log's batches to the gateway through an MQTT 5 broker, without
    devices and key

      --config FILE   site file: broker, the gateway's key, time limits   /etc/cairn/site.ini
      --state FOLDER  agent/ is read, uplink/ holds the cursor            /var/lib/cairn
      --run FOLDER    holds the agent's socket                            /run/cairn
      --check         looks once whether broker and gateway can be reached and are the right
                      ones, prints a line for each step (docs: doctor), and ends
      --version, --help

    It runs until SIGTERM, however long network, broker and gateway are missing. Exit status: 0 asked
    to end, 2 command line, 74 the spool can't be read, 77 key, spool or state folder refused, or
    another uplink has the folder, 78 configuration.
    """
  }
}

extension MQTTTransport: GatewayTransport {
  public static var programName: StaticString { "cairn-uplink-mqtt" }
  public static var hasBroker: Bool { true }

  public mutating func use(_ keyID: KeyID) { use(keyID: keyID.span) }

  public mutating func post(
    to path: StaticString, _ body: Span<UInt8>, contentType: StaticString, accept: StaticString,
    into reply: inout MutableSpan<UInt8>
  ) throws(TransportFailure) -> TransportAnswer {
    // Batches and enrolments are all that is posted.
    try ask(path.bytes.equals("/v1/batches") ? .batch : .device, body, contentType, into: &reply)
  }

  public mutating func get(
    from path: Span<UInt8>, accept: StaticString, into reply: inout MutableSpan<UInt8>
  ) throws(TransportFailure) -> TransportAnswer {
    try ask(.get, path, "text/plain", into: &reply)
  }

  private mutating func ask(
    _ topic: MQTTTopic, _ payload: Span<UInt8>, _ contentType: StaticString,
    into reply: inout MutableSpan<UInt8>
  ) throws(TransportFailure) -> TransportAnswer {
    do throws(MQTTFailure) {
      let response = try request(topic, payload, contentType: contentType, into: &reply)
      return TransportAnswer(
        status: response.status, byteCount: response.byteCount,
        retryAfterSeconds: response.retryAfterSeconds, contentType: response.contentType)
    } catch { throw TransportFailure(error) }
  }
}
