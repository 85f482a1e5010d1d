import CLinux
import Foundation
import Simulation

/// A program that a run has started: its lines, its last words, how it ended. It is killed when this goes,
/// and with the thread that started it.
final class RunProgram {
  enum Failure: Error {
    /// No such file, not executable, not for this machine.
    case notStarted(path: String, errno: Int32)
  }

  /// Lines of its last words that are kept.
  private static let tailCount = 8
  /// A longer line is cut: no line of ours is. A batch of 512 leaves is about 200 KB of JSON.
  private static let lineLimit = 4 << 20

  /// What people call it.
  let name: String
  let path: String
  private(set) var ended: DemoExit?
  private(set) var tail: [String] = []

  private let process: Int32
  private var output: Stream
  private var error: Stream

  private struct Stream {
    let descriptor: Int32
    var partial: [UInt8] = []
    var isOpen = true
  }

  init(_ name: String, path: String, arguments: [String]) throws(Failure) {
    var outputEnds: [Int32] = [-1, -1]
    var errorEnds: [Int32] = [-1, -1]
    let made = cairn_child_pipe(&outputEnds)
    guard made == 0 else { throw .notStarted(path: path, errno: -made) }
    let madeToo = cairn_child_pipe(&errorEnds)
    guard madeToo == 0 else {
      outputEnds.forEach { _ = cairn_board_close($0) }
      throw .notStarted(path: path, errno: -madeToo)
    }
    var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
    let process = cairn_child_start(&words, outputEnds[1], errorEnds[1])
    for word in words { free(word) }
    // The child has copies of these ends; ours would keep the pipes open after its end.
    _ = cairn_board_close(outputEnds[1])
    _ = cairn_board_close(errorEnds[1])
    guard process > 0 else {
      _ = cairn_board_close(outputEnds[0])
      _ = cairn_board_close(errorEnds[0])
      throw .notStarted(path: path, errno: -process)
    }
    self.name = name
    self.path = path
    self.process = process
    output = Stream(descriptor: outputEnds[0])
    error = Stream(descriptor: errorEnds[0])
  }

  deinit {
    kill()
    _ = cairn_board_close(output.descriptor)
    _ = cairn_board_close(error.descriptor)
  }

  var isRunning: Bool { ended == nil }

  /// What to wait for: readable when it says something or ends.
  var descriptors: [Int32] {
    [output, error].filter(\.isOpen).map(\.descriptor)
  }

  /// Whole lines that have come since, and notes whether it has ended.
  func read() -> (output: [String], error: [String]) {
    let lines = (Self.read(&output), Self.read(&error))
    for line in lines.1 where !line.isEmpty { tail.append(line) }
    tail = Array(tail.suffix(Self.tailCount))
    look()
    return lines
  }

  private static func read(_ stream: inout Stream) -> [String] {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    // At most 4 MiB in a turn, so that a program that never stops talking does not stop the board.
    for _ in 0..<64 where stream.isOpen {
      let count = cairn_board_read(stream.descriptor, &buffer, buffer.count)
      if count == -Int(EAGAIN) || count == -Int(EINTR) { break }
      guard count > 0 else {
        stream.isOpen = false
        if !stream.partial.isEmpty { stream.partial.append(0x0a) }
        break
      }
      stream.partial += buffer[..<count]
    }
    guard stream.partial.contains(0x0a) || stream.partial.count > lineLimit else { return [] }
    var lines = stream.partial.split(separator: 0x0a, omittingEmptySubsequences: false)
    stream.partial = Array(lines.removeLast().prefix(lineLimit))
    return lines.map { String(decoding: $0, as: UTF8.self) }
  }

  private func look() {
    guard ended == nil else { return }
    var isSignal: Int32 = 0
    var value: Int32 = 0
    let result = cairn_child_ended(process, &isSignal, &value)
    if result == 1 {
      ended = isSignal != 0 ? .signal(value) : .status(value)
      // What it had started is of its group.
      _ = cairn_child_signal(process, SIGKILL)
    } else if result < 0 {
      ended = .status(0)
    }
  }

  /// SIGTERM: please end.
  func askToEnd() {
    if isRunning { _ = cairn_child_signal(process, SIGTERM) }
  }

  /// Ends it for certain, and waits for that: the kernel does it at once.
  func kill() {
    guard isRunning else { return }
    _ = cairn_child_signal(process, SIGKILL)
    // Bounded: a process that the kernel keeps in a system call is not waited for.
    for _ in 0..<200 {
      look()
      if !isRunning { return }
      usleep(10_000)
    }
  }
}
