import CBOR
import FixedMemory
import Records

/// What a leaf records, in words.
enum LeafWords {
  static func name(of kind: LeafKind?) -> StaticString {
    switch kind {
    case .boot: "boot"
    case .reading: "reading"
    case .schema: "schema"
    case .fault: "fault"
    case .event: "event"
    case .clock: "clock"
    case .position: "position"
    case .challenge: "challenge"
    case .intent: "intent"
    case .sent: "sent"
    case .reveal: "reveal"
    case .witness: "witness"
    case .listen: "listen"
    case .frame: "frame"
    case .health: "health"
    case nil: "unknown"
    }
  }

  static func name(ofSource number: UInt64) -> StaticString {
    switch UInt8(exactly: number).flatMap({ FixSource(rawValue: $0) }) {
    case .some(.none): "no source"
    case .realTimeClock: "real-time clock"
    case .networkTime: "NTP"
    case .gnss: "GNSS"
    case .gateway: "gateway"
    case .configured: "configured"
    case nil: "unknown source"
    }
  }

  static func name(ofGapReason number: UInt64) -> StaticString {
    switch UInt8(exactly: number).flatMap({ GapReason(rawValue: $0) }) {
    case .late: "the board was busy"
    case .suspended: "the board was suspended"
    case .spoolFull: "the spool was full"
    case .restart: "the agent was started again"
    case .storageLost: "the card lost what it had confirmed"
    case .restoredCopy: "the card was restored from an older copy"
    case nil: "for a reason that this program does not know"
    }
  }

  /// One word for programs.
  static func name(ofEvent code: EventCode?) -> StaticString {
    switch code {
    case .measurementsMissed: "measurements-missed"
    case .leavesDropped: "leaves-dropped"
    case .olderLeavesDropped: "older-leaves-dropped"
    case .deviceAttached: "device-attached"
    case .deviceDetached: "device-detached"
    case .sensorReplaced: "sensor-replaced"
    case .consoleUnlocked: "console-unlocked"
    case .consoleRefused: "console-refused"
    case .contactChanged: "contact-changed"
    case .buttonPressed: "button-pressed"
    case .beaconNotSent: "beacon-not-sent"
    case .framesRefused: "frames-refused"
    case .airtimeSpent: "airtime-spent"
    case .radioDeaf: "radio-deaf"
    case .radioReset: "radio-reset"
    case nil: "unknown"
    }
  }

  /// "12 measurements of sensor 2 missed, from … to …: the board was busy".
  static func describe<let capacity: Int>(
    gap: Leaf.Event.Gap, codeNumber: UInt64, schema: UInt16, _ text: inout TextBuilder<capacity>
  ) {
    let isOlder = codeNumber == UInt64(EventCode.olderLeavesDropped.rawValue)
    if codeNumber == UInt64(EventCode.measurementsMissed.rawValue), gap.count == 0 {
      text.append("nothing is measured from ")
      text.append(logTime: gap.from)
      text.append(" on: ")
      text.append(name(ofGapReason: gap.reasonNumber))
      return
    }
    text.append(gap.count)
    if isOlder || codeNumber == UInt64(EventCode.leavesDropped.rawValue) {
      text.append(gap.count == 1 ? " leaf" : " leaves")
      if isOlder { text.append(" of an earlier epoch") }
      text.append(" given up, from index ")
      text.append(gap.from)
      text.append(" to before ")
      text.append(gap.to)
    } else {
      text.append(gap.count == 1 ? " measurement" : " measurements")
      if schema > 0 {
        text.append(" of sensor ")
        text.append(schema)
      }
      text.append(" missed, from ")
      text.append(logTime: gap.from)
      text.append(" to ")
      text.append(logTime: gap.to)
    }
    text.append(": ")
    text.append(name(ofGapReason: gap.reasonNumber))
  }

  /// "tamper contact lid is on since 00:00:07.120, after 3 changes".
  static func describe<let capacity: Int>(
    contact: Leaf.Event.Contact, _ text: inout TextBuilder<capacity>
  ) {
    text.append(contact.isTamper ? "tamper contact " : "contact ")
    text.append(untrusted: contact.name)
    text.append(contact.isOn ? " is on" : " is off")
    guard contact.count > 0 else {
      text.append(" as it was found")
      return
    }
    text.append(" since ")
    text.append(logTime: UInt64(contact.milliseconds))
    guard contact.count > 1 else { return }
    text.append(", after ")
    text.append(contact.count)
    text.append(" changes")
  }

