import CBOR
import FixedMemory

/// A leaf that came from elsewhere: taken apart strictly, without copying.
///
/// Kinds 0 to 13 must have exactly the values of docs/proof-format.md. Kinds that this version does not
/// know are kept as they are, as long as they are well-formed: a newer device may write them.
public struct Leaf: ~Escapable {
  /// The number of the kind; `kind` is nil when this version does not know it.
  public let kindNumber: UInt64
  public let schema: UInt16
  /// Milliseconds since the boot leaf.
  public let milliseconds: Int64
  public let valueCount: Int
  private let bytes: Span<UInt8>
  private let valuesOffset: Int

  public var kind: LeafKind? { UInt8(exactly: kindNumber).flatMap { LeafKind(rawValue: $0) } }

  @_lifetime(copy bytes)
  public init(decoding bytes: Span<UInt8>) throws(CBORDecoder.Failure) {
    var decoder = CBORDecoder(bytes)
    let count = try decoder.arrayHead()
    guard count >= 3 else { throw .outsideFormat }
    self.bytes = bytes
    kindNumber = try decoder.unsigned()
    schema = try decoder.unsigned(as: UInt16.self)
    milliseconds = try decoder.integer()
    guard milliseconds >= 0 else { throw .outOfRange }
    valueCount = count - 3
    valuesOffset = decoder.offset
    for _ in 0..<valueCount { try decoder.skipItem() }
    try decoder.finish()
  }

  /// Refuses a leaf of a known kind whose values are not that kind's.
  public func validate() throws(CBORDecoder.Failure) {
    switch kind {
    case .boot: _ = try boot().bootCount
    case .reading: _ = try reading()
    case .schema: _ = try schemaRecord().quantityCount
    case .fault: _ = try fault()
    case .event: _ = try event().code
    case .clock: _ = try clock()
    case .position: _ = try position()
    case .challenge: _ = try challengeHash().count
    case .intent: _ = try intent()
    case .sent: _ = try sent()
    case .reveal: _ = try reveal()
    case .witness: _ = try witness()
    case .listen: _ = try listen()
    case .frame: _ = try frame()
    case .health, nil: break
    }
  }

  @_lifetime(copy self)
  func values(_ expected: LeafKind, count: Int?) throws(CBORDecoder.Failure)
    -> CBORDecoder
  {
    guard kind == expected else { throw .outsideFormat }
    if let count, count != valueCount { throw .outsideFormat }
    return CBORDecoder(bytes.extracting(valuesOffset..<bytes.count))
  }

  public func reading() throws(CBORDecoder.Failure) -> ReadingValues {
    var decoder = try values(.reading, count: nil)
    var values = ReadingValues(filler: nil)
    for _ in 0..<valueCount {
      let value = try decoder.skipNull() ? nil : decoder.integer()
      guard values.offer(value) else { throw .outsideFormat }
    }
    return values
  }

  public struct Fault: Equatable, Sendable {
    /// The number of the fault; `code` is nil when this version does not know it.
    public let codeNumber: UInt64
    public let count: UInt64
    public var code: FaultCode? { UInt8(exactly: codeNumber).flatMap { FaultCode(rawValue: $0) } }
  }

  public func fault() throws(CBORDecoder.Failure) -> Fault {
    var decoder = try values(.fault, count: 2)
    return Fault(codeNumber: try decoder.unsigned(), count: try decoder.unsigned())
  }

  public struct Clock: Equatable, Sendable {
    public let sourceNumber: UInt64
    public let utcMilliseconds: Int64
    public let uncertaintyMilliseconds: UInt64
  }

  public func clock() throws(CBORDecoder.Failure) -> Clock {
    var decoder = try values(.clock, count: 3)
    return Clock(
      sourceNumber: try decoder.unsigned(), utcMilliseconds: try decoder.integer(),
      uncertaintyMilliseconds: try decoder.unsigned())
  }

  public struct Position: Equatable, Sendable {
    public let sourceNumber: UInt64
    public let latitudeE7: Int64
    public let longitudeE7: Int64
    public let altitudeCentimetres: Int64?
    public let accuracyCentimetres: Int64?
  }

  public func position() throws(CBORDecoder.Failure) -> Position {
    var decoder = try values(.position, count: 5)
    let source = try decoder.unsigned()
    let latitude = try decoder.integer()
    let longitude = try decoder.integer()
    guard (-900_000_000...900_000_000).contains(latitude),
      (-1_800_000_000...1_800_000_000).contains(longitude)
    else { throw .outOfRange }
    let altitude = try decoder.skipNull() ? nil : decoder.integer()
    let accuracy = try decoder.skipNull() ? nil : decoder.integer()
    return Position(
      sourceNumber: source, latitudeE7: latitude, longitudeE7: longitude,
      altitudeCentimetres: altitude, accuracyCentimetres: accuracy)
  }

