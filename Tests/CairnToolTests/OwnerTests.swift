import FixedMemory
import Foundation
import Identity
import NodeConfiguration
import Proofs
import TestSupport
import Testing
import Verifier

private let invite = [
  "--gateway", DeskFolder.gatewayKey, "--expires", "7d",
]

/// The message that a site file with these lines holds, as the agent reads it.
private func message(ofSiteFileWith lines: String) throws -> [UInt8] {
  let site = """
    [gateway]
    url = https://gateway.example
    public_key = \(DeskFolder.gatewayKey)
    [enrolment]
    \(lines)
    """
  var problems = ProblemList()
  let text = Array(site.utf8)
  let read = SiteConfiguration(parsing: text.span, problems: &problems)
  let isUsable = problems.isUsable
  #expect(isUsable, "\(lines)")
  var buffer = [UInt8](repeating: 0, count: 512)
  var span = buffer.mutableSpan
  let count = read.enrolment?.decodeAuthorization(into: &span) ?? 0
  return Array(buffer.prefix(count))
}

@Test func aNewOwnersKeyIsShownWithoutItsPassphrase() throws {
  let desk = try DeskFolder()
  let made = try desk.makeOwner()
  let shown = try Tool.run(["owner", "show", desk.path("owner"), "--json"]).json()
  #expect(shown["opened"] as? Bool == false && made["opened"] as? Bool == true)
  for name in ["kid", "sha256", "did", "publicKey"] {
    #expect(shown[name] as? String == made[name] as? String && shown[name] != nil)
  }
  let opened = try desk.run(["owner", "show", desk.path("owner"), "--json"]).json()
  #expect(opened["opened"] as? Bool == true)
  let words = try Tool.run(["owner", "show", desk.path("owner")])
  let did = try #require(made["did"] as? String)
  #expect(words.status == 0 && words.words.contains(did))
  #expect(words.words.contains("only its passphrase shows"))
  #expect(!words.output.contains("\u{2588}"))
}

@Test func anOwnersKeyIsNeverOverwritten() throws {
  let desk = try DeskFolder()
  _ = try desk.makeOwner()
  let before = try desk.bytes("owner")
  let again = try desk.run(["owner", "new", desk.path("owner")])
  #expect(again.status == 77 && again.error.contains("never overwritten"))
  for words in [
    ["owner", "invite", desk.path("owner")] + invite + ["--to", desk.path("owner")],
    ["owner", "invite", desk.path("owner")] + invite + ["--to", desk.path("passphrase")],
  ] {
    #expect(try desk.run(words).status == 77)
  }
  #expect(try desk.bytes("owner") == before)
}

@Test func anInviteIsWhatAGatewayVerifiesAndASiteFileHolds() throws {
  let desk = try DeskFolder()
  let owner = try desk.makeOwner()
  let before = Int64(Date().timeIntervalSince1970 * 1000)
  let made = try desk.run(
    ["owner", "invite", desk.path("owner")] + invite + ["--to", desk.path("invite.cose")])
  #expect(made.status == 0, "\(made.error)")
  let bytes = try message(ofSiteFileWith: made.output)
  #expect(Array(try desk.bytes("invite.cose")) == bytes)
  let read = try Invite(verifying: bytes.span)
  #expect(hexadecimal(read.ownerKey.hash) == owner["sha256"] as? String)
  let gateway: FixedBytes<32> = try fixed(hex(DeskFolder.gatewayKey))
  #expect(read.gatewayKeyHash == PublicKey(ed25519: gateway).hash)
  #expect(read.node == nil && read.uses == .once && !read.nonce.isZero)
  let week: Int64 = 7 * 86_400_000
  let after = Int64(Date().timeIntervalSince1970 * 1000)
  #expect((before + week...after + week).contains(read.expiresUTCMilliseconds))
  // Lines alone on standard output; each as the site file takes it.
  for line in made.lines where !line.isEmpty {
    #expect(line.hasPrefix("authorization_") && line.count <= 160 + 24)
  }
  let often = try desk.run(
    ["owner", "invite", desk.path("owner")] + invite + ["--often", "--json"]
  ).json()
  #expect(often["uses"] as? String == "often" && often["node"] is NSNull)
  let lines = try #require(often["authorization"] as? [String])
  #expect(lines.joined() == often["message"] as? String)
}

