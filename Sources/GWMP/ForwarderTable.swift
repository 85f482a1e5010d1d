import FixedMemory

/// What a forwarder's tee knows of its peers: which gateways have asked for something to send and from where, which
/// requests to send are under way, which frames were handed on. Without I/O and without a clock.
///
/// Invariants: nothing grows; nobody who was heard in the last minute loses a place to somebody else; a request ends in
/// exactly one outcome.
public struct ForwarderTable<Address: Equatable & Sendable>: ~Copyable {
  /// Gateways that share one forwarder process have one socket pair each.
  public static var gatewayCapacity: Int { 8 }
  /// Two sockets for each gateway.
  public static var flowCapacity: Int { 16 }
  public static var requestCapacity: Int { 8 }
  /// Forwarders ask every 5 to 30 s, and send their statistics every 30 s.
  public static var silenceMilliseconds: Int64 { 60_000 }
  /// An answer to a request to join comes 6 s behind it; a ping slot lies further ahead, and is then told by its clock.
  public static var plannedMilliseconds: Int64 { 10_000 }
  /// Of the moment, and of the way from the concentrator to us.
  public static var slackMilliseconds: Int64 { 150 }
  /// A TX_ACK of an immediate transmission comes within a second.
  public static var answerMilliseconds: Int64 { 5_000 }

  struct Flow {
    var peer: Address
    var lastMilliseconds: Int64
  }

  struct KnownGateway {
    var identifier: UInt64
    var version: UInt8
    /// Where requests go. Another socket takes its place only when this one has been silent for a minute: whoever says
    /// the same EUI takes nothing away.
    var asking: Address
    var askingMilliseconds: Int64
    /// The last socket of whichever, and when.
    var latest: Address
    var lastMilliseconds: Int64
    /// What the agent was told of last, and when.
    var toldVersion: UInt8
    var toldMilliseconds: Int64
    /// What its concentrator's clock was, and when that came.
    var clock: (microseconds: UInt32, milliseconds: Int64)?
  }

  struct Request {
    var client: Int
    var number: UInt32
    var token: UInt16
    var gateway: UInt64
    /// Where it was sent to: the answer comes from there.
    var destination: Address
    var deadlineMilliseconds: Int64
    /// The server has used the same token meanwhile.
    var isAmbiguous = false
  }

  private var flows = InlineArray<16, Flow?>(repeating: nil)
  private var gateways = InlineArray<8, KnownGateway?>(repeating: nil)
  private var requests = InlineArray<8, Request?>(repeating: nil)
  /// Tokens of the server's last transmissions, so that ours are others.
  private var serverTokens = FixedBytes<64>()
  private var serverTokenIndex = 0
  private var recent = InlineArray<64, UInt64>(repeating: 0)
  private var recentIndex = 0
  private var nextToken: UInt16
  private var isFullTold = false

  /// `firstToken` is a random number.
  public init(firstToken: UInt16) { nextToken = firstToken }

  // MARK: - flows: one socket to the server for each socket of a forwarder

  public enum FlowAnswer: Equatable, Sendable {
    case known(Int)
    /// A place was free, or its owner has been silent for a minute: a new socket belongs there.
    case new(Int)
    case full
  }

  public mutating func flow(of peer: Address, mayBegin: Bool, now: Int64) -> FlowAnswer {
    var free: Int?
    for index in 0..<Self.flowCapacity {
      guard let flow = flows[index] else {
        if free == nil { free = index }
        continue
      }
      if flow.peer == peer {
        flows[index]?.lastMilliseconds = now
        return .known(index)
      }
    }
    guard mayBegin else { return .full }
    if free == nil {
      for index in 0..<Self.flowCapacity where isSilent(flows[index]?.lastMilliseconds, now) {
        free = index
        break
      }
    }
    guard let free else { return .full }
    flows[free] = Flow(peer: peer, lastMilliseconds: now)
    return .new(free)
  }

  public func peer(ofFlow index: Int) -> Address? { flows[index]?.peer }

  /// Its socket can't be had.
  public mutating func endFlow(_ index: Int) { flows[index] = nil }

  private func isSilent(_ last: Int64?, _ now: Int64) -> Bool {
    guard let last else { return true }
    return now - last >= Self.silenceMilliseconds
  }

  // MARK: - gateways

  public enum Asked: Equatable, Sendable {
    case known
    /// It is new, or has another version: told at most once a minute.
    case told(ForwarderMessage.Gateway)
    /// Eight others are there. `isFirst`: the first one since a place was free.
    case full(isFirst: Bool)
  }

