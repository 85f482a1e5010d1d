import FixedMemory
import Foundation
import Identity
import Proofs
import Simulation
import Synchronization
import TestSupport
import Testing
import Verifier

/// The program is killed at random while devices deliver. What was answered by then is in its log, and the
/// log is one tree. `CAIRN_SEED=n` plays a run once more, as far as the machine's own timing lets it.
@Suite(.serialized, .ownThreads, .timeLimit(.minutes(30))) struct CrashTests {
  private static let kills = 10

  @Test func whatWasAnsweredIsInTheLogAfterAnyKill() async throws {
    let seed =
      ProcessInfo.processInfo.environment["CAIRN_SEED"].flatMap { UInt64($0) }
      ?? UInt64.random(in: 0...999_999)
    print("seed \(seed)")
    var random = SplitMix64(seed: seed)
    let folder = try TemporaryFolder()
    let client = Client(devices: try (1...4).map { try TestDevice(seed: $0) })
    for round in 0..<Self.kills {
      let gateway = try GatewayProcess(folder, ["--challenge-interval", "10"])
      let key = try folder.publicKey
      let violations = try await client.violations(of: gateway, key: key, &random)
      #expect(violations == [], "seed \(seed), kill \(round)")
      if round == 0 { try await client.enrol(at: gateway) }
      if round == Self.kills - 1 { try keepCopy(of: folder) }
      let answerCount = Int.random(in: 5...60, using: &random)
      let delay = UInt32.random(in: 0...4000, using: &random)
      await client.deliver(to: gateway, round: round, until: answerCount) {
        usleep(delay)
        gateway.kill()
      }
    }
    let gateway = try GatewayProcess(folder)
    let violations = try await client.violations(of: gateway, key: folder.publicKey, &random)
    #expect(violations == [], "seed \(seed)")
    let counts = client.counts
    #expect(counts.receipts >= Self.kills * 5, "\(counts)")
    #expect(counts.challenges > 0 && counts.heads > 0, "\(counts)")
    print("answered before \(Self.kills) kills: \(counts)")
    #expect(gateway.stop() == 0)

    // The control: a gateway that has lost what it answered last, and one that never had it.
    try putBackCopy(in: folder)
    let forgetful = try GatewayProcess(folder)
    let found = try await client.violations(of: forgetful, key: folder.publicKey, &random)
    #expect(found.contains { $0.contains("is no leaf") }, "\(found)")
    let other = Client(devices: [])
    other.keep(receipt: [UInt8](repeating: 7, count: 170))
    let unknown = try await other.violations(of: forgetful, key: folder.publicKey, &random)
    #expect(unknown.count == 1, "\(unknown)")
  }

  /// The gateway serves at this time; what it commits later is not in the copy.
  private func keepCopy(of folder: TemporaryFolder) throws {
    let copy = folder.path + "/before"
    try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
    for suffix in ["", "-wal"] {
      try FileManager.default.copyItem(
        atPath: folder.path + "/gateway.sqlite" + suffix,
        toPath: copy + "/gateway.sqlite" + suffix)
    }
  }

  private func putBackCopy(in folder: TemporaryFolder) throws {
    for suffix in ["", "-wal", "-shm"] {
      let path = folder.path + "/gateway.sqlite" + suffix
      if FileManager.default.fileExists(atPath: path) {
        try FileManager.default.removeItem(atPath: path)
      }
    }
    for suffix in ["", "-wal"] {
      try FileManager.default.moveItem(
        atPath: folder.path + "/before/gateway.sqlite" + suffix,
        toPath: folder.path + "/gateway.sqlite" + suffix)
    }
  }
}

/// Devices that deliver, somebody who keeps heads, and what all of them were answered.
private final class Client: Sendable {
  private struct Answers {
    /// Receipts and challenges, in the order in which they came.
    var messages: [[UInt8]] = []
    var receiptCount = 0
    var heads: [[UInt8]] = []
    var answeredBefore: [Int] = []
  }

  private let devices: [TestDevice]
  private let answers = Mutex(Answers())

  init(devices: [TestDevice]) { self.devices = devices }

  var counts: (receipts: Int, challenges: Int, heads: Int) {
    answers.withLock {
      ($0.receiptCount, $0.messages.count - $0.receiptCount, $0.heads.count)
    }
  }

  func keep(receipt: [UInt8]) {
    answers.withLock {
      $0.messages.append(receipt)
      $0.receiptCount += 1
    }
  }

  func enrol(at gateway: GatewayProcess) async throws {
    for device in devices {
      let answer = try await gateway.post(
        "/v1/devices", try device.enrolment(), type: "application/cose")
      #expect(answer.status == 201)
    }
  }

  /// Delivers until the gateway is gone. `kill` is called when so many more receipts have come.
  func deliver(
    to gateway: GatewayProcess, round: Int, until count: Int,
    kill: @escaping @Sendable () -> Void
  ) async {
    let goal = counts.receipts + count
    let once = Once()
    await withTaskGroup(of: Void.self) { group in
      for device in devices {
        group.addTask {
          for _ in 0..<2000 {
            guard await self.deliverNext(of: device, to: gateway) else { break }
            guard self.counts.receipts >= goal else { continue }
            once.run(kill)
          }
        }
      }
      group.addTask {
        for number in 0..<3 {
          await self.askForChallenge("r\(round)-\(number)", of: gateway)
          await self.askForHead(of: gateway)
        }
        for _ in 0..<200 { if await !self.askForHead(of: gateway) { break } }
      }
    }
    gateway.kill()
  }

