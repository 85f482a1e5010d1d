import Foundation
import LinuxPlatform
import Simulation

/// A radio chip behind sockets, turned by a thread of its own: the agent waits for each transfer's answer while the
/// test waits for the agent's.
final class ServedChip: @unchecked Sendable {
  struct Ended: Error {}

  private let lock = NSLock()
  private var sockets: ChipSockets?
  private var isEnded = false
  private let done = DispatchSemaphore(value: 0)

  init(_ model: sending RadioChipModel, path: String) throws {
    sockets = try ChipSockets(model: model, path: path, clock: { Self.now })
    Thread {
      while self.turn() { usleep(300) }
      self.done.signal()
    }.start()
  }

  static var now: Int64 { SystemClock().bootMilliseconds() }

  private func turn() -> Bool {
    lock.withLock {
      sockets?.turn()
      return !isEnded
    }
  }

  /// The chip and its lines, between two turns.
  func look<Result>(_ body: (RadioChipModel, VirtualGPIOChip) throws -> Result) throws -> Result {
    try lock.withLock {
      guard let sockets else { throw Ended() }
      return try body(sockets.model, sockets.lines)
    }
  }

  func setFault(_ fault: RadioChipFault) throws { try look { model, _ in model.fault = fault } }

  func deliver(_ bytes: [UInt8], _ figures: AirFigures, frequencyErrorHertz: Int = 0) throws {
    try look { model, _ in
      _ = model.deliver(bytes, figures, frequencyErrorHertz: frequencyErrorHertz, now: Self.now)
    }
  }

  /// Its sockets go with it.
  func end() {
    lock.withLock { isEnded = true }
    done.wait()
    lock.withLock { sockets = nil }
  }
}
