import FixedMemory

/// What the network server wants sent, as far as it says how long the concentrator is deaf for it: when and how long.
public struct ServerTransmission: Equatable, Sendable {
  public enum Moment: Equatable, Sendable {
    case atOnce
    /// By the concentrator's clock.
    case at(microseconds: UInt32)
    /// By another clock, or it does not say.
    case unknown
  }

  public private(set) var moment = Moment.unknown
  /// 0: FSK, or a data rate that is none.
  public private(set) var spreadingFactor: UInt8 = 0
  public private(set) var bandwidthHertz: UInt32 = 125_000
  /// The longest when it does not say.
  public private(set) var byteCount: UInt8 = 255
  /// N of 4/N. A packet forwarder sends nothing without one.
  public private(set) var codingRateDenominator: UInt8 = 5
  /// 8 when it does not say, as with packet forwarders, and never less than 6.
  public private(set) var preambleSymbolCount: UInt16 = 8

  /// Reads a PULL_RESP's JSON. What can't be read leaves its figure unknown: the packet forwarder may read it.
  public init(_ text: Span<UInt8>) {
    do throws(JSONCursor.Failure) {
      var cursor = JSONCursor()
      guard try cursor.kind(text) == .object else { return }
      try cursor.enter(text)
      var isFirst = true
      while try cursor.next(text, isObject: true, isFirst: &isFirst) {
        let key = try cursor.key(text)
        if !key.isCut, key.span.equals("txpk"), try cursor.kind(text) == .object {
          try read(text, &cursor)
        } else {
          try cursor.skip(text)
        }
      }
    } catch {}
  }

  private mutating func read(_ text: Span<UInt8>, _ cursor: inout JSONCursor)
    throws(JSONCursor.Failure)
  {
    try cursor.enter(text)
    var isFirst = true
    while try cursor.next(text, isObject: true, isFirst: &isFirst) {
      let key = try cursor.key(text)
      if key.isCut {
        try cursor.skip(text)
      } else if key.span.equals("imme") {
        if try cursor.boolean(text) == true { moment = .atOnce }
      } else if key.span.equals("tmst") {
        let value = try cursor.number(text)?.scaled(powerOfTen: 0).flatMap { UInt32(exactly: $0) }
        if let value, moment != .atOnce { moment = .at(microseconds: value) }
      } else if key.span.equals("datr") {
        var value = FixedText<16>()
        if try cursor.text(text, into: &value), let rate = DataRate(value.span) {
          (spreadingFactor, bandwidthHertz) = (rate.spreadingFactor, rate.bandwidthHertz)
        }
      } else if key.span.equals("size") {
        let value = try cursor.number(text)?.scaled(powerOfTen: 0).flatMap { UInt8(exactly: $0) }
        if let value { byteCount = value }
      } else if key.span.equals("prea") {
        let value = try cursor.number(text)?.scaled(powerOfTen: 0)
        if let value { preambleSymbolCount = max(6, UInt16(clamping: value)) }
      } else if key.span.equals("codr") {
        var value = FixedText<8>()
        if try cursor.text(text, into: &value) { codingRate(value.span) }
      } else {
        try cursor.skip(text)
      }
    }
  }

  private mutating func codingRate(_ text: Span<UInt8>) {
    guard text.count >= 3, text.extracting(0..<2).equals("4/"),
      (UInt8(ascii: "5")...UInt8(ascii: "8")).contains(text[2])
    else {
      // The longest.
      codingRateDenominator = 8
      return
    }
    codingRateDenominator = text[2] - UInt8(ascii: "0")
  }
}

/// "SF7BW125" and its like.
struct DataRate {
  let spreadingFactor: UInt8
  let bandwidthHertz: UInt32

  init?(_ text: Span<UInt8>) {
    guard text.count >= 8, text.extracting(0..<2).equals("SF") else { return nil }
    var index = 2
    var factor: UInt32 = 0
    while index < text.count, index < 4, text[index] != UInt8(ascii: "B") {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[index]) else { return nil }
      factor = factor * 10 + UInt32(text[index] - UInt8(ascii: "0"))
      index += 1
    }
    guard (5...12).contains(factor) else { return nil }
    let rest = text.extracting(index..<text.count)
    if rest.equals("BW125") {
      bandwidthHertz = 125_000
    } else if rest.equals("BW250") {
      bandwidthHertz = 250_000
    } else if rest.equals("BW500") {
      bandwidthHertz = 500_000
    } else {
      return nil
    }
    spreadingFactor = UInt8(factor)
  }
}
