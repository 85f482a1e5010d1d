import Buses
import FixedMemory
import Foundation
import Testing

@testable import LinuxPlatform

/// A bridge that answers as it should, but for one reply; and counts its connections.
private final class StumblingBridge: @unchecked Sendable {
  let path: FixedPath
  private let folder: URL
  private let lock = NSLock()
  private var mustEnd = false
  private var accepted = 0
  private let ended = DispatchSemaphore(value: 0)

  /// - `badReply`: counted over all connections, from 1.
  init(badReply: Int) throws {
    folder = FileManager.default.temporaryDirectory
      .appending(path: "cairn-lost-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let bytes = Array(folder.appending(path: "usb.sock").path.utf8)
    guard let path = FixedPath(bytes.span) else { throw SocketFailure.pathTooLong }
    self.path = path
    let box = Holder(try UnixListener(at: path, mode: 0o600))
    Thread {
      var count = 0
      while !self.lock.withLock({ self.mustEnd }) {
        box.serve(&count, badReply: badReply) { self.lock.withLock { self.accepted += 1 } }
      }
      self.ended.signal()
    }.start()
  }

  var connectionCount: Int { lock.withLock { accepted } }

  func end() {
    lock.withLock { mustEnd = true }
    ended.wait()
    do { try FileManager.default.removeItem(at: folder) } catch { print("not removed: \(folder)") }
  }

  private final class Holder: @unchecked Sendable {
    let listener: UnixListener
    init(_ listener: consuming UnixListener) { self.listener = listener }

    /// One connection, until its client leaves it.
    func serve(_ count: inout Int, badReply: Int, accepted: () -> Void) {
      do throws(SocketFailure) {
        guard let connection = try listener.accept() else {
          usleep(1000)
          return
        }
        accepted()
        while true {
          var packet = [UInt8](repeating: 0, count: 4096)
          var span = packet.mutableSpan
          _ = try connection.receive(into: &span, timeoutMilliseconds: 60_000)
          count += 1
          let answer: [UInt8] = count == badReply ? [0xff] : [0x82, 0x00, 0x42, 0x50, 0x00]
          try connection.send(answer.span, timeoutMilliseconds: 60_000)
        }
      } catch {
        // The client is gone: with its connection, what the bridge knew of it.
      }
    }
  }
}

@Suite struct LostPinsTests {
  private func lines(_ stumbling: StumblingBridge, receive: UInt8?) -> USBBridgeRadioLines {
    USBBridge(path: stumbling.path, patienceMilliseconds: 60_000).radioLines(
      USBBridgeRadioPins(reset: 2, busy: 4, interrupt: 6, receive: receive))
  }

  /// Over the next connection a bridge can't tell that RXEN is an input again.
  @Test func outputsOfAConnectionThatWasGivenUpAreToldToBeLostOnce() throws {
    let stumbling = try StumblingBridge(badReply: 3)
    defer { stumbling.end() }
    // Gone before the bridge waits for its end.
    do {
      var lines = lines(stumbling, receive: 1)
      #expect(try lines.isBusy() == true)
      try lines.enableReceiver(true)
      #expect(throws: BusError.system(errno: 74)) { _ = try lines.isInterrupted() }
      #expect(throws: BusError.disconnected) { _ = try lines.isInterrupted() }
      #expect(stumbling.connectionCount == 1)
      #expect(try lines.isInterrupted() == true)
      try lines.enableReceiver(true)
      #expect(try lines.isBusy() == true)
    }
    #expect(stumbling.connectionCount == 2)
  }

  @Test func linesThatMadeNoOutputsLoseNone() throws {
    let stumbling = try StumblingBridge(badReply: 2)
    defer { stumbling.end() }
    do {
      var lines = lines(stumbling, receive: nil)
      #expect(try lines.isBusy() == true)
      #expect(throws: BusError.system(errno: 74)) { _ = try lines.isInterrupted() }
      #expect(try lines.isInterrupted() == true)
    }
    #expect(stumbling.connectionCount == 2)
  }
}
