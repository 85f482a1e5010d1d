import CLibMosquitto
import CMosquittoGuard
import FixedMemory

/// One connection to a broker with MQTT 5, freed with its owner. It does nothing by itself: whoever has it
/// steps it. All calls of libmosquitto are here.
///
/// A client is for one connection: when that has ended, another client is made, so that nothing unanswered
/// is sent again behind its owner's back.
///
/// The deinit is inlinable because programs end the life of a transport, and Embedded Swift wants to see
/// in their module what that does.
public struct MQTTClient: ~Copyable {
  /// How one step ended.
  public enum Step: Equatable, Sendable {
    case done
    /// The descriptor to watch is readable.
    case stopped
    case failed(MQTTFailure)
  }

  /// What a subscription or a publication was answered with: a reason code of MQTT 5.
  public typealias ReasonCode = Int32

  /// Messages that a broker may send together before they are acknowledged, and more.
  public static var inboxCapacity: Int { Int(CAIRN_MQTT_INBOX) }

  @usableFromInline let pointer: UnsafeMutablePointer<cairn_mqtt>

  /// `maximumPayloadByteCount`: longer messages are dropped and counted; far longer ones a broker does not send.
  /// Empty `authorities` are the system's, as an empty user is none.
  public static func made(
    clientID: Span<UInt8>, address: MQTTAddress, authorities: Span<UInt8>, user: Span<UInt8>,
    password: Span<UInt8>, maximumPayloadByteCount: Int
  ) throws(MQTTFailure) -> MQTTClient {
    let client = try MQTTClient(clientID, maximumPayloadByteCount)
    try client.logIn(user, password)
    if address.isEncrypted { try client.useTLS(authorities) }
    return client
  }

  private init(_ clientID: Span<UInt8>, _ maximumPayloadByteCount: Int) throws(MQTTFailure) {
    var name = CString<128>()
    guard name.append(clientID),
      let pointer = name.withCString({
        cairn_mqtt_create($0, Int32(clamping: maximumPayloadByteCount))
      })
    else { throw .outOfMemory }
    self.pointer = pointer
  }

  @inlinable deinit { cairn_mqtt_free(pointer) }

  private func logIn(_ user: Span<UInt8>, _ password: Span<UInt8>) throws(MQTTFailure) {
    guard !user.isEmpty else { return }
    var userText = CString<256>()
    var passwordText = CString<256>()
    guard userText.append(user), passwordText.append(password) else { throw .loginTooLong }
    let code = userText.withCString { user in
      passwordText.withCString { password in
        mosquitto_username_pw_set(pointer.pointee.client, user, password)
      }
    }
    guard code == 0 else { throw .outOfMemory }
  }

  private func useTLS(_ authorities: Span<UInt8>) throws(MQTTFailure) {
    guard !authorities.isEmpty else {
      guard cairn_mqtt_use_tls(pointer, nil) == 0 else { throw .authoritiesUnreadable }
      return
    }
    var path = CString<4096>()
    guard path.append(authorities), path.withCString({ cairn_mqtt_use_tls(pointer, $0) }) == 0
    else { throw .authoritiesUnreadable }
  }

  // MARK: Connecting

  /// From here on no name server is waited for longer than twice 3 s, unless RES_OPTIONS of the environment says
  /// otherwise (resolv.conf(5)). For a program that has no threads yet. False: there is no memory for it.
  public static func boundLookUps() -> Bool { cairn_mqtt_bound_lookups() == 0 }

  /// Begins to connect; steps do the rest. A name is looked up here, which may take as long as name servers do
  /// (`boundLookUps`).
  public mutating func connect(
    to address: MQTTAddress, keepAliveSeconds: Int32, maximumPacketByteCount: UInt32
  ) throws(MQTTFailure) {
    var host = CString<256>()
    guard host.append(address.host.span) else { throw .outOfMemory }
    let code = host.withCString {
      cairn_mqtt_begin(pointer, $0, address.port, keepAliveSeconds, maximumPacketByteCount)
    }
    guard code == 0 else { throw failure(code) }
  }

  /// Nil while the broker has not answered; 0 when it has taken the connection.
  public var connectReason: ReasonCode? {
    pointer.pointee.connect_reason == CAIRN_MQTT_PENDING ? nil : pointer.pointee.connect_reason
  }

