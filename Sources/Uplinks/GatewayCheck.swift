import CBOR
import Delivery
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs
import Records
import Verifier

/// An uplink's `--check`: can this board reach its gateway, and is it the one that the site file means? Asks twice,
/// writes rows for `cairn doctor` (docs/doctor.md), writes no file and needs no other program.
///
///     cairn-check 1 VERSION
///     network.name <tab> ok <tab> has an address
///     …
///     end
public struct GatewayCheck<Transport: GatewayTransport & ~Copyable>: ~Copyable {
  /// Of one request; there are two.
  public static var totalMilliseconds: Int64 { 8000 }
  public static var connectMilliseconds: Int64 { 6000 }

  /// How a row ends, as the doctor names it.
  public enum State: UInt8, Sendable {
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

  private let isPlain: Bool
  private let key: PublicKey?
  private var transport: Transport

  /// - `transport`: with the bounds above, and its device's key where it needs one.
  public init(_ site: borrowing SiteConfiguration, _ transport: consuming Transport) {
    isPlain = site.gateway.isPlain
    key = site.gateway.publicKey.map { PublicKey(ed25519: $0) }
    self.transport = transport
  }

  /// The first line; `end` has to follow.
  public static func begin(version: StaticString) {
    write("cairn-check 1 ")
    write(version)
    write("\n")
  }

  /// The last line: what stands before it is whole.
  public static func end() { write("end\n") }

  /// A row for each step, until one fails.
  public mutating func look() {
    var path = TextBuilder<128>()
    path.append("/v1/keys")
    if let key {
      path.append("?from=")
      path.append(hex: key.hash.span)
    }
    var reply = InlineArray<4096, UInt8>(repeating: 0)
    var span = reply.mutableSpan
    let answer: TransportAnswer
    do throws(TransportFailure) {
      answer = try transport.get(
        from: path.span, accept: "application/cbor, application/concise-problem-details+cbor",
        into: &span)
    } catch {
      tell(error)
      return
    }
    tellReached(until: .gateway)
    let body = span.span.extracting(0..<answer.byteCount)
    switch (answer.status, MediaType(contentType: answer.contentType)) {
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

  /// The steps before `step` went well.
  private func tellReached(until step: WayStep) {
    if step.rawValue > WayStep.name.rawValue { Self.tell("network.name", .ok, "has an address") }
    if step.rawValue > WayStep.connection.rawValue {
      Self.tell("network.connect", .ok, "its machine answers")
    }
    if step.rawValue > WayStep.security.rawValue {
      Self.tell(
        "network.tls", .ok,
        isPlain
          ? "none: [gateway] url is without TLS, so that everybody on the way can read"
          : "its certificate is valid, and for this name")
    }
    guard Transport.hasBroker else { return }
    if step.rawValue > WayStep.login.rawValue {
      Self.tell("network.login", .ok, "the broker lets this node in")
    }
    if step.rawValue > WayStep.subscription.rawValue {
      Self.tell("network.subscription", .ok, "the broker lets this node hear its answers")
    }
  }

  private func tell(_ failure: TransportFailure) {
    tellReached(until: failure.step)
    let identifier: StaticString =
      switch failure.step {
      case .name: "network.name"
      case .connection: "network.connect"
      case .security: "network.tls"
      case .login: "network.login"
      case .subscription: "network.subscription"
      case .gateway: "network.gateway"
      }
    Self.tell(identifier, .failed, failure.reason, failure.remedy)
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
    do throws(TransportFailure) {
      var path = TextBuilder<32>()
      path.append("/v1/log/head")
      let response = try transport.get(
        from: path.span, accept: "application/cose, application/concise-problem-details+cbor",
        into: &span)
      guard response.status == 200 else {
        Self.tell(
          "network.key", .notChecked, "the gateway knows the key, and shows nothing signed by it")
        return
      }
      judge(span.span.extracting(0..<response.byteCount), newest, isConfigured: newest == key)
    } catch {
      Self.tell("network.key", .notChecked, error.reason)
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

  public static func tell(
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
