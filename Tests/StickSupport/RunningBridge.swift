import FixedMemory
import Foundation
import LinuxPlatform
import Testing
import USBBridges

/// cairn-usb as the program runs it, on a thread, with an emulated stick.
public final class RunningBridge: @unchecked Sendable {
  public let bench: StickBench
  public let path: FixedPath
  private let folder: URL
  private let lock = NSLock()
  private var mustEnd = false
  private var lastReason = BridgeReason.starting
  private let ended = DispatchSemaphore(value: 0)

  private let isOwnFolder: Bool

  /// Serves `usb.sock` in `folder`; nil: one of its own, which goes with it.
  public init(
    _ bench: StickBench, askingUser: UInt32 = effectiveUserID, in given: URL? = nil
  ) throws {
    self.bench = bench
    isOwnFolder = given == nil
    folder =
      given
      ?? FileManager.default.temporaryDirectory
      .appending(path: "cairn-usb-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let bytes = Array(folder.appending(path: "usb.sock").path.utf8)
    guard let path = FixedPath(bytes.span) else { throw SocketFailure.pathTooLong }
    self.path = path
    let ready = DispatchSemaphore(value: 0)
    Thread {
      do {
        let stick = CH341(transport: EmulatedCH341(bench: bench), speed: .kilohertz100)
        var server = try BridgeServer(
          stick, at: self.path, name: FixedText("usb"), askingUser: askingUser)
        ready.signal()
        while !self.lock.withLock({ self.mustEnd }) {
          try server.turn(otherDescriptor: nil)
          let reason = server.reason
          self.lock.withLock { self.lastReason = reason }
        }
      } catch {
        Issue.record(error)
        ready.signal()
      }
      self.ended.signal()
    }.start()
    ready.wait()
  }

  public var reason: BridgeReason { lock.withLock { lastReason } }

  public func end() {
    lock.withLock { mustEnd = true }
    ended.wait()
    guard isOwnFolder else { return }
    do { try FileManager.default.removeItem(at: folder) } catch { print("not removed: \(folder)") }
  }

  /// Looks again and again, for a minute at most.
  public func waits(for condition: () -> Bool) -> Bool {
    for _ in 0..<60_000 {
      if condition() { return true }
      usleep(1000)
    }
    return false
  }
}
