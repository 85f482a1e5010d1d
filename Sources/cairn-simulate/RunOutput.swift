import CLinux
import Dispatch
import Foundation
import Simulation
import Synchronization

/// What a run says, on standard output: lines for a person, or one JSON object a line.
///
/// Written on a queue of its own: a terminal that is stopped (Ctrl-S) must not stop the virtual board, whose
/// chips would then seem to be dead.
final class RunOutput: Sendable {
  /// Writes that may wait for a reader; what comes beyond is left out.
  private static let waitingLimit = 4_096

  let terminal: DemoTerminal
  let isJSON: Bool

  private let queue = DispatchQueue(label: "cairn-simulate.output")
  private let state = Mutex(State())

  private struct State {
    var waitingCount = 0
    var isBroken = false
    /// The line at the bottom that is written over.
    var status = ""
  }

  init(isJSON: Bool) {
    let environment = ProcessInfo.processInfo.environment
    terminal = DemoTerminal(
      isTerminal: cairn_child_is_terminal(1) == 1, environment: environment)
    self.isJSON = isJSON
  }

  /// Nobody reads any more.
  var isBroken: Bool { state.withLock { $0.isBroken } }

  /// Lines for a person; nothing when a program reads.
  func show(_ lines: [DemoLine]) {
    guard !isJSON, !lines.isEmpty else { return }
    write(lines.map { terminal.rendered($0) + "\n" }.joined())
  }

  /// An object for a program; nothing when a person reads.
  func tell(_ event: String, _ members: [DemoJSON.Member]) {
    guard isJSON else { return }
    write(DemoJSON.object([.init("event", .text(event))] + members).line + "\n")
  }

  /// A line that is JSON already.
  func pass(_ line: String) {
    if isJSON { write(line + "\n") }
  }

  /// What goes on at the moment: shown only where it can be written over.
  func status(_ line: DemoLine) {
    guard !isJSON, terminal.isInteractive else { return }
    let text = terminal.rendered(line)
    let isNew = state.withLock { state in
      defer { state.status = text }
      return state.status != text
    }
    if isNew { write("") }
  }

  private func write(_ text: String) {
    let isTaken = state.withLock { state in
      guard state.waitingCount < Self.waitingLimit, !state.isBroken else { return false }
      state.waitingCount += 1
      return true
    }
    guard isTaken else { return }
    queue.async {
      let status = self.state.withLock { state in
        state.waitingCount -= 1
        return state.status
      }
      // Back to the line's begin, and what stands there is cleared.
      let clear = self.terminal.isInteractive && !self.isJSON ? "\r\u{1b}[2K" : ""
      do {
        try FileHandle.standardOutput.write(contentsOf: Data((clear + text + status).utf8))
      } catch {
        self.state.withLock { $0.isBroken = true }
      }
    }
  }

  /// Waits until everything is written, for 2 s at most.
  func finish() {
    state.withLock { $0.status = "" }
    if terminal.isInteractive, !isJSON { write("") }
    let written = DispatchSemaphore(value: 0)
    queue.async { written.signal() }
    _ = written.wait(timeout: .now() + 2)
  }
}
