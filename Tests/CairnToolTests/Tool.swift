import Foundation

/// What a program said and how it ended.
struct Ending {
  let status: Int32
  let output: String
  let error: String

  var lines: [Substring] { output.split(separator: "\n", omittingEmptySubsequences: false) }

  /// All of it with blanks and line ends as one blank: what it says, wherever lines break.
  var words: String {
    (output + " " + error).split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  func json() throws -> [String: Any] {
    let value = try JSONSerialization.jsonObject(with: Data(output.utf8))
    guard let object = value as? [String: Any] else { throw NotAnObject(text: output) }
    return object
  }

  struct NotAnObject: Error { let text: String }
}

/// The built tool, as a process.
enum Tool {
  /// Beside the tests' own program.
  static var url: URL {
    URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
      .appending(path: "cairn")
  }

  /// Held by whoever starts a process, and by whoever holds a spool's lock.
  static let spawning = NSLock()

  static func run(
    _ arguments: [String], environment: [String: String] = ["LANG": "C.UTF-8"],
    output: FileHandle? = nil
  ) throws -> Ending {
    let process = Process()
    process.executableURL = url
    process.arguments = arguments
    process.environment = environment
    let (standardOutput, standardError) = (Pipe(), Pipe())
    process.standardInput = FileHandle.nullDevice
    if let output {
      process.standardOutput = output
    } else {
      process.standardOutput = standardOutput
    }
    process.standardError = standardError
    // A child has its parent's descriptors until it is the new program, and with them a spool's
    // lock.
    try spawning.withLock { try process.run() }
    let said = output == nil ? standardOutput.fileHandleForReading.readDataToEndOfFile() : Data()
    let complained = standardError.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    // A signal, as a shell would tell it.
    let status =
      process.terminationStatus + (process.terminationReason == .uncaughtSignal ? 128 : 0)
    return Ending(
      status: status, output: String(decoding: said, as: UTF8.self),
      error: String(decoding: complained, as: UTF8.self))
  }
}
