import Foundation
import FoundationNetworking
import Proofs
import Signers

/// A folder of a gateway that goes with the test.
final class TemporaryFolder {
  let path = NSTemporaryDirectory() + "cairn-gateway-" + UUID().uuidString

  init() throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    do { try FileManager.default.removeItem(atPath: path) } catch { print(error) }
  }

  var publicKey: PublicKey {
    get throws {
      let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path + "/gateway.pub")))
      guard let key = PublicKey(algorithm: .ed25519, bytes: bytes.span) else {
        throw WrongAnswer(what: "gateway.pub has \(bytes.count) bytes")
      }
      return key
    }
  }
}

struct WrongAnswer: Error, CustomStringConvertible {
  let what: String
  var description: String { what }
}

/// The program as a person starts it: the one that stands beside this test.
enum GatewayProgram {
  static func path() throws -> String {
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let candidates =
      [own, CommandLine.arguments[0], Bundle.main.bundlePath].map {
        URL(fileURLWithPath: $0).deletingLastPathComponent().path + "/cairn-gateway"
      } + [root.path + "/.build/debug/cairn-gateway"]
    guard let path = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0) })
    else { throw WrongAnswer(what: "cairn-gateway is missing: run `swift build` first") }
    return path
  }

  /// Starts it; what it says is for nobody.
  static func start(_ arguments: [String]) throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try path())
    process.arguments = arguments
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
  }

  /// Runs it from start to end.
  static func run(_ arguments: [String]) throws -> (status: Int32, words: String) {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: try path())
    process.arguments = arguments
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let words = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: words, as: UTF8.self))
  }
}

/// A gateway that serves a folder on a port of its own.
final class GatewayProcess: Sendable {
  private let process = Process()
  let address: String

  init(_ folder: TemporaryFolder, _ arguments: [String] = []) throws {
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: try GatewayProgram.path())
    process.arguments = ["--data", folder.path, "--listen", "127.0.0.1:0"] + arguments
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let start = "listening on "
    var words = ""
    var line: Substring?
    // The line comes when it listens; the end of the pipe comes when it does not.
    while line == nil {
      let data = output.fileHandleForReading.availableData
      guard !data.isEmpty else { throw WrongAnswer(what: "the gateway ended: \(words)") }
      words += String(decoding: data, as: UTF8.self)
      let whole =
        words.hasSuffix("\n")
        ? words[...] : words[..<(words.lastIndex(of: "\n") ?? words.startIndex)]
      line = whole.split(separator: "\n").first { $0.hasPrefix(start) }
    }
    guard let line else { throw WrongAnswer(what: "the gateway says: \(words)") }
    address = "http://" + line.dropFirst(start.count)
  }

  deinit { kill() }

  /// In a way that it can't answer.
  func kill() {
    if process.isRunning { _ = Foundation.kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }

  func stop() -> Int32 {
    process.terminate()
    process.waitUntilExit()
    return process.terminationStatus
  }

  func get(_ path: String, accept: String? = nil) async throws -> (status: Int, body: [UInt8]) {
    try await send(path, nil, type: nil, accept: accept)
  }

  func post(_ path: String, _ body: [UInt8], type: String) async throws
    -> (status: Int, body: [UInt8])
  {
    try await send(path, body, type: type, accept: nil)
  }

  private func send(_ path: String, _ body: [UInt8]?, type: String?, accept: String?) async throws
    -> (status: Int, body: [UInt8])
  {
    guard let url = URL(string: address + path) else { throw WrongAnswer(what: path) }
    var request = URLRequest(url: url, timeoutInterval: 20)
    if let body {
      request.httpMethod = "POST"
      request.httpBody = Data(body)
    }
    if let type { request.setValue(type, forHTTPHeaderField: "Content-Type") }
    if let accept { request.setValue(accept, forHTTPHeaderField: "Accept") }
    let (data, response) = try await URLSession.shared.data(for: request)
    guard let answer = response as? HTTPURLResponse else { throw WrongAnswer(what: "no HTTP") }
    return (answer.statusCode, Array(data))
  }

  func json(_ path: String) async throws -> [String: Any] {
    let answer = try await get(path, accept: "application/json")
    guard answer.status == 200 else { throw WrongAnswer(what: "\(path): \(answer.status)") }
    let value = try JSONSerialization.jsonObject(with: Data(answer.body))
    return value as? [String: Any] ?? [:]
  }
}
