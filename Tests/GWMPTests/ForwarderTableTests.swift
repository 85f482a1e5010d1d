import FixedMemory
import Testing

@testable import GWMP

/// A table that stands still, for expectations: those take no mutating calls.
private final class Table {
  private var table: ForwarderTable<Int>

  init(firstToken: UInt16) { table = ForwarderTable(firstToken: firstToken) }

  func flow(of peer: Int, mayBegin: Bool, now: Int64) -> ForwarderTable<Int>.FlowAnswer {
    table.flow(of: peer, mayBegin: mayBegin, now: now)
  }
  func peer(ofFlow index: Int) -> Int? { table.peer(ofFlow: index) }
  func asked(_ datagram: GWMPDatagram, from peer: Int, now: Int64) -> ForwarderMessage.Gateway? {
    table.asked(datagram, from: peer, now: now)
  }
  func nextSilent(now: Int64) -> ForwarderMessage.Gateway? { table.nextSilent(now: now) }
  func gateway(at index: Int) -> ForwarderMessage.Gateway? { table.gateway(at: index) }
  func begin(_ transmit: ForwarderMessage.Transmit, client: Int, now: Int64)
    -> ForwarderTable<Int>.Begun
  { table.begin(transmit, client: client, now: now) }
  func serverSent(token: UInt16) { table.serverSent(token: token) }
  func answered(_ datagram: GWMPDatagram, _ answer: TransmitAnswer) -> ForwarderTable<Int>.Ended? {
    table.answered(datagram, answer)
  }
  func nextUnanswered(now: Int64) -> ForwarderTable<Int>.Ended? { table.nextUnanswered(now: now) }
  func forget(client: Int) { table.forget(client: client) }
  func heard(_ packet: ReceivedPacket, gateway: UInt64, now: Int64) {
    table.heard(packet, gateway: gateway, now: now)
  }
  func sending(_ text: String, to peer: Int, now: Int64) -> [Int64]? {
    let bytes = Array(text.utf8)
    return table.sending(
      ServerTransmission(bytes.span), airtimeMilliseconds: 50, to: peer, now: now
    ).map { [$0.fromMilliseconds, $0.toMilliseconds] }
  }
  func isNew(_ packet: ReceivedPacket, gateway: UInt64) -> Bool {
    table.isNew(packet, gateway: gateway)
  }
}

@Suite struct ForwarderTableTests {
  func pull(_ gateway: UInt64, version: UInt8 = 2) -> GWMPDatagram {
    GWMPDatagram(version: version, token: 1, kind: .pullData, gateway: gateway)
  }

