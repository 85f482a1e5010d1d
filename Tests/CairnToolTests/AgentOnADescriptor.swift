import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// One client of a listening socket, served by hand on another thread.
enum AgentOnADescriptor {
  /// The client's descriptor; −1 when none came in ten seconds.
  static func accept(_ listener: Int32) -> Int32 {
    var entry = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, 10_000) == 1 else { return -1 }
    return Glibc.accept(listener, nil, nil)
  }

  /// The same, for a tenth of a second; nil when none came.
  static func acceptSoon(_ listener: Int32) -> Int32? {
    var entry = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, 100) == 1 else { return nil }
    let client = Glibc.accept(listener, nil, nil)
    return client < 0 ? nil : client
  }

  /// Waits for the question.
  static func question(_ client: Int32) -> [UInt8] {
    var question = [UInt8](repeating: 0, count: 4096)
    let count = recv(client, &question, question.count, 0)
    return Array(question.prefix(max(0, count)))
  }

  static func send(_ client: Int32, _ packet: [UInt8]) {
    _ = Glibc.send(client, packet, packet.count, Int32(MSG_NOSIGNAL))
    close(client)
  }

  /// Waits for the question, then sends the packet.
  static func answer(_ client: Int32, _ packet: [UInt8]) {
    _ = question(client)
    send(client, packet)
  }
}
