import CBOR
import FixedMemory
import GWMP
import LinuxPlatform
import LoRa
import SocketPrograms

/// The tee: what a gateway sends goes to the server as it came, what the server sends goes to the gateway as it came,
/// and the agent gets what was heard. One socket to the server for each socket of a gateway, so that the server sees
/// the gateway's two as two.
struct ForwarderServer: SocketServer, ~Copyable {
  /// Of one socket in one turn, so that nobody holds the others up.
  static var datagramsPerTurn: Int { 32 }
  static var requestsPerTurn: Int { 8 }
  static var turnMilliseconds: Int64 { 1000 }
  static var packetsPerDatagram: Int { 256 }

  struct Upstream: ~Copyable {
    let socket: UDPSocket
    var slot: Int?
  }

  private let gateways: UDPSocket
  private let server: UDPAddress?
  private var agents: AgentClients
  private var table: ForwarderTable<UDPAddress>
  private var upstream = InlineArray<16, Upstream?> { _ in nil }
  private var counts = ForwarderCounts()
  private var gatewaySlot: Int?
  /// The largest datagram there is, so that none is cut.
  private var datagram = InlineArray<65_536, UInt8>(repeating: 0)
  private let clock = SystemClock()

  init(
    gateways: consuming UDPSocket, server: UDPAddress?, agents: consuming AgentClients,
    firstToken: UInt16
  ) {
    self.gateways = gateways
    self.server = server
    self.agents = agents
    table = ForwarderTable(firstToken: firstToken)
  }

  /// Says where it listens.
  func tellBeginning() {
    var text = TextBuilder<128>()
    text.append("listening on port ")
    do throws(SystemError) { text.append(UInt32(try gateways.port())) } catch { text.append("?") }
    text.append(
      server == nil ? "; no server: acknowledges by itself" : "; everything goes to the server too")
    ForwarderOptions.tell(text.span)
    ServiceManager.tell(status: text)
  }

  /// Waits for the first of: a datagram, a message of the agent, the other descriptor, the turn's end.
  mutating func turn(otherDescriptor: Int32) throws(SystemError) {
    var poller = Poller()
    _ = poller.watch(otherDescriptor)
    gatewaySlot = poller.watch(gateways.pollDescriptor)
    agents.watch(&poller)
    for index in 0..<ForwarderTable<UDPAddress>.flowCapacity {
      guard var flow = upstream[index].take() else { continue }
      flow.slot = poller.watch(flow.socket.pollDescriptor)
      upstream[index] = consume flow
    }
    _ = try poller.wait(milliseconds: Self.turnMilliseconds)
    greet(agents.accept(poller))
    for index in 0..<AgentClients.capacity where agents.isReadable(index, poller) {
      serve(client: index)
    }
    if let gatewaySlot, poller.isReadable(gatewaySlot) { takeFromGateways() }
    for index in 0..<ForwarderTable<UDPAddress>.flowCapacity {
      guard let flow = upstream[index].take() else { continue }
      let isReadable = flow.slot.map { poller.isReadable($0) } ?? false
      upstream[index] = consume flow
      if isReadable { takeFromServer(index) }
    }
    tidy()
    ServiceManager.tellAlive()
  }

  /// Time passes: requests without an answer, gateways that are silent, counts.
  private mutating func tidy() {
    let now = clock.bootMilliseconds()
    for _ in 0..<ForwarderTable<UDPAddress>.requestCapacity {
      guard let ended = table.nextUnanswered(now: now) else { break }
      tell(ended)
    }
    for _ in 0..<ForwarderTable<UDPAddress>.gatewayCapacity {
      guard let gateway = table.nextSilent(now: now) else { break }
      tell(gateway)
    }
    for index in 0..<AgentClients.capacity { agents.tellLost(index, now) }
    counts.tellIfDue(now)
  }

  private mutating func tell(_ ended: ForwarderTable<UDPAddress>.Ended) {
    let packet = ForwarderMessage.encode(ended.outcome)
    agents.send(packet.bytes, to: ended.client)
  }

  private mutating func tell(_ gateway: ForwarderMessage.Gateway) {
    let gone = agents.tell(gateway, clock.bootMilliseconds())
    for index in 0..<AgentClients.capacity where gone & (1 << UInt8(index)) != 0 {
      table.forget(client: index)
    }
    var text = TextBuilder<128>()
    text.append("gateway ")
    text.append(hex: gateway.identifier, digits: 16)
    text.append(gateway.isPresent ? " is there, version " : " is silent, version ")
    text.append(UInt32(gateway.version))
    ForwarderOptions.tell(text.span)
  }

  // MARK: - from gateways

