import Foundation

/// Stands in the gateway's place on a port of loopback, and answers as it likes. One connection at a time; it
/// ends with this.
final class FalseGateway: @unchecked Sendable {
  struct Request: Sendable {
    let method: String
    let path: String
    let body: [UInt8]
  }

  struct Answer: Sendable {
    var status = "200 OK"
    var type = "application/cose; cose-type=\"cose-sign1\""
    var body: [UInt8] = []

    static let notHere = Answer(status: "404 Not Found", type: "text/plain")
  }

  let port: UInt16
  private let listener: Int32
  private let respond: @Sendable (Request) -> Answer
  private let lock = NSLock()
  private var isOver = false
  private var posts: [String: Int] = [:]
  private let ended = DispatchSemaphore(value: 0)

  init(_ respond: @escaping @Sendable (Request) -> Answer) throws {
    self.respond = respond
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
    guard isBound, listen(listener, 4) == 0 else { throw WorldProblem("no port for a gateway") }
    self.listener = listener
    port = UInt16(bigEndian: address.sin_port)
  }

  var url: String { "http://127.0.0.1:\(port)" }

  /// Answers from here on, until `end`.
  func start() {
    Thread { [self] in
      while !lock.withLock({ isOver }) {
        guard isReadable(listener) else { continue }
        let client = accept(listener, nil, nil)
        guard client >= 0 else { continue }
        serve(client)
        close(client)
      }
      close(listener)
      ended.signal()
    }.start()
  }

  /// Returns when nobody answers any more.
  func end() {
    lock.withLock { isOver = true }
    ended.wait()
  }

  /// How often something was asked of this path.
  func count(of path: String) -> Int { lock.withLock { posts[path] ?? 0 } }

  private func isReadable(_ descriptor: Int32) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 50) > 0
  }

  private func serve(_ client: Int32) {
    var bytes: [UInt8] = []
    while !lock.withLock({ isOver }) {
      guard isReadable(client) else { continue }
      var piece = [UInt8](repeating: 0, count: 65_536)
      let count = recv(client, &piece, piece.count, 0)
      guard count > 0 else { return }
      bytes += piece[..<count]
      while let request = Self.request(&bytes) {
        lock.withLock { posts[request.path, default: 0] += 1 }
        let answer = respond(request)
        let head =
          "HTTP/1.1 \(answer.status)\r\nContent-Type: \(answer.type)\r\n"
          + "Content-Length: \(answer.body.count)\r\n\r\n"
        let reply = Array(head.utf8) + answer.body
        guard send(client, reply, reply.count, Int32(MSG_NOSIGNAL)) == reply.count else { return }
      }
    }
  }

  /// Takes a whole request from the front; nil while it is not whole.
  private static func request(_ bytes: inout [UInt8]) -> Request? {
    guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
    let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
    let words = (lines.first ?? "").split(separator: " ").map(String.init)
    guard words.count == 3 else { return nil }
    let length =
      lines.first { $0.lowercased().hasPrefix("content-length:") }
      .flatMap { Int($0.split(separator: " ").last ?? "") } ?? 0
    guard bytes.count >= end.upperBound + length else { return nil }
    let body = Array(bytes[end.upperBound..<end.upperBound + length])
    bytes.removeFirst(end.upperBound + length)
    return Request(method: words[0], path: words[1], body: body)
  }
}
