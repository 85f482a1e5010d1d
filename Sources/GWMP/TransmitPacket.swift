import FixedMemory

/// A frame that a gateway shall send at once: one txpk, as a PULL_RESP carries it.
public struct TransmitPacket: Equatable, Sendable {
  /// Head, names and figures of a txpk are 200 bytes at most, 255 bytes of data 340 characters.
  public static var datagramCapacity: Int { 640 }

  public var frequencyHertz: UInt32
  public var spreadingFactor: UInt8
  public var bandwidthHertz: UInt32
  public var codingRateDenominator: UInt8
  public var powerDecibelMilliwatts: Int8
  public var isInverted = false
  public var preambleSymbolCount: UInt16 = 8
  public var hasChecksum = true
  @usableFromInline var storage = FixedBytes<255>()
  public private(set) var byteCount: UInt8 = 0

  /// Nil for what no concentrator sends.
  public init?(
    frequencyHertz: UInt32, spreadingFactor: UInt8, bandwidthHertz: UInt32,
    codingRateDenominator: UInt8, powerDecibelMilliwatts: Int8, bytes: Span<UInt8>
  ) {
    guard (100_000_000...2_600_000_000).contains(frequencyHertz),
      (5...12).contains(spreadingFactor), (5...8).contains(codingRateDenominator),
      bandwidthHertz == 125_000 || bandwidthHertz == 250_000 || bandwidthHertz == 500_000,
      (0...36).contains(powerDecibelMilliwatts), (1...255).contains(bytes.count)
    else { return nil }
    self.frequencyHertz = frequencyHertz
    self.spreadingFactor = spreadingFactor
    self.bandwidthHertz = bandwidthHertz
    self.codingRateDenominator = codingRateDenominator
    self.powerDecibelMilliwatts = powerDecibelMilliwatts
    for index in bytes.indices { storage[index] = bytes[index] }
    byteCount = UInt8(bytes.count)
  }

  /// The frame. Transparent for the reason given at `FixedBytes.span`.
  public var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    @_transparent
    borrowing get { storage.span.extracting(0..<Int(byteCount)) }
  }

  /// Appends the whole PULL_RESP. Every member that Semtech's forwarder asks for, none that one may refuse, no
  /// escapes, base64 with padding. `rfch` is 0: forwarders use it as an index, and radio 0 is the one that sends.
  public func writePullResp<let capacity: Int>(
    version: UInt8, token: UInt16, to text: inout TextBuilder<capacity>
  ) {
    GWMPDatagram(version: version, token: token, kind: .pullResp).write(to: &text)
    text.append("{\"txpk\":{\"imme\":true,\"freq\":")
    text.append(fixedPoint: Int64(frequencyHertz), powerOfTen: -6)
    text.append(",\"rfch\":0,\"powe\":")
    text.append(Int32(powerDecibelMilliwatts))
    text.append(",\"modu\":\"LORA\",\"datr\":\"SF")
    text.append(UInt32(spreadingFactor))
    text.append("BW")
    text.append(bandwidthHertz / 1000)
    text.append("\",\"codr\":\"4/")
    text.append(UInt32(codingRateDenominator))
    text.append(isInverted ? "\",\"ipol\":true" : "\",\"ipol\":false")
    text.append(",\"prea\":")
    text.append(UInt32(preambleSymbolCount))
    if !hasChecksum { text.append(",\"ncrc\":true") }
    text.append(",\"size\":")
    text.append(UInt32(byteCount))
    text.append(",\"data\":\"")
    Base64.append(bytes, to: &text)
    text.append("\"}}")
  }
}
