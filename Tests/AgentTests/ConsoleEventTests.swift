import AgentMessages
import FixedMemory
import Foundation
import LinuxPlatform
import Records
import Testing

/// What happens at consoles, told to the built agent by its socket.
@Suite(.timeLimit(.minutes(30))) struct ConsoleEventTests {
  private func tell(
    _ connection: borrowing UnixConnection, _ action: AgentMessage.ConsoleAction, _ count: UInt16
  ) throws -> Bool {
    let terminal = Array("ttyS0".utf8)
    try connection.send(.consoleAction(action, terminal: terminal.span, count: count))
    while true {
      let isTold: Bool? = try connection.receiveMessage {
        if case .consoleAnswer(let isTold) = $0 { return isTold }
        return nil
      }
      if let isTold { return isTold }
    }
  }

  @Test func noConsoleWritesMoreThanTwelveLeavesAnHourAndNoneIsForgotten() throws {
    let node = try AgentNode()
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connectOnceItListens()
    for number in 1...20 {
      #expect(try tell(connection, .refused, 3) == (number <= 12), "\(number)")
    }
    #expect(try agent.end().status == 0)
    let counts = try node.leaves().compactMap { $0.console }
    #expect(counts.count == 13, "twelve of the hour, and the last word of the run")
    #expect(counts.map { $0.count }.reduce(0, +) == 60)
    #expect(counts.allSatisfy { $0.terminal == "ttyS0" && $0.code == .consoleRefused })
  }

  @Test func eachUnlockingStandsInTheLog() throws {
    let node = try AgentNode()
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connectOnceItListens()
    #expect(try tell(connection, .refused, 2))
    #expect(try tell(connection, .unlocked, 1))
    #expect(try agent.end().status == 0)
    let found = try node.leaves().compactMap { $0.console }
    #expect(found.map { $0.code } == [.consoleRefused, .consoleUnlocked])
    #expect(found.map { $0.count } == [2, 1])
  }
}