  /// "47.2850000 N 8.5650000 E ± 2.50 m, 499.60 m high, GNSS".
  static func describe<let capacity: Int>(
    _ position: Leaf.Position, isUnicode: Bool, _ text: inout TextBuilder<capacity>
  ) {
    text.append(fixedPoint: Int64(clamping: position.latitudeE7.magnitude), powerOfTen: -7)
    text.append(position.latitudeE7 < 0 ? " S " : " N ")
    text.append(fixedPoint: Int64(clamping: position.longitudeE7.magnitude), powerOfTen: -7)
    text.append(position.longitudeE7 < 0 ? " W" : " E")
    if let accuracy = position.accuracyCentimetres {
      text.append(isUnicode ? " \u{b1} " : " +/- ")
      text.append(fixedPoint: accuracy, powerOfTen: -2)
      text.append(" m")
    }
    if let altitude = position.altitudeCentimetres {
      text.append(", ")
      text.append(fixedPoint: altitude, powerOfTen: -2)
      text.append(" m high")
    }
    text.append(", ")
    text.append(name(ofSource: position.sourceNumber))
  }
}

extension TextBuilder {
  /// Time since the boot leaf, as "2d 03:04:05.678".
  mutating func append(logTime milliseconds: UInt64) {
    if milliseconds >= 86_400_000 {
      append(milliseconds / 86_400_000)
      append("d ")
    }
    append(milliseconds / 3_600_000 % 24, digits: 2)
    append(":")
    append(milliseconds / 60_000 % 60, digits: 2)
    append(":")
    append(milliseconds / 1000 % 60, digits: 2)
    append(".")
    append(milliseconds % 1000, digits: 3)
  }
}

extension TextBuilder {
  /// A value with its unit, exactly; "none" where the chip had none.
  mutating func append(_ value: Int64?, _ quantity: QuantityRecord, isUnicode: Bool) {
    guard let value else {
      append("none")
      return
    }
    append(fixedPoint: value, powerOfTen: quantity.powerOfTen)
    guard !quantity.unit.isEmpty else { return }
    append(" ")
    append(unit: quantity.unit.span, isUnicode: isUnicode)
  }

  /// The name that people use for a unit of SenML's (RFC 8428 section 12.1).
  mutating func append(unit: Span<UInt8>, isUnicode: Bool) {
    if unit.equals("Cel") {
      append(isUnicode ? "\u{b0}C" : "C")
    } else {
      append(untrusted: unit)
    }
  }
}

/// A leaf as one line, or a few when it is long. The survey knows the schemas of leaves before it.
extension Output {
  mutating func describe(leaf bytes: Span<UInt8>, _ survey: borrowing Survey, indentation: Int) {
    do throws(CBORDecoder.Failure) {
      let leaf = try Leaf(decoding: bytes)
      write(logTime: leaf.milliseconds)
      pad(to: indentation)
      switch leaf.kind {
      case .boot: describe(boot: try leaf.boot(), indentation)
      case .reading: describe(reading: try leaf.reading(), leaf.schema, survey, indentation)
      case .schema: try describe(schema: leaf.schemaRecord(), leaf.schema, indentation)
      case .fault: describe(fault: try leaf.fault(), leaf.schema, indentation)
      case .event: try describe(event: leaf.event(), leaf.schema, indentation)
      case .clock: describe(clock: try leaf.clock())
      case .position:
        var text = TextBuilder<160>()
        text.append("position ")
        LeafWords.describe(try leaf.position(), isUnicode: console.hasUnicode, &text)
        paragraph(text.span, indentation: indentation)
      case .frame:
        var text = TextBuilder<256>()
        LeafWords.describe(try leaf.frame(), hasReceipt: try !leaf.frameReceipt().isEmpty, &text)
        paragraph(text.span, indentation: indentation)
      case .challenge, .intent, .sent, .reveal, .witness, .listen, .health, nil:
        write(LeafWords.name(of: leaf.kind))
        write(", kind ")
        write(leaf.kindNumber)
        write(" with ")
        write(UInt64(leaf.valueCount), "value", "values")
      }
    } catch {
      write("not a leaf of the record format: ", .bad)
      write(UInt64(bytes.count), "byte", "bytes")
    }
  }

  private mutating func describe(boot: Leaf.Boot, _ indentation: Int) {
    write("boot ")
    write(boot.bootCount)
    write(", agent ")
    write(untrusted: boot.agentVersion)
    write(", board ")
    write(untrusted: boot.board)
    if boot.flags & 1 != 0 { write(", simulated hardware", .warning) }
    newLine()
    pad(to: indentation)
    write("program ")
    write(hex: boot.programHash.extracting(0..<min(8, boot.programHash.count)))
    write(", configuration ")
    write(hex: boot.configurationHash.extracting(0..<min(8, boot.configurationHash.count)))
  }

  private mutating func sensor(_ schema: UInt16) {
    write("sensor ")
    write(UInt64(schema))
  }

