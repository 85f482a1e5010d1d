import Foundation
import TestSupport
import Testing

/// The operator takes the spool away, and the agent makes a new one: what is then open is a file without a
/// name.
@Suite(.serialized, .ownThreads, .timeLimit(.minutes(30))) struct NewSpoolTests {
  let gateway: ScriptedGateway
  let node: Node
  let agent: ScriptedAgent

  init() throws {
    gateway = try ScriptedGateway()
    node = try Node(port: gateway.port)
    try node.makeSpool(epoch: 0)
    agent = try ScriptedAgent(node)
  }

  @Test func aNewEpochInANewSpoolIsDeliveredWithoutARestart() throws {
    try node.seal(2)
    let uplink = try UplinkProcess(node)
    try agent.accept()
    for batch in 0..<2 {
      #expect(try gateway.takeBatch() == "0/\(batch)")
      try agent.answerReceipt()
    }
    agent.hangUp()
    try node.makeSpool(epoch: 1)
    try node.seal(2)
    try agent.accept()
    for batch in 0..<2 {
      #expect(try gateway.takeBatch() == "1/\(batch)", "\(uplink.words)")
      try agent.answerReceipt()
    }
    try uplink.awaitWords("the agent has made a new spool")
  }

  @Test func whatWasBlockedInTheOldSpoolDoesNotHoldTheNewOneUp() throws {
    try node.seal(2)
    let uplink = try UplinkProcess(node)
    try agent.accept()
    #expect(try gateway.next().position() == "0/0")
    // A fork, as after a restored card: the way out is a new epoch.
    try gateway.refuse(code: 41)
    try uplink.awaitWords("new epoch")
    agent.hangUp()
    try node.makeSpool(epoch: 1)
    try node.seal()
    try agent.accept()
    #expect(try gateway.takeBatch() == "1/0", "\(uplink.words)")
  }

  @Test func aNewKeysFirstEpochIsDeliveredFromItsFirstBatch() throws {
    try node.seal(3)
    let uplink = try UplinkProcess(node)
    try agent.accept()
    for _ in 0..<3 {
      _ = try gateway.takeBatch()
      try agent.answerReceipt()
    }
    agent.hangUp()
    try node.useKey(6)
    try node.makeSpool(epoch: 0)
    try node.seal()
    try agent.accept()
    let first = try gateway.next()
    #expect(try first.position() == "0/0", "\(uplink.words)")
    // What it then sends is what the agent says of itself now.
    let words: [UInt8] = [0xd2, 0x84, 6]
    try Data(words).write(to: URL(filePath: node.path("agent/enrolment.cose")))
    try gateway.refuse(code: 20)
    let enrolment = try gateway.next()
    #expect(enrolment.path == "/v1/devices")
    #expect(enrolment.body == words)
  }

  @Test func aReceiptForTheOldSpoolIsNotHandedToTheAgentOfTheNewOne() throws {
    try node.seal(2)
    let uplink = try UplinkProcess(node)
    try agent.accept()
    #expect(try gateway.next().position() == "0/0")
    // The agent goes before it could take the receipt.
    agent.hangUp()
    try gateway.answerReceipt()
    #expect(try gateway.next().position() == "0/1")
    try node.makeSpool(epoch: 1)
    try node.seal()
    try gateway.answerReceipt()
    try agent.accept()
    #expect(try gateway.takeBatch() == "1/0", "\(uplink.words)")
    // What it is handed first belongs to the new spool's only checkpoint, at its second entry.
    #expect(try agent.next() == .receipt(sequence: 3))
  }

  @Test func aSpoolThatWasReplacedWhileNobodyDeliveredIsReadFromItsBeginning() throws {
    try node.seal(9)
    let first = try UplinkProcess(node)
    try agent.accept()
    for _ in 0..<9 {
      _ = try gateway.takeBatch()
      try agent.answerReceipt()
    }
    try first.awaitWords("delivered batch 0/8")
    first.ask()
    #expect(try first.end() == 0)
    agent.hangUp()
    // Shorter than what was delivered.
    try node.makeSpool(epoch: 1)
    try node.seal(2)
    let second = try UplinkProcess(node)
    try agent.accept()
    #expect(try gateway.takeBatch() == "1/0", "\(second.words)")
  }

  @Test func aLongSpoolThatWasReplacedWhileNobodyDeliveredIsReadFromItsBeginningToo() throws {
    // So many that the cursor's place is in the second segment, and so it is in the new spool.
    let count = 120
    try node.seal(count)
    let first = try UplinkProcess(node)
    try agent.accept()
    for _ in 0..<count {
      _ = try gateway.takeBatch()
      try agent.answerReceipt()
    }
    try first.awaitWords("delivered batch 0/\(count - 1)\n")
    first.ask()
    #expect(try first.end() == 0)
    agent.hangUp()
    try node.makeSpool(epoch: 1)
    try node.seal(count + 80)
    let second = try UplinkProcess(node)
    try agent.accept()
    #expect(try gateway.takeBatch() == "1/0", "\(second.words)")
  }

  @Test func aSpoolBehindALinkIsOpenedOnce() throws {
    try FileManager.default.moveItem(
      atPath: node.path("agent/spool"), toPath: node.path("elsewhere"))
    try FileManager.default.createSymbolicLink(
      atPath: node.path("agent/spool"), withDestinationPath: node.path("elsewhere"))
    try node.seal(2)
    let uplink = try UplinkProcess(node)
    try agent.accept()
    for batch in 0..<2 {
      #expect(try gateway.takeBatch() == "0/\(batch)")
      try agent.answerReceipt()
    }
    try uplink.awaitWords("delivered batch 0/1")
    uplink.ask()
    #expect(try uplink.end() == 0)
    #expect(!uplink.words.contains("new spool"), "\(uplink.words)")
  }
}