  /// SHA-256 of the Sig_structure of the challenge that was there.
  @_lifetime(copy self)
  public func challengeHash() throws(CBORDecoder.Failure) -> Span<UInt8> {
    var decoder = try values(.challenge, count: 1)
    let hash = try decoder.byteString()
    guard hash.count == 32 else { throw .outsideFormat }
    return hash
  }

  public struct Boot: ~Escapable {
    public let bootCount: UInt64
    public let agentVersion: Span<UInt8>
    public let programHash: Span<UInt8>
    public let board: Span<UInt8>
    public let configurationHash: Span<UInt8>
    /// Bit 0: simulated hardware.
    public let flags: UInt64
    public let claims: Span<UInt8>

    @_lifetime(copy decoder)
    fileprivate init(_ decoder: consuming CBORDecoder) throws(CBORDecoder.Failure) {
      bootCount = try decoder.unsigned()
      agentVersion = try decoder.text()
      programHash = try decoder.byteString()
      board = try decoder.text()
      configurationHash = try decoder.byteString()
      flags = try decoder.unsigned()
      claims = try decoder.byteString()
    }
  }

  @_lifetime(copy self)
  public func boot() throws(CBORDecoder.Failure) -> Boot {
    try Boot(values(.boot, count: 7))
  }

  public struct Schema: ~Escapable {
    public let quantityCount: Int
    public let chip: Span<UInt8>
    public let bus: Span<UInt8>
    public let address: UInt64
    public let serialNumber: Span<UInt8>
    private let quantities: Span<UInt8>

    @_lifetime(copy decoder)
    fileprivate init(_ decoder: consuming CBORDecoder) throws(CBORDecoder.Failure) {
      quantities = try decoder.item()
      chip = try decoder.text()
      bus = try decoder.text()
      address = try decoder.unsigned()
      serialNumber = try decoder.text()
      var list = CBORDecoder(quantities)
      quantityCount = try list.arrayHead()
      guard quantityCount <= 16 else { throw .outsideFormat }
      for _ in 0..<quantityCount { _ = try QuantityText(&list).powerOfTen }
    }

    /// The quantity at `index`, below `quantityCount`.
    @_lifetime(copy self)
    public func quantity(at index: Int) throws(CBORDecoder.Failure) -> QuantityText {
      precondition(index >= 0 && index < quantityCount, "quantity outside the schema")
      var list = CBORDecoder(quantities)
      _ = try list.arrayHead()
      for _ in 0..<index { try list.skipItem() }
      return try QuantityText(&list)
    }
  }

  /// SenML name and unit, and the power of ten of the integers.
  public struct QuantityText: ~Escapable {
    public let name: Span<UInt8>
    public let unit: Span<UInt8>
    public let powerOfTen: Int8

    @_lifetime(copy decoder)
    fileprivate init(_ decoder: inout CBORDecoder) throws(CBORDecoder.Failure) {
      try decoder.expectArray(count: 3)
      name = try decoder.text()
      unit = try decoder.text()
      guard let power = Int8(exactly: try decoder.integer()) else { throw .outOfRange }
      powerOfTen = power
    }
  }

  @_lifetime(copy self)
  public func schemaRecord() throws(CBORDecoder.Failure) -> Schema {
    try Schema(values(.schema, count: 5))
  }

  public struct Event: ~Escapable {
    /// The number of the event; `code` is nil when this version does not know it.
    public let codeNumber: UInt64
    public let argumentCount: Int
    let arguments: CBORDecoder

    public var code: EventCode? { UInt8(exactly: codeNumber).flatMap { EventCode(rawValue: $0) } }

    @_lifetime(copy decoder)
    fileprivate init(_ decoder: consuming CBORDecoder, valueCount: Int)
      throws(CBORDecoder.Failure)
    {
      guard valueCount >= 1 else { throw .outsideFormat }
      codeNumber = try decoder.unsigned()
      argumentCount = valueCount - 1
      arguments = decoder
      switch code {
      case .measurementsMissed, .leavesDropped, .olderLeavesDropped: _ = try gap()
      case .deviceAttached, .deviceDetached:
        _ = try deviceName().count
        _ = try changeCount()
      case .sensorReplaced: _ = try deviceName().count
      case .consoleUnlocked, .consoleRefused: _ = try console().count
      case .contactChanged: _ = try contact().count
      case .buttonPressed: _ = try button()
      case .beaconNotSent, .framesRefused, .airtimeSpent, .radioDeaf, .radioReset:
        _ = try numbers()
      case nil: break
      }
    }

