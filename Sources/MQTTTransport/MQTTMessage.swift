import CLibMosquitto
import FixedMemory

/// A message as it came: nothing of it is to be trusted. Freed with its owner.
public struct MQTTMessage: ~Copyable {
  @usableFromInline let pointer: UnsafeMutablePointer<cairn_mqtt_message>

  init(_ pointer: UnsafeMutablePointer<cairn_mqtt_message>) { self.pointer = pointer }

  @inlinable deinit { cairn_mqtt_drop(pointer) }

  /// It was published before this client subscribed, and kept by the broker.
  public var isRetained: Bool { pointer.pointee.is_retained != 0 }

  public var topic: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { text(pointer.pointee.topic) }
  }

  public var payload: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { bytes(pointer.pointee.payload, Int(pointer.pointee.payload_count)) }
  }

  /// Empty when there is none, as the other two.
  public var contentType: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { text(pointer.pointee.content_type) }
  }

  public var responseTopic: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { text(pointer.pointee.response_topic) }
  }

  public var correlation: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { bytes(pointer.pointee.correlation, Int(pointer.pointee.correlation_count)) }
  }

  /// Of the user property `status`; nil when it is missing or no number.
  public var status: Int? {
    pointer.pointee.status < 0 ? nil : Int(clamping: pointer.pointee.status)
  }

  /// Of the user property `retry-after`; nil when it is missing or no number of 32 bits.
  public var retryAfterSeconds: UInt32? { UInt32(exactly: pointer.pointee.retry_after) }

  @_lifetime(borrow self)
  private borrowing func text(_ start: UnsafeMutablePointer<CChar>?) -> Span<UInt8> {
    guard let start else { return bytes(nil, 0) }
    var count = 0
    while start[count] != 0 { count += 1 }
    return bytes(UnsafeMutableRawPointer(start).assumingMemoryBound(to: UInt8.self), count)
  }

  @_lifetime(borrow self)
  private borrowing func bytes(_ start: UnsafeMutablePointer<UInt8>?, _ count: Int) -> Span<UInt8> {
    guard let start, count > 0 else { return _overrideLifetime(Span<UInt8>(), borrowing: self) }
    return _overrideLifetime(
      Span(_unsafeStart: UnsafePointer(start), count: count), borrowing: self)
  }
}

/// What goes with a payload that is published.
public struct MQTTPublication: Sendable {
  var topic = CString<128>()
  var contentType = CString<128>()
  var responseTopic = CString<128>()
  var correlation = FixedText<64>()
  var status = CString<16>()
  var retryAfter = CString<16>()
  /// A broker drops it when it could not be handed on for so long.
  let expirySeconds: UInt32

  /// Nil when a text is too long, or holds a zero: topics, types and correlation of this protocol are short.
  public init?(
    topic: Span<UInt8>, contentType: Span<UInt8>, responseTopic: Span<UInt8> = Span(),
    correlation: Span<UInt8>, expirySeconds: UInt32
  ) {
    guard let correlation = FixedText<64>(correlation) else { return nil }
    self.correlation = correlation
    self.expirySeconds = expirySeconds
    guard self.topic.append(topic), self.contentType.append(contentType),
      self.responseTopic.append(responseTopic)
    else { return nil }
  }

  /// Makes it an answer.
  public mutating func answer(status: Int, retryAfterSeconds: UInt32?) {
    self.status = Self.decimal(UInt64(clamping: status))
    if let retryAfterSeconds { retryAfter = Self.decimal(UInt64(retryAfterSeconds)) }
  }

  private static func decimal(_ value: UInt64) -> CString<16> {
    var builder = TextBuilder<32>()
    builder.append(value)
    var text = CString<16>()
    // Of 32 bits: ten digits.
    _ = text.append(builder.span)
    return text
  }

  /// The C structure, whose pointers are valid within `body`. Empty texts are absent.
  func withC(
    _ payload: Span<UInt8>, _ body: (UnsafePointer<cairn_mqtt_publication>) -> Int32
  ) -> Int32 {
    var message = cairn_mqtt_publication()
    message.expiry_seconds = expirySeconds
    message.payload_count = Int32(clamping: payload.count)
    message.correlation_count = Int32(correlation.count)
    let correlation = correlation.span
    return topic.withCString { topic in
      contentType.withCString { contentType in
        responseTopic.withCString { responseTopic in
          status.withCString { status in
            retryAfter.withCString { retryAfter in
              payload.withUnsafeBufferPointer { payload in
                correlation.withUnsafeBufferPointer { correlation in
                  message.topic = topic
                  message.content_type = contentType[0] == 0 ? nil : contentType
                  message.response_topic = responseTopic[0] == 0 ? nil : responseTopic
                  message.status = status[0] == 0 ? nil : status
                  message.retry_after = retryAfter[0] == 0 ? nil : retryAfter
                  message.payload = payload.baseAddress
                  message.correlation = correlation.baseAddress
                  return body(&message)
                }
              }
            }
          }
        }
      }
    }
  }
}
