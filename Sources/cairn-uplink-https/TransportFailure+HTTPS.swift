import HTTPSTransport
import Uplinks

/// What failed on the way to a gateway, in the words of a check's row.
extension TransportFailure {
  init(_ failure: HTTPSTransport.Failure) {
    var hasDetail = false
    if case .other = failure { hasDetail = true }
    self.init(
      explanation: failure.explanation, isStop: failure == .stopped, hasDetail: hasDetail,
      step: Self.step(failure), reason: Self.reason(failure), remedy: Self.remedy(failure))
  }

  private static func step(_ failure: HTTPSTransport.Failure) -> WayStep {
    switch failure {
    case .cannotResolve, .resolveTimedOut: .name
    case .cannotConnect, .connectTimedOut: .connection
    case .tlsFailed, .certificateRefused, .authoritiesUnreadable: .security
    case .timedOut, .interrupted, .replyTooLarge, .notHTTP, .other: .gateway
    case .addressMalformed, .addressTooLong, .addressHasExtras, .schemeNotSupported,
      .plainHTTPNotAllowed, .libraryUnfit, .outOfMemory, .stopped:
      .name
    }
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
}
