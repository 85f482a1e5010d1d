import ArgumentParser
import Foundation
import GatewayServer
import GatewayStore
import Proofs
import Signers

/// Serves HTTP until SIGTERM or SIGINT.
struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve HTTP until SIGTERM or SIGINT (the default).")

  @Option(
    help: ArgumentHelp(
      "Folder of the store and the key; made when there is none.", valueName: "folder"))
  var data: String?

  @Option(
    help: ArgumentHelp(
      "Address and port; port 0 takes any free one. Default: 127.0.0.1:8440.",
      valueName: "address"))
  var listen: String?

  @Option(help: ArgumentHelp("File with the same keys as these flags.", valueName: "file"))
  var config: String?

  @Flag(help: "Print one JSON object a line for everything that happens.")
  var events = false

  @Option(
    help: ArgumentHelp(
      "Who may become known: open (whoever posts an enrolment), invite, list, closed (nobody new).",
      valueName: "policy"))
  var enrolment: String?

  @Option(
    help: ArgumentHelp(
      "Public keys of owners whose invites count; without it any owner's.", valueName: "file"))
  var owners: String?

  @Option(
    help: ArgumentHelp("Public keys of devices that --enrolment list takes.", valueName: "file"))
  var keys: String?

  @Option(
    help: ArgumentHelp(
      "Seconds after which there is another challenge, 10 to 86400. Default: 900.",
      valueName: "seconds"))
  var challengeInterval: String?

  @Option(
    help: ArgumentHelp(
      "Regions whose challenges ask for beacons, each with its rules: EU868, or EU868:window=60,delay=30; with ; between. Default: none.",
      valueName: "regions"))
  var coverage: String?

  @Option(
    help: ArgumentHelp(
      "PEM file with the certificate and its chain: serve HTTPS.", valueName: "file")
  )
  var tlsCertificate: String?

  @Option(help: ArgumentHelp("PEM file with the certificate's private key.", valueName: "file"))
  var tlsKey: String?

  @OptionGroup var broker: BrokerOptions

  func run() async throws {
    // A viewer that ends must not end the gateway with it.
    _ = signal(SIGPIPE, SIG_IGN)
    do {
      try await serve()
    } catch let error as OperatorError {
      throw error.told()
    }
  }

  private func serve() async throws {
    let file = try configurationFromFile()
    guard let folder = data ?? file.data else {
      throw OperatorError(.configuration, "--data is missing: the folder of the store and the key")
    }
    let (host, port) = try Self.address(listen ?? file.listen ?? "127.0.0.1:8440")
    let admission = try Self.admission(
      enrolment ?? file.enrolment ?? "open", owners: owners ?? file.owners, keys: keys ?? file.keys)
    let opened = try GatewayFolder.opened(
      folder, admission: admission,
      challengeRules: try Self.challengeRules(
        challengeInterval ?? file.challengeInterval, coverage: coverage ?? file.coverage))
    let gateway = opened.gateway

    var settings = GatewayApplication.Settings(host: host, port: port)
    settings.tls = try tls(file)
    settings.broker = try broker.settings(file)
    let events = (events || file.events ?? false) ? GatewayEvents(write: StandardOutput.line) : nil
    let server = GatewayApplication(gateway, settings: settings, events: events) {
      Int64(Date().timeIntervalSince1970 * 1000)
    }
    if opened.hasFinishedChange, let change = gateway.keyChain.changes.last {
      let former = gateway.keyChain.keys.dropLast().last ?? change.key
      let line = GatewayEvents.keyChange(from: former, to: change.key, leaf: change.index)
      StandardOutput.line(events == nil ? "a change of the gateway's key has been ended" : line)
    }
    let showsAddress = events == nil
    do {
      try await server.run(
        listening: { address in
          // With events the started line has it, and standard output is theirs.
          if showsAddress { StandardOutput.line("listening on \(address)") }
        },
        brokerSaid: { isConnected, why in
          guard showsAddress else { return }
          StandardOutput.line(isConnected ? "behind the broker \(why)" : "no broker: \(why)")
        })
    } catch let failure as BrokerSettings.Failure {
      throw OperatorError(.unavailable, failure.reason)
    } catch let failure as GatewayApplication.TLSFailure {
      throw OperatorError(.unavailable, "\(failure.path): \(failure.reason)")
    } catch {
      throw OperatorError(.unavailable, "can't listen on \(host):\(port): \(error)")
    }
    events?.flush()
    try gateway.store.close()
  }

  private func configurationFromFile() throws(OperatorError) -> GatewayConfiguration {
    guard let config else { return GatewayConfiguration() }
    let text: String
    do {
      text = try String(contentsOfFile: config, encoding: .utf8)
    } catch {
      throw OperatorError(.configuration, "\(config): \(error.localizedDescription)")
    }
    do throws(GatewayConfiguration.Failure) {
      return try GatewayConfiguration(text: text)
    } catch {
      throw OperatorError(.configuration, "\(config), line \(error.line): \(error.reason)")
    }
  }

  private func tls(_ file: GatewayConfiguration) throws(OperatorError)
    -> GatewayApplication.TLSFiles?
  {
    switch (tlsCertificate ?? file.tlsCertificate, tlsKey ?? file.tlsKey) {
    case (nil, nil): return nil
    case (let certificate?, let key?):
      return GatewayApplication.TLSFiles(certificatePath: certificate, keyPath: key)
    case (nil, _?), (_?, nil):
      throw OperatorError(.configuration, "--tls-certificate and --tls-key go together")
    }
  }

  static func challengeRules(_ text: String?, coverage: String?) throws(OperatorError)
    -> ChallengeRules
  {
    let text = text ?? "900"
    guard let seconds = UInt32(text), ChallengeRules.intervalRange.contains(seconds) else {
      throw OperatorError(
        .configuration, "challenge-interval is a number of seconds from 10 to 86400, not \(text)")
    }
    return ChallengeRules(
      intervalSeconds: seconds,
      coverage: try CoverageOption.policies(coverage, intervalSeconds: seconds))
  }

  /// "host:port", "[IPv6]:port".
  static func address(_ text: String) throws(OperatorError) -> (host: String, port: Int) {
    let wrong = OperatorError(.configuration, "\(text) is not an address and a port")
    guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
      (0...65_535).contains(port)
    else { throw wrong }
    var host = String(text[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
    } else if host.contains(":") {
      throw wrong
    }
    guard !host.isEmpty else { throw wrong }
    return (host, port)
  }

  static func admission(_ policy: String, owners: String?, keys: String?) throws(OperatorError)
    -> Admission
  {
    var admission: Admission
    switch policy {
    case "open": admission = Admission(.open)
    case "invite": admission = Admission(.invite)
    case "list": admission = Admission(.list)
    case "closed": admission = Admission(.closed)
    default:
      throw OperatorError(
        .configuration, "enrolment is open, invite, list or closed, not \(policy)")
    }
    if let owners { admission.owners = try keyList(owners) }
    if let keys { admission.keys = try keyList(keys) }
    guard admission.policy != .list || keys != nil else {
      throw OperatorError(.configuration, "enrolment list needs --keys: the devices to take")
    }
    guard admission.policy == .list || keys == nil else {
      throw OperatorError(.configuration, "--keys is for --enrolment list, not \(policy)")
    }
    return admission
  }

  private static func keyList(_ path: String) throws(OperatorError) -> KeyList {
    let text: String
    do {
      text = try String(contentsOfFile: path, encoding: .utf8)
    } catch {
      throw OperatorError(.configuration, "\(path): \(error.localizedDescription)")
    }
    do throws(KeyList.Failure) {
      return try KeyList(text: text)
    } catch {
      throw OperatorError(
        .configuration,
        "\(path), line \(error.line): not a public key of 64 or 66 digits, or did:key"
      )
    }
  }
}

/// Lines on standard output, whole and at once.
enum StandardOutput {
  /// What a command was asked for: without it the command has failed.
  static func answer(_ text: String) throws(OperatorError) {
    do {
      try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
    } catch {
      throw OperatorError(.storage, "standard output can't be written")
    }
  }

  @Sendable static func line(_ text: String) { Self.text(text + "\n") }

  static func text(_ text: String) {
    do {
      try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
    } catch {
      // Nobody reads any more: what can't be said is not worth ending for.
    }
  }
}