  func request(_ number: UInt32, gateway: UInt64 = 0) throws -> ForwarderMessage.Transmit {
    ForwarderMessage.Transmit(
      number: number, gateway: gateway, packet: try #require(transmitPacket()))
  }

  /// An answer to an uplink, 1 s behind it by the concentrator's clock, which goes round meanwhile.
  @Test func whatTheServerSendsIsToldWithItsMoment() {
    let table = Table(firstToken: 0)
    let answer = "{\"txpk\":{\"tmst\":704,\"datr\":\"SF7BW125\",\"size\":12}}"
    #expect(table.sending(answer, to: 4, now: 5_000) == nil)
    _ = table.asked(pull(1), from: 4, now: 4_900)
    // Without its clock: from now on, as far ahead as a server plans.
    #expect(table.sending(answer, to: 4, now: 5_000) == [5_000, 15_050])
    var packet = ReceivedPacket()
    packet.concentratorMicroseconds = 0xffff_ffff - 999_295
    table.heard(packet, gateway: 1, now: 5_000)
    #expect(table.sending(answer, to: 4, now: 5_200) == [5_850, 6_200])
    // It asks again, and its clock is still known.
    _ = table.asked(pull(1), from: 4, now: 5_300)
    #expect(table.sending(answer, to: 4, now: 5_400) == [5_850, 6_200])
    #expect(table.sending("{\"txpk\":{\"imme\":true}}", to: 4, now: 9_000) == [9_000, 9_200])
    for other in ["", "x", "{\"txpk\":{\"tmms\":7}}", "{\"txpk\":{\"tmst\":3000000000}}"] {
      #expect(table.sending(other, to: 4, now: 9_000) == [9_000, 19_050], "\(other)")
    }
  }

  @Test func aFloodOfPeersTakesNoPlaceFromWhoIsHeard() {
    let table = Table(firstToken: 0)
    #expect(table.flow(of: -1, mayBegin: true, now: 0) == .new(0))
    #expect(table.flow(of: -2, mayBegin: true, now: 0) == .new(1))
    var taken = 0
    for peer in 0..<10_000 {
      if case .new = table.flow(of: peer, mayBegin: true, now: 59_999) { taken += 1 }
    }
    #expect(taken == ForwarderTable<Int>.flowCapacity - 2)
    #expect(table.flow(of: -1, mayBegin: true, now: 59_999) == .known(0))
    #expect(table.peer(ofFlow: 1) == -2)
    // Silent for a minute: its place is another's.
    #expect(table.flow(of: 99_999, mayBegin: true, now: 60_000) == .new(1))
    #expect(table.flow(of: -3, mayBegin: false, now: 60_000) == .full)
  }

  @Test func gatewaysComeAreSilentAndAreToldOnce() {
    let table = Table(firstToken: 0)
    #expect(table.asked(pull(1), from: 5, now: 0)?.isPresent == true)
    #expect(table.asked(pull(1), from: 6, now: 10) == nil)
    // The same gateway with a forwarder of another version.
    #expect(table.asked(pull(1, version: 1), from: 6, now: 20)?.version == 1)
    #expect(table.nextSilent(now: 60_019) == nil)
    #expect(table.nextSilent(now: 60_020)?.isPresent == false)
    #expect(table.nextSilent(now: 60_020) == nil)
    for gateway in 0..<1000 { _ = table.asked(pull(UInt64(gateway)), from: 7, now: 60_021) }
    #expect(table.gateway(at: 7) != nil)
  }

  @Test func aRequestGoesWhereItsGatewayAskedLast() throws {
    let table = Table(firstToken: 0)
    guard case .refused(.gatewayAbsent) = table.begin(try request(1), client: 0, now: 0) else {
      Issue.record("nobody is there")
      return
    }
    _ = table.asked(pull(1), from: 5, now: 0)
    _ = table.asked(pull(2), from: 6, now: 1)
    _ = table.asked(pull(1), from: 8, now: 2)
    guard case .send(let route) = table.begin(try request(1), client: 0, now: 3),
      case .send(let other) = table.begin(try request(2, gateway: 2), client: 0, now: 3)
    else {
      Issue.record("refused")
      return
    }
    #expect(route.destination == 8 && other.destination == 6 && route.token != other.token)
    let ack = GWMPDatagram(version: 2, token: other.token, kind: .txAck, gateway: 2)
    // Another gateway's acknowledgement with the same token is not ours.
    let foreign = GWMPDatagram(version: 2, token: other.token, kind: .txAck, gateway: 1)
    #expect(table.answered(foreign, TransmitAnswer(.sent)) == nil)
    let ended = table.answered(ack, TransmitAnswer(.tooLate))
    #expect(ended?.outcome.number == 2 && ended?.outcome.outcome == .tooLate)
    #expect(ended?.isAlsoForServer == false)
    // It ends once.
    #expect(table.answered(ack, TransmitAnswer(.sent)) == nil)
    #expect(table.nextUnanswered(now: 5002) == nil)
    #expect(table.nextUnanswered(now: 5003)?.outcome.outcome == .unanswered)
    #expect(table.nextUnanswered(now: 5003) == nil)
  }

  @Test func aTokenThatTheServerUsesTooIsNeverMistaken() throws {
    let table = Table(firstToken: 0)
    _ = table.asked(pull(1), from: 5, now: 0)
    for token in UInt16(1)...20 { table.serverSent(token: token) }
    guard case .send(let route) = table.begin(try request(1), client: 0, now: 0) else {
      Issue.record("refused")
      return
    }
    #expect(route.token == 21)
    table.serverSent(token: 21)
    let ack = GWMPDatagram(version: 2, token: 21, kind: .txAck, gateway: 1)
    let ended = table.answered(ack, TransmitAnswer(.sent))
    #expect(ended?.outcome.outcome == .unknown && ended?.isAlsoForServer == true)
  }

  @Test func requestsAreBoundedAndEndWithTheirClient() throws {
    let table = Table(firstToken: 65_530)
    _ = table.asked(pull(1), from: 5, now: 0)
    var tokens: Set<UInt16> = []
    for number in 0..<8 {
      guard case .send(let route) = table.begin(try request(UInt32(number)), client: 3, now: 0)
      else {
        Issue.record("refused")
        return
      }
      tokens.insert(route.token)
    }
    #expect(tokens.count == 8)
    guard case .refused(.busy) = table.begin(try request(9), client: 3, now: 0) else {
      Issue.record("a ninth")
      return
    }
    table.forget(client: 3)
    #expect(table.nextUnanswered(now: 10_000) == nil)
    guard case .send = table.begin(try request(9), client: 3, now: 0) else {
      Issue.record("refused")
      return
    }
  }

  @Test func aFrameThatComesTwiceIsNewOnce() throws {
    let table = Table(firstToken: 0)
    var frame = try #require(read("{\"rxpk\":[\(example)]}").frames.first)
    #expect(table.isNew(frame, gateway: 1))
    #expect(!table.isNew(frame, gateway: 1))
    #expect(table.isNew(frame, gateway: 2))
    frame.concentratorMicroseconds = 5
    #expect(table.isNew(frame, gateway: 1))
    frame.concentratorMicroseconds = nil
    #expect(table.isNew(frame, gateway: 1) && table.isNew(frame, gateway: 1))
  }
}
