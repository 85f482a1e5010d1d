import CBOR
import FixedMemory

/// Writes leaves: [kind, schema, t, *values], deterministic CBOR without floats, maps or tags
/// (docs/proof-format.md). Each function says how many bytes the leaf takes; when that is more than the
/// buffer has, the buffer's content is of no use.
///
/// `milliseconds` is the time since the boot leaf, by CLOCK_BOOTTIME.
public enum LeafEncoding {
  /// The first leaf of a boot. `flags` bit 0: simulated hardware. `claims`: an EAT (RFC 9711), or empty.
  public static func boot(
    milliseconds: Int64, bootCount: UInt64, agentVersion: StaticString, programHash: Span<UInt8>,
    board: Span<UInt8>, configurationHash: Span<UInt8>, flags: UInt64, claims: Span<UInt8>,
    into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.leafHead(.boot, schema: 0, milliseconds, valueCount: 7)
    encoder.unsigned(bootCount)
    encoder.text(agentVersion)
    encoder.byteString(programHash)
    encoder.text(board)
    encoder.byteString(configurationHash)
    encoder.unsigned(flags)
    encoder.byteString(claims)
    return encoder.byteCount
  }

  /// One measurement: scaled integers in the order of the schema's quantities, null where there is none.
  public static func reading(
    schema: UInt16, milliseconds: Int64, values: ReadingValues,
    into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.leafHead(.reading, schema: schema, milliseconds, valueCount: values.count)
    for index in values.indices {
      if let value = values[index] { encoder.integer(value) } else { encoder.null() }
    }
    return encoder.byteCount
  }

  /// What the readings of `schema` mean, and which chip they come from.
  public static func schema(
    schema: UInt16, milliseconds: Int64, quantities: Quantities, chip: StaticString,
    bus: Span<UInt8>, address: UInt16, serialNumber: Span<UInt8>,
    into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.leafHead(.schema, schema: schema, milliseconds, valueCount: 5)
    encoder.arrayHead(count: quantities.count)
    for index in quantities.indices {
      encoder.arrayHead(count: 3)
      encoder.text(quantities[index].name)
      encoder.text(quantities[index].unit)
      encoder.integer(Int64(quantities[index].powerOfTen))
    }
    encoder.text(chip)
    encoder.text(bus)
    encoder.unsigned(UInt64(address))
    encoder.text(serialNumber)
    return encoder.byteCount
  }

  /// A failed measurement. `count`: how often since the last leaf of this sensor and code.
  public static func fault(
    schema: UInt16, milliseconds: Int64, code: FaultCode, count: UInt64,
    into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.leafHead(.fault, schema: schema, milliseconds, valueCount: 2)
    encoder.unsigned(UInt64(code.rawValue))
    encoder.unsigned(count)
    return encoder.byteCount
  }

  /// A gap: `measurementsMissed` (times) or `leavesDropped` (indices), from the first to before the last.
  public static func gap(
    _ code: EventCode, schema: UInt16, milliseconds: Int64, from: UInt64, to: UInt64,
    count: UInt64, reason: GapReason, into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.leafHead(.event, schema: schema, milliseconds, valueCount: 5)
    encoder.unsigned(UInt64(code.rawValue))
    encoder.unsigned(from)
    encoder.unsigned(to)
    encoder.unsigned(count)
    encoder.unsigned(UInt64(reason.rawValue))
    return encoder.byteCount
  }

  /// Leaves `from` ..< `to` of an earlier epoch are not to be had.
  public static func olderGap(
    epoch: UInt64, milliseconds: Int64, from: UInt64, to: UInt64, reason: GapReason,
    into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.leafHead(.event, schema: 0, milliseconds, valueCount: 6)
    encoder.unsigned(UInt64(EventCode.olderLeavesDropped.rawValue))
    encoder.unsigned(epoch)
    encoder.unsigned(from)
    encoder.unsigned(to)
    encoder.unsigned(to - from)
    encoder.unsigned(UInt64(reason.rawValue))
    return encoder.byteCount
  }

  /// A device that came or went, or a sensor replaced.
  public static func device(
    _ code: EventCode, schema: UInt16, milliseconds: Int64, name: Span<UInt8>,
    into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.leafHead(.event, schema: schema, milliseconds, valueCount: 2)
    encoder.unsigned(UInt64(code.rawValue))
    encoder.text(name)
    return encoder.byteCount
  }

