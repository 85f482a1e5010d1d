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

  /// Waits for the question, then sends the packet.
  static func answer(_ client: Int32, _ packet: [UInt8]) {
    var question = [UInt8](repeating: 0, count: 4096)
    _ = recv(client, &question, question.count, 0)
    _ = send(client, packet, packet.count, Int32(MSG_NOSIGNAL))
    close(client)
  }
}
