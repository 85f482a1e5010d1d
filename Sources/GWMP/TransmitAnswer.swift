import FixedMemory

/// What has become of a frame that was to be sent. The numbers stand in messages to the agent and never change
/// meaning.
public enum TransmitOutcome: UInt8, Sendable {
  /// The forwarder has taken it for sending.
  case sent = 0
  /// Taken, with another power than was asked for.
  case sentWithOtherPower = 1
  case tooLate = 2
  case tooEarly = 3
  case collisionWithPacket = 4
  case collisionWithBeacon = 5
  case frequencyRefused = 6
  case powerRefused = 7
  case gpsUnlocked = 8
  /// The forwarder refuses for a reason that the protocol does not name.
  case refused = 9
  /// No TX_ACK came in time: it may have been on the air all the same.
  case unanswered = 10
  /// No such gateway has asked for something to send in the last time.
  case gatewayAbsent = 11
  /// Handed over by protocol version 1, which has no TX_ACK, or two requests could not be told apart.
  case unknown = 12
  /// Too many requests are under way.
  case busy = 13
  /// The request is none, or has a value that no radio has.
  case invalid = 14
}

/// The JSON of a TX_ACK.
public struct TransmitAnswer: Equatable, Sendable {
  public let outcome: TransmitOutcome
  /// Powers that a concentrator sends with. What is told beyond them is not known.
  public static var powerRange: ClosedRange<Int32> { 0...36 }

  /// The power that was used instead of the one that was asked for.
  public let powerDecibelMilliwatts: Int32?

  /// Reads what follows the head. Nothing is success; so are `{}`, `"error":"NONE"` and a warning about power.
  public init(_ text: Span<UInt8>) {
    guard !text.isEmpty else {
      self.init(.sent)
      return
    }
    do throws(JSONCursor.Failure) {
      self = try Self.reading(text)
    } catch {
      self.init(.refused)
    }
  }

  init(_ outcome: TransmitOutcome, power: Int32? = nil) {
    self.outcome = outcome
    powerDecibelMilliwatts = power
  }

  private struct Members {
    var error: TransmitOutcome?
    var isOtherPower = false
    var power: Int32?
  }

  private static func reading(_ text: Span<UInt8>) throws(JSONCursor.Failure) -> TransmitAnswer {
    var cursor = JSONCursor()
    var members = Members()
    guard try cursor.kind(text) == .object else { return TransmitAnswer(.refused) }
    try cursor.enter(text)
    var isFirst = true
    while try cursor.next(text, isObject: true, isFirst: &isFirst) {
      let key = try cursor.key(text)
      if key.span.equals("txpk_ack"), try cursor.kind(text) == .object {
        try read(text, &cursor, &members)
      } else {
        try cursor.skip(text)
      }
    }
    if let error = members.error, error != .sent { return TransmitAnswer(error) }
    if members.isOtherPower { return TransmitAnswer(.sentWithOtherPower, power: members.power) }
    return TransmitAnswer(.sent)
  }

  private static func read(
    _ text: Span<UInt8>, _ cursor: inout JSONCursor, _ members: inout Members
  ) throws(JSONCursor.Failure) {
    try cursor.enter(text)
    var isFirst = true
    while try cursor.next(text, isObject: true, isFirst: &isFirst) {
      let key = try cursor.key(text)
      var value = FixedText<24>()
      if key.span.equals("error") {
        if try cursor.text(text, into: &value) { members.error = outcome(value.span) }
      } else if key.span.equals("warn") {
        // Of warnings the protocol has this one.
        if try cursor.text(text, into: &value) {
          members.isOtherPower = members.isOtherPower || value.span.equals("TX_POWER")
        }
      } else if key.span.equals("value") {
        members.power = try cursor.number(text)?.scaled(powerOfTen: 0).flatMap {
          powerRange.contains(Int32(clamping: $0)) ? Int32(clamping: $0) : nil
        }
      } else {
        try cursor.skip(text)
      }
    }
  }

  private static func outcome(_ name: Span<UInt8>) -> TransmitOutcome {
    if name.equals("NONE") || name.isEmpty { return .sent }
    if name.equals("TOO_LATE") { return .tooLate }
    if name.equals("TOO_EARLY") { return .tooEarly }
    if name.equals("COLLISION_PACKET") { return .collisionWithPacket }
    if name.equals("COLLISION_BEACON") { return .collisionWithBeacon }
    if name.equals("TX_FREQ") { return .frequencyRefused }
    if name.equals("TX_POWER") { return .powerRefused }
    if name.equals("GPS_UNLOCKED") { return .gpsUnlocked }
    return .refused
  }
}