  /// A PULL_DATA came.
  public mutating func asked(_ datagram: GWMPDatagram, from peer: Address, now: Int64) -> Asked {
    var free: Int?
    for index in 0..<Self.gatewayCapacity {
      guard let gateway = gateways[index] else {
        if free == nil { free = index }
        continue
      }
      if gateway.identifier == datagram.gateway {
        return askedAgain(index, gateway, datagram, peer, now)
      }
    }
    guard let free else {
      let isFirst = !isFullTold
      isFullTold = true
      return .full(isFirst: isFirst)
    }
    gateways[free] = KnownGateway(
      identifier: datagram.gateway, version: datagram.version, asking: peer,
      askingMilliseconds: now, latest: peer, lastMilliseconds: now,
      toldVersion: datagram.version, toldMilliseconds: now)
    return .told(told(datagram.gateway, datagram.version))
  }

  private mutating func askedAgain(
    _ index: Int, _ known: KnownGateway, _ datagram: GWMPDatagram, _ peer: Address, _ now: Int64
  ) -> Asked {
    var gateway = known
    gateway.latest = peer
    gateway.lastMilliseconds = now
    if gateway.asking == peer || isSilent(gateway.askingMilliseconds, now) {
      gateway.asking = peer
      gateway.askingMilliseconds = now
      gateway.version = datagram.version
    }
    let isTold =
      gateway.version != gateway.toldVersion
      && now - gateway.toldMilliseconds >= Self.silenceMilliseconds
    if isTold {
      gateway.toldVersion = gateway.version
      gateway.toldMilliseconds = now
    }
    gateways[index] = gateway
    return isTold ? .told(told(gateway.identifier, gateway.version)) : .known
  }

  private func told(_ identifier: UInt64, _ version: UInt8) -> ForwarderMessage.Gateway {
    ForwarderMessage.Gateway(identifier: identifier, version: version, isPresent: true)
  }

  /// The next gateway that has been silent for a minute; it is forgotten.
  public mutating func nextSilent(now: Int64) -> ForwarderMessage.Gateway? {
    for index in 0..<Self.gatewayCapacity {
      guard let gateway = gateways[index], isSilent(gateway.lastMilliseconds, now) else {
        continue
      }
      gateways[index] = nil
      isFullTold = false
      return ForwarderMessage.Gateway(
        identifier: gateway.identifier, version: gateway.version, isPresent: false)
    }
    return nil
  }

  /// The gateway in a place, for whoever connects anew.
  public func gateway(at index: Int) -> ForwarderMessage.Gateway? {
    guard let gateway = gateways[index] else { return nil }
    return ForwarderMessage.Gateway(
      identifier: gateway.identifier, version: gateway.version, isPresent: true)
  }

  // MARK: - requests to send

  /// Where a request's datagram goes, and as what.
  public struct Route: Sendable {
    public let destination: Address
    public let version: UInt8
    public let token: UInt16
  }

  public enum Begun: Sendable {
    case send(Route)
    case refused(TransmitOutcome)
  }

  /// A request of a client. With version 1 it has ended when the datagram is sent: that has no TX_ACK.
  public mutating func begin(
    _ transmit: ForwarderMessage.Transmit, client: Int, now: Int64
  ) -> Begun {
    guard let gateway = gateway(for: transmit.gateway) else { return .refused(.gatewayAbsent) }
    var free: Int?
    for index in 0..<Self.requestCapacity where requests[index] == nil { free = index }
    guard let free else { return .refused(.busy) }
    let token = newToken()
    if gateway.version >= 2 {
      requests[free] = Request(
        client: client, number: transmit.number, token: token, gateway: gateway.identifier,
        destination: gateway.asking, deadlineMilliseconds: now + Self.answerMilliseconds)
    }
    return .send(Route(destination: gateway.asking, version: gateway.version, token: token))
  }

  private func gateway(for identifier: UInt64) -> KnownGateway? {
    var found: KnownGateway?
    for index in 0..<Self.gatewayCapacity {
      guard let gateway = gateways[index] else { continue }
      if identifier != 0 {
        if gateway.identifier == identifier { return gateway }
      } else if gateway.lastMilliseconds > found?.lastMilliseconds ?? .min {
        found = gateway
      }
    }
    return found
  }

  /// 40 tokens are in use at most, so one of the next 41 is free.
  private mutating func newToken() -> UInt16 {
    for _ in 0..<(Self.requestCapacity + 33) {
      nextToken = nextToken &+ 1
      if !isInUse(nextToken) { break }
    }
    return nextToken
  }

  private func isInUse(_ token: UInt16) -> Bool {
    for index in 0..<Self.requestCapacity where requests[index]?.token == token { return true }
    for index in 0..<32 where token == serverToken(index) { return true }
    return false
  }

  private func serverToken(_ index: Int) -> UInt16 {
    UInt16(serverTokens[index * 2]) << 8 | UInt16(serverTokens[index * 2 + 1])
  }

