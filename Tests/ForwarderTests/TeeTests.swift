import FixedMemory
import Foundation
import GWMP
import LinuxPlatform
import Testing

@Suite struct TeeTests {
  @Test func everythingGoesToTheServerAndBackByteByByte() throws {
    let bench = try ForwarderBench()
    let server = try #require(bench.server)
    let (pushing, pulling) = (try bench.gateway(), try bench.gateway())
    let push = up(0, token: 0x0102, rxpk(1) + "\0")
    try pushing.send(push)
    #expect(try server.receive() == push)
    let pushSource = try #require(server.source)
    try pulling.send(up(2, token: 0x0304))
    #expect(try server.receive() == up(2, token: 0x0304))
    let pullSource = try #require(server.source)
    // The gateway's two sockets are two to the server as well.
    #expect(pushSource != pullSource)
    // Answers in the other order, and each at its own socket.
    let response = down(3, token: 9, "{\"txpk\" : {\"imme\":true, \"x\":\"\\/\"}} ")
    try server.answer(response, to: pullSource)
    try server.answer(down(4, token: 0x0304), to: pullSource)
    try server.answer(down(1, token: 0x0102), to: pushSource)
    #expect(try pushing.receive() == down(1, token: 0x0102))
    #expect(try pulling.receive() == response)
    #expect(try pulling.receive() == down(4, token: 0x0304))
    let ack = up(5, token: 9, "{\"txpk_ack\":{\"error\":\"NONE\"}}\0")
    try pulling.send(ack)
    #expect(try server.receive() == ack)
    #expect(server.source == pullSource)
  }

  @Test func aTokenThatIsUsedAgainAndALostAcknowledgementChangeNothing() throws {
    let bench = try ForwarderBench()
    let server = try #require(bench.server)
    let gateway = try bench.gateway()
    for turn in 0..<20 {
      let push = up(0, token: 7, rxpk(turn))
      try gateway.send(push)
      #expect(try server.receive() == push)
      // Every second one is never acknowledged: nobody does it in the server's place.
      if turn % 2 == 0 { try server.answer(down(1, token: 7)) }
    }
    for _ in 0..<10 { #expect(try gateway.receive() == down(1, token: 7)) }
    let last = up(2, token: 8)
    try gateway.send(last)
    #expect(try server.receive() == last)
    #expect(try gateway.take() == nil)
  }

  @Test func theLargestDatagramGoesThroughWhole() throws {
    let bench = try ForwarderBench()
    let server = try #require(bench.server)
    let gateway = try bench.gateway()
    let agent = try bench.agent()
    let spaces = String(repeating: " ", count: 65_507 - 12 - rxpk(1).utf8.count)
    let push = up(0, token: 1, spaces + rxpk(1))
    #expect(push.count == 65_507)
    try gateway.send(push)
    #expect(try server.receive() == push)
    let response = down(3, token: 1, String(repeating: "x", count: 65_503))
    try server.answer(response)
    #expect(try gateway.receive() == response)
    guard case .frame = try agent.receive() else {
      Issue.record("no frame")
      return
    }
  }

  @Test func whatIsNotOfTheProtocolGoesThroughForWhoIsKnown() throws {
    let bench = try ForwarderBench()
    let server = try #require(bench.server)
    let (known, unknown) = (try bench.gateway(), try bench.gateway())
    try known.send(up(2, token: 1))
    #expect(try server.receive() == up(2, token: 1))
    try unknown.send([3, 1, 2, 3])
    try known.send([3, 9, 9, 9, 9])
    #expect(try server.receive() == [3, 9, 9, 9, 9])
  }

  @Test func aServerThatIsDownCostsTheAgentNothingAndIsUsedWhenItIsBack() throws {
    let place = try Peer().port()
    let bench = try ForwarderBench(server: place)
    let gateway = try bench.gateway()
    let agent = try bench.agent()
    for turn in 0..<5 {
      try gateway.send(up(0, token: UInt16(turn), rxpk(turn)))
      guard case .frame(let frame) = try agent.receive() else {
        Issue.record("no frame")
        return
      }
      #expect(frame.packet.concentratorMicroseconds == UInt32(turn))
    }
    let server = try Peer(boundTo: place)
    try gateway.send(up(2, token: 77))
    // The agent has its frame before the server: the last one may be under way still.
    var datagram = try server.receive()
    if datagram == up(0, token: 4, rxpk(4)) { datagram = try server.receive() }
    #expect(datagram == up(2, token: 77))
    try server.answer(down(4, token: 77))
    #expect(try gateway.receive() == down(4, token: 77))
  }

  @Test func withoutAServerEachVersionIsAcknowledgedWithItsToken() throws {
    let bench = try ForwarderBench(hasServer: false)
    let gateway = try bench.gateway()
    for version in [UInt8(1), 2] {
      try gateway.send(up(0, token: 0xfffe, version: version, rxpk(1)))
      #expect(try gateway.receive() == [version, 0xff, 0xfe, 1])
      try gateway.send(up(2, token: 0x0100, version: version))
      #expect(try gateway.receive() == [version, 1, 0, 4])
      try gateway.send(up(5, token: 3, version: version))
    }
    try gateway.send(up(2, token: 5))
    // Nothing answered the TX_ACKs.
    #expect(try gateway.receive() == down(4, token: 5))
  }

  @Test func aFloodFromManySocketsTakesNothingFromWhoWasThere() throws {
    let bench = try ForwarderBench()
    let server = try #require(bench.server)
    let gateway = try bench.gateway()
    try gateway.send(up(2, token: 1))
    #expect(try server.receive() == up(2, token: 1))
    let first = try #require(server.source)
    var others: [Peer] = []
    for token in 0..<40 {
      let peer = try bench.gateway()
      try peer.send(up(0, token: UInt16(1000 + token), rxpk(token)))
      others.append(peer)
    }
    // Until our own comes, from the socket that it had.
    try gateway.send(up(2, token: 2))
    var passed = 0
    for _ in 0..<60 {
      let datagram = try server.receive()
      if datagram == up(2, token: 2) { break }
      passed += 1
    }
    #expect(server.source == first)
    #expect(passed <= ForwarderTable<Int>.flowCapacity)
    #expect(bench.process.isRunning)
  }

  @Test func aPacketForwarderThatRestartsIsServedAtItsNewSocket() throws {
    let bench = try ForwarderBench()
    let server = try #require(bench.server)
    let agent = try bench.agent()
    for turn in 0..<5 {
      let gateway = try bench.gateway()
      let pull = up(2, token: UInt16(turn))
      try gateway.send(pull)
      #expect(try server.receive() == pull)
      if turn == 0 {
        #expect(
          try agent.receive()
            == .gateway(
              ForwarderMessage.Gateway(identifier: gatewayNumber, version: 2, isPresent: true)))
      }
      try server.answer(down(3, token: UInt16(turn), "{\"txpk\":{}}"))
      #expect(try gateway.receive() == down(3, token: UInt16(turn), "{\"txpk\":{}}"))
    }
  }
}