  private mutating func describe(
    reading values: ReadingValues, _ schema: UInt16, _ survey: borrowing Survey, _ indentation: Int
  ) {
    sensor(schema)
    write(":")
    let known = survey.sensor(schema)
    for index in values.indices {
      var text = TextBuilder<256>()
      if let known, index < survey.sensors[known].quantityCount {
        text.append(untrusted: survey.sensors[known].quantities[index].name.span)
        text.append(" ")
        text.append(
          values[index], survey.sensors[known].quantities[index], isUnicode: console.hasUnicode)
      } else {
        text.append(values[index], QuantityRecord(), isUnicode: console.hasUnicode)
      }
      if index + 1 < values.count { text.append(",") }
      blank(before: text.byteCount, indentation: indentation)
      write(text.span)
    }
    if let known, survey.sensors[known].hasSchema { return }
    paragraph(" (what it means is not in the spool)", indentation: indentation)
  }

  private mutating func describe(
    schema record: Leaf.Schema, _ schema: UInt16, _ indentation: Int
  ) throws(CBORDecoder.Failure) {
    sensor(schema)
    write(" is ")
    write(untrusted: record.chip)
    write(" at ")
    write(address: record.address)
    write(" on ")
    write(untrusted: record.bus)
    write(", serial ")
    write(untrusted: record.serialNumber)
    newLine()
    pad(to: indentation)
    write("measures ")
    for index in 0..<record.quantityCount {
      let quantity = try record.quantity(at: index)
      if index > 0 { write(", ") }
      write(untrusted: quantity.name)
      write(" in ")
      write(unit: quantity.unit)
    }
  }

  private mutating func describe(fault: Leaf.Fault, _ schema: UInt16, _ indentation: Int) {
    sensor(schema)
    write(": ")
    write("FAULT", .bad)
    write(", ")
    write(fault.count, "time", "times")
    write(": ")
    if let code = fault.code {
      paragraph(code.explanation, indentation: indentation)
    } else {
      write("code ")
      write(fault.codeNumber)
    }
  }

  private mutating func describe(event: Leaf.Event, _ schema: UInt16, _ indentation: Int)
    throws(CBORDecoder.Failure)
  {
    switch event.code {
    case .measurementsMissed, .leavesDropped, .olderLeavesDropped:
      var text = TextBuilder<256>()
      text.append("gap: ")
      LeafWords.describe(
        gap: try event.gap(), codeNumber: event.codeNumber, schema: schema, &text)
      paragraph(text.span, indentation: indentation)
    case .deviceAttached:
      write("device attached: ")
      write(untrusted: try event.deviceName())
      changes(try event.changeCount())
    case .deviceDetached:
      write("device detached: ")
      write(untrusted: try event.deviceName())
      changes(try event.changeCount())
    case .sensorReplaced:
      sensor(schema)
      write(" is another chip from here on: ")
      write(untrusted: try event.deviceName())
    case .consoleUnlocked:
      let console = try event.console()
      write("console unlocked", .warning)
      write(" on ")
      write(untrusted: console.terminal)
      if console.count > 1 {
        write(", ")
        write(console.count, "time", "times")
      }
    case .consoleRefused:
      let console = try event.console()
      write("console refused", .bad)
      write(" on ")
      write(untrusted: console.terminal)
      write(": ")
      write(console.count, "wrong passphrase", "wrong passphrases")
    case .contactChanged:
      var text = TextBuilder<256>()
      LeafWords.describe(contact: try event.contact(), &text)
      paragraph(text.span, indentation: indentation)
    case .buttonPressed:
      let button = try event.button()
      var text = TextBuilder<96>()
      text.append("button pressed ")
      text.append(button.count)
      text.append(button.count == 1 ? " time, at " : " times, last at ")
      text.append(logTime: UInt64(button.milliseconds))
      paragraph(text.span, indentation: indentation)
    case .beaconNotSent, .framesRefused, .airtimeSpent, .radioDeaf, .radioReset:
      var text = TextBuilder<256>()
      LeafWords.describe(
        radioEvent: event.code, try event.numbers(), radio: schema, &text)
      paragraph(text.span, indentation: indentation)
    case nil:
      write("event ")
      write(event.codeNumber)
      write(", which this program does not know")
    }
  }

  private mutating func changes(_ count: UInt64) {
    guard count > 1 else { return }
    write(", after it came or went ")
    write(count)
    write(" times")
  }

  private mutating func describe(clock: Leaf.Clock) {
    write("clock ")
    write(LeafWords.name(ofSource: clock.sourceNumber))
    write(": ")
    write(utc: clock.utcMilliseconds)
    write(" ")
    writePlusMinus()
    write(duration: Int64(clamping: clock.uncertaintyMilliseconds))
  }
}
