import Foundation
import Testing

/// A node whose agent runs, for the console: key, spool and all are the built agent's own.
final class ConsoleNode {
  static let passphrase = "correct horse battery"

  let folder: URL
  private let agent = Process()
  private let output = Pipe()

  init() throws {
    folder = URL(filePath: "/tmp/cairn-console-\(UUID().uuidString.prefix(8))")
    for name in ["agent", "uplink"] {
      try FileManager.default.createDirectory(
        at: folder.appending(path: name), withIntermediateDirectories: true)
    }
    try write(
      """
      [gateway]
      url = http://127.0.0.1:9
      [spool]
      size = 1 MiB
      segment = 128 KiB
      [batch]
      interval = 1 s

      """, to: "site.ini")
    try write(
      """
      [board]
      name = bench
      [i2c.i2c-1]
      virtual = i2c-1.sock

      """, to: "board.ini")
  }

  deinit {
    if agent.isRunning {
      agent.terminate()
      agent.waitUntilExit()
    }
    // What stays behind in /tmp is no failure of what was tested.
    do { try FileManager.default.removeItem(at: folder) } catch {}
  }

  func path(_ name: String) -> String { folder.appending(path: name).path }

  func write(_ text: String, to name: String) throws {
    try text.write(toFile: path(name), atomically: true, encoding: .utf8)
  }

  var options: [String] {
    [
      "--state", folder.path, "--run", folder.path, "--config", path("site.ini"), "--board",
      path("board.ini"),
    ]
  }

  /// Until it has said that it runs.
  func startAgent() throws {
    agent.executableURL = Tool.url.deletingLastPathComponent().appending(path: "cairn-agent")
    agent.arguments = options
    agent.standardOutput = output
    try Tool.spawning.withLock { try agent.run() }
    var said = ""
    while !said.contains(": boot ") {
      let data = output.fileHandleForReading.availableData
      guard !data.isEmpty else { throw ConsolePerson.Ended(said: said) }
      said += String(decoding: data, as: UTF8.self)
    }
  }

  func endAgent() {
    agent.terminate()
    agent.waitUntilExit()
  }

  func setPassphrase() throws {
    try Self.passphrase.write(toFile: path("pass"), atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o600], ofItemAtPath: path("pass"))
    let made = try Tool.run(
      ["console", "passphrase", "--passphrase-file", path("pass")] + options)
    #expect(made.status == 0, "\(made.error)")
  }

  func person(
    environment: [String: String] = ["LANG": "C.UTF-8", "TERM": "vt220"]
  ) throws -> ConsolePerson {
    let person = try ConsolePerson(["console"] + options, environment: environment)
    try person.wait(for: "cairn> ")
    return person
  }

  /// Wrong passphrases in a row, the last one just now, as the console counts them.
  func writeAttempts(_ count: UInt8) throws {
    try FileManager.default.createDirectory(
      atPath: path("console"), withIntermediateDirectories: true)
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    let milliseconds = UInt64(time.tv_sec) * 1000
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: milliseconds >> UInt64(56 - 8 * $0)) }
    // [1, count, milliseconds, 0], the time as short as CBOR wants it.
    let number: [UInt8] =
      milliseconds < 65_536
      ? [0x19] + bytes.suffix(2)
      : milliseconds < 1 << 32 ? [0x1a] + bytes.suffix(4) : [0x1b] + bytes
    try Data([0x84, 1, count] + number + [0]).write(to: URL(filePath: path("console/attempts")))
  }
}
