import FixedMemory

/// Reads the frames out of a PUSH_DATA's JSON, one after the other, whatever order its members have. A packet that
/// can't be used does not cost the others.
public struct PacketReader: Sendable {
  public enum Outcome: Equatable, Sendable {
    /// A LoRa frame is in the packet that was handed in.
    case frame
    /// FSK, LR-FHSS, or a bandwidth that is no business of ours.
    case otherModulation
    /// A member that must be there is not, or has a value that nothing can have.
    case unusable
  }

  private enum State { case start, members, packets, end }

  private var cursor: JSONCursor
  private var state = State.start
  private var isFirstMember = true
  private var isFirstPacket = true

  /// Begins at `position` of the text that is then handed to `next`.
  public init(at position: Int = 0) { cursor = JSONCursor(at: position) }

  /// The next packet of `rxpk`; nil after the last one.
  public mutating func next(
    _ text: Span<UInt8>, into packet: inout ReceivedPacket
  ) throws(JSONCursor.Failure) -> Outcome? {
    // Each turn takes at least one byte.
    while true {
      switch state {
      case .end: return nil
      case .start:
        guard try cursor.kind(text) == .object else { throw .syntax }
        try cursor.enter(text)
        state = .members
      case .members:
        guard try cursor.next(text, isObject: true, isFirst: &isFirstMember) else {
          state = .end
          continue
        }
        let key = try cursor.key(text)
        if !key.isCut, key.span.equals("rxpk"), try cursor.kind(text) == .array {
          try cursor.enter(text)
          isFirstPacket = true
          state = .packets
        } else {
          try cursor.skip(text)
        }
      case .packets:
        guard try cursor.next(text, isObject: false, isFirst: &isFirstPacket) else {
          state = .members
          continue
        }
        guard try cursor.kind(text) == .object else {
          try cursor.skip(text)
          return .unusable
        }
        var members = PacketMembers()
        try members.read(text, &cursor)
        return members.finish(into: &packet)
      }
    }
  }
}

/// The members of one rxpk as they come.
struct PacketMembers {
  private enum Modulation { case lora, other, unknown }

  private var packet = ReceivedPacket()
  private var modulation = Modulation.unknown
  private var hasFrequency = false
  private var hasRate = false
  private var hasData = false
  private var isBroken = false
  private var size: Int64?
  /// Of the antenna that hears best, until now.
  private var antenna = AntennaFigures()

  init() {}

  mutating func read(_ text: Span<UInt8>, _ cursor: inout JSONCursor) throws(JSONCursor.Failure) {
    try cursor.enter(text)
    var isFirst = true
    while try cursor.next(text, isObject: true, isFirst: &isFirst) {
      let key = try cursor.key(text)
      if key.isCut {
        try cursor.skip(text)
      } else if try !radio(key, text, &cursor), try !figures(key, text, &cursor) {
        try cursor.skip(text)
      }
    }
  }

  /// What the frame is; false for another member, which is still to be read.
  private mutating func radio(
    _ key: FixedText<16>, _ text: Span<UInt8>, _ cursor: inout JSONCursor
  ) throws(JSONCursor.Failure) -> Bool {
    let name = key.span
    if name.equals("freq") {
      guard let value = try cursor.number(text) else { return true }
      let hertz = value.scaled(powerOfTen: 6).flatMap { UInt32(exactly: $0) }
      guard let hertz, hertz > 0 else {
        isBroken = true
        return true
      }
      packet.frequencyHertz = hertz
      hasFrequency = true
    } else if name.equals("modu") {
      var value = FixedText<8>()
      guard try cursor.text(text, into: &value) else { return true }
      modulation = value.span.equals("LORA") || value.span.equals("LoRa") ? .lora : .other
    } else if name.equals("datr") {
      var value = FixedText<16>()
      // A number is FSK's.
      guard try cursor.text(text, into: &value) else { return true }
      dataRate(value.span)
    } else if name.equals("codr") {
      var value = FixedText<8>()
      guard try cursor.text(text, into: &value) else { return true }
      codingRate(value.span)
    } else if name.equals("size") {
      size = try cursor.number(text)?.scaled(powerOfTen: 0)
    } else if name.equals("data") {
      // 340 characters are 255 bytes.
      var value = FixedText<344>()
      guard try cursor.text(text, into: &value) else { return true }
      packet.storage = FixedBytes()
      guard !value.isCut, let count = Base64.decode(value.span, into: &packet.storage) else {
        isBroken = true
        return true
      }
      packet.byteCount = UInt8(count)
      hasData = true
    } else {
      return false
    }
    return true
  }

  /// How it was heard.
  private mutating func figures(
    _ key: FixedText<16>, _ text: Span<UInt8>, _ cursor: inout JSONCursor
  ) throws(JSONCursor.Failure) -> Bool {
    let name = key.span
    if name.equals("tmst") {
      // More than 32 bits is what some forwarders send: the counter is then not known.
      let value = try cursor.number(text)?.scaled(powerOfTen: 0)
      packet.concentratorMicroseconds = value.flatMap { UInt32(exactly: $0) }
    } else if name.equals("stat") {
      switch try cursor.number(text)?.scaled(powerOfTen: 0) {
      case 1: packet.checksum = 1
      case -1: packet.checksum = 2
      case 0: packet.checksum = 3
      default: packet.checksum = 4
      }
    } else if name.equals("rsig") {
      guard try cursor.kind(text) == .array else { return false }
      try antennas(text, &cursor)
    } else {
      return try packet.takeFigure(name, text, &cursor)
    }
    return true
  }

