import Foundation
import GatewayStore
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import NIOSSL

/// The gateway as an HTTP server: which address, which limits, and how it tells where it listens.
public struct GatewayApplication: Sendable {
  public struct Settings: Sendable {
    public var host: String
    /// 0: any free port.
    public var port: Int
    /// Connections at once; further ones wait in the kernel's queue.
    public var maximumConnectionCount = 2048
    /// A connection on which nothing comes is closed after this; it also bounds the wait for a head.
    public var idleSeconds: Int64 = 60
    /// A body that has not arrived by then is given up.
    public var bodySeconds: Int64 = 30
    /// Nil: plain HTTP.
    public var tls: TLSFiles?
    /// Nil: devices come by HTTP only.
    public var broker: BrokerSettings?

    public init(host: String, port: Int) {
      self.host = host
      self.port = port
    }
  }

  /// PEM files: the certificate with its chain, and its private key.
  public struct TLSFiles: Sendable {
    let certificatePath: String
    let keyPath: String

    public init(certificatePath: String, keyPath: String) {
      self.certificatePath = certificatePath
      self.keyPath = keyPath
    }
  }

  /// A PEM file that can't be used.
  public struct TLSFailure: Error, Equatable {
    public let path: String
    public let reason: String
  }

  /// A request head: a device sends a few hundred bytes, a browser a few thousand.
  static let maximumHeaderByteCount = 16_384

  let gateway: Gateway
  let settings: Settings
  let events: GatewayEvents?
  let now: @Sendable () -> Int64
  let brokerCounts: BrokerCounts?

  /// `now` gives UTC milliseconds.
  public init(
    _ gateway: Gateway, settings: Settings, events: GatewayEvents?,
    now: @escaping @Sendable () -> Int64
  ) {
    self.gateway = gateway
    self.settings = settings
    self.events = events
    self.now = now
    brokerCounts = settings.broker.map { _ in BrokerCounts() }
  }

  /// What answers requests, without a socket.
  public func router() -> Router<GatewayRequestContext> {
    let router = Router(context: GatewayRequestContext.self)
    router.add(middleware: ProblemMiddleware())
    let counts = VerdictCounts()
    DeviceRoutes(
      gateway, events: events, counts: counts, bodySeconds: settings.bodySeconds, now: now
    ).add(to: router)
    PeopleRoutes(gateway, broker: brokerCounts, now: now).add(to: router)
    LogRoutes(gateway, events: events, counts: counts, now: now).add(to: router)
    NodeRoutes(gateway).add(to: router)
    let standings = CoverageStandings(gateway.store, now: now)
    CoverageRoutes(gateway, standings, now: now).add(to: router)
    StandingRoutes(gateway, standings).add(to: router)
    Metrics(gateway, counts: counts, broker: brokerCounts, now: now).add(to: router)
    FleetPage(gateway, counts: counts, standings: standings, now: now).add(to: router)
    return router
  }

  /// Serves until SIGTERM or SIGINT; requests that have begun are answered first. `listening` gets the
  /// address that was bound.
  /// `brokerSaid` hears of each connection to the broker, and of each reason why there is none.
  public func run(
    listening: @escaping @Sendable (String) -> Void,
    brokerSaid: @escaping @Sendable (_ isConnected: Bool, _ why: String) -> Void = { _, _ in }
  ) async throws {
    let responder = router().buildResponder()
    let application = try application(responder, listening: listening)
    guard let broker = settings.broker, let brokerCounts else {
      return try await application.runService()
    }
    let events = events
    let link = BrokerLink(broker, responder: responder, counts: brokerCounts) { isConnected, why in
      events?.broker(isConnected: isConnected, why)
      brokerSaid(isConnected, why)
    }
    guard let link else { throw BrokerSettings.Failure(reason: "the system has no pipe left") }
    link.start()
    do {
      try await application.runService()
    } catch {
      await link.stop()
      throw error
    }
    await link.stop()
  }

  func application(
    _ responder: RouterResponder<GatewayRequestContext>,
    listening: @escaping @Sendable (String) -> Void
  ) throws
    -> Application<RouterResponder<GatewayRequestContext>>
  {
    var logger = Logger(label: "cairn-gateway")
    logger.logLevel = .error
    let (gateway, events) = (gateway, events)
    return Application(
      responder: responder, server: try serverBuilder(),
      configuration: ApplicationConfiguration(
        address: .hostname(settings.host, port: settings.port), serverName: nil,
        availableConnectionsDelegate: MaximumAvailableConnections(
          settings.maximumConnectionCount)),
      onServerRunning: { channel in
        let address = channel.localAddress.map(Self.text) ?? "unknown"
        events?.started(address: address, publicKey: gateway.publicKey)
        listening(address)
      },
      logger: logger)
  }

  private func serverBuilder() throws -> HTTPServerBuilder {
    var channel = HTTP1Channel.Configuration(idleTimeout: .seconds(settings.idleSeconds))
    channel.httpDecoder.maxHeaderFieldSize = Self.maximumHeaderByteCount
    channel.httpDecoder.maxHeaderListSize = Self.maximumHeaderByteCount
    channel.httpDecoder.maxHeaderFieldCount = 64
    guard let tls = settings.tls else { return .http1(configuration: channel) }
    let chain = try Self.loading(tls.certificatePath, "no certificate in PEM") {
      try NIOSSLCertificate.fromPEMFile(tls.certificatePath)
    }
    let key = try Self.loading(tls.keyPath, "no private key in PEM") {
      try NIOSSLPrivateKey(file: tls.keyPath, format: .pem)
    }
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
    configuration.minimumTLSVersion = .tlsv12
    let whyNot = "not the private key of the certificate in \(tls.certificatePath)"
    return try Self.loading(tls.keyPath, whyNot) {
      try .tls(.http1(configuration: channel), tlsConfiguration: configuration)
    }
  }

  /// TLS libraries say neither which file it was nor what it should be.
  private static func loading<Value>(
    _ path: String, _ whyNot: String, _ load: () throws -> Value
  ) throws(TLSFailure) -> Value {
    do { return try load() } catch {
      let isReadable = FileManager.default.isReadableFile(atPath: path)
      throw TLSFailure(
        path: path, reason: isReadable ? whyNot : "no such file, or it can't be read by this user")
    }
  }

  private static func text(_ address: SocketAddress) -> String {
    let host = address.ipAddress ?? "unknown"
    let port = address.port ?? 0
    return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}

/// Turns what routes throw into problems, and every other failure into a plain 500 without its inside.
struct ProblemMiddleware: RouterMiddleware {
  func handle(
    _ request: Request, context: GatewayRequestContext,
    next: (Request, GatewayRequestContext) async throws -> Response
  ) async throws -> Response {
    do {
      return try await next(request, context)
    } catch let problem as RequestProblem {
      return problem.response(to: request)
    } catch let problem as Problem {
      return problem.response(asJSON: !RequestProblem.wantsCBOR(request))
    } catch let error as HTTPError where error.status == .notFound {
      return RequestProblem(.notFound, "There is nothing at this path.").response(to: request)
    } catch let error as HTTPError {
      return RequestProblem(error.status, error.body ?? error.status.reasonPhrase)
        .response(to: request)
    } catch {
      context.logger.error("request failed", metadata: ["error": "\(error)"])
      return RequestProblem(.internalServerError, "The gateway failed. Its log says more.")
        .response(to: request)
    }
  }
}