  private mutating func takeFromGateways() {
    for _ in 0..<Self.datagramsPerTurn {
      do throws(SystemError) {
        var span = datagram.mutableSpan
        guard let (byteCount, source) = try gateways.receive(into: &span) else { return }
        guard byteCount <= datagram.count else {
          counts.refused &+= 1
          continue
        }
        take(byteCount, from: source)
      } catch {
        // What a socket reports here is about a datagram that was sent before: nobody listens there.
        counts.unreachable &+= 1
      }
    }
  }

  private mutating func take(_ byteCount: Int, from source: UDPAddress) {
    let now = clock.bootMilliseconds()
    let head = GWMPDatagram(datagram.span.extracting(0..<byteCount))
    guard let head, head.kind.isUp else {
      // Not of this protocol, or a later version: none of ours to judge.
      counts.refused &+= 1
      pass(byteCount, from: source, mayBegin: false, now)
      return
    }
    var isForServer = true
    switch head.kind {
    case .pullData:
      switch table.asked(head, from: source, now: now) {
      case .known: break
      case .told(let gateway): tell(gateway)
      case .full(let isFirst): tellFull(head.gateway, isFirst: isFirst)
      }
    case .pushData: hear(head, byteCount, now)
    case .txAck:
      let body = GWMPDatagram.body(of: datagram.span.extracting(0..<byteCount), head.kind)
      let answer = TransmitAnswer(datagram.span.extracting(body))
      if let ended = table.answered(head, answer, from: source) {
        tell(ended)
        isForServer = ended.isAlsoForServer
      }
    case .pushAck, .pullResp, .pullAck: break
    }
    if server == nil {
      acknowledge(head, source)
    } else if isForServer {
      pass(byteCount, from: source, mayBegin: true, now)
    }
  }

  /// What it hears goes to the agent all the same; nothing is sent by it.
  private mutating func tellFull(_ gateway: UInt64, isFirst: Bool) {
    counts.gatewaysTooMany &+= 1
    guard isFirst else { return }
    var text = TextBuilder<128>()
    text.append("gateway ")
    text.append(hex: gateway, digits: 16)
    text.append(" finds no place: eight others are there; nothing is sent by it")
    ForwarderOptions.tell(text.span)
  }

  /// Only where no server does.
  private mutating func acknowledge(_ head: GWMPDatagram, _ source: UDPAddress) {
    guard let kind = head.kind.answer else { return }
    var text = TextBuilder<16>()
    GWMPDatagram(version: head.version, token: head.token, kind: kind).write(to: &text)
    send(text.span, to: source)
  }

  private mutating func send(_ bytes: Span<UInt8>, to gateway: UDPAddress) {
    do throws(SystemError) { try gateways.send(bytes, to: gateway) } catch {
      counts.unreachable &+= 1
    }
  }

  /// To the server, byte by byte as it came.
  private mutating func pass(
    _ byteCount: Int, from source: UDPAddress, mayBegin: Bool, _ now: Int64
  ) {
    guard let server else { return }
    let index: Int
    switch table.flow(of: source, mayBegin: mayBegin, now: now) {
    case .known(let known): index = known
    case .new(let new):
      index = new
      do throws(SystemError) {
        upstream[index] = Upstream(socket: try UDPSocket(connectedTo: server), slot: nil)
      } catch {
        table.endFlow(index)
        counts.unreachable &+= 1
        return
      }
    case .full:
      counts.notPassed &+= 1
      return
    }
    guard let flow = upstream[index].take() else { return }
    // Twice: what a connected socket reports first is that an earlier datagram found nobody.
    for attempt in 0..<2 {
      do throws(SystemError) {
        try flow.socket.send(datagram.span.extracting(0..<byteCount))
        break
      } catch {
        if attempt == 1 { counts.unreachable &+= 1 }
      }
    }
    upstream[index] = consume flow
  }

  /// What was heard goes to the agent.
  private mutating func hear(_ head: GWMPDatagram, _ byteCount: Int, _ now: Int64) {
    let body = GWMPDatagram.body(of: datagram.span.extracting(0..<byteCount), head.kind)
    if body.isEmpty { return }
    var reader = PacketReader()
    var packet = ReceivedPacket()
    do throws(JSONCursor.Failure) {
      for _ in 0..<Self.packetsPerDatagram {
        guard let outcome = try reader.next(datagram.span.extracting(body), into: &packet) else {
          return
        }
        switch outcome {
        case .otherModulation: continue
        case .unusable: counts.unusable &+= 1
        case .frame:
          guard table.isNew(packet, gateway: head.gateway) else { continue }
          counts.frames &+= 1
          table.heard(packet, gateway: head.gateway, now: now)
          let message = ForwarderMessage.encode(
            ForwarderMessage.Frame(
              gateway: head.gateway, receivedMilliseconds: now, packet: packet))
          agents.hand(frame: message.bytes, now)
        }
      }
    } catch {
      counts.unusable &+= 1
    }
  }

