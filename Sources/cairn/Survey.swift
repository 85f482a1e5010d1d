import CBOR
import FixedMemory
import Records

/// One column of a sensor's readings, as a schema leaf told it. The text is the leaf's: not
/// trusted.
struct QuantityRecord {
  var name = FixedText<24>()
  var unit = FixedText<16>()
  var powerOfTen: Int8 = 0
}

/// What the log says of one sensor in one boot.
///
/// Invariant: `quantityCount` is 0 until a schema leaf was seen.
struct SensorRecord {
  var schema: UInt16 = 0
  var hasSchema = false
  var chip = FixedText<24>()
  var bus = FixedText<24>()
  var address: UInt64 = 0
  var serialNumber = FixedText<40>()
  var quantityCount = 0
  var quantities = InlineArray<16, QuantityRecord>(repeating: QuantityRecord())

  var reading: ReadingValues?
  var readingMilliseconds: Int64 = 0
  var readingCount: UInt64 = 0

  /// A number of `FaultCode`, or of a newer agent's.
  var faultNumber: UInt64?
  var faultMilliseconds: Int64 = 0
  /// Failed measurements, of whatever code.
  var faultCount: UInt64 = 0
  var missedCount: UInt64 = 0

  /// The newest leaf says that the sensor failed.
  var isFailing: Bool {
    faultNumber != nil && (reading == nil || faultMilliseconds > readingMilliseconds)
  }

  mutating func take(_ record: Leaf.Schema) throws(CBORDecoder.Failure) {
    hasSchema = true
    chip.removeAll()
    chip.write(record.chip)
    bus.removeAll()
    bus.write(record.bus)
    address = record.address
    serialNumber.removeAll()
    serialNumber.write(record.serialNumber)
    quantityCount = record.quantityCount
    for index in 0..<quantityCount {
      let quantity = try record.quantity(at: index)
      quantities[index].name.removeAll()
      quantities[index].name.write(quantity.name)
      quantities[index].unit.removeAll()
      quantities[index].unit.write(quantity.unit)
      quantities[index].powerOfTen = quantity.powerOfTen
    }
  }
}

/// What leaves say, gathered in the order of the log: of the boot that the last leaf belongs to.
///
/// Invariant: times are milliseconds since the boot leaf of `boot`.
struct Survey {
  /// As many sensors as an agent has.
  static var maximumSensorCount: Int { 20 }

  struct Gap {
    var codeNumber: UInt64
    var schema: UInt16
    var milliseconds: Int64
    var gap: Leaf.Event.Gap
  }

  private(set) var sensors = InlineArray<20, SensorRecord>(repeating: SensorRecord())
  private(set) var sensorCount = 0
  /// Sensors beyond `maximumSensorCount`, told by a newer agent.
  private(set) var hasMoreSensors = false

  /// Nil until a boot leaf was seen.
  private(set) var boot: UInt64?
  private(set) var board = FixedText<32>()
  private(set) var agentVersion = FixedText<32>()
  private(set) var isSimulated = false

  private(set) var clock: Leaf.Clock?
  private(set) var clockMilliseconds: Int64 = 0
  private(set) var position: Leaf.Position?
  private(set) var positionMilliseconds: Int64 = 0
  private(set) var lastGap: Gap?
  private(set) var gapCount: UInt64 = 0

  private(set) var leafCount: UInt64 = 0
  /// Leaves of this boot that can't be understood.
  private(set) var unintelligibleCount: UInt64 = 0
  private(set) var lastMilliseconds: Int64 = 0

  init() {}

  /// The sensor of a schema; nil when no leaf has spoken of it.
  func sensor(_ schema: UInt16) -> Int? {
    for index in 0..<sensorCount where sensors[index].schema == schema { return index }
    return nil
  }

  /// Every sensor that has readings has told what they mean.
  var knowsAllSchemas: Bool {
    for index in 0..<sensorCount where sensors[index].reading != nil && !sensors[index].hasSchema {
      return false
    }
    return true
  }