  private func deliverNext(of device: TestDevice, to gateway: GatewayProcess) async -> Bool {
    do {
      let answer = try await gateway.post(
        "/v1/batches", try device.next(), type: "application/cbor")
      guard answer.status == 200 else { return false }
      keep(receipt: answer.body)
      device.wasAnswered()
      return true
    } catch {
      return false  // The gateway is gone: what was sent may or may not be there.
    }
  }

  private func askForChallenge(_ region: String, of gateway: GatewayProcess) async {
    do {
      let answer = try await gateway.get("/v1/challenge?region=" + region)
      if answer.status == 200 { answers.withLock { $0.messages.append(answer.body) } }
    } catch {
      // The gateway is gone.
    }
  }

  @discardableResult
  private func askForHead(of gateway: GatewayProcess) async -> Bool {
    let before = answers.withLock { $0.messages.count }
    do {
      let answer = try await gateway.get("/v1/log/head")
      guard answer.status == 200 else { return false }
      answers.withLock {
        $0.heads.append(answer.body)
        $0.answeredBefore.append(before)
      }
      return true
    } catch {
      return false
    }
  }

  // MARK: What must hold

  /// What a gateway does not keep of what it has answered.
  func violations(of gateway: GatewayProcess, key: PublicKey, _ random: inout SplitMix64)
    async throws -> [String]
  {
    let (messages, heads, answeredBefore) = answers.withLock {
      ($0.messages, $0.heads, $0.answeredBefore)
    }
    let indices = try await leafIndices(of: gateway)
    var violations: [String] = []
    var places: [UInt64] = []
    for (number, message) in messages.enumerated() {
      guard let index = indices[message] else {
        violations.append("answer \(number) is no leaf")
        places.append(.max)
        continue
      }
      places.append(index)
    }
    for number in sample(messages.count, &random) where places[number] != .max {
      violations += try await inclusionViolations(
        of: messages[number], at: places[number], gateway, key)
    }
    for (number, message) in heads.enumerated() {
      let head = try GatewayHead(verifying: message.span, gatewayKey: key)
      // A head covers each leaf that was answered before.
      let covered = places[..<answeredBefore[number]].filter { $0 != .max }.max() ?? 0
      if covered >= head.size { violations.append("head \(number) leaves an answer out") }
    }
    for number in sample(heads.count, &random) {
      let message = heads[number]
      let head = try GatewayHead(verifying: message.span, gatewayKey: key)
      violations += try await consistencyViolations(from: head, gateway, key)
    }
    return violations
  }

  /// The last ones, and some of all.
  private func sample(_ count: Int, _ random: inout SplitMix64) -> [Int] {
    guard count > 0 else { return [] }
    let some = (0..<12).map { _ in Int.random(in: 0..<count, using: &random) }
    return Array(Set(some + Array(max(0, count - 8)..<count))).sorted()
  }

  private func leafIndices(of gateway: GatewayProcess) async throws -> [[UInt8]: UInt64] {
    var indices: [[UInt8]: UInt64] = [:]
    var after = ""
    while true {
      let page = try await gateway.json("/v1/log?limit=1000" + after)
      for leaf in page["leaves"] as? [[String: Any]] ?? [] {
        guard let text = leaf["document"] as? String, let index = leaf["index"] as? Int else {
          throw WrongAnswer(what: "a leaf without document or index")
        }
        indices[Self.bytes(text)] = UInt64(index)
      }
      guard let next = page["next"] as? Int else { return indices }
      after = "&after=\(next)"
    }
  }

  private static func bytes(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = text[...]
    while let byte = UInt8(rest.prefix(2), radix: 16) {
      bytes.append(byte)
      rest = rest.dropFirst(2)
    }
    return bytes
  }

  private func inclusionViolations(
    of message: [UInt8], at index: UInt64, _ gateway: GatewayProcess, _ key: PublicKey
  ) async throws -> [String] {
    let leaf = try await gateway.get("/v1/log/leaves/\(index)").body
    let proof = try await gateway.get("/v1/log/receipts/\(index)").body
    do {
      guard leaf.suffix(message.count) == message[...] else { throw Refusal(.rootMismatch) }
      let proven = try GatewayLogVerifier.verifyInclusion(
        receipt: proof.span, leafHash: MerkleTree.leafHash(leaf.span), gatewayKey: key)
      return proven.index == index ? [] : ["leaf \(index) is proven as \(proven.index)"]
    } catch {
      return ["leaf \(index) is not proven: \(error)"]
    }
  }

  private func consistencyViolations(
    from head: GatewayHead, _ gateway: GatewayProcess, _ key: PublicKey
  ) async throws -> [String] {
    let answer = try await gateway.get("/v1/log/proof?first=\(head.size)")
    do {
      _ = try GatewayLogVerifier.verifyConsistency(
        receipt: answer.body.span, olderSize: head.size, olderRoot: head.root, gatewayKey: key)
      return []
    } catch {
      return ["the head of \(head.size) leaves is not the beginning: \(answer.status), \(error)"]
    }
  }
}

/// Does something for the first one who comes.
private final class Once: Sendable {
  private let isDone = Mutex(false)

  func run(_ work: () -> Void) {
    let isFirst = isDone.withLock { isDone in
      defer { isDone = true }
      return !isDone
    }
    if isFirst { work() }
  }
}
