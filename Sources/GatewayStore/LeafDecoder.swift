import CBOR
import Foundation
import GRDB
import Proofs
import Records

/// Decodes the leaves of stored batches. What a leaf needs of earlier ones (its schema, a clock) comes
/// from the table of context leaves, or from the batch itself.
struct LeafDecoder {

  private struct Schema {
    let sensor: Sensor
    let quantities: [(name: String, unit: String, powerOfTen: Int8)]
  }

  private struct Clock {
    let index: UInt64
    let milliseconds: Int64
    let utcMilliseconds: Int64
    let uncertaintyMilliseconds: UInt64
  }

  private let database: Database
  private let summary: BatchSummary
  private var schemas: [UInt16: Schema?] = [:]
  private var clock: Clock?
  private var laterClock: Clock?

  /// The leaves of a batch, in order. Subtrees that stand for leaves are not among them.
  static func leaves(of bytes: [UInt8], _ summary: BatchSummary, _ database: Database) throws
    -> [DecodedLeaf]
  {
    var decoder = try LeafDecoder(summary, database)
    var result: [DecodedLeaf] = []
    var reader = try BatchReader(bytes.span)
    var index = summary.start
    while !reader.isAtEnd {
      switch try reader.next() {
      case .subtree(let count, _): index += count
      case .leaf(let bytes):
        result.append(try decoder.decode(Leaf(decoding: bytes), at: index))
        index += 1
      }
    }
    return result
  }

  private init(_ summary: BatchSummary, _ database: Database) throws {
    self.summary = summary
    self.database = database
    clock = try contextLeaf(.clock, "leaf < ? ORDER BY leaf DESC", [Int64(summary.start)])
      .map(Self.clock)
    laterClock = try contextLeaf(.clock, "leaf >= ? ORDER BY leaf", [Int64(summary.start)])
      .map(Self.clock)
  }

  private func contextLeaf(_ kind: LeafKind, _ condition: String, _ arguments: [Int64]) throws
    -> (index: UInt64, bytes: [UInt8])?
  {
    let statement = try database.cachedStatement(
      sql: """
        SELECT leaf, bytes FROM context
        WHERE device = ? AND epoch = ? AND boot = ? AND kind = ? AND \(condition) LIMIT 1
        """)
    let own = [
      summary.device, Int64(summary.epoch), Int64(summary.boot), Int64(kind.rawValue),
    ]
    guard let row = try Row.fetchOne(statement, arguments: StatementArguments(own + arguments))
    else { return nil }
    return (UInt64(row["leaf"] as Int64), Array(row["bytes"] as Data))
  }

  private static func clock(_ stored: (index: UInt64, bytes: [UInt8])) throws -> Clock {
    let leaf = try Leaf(decoding: stored.bytes.span)
    return try clock(leaf, at: stored.index)
  }

  private static func clock(_ leaf: borrowing Leaf, at index: UInt64) throws -> Clock {
    let fix = try leaf.clock()
    return Clock(
      index: index, milliseconds: leaf.milliseconds, utcMilliseconds: fix.utcMilliseconds,
      uncertaintyMilliseconds: fix.uncertaintyMilliseconds)
  }

  private mutating func decode(_ leaf: borrowing Leaf, at index: UInt64) throws -> DecodedLeaf {
    let content = try content(of: leaf, at: index)
    return DecodedLeaf(
      epoch: summary.epoch, index: index, boot: summary.boot, milliseconds: leaf.milliseconds,
      time: time(at: leaf.milliseconds), isSimulated: summary.isSimulated, content: content)
  }

  private func time(at milliseconds: Int64) -> LeafTime {
    guard let clock = clock ?? laterClock else { return .noClock }
    let (sinceClock, overflow) = milliseconds.subtractingReportingOverflow(clock.milliseconds)
    let (utc, overflowAgain) = clock.utcMilliseconds.addingReportingOverflow(sinceClock)
    guard !overflow, !overflowAgain else {
      return .unknown(reason: "the clock leaf's UTC is outside every calendar")
    }
    return .known(
      utcMilliseconds: utc, uncertaintyMilliseconds: clock.uncertaintyMilliseconds,
      clockLeaf: clock.index)
  }

  private mutating func content(of leaf: borrowing Leaf, at index: UInt64) throws
    -> DecodedLeaf.Content
  {
    switch leaf.kind {
    case .boot:
      let boot = try leaf.boot()
      return .boot(agentVersion: boot.agentVersion.text, board: boot.board.text)
    case .reading: return try reading(leaf, before: index)
    case .schema:
      let schema = try Self.schema(leaf)
      schemas[leaf.schema] = schema
      return .schema(schema.sensor, quantities: schema.quantities.map(\.name))
    case .fault:
      let fault = try leaf.fault()
      return .fault(
        try sensor(leaf.schema, before: index), code: fault.codeNumber,
        name: RecordName.fault(fault.codeNumber), count: fault.count)
    case .event: return try event(leaf, before: index)
    case .clock:
      let fix = try leaf.clock()
      if fix.sourceNumber != UInt64(FixSource.none.rawValue) {
        clock = try Self.clock(leaf, at: index)
      }
      return .clock(
        source: RecordName.source(fix.sourceNumber), utcMilliseconds: fix.utcMilliseconds,
        uncertaintyMilliseconds: fix.uncertaintyMilliseconds)
    case .position: return .position(try Self.position(leaf))
    case .frame: return .frame(try sensor(leaf.schema, before: index), try Self.frame(leaf))
    case .challenge, .intent, .sent, .reveal, .witness, .listen, .health, nil:
      return .other(kind: leaf.kindNumber)
    }
  }