  /// UTC at a time of the log, by the last clock leaf.
  func utcMilliseconds(at milliseconds: Int64) -> Int64? {
    guard let clock else { return nil }
    let (offset, overflows) = clock.utcMilliseconds.subtractingReportingOverflow(clockMilliseconds)
    let (utc, overflowsToo) = offset.addingReportingOverflow(milliseconds)
    return overflows || overflowsToo ? nil : utc
  }

  /// Takes the leaves of a batch, or what is not sealed yet: byte strings, one after the other.
  mutating func take(items: Span<UInt8>) {
    var decoder = CBORDecoder(items)
    while !decoder.isAtEnd {
      do throws(CBORDecoder.Failure) {
        take(leaf: try decoder.byteString())
      } catch {
        unintelligibleCount += 1
        return
      }
    }
  }

  /// Takes one leaf, which may be anything.
  mutating func take(leaf bytes: Span<UInt8>) {
    do throws(CBORDecoder.Failure) {
      let leaf = try Leaf(decoding: bytes)
      if leaf.kind == .boot { try begin(leaf.boot()) }
      leafCount += 1
      lastMilliseconds = leaf.milliseconds
      switch leaf.kind {
      case .reading: try take(reading: leaf.reading(), leaf)
      case .schema:
        let record = try leaf.schemaRecord()
        if let index = place(leaf.schema) { try sensors[index].take(record) }
      case .fault: try take(fault: leaf.fault(), leaf)
      case .event: try take(event: leaf.event(), leaf)
      case .clock:
        clock = try leaf.clock()
        clockMilliseconds = leaf.milliseconds
      case .position:
        position = try leaf.position()
        positionMilliseconds = leaf.milliseconds
      case .boot, .challenge, .intent, .sent, .reveal, .witness, .listen, .frame, .health, nil:
        break
      }
    } catch { unintelligibleCount += 1 }
  }

  /// A boot begins: times and schemas of the one before say nothing about it.
  private mutating func begin(_ record: Leaf.Boot) {
    self = Survey()
    boot = record.bootCount
    board.write(record.board)
    agentVersion.write(record.agentVersion)
    isSimulated = record.flags & 1 != 0
  }

  private mutating func take(reading values: ReadingValues, _ leaf: Leaf) {
    guard let index = place(leaf.schema) else { return }
    sensors[index].reading = values
    sensors[index].readingMilliseconds = leaf.milliseconds
    sensors[index].readingCount += 1
  }

  private mutating func take(fault: Leaf.Fault, _ leaf: Leaf) {
    guard let index = place(leaf.schema) else { return }
    sensors[index].faultNumber = fault.codeNumber
    sensors[index].faultMilliseconds = leaf.milliseconds
    sensors[index].faultCount &+= fault.count
  }

  private mutating func take(event: Leaf.Event, _ leaf: Leaf) throws(CBORDecoder.Failure) {
    switch event.code {
    case .measurementsMissed, .leavesDropped, .olderLeavesDropped:
      let gap = try event.gap()
      lastGap = Gap(
        codeNumber: event.codeNumber, schema: leaf.schema, milliseconds: leaf.milliseconds, gap: gap
      )
      gapCount += 1
      guard leaf.schema > 0, let index = place(leaf.schema) else { return }
      sensors[index].missedCount &+= gap.count
    case .deviceAttached, .deviceDetached, .sensorReplaced, .contactChanged, .buttonPressed, nil:
      break
    case .consoleUnlocked, .consoleRefused: break
    case .beaconNotSent, .framesRefused, .airtimeSpent, .radioDeaf, .radioReset: break
    }
  }

  /// Where the sensor of a schema is kept, from now on if it is new; nil when all places are taken.
  private mutating func place(_ schema: UInt16) -> Int? {
    if let index = sensor(schema) { return index }
    guard sensorCount < Self.maximumSensorCount else {
      hasMoreSensors = true
      return nil
    }
    // In ascending order, as the site file has them.
    var index = sensorCount
    while index > 0, sensors[index - 1].schema > schema {
      sensors[index] = sensors[index - 1]
      index -= 1
    }
    sensors[index] = SensorRecord()
    sensors[index].schema = schema
    sensorCount += 1
    return index
  }
}
