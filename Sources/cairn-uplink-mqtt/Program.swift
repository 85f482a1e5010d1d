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
    Uplink<MQTTTransport>.main(version: "0.1.0", help: help) { site, signals in
      openTransport(site, signals)
    }
  }

  private static func openTransport(
    _ site: borrowing SiteConfiguration, _ signals: borrowing TerminationSignals
  ) -> MQTTTransport {
    var account = MQTTTransport.Account(address: address(site))
    account.authorities = site.gateway.caFile
    account.user = site.gateway.user
    account.password = password(site.gateway.passwordFile)
    let timeouts = MQTTTransport.Timeouts(
      connectMilliseconds: site.delivery.connectTimeoutMilliseconds,
      totalMilliseconds: site.delivery.timeoutMilliseconds)
    return MQTTTransport(
      account: account, timeouts: timeouts, stopDescriptor: signals.pollDescriptor)
  }

  private static func address(_ site: borrowing SiteConfiguration) -> MQTTAddress {
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
    Uplink<MQTTTransport>.end(.configuration, saying: failure.explanation)
  }

  /// The first line of the file; empty without a file.
  private static func password(_ path: borrowing PathText) -> FixedText<255> {
    guard !path.isEmpty else { return FixedText() }
    var bytes = InlineArray<4096, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    var count = 0
    guard let file = FixedPath(path.span) else {
      Uplink<MQTTTransport>.end(.configuration, saying: "password_file: no path")
    }
    do throws(FileFailure) { count = try readFile(file, into: &span) } catch {
      Uplink<MQTTTransport>.end(
        .configuration,
        saying:
          "[gateway] password_file can't be read: is it there, and may this program's user read it?"
      )
    }
    var end = 0
    while end < count, bytes[end] != UInt8(ascii: "\n"), bytes[end] != UInt8(ascii: "\r") {
      end += 1
    }
    guard let password = FixedText<255>(bytes.span.extracting(0..<end)), end > 0 else {
      Uplink<MQTTTransport>.end(
        .configuration,
        saying: "[gateway] password_file: its first line is no password of 1 to 255 bytes")
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
      --version, --help

    It runs until SIGTERM, however long network, broker and gateway are missing. Exit status: 0 asked
    to end, 2 command line, 74 the spool can't be read, 77 key, spool or state folder refused, or
    another uplink has the folder, 78 configuration.
    """
  }
}

extension MQTTTransport: GatewayTransport {
  public static var programName: StaticString { "cairn-uplink-mqtt" }

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

extension TransportFailure {
  fileprivate init(_ failure: MQTTFailure) {
    var hasDetail = false
    if case .other = failure { hasDetail = true }
    self.init(
      explanation: failure.explanation, isStop: failure == .stopped, hasDetail: hasDetail)
  }
}
