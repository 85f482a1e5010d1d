import FixedMemory
import Foundation
import MQTTTransport

/// The MQTT broker that a gateway stands behind.
public struct BrokerSettings: Sendable {
  /// Why a broker can't be used as it is given; `reason` says what to do.
  public struct Failure: Error, Equatable {
    public let reason: String
  }

  let account: MQTTTransport.Account
  /// As it was given, for people.
  public let url: String

  /// `url` is mqtts://HOST[:PORT], or mqtt:// where `allowsPlain` or on this machine. `authorities` is the path of
  /// a PEM file, which then is the only trust.
  public init(
    url: String, authorities: String?, user: String?, password: String?, allowsPlain: Bool
  ) throws(Failure) {
    do throws(MQTTAddress.Failure) {
      let bytes = Array(url.utf8)
      account = try Self.account(
        try MQTTAddress(bytes.span, allowsPlain: allowsPlain), authorities, user, password)
    } catch {
      switch error {
      case .notMQTT, .malformed:
        throw Failure(reason: "\(url) is no broker: it looks like mqtts://broker.example.net")
      case .plainNotAllowed:
        throw Failure(
          reason: "\(url) would send everything readably off this machine: take mqtts://, or allow "
            + "it by --mqtt-allow-plain")
      }
    }
    self.url = url
    guard (user == nil) == account.user.isEmpty, (password == nil) == account.password.isEmpty,
      (authorities == nil) == account.authorities.isEmpty
    else {
      throw Failure(
        reason: "the broker's user has 1 to 64 bytes, its password 1 to 255, a path 1 to 184")
    }
  }

  /// Parts that don't fit are left empty.
  private static func account(
    _ address: MQTTAddress, _ authorities: String?, _ user: String?, _ password: String?
  ) throws(MQTTAddress.Failure) -> MQTTTransport.Account {
    var account = MQTTTransport.Account(address: address)
    if let authorities {
      account.authorities = FixedText(Array(authorities.utf8).span) ?? FixedText()
    }
    if let user { account.user = FixedText(Array(user.utf8).span) ?? FixedText() }
    if let password { account.password = FixedText(Array(password.utf8).span) ?? FixedText() }
    return account
  }
}
