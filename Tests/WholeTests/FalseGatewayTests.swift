import FixedMemory
import Foundation
import Proofs
import Signers
import Simulation
import TestSupport
import Testing

/// What answers is not the node's gateway, or lies. The agent takes nothing of it, and nothing of the spool
/// counts as delivered.
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct FalseGatewayTests {
  /// Number of `receipt-refused` in docs/agent-socket.md.
  private let receiptRefused: UInt64 = 6

  /// After the lie the true gateway is reached again, and gets all of it.
  private func checkThatAllIsDelivered(_ board: WorldNode, _ world: World) throws {
    try board.stop()
    board.gatewayURL = world.gateway.url
    try board.start()
    let signed = try world.awaitAll(of: board)
    #expect(try world.gateway.batches(of: board.id()).starts(with: signed))
    #expect(signed.first?.position == "0/0")
    try waitUntil("receipts that the agent takes") { try !board.deliveredBatches().isEmpty }
    #expect(try board.problem() == 0)
  }

  @Test func anotherDevicesReceiptIsRefusedAndNothingIsReused() throws {
    let world = try World()
    let other = try world.node(serial: "one")
    try other.start()
    try world.awaitBatches(1, of: other)
    let log = try world.gateway.json("/v1/devices/\(other.id())/log")
    let receipt = hex(try #require(log["batches"]?.elements.first?["receipt"]?.string))
    // The true gateway's own signature, on another device's batch.
    let liar = try FalseGateway { request in
      request.path == "/v1/batches" ? .init(body: receipt) : .notHere
    }
    liar.start()
    defer { liar.end() }
    let board = try world.node(serial: "two")
    board.gatewayURL = liar.url
    try board.start()
    try board.awaitUplinkWords("The gateway's receipt is another device's")
    #expect(try board.problem() == receiptRefused)
    let count = try board.batches().count
    try waitUntil("the board to measure on") { try board.batches().count > count + 1 }
    #expect(try board.deliveredBatches().isEmpty)
    try checkThatAllIsDelivered(board, world)
  }

  @Test func garbageIsNoReceiptAndNothingIsReused() throws {
    let world = try World()
    let other = try world.node(serial: "one")
    try other.start()
    try world.awaitBatches(1, of: other)
    let log = try world.gateway.json("/v1/devices/\(other.id())/log")
    var forged = hex(try #require(log["batches"]?.elements.first?["receipt"]?.string))
    forged[forged.count - 1] ^= 1
    let answers: [FalseGateway.Answer] = [
      .init(type: "text/html", body: Array("<html>Please log in</html>".utf8)),
      .init(body: []), .init(body: [UInt8](repeating: 0xd2, count: 4000)),
      .init(body: [0xd2, 0x84]), .init(status: "302 Found", type: "text/plain"),
    ]
    let turn = Turn(answers)
    let liar = try FalseGateway { request in
      request.path == "/v1/batches" ? turn.next() : .notHere
    }
    liar.start()
    defer { liar.end() }
    let board = try world.node(serial: "two")
    board.gatewayURL = liar.url
    try board.start()
    try board.awaitUplinkWords("What answers is not a gateway")
    try waitUntil("an answer of each kind") { turn.count > answers.count }
    #expect(try board.deliveredBatches().isEmpty)
    #expect(try board.problem() == 0)
    // Of a receipt's form, and signed by nobody.
    turn.become(.init(body: forged))
    try board.awaitUplinkWords("does not take the gateway's receipts")
    #expect(try board.problem() == receiptRefused)
    #expect(try board.deliveredBatches().isEmpty)
    try checkThatAllIsDelivered(board, world)
  }

  @Test func aHeadOfAnotherGatewayIsRefusedAndTheAgentGoesOn() throws {
    let world = try World()
    let board = try world.node(serial: "one")
    try board.start()
    try world.awaitBatches(1, of: board)
    try board.stop()
    let before = try board.batches()
    try board.loseSpool()
    // Far ahead, and signed with a key that is not the configured gateway's.
    let head = try self.head(epoch: 8, of: board.publicKey(), seed: 9)
    let liar = try FalseGateway { request in
      request.path.hasSuffix("/head") ? .init(body: head) : .notHere
    }
    liar.start()
    defer { liar.end() }
    board.gatewayURL = liar.url
    let agent = try board.startAgent()
    try board.startUplink()
    try agent.awaitWords(", epoch 1,")
    let id = try board.id()
    #expect(liar.count(of: "/v1/devices/\(id)/head") > 0)

    try board.stop()
    board.gatewayURL = world.gateway.url
    try board.start()
    try waitUntil("the new epoch") { try world.gateway.end(of: id)?.epoch == 1 }
    let signed = try world.awaitAll(of: board)
    #expect(Set(signed.map(\.position)).isDisjoint(with: before.map(\.position)))
    #expect(try world.gateway.forks(of: id).isEmpty)
  }

  private func head(epoch: UInt64, of device: PublicKey, seed: UInt8) throws -> [UInt8] {
    var gateway = try FileKey(seed: fixed([UInt8](repeating: seed, count: 32)))
    let head = DeviceHead(
      algorithm: .ed25519, keyID: gateway.publicKey.keyID, deviceKeyHash: device.hash,
      epoch: epoch, batch: 4, size: 9, nowUTCMilliseconds: WorldOwner.now,
      checkpointHash: try fixed([UInt8](repeating: 3, count: 32)))
    return try written { try head.sign(with: &gateway, into: $0.mutableSpan).byteCount }
  }
}

/// Answers that come one after another, and from the beginning again.
private final class Turn: @unchecked Sendable {
  private let lock = NSLock()
  private var answers: [FalseGateway.Answer]
  private var given = 0

  init(_ answers: [FalseGateway.Answer]) { self.answers = answers }

  func next() -> FalseGateway.Answer {
    lock.withLock {
      given += 1
      return answers[given % answers.count]
    }
  }

  func become(_ answer: FalseGateway.Answer) { lock.withLock { answers = [answer] } }

  var count: Int { lock.withLock { given } }
}