  /// The server has sent a PULL_RESP of its own.
  public mutating func serverSent(token: UInt16) {
    serverTokens[serverTokenIndex * 2] = UInt8(truncatingIfNeeded: token >> 8)
    serverTokens[serverTokenIndex * 2 + 1] = UInt8(truncatingIfNeeded: token)
    serverTokenIndex = (serverTokenIndex + 1) & 31
    for index in 0..<Self.requestCapacity where requests[index]?.token == token {
      requests[index]?.isAmbiguous = true
    }
  }

  /// A frame of a gateway's came: so its clock is known.
  public mutating func heard(_ packet: ReceivedPacket, gateway: UInt64, now: Int64) {
    guard let microseconds = packet.concentratorMicroseconds else { return }
    for index in 0..<Self.gatewayCapacity where gateways[index]?.identifier == gateway {
      gateways[index]?.clock = (microseconds, now)
    }
  }

  /// When the gateway behind this socket sends what the server has just asked for, and so hears nothing. Where that is
  /// not known, the longest that a server plans ahead.
  public func sending(
    _ transmission: ServerTransmission, airtimeMilliseconds: Int64, to peer: Address, now: Int64
  ) -> ForwarderMessage.Sending? {
    for index in 0..<Self.gatewayCapacity {
      // More sockets than one may say its EUI: deaf for nothing is no wrong claim.
      guard let gateway = gateways[index], gateway.asking == peer || gateway.latest == peer else {
        continue
      }
      var (from, to) = (now, now + Self.plannedMilliseconds + airtimeMilliseconds)
      switch transmission.moment {
      case .atOnce: to = now + Self.slackMilliseconds + airtimeMilliseconds
      case .at(let microseconds):
        guard let clock = gateway.clock else { break }
        // The clock of 32 bits goes round: what lies ahead is within half of it.
        let ahead = Int64(Int32(bitPattern: microseconds &- clock.microseconds)) / 1_000
        let start = clock.milliseconds + ahead
        guard start >= now - Self.slackMilliseconds, start <= now + Self.plannedMilliseconds else {
          break
        }
        from = max(0, start - Self.slackMilliseconds)
        to = start + Self.slackMilliseconds + airtimeMilliseconds
      case .unknown: break
      }
      return ForwarderMessage.Sending(
        gateway: gateway.identifier, fromMilliseconds: from, toMilliseconds: to)
    }
    return nil
  }

  public struct Ended: Sendable {
    public let client: Int
    public let outcome: ForwarderMessage.Outcome
    /// The server may have been meant too.
    public let isAlsoForServer: Bool
  }

  /// A TX_ACK came; nil when it answers no request of ours, or comes from elsewhere than that went to: it is the
  /// server's alone.
  public mutating func answered(
    _ datagram: GWMPDatagram, _ answer: TransmitAnswer, from peer: Address
  ) -> Ended? {
    for index in 0..<Self.requestCapacity {
      guard let request = requests[index], request.token == datagram.token,
        request.gateway == datagram.gateway, request.destination == peer
      else { continue }
      requests[index] = nil
      let outcome = request.isAmbiguous ? TransmitOutcome.unknown : answer.outcome
      return Ended(
        client: request.client,
        outcome: ForwarderMessage.Outcome(
          number: request.number, outcome: outcome,
          powerDecibelMilliwatts: request.isAmbiguous ? nil : answer.powerDecibelMilliwatts),
        isAlsoForServer: request.isAmbiguous)
    }
    return nil
  }

  /// The next request whose time is over.
  public mutating func nextUnanswered(now: Int64) -> Ended? {
    for index in 0..<Self.requestCapacity {
      guard let request = requests[index], now >= request.deadlineMilliseconds else { continue }
      requests[index] = nil
      return Ended(
        client: request.client,
        outcome: ForwarderMessage.Outcome(number: request.number, outcome: .unanswered),
        isAlsoForServer: false)
    }
    return nil
  }

  /// A client has gone: nobody is left to be told.
  public mutating func forget(client: Int) {
    for index in 0..<Self.requestCapacity where requests[index]?.client == client {
      requests[index] = nil
    }
  }

  // MARK: - frames

  /// True once for each frame: a datagram that comes twice brings no second witness. A frame is known by its gateway,
  /// its concentrator's time and its bytes, while it is among the last 64.
  public mutating func isNew(_ packet: ReceivedPacket, gateway: UInt64) -> Bool {
    // Without the concentrator's time equal frames can't be told from a repetition.
    guard let time = packet.concentratorMicroseconds else { return true }
    var check = CRC32C()
    check.update(packet.bytes)
    var key = gateway &* 0x9e37_79b9_7f4a_7c15 ^ UInt64(time) << 32 ^ UInt64(check.value)
    key ^= UInt64(packet.frequencyHertz) &* 0xff51_afd7_ed55_8ccd
    // 0 marks a place that was never used.
    if key == 0 { key = 1 }
    for index in 0..<64 where recent[index] == key { return false }
    recent[recentIndex] = key
    recentIndex = (recentIndex + 1) & 63
    return true
  }
}
