import FixedMemory
import Foundation
import Proofs
import Simulation
import TestSupport
import Testing
import Verifier

/// `cairn-gateway key rotate`, and what the program does with key files that are not its log's.
@Suite(.serialized, .ownThreads, .timeLimit(.minutes(30))) struct KeyRotateTests {
  @Test func aStoppedGatewayGetsAnotherKeyAndGoesOn() async throws {
    let folder = try TemporaryFolder()
    let device = try TestDevice(seed: 1)
    let first = try GatewayProcess(folder)
    _ = try await first.post("/v1/devices", try device.enrolment(), type: "application/cose")
    let batch = try device.next()
    let receipt = try await first.post("/v1/batches", batch, type: "application/cbor").body
    let oldKey = try folder.publicKey
    let heldMessage = try await first.get("/v1/log/head").body
    let held = try GatewayHead(verifying: heldMessage.span, gatewayKey: oldKey)
    // While it serves, the store is its own.
    let refused = try GatewayProgram.run(["key", "rotate", "--data", folder.path])
    #expect(refused.status == 73 && refused.words.contains("stop that gateway"))
    #expect(first.stop() == 0)

    let rotated = try GatewayProgram.run(["key", "rotate", "--data", folder.path, "--events"])
    #expect(rotated.status == 0, "\(rotated.words)")
    let key = try folder.publicKey
    #expect(key != oldKey)
    let event =
      try JSONSerialization.jsonObject(with: Data(rotated.words.utf8)) as? [String: Any] ?? [:]
    #expect(event["event"] as? String == "keyChange")
    #expect(event["publicKey"] as? String == key.bytes.span.hexadecimal)
    #expect(event["former"] as? String == oldKey.bytes.span.hexadecimal)

    let second = try GatewayProcess(folder)
    let health = try await second.json("/healthz")
    #expect(health["publicKey"] as? String == key.bytes.span.hexadecimal)
    let again = try await second.post("/v1/batches", batch, type: "application/cbor")
    #expect(again.status == 200 && again.body == receipt)
    device.wasAnswered()
    let next = try await second.post("/v1/batches", try device.next(), type: "application/cbor")
    _ = try Receipt(verifying: next.body.span, gatewayKey: key)
    let challenge = try await second.get("/v1/challenge")
    _ = try Challenge(verifying: challenge.body.span, gatewayKey: key)
    // Whoever kept a head of the old key is led to the new one's.
    let proof = try await second.get("/v1/log/proof?first=\(held.size)")
    _ = try GatewayLogVerifier.verifyConsistency(
      receipt: proof.body.span, olderSize: held.size, olderRoot: held.root, gatewayKey: key)
    let last = try await second.get("/v1/log/head?size=\(event["leaf"] as? Int ?? 0)")
    _ = try GatewayHead(verifying: last.body.span, gatewayKey: oldKey)
    #expect(second.stop() == 0)
  }

  @Test func aKeyFileThatIsNotTheLogsEndsTheStartAndSaysWhy() async throws {
    let folder = try TemporaryFolder()
    let gateway = try GatewayProcess(folder)
    #expect(gateway.stop() == 0)
    let file = folder.path + "/gateway.key"
    let copy = folder.path + "/copy"
    try FileManager.default.copyItem(atPath: file, toPath: copy)
    #expect(try GatewayProgram.run(["key", "rotate", "--data", folder.path]).status == 0)

    func start() throws -> (status: Int32, words: String) {
      try GatewayProgram.run(["--data", folder.path, "--listen", "127.0.0.1:0"])
    }
    try FileManager.default.moveItem(atPath: file, toPath: folder.path + "/newest")
    let missing = try start()
    #expect(missing.status == 73 && missing.words.contains("gateway.key is missing"))
    try FileManager.default.moveItem(atPath: copy, toPath: file)
    let former = try start()
    #expect(former.status == 73 && former.words.contains("a former key of this gateway"))
    let other = try TemporaryFolder()
    let stranger = try GatewayProcess(other)
    #expect(stranger.stop() == 0)
    try FileManager.default.removeItem(atPath: file)
    try FileManager.default.copyItem(atPath: other.path + "/gateway.key", toPath: file)
    let foreign = try start()
    #expect(foreign.status == 73 && foreign.words.contains("not a key of this gateway"))
    #expect(!foreign.words.contains("listening"))

    // The change was committed and the file was not renamed yet: the start does it.
    try FileManager.default.removeItem(atPath: file)
    try FileManager.default.moveItem(
      atPath: folder.path + "/newest", toPath: folder.path + "/gateway.key.next")
    let last = try GatewayProcess(folder)
    let health = try await last.json("/healthz")
    #expect(health["publicKey"] as? String == (try folder.publicKey).bytes.span.hexadecimal)
    #expect(last.stop() == 0)
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/gateway.key.next"))
  }

  @Test func aKeyFileThatCanNotBeUsedIsToldWithItsNameAndWhatToDo() throws {
    let folder = try TemporaryFolder()
    #expect(try GatewayProcess(folder).stop() == 0)
    let file = folder.path + "/gateway.key"
    let former = try Data(contentsOf: URL(fileURLWithPath: file))
    #expect(try GatewayProgram.run(["key", "rotate", "--data", folder.path]).status == 0)

    // A former key, put where the next one is expected.
    let next = folder.path + "/gateway.key.next"
    try former.write(to: URL(fileURLWithPath: next))
    #expect(chmod(next, 0o600) == 0)
    let again = try GatewayProgram.run(["key", "rotate", "--data", folder.path])
    #expect(
      again.status == 73 && again.words.contains("\(next) is a key that this gateway has had"))
    try FileManager.default.removeItem(atPath: next)

    let commands = [
      ["--data", folder.path, "--listen", "127.0.0.1:0"], ["key", "rotate", "--data", folder.path],
      ["key", "backup", "--data", folder.path, "--to", folder.path + "/copy"],
      ["export", "--data", folder.path, "--to", folder.path + "/archive"],
    ]
    for command in commands {
      #expect(chmod(file, 0o640) == 0)
      let open = try GatewayProgram.run(command)
      #expect(open.status == 73 && open.words.contains("\(file): others may know this key"))
      #expect(open.words.contains("its mode is 640"), "\(open.words)")
      #expect(chmod(file, 0o600) == 0)
      let whole = try Data(contentsOf: URL(fileURLWithPath: file))
      try whole.prefix(40).write(to: URL(fileURLWithPath: file))
      let damaged = try GatewayProgram.run(command)
      #expect(damaged.status == 73 && damaged.words.contains("\(file): not a key file, or damaged"))
      try whole.write(to: URL(fileURLWithPath: file))
    }
  }

  @Test func aFileForTLSThatCanNotBeUsedIsNamed() throws {
    let folder = try TemporaryFolder()
    #expect(try GatewayProcess(folder).stop() == 0)
    let (words, missing) = (folder.path + "/words.pem", folder.path + "/missing.pem")
    try Data("no certificate\n".utf8).write(to: URL(fileURLWithPath: words))
    func start(_ certificate: String) throws -> (status: Int32, words: String) {
      try GatewayProgram.run([
        "--data", folder.path, "--listen", "127.0.0.1:0", "--tls-certificate", certificate,
        "--tls-key", words,
      ])
    }
    let wrong = try start(words)
    #expect(wrong.status == 69 && wrong.words.contains("\(words): no certificate in PEM"))
    let none = try start(missing)
    #expect(none.status == 69 && none.words.contains("\(missing): no such file"))
  }

  @Test func anAnswerThatCanNotBeWrittenIsAFailure() throws {
    let folder = try TemporaryFolder()
    #expect(try GatewayProcess(folder).stop() == 0)
    let archive = folder.path + "/archive"
    #expect(try GatewayProgram.run(["export", "--data", folder.path, "--to", archive]).status == 0)
    for command in [["key", "show", "--data", folder.path], ["verify", archive, "--json"]] {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: try GatewayProgram.path())
      process.arguments = command
      process.standardOutput = try FileHandle(
        forWritingTo: URL(fileURLWithPath: "/dev/full"))
      process.standardError = FileHandle.nullDevice
      try process.run()
      process.waitUntilExit()
      #expect(process.terminationStatus == 74, "\(command)")
    }
  }

  /// `CAIRN_SEED=n` plays a run once more, as far as the machine's own timing lets it.
  @Test func aRotationThatIsKilledAnywhereLeavesAGatewayThatStarts() async throws {
    let seed =
      ProcessInfo.processInfo.environment["CAIRN_SEED"].flatMap { UInt64($0) }
      ?? UInt64.random(in: 0...999_999)
    var random = SplitMix64(seed: seed)
    let folder = try TemporaryFolder()
    #expect(try GatewayProcess(folder).stop() == 0)
    // As long as a whole one takes on this machine, twice: some kills come late.
    let start = ContinuousClock.now
    #expect(try GatewayProgram.run(["key", "rotate", "--data", folder.path]).status == 0)
    let whole = ContinuousClock.now - start
    let longest = min(
      1_000_000,
      2
        * (whole.components.seconds * 1_000_000
          + whole.components.attoseconds / 1_000_000_000_000))
    let known = try GatewayProcess(folder)
    var keys = try await keys(of: known)
    #expect(keys.count == 2 && known.stop() == 0)
    var changed = 0
    for kill in 0..<20 {
      let rotation = try GatewayProgram.start(["key", "rotate", "--data", folder.path])
      usleep(UInt32.random(in: 0...UInt32(longest), using: &random))
      _ = Foundation.kill(rotation.processIdentifier, SIGKILL)
      rotation.waitUntilExit()

      let gateway = try GatewayProcess(folder)
      let key = try folder.publicKey
      if key.bytes.span.hexadecimal != keys.last {
        keys.append(key.bytes.span.hexadecimal)
        changed += 1
      }
      #expect(try await self.keys(of: gateway) == keys, "seed \(seed), kill \(kill)")
      let message = try await gateway.get("/v1/log/head").body
      let head = try GatewayHead(verifying: message.span, gatewayKey: key)
      #expect(head.size == UInt64(keys.count))
      #expect(gateway.stop() == 0)
    }
    print("seed \(seed): 20 kills, \(changed) changes of the key")
    // Without a kill it goes through, whatever was left.
    #expect(try GatewayProgram.run(["key", "rotate", "--data", folder.path]).status == 0)
    #expect(try folder.publicKey.bytes.span.hexadecimal != keys.last)
  }

  private func keys(of gateway: GatewayProcess) async throws -> [String] {
    let chain = try await gateway.json("/v1/keys")
    return (chain["keys"] as? [[String: Any]] ?? []).compactMap { $0["publicKey"] as? String }
  }

  @Test func anIntervalOutsideItsRangeIsRefused() throws {
    let folder = try TemporaryFolder()
    for wrong in ["9", "86401", "-1", "x", "99999999999"] {
      let answer = try GatewayProgram.run(
        ["--data", folder.path, "--challenge-interval=" + wrong])
      #expect(answer.status == 78 && answer.words.contains("10 to 86400"), "\(answer.words)")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test func whatIsNoGatewaysFolderIsLeftAlone() throws {
    let folder = try TemporaryFolder()
    let answer = try GatewayProgram.run(["key", "rotate", "--data", folder.path])
    #expect(answer.status == 73 && answer.words.contains("no gateway.sqlite"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }
}