  // MARK: - from the server

  private mutating func takeFromServer(_ index: Int) {
    guard let flow = upstream[index].take() else { return }
    for _ in 0..<Self.datagramsPerTurn {
      var byteCount = 0
      do throws(SystemError) {
        var span = datagram.mutableSpan
        guard let received = try flow.socket.receive(into: &span) else { break }
        byteCount = received.byteCount
      } catch {
        // The server's machine says that nobody listens: the gateway sees the missing acknowledgement.
        counts.unreachable &+= 1
        continue
      }
      guard byteCount <= datagram.count, let peer = table.peer(ofFlow: index) else { continue }
      if let head = GWMPDatagram(datagram.span.extracting(0..<byteCount)), head.kind == .pullResp {
        table.serverSent(token: head.token)
        tellSending(byteCount, to: peer)
      }
      do throws(SystemError) {
        try gateways.send(datagram.span.extracting(0..<byteCount), to: peer)
      } catch {
        counts.unreachable &+= 1
      }
    }
    upstream[index] = consume flow
  }

  /// The gateway is deaf while it sends: the agent is told.
  private mutating func tellSending(_ byteCount: Int, to peer: UDPAddress) {
    let body = GWMPDatagram.body(of: datagram.span.extracting(0..<byteCount), .pullResp)
    let transmission = ServerTransmission(datagram.span.extracting(body))
    var airtime = Self.longestMilliseconds
    if let bandwidth = Modulation.Bandwidth(rawValue: transmission.bandwidthHertz),
      let modulation = Modulation(
        spreadingFactor: transmission.spreadingFactor, bandwidth: bandwidth,
        codingRateDenominator: transmission.codingRateDenominator,
        preambleSymbolCount: transmission.preambleSymbolCount)
    {
      let microseconds = modulation.timeOnAirMicroseconds(
        payloadByteCount: transmission.byteCount)
      airtime = min(Self.airtimeLimitMilliseconds, Int64(microseconds) / 1_000 + 1)
    }
    let now = clock.bootMilliseconds()
    guard
      let sending = table.sending(
        transmission, airtimeMilliseconds: airtime, to: peer, now: now)
    else { return }
    agents.tell(sending, now)
  }

  /// With what lies before it, a message to the agent spans a minute at most. No region lets a frame be as long.
  private static var airtimeLimitMilliseconds: Int64 { 49_000 }

  /// 51 bytes at SF12, the slowest that regions have.
  private static var longestMilliseconds: Int64 { 2_800 }

  // MARK: - the agent

  /// Tells who has just connected which gateways are there.
  private mutating func greet(_ new: UInt8) {
    for index in 0..<AgentClients.capacity where new & (1 << UInt8(index)) != 0 {
      for place in 0..<ForwarderTable<UDPAddress>.gatewayCapacity {
        guard let gateway = table.gateway(at: place) else { continue }
        let packet = ForwarderMessage.encode(gateway)
        agents.send(packet.bytes, to: index)
      }
    }
  }

  private mutating func serve(client: Int) {
    var packet = InlineArray<512, UInt8>(repeating: 0)
    for _ in 0..<Self.requestsPerTurn {
      var isThere = true
      guard let count = agents.receive(client, into: &packet, isThere: &isThere) else {
        if !isThere { table.forget(client: client) }
        return
      }
      guard perform(packet.span.extracting(0..<count), client: client) else {
        agents.end(client)
        table.forget(client: client)
        return
      }
    }
  }

  /// False for what no agent says: its connection ends.
  private mutating func perform(_ bytes: Span<UInt8>, client: Int) -> Bool {
    let decoded: ForwarderMessage.Decoded
    do throws(CBORDecoder.Failure) {
      decoded = try ForwarderMessage.decode(bytes)
    } catch { return false }
    switch decoded {
    case .frame, .outcome, .gateway, .lost, .sending: return false
    case .invalidTransmit(let number): refuse(number, .invalid, client)
    case .transmit(let transmit): begin(transmit, client: client)
    }
    return true
  }

  private mutating func begin(_ transmit: ForwarderMessage.Transmit, client: Int) {
    switch table.begin(transmit, client: client, now: clock.bootMilliseconds()) {
    case .refused(let outcome): refuse(transmit.number, outcome, client)
    case .send(let route):
      var text = TextBuilder<640>()
      transmit.packet.writePullResp(version: route.version, token: route.token, to: &text)
      send(text.span, to: route.destination)
      if route.version < 2 { refuse(transmit.number, .unknown, client) }
    }
  }

  private mutating func refuse(_ number: UInt32, _ outcome: TransmitOutcome, _ client: Int) {
    let packet = ForwarderMessage.encode(
      ForwarderMessage.Outcome(number: number, outcome: outcome))
    agents.send(packet.bytes, to: client)
  }
}
