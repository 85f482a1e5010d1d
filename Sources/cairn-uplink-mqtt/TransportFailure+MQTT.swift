import MQTTTransport
import Uplinks

/// What failed on the way to a gateway, in the words of a check's row.
extension TransportFailure {
  init(_ failure: MQTTFailure) {
    var hasDetail = false
    if case .other = failure { hasDetail = true }
    self.init(
      explanation: failure.explanation, isStop: failure == .stopped, hasDetail: hasDetail,
      step: Self.step(failure), reason: Self.reason(failure), remedy: Self.remedy(failure))
  }

  private static func step(_ failure: MQTTFailure) -> WayStep {
    switch failure {
    case .addressMalformed, .schemeNotSupported, .plainNotAllowed, .outOfMemory, .stopped,
      .cannotResolve:
      .name
    case .cannotConnect, .connectTimedOut, .brokenPacket: .connection
    case .authoritiesUnreadable, .tlsFailed, .certificateRefused: .security
    case .loginTooLong, .refused: .login
    case .subscriptionRefused: .subscription
    case .publicationRefused, .noGateway, .interrupted, .timedOut, .replyTooLarge, .other: .gateway
    }
  }

  private static func reason(_ failure: MQTTFailure) -> StaticString {
    switch failure {
    case .cannotResolve: "the broker's name is not known, or no name server answers"
    case .cannotConnect: "the broker's machine refuses the connection, or can't be reached"
    case .connectTimedOut: "the broker did not answer in time"
    case .authoritiesUnreadable: "the trusted authorities can't be read"
    case .tlsFailed: "the two sides found no TLS to agree on"
    case .certificateRefused:
      "its certificate is not trusted, is for another name, or not valid at this board's time"
    case .loginTooLong: "user or password has more than 255 bytes"
    case .refused(133): "the broker does not take this node's client identifier"
    case .refused(134): "the broker refuses user or password"
    case .refused(135): "the broker does not let this node in: not authorized"
    case .refused(136), .refused(137): "the broker is busy or not ready"
    case .refused(1), .refused(132): "the broker does not speak MQTT 5"
    case .refused(138): "the broker has banned this node"
    case .refused: "the broker refuses the connection"
    case .subscriptionRefused: "the broker does not let this node hear its answers"
    case .publicationRefused: "the broker does not let this node ask"
    case .noGateway: "no gateway listens at the broker"
    case .interrupted: "the connection ended within the answer"
    case .timedOut: "no gateway answered in time"
    case .brokenPacket: "what answers there does not speak MQTT 5 as it is written"
    case .replyTooLarge: "the answer is larger than any of a gateway's"
    case .addressMalformed, .schemeNotSupported, .plainNotAllowed, .outOfMemory, .stopped, .other:
      "it can't be asked"
    }
  }

  private static func remedy(_ failure: MQTTFailure) -> StaticString {
    switch failure {
    case .cannotResolve:
      "Look for a typing error in [gateway] url, and at the network's name server."
    case .cannotConnect, .connectTimedOut:
      "Look at the network, the port, a firewall, and whether the broker runs."
    case .authoritiesUnreadable: "Install ca-certificates, or mend ca_file in [gateway]."
    case .tlsFailed: "Look at the port in [gateway] url: it has to be the broker's TLS port."
    case .certificateRefused:
      "Look at the clock first (above); set ca_file if the broker has an authority of its own."
    case .loginTooLong, .refused(134), .refused(135):
      "Mend user and password_file of [gateway], or the broker's list of users."
    case .refused(133): "Let the broker take identifiers that begin with cairn-."
    case .refused(136), .refused(137): "Nothing: delivery tries again."
    case .refused(1), .refused(132): "Use a broker that speaks MQTT 5."
    case .refused: "Ask the broker's operator: its log has the reason."
    case .subscriptionRefused:
      "Let this node's user read cairn/v1/KID/receipt and cairn/v1/KID/answer."
    case .publicationRefused:
      "Let this node's user write cairn/v1/KID/batch, device and get."
    case .noGateway, .timedOut:
      "Look whether the gateway runs with this broker, and is let read the requests."
    case .interrupted: "Look at the link and the broker; delivery tries again by itself."
    case .brokenPacket: "Look whether address and port are the broker's, and what it runs."
    case .replyTooLarge: "Look who else answers at the broker."
    case .addressMalformed, .schemeNotSupported, .plainNotAllowed:
      "Mend url in [gateway] of the site file."
    case .outOfMemory: "Look what else runs on this board."
    case .stopped, .other: "Run `journalctl -u cairn-uplink-mqtt`: it has libmosquitto's own words."
    }
  }
}