@Test func aMoveNamesItsNode() throws {
  let desk = try DeskFolder()
  _ = try desk.makeOwner()
  let made = try desk.run(
    ["owner", "move", desk.path("owner"), "--node", DeskFolder.node] + invite)
  #expect(made.status == 0, "\(made.error)")
  let bytes = try message(ofSiteFileWith: made.output)
  let read = try Invite(verifying: bytes.span)
  #expect(read.node.map { hexadecimal($0) } == DeskFolder.node)
}

@Test func aSuccessionNamesBothKeysInEverySpelling() throws {
  let desk = try DeskFolder()
  _ = try desk.makeOwner()
  try Data(hex(DeskFolder.deviceKey)).write(to: desk.folder.appending(path: "device.pub"))
  try desk.write(DeskFolder.deviceKey + "\n", to: "device.hex")
  // The P-256 key of RFC 8152 appendix C.7.2, kid "11".
  let point = try IdentityExample().bytes("key of new device")
  let made = PublicKey(algorithm: .es256, bytes: point.span)
  let newKey = try #require(made)
  let digits = point.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  let did = newKey.didKey
  let didWords = String(decoding: (0..<did.span.count).map { did.span[$0] }, as: UTF8.self)
  for old in [
    DeskFolder.deviceKey, "sha256:" + DeskFolder.deviceHash, desk.path("device.pub"),
    desk.path("device.hex"), "did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw",
  ] {
    for new in [didWords, digits] {
      let made = try desk.run([
        "owner", "succeed", desk.path("owner"), "--node", DeskFolder.node, "--old", old, "--new",
        new,
      ])
      #expect(made.status == 0, "\(made.error)")
      let bytes = try message(ofSiteFileWith: made.output)
      let read = try Succession(verifying: bytes.span)
      #expect(hexadecimal(read.oldKeyHash) == DeskFolder.deviceHash && read.newKey == newKey)
      #expect(hexadecimal(read.node) == DeskFolder.node)
    }
  }
}

@Test func aRevocationIsAFileToPost() throws {
  let desk = try DeskFolder()
  _ = try desk.makeOwner()
  let reasons: [(String, RevocationReason)] = [
    ("lost", .lostOrStolen), ("retired", .retired), ("compromised", .compromised),
    ("unsaid", .notSaid),
  ]
  for (word, reason) in reasons {
    let made = try desk.run([
      "owner", "revoke", desk.path("owner"), "--node", DeskFolder.node, "--key",
      DeskFolder.deviceKey, "--reason", word, "--to", desk.path(word),
    ])
    #expect(made.status == 0 && made.words.contains("/v1/revocations"), "\(made.error)")
    let bytes = Array(try desk.bytes(word))
    let read = try Revocation(verifying: bytes.span)
    #expect(read.reason == reason && hexadecimal(read.deviceKeyHash) == DeskFolder.deviceHash)
  }
}

