import Foundation
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// Unlocking, between the built tool and the built agent.
@Suite(.timeLimit(.minutes(30))) struct ConsoleUnlockTests {
  /// Leaves of the log that tell of consoles, as `cairn log show --json` has them.
  private func events(_ node: ConsoleNode) throws -> [[String: Any]] {
    let list = try Tool.run(["log", "list", "--json"] + node.options).json()
    let batches = try #require(list["batches"] as? [[String: Any]])
    var found: [[String: Any]] = []
    for batch in batches {
      let position = "\(batch["epoch"] ?? "")/\(batch["batch"] ?? "")"
      let shown = try Tool.run(["log", "show", position, "--json"] + node.options)
      let leaves = try #require(try shown.json()["leaves"] as? [[String: Any]])
      found += leaves.filter { ($0["event"] as? String)?.hasPrefix("console-") ?? false }
    }
    return found
  }

  @Test func aPassphraseUnlocksAndTheSignedLogTellsIt() throws {
    let node = try ConsoleNode()
    try node.setPassphrase()
    try node.startAgent()
    let person = try node.person()
    try person.ask("unlock", "Passphrase: ")
    person.type("not the right one\r")
    try person.wait(for: "Wrong passphrase")
    try person.wait(for: "cairn> ")
    try person.ask("unlock", "Passphrase: ")
    person.type(ConsoleNode.passphrase + "\r")
    try person.wait(for: "Unlocked for five minutes")
    #expect(!person.said.contains("correct") && !person.said.contains("not the"))
    try person.wait(for: "cairn# ")
    try person.ask("adopt", "Nothing to adopt")
    try person.ask("lock", "Locked.")
    try person.wait(for: "cairn> ")
    try person.ask("adopt", "`unlock` first")
    // Neither attempt is in the history.
    person.type("\u{1b}[A\u{1b}[A\u{1b}[A\u{1b}[A\u{1b}[A")
    try person.wait(for: "unlock")
    #expect(!person.said.contains("correct horse"))
    person.type("\u{3}quit\r")
    #expect(person.end() == 0)
    node.endAgent()

    let events = try events(node)
    #expect(
      events.compactMap { $0["event"] as? String } == ["console-refused", "console-unlocked"])
    #expect(events.allSatisfy { ($0["count"] as? Int) == 1 })
    #expect(events.allSatisfy { ($0["terminal"] as? String)?.hasPrefix("pts/") ?? false })

    let export = try Tool.run(["log", "export", "--to", node.path("export")] + node.options)
    #expect(export.status == 0, "\(export.error)")
    let verified = try Tool.run([
      "verify", node.path("export/batch.cbor"), "--key", node.path("export/device.pub"),
    ])
    #expect(verified.status == 0, "\(verified.words)")
  }

  @Test func wrongPassphrasesMakeTheNextSessionWaitToo() throws {
    let node = try ConsoleNode()
    try node.setPassphrase()
    let first = try node.person()
    try first.ask("unlock", "Passphrase: ")
    first.type("short\r")
    try first.wait(for: "Wrong passphrase")
    let counted = try Data(contentsOf: URL(filePath: node.path("console/attempts")))
    // Version 1, one in a row; the agent is away, so it has not heard of it.
    #expect(counted.prefix(3) == Data([0x84, 1, 1]) && counted.last == 1)

    try node.writeAttempts(10)
    let second = try node.person()
    try second.ask("unlock", "10 wrong passphrases in a row: wait ")
    second.type(ConsoleNode.passphrase + "\r\u{3}")
    try second.wait(for: "Passphrase: ")
    second.type(ConsoleNode.passphrase + "\r")
    // ^C ends the waiting, and not what it is for.
    try second.wait(for: "in a row: wait ", count: 2)
    try second.wait(for: "cairn> ")
    try second.ask("adopt", "`unlock` first")
    #expect(!second.said.contains("correct"))
  }

  @Test(.enabled(if: geteuid() == 0, "only root can give a folder away"))
  func rootsWrongPassphraseDoesNotLockTheConsolesUserOut() throws {
    let node = try ConsoleNode()
    try node.setPassphrase()
    try FileManager.default.createDirectory(
      atPath: node.path("console"), withIntermediateDirectories: true)
    #expect(chown(node.path("console"), 61_234, 61_234) == 0)
    let person = try node.person()
    try person.ask("unlock", "Passphrase: ")
    person.type("short\r")
    try person.wait(for: "Wrong passphrase")
    var status = stat()
    #expect(stat(node.path("console/attempts"), &status) == 0)
    #expect(status.st_uid == 61_234 && status.st_mode & 0o777 == 0o660)
  }

  /// Many sessions at once are no more attempts than one.
  @Test func aPassphraseIsNotLookedAtWhileAnotherSessionsWrongOneIsWaitedFor() throws {
    let node = try ConsoleNode()
    try node.setPassphrase()
    try node.startAgent()
    let person = try node.person()
    try person.ask("unlock", "Passphrase: ")
    try node.writeAttempts(10)
    person.type(ConsoleNode.passphrase + "\r")
    try person.wait(for: "10 wrong passphrases in a row: wait ")
    try person.wait(for: "cairn> ")
    try person.ask("adopt", "`unlock` first")
  }

  @Test func anAttemptThatCannotBeCountedIsNotLookedAt() throws {
    let node = try ConsoleNode()
    try node.setPassphrase()
    try node.startAgent()
    let person = try node.person()
    try person.ask("unlock", "Passphrase: ")
    try FileManager.default.createDirectory(
      atPath: node.path("console/attempts.new"), withIntermediateDirectories: true)
    person.type(ConsoleNode.passphrase + "\r")
    try person.wait(for: "Nothing can be unlocked")
    try person.wait(for: "cairn> ")
    try person.ask("adopt", "`unlock` first")
  }

  @Test func aBrokenCountIsTakenForTheLongestWait() throws {
    let node = try ConsoleNode()
    try node.setPassphrase()
    try node.writeAttempts(1)
    try Data([0xff, 0]).write(to: URL(filePath: node.path("console/attempts")))
    let person = try node.person()
    try person.ask("unlock", "10 wrong passphrases in a row: wait 5 min")
  }

  @Test func withoutTheAgentsWordNothingIsUnlocked() throws {
    let node = try ConsoleNode()
    try node.setPassphrase()
    let person = try node.person()
    try person.ask("unlock", "Passphrase: ")
    person.type(ConsoleNode.passphrase + "\r")
    try person.wait(for: "nothing is unlocked")
    try person.wait(for: "nobody listens on")
    try person.ask("adopt", "`unlock` first")
    try person.ask("status", "no answer")

    // One that listens and says nothing: each question ends.
    let listener = socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) {
      $0.copyBytes(from: node.path("agent.sock").utf8)
    }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    #expect(bound == 0 && listen(listener, 4) == 0)
    defer { close(listener) }
    try person.ask("status", "did not answer within a second")
    try person.ask("unlock", "Passphrase: ")
    person.type(ConsoleNode.passphrase + "\r")
    try person.wait(for: "did not answer within a second")
    try person.ask("adopt", "`unlock` first")
  }

  @Test func thePassphrasesFileHoldsItsHashAndNobodyElseReadsIt() throws {
    let node = try ConsoleNode()
    try node.setPassphrase()
    let text = try String(contentsOfFile: node.path("console.pass"), encoding: .utf8)
    #expect(text.hasPrefix("$argon2id$v=19$m=65536,t=3,p=1$") && text.hasSuffix("\n"))
    let attributes = try FileManager.default.attributesOfItem(atPath: node.path("console.pass"))
    #expect(attributes[.posixPermissions] as? Int == 0o640)
    try node.write("hunter2\n", to: "console.pass")
    let person = try node.person()
    try person.ask("unlock", "holds no passphrase's hash")
  }

  @Test func anotherPassphraseIsAskedForTwice() throws {
    let node = try ConsoleNode()
    let person = try ConsolePerson(["console", "passphrase"] + node.options)
    try person.wait(for: "New passphrase of the console: ")
    person.type("correct horse battery\n")
    try person.wait(for: "Once more: ")
    person.type("correct horse batterz\n")
    #expect(person.end() == 77)
    #expect(!FileManager.default.fileExists(atPath: node.path("console.pass")))
  }
}
