import FixedMemory
import LinuxPlatform

/// Asks a gateway through a broker, one request at a time, each with its answer (docs/delivery-protocol.md,
/// "Over MQTT"). Each call ends within the time limits, and at once when the descriptor that it was told to
/// watch becomes readable; only a name server is waited for as long as the system does.
///
/// Between requests the connection stays open: `tend` answers for the keep-alive. Swift allocates nothing here.
/// libmosquitto does: per message, and per connection.
public struct MQTTTransport: ~Copyable {
  /// How long a step may take.
  public struct Timeouts: Sendable {
    /// Connection, TLS, the broker's greeting and the subscription.
    public var connectMilliseconds: Int64
    /// All of it, so that no request takes longer.
    public var totalMilliseconds: Int64

    public init(connectMilliseconds: Int64 = 30_000, totalMilliseconds: Int64 = 180_000) {
      self.connectMilliseconds = connectMilliseconds
      self.totalMilliseconds = totalMilliseconds
    }
  }

  /// Where to, and as whom.
  public struct Account: Sendable {
    public var address: MQTTAddress
    /// A PEM file, which then is the only trust; empty: the system's.
    public var authorities: FixedText<184>
    /// Empty: none.
    public var user: FixedText<64>
    public var password: FixedText<255>

    public init(
      address: MQTTAddress, authorities: FixedText<184> = FixedText(),
      user: FixedText<64> = FixedText(), password: FixedText<255> = FixedText()
    ) {
      self.address = address
      self.authorities = authorities
      self.user = user
      self.password = password
    }
  }

  public struct Response: Sendable {
    /// As HTTP has it, 100 to 999.
    public let status: Int
    /// Bytes of the answer that stand at the start of the caller's buffer.
    public let byteCount: Int
    public let retryAfterSeconds: UInt32?
    /// As it came; empty when missing or longer than 96 bytes.
    public let contentType: FixedArray<96, UInt8>
  }

  /// A mobile network forgets a silent connection after some minutes.
  static var keepAliveSeconds: Int32 { 120 }
  /// An answer has 4096 bytes, and its topic and properties 300.
  static var maximumPacketByteCount: UInt32 { 8192 }
  static var maximumAnswerByteCount: Int { 4096 }

  /// What has gone over the network, as it was last looked at.
  private var wire = WireCount()

  private let account: Account
  private let timeouts: Timeouts
  private let stop: Int32
  /// Of the device's key, in hexadecimal digits; empty before `use`.
  private var keyName = FixedText<16>()
  private var client: MQTTClient?
  /// What libmosquitto said about the last failure; empty after a success.
  public private(set) var detail = FixedArray<256, UInt8>(filler: 0)
  /// Answers that were not taken: retained, of another topic, or to nothing that was asked.
  public private(set) var ignoredCount: UInt64 = 0

  /// While `stopDescriptor` is readable no transfer goes on: it is watched and never read, and the caller keeps
  /// it open for as long as the transport is there.
  public init(account: Account, timeouts: Timeouts = Timeouts(), stopDescriptor: Int32? = nil) {
    precondition(
      timeouts.connectMilliseconds > 0 && timeouts.totalMilliseconds > 0,
      "a timeout of zero never ends")
    self.account = account
    self.timeouts = timeouts
    stop = stopDescriptor ?? -1
  }

  /// The key whose topics are used. Another one ends the connection.
  public mutating func use(keyID: Span<UInt8>) {
    var text = TextBuilder<16>()
    text.append(hex: keyID)
    var name = FixedText<16>()
    name.write(text.span)
    guard !keyName.span.equals(name.span) else { return }
    keyName = name
    close()
  }

  /// Publishes a request, and reads the answer to it into `reply`, whose size is the bound.
  public mutating func request(
    _ request: MQTTTopic, _ payload: Span<UInt8>, contentType: StaticString,
    into reply: inout MutableSpan<UInt8>
  ) throws(MQTTFailure) -> Response {
    detail.removeAll()
    let start = MQTTClient.nowMilliseconds
    do throws(MQTTFailure) {
      try open(until: start + min(timeouts.connectMilliseconds, timeouts.totalMilliseconds))
      return try exchange(
        request, payload, contentType, until: start + timeouts.totalMilliseconds, into: &reply)
    } catch {
      if let words = client?.words { detail = words }
      close()
      throw error
    }
  }

  /// Of this connection: messages that were too long for any answer, or too many at once.
  var droppedCount: Int {
    mutating get { client?.droppedCount ?? 0 }
  }

  // MARK: The connection