  /// A device that is there, or not: `changeCount`, at least 1, is how often it came or went since the last leaf
  /// of it. One change stands without its count.
  public static func device(
    _ code: EventCode, schema: UInt16, milliseconds: Int64, name: Span<UInt8>,
    changeCount: UInt64, into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    guard changeCount > 1 else {
      return device(code, schema: schema, milliseconds: milliseconds, name: name, into: bytes)
    }
    var encoder = CBOREncoder(bytes)
    encoder.leafHead(.event, schema: schema, milliseconds, valueCount: 3)
    encoder.unsigned(UInt64(code.rawValue))
    encoder.text(name)
    encoder.unsigned(changeCount)
    return encoder.byteCount
  }

  /// Somebody unlocked a console, or could not: `consoleUnlocked` or `consoleRefused`.
  public static func console(
    _ code: EventCode, milliseconds: Int64, terminal: Span<UInt8>, count: UInt64,
    into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.leafHead(.event, schema: 0, milliseconds, valueCount: 3)
    encoder.unsigned(UInt64(code.rawValue))
    encoder.text(terminal)
    encoder.unsigned(count)
    return encoder.byteCount
  }

  /// A contact's state since `edgeMilliseconds`, after `count` changes; 0 changes: the state that was found.
  public static func contact(
    milliseconds: Int64, name: Span<UInt8>, isOn: Bool, edgeMilliseconds: Int64, count: UInt64,
    isTamper: Bool, into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.leafHead(.event, schema: 0, milliseconds, valueCount: 6)
    encoder.unsigned(UInt64(EventCode.contactChanged.rawValue))
    encoder.text(name)
    encoder.boolean(isOn)
    encoder.integer(edgeMilliseconds)
    encoder.unsigned(count)
    encoder.boolean(isTamper)
    return encoder.byteCount
  }

  /// The button was pressed `count` times, the last time at `edgeMilliseconds`.
  public static func button(
    milliseconds: Int64, edgeMilliseconds: Int64, count: UInt64,
    into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.leafHead(.event, schema: 0, milliseconds, valueCount: 3)
    encoder.unsigned(UInt64(EventCode.buttonPressed.rawValue))
    encoder.integer(edgeMilliseconds)
    encoder.unsigned(count)
    return encoder.byteCount
  }

  /// Ties this log's time to UTC: at `milliseconds` it was `utcMilliseconds`, give or take the uncertainty.
  public static func clock(
    milliseconds: Int64, source: FixSource, utcMilliseconds: Int64, uncertaintyMilliseconds: UInt64,
    into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.leafHead(.clock, schema: 0, milliseconds, valueCount: 3)
    encoder.unsigned(UInt64(source.rawValue))
    encoder.integer(utcMilliseconds)
    encoder.unsigned(uncertaintyMilliseconds)
    return encoder.byteCount
  }

  /// A gateway's challenge was there at this moment: what follows is not older than it.
  ///
  /// - `challengeHash`: SHA-256 of its Sig_structure (docs/identity.md).
  public static func challenge(
    milliseconds: Int64, challengeHash: Span<UInt8>, into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.leafHead(.challenge, schema: 0, milliseconds, valueCount: 1)
    encoder.byteString(challengeHash)
    return encoder.byteCount
  }

  /// Where the board is (WGS 84): degrees × 10^7; altitude above mean sea level and the horizontal
  /// accuracy in centimetres, null when unknown.
  public static func position(
    milliseconds: Int64, source: FixSource, latitudeE7: Int64, longitudeE7: Int64,
    altitudeCentimetres: Int64?, accuracyCentimetres: Int64?,
    into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.leafHead(.position, schema: 0, milliseconds, valueCount: 5)
    encoder.unsigned(UInt64(source.rawValue))
    encoder.integer(latitudeE7)
    encoder.integer(longitudeE7)
    if let altitudeCentimetres { encoder.integer(altitudeCentimetres) } else { encoder.null() }
    if let accuracyCentimetres { encoder.integer(accuracyCentimetres) } else { encoder.null() }
    return encoder.byteCount
  }
}

extension CBOREncoder {
  @_lifetime(self: copy self)
  mutating func leafHead(
    _ kind: LeafKind, schema: UInt16, _ milliseconds: Int64, valueCount: Int
  ) {
    precondition(milliseconds >= 0, "a leaf's time lies before its boot")
    arrayHead(count: 3 + valueCount)
    unsigned(UInt64(kind.rawValue))
    unsigned(UInt64(schema))
    integer(milliseconds)
  }
}
