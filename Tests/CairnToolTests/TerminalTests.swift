import CLinux
import Foundation
import Testing

/// The tool at a terminal of its own, as a person has it.
private final class Terminal {
  struct Ended: Error { let said: String }

  private let master: Int32
  private let slave: Int32
  private let process = Process()
  private(set) var said = ""

  init(_ words: [String]) throws {
    var path = [UInt8](repeating: 0, count: 64)
    master = cairn_terminal_new_pair(&path, Int64(path.count))
    slave = open(String(decoding: path.prefix { $0 != 0 }, as: UTF8.self), O_RDWR | O_NOCTTY)
    try #require(master >= 0 && slave >= 0)
    let handle = FileHandle(fileDescriptor: slave)
    process.executableURL = Tool.url
    process.arguments = words
    process.environment = ["LANG": "C.UTF-8", "TERM": "dumb"]
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

  var echoes: Bool {
    var settings = termios()
    return tcgetattr(slave, &settings) == 0 && settings.c_lflag & tcflag_t(ECHO) != 0
  }

  /// Reads until the tool has said this; a minute at most.
  func wait(for words: String) throws {
    let limit = Date() + 60
    while !said.contains(words) {
      guard Date() < limit, process.isRunning || read() else { throw Ended(said: said) }
      _ = read()
    }
  }

  private func read() -> Bool {
    var entry = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, 50) > 0 else { return false }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = Glibc.read(master, &bytes, bytes.count)
    guard count > 0 else { return false }
    said += String(decoding: bytes.prefix(count), as: UTF8.self)
    return true
  }

  func type(_ text: String) {
    let bytes = Array(text.utf8)
    #expect(write(master, bytes, bytes.count) == bytes.count)
  }

  func signal(_ number: Int32) { kill(process.processIdentifier, number) }

  /// The exit status, or the signal and 128. After a minute the tool is ended, and that is told as 128 + 9.
  func end() -> Int32 {
    let limit = Date() + 60
    while process.isRunning, Date() < limit { _ = read() }
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    while read() {}
    return process.terminationStatus + (process.terminationReason == .uncaughtSignal ? 128 : 0)
  }
}

@Test func aPassphraseIsAskedForTwiceAndNotShown() throws {
  let desk = try DeskFolder()
  let terminal = try Terminal(["owner", "new", desk.path("owner")])
  try terminal.wait(for: "New passphrase of the owner's key: ")
  #expect(!terminal.echoes)
  terminal.type("correct horse battery\n")
  try terminal.wait(for: "Once more: ")
  #expect(!terminal.echoes)
  terminal.type("correct horse battery\n")
  #expect(terminal.end() == 0, "\(terminal.said)")
  #expect(terminal.echoes && !terminal.said.contains("correct horse"))
  // It is the one that the file of the desk has.
  #expect(try desk.run(["owner", "show", desk.path("owner")]).status == 0)
  let show = try Terminal(["owner", "show", desk.path("owner")])
  #expect(show.end() == 0)
  #expect(show.said.contains("\u{2580}"), "a QR code is shown on a terminal")
}

@Test func twoDifferentPassphrasesMakeNothing() throws {
  let desk = try DeskFolder()
  let terminal = try Terminal(["owner", "new", desk.path("owner")])
  try terminal.wait(for: "New passphrase")
  terminal.type("correct horse battery\n")
  try terminal.wait(for: "Once more: ")
  terminal.type("correct horse batterz\n")
  #expect(terminal.end() == 77 && terminal.said.contains("is not the first"))
  #expect(!FileManager.default.fileExists(atPath: desk.path("owner")))
}

@Test(arguments: [SIGINT, SIGTERM, SIGHUP])
func aSignalEndsTheQuestionAndLeavesTheTerminalAsItWas(number: Int32) throws {
  let desk = try DeskFolder()
  let terminal = try Terminal(["owner", "new", desk.path("owner")])
  try terminal.wait(for: "New passphrase")
  #expect(!terminal.echoes)
  terminal.signal(number)
  // Where the tests' own process has them blocked, so has the tool, and it ends by itself.
  #expect([77, 128 + number].contains(terminal.end()))
  #expect(terminal.echoes)
}

@Test func aLineThatIsTooLongIsRefused() throws {
  let desk = try DeskFolder()
  let terminal = try Terminal(["owner", "new", desk.path("owner")])
  try terminal.wait(for: "New passphrase")
  terminal.type(String(repeating: "x", count: 1000) + "\n")
  #expect(terminal.end() == 77 && terminal.said.contains("at most 256 bytes"))
  #expect(terminal.echoes)
}