  /// Asks for messages of these topics, of which the last may be empty; retained ones are not asked for.
  public mutating func subscribe(
    to first: Span<UInt8>, _ second: Span<UInt8>, _ third: Span<UInt8> = Span()
  ) throws(MQTTFailure) {
    var (firstText, secondText, thirdText) = (CString<128>(), CString<128>(), CString<128>())
    guard firstText.append(first), secondText.append(second), thirdText.append(third) else {
      throw .outOfMemory
    }
    let code = firstText.withCString { first in
      secondText.withCString { second in
        thirdText.withCString { cairn_mqtt_subscribe(pointer, first, second, $0) }
      }
    }
    guard code == 0 else { throw failure(code) }
  }

  /// Nil while the broker has not answered; the worst of the answers, 128 and more of which are refusals.
  public var subscribeReason: ReasonCode? {
    pointer.pointee.subscribe_reason == CAIRN_MQTT_PENDING ? nil : pointer.pointee.subscribe_reason
  }

  // MARK: Messages

  /// Publishes with quality of service 1, and gives the publication's number.
  public mutating func publish(_ message: MQTTPublication, _ payload: Span<UInt8>)
    throws(MQTTFailure) -> Int32
  {
    var id: Int32 = 0
    let code = message.withC(payload) { cairn_mqtt_publish(pointer, $0, &id) }
    guard code == 0 else { throw failure(code) }
    return id
  }

  /// The broker's answer to a publication; nil while there is none.
  public func publishReason(of id: Int32) -> ReasonCode? {
    guard pointer.pointee.publish_reason != CAIRN_MQTT_PENDING, pointer.pointee.published == id
    else { return nil }
    return pointer.pointee.publish_reason
  }

  /// The oldest message that has come and was not taken.
  public mutating func takeMessage() -> MQTTMessage? {
    guard let message = cairn_mqtt_take(pointer) else { return nil }
    return MQTTMessage(message)
  }

  /// Messages that were too long, or too many at once.
  public var droppedCount: Int { Int(pointer.pointee.dropped) }

  // MARK: Its loop

  /// Waits at most so long for something to do, and does it. While `stop` is readable it does nothing; the
  /// descriptor is watched and never read. −1: none.
  public mutating func step(stop: Int32 = -1, milliseconds: Int32) -> Step {
    var turn = cairn_mqtt_turn(mqtt: pointer, stop: stop, milliseconds: milliseconds)
    let code = cairn_guarded(cairn_mqtt_take_turn, &turn)
    switch code {
    case 0: return .done
    // An assertion of libmosquitto's about a packet.
    case CAIRN_GUARD_ASSERTED: return .failed(.brokenPacket)
    case CAIRN_MQTT_STOPPED: return .stopped
    default: return .failed(failure(code))
    }
  }

  /// Readable when a step has something to do; nil without a connection.
  public var descriptor: Int32? {
    let descriptor = mosquitto_socket(pointer.pointee.client)
    return descriptor < 0 ? nil : descriptor
  }

  /// Says farewell, as far as that needs no waiting.
  public mutating func disconnect() {
    // It ends either way.
    _ = mosquitto_disconnect(pointer.pointee.client)
  }

  /// The library's last words about something that went wrong; empty when there are none.
  public var words: FixedArray<256, UInt8> {
    var words = FixedArray<256, UInt8>(filler: 0)
    withUnsafePointer(to: &pointer.pointee.words) { text in
      let bytes = UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self)
      var index = 0
      while index < 255, bytes[index] != 0 {
        words.append(bytes[index])
        index += 1
      }
    }
    return words
  }

  /// Milliseconds of a clock that never goes back.
  public static var nowMilliseconds: Int64 { cairn_mqtt_now() }

  /// 16 random bytes, in hexadecimal digits.
  public static func randomName() throws(MQTTFailure) -> FixedText<32> {
    var (low, high): (UInt64, UInt64) = (0, 0)
    guard cairn_mqtt_random(&low, 8) == 1, cairn_mqtt_random(&high, 8) == 1 else {
      throw .outOfMemory
    }
    var text = TextBuilder<32>()
    text.append(hex: low, digits: 16)
    text.append(hex: high, digits: 16)
    var name = FixedText<32>()
    name.write(text.span)
    return name
  }

  private func failure(_ code: Int32) -> MQTTFailure {
    if let reason = connectReason, reason > 0 { return .refused(reason: reason) }
    return MQTTFailure(code: code, words: words, hasConnected: connectReason == 0)
  }
}
