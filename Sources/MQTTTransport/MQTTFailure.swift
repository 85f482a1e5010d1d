import CLibMosquitto
import FixedMemory

/// Why there was no answer, in the operator's words. `explanation` says what to do.
public enum MQTTFailure: Error, Equatable, Sendable {
  // The configuration: these don't go away by waiting.
  case addressMalformed
  case schemeNotSupported
  case plainNotAllowed
  case authoritiesUnreadable
  /// User or password have more than 255 bytes, or a zero.
  case loginTooLong
  case outOfMemory

  // The network: these come and go.
  case cannotResolve
  case cannotConnect
  case connectTimedOut
  case tlsFailed
  case certificateRefused
  /// The broker refused the connection: a reason code of MQTT 5.
  case refused(reason: Int32)
  /// It refused the subscription to the answers.
  case subscriptionRefused(reason: Int32)
  /// It refused what was published.
  case publicationRefused(reason: Int32)
  /// The broker has nobody who would take it.
  case noGateway
  /// What came is no packet of MQTT 5.
  case brokenPacket
  /// The connection ended; why, nobody said.
  case interrupted
  case timedOut
  case replyTooLarge
  /// The descriptor to watch was readable. Whether the gateway took what was sent is not known.
  case stopped
  /// libmosquitto's code, where none of the above fits.
  case other(code: Int32)

  init(code: Int32, words: FixedArray<256, UInt8>, hasConnected: Bool) {
    switch code {
    case Int32(MOSQ_ERR_NOMEM.rawValue): self = .outOfMemory
    case Int32(MOSQ_ERR_EAI.rawValue), Int32(MOSQ_ERR_LOOKUP.rawValue): self = .cannotResolve
    case Int32(MOSQ_ERR_TLS.rawValue), Int32(MOSQ_ERR_TLS_HANDSHAKE.rawValue):
      self = Self.isAboutCertificates(words) ? .certificateRefused : .tlsFailed
    case Int32(MOSQ_ERR_CONN_LOST.rawValue), Int32(MOSQ_ERR_NO_CONN.rawValue),
      Int32(MOSQ_ERR_ERRNO.rawValue), Int32(MOSQ_ERR_KEEPALIVE.rawValue):
      self = hasConnected ? .interrupted : .cannotConnect
    case Int32(MOSQ_ERR_PROTOCOL.rawValue), Int32(MOSQ_ERR_MALFORMED_PACKET.rawValue):
      self = .brokenPacket
    default: self = .other(code: code)
    }
  }

  private static func isAboutCertificates(_ words: FixedArray<256, UInt8>) -> Bool {
    let wanted: StaticString = "certificate verify failed"
    let count = wanted.utf8CodeUnitCount
    guard words.count >= count else { return false }
    for start in 0...(words.count - count) {
      var isSame = true
      for index in 0..<count where words[start + index] != wanted.utf8Start[index] {
        isSame = false
      }
      if isSame { return true }
    }
    return false
  }

  /// What it is, why that may be, what to do: for journal and status.
  public var explanation: StaticString {
    switch self {
    case .addressMalformed:
      "The broker's address is not one. It looks like mqtts://broker.example.net; mend it in site.ini."
    case .schemeNotSupported:
      "The gateway's address begins neither with mqtts:// nor with mqtt://: cairn-uplink-mqtt delivers through an MQTT broker. Mend url in site.ini, or enable cairn-uplink-https instead."
    case .plainNotAllowed:
      "The broker's address begins with mqtt:// and is not this board. Use mqtts://, or allow plain delivery in site.ini: readings and the password can be read on the way then, but readings not forged."
    case .authoritiesUnreadable:
      "The file of trusted authorities is missing, unreadable or no PEM. Install ca-certificates, or mend its path in site.ini."
    case .loginTooLong:
      "The broker's user or password has more than 255 bytes. Use shorter ones in site.ini."
    case .outOfMemory: "No memory was left for the transfer. Look what else runs on this board."
    case .cannotResolve:
      "The broker's name is not known. Look for a typing error in its address, and whether the network gave a name server."
    case .cannotConnect:
      "The broker's machine refused the connection or cannot be reached. Look at the network, the port, a firewall, and whether the broker runs."
    case .connectTimedOut:
      "The broker did not answer in time. Look at the network, the port and a firewall; delivery tries again."
    case .tlsFailed:
      "The two sides found no TLS to agree on. The broker needs TLS 1.2 or later, and the port has to be its TLS port."
    case .certificateRefused:
      "The broker's certificate is not trusted: of an authority that is not in the list, for another name, or not valid at this board's time. Look at the clock first, then at the certificate."
    case .refused(let reason): Self.refusal(reason)
    case .subscriptionRefused:
      "The broker does not let this node hear answers. Let its user read cairn/v1/KID/receipt and cairn/v1/KID/answer."
    case .publicationRefused:
      "The broker does not let this node publish. Let its user write cairn/v1/KID/batch, cairn/v1/KID/device and cairn/v1/KID/get, in messages of 80 KiB."
    case .noGateway:
      "The broker is there, and no gateway listens at it. Look whether the gateway runs with this broker; delivery tries again."
    case .brokenPacket:
      "What answers at the broker's address does not speak MQTT 5 as it is written. Look whether address and port are the broker's, and what it runs; delivery tries again."
    case .interrupted:
      "The connection ended within the transfer. Look at the link and the broker; delivery tries again."
    case .timedOut:
      "No gateway answered in time. Look at the strength of the link, and whether the gateway runs; delivery tries again."
    case .replyTooLarge:
      "The answer is larger than any of a gateway's. Something else answers there."
    case .stopped:
      "The transfer under way was given up, because the program was asked to end. The next start sends it again."
    case .other:
      "The transfer failed for a reason that only libmosquitto can name; delivery tries again. It says:"
    }
  }

  private static func refusal(_ reason: Int32) -> StaticString {
    switch reason {
    case 133:
      "The broker does not take this node's client identifier, cairn- and digits. Allow it there."
    case 134:
      "The broker refuses user or password. Mend user and password_file of [gateway], or the broker's list."
    case 135:
      "The broker does not let this node in: not authorized. It may want user and password_file of [gateway], or has this node on no list."
    case 136, 137: "The broker is busy or not ready; delivery tries again."
    case 1, 132: "The broker does not speak MQTT 5. Use one that does."
    case 138: "The broker has banned this node. Ask its operator."
    default:
      "The broker refuses the connection, for a reason of its own; its log says which. Delivery tries again."
    }
  }
}
