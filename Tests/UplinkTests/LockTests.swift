import Foundation
import TestSupport
import Testing

/// One uplink for one state folder: two would send every batch twice, and move one cursor.
@Suite(.serialized, .ownThreads, .timeLimit(.minutes(30))) struct LockTests {
  let gateway: ScriptedGateway
  let node: Node
  let agent: ScriptedAgent

  init() throws {
    gateway = try ScriptedGateway()
    node = try Node(port: gateway.port)
    try node.makeSpool(epoch: 0)
    agent = try ScriptedAgent(node)
  }

  @Test func aSecondUplinkInOneFolderIsRefusedAndTheFirstGoesOn() throws {
    let first = try UplinkProcess(node)
    try agent.accept()
    let second = try UplinkProcess(node)
    #expect(try second.end() == 77)
    #expect(second.words.contains(node.path("uplink") + ": another uplink delivers from here"))
    try agent.say(.released(sequence: node.seal()))
    #expect(try gateway.takeBatch() == "0/0", "\(first.words)")
  }

  @Test func anUplinkThatWasKilledLeavesTheFolderFree() throws {
    let first = try UplinkProcess(node)
    try agent.accept()
    first.ask(toEndBy: SIGKILL)
    #expect(try first.end() == 128 + SIGKILL)
    agent.hangUp()
    try node.seal()
    let second = try UplinkProcess(node)
    try agent.accept()
    #expect(try gateway.takeBatch() == "0/0", "\(second.words)")
  }

  @Test func aFolderThatIsMissingIsNamedWithWhatToDo() throws {
    try FileManager.default.removeItem(atPath: node.path("uplink"))
    let uplink = try UplinkProcess(node)
    #expect(try uplink.end() == 77)
    #expect(uplink.words.contains(node.path("uplink") + ": no such folder; make it"))
  }
}
