import Hummingbird
import Logging

/// What goes with a request through the routes: made by the HTTP server, or for a request that came over MQTT.
public struct GatewayRequestContext: RequestContext {
  public var coreContext: CoreRequestContextStorage

  public init(source: ApplicationRequestContextSource) { coreContext = .init(source: source) }

  /// Without a connection of HTTP.
  init(logger: Logger) { coreContext = .init(source: LoggerSource(logger: logger)) }

  private struct LoggerSource: RequestContextSource {
    let logger: Logger
  }
}