@Test func whatAnOwnerCanNotMeanIsRefusedBeforeThePassphrase() throws {
  let desk = try DeskFolder()
  let owner = try desk.makeOwner()
  let file = desk.path("owner")
  let es256 = "02" + DeskFolder.gatewayKey
  let succeed = ["owner", "succeed", file, "--node", DeskFolder.node]
  let revoke = ["owner", "revoke", file, "--node", DeskFolder.node]
  let key = DeskFolder.gatewayKey
  let cases: [([String], String)] = [
    (["owner", "invite", file, "--expires", "7d"], "--gateway is needed"),
    (["owner", "invite", file, "--gateway", key], "--expires is needed"),
    (["owner", "invite", file, "--gateway", key, "--expires", "2020-01-01"], "not after now"),
    (["owner", "invite", file, "--gateway", key, "--expires", "0d"], "not after now"),
    (["owner", "invite", file, "--gateway", key, "--expires", "soon"], "a time from now"),
    (["owner", "invite", file, "--gateway", key, "--expires", "10000000w"], "the year 9999"),
    (["owner", "invite", file, "--gateway", es256, "--expires", "7d"], "only Ed25519"),
    (
      ["owner", "invite", file, "--gateway", String(repeating: "0", count: 64), "--expires", "7d"],
      "nobody can hold"
    ),
    (["owner", "invite", file, "--gateway", "no-such-file", "--expires", "7d"], "no such file"),
    (["owner", "invite", file, "--gateway", file, "--expires", "7d"], "larger than 128 bytes"),
    (["owner", "move", file] + invite, "--node is needed"),
    (["owner", "move", file, "--node", "5a5a"] + invite, "64 hexadecimal digits"),
    (
      ["owner", "move", file, "--node", DeskFolder.node.dropLast() + "g"] + invite,
      "64 hexadecimal digits"
    ),
    (succeed + ["--new", key], "--old is needed"), (succeed + ["--old", key], "--new is needed"),
    (succeed + ["--old", key, "--new", key], "this is the old key"),
    (succeed + ["--old", "sha256:12", "--new", key], "followed by 64"),
    (succeed + ["--old", "sha256:" + DeskFolder.deviceHash, "--new", DeskFolder.deviceKey], "old"),
    (revoke + ["--key", key, "--reason", "bored", "--to", "x"], "lost, retired"),
    (revoke + ["--key", key, "--reason", "lost"], "--to is needed"),
    (revoke + ["--reason", "lost", "--to", "x"], "--key is needed"),
    (["owner", "new"], "OWNER-FILE"),
    (["owner", "show", file, "--qr", "--json"], "one of them"),
    (["owner", "invite", file, "--reason", "lost"] + invite, "not an option"),
  ]
  for (words, reason) in cases {
    let ending = try Tool.run(words)
    #expect(ending.status == 2 && ending.output.isEmpty, "\(words): \(ending.error)")
    #expect(ending.error.contains(reason), "\(words): \(ending.error)")
  }
  let own = try #require(owner["publicKey"] as? String)
  for words in [
    ["owner", "invite", file, "--gateway", own, "--expires", "7d"],
    succeed + ["--old", key, "--new", own],
  ] {
    let ending = try desk.run(words)
    #expect(ending.status == 2 && ending.error.contains("owner's own key"))
  }
}

@Test func aKeyThatDoesNotOpenSignsNothing() throws {
  let desk = try DeskFolder()
  _ = try desk.makeOwner()
  let words = ["owner", "invite", desk.path("owner")] + invite
  try desk.write("correct horse batterz\n", to: "wrong")
  let wrong = try desk.run(words, passphrase: "wrong")
  #expect(wrong.status == 77 && wrong.output.isEmpty)
  #expect(wrong.error.contains("wrong passphrase, or the file is damaged"))
  try desk.write("correct horse battery\n", mode: 0o640, to: "open")
  let open = try desk.run(words, passphrase: "open")
  #expect(open.status == 77 && open.error.contains("others can read") && open.error.contains("640"))
  try desk.write("short\n", to: "short")
  #expect(try desk.run(words, passphrase: "short").error.contains("at least 8 bytes"))
  #expect(try desk.run(words, passphrase: "none").status == 2)
  let nobody = try Tool.run(words)
  #expect(nobody.status == 2 && nobody.error.contains("no terminal"))
  #expect(try Tool.run(["owner", "new", desk.path("other")]).error.contains("no terminal"))
  #expect(!FileManager.default.fileExists(atPath: desk.path("other")))
}

@Test func aSealedFileThatIsNotAnOwnersIsRefused() throws {
  let desk = try DeskFolder()
  _ = try desk.makeOwner()
  let whole = String(decoding: try desk.bytes("owner"), as: UTF8.self)
  let vectors = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Vectors/sealed")
  let device = try String(contentsOf: vectors.appending(path: "device.txt"), encoding: .utf8)
  let cases = [
    (String(whole.dropLast(20)), "damaged"),
    (whole.replacing("kind owner", with: "kind ownes"), "damaged"),
    (device, "the key of a device"), ("something else", "not a sealed key"),
    (whole + String(repeating: " ", count: 1000), "larger than 1024 bytes"),
    (whole.replacing("cairn-sealed-key 1", with: "cairn-sealed-key 2"), "later version"),
  ]
  for (text, reason) in cases {
    try desk.write(text, to: "spoilt")
    for words in [
      ["owner", "show", desk.path("spoilt")], ["owner", "invite", desk.path("spoilt")] + invite,
    ] {
      let ending = try Tool.run(words)
      #expect(ending.status == 77 && ending.error.contains(reason), "\(reason): \(ending.error)")
    }
  }
  #expect(try Tool.run(["owner", "show", desk.path("none")]).status == 2)
}
