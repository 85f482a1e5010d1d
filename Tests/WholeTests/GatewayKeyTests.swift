import Foundation
import Testing

/// A gateway's folder, and the program that looks after its key.
private final class GatewayKeyFolder {
  let folder = URL(filePath: "/tmp/cairn-gateway-key-\(UUID().uuidString.prefix(8))")

  init() throws {
    try FileManager.default.createDirectory(
      at: folder.appending(path: "data"), withIntermediateDirectories: true)
    try write("correct horse battery staple\n", mode: 0o600, to: "passphrase")
  }

  deinit {
    // What stays behind in /tmp is no failure of what was tested.
    do { try FileManager.default.removeItem(at: folder) } catch {}
  }

  func path(_ name: String) -> String { folder.appending(path: name).path }

  func write(_ text: String, mode: Int, to name: String) throws {
    try Data(text.utf8).write(to: folder.appending(path: name))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path(name))
  }

  /// What `cairn-gateway key WORDS --data FOLDER` says, and its status.
  func run(_ words: [String], passphrase: String? = "passphrase") throws -> (Int32, String) {
    let process = Process()
    process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appending(path: "cairn-gateway")
    process.arguments =
      ["key"] + words + ["--data", path("data")]
      + (passphrase.map { ["--passphrase-file", path($0)] } ?? [])
    let said = Pipe()
    process.standardInput = FileHandle.nullDevice
    (process.standardOutput, process.standardError) = (said, said)
    try process.run()
    let text = String(decoding: said.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, text)
  }
}

private func vector(_ name: String) -> String {
  URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Vectors/sealed/\(name).txt").path
}

/// RFC 8032 section 7.1, test 3.
private let publicKey = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"

@Test func aGatewaysKeyComesBackFromItsBackupAndNothingIsOverwritten() throws {
  let gateway = try GatewayKeyFolder()
  #expect(try gateway.run(["backup", "--to", gateway.path("backup")]).0 == 73)
  let restored = try gateway.run(["restore", vector("gateway")])
  #expect(restored.0 == 0 && restored.1.contains(publicKey), "\(restored.1)")
  let key = gateway.path("data/gateway.key")
  let mode = try FileManager.default.attributesOfItem(atPath: key)[.posixPermissions] as? Int
  #expect(mode == 0o600)
  let before = try Data(contentsOf: URL(filePath: key))
  let kept = try gateway.run(["backup", "--to", gateway.path("backup"), "--json"])
  #expect(kept.0 == 0 && kept.1.contains("\"publicKey\":\"\(publicKey)\""), "\(kept.1)")
  #expect(try gateway.run(["backup", "--to", gateway.path("backup")]).0 == 73)
  #expect(try gateway.run(["restore", gateway.path("backup")]).0 == 0)
  try FileManager.default.removeItem(atPath: key)
  #expect(try gateway.run(["restore", gateway.path("backup")]).0 == 0)
  #expect(try Data(contentsOf: URL(filePath: key)) == before)
  // Another key is left alone.
  let other = String(decoding: before, as: UTF8.self).replacingOccurrences(of: "c5aa", with: "c5ab")
  try gateway.write(other, mode: 0o600, to: "data/gateway.key")
  let foreign = try gateway.run(["restore", gateway.path("backup")])
  #expect(foreign.0 == 73 && foreign.1.contains("another key"), "\(foreign.1)")
  #expect(try String(contentsOf: URL(filePath: key), encoding: .utf8) == other)
}

@Test func aGatewaysBackupIsRefusedWhereItCanNotBeRight() throws {
  let gateway = try GatewayKeyFolder()
  for kind in ["owner", "device"] {
    let foreign = try gateway.run(["restore", vector(kind)])
    #expect(foreign.0 == 73 && foreign.1.contains("not a gateway's"), "\(foreign.1)")
  }
  try gateway.write("correct horse battery stable\n", mode: 0o600, to: "wrong")
  let wrong = try gateway.run(["restore", vector("gateway")], passphrase: "wrong")
  #expect(wrong.0 == 73 && wrong.1.contains("wrong passphrase, or the file is damaged"))
  try gateway.write("correct horse battery staple\n", mode: 0o644, to: "open")
  #expect(try gateway.run(["restore", vector("gateway")], passphrase: "open").0 == 78)
  let nobody = try gateway.run(["restore", vector("gateway")], passphrase: nil)
  #expect(nobody.0 == 78 && nobody.1.contains("no terminal"))
  #expect(try gateway.run(["restore", gateway.path("none")]).0 == 73)
  #expect(!FileManager.default.fileExists(atPath: gateway.path("data/gateway.key")))
  let folder = open(gateway.path("data"), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  #expect(flock(folder, LOCK_EX | LOCK_NB) == 0)
  let running = try gateway.run(["restore", vector("gateway")])
  #expect(running.0 == 73 && running.1.contains("stop it first"), "\(running.1)")
  close(folder)
}

@Test func aGatewaysPublicKeyIsShownWithoutThePrivateOne() throws {
  let gateway = try GatewayKeyFolder()
  #expect(try gateway.run(["show"], passphrase: nil).0 == 73)
  var bytes: [UInt8] = []
  for start in stride(from: 0, to: 64, by: 2) {
    let digits = publicKey.dropFirst(start).prefix(2)
    bytes.append(try #require(UInt8(digits, radix: 16)))
  }
  try Data(bytes).write(to: URL(filePath: gateway.path("data/gateway.pub")))
  let shown = try gateway.run(["show"], passphrase: nil)
  #expect(shown.0 == 0 && shown.1.contains(publicKey) && shown.1.contains("did:key:z6Mk"))
}