  private static func frame(_ leaf: borrowing Leaf) throws -> DecodedLeaf.Frame {
    let frame = try leaf.frame()
    let reception = frame.reception
    return DecodedLeaf.Frame(
      hash: frame.hash.hexadecimal, byteCount: frame.byteCount,
      frequencyHertz: reception.frequencyHertz, spreadingFactor: reception.spreadingFactor,
      bandwidthHertz: reception.bandwidthHertz,
      rssi: ScaledInteger(Int64(reception.rssiCentidecibelMilliwatts), powerOfTen: -2),
      snr: reception.snrCentidecibels.map { ScaledInteger(Int64($0), powerOfTen: -2) },
      hasReceipt: try !leaf.frameReceipt().isEmpty)
  }

  private mutating func reading(_ leaf: borrowing Leaf, before index: UInt64) throws
    -> DecodedLeaf.Content
  {
    guard let schema = try schema(leaf.schema, before: index) else {
      return .unreadable(reason: "no schema leaf \(leaf.schema) is held for this boot")
    }
    let values = try leaf.reading()
    guard values.count == schema.quantities.count else {
      return .unreadable(
        reason: "\(values.count) values, and schema \(leaf.schema) has "
          + "\(schema.quantities.count) quantities")
    }
    var measurements: [DecodedLeaf.Measurement] = []
    for column in values.indices {
      let quantity = schema.quantities[column]
      measurements.append(
        DecodedLeaf.Measurement(
          name: quantity.name, unit: quantity.unit,
          value: values[column].map { ScaledInteger($0, powerOfTen: quantity.powerOfTen) }))
    }
    return .reading(schema.sensor, measurements)
  }

  private mutating func event(_ leaf: borrowing Leaf, before index: UInt64) throws
    -> DecodedLeaf.Content
  {
    let sensor = try sensor(leaf.schema, before: index)
    let event = try leaf.event()
    let name = RecordName.event(event.codeNumber)
    switch event.code {
    case .measurementsMissed, .leavesDropped, .olderLeavesDropped:
      let gap = try event.gap()
      return .gap(
        name: name, sensor: sensor, from: gap.from, to: gap.to, count: gap.count,
        reason: RecordName.gapReason(gap.reasonNumber))
    case .deviceAttached, .deviceDetached:
      return .event(
        code: event.codeNumber, name: name, sensor: sensor, device: try event.deviceName().text,
        count: try event.changeCount())
    case .sensorReplaced:
      return .event(
        code: event.codeNumber, name: name, sensor: sensor, device: try event.deviceName().text,
        count: nil)
    case .consoleUnlocked, .consoleRefused:
      let console = try event.console()
      return .event(
        code: event.codeNumber, name: name, sensor: sensor, device: console.terminal.text,
        count: console.count)
    case .contactChanged:
      let contact = try event.contact()
      return .contact(
        code: event.codeNumber, name: name,
        DecodedLeaf.Contact(
          contact: contact.name.text, isOn: contact.isOn, milliseconds: contact.milliseconds,
          count: contact.count, isTamper: contact.isTamper))
    case .buttonPressed:
      let button = try event.button()
      return .button(
        code: event.codeNumber, name: name, milliseconds: button.milliseconds,
        count: button.count)
    case .framesRefused:
      let numbers = try event.numbers()
      return .framesRefused(
        code: event.codeNumber, name: name, sensor: sensor,
        reason: RecordName.frameRefusal(numbers[0]), count: numbers[1])
    case .beaconNotSent, .airtimeSpent, .radioDeaf, .radioReset, nil:
      return .event(
        code: event.codeNumber, name: name, sensor: sensor, device: nil, count: nil)
    }
  }

  private mutating func sensor(_ number: UInt16, before index: UInt64) throws -> Sensor {
    try schema(number, before: index)?.sensor ?? Sensor(schema: number, chip: "", bus: "")
  }

  /// The newest schema leaf of this number before `index`. Leaves of the batch itself are in `schemas`
  /// by the time that they count.
  private mutating func schema(_ number: UInt16, before index: UInt64) throws -> Schema? {
    if let known = schemas[number] { return known }
    let stored = try contextLeaf(
      .schema, "schema = ? AND leaf < ? ORDER BY leaf DESC",
      [Int64(number), Int64(summary.start)])
    var schema: Schema?
    if let stored { schema = try Self.schema(Leaf(decoding: stored.bytes.span)) }
    schemas.updateValue(schema, forKey: number)
    return schema
  }

  private static func schema(_ leaf: borrowing Leaf) throws -> Schema {
    let record = try leaf.schemaRecord()
    var quantities: [(name: String, unit: String, powerOfTen: Int8)] = []
    for index in 0..<record.quantityCount {
      let quantity = try record.quantity(at: index)
      quantities.append((quantity.name.text, quantity.unit.text, quantity.powerOfTen))
    }
    let sensor = Sensor(schema: leaf.schema, chip: record.chip.text, bus: record.bus.text)
    return Schema(sensor: sensor, quantities: quantities)
  }

  static func position(_ leaf: borrowing Leaf) throws -> DecodedLeaf.Position {
    let fix = try leaf.position()
    return DecodedLeaf.Position(
      source: RecordName.source(fix.sourceNumber),
      latitude: ScaledInteger(fix.latitudeE7, powerOfTen: -7),
      longitude: ScaledInteger(fix.longitudeE7, powerOfTen: -7),
      altitude: fix.altitudeCentimetres.map { ScaledInteger($0, powerOfTen: -2) },
      accuracy: fix.accuracyCentimetres.map { ScaledInteger($0, powerOfTen: -2) })
  }
}
