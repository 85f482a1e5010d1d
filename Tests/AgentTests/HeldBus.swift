import FixedMemory
import Foundation
import LinuxPlatform

/// A bus that keeps whoever asks waiting for as long as it is told to, and on which no chip answers.
final class HeldBus: @unchecked Sendable {
  private let lock = NSLock()
  private var mustHold = false
  private var isAsked = false
  private var mustEnd = false
  private let ended = DispatchSemaphore(value: 0)

  init(path: String) throws {
    guard let path = FixedPath(Array(path.utf8).span) else { throw SocketFailure.pathTooLong }
    let box = Holder(try UnixListener(at: path, mode: 0o600))
    Thread {
      while !self.lock.withLock({ self.mustEnd }) { box.serve(self) }
      self.ended.signal()
    }.start()
  }

  /// Somebody waits for an answer.
  var isHolding: Bool { lock.withLock { mustHold && isAsked } }

  func hold(_ mustHold: Bool) { lock.withLock { self.mustHold = mustHold } }

  func end() {
    lock.withLock { (mustHold, mustEnd) = (false, true) }
    ended.wait()
  }

  private func wait() {
    lock.withLock { isAsked = true }
    while lock.withLock({ mustHold }) { usleep(1000) }
    lock.withLock { isAsked = false }
  }

  private final class Holder: @unchecked Sendable {
    let listener: UnixListener
    init(_ listener: consuming UnixListener) { self.listener = listener }

    func serve(_ bus: HeldBus) {
      do throws(SocketFailure) {
        guard let connection = try listener.accept() else {
          usleep(1000)
          return
        }
        while !bus.lock.withLock({ bus.mustEnd }) {
          var packet = [UInt8](repeating: 0, count: 4096)
          var span = packet.mutableSpan
          do throws(SocketFailure) {
            _ = try connection.receive(into: &span, timeoutMilliseconds: 10)
          } catch {
            if error == .timedOut { continue }
            throw error
          }
          bus.wait()
          // EIO.
          let answer: [UInt8] = [0x82, 0x05, 0x40]
          try connection.send(answer.span, timeoutMilliseconds: 60_000)
        }
      } catch {
        // The client is gone.
      }
    }
  }
}
