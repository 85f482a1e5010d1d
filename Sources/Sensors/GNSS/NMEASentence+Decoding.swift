import FixedMemory

/// Field numbers count from the address, which is field 0.
extension NMEASentence {
  /// Reads what stands between "$" and "*".
  init(_ text: Span<UInt8>) throws(MalformedField) {
    guard let fields = NMEAFields(text) else { throw MalformedField() }
    let address = fields[0]
    guard address.count == 5, Self.isSatelliteTalker(address[0], address[1]) else {
      self = .other
      return
    }
    let formatter = address.extracting(2..<5)
    if formatter.equals("RMC") {
      self = .rmc(try RecommendedMinimum(fields))
    } else if formatter.equals("GGA") {
      self = .gga(try PositionSentence(gga: fields))
    } else if formatter.equals("GNS") {
      self = .gns(try PositionSentence(gns: fields))
    } else if formatter.equals("ZDA") {
      self = .zda(try TimeAndDate(fields))
    } else {
      self = .other
    }
  }

  /// GPS, several systems together, GLONASS, Galileo, BeiDou (three spellings), QZSS.
  private static func isSatelliteTalker(_ first: UInt8, _ second: UInt8) -> Bool {
    switch (first, second) {
    case (UInt8(ascii: "G"), UInt8(ascii: "P")), (UInt8(ascii: "G"), UInt8(ascii: "N")),
      (UInt8(ascii: "G"), UInt8(ascii: "L")), (UInt8(ascii: "G"), UInt8(ascii: "A")),
      (UInt8(ascii: "G"), UInt8(ascii: "B")), (UInt8(ascii: "B"), UInt8(ascii: "D")),
      (UInt8(ascii: "G"), UInt8(ascii: "Q")):
      return true
    default: return false
    }
  }
}

extension NMEASentence.RecommendedMinimum {
  /// 1 time · 2 status · 3 to 6 position · 7 speed · 8 course · 9 date · 10, 11 magnetic variation ·
  /// 12 mode (since 2.3) · 13 navigational status (since 4.1; receivers without the feature send V)
  init(_ fields: borrowing NMEAFields) throws(MalformedField) {
    guard fields.count >= 10 else { throw MalformedField() }
    millisecondOfDay = try fields.millisecondOfDay(1)
    position = try fields.position(3)
    date = try fields.shortDate(9)
    let isMeasured: Bool
    switch try fields.letter(12) {
    case nil, UInt8(ascii: "A"), UInt8(ascii: "D"), UInt8(ascii: "F"), UInt8(ascii: "P"),
      UInt8(ascii: "R"):
      isMeasured = true
    case UInt8(ascii: "E"), UInt8(ascii: "M"), UInt8(ascii: "N"), UInt8(ascii: "S"):
      isMeasured = false
    default: throw MalformedField()
    }
    switch try fields.letter(2) {
    case UInt8(ascii: "A"): isActive = isMeasured
    case UInt8(ascii: "V"), nil: isActive = false
    default: throw MalformedField()
    }
  }
}

extension NMEASentence.PositionSentence {
  /// 1 time · 2 to 5 position · 6 quality · 7 satellites used · 8 HDOP · 9, 10 altitude above the geoid, M ·
  /// 11, 12 height of the geoid, M · 13, 14 differential age and station
  init(gga fields: borrowing NMEAFields) throws(MalformedField) {
    guard fields.count >= 11 else { throw MalformedField() }
    guard
      let number = UInt8(exactly: try fields.integer(6) ?? 0),
      let quality = GNSSFixQuality(rawValue: number)
    else { throw MalformedField() }
    let unit = try fields.letter(10)
    guard unit == nil || unit == UInt8(ascii: "M") else { throw MalformedField() }
    try self.init(fields, quality: quality)
  }

  /// 1 time · 2 to 5 position · 6 mode, a letter for each system · 7 satellites used · 8 HDOP ·
  /// 9 altitude above the geoid in metres · 10 height of the geoid · 11, 12 differential age and station
  init(gns fields: borrowing NMEAFields) throws(MalformedField) {
    guard fields.count >= 11 else { throw MalformedField() }
    try self.init(fields, quality: try Self.quality(modes: fields[6]))
  }

  private init(_ fields: borrowing NMEAFields, quality: GNSSFixQuality) throws(MalformedField) {
    millisecondOfDay = try fields.millisecondOfDay(1)
    position = try fields.position(2)
    self.quality = quality
    if let count = try fields.integer(7) {
      guard let count = UInt8(exactly: count) else { throw MalformedField() }
      satelliteCount = count
    } else {
      satelliteCount = nil
    }
    horizontalDilutionHundredths = try Self.narrowed(try fields.decimal(8, places: 2))
    altitudeCentimetres = try Self.narrowed(try fields.decimal(9, places: 2))
  }

  /// The best of the systems' modes, unless one of them is not measured at all.
  private static func quality(modes: Span<UInt8>) throws(MalformedField) -> GNSSFixQuality {
    var best = GNSSFixQuality.none
    for index in modes.indices {
      let quality: GNSSFixQuality
      switch modes[index] {
      case UInt8(ascii: "N"): continue
      case UInt8(ascii: "A"): quality = .autonomous
      case UInt8(ascii: "D"): quality = .differential
      case UInt8(ascii: "P"): quality = .precise
      case UInt8(ascii: "F"): quality = .realTimeKinematicFloat
      case UInt8(ascii: "R"): quality = .realTimeKinematicFixed
      case UInt8(ascii: "E"): return .estimated
      case UInt8(ascii: "M"): return .manual
      case UInt8(ascii: "S"): return .simulator
      default: throw MalformedField()
      }
      if rank(quality) > rank(best) { best = quality }
    }
    return best
  }

  private static func rank(_ quality: GNSSFixQuality) -> Int {
    switch quality {
    case .none, .estimated, .manual, .simulator: return 0
    case .autonomous: return 1
    case .differential: return 2
    case .precise: return 3
    case .realTimeKinematicFloat: return 4
    case .realTimeKinematicFixed: return 5
    }
  }

  private static func narrowed(_ value: Int64?) throws(MalformedField) -> Int32? {
    guard let value else { return nil }
    guard let narrow = Int32(exactly: value) else { throw MalformedField() }
    return narrow
  }
}

extension NMEASentence.TimeAndDate {
  /// 1 time · 2 day · 3 month · 4 year · 5, 6 local zone
  init(_ fields: borrowing NMEAFields) throws(MalformedField) {
    guard fields.count >= 5 else { throw MalformedField() }
    millisecondOfDay = try fields.millisecondOfDay(1)
    date = try fields.longDate(2)
  }
}
