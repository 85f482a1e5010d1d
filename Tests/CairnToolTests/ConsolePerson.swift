import CLinux
import Foundation
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// Somebody at the console: the tool on a pseudo terminal of its own.
final class ConsolePerson {
  struct Ended: Error { let said: String }

  private let master: Int32
  private let slave: Int32
  private let process = Process()
  private var heard: [UInt8] = []
  private let before: tcflag_t

  init(
    _ words: [String], environment: [String: String] = ["LANG": "C.UTF-8", "TERM": "vt220"],
    columns: UInt16 = 80
  ) throws {
    var path = [UInt8](repeating: 0, count: 64)
    let master = cairn_terminal_new_pair(&path, Int64(path.count))
    let slave = open(
      String(decoding: path.prefix { $0 != 0 }, as: UTF8.self), O_RDWR | O_NOCTTY)
    try #require(master >= 0 && slave >= 0)
    (self.master, self.slave) = (master, slave)
    var size = winsize()
    (size.ws_col, size.ws_row) = (columns, columns == 0 ? 0 : 24)
    _ = ioctl(slave, UInt(TIOCSWINSZ), &size)
    before = Self.modes(slave)
    let handle = FileHandle(fileDescriptor: slave)
    process.executableURL = Tool.url
    process.arguments = words
    process.environment = environment
    process.standardInput = handle
    process.standardOutput = handle
    process.standardError = handle
    try Tool.spawning.withLock { try process.run() }
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    close(master)
    close(slave)
  }

  private static func modes(_ descriptor: Int32) -> tcflag_t {
    var settings = termios()
    return tcgetattr(descriptor, &settings) == 0 ? settings.c_lflag : 0
  }

  /// All that it has said.
  var said: String { String(decoding: heard, as: UTF8.self) }
  /// Canonical input and echo are as before the session.
  var hasTerminalBack: Bool { Self.modes(slave) == before && before & tcflag_t(ECHO) != 0 }
  var isRunning: Bool { process.isRunning }

  /// Reads until it has said this `count` times; a minute at most. Answers all that it has said.
  @discardableResult
  func wait(for words: String, count: Int = 1) throws -> String {
    for _ in 0..<2400 {
      if said.components(separatedBy: words).count > count { return said }
      // Wherever lines break.
      let flowing = said.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      if flowing.components(separatedBy: words).count > count { return said }
      let isOver = !process.isRunning
      guard read() || !isOver else { break }
    }
    throw Ended(said: said)
  }

  /// Waits for a prompt after what was said so far, types a line, and waits for its page.
  func ask(_ line: String, _ page: String) throws {
    heard = []
    type(line + "\r")
    try wait(for: page)
  }

  func forget() { heard = [] }

  @discardableResult
  private func read() -> Bool {
    var entry = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, 25) > 0 else { return false }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = Glibc.read(master, &bytes, bytes.count)
    guard count > 0 else { return false }
    heard += bytes.prefix(count)
    return true
  }

  func type(_ text: String) { send(Array(text.utf8)) }

  /// In pieces, and reading meanwhile: a terminal holds four thousand bytes.
  func send(_ bytes: [UInt8]) {
    var start = 0
    while start < bytes.count {
      var entry = pollfd(fd: master, events: Int16(POLLIN | POLLOUT), revents: 0)
      guard poll(&entry, 1, 60_000) > 0 else { return }
      if entry.revents & Int16(POLLIN) != 0 { read() }
      guard entry.revents & Int16(POLLOUT) != 0 else { continue }
      let piece = Array(bytes[start..<min(bytes.count, start + 256)])
      let count = write(master, piece, piece.count)
      if count < 0, errno == EAGAIN { continue }
      guard count > 0 else { return }
      start += count
    }
  }

  func signal(_ number: Int32) { kill(process.processIdentifier, number) }

  /// The largest that it ever was, in KiB.
  var peakKibibytes: Int? {
    do {
      let text = try String(
        contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
      let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
      return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
    } catch { return nil }
  }

  /// The exit status, or the signal and 128. After a minute the tool is ended, and that is told as 128 + 9.
  func end() -> Int32 {
    for _ in 0..<2400 where process.isRunning { read() }
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    while read() {}
    return process.terminationStatus + (process.terminationReason == .uncaughtSignal ? 128 : 0)
  }
}
