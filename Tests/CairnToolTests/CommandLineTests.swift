import FixedMemory
import Foundation
import TestSupport
import Testing

@Test func anUnknownCommandIsAnsweredWithTheNearestOne() throws {
  for (word, nearest) in [
    ("statsu", "status"), ("verfy", "verify"), ("lgo", "log"), ("hlep", "help"),
  ] {
    let ending = try Tool.run([word])
    #expect(ending.status == 2 && ending.error.contains("did you mean \(nearest)?"), "\(word)")
  }
  #expect(try Tool.run(["log", "exprot"]).error.contains("did you mean export?"))
  #expect(try Tool.run(["status", "--jsno"]).error.contains("did you mean --json?"))
  #expect(try Tool.run(["status", "--stat", "x"]).error.contains("did you mean --state?"))
}

@Test(arguments: [
  ["log"], ["log", "show"], ["log", "show", "12"], ["log", "show", "1/-2"], ["log", "export"],
  ["log", "show", "0/18446744073709551616"], ["log", "list", "--last"],
  ["log", "list", "--last", "0"], ["log", "list", "--last", "many"], ["status", "now"],
  ["status", "--to", "x"], ["verify", "/dev/null", "--from"], ["enrol", "me"],
  ["enrol", "--key", "x"], ["config"], ["verify", "--key", "x"], ["--state"],
  ["status", "--state", ""], ["status", "--config", "a", "--config", "b"], ["key", "hide"],
])
func aWrongCommandLineEndsWithStatusTwoAndOneReason(words: [String]) throws {
  let ending = try Tool.run(words)
  #expect(ending.status == 2, "\(words)")
  #expect(!ending.error.isEmpty && ending.output.isEmpty)
}

@Test func everyCommandHasHelpThatFits() throws {
  let commands = [
    [], ["status"], ["key", "show"], ["log", "list"], ["log", "show"], ["log", "export"],
    ["verify"],
    ["config", "check"], ["config", "show"], ["enrol"], ["key", "adopt"],
    ["board", "show"], ["board", "check"], ["radio", "show"], ["radio", "listen"],
  ]
  for command in commands {
    let (asked, helped) = (try Tool.run(command + ["--help"]), try Tool.run(["help"] + command))
    #expect(asked.status == 0 && helped.status == 0)
    #expect(asked.output == helped.output && !asked.output.isEmpty)
    for line in asked.lines { #expect(line.count <= 80, "\(line)") }
    if let first = command.first { #expect(asked.output.hasPrefix("cairn \(first)")) }
  }
  #expect(try Tool.run([]).output.contains("cairn status"))
  #expect(try Tool.run(["--version"]).output.hasPrefix("cairn "))
}

@Test func aReaderWhoHasSeenEnoughIsNoFailure() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  let pipe = Pipe()
  try pipe.fileHandleForReading.close()
  for words in [["status"], ["log", "list"], ["key", "show"], ["help"]] {
    let ending = try Tool.run(words + node.options, output: pipe.fileHandleForWriting)
    #expect(ending.status == 0, "\(words): \(ending.error)")
  }
}

@Test func aFullDiskBehindStandardOutputIsAFailure() throws {
  let full = try #require(FileHandle(forWritingAtPath: "/dev/full"))
  #expect(try Tool.run(["help"], output: full).status == 74)
}

@Test func theKeyIsShownWithoutThePrivateOne() throws {
  let node = try TestNode()
  #expect(!FileManager.default.fileExists(atPath: node.path("agent/agent.key")))
  let json = try node.run("key", "show", "--json").json()
  #expect(json["kid"] as? String == hexadecimal(node.publicKey.keyID))
  #expect(json["sha256"] as? String == hexadecimal(node.publicKey.hash))
  #expect((json["did"] as? String)?.hasPrefix("did:key:z6Mk") == true)
  try Data([UInt8](repeating: 1, count: 31)).write(
    to: node.folder.appending(path: "agent/device.pub"))
  #expect(try node.run("key", "show").status == 77)
}

@Test func theKnownSeedHasTheKnownDID() throws {
  let node = try TestNode()
  // RFC 8032, test 1: its public key.
  let key = hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
  try Data(key).write(to: node.folder.appending(path: "agent/device.pub"))
  #expect(
    try node.run("key", "show").words.contains(
      "did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw"))
}

@Test func aSpoolThatCanNotBeReadIsExplained() throws {
  let node = try TestNode()
  #expect(try node.run("log", "list").status == 69)
  try FileManager.default.createDirectory(at: node.spool, withIntermediateDirectories: false)
  let folder = try node.run("log", "list")
  #expect(folder.status == 77 && folder.words.contains("is not a file"))
  try FileManager.default.removeItem(at: node.spool)
  try Data("something else".utf8).write(to: node.spool)
  let other = try node.run("log", "list")
  #expect(other.status == 77 && other.words.contains("is not a spool"))
  try FileManager.default.removeItem(at: node.spool)
  try node.writeSmallLog()
  var bytes = try Data(contentsOf: node.spool)
  bytes[8] = 2
  try bytes.write(to: node.spool)
  let newer = try node.run("log", "list")
  #expect(newer.status == 77 && newer.words.contains("has format version 2, this program knows 1"))
  bytes[8] = 1
  try bytes.dropLast(100).write(to: node.spool)
  let short = try node.run("status")
  #expect(short.status == 0 && short.words.contains("cut short"))
}

@Test(.enabled(if: getuid() != 0, "root may read everything"))
func aSpoolThatThisUserMayNotReadIsExplained() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: node.spool.path)
  #expect(try node.run("log", "list").words.contains("this user may not read it"))
}

@Test func theConfigurationIsCheckedWithEachProblemOnALine() throws {
  let node = try TestNode()
  let site = node.folder.appending(path: "site.ini")
  #expect(try node.run("config", "check").status == 78)
  try Data("[gateway]\nurl = https://gateway.example\n[sensor.air]\nchip = bme2800\n".utf8).write(
    to: site)
  let wrong = try node.run("config", "check")
  #expect(wrong.status == 78 && wrong.output.contains("site.ini:4: "))
  #expect(wrong.words.contains("did you mean bme280?"))
  let problems = try #require(
    try node.run("config", "check", "--json").json()["problems"] as? [[String: Any]])
  #expect(problems.contains { $0["line"] as? Int == 4 && $0["severity"] as? String == "refusal" })
  let key = String(repeating: "d7", count: 32)
  try Data(
    "[gateway]\nurl = https://gateway.example\npublic_key = \(key)\n[sensor.air]\nchip = bme280\nbus = i2c-1\n"
      .utf8
  ).write(to: site)
  let right = try node.run("config", "check")
  #expect(right.status == 0 && right.words.contains("no problems"))
}
