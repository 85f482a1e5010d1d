import Foundation
import Testing

/// `cairn console` as people and lines meet it: whole programs on pseudo terminals.
@Suite(.timeLimit(.minutes(30))) struct ConsoleTests {
  private static func person(
    _ node: TestNode, _ environment: [String: String] = ["LANG": "C.UTF-8", "TERM": "vt220"],
    columns: UInt16 = 80
  ) throws -> ConsolePerson {
    let person = try ConsolePerson(
      ["console"] + node.options, environment: environment, columns: columns)
    try person.wait(for: "cairn> ")
    return person
  }

  @Test func everyCommandHasItsPage() throws {
    let node = try TestNode()
    try node.writeSmallLog()
    let person = try Self.person(node)
    for (line, page) in [
      ("help", "nothing here changes the node"), ("status", "to do"),
      ("sensors", "21.35 \u{b0}C"), ("log", "FAULT"), ("delivery", "not begun"),
      ("clock", "since the kernel started"), ("board", "kernel"), ("radios", "config check"),
      ("errors", "to do"), ("key", "did:key:"), ("lock", "locked already"),
      ("adopt", "`unlock` first"), ("statsu", "did you mean"), ("clock now", "nothing behind it"),
      ("zzzzzz", "`help` lists them"), ("unlock", "no passphrase is set"),
    ] {
      try person.ask(line, page)
      try person.wait(for: "cairn> ")
    }
    #expect(person.said.split(separator: "\r\n").allSatisfy { $0.count < 100 })
    person.type("quit\r")
    #expect(person.end() == 0)
    #expect(person.hasTerminalBack)
  }

  @Test func aTabCompletesAndAnArrowBringsTheLastLineBack() throws {
    let node = try TestNode()
    let person = try Self.person(node)
    person.type("clo\t\r")
    try person.wait(for: "since the kernel started")
    try person.wait(for: "cairn> ", count: 2)
    person.type("\u{1b}[A\r")
    try person.wait(for: "since the kernel started", count: 2)
    try person.wait(for: "cairn> ", count: 3)
    person.forget()
    person.type("s\t")
    try person.wait(for: "sensors live")
    // The line goes on where it was; ^C drops it, and ^D ends.
    person.type("\u{3}")
    try person.wait(for: "^C")
    person.type("\u{4}")
    #expect(person.end() == 0 && person.hasTerminalBack)
  }

  @Test func noLineIsTooMuchAndNoByteIsHeardAsACommand() throws {
    let node = try TestNode()
    let person = try Self.person(node)
    person.send([UInt8](repeating: 0x78, count: 1 << 20) + [0x0d])
    try person.wait(for: "longer than 200 bytes, and was ignored.")
    // Noise of a wrong speed, counts for an editor, and sequences that no terminal sends.
    var noise = (0..<4096).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 7) }
    noise.removeAll { $0 == 0x04 || $0 == 0x03 }
    person.send(noise + [0x1b, 0x39, 0x39, 0x39, 0x39, 0x39, 0x39, 0x78, 0x15, 0xff, 0x0d])
    try person.wait(for: "no plain text, and was ignored.")
    let peak = try #require(person.peakKibibytes)
    #expect(peak < 65_536, "\(peak) KiB")
    try person.ask("\u{15}clock", "since the kernel started")
    person.type("quit\r")
    #expect(person.end() == 0 && person.hasTerminalBack)
  }

  @Test func withoutColoursThereIsNoColourAndADumbTerminalGetsNoSequence() throws {
    let node = try TestNode()
    try node.writeSmallLog()
    let plain = try Self.person(node, ["TERM": "vt220", "NO_COLOR": "1"])
    try plain.ask("status", "to do")
    for colour in ["[0m", "[1m", "[2m", "[31m", "[1;31m", "[32m", "[33m"] {
      #expect(!plain.said.contains("\u{1b}" + colour), "\(colour)")
    }
    for environment in [["TERM": "dumb"], ["LANG": "C"]] {
      let dumb = try Self.person(node, environment)
      dumb.type("sensorz\u{7f}s\r")
      try dumb.wait(for: "21.35 C")
      dumb.type("bogus\u{3}help\r")
      try dumb.wait(for: "lists")
      #expect(!dumb.said.contains("\u{1b}"), "\(dumb.said)")
      #expect(dumb.said.unicodeScalars.allSatisfy { $0.isASCII })
      dumb.type("\u{4}")
      #expect(dumb.end() == 0 && dumb.hasTerminalBack)
    }
  }

  @Test func aLivePageEndsByAKey() throws {
    let node = try TestNode()
    try node.writeSmallLog()
    for environment in [["LANG": "C.UTF-8", "TERM": "vt220"], ["TERM": "dumb"]] {
      let person = try Self.person(node, environment)
      person.type("sensors live\r")
      try person.wait(for: "any key ends it", count: 2)
      person.type("q")
      try person.wait(for: "cairn> ", count: 2)
      try person.ask("clock", "since the kernel started")
    }
  }

  @Test(arguments: [SIGHUP, SIGTERM])
  func aHangUpEndsTheSessionAndGivesTheTerminalBack(number: Int32) throws {
    let node = try TestNode()
    for line in ["", "sensors li", "sensors live\r"] {
      let person = try Self.person(node)
      person.type(line)
      if line.hasSuffix("\r") { try person.wait(for: "any key") }
      person.signal(number)
      #expect(person.end() == 0)
      #expect(person.hasTerminalBack, "after \(line)")
    }
  }

  @Test func aTerminalThatSaysHowLargeItIsIsBelieved() throws {
    let node = try TestNode()
    let person = try ConsolePerson(["console"] + node.options, columns: 0)
    try person.wait(for: "\u{1b}[6n")
    person.type("\u{1b}[30;100R")
    try person.wait(for: "cairn> ")
    try person.ask("status", "to do")
    // 80 columns would have broken this line.
    #expect(person.said.contains("names another folder"))
    // And one that says nothing is taken for 80 by 24.
    let silent = try ConsolePerson(["console"] + node.options, columns: 0)
    try silent.wait(for: "cairn> ")
    try silent.ask("clock", "since the kernel started")
  }

  @Test func aScriptOnAPipeIsAnsweredPageByPage() throws {
    let node = try TestNode()
    try node.writeSmallLog()
    let process = Process()
    process.executableURL = Tool.url
    process.arguments = ["console"] + node.options
    process.environment = [:]
    let (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    try Tool.spawning.withLock { try process.run() }
    let lines = "clock\n" + String(repeating: "y", count: 5000) + "\nsensors live\nkey"
    try input.fileHandleForWriting.write(contentsOf: Data(lines.utf8))
    try input.fileHandleForWriting.close()
    let said = String(
      decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    for page in ["since the kernel started", "longer than 200", "need a terminal", "did:key:"] {
      #expect(said.contains(page), "\(page)")
    }
    #expect(!said.contains("cairn> ") && !said.contains("\u{1b}"))
  }

  @Test func wrongWordsOfTheCommandLineAreRefused() throws {
    let node = try TestNode()
    for words in [
      ["console", "word"], ["console", "--baud", "9600"], ["console", "--passphrase-file", "x"],
      ["console", "--tty", "/dev/null/x"], ["console", "--tty", "/dev/null", "--baud", "9601"],
      ["console", "passphrase", "--tty", "/dev/null"], ["console", "--json"],
    ] {
      #expect(try Tool.run(words + node.options).status == 2, "\(words)")
    }
    #expect(try Tool.run(["console", "--tty", "/dev/null"] + node.options).status == 77)
  }
}
