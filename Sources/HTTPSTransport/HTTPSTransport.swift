import CLibCurl
import FixedMemory
import LinuxPlatform

/// Posts bytes to one gateway over HTTPS, or gets what it has, and reads a bounded answer. One handle, so that
/// connection and TLS session are used again. Blocking: each call returns within `Timeouts.totalMilliseconds`,
/// and at once when the descriptor that it was told to watch becomes readable.
///
/// What it insists on: certificate and host name verified, TLS 1.2 or later, no redirects, no proxies, no
/// cookies, no credentials in addresses, plain HTTP to loopback only (or when allowed). The proxy variables
/// of the environment are ignored: delivery that goes elsewhere because of an inherited variable is a
/// surprise that no configuration file shows.
///
/// Swift allocates nothing here. libcurl does: its handle at start, and per transfer as it sees fit.
public struct HTTPSTransport: ~Copyable {
  /// How long a step may take. Zero is no timeout to libcurl and is refused.
  public struct Timeouts: Sendable {
    /// Name look-up, connection and TLS handshake.
    public var connectMilliseconds: UInt32
    /// All of it, so that no post takes longer.
    public var totalMilliseconds: UInt32
    /// With fewer than `lowSpeedBytesPerSecond` for so long, a transfer is given up.
    public var lowSpeedSeconds: UInt32

    public init(
      connectMilliseconds: UInt32 = 30_000, totalMilliseconds: UInt32 = 180_000,
      lowSpeedSeconds: UInt32 = 30
    ) {
      self.connectMilliseconds = connectMilliseconds
      self.totalMilliseconds = totalMilliseconds
      self.lowSpeedSeconds = lowSpeedSeconds
    }
  }

  /// 73 728 bytes in the 180 s of the default total timeout are 410 a second, which the worst link that
  /// still counts (GPRS, 1 kB/s) reaches; a quarter of that is none.
  public static var lowSpeedBytesPerSecond: Int { 100 }

  /// An answer's headers: ours take 300 bytes, proxies add some.
  public static var maximumHeaderByteCount: Int { 16_384 }

  /// Longest value of Content-Type that is told; ours is 40 bytes.
  public static var maximumContentTypeByteCount: Int { 96 }

  public struct Response: Sendable {
    /// HTTP status of the last answer, 100 to 999.
    public let status: Int
    /// Bytes of the answer that stand at the start of the caller's buffer.
    public let byteCount: Int
    /// From Retry-After; nil when it is missing, a date, or no number of 32 bits.
    public let retryAfterSeconds: UInt32?
    /// As it came; empty when missing or longer than the maximum.
    public let contentType: FixedArray<96, UInt8>
  }

  /// What has gone over the network: as the kernel counts it for each connection, with what surrounds that estimated.
  public private(set) var wire = WireCount()

  let handle: CurlHandle
  private let address: GatewayAddress

  /// What libcurl said about the last failure, in English, for the journal; empty after a success.
  public private(set) var detail = FixedArray<256, UInt8>(filler: 0)

  /// `gateway` is an address such as https://example.net or https://example.net/fleet. `authorities` is
  /// the path of a PEM file, which then is the only trust; empty for the system's. While
  /// `stopDescriptor` is readable no transfer goes on: it is watched and never read, and the caller keeps it
  /// open for as long as the transport is there.
  public init(
    gateway: Span<UInt8>, authorities: Span<UInt8>, userAgent: StaticString,
    timeouts: Timeouts = Timeouts(), allowsPlainHTTP: Bool = false, stopDescriptor: Int32? = nil
  ) throws(Failure) {
    precondition(
      timeouts.connectMilliseconds > 0 && timeouts.totalMilliseconds > 0
        && timeouts.lowSpeedSeconds > 0, "a timeout of zero never ends")
    let address = try GatewayAddress(gateway, allowsPlainHTTP: allowsPlainHTTP)
    let handle = try CurlHandle.configured(
      timeouts, userAgent: userAgent, authorities: authorities, stopDescriptor: stopDescriptor)
    self.address = address
    self.handle = handle
  }

  /// Posts `body` to `path` (which begins with a slash) below the gateway's address, and reads the
  /// answer into `reply`, whose size is the bound. Every status is an answer, not a failure.
  public mutating func post(
    path: StaticString, body: Span<UInt8>, contentType: StaticString, accept: StaticString,
    into reply: inout MutableSpan<UInt8>
  ) throws(Failure) -> Response {
    var target = address.text
    guard target.append(path) else { throw .addressTooLong }
    let headers = try HeaderList(contentType: contentType, accept: accept)
    return try perform(.post, target, headers, body: body, into: &reply)
  }

  /// Gets `path` (which begins with a slash) below the gateway's address; else as `post`.
  public mutating func get(
    path: Span<UInt8>, accept: StaticString, into reply: inout MutableSpan<UInt8>
  ) throws(Failure) -> Response {
    var target = address.text
    guard target.append(path) else { throw .addressTooLong }
    return try perform(
      .get, target, try HeaderList(contentType: nil, accept: accept), body: Span(), into: &reply)
  }

  private mutating func perform(
    _ method: CurlHandle.Method, _ target: CString<512>, _ headers: borrowing HeaderList,
    body: Span<UInt8>, into reply: inout MutableSpan<UInt8>
  ) throws(Failure) -> Response {
    detail.removeAll()
    let outcome = handle.perform(method, target, headers, body: body, reply: &reply)
    count(outcome)
    guard outcome.code == CURLE_OK else {
      detail = outcome.detail
      throw Failure(outcome, handle)
    }
    return handle.response(byteCount: outcome.replyByteCount)
  }

  private mutating func count(_ outcome: CurlHandle.Outcome) {
    for _ in 0..<outcome.newConnectionCount { wire.begin() }
    if let bytes = outcome.connectionByteCount { return wire.see(bytes) }
    // Closed already, by whoever answered, or because the attempt failed.
    guard outcome.newConnectionCount > 0 || outcome.code == CURLE_OK else {
      return wire.add(WireCount.attemptByteCount)
    }
    let size =
      handle.number(of: CURLINFO_SIZE_UPLOAD_T) + handle.number(of: CURLINFO_SIZE_DOWNLOAD_T)
    wire.add(WireCount.unseenConnectionByteCount + size + size / 20)
  }

  /// True when libcurl looks names up beside the transfer; otherwise a name server that doesn't answer
  /// holds `post` up for longer than its timeouts.
  public static var resolvesAsynchronously: Bool { cairn_curl_resolves_asynchronously() != 0 }
}
