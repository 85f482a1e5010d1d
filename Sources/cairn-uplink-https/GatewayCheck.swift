import CBOR
import Delivery
import FixedMemory
import HTTPSTransport
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs
import Records
import Verifier

/// `cairn-uplink-https --check`: can this board reach its gateway, and is it the one that the site file means? Asks
/// twice, writes rows for `cairn doctor` (docs/doctor.md), touches no file and needs no other program.
///
///     cairn-check 1 VERSION
///     network.name <tab> ok <tab> gateway.example.net has an address
///     …
///     end
struct GatewayCheck: ~Copyable {
  /// Of one request; there are two.
  static var totalMilliseconds: UInt32 { 8000 }
  static var connectMilliseconds: UInt32 { 6000 }

  private enum State: UInt8 {
    case ok, warning, failed, notChecked

    var name: StaticString {
      switch self {
      case .ok: "ok"
      case .warning: "warning"
      case .failed: "failed"
      case .notChecked: "not-checked"
      }
    }
  }

  private let url: URLText
  private let key: PublicKey?
  private var transport: HTTPSTransport

  static func run(_ site: borrowing SiteConfiguration) {
    write("cairn-check 1 0.1.0\n")
    do throws(HTTPSTransport.Failure) {
      var check = try GatewayCheck(site)
      check.look()
    } catch {
      tell("network.name", .failed, error.explanation, "Mend [gateway] of the site file.")
    }
    write("end\n")
  }

  private init(_ site: borrowing SiteConfiguration) throws(HTTPSTransport.Failure) {
    url = site.gateway.url
    key = site.gateway.publicKey.map { PublicKey(ed25519: $0) }
    let connect = min(
      Self.connectMilliseconds, UInt32(clamping: site.delivery.connectTimeoutMilliseconds))
    let total = min(Self.totalMilliseconds, UInt32(clamping: site.delivery.timeoutMilliseconds))
    transport = try HTTPSTransport(
      gateway: site.gateway.url.span, authorities: site.gateway.caFile.span,
      userAgent: "cairn-uplink-https/0.1.0",
      timeouts: HTTPSTransport.Timeouts(
        connectMilliseconds: connect, totalMilliseconds: total, lowSpeedSeconds: 8),
      allowsPlainHTTP: site.gateway.allowsPlainHTTP)
  }

  private mutating func look() {
    var path = TextBuilder<128>()
    path.append("/v1/keys")
    if let key {
      path.append("?from=")
      path.append(hex: key.hash.span)
    }
    var reply = InlineArray<4096, UInt8>(repeating: 0)
    var span = reply.mutableSpan
    let response: HTTPSTransport.Response
    do throws(HTTPSTransport.Failure) {
      response = try transport.get(
        path: path.span, accept: "application/cbor, application/concise-problem-details+cbor",
        into: &span)
    } catch {
      tell(error)
      return
    }
    tellReached()
    let body = span.span.extracting(0..<response.byteCount)
    switch (response.status, MediaType(contentType: response.contentType)) {
    case (200, .cbor): lookAtKeys(body)
    case (404, .problem):
      Self.tell("network.gateway", .ok, "a gateway answers")
      Self.tell(
        "network.key", .failed, "it never had the key that [gateway] public_key names",
        "Compare url and public_key with what the gateway's operator says: one is another's.")
    case (500..., _):
      Self.tell(
        "network.gateway", .failed, "it, or a proxy before it, has an error of its own",
        "Tell the gateway's operator if it lasts.")
    default:
      Self.tell(
        "network.gateway", .failed, "something answers that is no gateway",
        "Look at url in [gateway], and whether the network wants a login.")
    }
  }

  // MARK: The way there

  private var isPlain: Bool { url.span.count > 5 && url.span.extracting(0..<5).equals("http:") }

  private func tellReached() {
    Self.tell("network.name", .ok, "has an address")
    Self.tell("network.connect", .ok, "its machine answers")
    tellSecured()
  }

  private func tellSecured() {
    Self.tell(
      "network.tls", .ok,
      isPlain
        ? "none: [gateway] url is plain HTTP, which everybody on the way can read"
        : "its certificate is valid, and for this name")
  }

  /// What came before the failure went well.
  private func tell(_ failure: HTTPSTransport.Failure) {
    let step: Int
    switch failure {
    case .cannotResolve, .resolveTimedOut: step = 0
    case .cannotConnect, .connectTimedOut: step = 1
    case .tlsFailed, .certificateRefused, .authoritiesUnreadable: step = 2
    case .timedOut, .interrupted, .replyTooLarge, .notHTTP, .other: step = 3
    case .addressMalformed, .addressTooLong, .addressHasExtras, .schemeNotSupported,
      .plainHTTPNotAllowed, .libraryUnfit, .outOfMemory, .stopped:
      step = 0
    }
    if step > 0 { Self.tell("network.name", .ok, "has an address") }
    if step > 1 { Self.tell("network.connect", .ok, "its machine answers") }
    if step > 2 { tellSecured() }
    let names: InlineArray<4, StaticString> = [
      "network.name", "network.connect", "network.tls", "network.gateway",
    ]
    Self.tell(names[step], .failed, Self.reason(failure), Self.remedy(failure))
  }

