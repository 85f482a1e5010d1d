import AgentMessages
import Foundation
import LinuxPlatform
import Testing

/// Who keeps a place at the agent's socket when there are more clients than places.
@Suite(.timeLimit(.minutes(30))) struct AgentPlacesTests {
  private final class Held {
    let connection: UnixConnection
    init(_ connection: consuming UnixConnection) { self.connection = connection }
  }

  private func isAnswered(_ connection: borrowing UnixConnection) throws -> Bool {
    try connection.send(.statusRequest)
    for _ in 0..<100 where try connection.receiveType() == .status { return true }
    return false
  }

  @Test func idleClientsNeverTakeTheUplinksPlace() throws {
    let node = try AgentNode()
    let agent = try node.startAgent()
    _ = agent.words()
    let uplink = try node.connectOnceItListens()
    try uplink.send(.subscribe)
    #expect(try isAnswered(uplink))
    var idle: [Held] = []
    for _ in 0..<20 {
      let client = Held(try node.connect())
      #expect(try isAnswered(client.connection))
      idle.append(client)
    }
    #expect(try isAnswered(uplink))
    #expect(idle.count == 20)
    #expect(try agent.end().status == 0)
  }
}