  private mutating func antennas(
    _ text: Span<UInt8>, _ cursor: inout JSONCursor
  ) throws(JSONCursor.Failure) {
    try cursor.enter(text)
    var isFirst = true
    while try cursor.next(text, isObject: false, isFirst: &isFirst) {
      guard try cursor.kind(text) == .object else {
        try cursor.skip(text)
        continue
      }
      var figures = AntennaFigures()
      try figures.read(text, &cursor)
      if figures.hearsBetter(than: antenna) { antenna = figures }
    }
  }

  private mutating func dataRate(_ text: Span<UInt8>) {
    guard let rate = DataRate(text) else { return }
    (packet.spreadingFactor, packet.bandwidthHertz) = (rate.spreadingFactor, rate.bandwidthHertz)
    hasRate = true
  }

  /// "4/5" to "4/8", also as "4/6 " or "4/5LI"; "OFF" is none, which no region has.
  private mutating func codingRate(_ text: Span<UInt8>) {
    guard text.count >= 3, text.extracting(0..<2).equals("4/"),
      (UInt8(ascii: "5")...UInt8(ascii: "8")).contains(text[2])
    else {
      isBroken = true
      return
    }
    packet.codingRateDenominator = text[2] - UInt8(ascii: "0")
  }

  consuming func finish(into result: inout ReceivedPacket) -> PacketReader.Outcome {
    if modulation == .other { return .otherModulation }
    guard hasRate else { return modulation == .lora ? .otherModulation : .unusable }
    // The bytes are evidence: a size that is not theirs says that some are missing.
    guard !isBroken, hasFrequency, hasData, packet.byteCount > 0,
      size == nil || size == Int64(packet.byteCount)
    else { return .unusable }
    antenna.fill(&packet)
    result = packet
    return .frame
  }
}

/// The figures of one antenna.
struct AntennaFigures {
  private var packet = ReceivedPacket()
  private var isAny = false

  init() {}

  mutating func read(_ text: Span<UInt8>, _ cursor: inout JSONCursor) throws(JSONCursor.Failure) {
    isAny = true
    try cursor.enter(text)
    var isFirst = true
    while try cursor.next(text, isObject: true, isFirst: &isFirst) {
      let key = try cursor.key(text)
      if key.isCut {
        try cursor.skip(text)
      } else if try !packet.takeFigure(key.span, text, &cursor) {
        try cursor.skip(text)
      }
    }
  }

  /// By SNR, then by power in the channel; the first of equals.
  func hearsBetter(than other: AntennaFigures) -> Bool {
    guard other.isAny else { return true }
    let (mine, its) = (packet.snrCentidecibels ?? .min, other.packet.snrCentidecibels ?? .min)
    if mine != its { return mine > its }
    return (packet.packetRSSICentidecibelMilliwatts ?? .min)
      > (other.packet.packetRSSICentidecibelMilliwatts ?? .min)
  }

  /// Gives its figures where the packet itself has neither power nor SNR: never some of each.
  func fill(_ target: inout ReceivedPacket) {
    guard isAny, target.packetRSSICentidecibelMilliwatts == nil, target.snrCentidecibels == nil
    else { return }
    target.packetRSSICentidecibelMilliwatts = packet.packetRSSICentidecibelMilliwatts
    target.signalRSSICentidecibelMilliwatts = packet.signalRSSICentidecibelMilliwatts
    target.snrCentidecibels = packet.snrCentidecibels
    target.frequencyErrorHertz = packet.frequencyErrorHertz ?? target.frequencyErrorHertz
    target.fineNanoseconds = packet.fineNanoseconds ?? target.fineNanoseconds
  }
}

extension ReceivedPacket {
  /// A figure of reception; false for another member, which is still to be read. What is out of a radio's range is
  /// not known.
  mutating func takeFigure(
    _ name: Span<UInt8>, _ text: Span<UInt8>, _ cursor: inout JSONCursor
  ) throws(JSONCursor.Failure) -> Bool {
    if name.equals("rssi") || name.equals("rssic") {
      packetRSSICentidecibelMilliwatts = try Self.figure(text, &cursor, 2, 30_000)
    } else if name.equals("rssis") {
      signalRSSICentidecibelMilliwatts = try Self.figure(text, &cursor, 2, 30_000)
    } else if name.equals("lsnr") {
      snrCentidecibels = try Self.figure(text, &cursor, 2, 10_000)
    } else if name.equals("foff") {
      frequencyErrorHertz = try Self.figure(text, &cursor, 0, 1_000_000)
    } else if name.equals("ftime") {
      let value = try cursor.number(text)?.scaled(powerOfTen: 0)
      fineNanoseconds = value.flatMap { (0..<1_000_000_000).contains($0) ? UInt32($0) : nil }
    } else {
      return false
    }
    return true
  }

  private static func figure(
    _ text: Span<UInt8>, _ cursor: inout JSONCursor, _ power: Int32, _ bound: Int64
  ) throws(JSONCursor.Failure) -> Int32? {
    guard let value = try cursor.number(text)?.scaled(powerOfTen: power),
      (0 - bound...bound).contains(value)
    else { return nil }
    return Int32(value)
  }
}
