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
  func asked(_ datagram: GWMPDatagram, from peer: Int, now: Int64) -> ForwarderTable<Int>.Asked {
    table.asked(datagram, from: peer, now: now)
  }
  func nextSilent(now: Int64) -> ForwarderMessage.Gateway? { table.nextSilent(now: now) }
  func gateway(at index: Int) -> ForwarderMessage.Gateway? { table.gateway(at: index) }
  func begin(_ transmit: ForwarderMessage.Transmit, client: Int, now: Int64)
    -> ForwarderTable<Int>.Begun
  { table.begin(transmit, client: client, now: now) }
  func serverSent(token: UInt16) { table.serverSent(token: token) }
  func answered(_ datagram: GWMPDatagram, _ answer: TransmitAnswer, from peer: Int)
    -> ForwarderTable<Int>.Ended?
  { table.answered(datagram, answer, from: peer) }
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
    #expect(table.asked(pull(1), from: 5, now: 0) == .told(there(1)))
    #expect(table.asked(pull(1), from: 6, now: 20) == .known)
    #expect(table.nextSilent(now: 60_019) == nil)
    #expect(table.nextSilent(now: 60_020)?.isPresent == false)
    #expect(table.nextSilent(now: 60_020) == nil)
  }

  private func there(_ gateway: UInt64, version: UInt8 = 2) -> ForwarderMessage.Gateway {
    ForwarderMessage.Gateway(identifier: gateway, version: version, isPresent: true)
  }

  @Test func aNinthGatewayIsToldOnceUntilAPlaceIsFree() {
    let table = Table(firstToken: 0)
    for gateway in 1...8 as ClosedRange<UInt64> {
      #expect(table.asked(pull(gateway), from: 7, now: Int64(gateway)) == .told(there(gateway)))
    }
    #expect(table.asked(pull(9), from: 7, now: 9) == .full(isFirst: true))
    for gateway in 9..<1_000 as Range<UInt64> {
      #expect(table.asked(pull(gateway), from: 7, now: 10) == .full(isFirst: false))
    }
    #expect(table.nextSilent(now: 60_001)?.identifier == 1)
    #expect(table.asked(pull(9), from: 7, now: 60_001) == .told(there(9)))
    #expect(table.asked(pull(10), from: 7, now: 60_001) == .full(isFirst: true))
  }

  @Test func aChangeOfVersionIsToldAtMostOnceAMinute() {
    let table = Table(firstToken: 0)
    var told: [Int64] = []
    for now in stride(from: Int64(0), through: 180_000, by: 100) {
      let version: UInt8 = now / 100 % 2 == 0 ? 2 : 1
      if case .told = table.asked(pull(1, version: version), from: 5, now: now) {
        told.append(now)
      }
    }
    #expect(told == [0, 60_100, 120_200])
    // One that stays is told in the end.
    _ = table.asked(pull(2), from: 5, now: 0)
    #expect(table.asked(pull(2, version: 1), from: 5, now: 59_000) == .known)
    #expect(
      table.asked(pull(2, version: 1), from: 5, now: 60_000) == .told(there(2, version: 1)))
  }

  /// Whoever says the EUI of a gateway that is there.
  @Test func anotherSocketTakesNeitherRequestsNorAnswers() throws {
    let table = Table(firstToken: 0)
    _ = table.asked(pull(1), from: 5, now: 0)
    for now in stride(from: Int64(1_000), through: 100_000, by: 1_000) {
      #expect(table.asked(pull(1, version: 1), from: 66, now: now) == .known)
      if now % 10_000 == 0 { _ = table.asked(pull(1), from: 5, now: now) }
    }
    guard case .send(let route) = table.begin(try request(1), client: 0, now: 100_001) else {
      Issue.record("refused")
      return
    }
    #expect(route.destination == 5 && route.version == 2)
    let ack = GWMPDatagram(version: 2, token: route.token, kind: .txAck, gateway: 1)
    #expect(table.answered(ack, TransmitAnswer(.tooLate), from: 66) == nil)
    #expect(table.answered(ack, TransmitAnswer(.sent), from: 5)?.outcome.outcome == .sent)
    // What the server sends by the other socket makes the gateway deaf all the same.
    _ = table.asked(pull(1), from: 66, now: 100_002)
    let text = "{\"txpk\":{\"imme\":true}}"
    #expect(table.sending(text, to: 66, now: 100_003) != nil)
    #expect(table.sending(text, to: 5, now: 100_003) != nil)
  }

  @Test func aRequestGoesWhereItsGatewayAsks() throws {
    let table = Table(firstToken: 0)
    guard case .refused(.gatewayAbsent) = table.begin(try request(1), client: 0, now: 0) else {
      Issue.record("nobody is there")
      return
    }
    _ = table.asked(pull(1), from: 5, now: 0)
    _ = table.asked(pull(2), from: 6, now: 1)
    // Its forwarder was started anew, and the old socket has been silent for a minute.
    _ = table.asked(pull(1), from: 8, now: 60_000)
    guard case .send(let route) = table.begin(try request(1), client: 0, now: 60_001),
      case .send(let other) = table.begin(try request(2, gateway: 2), client: 0, now: 60_001)
    else {
      Issue.record("refused")
      return
    }
    #expect(route.destination == 8 && other.destination == 6 && route.token != other.token)
    let ack = GWMPDatagram(version: 2, token: other.token, kind: .txAck, gateway: 2)
    // Another gateway's acknowledgement with the same token is not ours.
    let foreign = GWMPDatagram(version: 2, token: other.token, kind: .txAck, gateway: 1)
    #expect(table.answered(foreign, TransmitAnswer(.sent), from: 6) == nil)
    let ended = table.answered(ack, TransmitAnswer(.tooLate), from: 6)
    #expect(ended?.outcome.number == 2 && ended?.outcome.outcome == .tooLate)
    #expect(ended?.isAlsoForServer == false)
    // It ends once.
    #expect(table.answered(ack, TransmitAnswer(.sent), from: 6) == nil)
    #expect(table.nextUnanswered(now: 65_000) == nil)
    #expect(table.nextUnanswered(now: 65_001)?.outcome.outcome == .unanswered)
    #expect(table.nextUnanswered(now: 65_001) == nil)
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
    let ended = table.answered(ack, TransmitAnswer(.sent), from: 5)
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