  private mutating func open(until deadline: Int64) throws(MQTTFailure) {
    tend()
    guard client == nil else { return }
    var name = TextBuilder<64>()
    name.append("cairn-")
    name.append(keyName.span)
    name.append("-")
    // Two with one key, as of a copied card, do not push each other out.
    name.append(try MQTTClient.randomName().span.extracting(0..<8))
    wire.begin()
    client = try MQTTClient.made(
      clientID: name.span, address: account.address, authorities: account.authorities.span,
      user: account.user.span, password: account.password.span,
      maximumPayloadByteCount: Self.maximumAnswerByteCount)
    try client?.connect(
      to: account.address, keepAliveSeconds: Self.keepAliveSeconds,
      maximumPacketByteCount: Self.maximumPacketByteCount)
    while client?.connectReason == nil { try step(until: deadline, orThrow: .connectTimedOut) }
    if let reason = client?.connectReason, reason != 0 { throw .refused(reason: reason) }
    let (receipt, answer) = (topic(.receipt), topic(.answer))
    try client?.subscribe(to: receipt.span, answer.span)
    while client?.subscribeReason == nil { try step(until: deadline, orThrow: .connectTimedOut) }
    if let reason = client?.subscribeReason, reason >= 128 {
      throw .subscriptionRefused(reason: reason)
    }
    idleDescriptor = client?.descriptor
  }

  /// What has gone over the network: as the kernel counts it for each connection, the keep-alive included.
  public var wireByteCount: UInt64 {
    mutating get {
      look()
      return wire.byteCount
    }
  }

  /// Counts what the connection has had by now.
  private mutating func look() {
    guard let descriptor = client?.descriptor,
      let count = WireCount.byteCount(ofConnection: descriptor)
    else { return }
    wire.see(count)
  }

  private mutating func close() {
    look()
    client?.disconnect()
    client = nil
    idleDescriptor = nil
  }

  private func topic(_ last: MQTTTopic) -> FixedText<64> { last.text(key: keyName.span) }

  private mutating func step(until deadline: Int64, orThrow late: MQTTFailure) throws(MQTTFailure) {
    let left = deadline - MQTTClient.nowMilliseconds
    guard left > 0 else { throw late }
    // libmosquitto looks at its keep-alive in each step.
    switch client?.step(stop: stop, milliseconds: Int32(min(left, 1000))) {
    case .done: return
    case .stopped: throw .stopped
    case .failed(let failure): throw failure
    case nil: throw .interrupted
    }
  }

  /// Readable when `tend` has something to do; nil without a connection.
  public private(set) var idleDescriptor: Int32?

  /// After so long `tend` is to be called; nil without a connection.
  public var idleMilliseconds: Int64? {
    idleDescriptor == nil ? nil : Int64(Self.keepAliveSeconds) * 1000 / 4
  }

  /// Keeps the connection alive between requests, and closes it when it has ended. Never waits.
  public mutating func tend() {
    guard client != nil else { return }
    guard client?.step(milliseconds: 0) == .done else { return close() }
    while client?.takeMessage() != nil { ignoredCount += 1 }
  }

  // MARK: A request

  private mutating func exchange(
    _ request: MQTTTopic, _ payload: Span<UInt8>, _ contentType: StaticString,
    until deadline: Int64, into reply: inout MutableSpan<UInt8>
  ) throws(MQTTFailure) -> Response {
    let correlation = try MQTTClient.randomName()
    let (asked, answered) = (topic(request), topic(request.answer))
    guard
      let publication = MQTTPublication(
        topic: asked.span, contentType: contentType.bytes, responseTopic: answered.span,
        correlation: correlation.span,
        expirySeconds: UInt32(clamping: timeouts.totalMilliseconds / 1000 + 1))
    else { throw .outOfMemory }
    guard let number = try client?.publish(publication, payload) else { throw .interrupted }
    while true {
      while let message = client?.takeMessage() ?? nil {
        guard Self.isAnswer(message, answered.span, correlation.span) else {
          ignoredCount += 1
          continue
        }
        return try Self.response(message, into: &reply)
      }
      // The broker's word is no receipt; but what it says it did not hand on need not be waited for.
      switch client?.publishReason(of: number) {
      case 16?: throw .noGateway
      case let reason? where reason >= 128: throw .publicationRefused(reason: reason)
      default: break
      }
      try step(until: deadline, orThrow: .timedOut)
    }
  }

  /// A retained one is from before; one with other correlation data is to something else.
  private static func isAnswer(
    _ message: borrowing MQTTMessage, _ topic: Span<UInt8>, _ correlation: Span<UInt8>
  ) -> Bool {
    !message.isRetained && message.topic.equals(topic) && message.correlation.equals(correlation)
      && message.status.map { (100...999).contains($0) } == true
  }

  private static func response(
    _ message: borrowing MQTTMessage, into reply: inout MutableSpan<UInt8>
  ) throws(MQTTFailure) -> Response {
    let payload = message.payload
    guard payload.count <= reply.count else { throw .replyTooLarge }
    reply.copy(payload)
    var type = FixedArray<96, UInt8>(filler: 0)
    let contentType = message.contentType
    if contentType.count <= 96 {
      for index in contentType.indices { type.append(contentType[index]) }
    }
    return Response(
      status: message.status ?? 0, byteCount: payload.count,
      retryAfterSeconds: message.retryAfterSeconds, contentType: type)
  }
}
