import Foundation
import LinuxPlatform

/// The built uplink, as a process. Killed with its owner.
final class UplinkProcess {
  struct Problem: Error { let what: String }

  private let process = Process()
  private let output: Pipe
  /// All that it has said so far, on both streams.
  private(set) var words = ""

  /// Beside the tests' own program.
  static var url: URL {
    URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
      .appending(path: "cairn-uplink-https")
  }

  convenience init(_ node: Node, output: Pipe = Pipe()) throws {
    try self.init(arguments: node.options, output: output)
  }

  init(arguments: [String], output: Pipe = Pipe()) throws {
    self.output = output
    process.executableURL = Self.url
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    try process.run()
  }

  deinit {
    if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) }
  }

  func ask(toEndBy signal: Int32 = SIGTERM) {
    Foundation.kill(process.processIdentifier, signal)
  }

  /// Waits until it has said this.
  func awaitWords(_ wanted: String) throws {
    while !words.contains(wanted) {
      guard try readMore() else { throw Problem(what: "ended, and said: \(words)") }
    }
  }

  /// Waits for its end. A signal's number and 128 when that ended it.
  func end() throws -> Int32 {
    while try readMore() {}
    process.waitUntilExit()
    return process.terminationStatus + (process.terminationReason == .uncaughtSignal ? 128 : 0)
  }

  /// How often it has asked the kernel to read something.
  func readCount() throws -> Int {
    let text = try String(
      contentsOfFile: "/proc/\(process.processIdentifier)/io", encoding: .utf8)
    for line in text.split(separator: "\n") where line.hasPrefix("syscr: ") {
      if let count = Int(line.dropFirst(7)) { return count }
    }
    throw Problem(what: "the kernel does not count reads: \(text)")
  }

  /// False at the end of its output.
  private func readMore() throws -> Bool {
    var poller = Poller()
    _ = poller.watch(output.fileHandleForReading.fileDescriptor)
    guard try poller.wait(milliseconds: 60_000) > 0 else {
      throw Problem(what: "silent for a minute, after: \(words)")
    }
    let piece = output.fileHandleForReading.availableData
    words += String(decoding: piece, as: UTF8.self)
    return !piece.isEmpty
  }
}