    public struct Gap: Equatable, Sendable {
      public let from: UInt64
      public let to: UInt64
      public let count: UInt64
      /// The number of the reason; `reason` is nil when this version does not know it.
      public let reasonNumber: UInt64
      public var reason: GapReason? {
        UInt8(exactly: reasonNumber).flatMap { GapReason(rawValue: $0) }
      }
    }

    /// What is missing; of an earlier epoch too, whose number `olderEpoch` tells.
    public func gap() throws(CBORDecoder.Failure) -> Gap {
      var decoder = arguments
      if code == .olderLeavesDropped {
        guard argumentCount == 5 else { throw .outsideFormat }
        _ = try decoder.unsigned()
      } else {
        guard argumentCount == 4 else { throw .outsideFormat }
      }
      return Gap(
        from: try decoder.unsigned(), to: try decoder.unsigned(), count: try decoder.unsigned(),
        reasonNumber: try decoder.unsigned())
    }

    /// The epoch whose leaves are missing; nil when it is the leaf's own.
    public func olderEpoch() throws(CBORDecoder.Failure) -> UInt64? {
      guard code == .olderLeavesDropped else { return nil }
      var decoder = arguments
      return try decoder.unsigned()
    }

    /// What happened at a console.
    public struct Console: ~Escapable {
      /// The name of the terminal, the newest of them when the leaf tells of several.
      public let terminal: Span<UInt8>
      /// How often it happened since the last such leaf.
      public let count: UInt64

      @_lifetime(copy decoder)
      fileprivate init(_ decoder: consuming CBORDecoder) throws(CBORDecoder.Failure) {
        terminal = try decoder.text()
        count = try decoder.unsigned()
      }
    }

    @_lifetime(copy self)
    public func console() throws(CBORDecoder.Failure) -> Console {
      guard argumentCount == 2 else { throw .outsideFormat }
      return try Console(arguments)
    }

    /// A contact's new state.
    public struct Contact: ~Escapable {
      public let name: Span<UInt8>
      public let isOn: Bool
      /// Of the last change, in milliseconds since boot.
      public let milliseconds: Int64
      /// Changes since the leaf before; 0: the state that was found.
      public let count: UInt64
      public let isTamper: Bool

      @_lifetime(copy decoder)
      fileprivate init(_ decoder: consuming CBORDecoder) throws(CBORDecoder.Failure) {
        name = try decoder.text()
        isOn = try decoder.boolean()
        milliseconds = try decoder.integer()
        count = try decoder.unsigned()
        isTamper = try decoder.boolean()
        guard milliseconds >= 0 else { throw .outOfRange }
      }
    }

    @_lifetime(copy self)
    public func contact() throws(CBORDecoder.Failure) -> Contact {
      guard argumentCount == 5 else { throw .outsideFormat }
      return try Contact(arguments)
    }

    /// When the button was pressed last, and how often since the leaf before.
    public struct Button: Equatable, Sendable {
      public let milliseconds: Int64
      public let count: UInt64
    }

    public func button() throws(CBORDecoder.Failure) -> Button {
      guard argumentCount == 2 else { throw .outsideFormat }
      var decoder = arguments
      let button = Button(milliseconds: try decoder.integer(), count: try decoder.unsigned())
      guard button.milliseconds >= 0, button.count > 0 else { throw .outOfRange }
      return button
    }

    @_lifetime(copy self)
    public func deviceName() throws(CBORDecoder.Failure) -> Span<UInt8> {
      guard argumentCount == 1 || (argumentCount == 2 && code != .sensorReplaced) else {
        throw .outsideFormat
      }
      var decoder = arguments
      return try decoder.text()
    }

    /// How often the device came or went since the last leaf of it: 1 when that is all there is to tell.
    public func changeCount() throws(CBORDecoder.Failure) -> UInt64 {
      guard argumentCount == 2 else { return 1 }
      var decoder = arguments
      let count: UInt64
      do throws(CBORDecoder.Failure) {
        try decoder.skipItem()
        count = try decoder.unsigned()
      } catch { throw .outsideFormat }
      // One change stands without its count.
      guard count > 1 else { throw .outsideFormat }
      return count
    }
  }

  @_lifetime(copy self)
  public func event() throws(CBORDecoder.Failure) -> Event {
    try Event(values(.event, count: nil), valueCount: valueCount)
  }
}
