import Foundation

/// A running cairn-agent.
final class Agent {
  struct Ending: Equatable {
    let status: Int32
    let said: String
  }

  private let process = Process()
  private let output = Pipe()
  private var isAnnounced = false

  init(program: URL, arguments: [String], environment: [String: String] = [:]) throws {
    process.executableURL = program
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.arguments = arguments
    process.standardOutput = output
    process.standardError = output
    try process.run()
  }

  /// What it says until it runs, or has ended.
  func words(until sign: String = ": boot ") -> String {
    isAnnounced = true
    var said = ""
    while !said.contains(sign) {
      let data = output.fileHandleForReading.availableData
      if data.isEmpty { break }
      said += String(decoding: data, as: UTF8.self)
    }
    return said
  }

  var processID: Int32 { process.processIdentifier }

  /// Where its descriptors lead.
  func descriptors() throws -> [String] {
    let folder = "/proc/\(processID)/fd"
    return try FileManager.default.contentsOfDirectory(atPath: folder).compactMap { name in
      // One that was closed meanwhile is none.
      do {
        return try FileManager.default.destinationOfSymbolicLink(atPath: folder + "/" + name)
      } catch { return nil }
    }
  }

  /// Asks it to end, once it has said that it runs.
  func end() throws -> Ending {
    var said = isAnnounced ? "" : words()
    process.terminate()
    said += String(
      decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    return Ending(status: process.terminationStatus, said: said)
  }

  var isRunning: Bool { process.isRunning }

  func kill() {
    _ = Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
}