  private static func reason(_ failure: HTTPSTransport.Failure) -> StaticString {
    switch failure {
    case .cannotResolve: "the gateway's name is not known"
    case .resolveTimedOut: "no name server answered in time"
    case .cannotConnect: "its machine refuses the connection, or can't be reached"
    case .connectTimedOut: "its machine did not answer in time"
    case .tlsFailed: "the two sides found no TLS to agree on"
    case .certificateRefused(9): "its certificate is not valid yet, at this board's time"
    case .certificateRefused(10): "its certificate is not valid any more, at this board's time"
    case .certificateRefused: "its certificate is not trusted, or is for another name"
    case .authoritiesUnreadable: "the trusted authorities can't be read"
    case .timedOut: "it did not answer in time"
    case .interrupted: "the connection ended within the answer"
    case .replyTooLarge: "its answer is larger than any of a gateway's"
    case .notHTTP: "what answers does not speak HTTP"
    default: "it can't be asked"
    }
  }

  private static func remedy(_ failure: HTTPSTransport.Failure) -> StaticString {
    switch failure {
    case .cannotResolve:
      "Look for a typing error in [gateway] url, and whether the network gave a name server."
    case .resolveTimedOut: "Look at the network and at /etc/resolv.conf."
    case .cannotConnect, .connectTimedOut:
      "Look at the network, the port, a firewall, and whether the gateway runs."
    case .tlsFailed: "Look at the port in [gateway] url: it has to be the HTTPS port."
    case .certificateRefused(9), .certificateRefused(10):
      "Look at the clock first (above); when it is right, tell the gateway's operator."
    case .certificateRefused:
      """
      Set ca_file if the gateway has an authority of its \
      own; a network's login page does this too.
      """
    case .authoritiesUnreadable: "Install ca-certificates, or mend ca_file in [gateway]."
    case .timedOut, .interrupted:
      """
      Look at the strength of the link; \
      delivery tries again by itself.
      """
    case .replyTooLarge, .notHTTP:
      "Look at url in [gateway], and whether the network wants a login."
    default: "Run `journalctl -u cairn-uplink-https`: it has libcurl's own words."
    }
  }

  // MARK: The gateway

  private mutating func lookAtKeys(_ body: Span<UInt8>) {
    do throws(CBORDecoder.Failure) {
      let list = try GatewayKeyList(decoding: body)
      Self.tell("network.gateway", .ok, "a gateway answers")
      guard let key else {
        Self.tell(
          "network.key", .warning, "the site file has no public_key, so no receipt can be verified",
          "Put the gateway's public key into [gateway]; its operator has it.")
        return
      }
      lookAtHead(list, key)
    } catch {
      Self.tell(
        "network.gateway", .failed, "its list of keys can't be read",
        "Bring uplink and gateway to versions that know each other.")
    }
  }

  /// The chain leads from the configured key to the newest, which signs a head: the gateway has that key.
  private mutating func lookAtHead(_ list: borrowing GatewayKeyList, _ key: PublicKey) {
    let newest: PublicKey
    do throws(Refusal) {
      let chain = try GatewayKeyChain(verifying: list)
      guard chain.contains(key) else {
        Self.tellForeign()
        return
      }
      newest = chain.newest
    } catch {
      Self.tell(
        "network.key", .failed, "its changes of key are not signed as they have to be",
        "Ask the gateway's operator; deliver nothing that you can't lose.")
      return
    }
    var reply = InlineArray<1024, UInt8>(repeating: 0)
    var span = reply.mutableSpan
    do throws(HTTPSTransport.Failure) {
      var path = TextBuilder<32>()
      path.append("/v1/log/head")
      let response = try transport.get(
        path: path.span, accept: "application/cose, application/concise-problem-details+cbor",
        into: &span)
      guard response.status == 200 else {
        Self.tell(
          "network.key", .notChecked, "the gateway knows the key, and shows nothing signed by it")
        return
      }
      judge(span.span.extracting(0..<response.byteCount), newest, isConfigured: newest == key)
    } catch {
      Self.tell("network.key", .notChecked, Self.reason(error))
    }
  }

  private func judge(_ message: Span<UInt8>, _ newest: PublicKey, isConfigured: Bool) {
    do throws(Refusal) {
      let head = try GatewayHead(verifying: message, gatewayKey: newest)
      Self.tell(
        "network.key", .ok,
        isConfigured
          ? "it signs with the configured key"
          : "it signs with a key that follows the configured one")
      tellTime(head.nowUTCMilliseconds)
    } catch { Self.tellForeign() }
  }

  /// Five minutes: what a signature's time may be off where others check it.
  private func tellTime(_ gateway: Int64) {
    let difference = SystemClock().utcMilliseconds() - gateway
    if difference.magnitude <= 300_000 {
      Self.tell("network.time", .ok, "the gateway's clock and this one agree within 5 min")
    } else {
      Self.tell(
        "network.time", .warning,
        difference < 0
          ? "this clock is more than 5 min behind the gateway's"
          : "this clock is more than 5 min before the gateway's",
        "Look who keeps the clock (above); when it is right, tell the gateway's operator.")
    }
  }

  private static func tellForeign() {
    tell(
      "network.key", .failed, "it signs with another key than [gateway] public_key names",
      "Compare url and public_key with what the gateway's operator says: one is another's.")
  }

  // MARK: Rows

  private static func tell(
    _ identifier: StaticString, _ state: State, _ reason: StaticString, _ remedy: StaticString = ""
  ) {
    var line = TextBuilder<1024>()
    line.append(identifier)
    line.append("\t")
    line.append(state.name)
    line.append("\t")
    line.append(reason)
    if !remedy.bytes.isEmpty {
      line.append("\t")
      line.append(remedy)
    }
    line.append("\n")
    // Who asked has gone when this fails.
    do throws(SystemError) { try StandardStream.output.write(line) } catch {}
  }

  private static func write(_ text: StaticString) {
    do throws(SystemError) { try StandardStream.output.write(text) } catch {}
  }
}
