import CBOR
import Delivery
import FixedMemory
import Foundation
import LinuxPlatform
import Proofs

/// A gateway on a free port of loopback, played by the test: one request at a time. Every wait ends after three
/// minutes, with an error: longer than the minute after which the uplink looks anew at what it has missed.
final class ScriptedGateway {
  struct Request {
    let method: String
    let path: String
    let body: [UInt8]

    /// Where the batch stands that was sent.
    func position() throws -> String {
      let span = body.span
      let range = try BatchReader(span).checkpoint
      let checkpoint = try Checkpoint(decoding: span.extracting(range))
      return "\(checkpoint.epoch)/\(checkpoint.batch)"
    }
  }

  struct Problem: Error { let what: String }

  let port: UInt16
  private let listener: Int32
  private var client: Int32 = -1
  private var fillers: [Int32] = []
  private var gets: [String] = []

  init() throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, size) == 0 && getsockname(listener, $0, &size) == 0
      }
    }
    guard isBound, listen(listener, 1) == 0 else { throw Problem(what: "no port") }
    self.listener = listener
    port = UInt16(bigEndian: address.sin_port)
  }

  deinit {
    if client >= 0 { close(client) }
    for filler in fillers { close(filler) }
    close(listener)
  }

  /// The next post, of a new connection where the last one has ended. What the uplink asks for meanwhile,
  /// this gateway has not.
  func next() throws -> Request {
    while true {
      let request = try nextOfAnyKind()
      if request.method == "POST" { return request }
      try answer("404 Not Found", "text/plain", [])
    }
  }

  /// The next request for something that begins with `path`.
  func nextGet(_ path: String) throws -> Request {
    while true {
      let request = try nextOfAnyKind()
      if request.method == "GET", request.path.hasPrefix(path) { return request }
      try answer("404 Not Found", "text/plain", [])
    }
  }

  private func nextOfAnyKind() throws -> Request {
    for _ in 0..<3 {
      if client < 0 { try accept() }
      if let request = try read() {
        if request.method == "GET" { gets.append(request.path) }
        return request
      }
      close(client)
      client = -1
    }
    throw Problem(what: "connections without requests")
  }

  /// How often something was asked that ends like this.
  func count(ofGet suffix: String) -> Int { gets.count { $0.hasSuffix(suffix) } }

  /// The next request as a batch's position, answered with a receipt.
  func takeBatch() throws -> String {
    let position = try next().position()
    try answerReceipt()
    return position
  }

  /// What has the form of a receipt: the uplink does not verify it, the agent does.
  func answerReceipt() throws {
    try answer("200 OK", "application/cose; cose-type=\"cose-sign1\"", [0xd2, 0x84, 0x40, 0xa0])
  }

  /// A problem with nothing but its reason code.
  func refuse(code: UInt16) throws {
    var body = [UInt8](repeating: 0, count: 4096)
    var encoder = CBOREncoder(body.mutableSpan)
    ProblemDetails(code: code).encode(detail: Span(), into: &encoder)
    let count = encoder.byteCount
    try answer("409 Conflict", "application/concise-problem-details+cbor", Array(body[..<count]))
  }

  func answer(_ status: String, _ type: String, _ body: [UInt8]) throws {
    let head =
      "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: \(body.count)\r\n\r\n"
    let bytes = Array(head.utf8) + body
    guard send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
      throw Problem(what: "the uplink does not read")
    }
  }

  /// From here on connections to it are neither taken nor refused: its queue is full.
  func stopAccepting() throws {
    // One more than the queue of 1 holds; the kernel keeps one beyond that.
    for _ in 0..<3 {
      let filler = socket(
        AF_INET,
        Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
          | Int32(SOCK_CLOEXEC.rawValue), 0)
      fillers.append(filler)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      let size = socklen_t(MemoryLayout<sockaddr_in>.size)
      let result = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(filler, $0, size) }
      }
      guard result == 0 || errno == EINPROGRESS else { throw Problem(what: "errno \(errno)") }
    }
    // On a busy machine a handshake takes its time, and whoever comes meanwhile would be let in.
    for _ in 0..<60_000 {
      if try isQueueFull() { return }
      usleep(1000)
    }
    throw Problem(what: "its queue does not fill")
  }

  /// The listening socket (state 0A of /proc/net/tcp) holds two connections that nobody takes.
  private func isQueueFull() throws -> Bool {
    for words in try Self.connections() where words[3] == "0A" && Self.port(words[1]) == port {
      let waiting = words[4].split(separator: ":").last.flatMap { Int($0, radix: 16) }
      return (waiting ?? 0) >= 2
    }
    return false
  }

  /// The words of each line of /proc/net/tcp. It is read to its end: Foundation's reading of a whole file takes
  /// the size that the kernel tells for a file, and here that is 0, so it stops after the first page.
  static func connections() throws -> [[Substring]] {
    let file = try FileHandle(forReadingFrom: URL(filePath: "/proc/net/tcp"))
    var bytes = Data()
    while let piece = try file.read(upToCount: 65_536), !piece.isEmpty { bytes += piece }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
      .map { $0.split(separator: " ") }.filter { $0.count > 4 }
  }

  /// Waits until somebody else tries to connect. Looks a bounded number of times.
  func awaitAttempt(by uplink: UplinkProcess) throws {
    for _ in 0..<60_000 {
      if try isSomebodyElseTrying() { return }
      usleep(1000)
    }
    throw Problem(what: "nobody tries to connect: \(uplink.words)")
  }

  /// Whether a connection to this port waits for its first answer (state 02 of /proc/net/tcp) that is not one
  /// of the fillers: those may be waiting too, or not yet have been let in.
  private func isSomebodyElseTrying() throws -> Bool {
    let own = fillers.map(Self.localPort)
    for words in try Self.connections() where words[3] == "02" && Self.port(words[2]) == port {
      if !own.contains(Self.port(words[1])) { return true }
    }
    return false
  }

  /// The port of "0100007F:20F8".
  static func port(_ address: Substring) -> UInt16? {
    address.split(separator: ":").last.flatMap { UInt16($0, radix: 16) }
  }

  private static func localPort(_ descriptor: Int32) -> UInt16? {
    var address = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
    }
    return result == 0 ? UInt16(bigEndian: address.sin_port) : nil
  }

  /// Takes the next connection, and says nothing on it.
  func awaitConnection() throws { try accept() }

  /// Takes the next connection and answers whatever came with what is no TLS.
  func answerWithPlainText() throws {
    try accept()
    try wait(client)
    try answer("400 Bad Request", "text/plain", [])
  }

  private func accept() throws {
    try wait(listener)
    client = Foundation.accept(listener, nil, nil)
    guard client >= 0, fcntl(client, F_SETFD, FD_CLOEXEC) == 0 else {
      throw Problem(what: "no connection: \(errno)")
    }
  }

  /// Nil when the connection ends before a request.
  private func read() throws -> Request? {
    var bytes: [UInt8] = []
    while true {
      if let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) {
        let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
        let lines = head.split(separator: "\r\n")
        let words = lines[0].split(separator: " ").map(String.init)
        let length =
          lines.compactMap { line -> Int? in
            guard line.lowercased().hasPrefix("content-length:") else { return nil }
            return Int(line.split(separator: " ").last ?? "")
          }.first ?? (words[0] == "GET" ? 0 : nil)
        let body = bytes[end.upperBound...]
        if let length, body.count >= length {
          return Request(method: words[0], path: words[1], body: Array(body))
        }
      }
      try wait(client)
      var piece = [UInt8](repeating: 0, count: 65_536)
      let count = recv(client, &piece, piece.count, 0)
      guard count > 0 else { return nil }
      bytes += piece[..<count]
    }
  }

  private func wait(_ descriptor: Int32) throws {
    var poller = Poller()
    _ = poller.watch(descriptor)
    guard try poller.wait(milliseconds: 180_000) > 0 else {
      throw Problem(what: "nothing came in three minutes")
    }
  }
}
