import Foundation

/// Looks until something is so, for five minutes: longer than any pause of the programs. Then it is an error that
/// says what did not come.
func waitUntil(
  _ what: String, _ isSo: () throws -> Bool, otherwise hint: () throws -> String = { "" }
) throws {
  let end = Date().addingTimeInterval(300)
  while try !isSo() {
    guard Date() < end else {
      throw WorldProblem("waited five minutes for: \(what). \(try hint())")
    }
    usleep(20_000)
  }
}

struct WorldProblem: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// A program of this build, as a process. What it says is kept in a file, as a journal does.
final class WorldProgram {
  let name: String
  private let process = Process()
  private let journalPath: String
  /// Open for as long as it runs: some programs end with their input.
  private let input = Pipe()

  /// Beside the tests' own program.
  static func url(_ name: String) -> URL {
    URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
      .appending(path: name)
  }

  init(
    _ name: String, _ arguments: [String], journal: String, environment: [String: String] = [:]
  ) throws {
    self.name = name
    journalPath = journal
    guard FileManager.default.createFile(atPath: journal, contents: nil) else {
      throw WorldProblem("\(journal) can't be made")
    }
    let file = try FileHandle(forWritingTo: URL(filePath: journal))
    process.executableURL = Self.url(name)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = input
    process.standardOutput = file
    process.standardError = file
    try process.run()
    try file.close()
  }

  deinit { kill() }

  /// All that it has said so far, on both streams.
  var journal: String {
    get throws {
      String(decoding: try Data(contentsOf: URL(filePath: journalPath)), as: UTF8.self)
    }
  }

  /// The end of it, for who has to find out what went wrong.
  var lastWords: String {
    get throws { try journal.split(separator: "\n").suffix(12).joined(separator: "\n") }
  }

  var isRunning: Bool { process.isRunning }

  /// Waits until it has said this; it must not have ended without.
  func awaitWords(_ wanted: String) throws {
    try waitUntil("\(name) to say \"\(wanted)\"") {
      let isOver = !process.isRunning
      if try journal.contains(wanted) { return true }
      if isOver { throw WorldProblem("\(name) ended, and said: \(try journal)") }
      return false
    } otherwise: {
      "It said last: \(try lastWords)"
    }
  }

  /// Asks it to end, and waits for that. Returns its exit status.
  func end() throws -> Int32 {
    process.terminate()
    try waitUntil("the end of \(name)") {
      !process.isRunning
    } otherwise: {
      try lastWords
    }
    return process.terminationStatus
  }

  /// As a power cut does.
  func kill() {
    guard process.isRunning else { return }
    _ = Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// A program from start to end: its status, and what it wrote to standard output and to standard error.
  static func run(
    _ name: String, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> (status: Int32, output: String, errors: String) {
    let process = Process()
    let (output, errors) = (Pipe(), Pipe())
    process.executableURL = url(name)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let words = try output.fileHandleForReading.readToEnd() ?? Data()
    let complaint = try errors.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (
      process.terminationStatus, String(decoding: words, as: UTF8.self),
      String(decoding: complaint, as: UTF8.self)
    )
  }
}
