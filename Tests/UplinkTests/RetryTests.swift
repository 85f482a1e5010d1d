import Foundation
import Spool
import TestSupport
import Testing

/// When the uplink tries again, and that it does not try without end.
@Suite(.serialized, .ownThreads, .timeLimit(.minutes(30))) struct RetryTests {
  let gateway: ScriptedGateway
  let node: Node
  let agent: ScriptedAgent

  init() throws {
    gateway = try ScriptedGateway()
    node = try Node(port: gateway.port)
    try node.makeSpool(epoch: 0)
    try node.seal()
    agent = try ScriptedAgent(node)
  }

  @Test func aSpoolThatCannotBeReadIsLookedAtOnceForEachReason() throws {
    let uplink = try UplinkProcess(node)
    try agent.accept()
    #expect(try gateway.takeBatch() == "0/0")
    try agent.answerReceipt()
    try uplink.awaitWords("delivered batch 0/0")
    let sequence = try node.seal()
    // The mark says that there is a batch; reading it fails, and will fail each time.
    #expect(truncate(node.path("agent/spool"), Int(SpoolLayout.segmentsOffset)) == 0)
    try agent.say(.released(sequence: sequence))
    try uplink.awaitWords("the spool can't be read")
    let before = try uplink.readCount()
    // From here to the next connection are some seconds, in which it looks once or twice.
    agent.hangUp()
    try agent.accept()
    #expect(try uplink.readCount() - before < 500)
    #expect(uplink.words.split(separator: "\n").filter { $0.contains("can't be read") }.count == 1)
  }

  @Test func anAgentThatIsBackIsHandedARefusedReceiptWithoutAnHoursPause() throws {
    let uplink = try UplinkProcess(node)
    try agent.accept()
    #expect(try gateway.takeBatch() == "0/0")
    try agent.answerReceipt(refusal: 23)
    try uplink.awaitWords("[gateway] public_key")
    // The operator has mended the key in site.ini, and started the agent anew.
    agent.hangUp()
    try agent.accept()
    #expect(try gateway.takeBatch() == "0/0", "\(uplink.words)")
    try agent.answerReceipt()
    try uplink.awaitWords("delivered batch 0/0")
  }

  /// Killed after it took a receipt and before that was durable, or fed with somebody else's receipts: what the
  /// agent has none for is sent again, or a full ring would stay full for ever.
  @Test func whatTheAgentHasNoReceiptForIsDeliveredAgain() throws {
    try node.seal(2)
    let uplink = try UplinkProcess(node)
    try agent.accept()
    for batch in 0..<3 {
      #expect(try gateway.takeBatch() == "0/\(batch)")
      try agent.answerReceipt()
    }
    try uplink.awaitWords("delivered batch 0/2")
    agent.hangUp()
    try agent.accept(delivered: 0)
    for batch in 0..<3 {
      #expect(try gateway.takeBatch() == "0/\(batch)", "\(uplink.words)")
      try agent.answerReceipt()
    }
  }

  @Test func aBatchThatIsReleasedIsSentAtOnce() throws {
    let uplink = try UplinkProcess(node)
    try agent.accept()
    for batch in 0..<20 {
      #expect(try gateway.takeBatch() == "0/\(batch)", "\(uplink.words)")
      try agent.answerReceipt()
      try agent.say(.released(sequence: node.seal()))
    }
  }

  @Test func anOutputThatNobodyReadsDoesNotStopDelivery() throws {
    let uplink = try UplinkProcess(node, output: fullPipe())
    try agent.accept()
    #expect(try gateway.takeBatch() == "0/0")
    withExtendedLifetime(uplink) {}
  }

  /// A pipe that takes not one byte more.
  private func fullPipe() throws -> Pipe {
    let pipe = Pipe()
    let descriptor = pipe.fileHandleForWriting.fileDescriptor
    let flags = fcntl(descriptor, F_GETFL)
    #expect(fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0)
    let zeros = [UInt8](repeating: 0, count: 4096)
    // A pipe has at most 1 MiB.
    for _ in 0..<1_000 where write(descriptor, zeros, zeros.count) < 0 { break }
    #expect(fcntl(descriptor, F_SETFL, flags) == 0)
    return pipe
  }
}
