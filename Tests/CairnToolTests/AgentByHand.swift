import AgentMessages
import CBOR
import Foundation
import LinuxPlatform

/// An agent that says what a test has written down: one answer for each question, the last one again and again.
final class AgentByHand: @unchecked Sendable {
  private let listener: UnixListener
  private let lock = NSLock()
  private var asked: [[UInt8]] = []
  private var isAskedToEnd = false
  private let ended = DispatchSemaphore(value: 0)

  init(_ node: TestNode, _ answers: [[UInt8]]) throws {
    listener = try UnixListener(
      at: node.fixedPath(node.folder.appending(path: "agent.sock")), mode: 0o660)
    let descriptor = listener.pollDescriptor
    let thread = Thread { [self] in
      var number = 0
      while !lock.withLock({ isAskedToEnd }) {
        guard let client = AgentOnADescriptor.acceptSoon(descriptor) else { continue }
        let question = AgentOnADescriptor.question(client)
        AgentOnADescriptor.send(client, answers[min(number, answers.count - 1)])
        number += 1
        lock.withLock { asked.append(question) }
      }
      ended.signal()
    }
    thread.start()
  }

  /// Whole packets, in their order.
  var questions: [[UInt8]] { lock.withLock { asked } }

  func end() {
    lock.withLock { isAskedToEnd = true }
    ended.wait()
  }

  static func packet(_ message: borrowing AgentMessage) -> [UInt8] {
    var packet = [UInt8](repeating: 0, count: 4096)
    var encoder = CBOREncoder(packet.mutableSpan)
    message.encode(into: &encoder)
    let count = encoder.byteCount
    return Array(packet[..<count])
  }
}
