import ArgumentParser
import Foundation
import GatewayServer

/// The MQTT broker that the gateway stands behind, beside its own HTTP.
struct BrokerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Broker whose devices are served too: mqtts://HOST[:PORT], or mqtt:// on this machine.",
      valueName: "url"))
  var mqtt: String?

  @Option(help: ArgumentHelp("Who this gateway is at the broker.", valueName: "name"))
  var mqttUser: String?

  @Option(
    help: ArgumentHelp("File whose first line is that user's password.", valueName: "file"))
  var mqttPasswordFile: String?

  @Option(
    help: ArgumentHelp(
      "PEM file of authorities to trust for the broker, in place of the system's.",
      valueName: "file"))
  var mqttCaFile: String?

  @Flag(help: "Let mqtt:// lead to another machine: everything can be read on the way.")
  var mqttAllowPlain = false

  /// Nil without a broker.
  func settings(_ file: GatewayConfiguration) throws(OperatorError) -> BrokerSettings? {
    let user = mqttUser ?? file.mqttUser
    let passwordFile = mqttPasswordFile ?? file.mqttPasswordFile
    let authorities = mqttCaFile ?? file.mqttCAFile
    guard let url = mqtt ?? file.mqtt else {
      guard user == nil, passwordFile == nil, authorities == nil else {
        throw OperatorError(.configuration, "--mqtt-… without --mqtt: which broker?")
      }
      return nil
    }
    guard user != nil || passwordFile == nil else {
      throw OperatorError(.configuration, "--mqtt-password-file goes with --mqtt-user")
    }
    let password = try passwordFile.map { path throws(OperatorError) in try Self.firstLine(path) }
    do throws(BrokerSettings.Failure) {
      return try BrokerSettings(
        url: url, authorities: authorities, user: user, password: password,
        allowsPlain: mqttAllowPlain || file.mqttAllowPlain ?? false)
    } catch {
      throw OperatorError(.configuration, error.reason)
    }
  }

  private static func firstLine(_ path: String) throws(OperatorError) -> String {
    let text: String
    do {
      text = try String(contentsOfFile: path, encoding: .utf8)
    } catch {
      throw OperatorError(.configuration, "\(path): \(error.localizedDescription)")
    }
    return text.split(whereSeparator: \.isNewline).first.map { String($0) } ?? ""
  }
}
