import Foundation

/// A mosquitto broker of a test's own, on a port of loopback that stays its own while it is away. Killed with its
/// owner. Debian's package `mosquitto` has the program.
public final class Broker {
  public struct Problem: Error, CustomStringConvertible {
    public let what: String
    public init(what: String) { self.what = what }
    public var description: String { what }
  }

  private static let program = "/usr/sbin/mosquitto"

  public let port: UInt16
  public let folder: String
  private var process: Process?

  public var url: String { "mqtt://127.0.0.1:\(port)" }

  /// Starts one. `settings` are more lines of its configuration; `files` are written into its folder first,
  /// which `FOLDER` in both stands for. `hashing` is the file among them whose passwords are to be hashed.
  public init(
    settings: String = "allow_anonymous true", files: [String: String] = [:],
    listener: String = "", hashing: String? = nil
  ) throws {
    guard FileManager.default.isExecutableFile(atPath: Self.program) else {
      throw Problem(what: "\(Self.program) is missing: apt-get install mosquitto")
    }
    port = try Self.freePort()
    folder = "/tmp/cairn-broker-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for (name, text) in files {
      try text.replacing("FOLDER", with: folder)
        .write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
    }
    if let hashing {
      let tool = Process()
      tool.executableURL = URL(filePath: "/usr/bin/mosquitto_passwd")
      tool.arguments = ["-U", folder + "/" + hashing]
      try tool.run()
      tool.waitUntilExit()
      guard tool.terminationStatus == 0 else { throw Problem(what: "no password was hashed") }
    }
    // It stays who it is: the files of this folder are its starter's.
    try """
    user \(NSUserName())
    listener \(port) 127.0.0.1
    \(listener.replacing("FOLDER", with: folder))
    persistence false
    log_dest stderr
    \(settings.replacing("FOLDER", with: folder))

    """.write(toFile: folder + "/mosquitto.conf", atomically: true, encoding: .utf8)
    try start()
  }

  deinit {
    kill()
    // What stays behind in /tmp is no failure of what was tested.
    do { try FileManager.default.removeItem(atPath: folder) } catch {}
  }

  /// Returns when it takes connections.
  public func start() throws {
    let started = Process()
    started.executableURL = URL(filePath: Self.program)
    started.arguments = ["-c", folder + "/mosquitto.conf"]
    let log = folder + "/log"
    _ = FileManager.default.createFile(atPath: log, contents: nil)
    let output = FileHandle(forWritingAtPath: log)
    started.standardError = output
    started.standardOutput = output
    started.standardInput = FileHandle.nullDevice
    try started.run()
    process = started
    for _ in 0..<60_000 {
      if Self.takesConnections(port) { return }
      guard started.isRunning else { break }
      usleep(1000)
    }
    throw Problem(
      what: "mosquitto does not start: \(try String(contentsOfFile: log, encoding: .utf8))")
  }

  /// In a way that it can say nothing.
  public func kill() {
    if let process, process.isRunning {
      _ = Foundation.kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    process = nil
  }

  private static func address(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
  }

  private static func withAddress<Result>(
    _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    var address = address(port)
    let count = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, count) }
    }
  }

  private static func freePort() throws -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    guard withAddress(0, { bind(descriptor, $0, $1) }) == 0 else {
      throw Problem(what: "no port of loopback is free")
    }
    var bound = sockaddr_in()
    var count = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &bound) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        getsockname(descriptor, $0, &count)
      }
    }
    guard code == 0 else { throw Problem(what: "a bound socket has no name") }
    return UInt16(bigEndian: bound.sin_port)
  }

  private static func takesConnections(_ port: UInt16) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    return withAddress(port) { connect(descriptor, $0, $1) } == 0
  }
}
