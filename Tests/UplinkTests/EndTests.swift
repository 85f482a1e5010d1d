import Foundation
import TestSupport
import Testing

/// SIGTERM ends the program at once, whatever it waits for. Where nothing but the signal could end a wait
/// in the minute that a test waits, the end itself shows it.
@Suite(.serialized, .ownThreads, .timeLimit(.minutes(30))) struct EndTests {
  let gateway: ScriptedGateway
  let node: Node
  let agent: ScriptedAgent

  init() throws {
    gateway = try ScriptedGateway()
    node = try Node(port: gateway.port)
    try node.makeSpool(epoch: 0)
    agent = try ScriptedAgent(node)
  }

  @Test func aGatewayThatNeverAnswersDoesNotHoldTheEndUp() throws {
    try node.seal()
    for signal in [SIGTERM, SIGINT] {
      let uplink = try UplinkProcess(node)
      try agent.accept()
      _ = try gateway.next()
      uplink.ask(toEndBy: signal)
      #expect(try uplink.end() == 0)
      #expect(uplink.words.contains("given up, because the program was asked to end"))
      #expect(uplink.words.hasSuffix("what is not delivered stays in the spool\n"))
      agent.hangUp()
    }
    // Nothing was taken for delivered.
    let uplink = try UplinkProcess(node)
    try agent.accept()
    #expect(try gateway.takeBatch() == "0/0", "\(uplink.words)")
  }

  @Test func aGatewayThatCannotBeReachedDoesNotHoldTheEndUp() throws {
    try gateway.stopAccepting()
    try node.seal()
    let uplink = try UplinkProcess(node)
    try agent.accept()
    try gateway.awaitAttempt(by: uplink)
    uplink.ask()
    #expect(try uplink.end() == 0)
    #expect(uplink.words.contains("given up, because the program was asked to end"))
  }

  @Test func anAgentThatNeverAnswersDoesNotHoldTheEndUpAndTheReceiptIsKept() throws {
    try node.seal(2)
    let first = try UplinkProcess(node)
    try agent.accept()
    #expect(try gateway.takeBatch() == "0/0")
    let handed = try agent.next()
    first.ask()
    #expect(try first.end() == 0)
    #expect(first.words.contains("delivered batch 0/0, receipt kept until the agent is back"))
    agent.hangUp()
    let second = try UplinkProcess(node)
    try agent.accept()
    #expect(try agent.next() == handed, "\(second.words)")
  }

  @Test func aNodeWithoutAnAgentDoesNotHoldTheEndUp() throws {
    try FileManager.default.removeItem(atPath: node.path("agent/spool"))
    let uplink = try UplinkProcess(node)
    try uplink.awaitWords("first start")
    uplink.ask()
    #expect(try uplink.end() == 0)
  }

  /// What these tests see of connections is the whole table, however many connections the machine has. One look may
  /// pass over a line while others begin and end connections, so it looks again, as all these tests do.
  @Test func theKernelsTableOfConnectionsIsReadToItsEnd() throws {
    let many = try (0..<60).map { _ in try ScriptedGateway() }
    var unseen = Set(many.map(\.port))
    for _ in 0..<1000 where !unseen.isEmpty {
      unseen.subtract(try ScriptedGateway.connections().compactMap { ScriptedGateway.port($0[1]) })
    }
    // They listen as long as somebody needs them, which an optimiser sees.
    withExtendedLifetime(many) { #expect(unseen.isEmpty) }
  }
}
