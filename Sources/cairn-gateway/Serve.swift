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

  @Option(help: "open: whoever posts a key is known from then on. closed: nobody new.")
  var enrolment: String?

  @Option(
    help: ArgumentHelp(
      "PEM file with the certificate and its chain: serve HTTPS.", valueName: "file")
  )
  var tlsCertificate: String?

  @Option(help: ArgumentHelp("PEM file with the certificate's private key.", valueName: "file"))
  var tlsKey: String?

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
    let enrolment = try Self.enrolment(self.enrolment ?? file.enrolment ?? "open")
    let gateway = try GatewayFolder.open(folder, enrolment: enrolment)

    var settings = GatewayApplication.Settings(host: host, port: port)
    settings.tls = try tls(file)
    let events = (events || file.events ?? false) ? GatewayEvents(write: StandardOutput.line) : nil
    let server = GatewayApplication(gateway, settings: settings, events: events) {
      Int64(Date().timeIntervalSince1970 * 1000)
    }
    let showsAddress = events == nil
    do {
      try await server.run { address in
        // With events the started line has it, and standard output is theirs.
        if showsAddress { StandardOutput.line("listening on \(address)") }
      }
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

  static func enrolment(_ text: String) throws(OperatorError) -> Gateway.Enrolment {
    switch text {
    case "open": .open
    case "closed": .closed
    default: throw OperatorError(.configuration, "enrolment is open or closed, not \(text)")
    }
  }
}

/// Lines on standard output, whole and at once.
enum StandardOutput {
  @Sendable static func line(_ text: String) {
    do {
      try FileHandle.standardOutput.write(contentsOf: Data((text + "\n").utf8))
    } catch {
      // Nobody reads any more: what can't be said is not worth ending for.
    }
  }
}
