import CBOR
import FixedMemory
import Records

/// A leaf as JSON: what it says, its index, and its bytes, from which all of that can be read anew.
extension Output {
  mutating func object(leaf bytes: Span<UInt8>, index: UInt64, _ survey: borrowing Survey) {
    beginObject()
    member("index", index)
    do throws(CBORDecoder.Failure) {
      let leaf = try Leaf(decoding: bytes)
      member("kind", text: LeafWords.name(of: leaf.kind))
      member("milliseconds", leaf.milliseconds)
      switch leaf.kind {
      case .boot: members(boot: try leaf.boot())
      case .reading: members(reading: try leaf.reading(), leaf.schema, survey)
      case .schema: try members(schema: leaf.schemaRecord(), leaf.schema)
      case .fault:
        let fault = try leaf.fault()
        member("sensor", UInt64(leaf.schema))
        member("code", fault.codeNumber)
        if let code = fault.code { member("explanation", text: code.explanation) }
        member("count", fault.count)
      case .event: try members(event: leaf.event(), leaf.schema)
      case .clock: members(clock: try leaf.clock())
      case .position: members(position: try leaf.position())
      case .frame: members(frame: try leaf.frame(), try leaf.frameReceipt())
      case .challenge, .intent, .sent, .reveal, .witness, .listen, .health, nil:
        member("kindNumber", leaf.kindNumber)
      }
    } catch {
      member("kind", text: "malformed")
    }
    member("bytes", hex: bytes)
    endObject()
  }

  private mutating func members(boot: Leaf.Boot) {
    member("boot", boot.bootCount)
    member("agentVersion", text: boot.agentVersion)
    member("board", text: boot.board)
    member("programHash", hex: boot.programHash)
    member("configurationHash", hex: boot.configurationHash)
    member("simulated", boot.flags & 1 != 0)
  }

  private mutating func members(
    reading values: ReadingValues, _ schema: UInt16, _ survey: borrowing Survey
  ) {
    member("sensor", UInt64(schema))
    beginArray("values")
    let known = survey.sensor(schema)
    for index in values.indices {
      beginObject()
      var powerOfTen: Int8 = 0
      if let known, index < survey.sensors[known].quantityCount {
        let quantity = survey.sensors[known].quantities[index]
        powerOfTen = quantity.powerOfTen
        member("name", text: quantity.name.span)
        member("unit", text: quantity.unit.span)
        if let value = values[index] {
          member("value", value, powerOfTen: powerOfTen)
        } else {
          member(null: "value")
        }
      }
      if let value = values[index] { member("integer", value) } else { member(null: "integer") }
      endObject()
    }
    endArray()
  }

  private mutating func members(schema record: Leaf.Schema, _ schema: UInt16)
    throws(CBORDecoder.Failure)
  {
    member("sensor", UInt64(schema))
    member("chip", text: record.chip)
    member("bus", text: record.bus)
    member("address", record.address)
    member("serialNumber", text: record.serialNumber)
    beginArray("quantities")
    for index in 0..<record.quantityCount {
      let quantity = try record.quantity(at: index)
      beginObject()
      member("name", text: quantity.name)
      member("unit", text: quantity.unit)
      member("powerOfTen", Int64(quantity.powerOfTen))
      endObject()
    }
    endArray()
  }

  private mutating func members(event: Leaf.Event, _ schema: UInt16) throws(CBORDecoder.Failure) {
    member("event", text: LeafWords.name(ofEvent: event.code))
    if schema > 0 { member("sensor", UInt64(schema)) }
    switch event.code {
    case .measurementsMissed, .leavesDropped, .olderLeavesDropped: members(gap: try event.gap())
    case .deviceAttached, .deviceDetached:
      member("device", text: try event.deviceName())
      member("changes", try event.changeCount())
    case .sensorReplaced: member("device", text: try event.deviceName())
    case .consoleUnlocked, .consoleRefused:
      let console = try event.console()
      member("terminal", text: console.terminal)
      member("count", console.count)
    case .contactChanged:
      let contact = try event.contact()
      member("contact", text: contact.name)
      member("on", contact.isOn)
      member("since", contact.milliseconds)
      member("count", contact.count)
      member("tamper", contact.isTamper)
    case .buttonPressed:
      let button = try event.button()
      member("at", button.milliseconds)
      member("count", button.count)
    case .beaconNotSent: members(try event.numbers(), "challenge", "reasonNumber")
    case .framesRefused, .radioReset: members(try event.numbers(), "reasonNumber", "count")
    case .airtimeSpent: members(try event.numbers(), "subBandHertz", "microseconds", "count")
    case .radioDeaf: members(try event.numbers(), "since")
    case nil: member("eventNumber", event.codeNumber)
    }
  }

  private mutating func members(
    _ numbers: FixedArray<3, UInt64>, _ first: StaticString, _ second: StaticString = "",
    _ third: StaticString = ""
  ) {
    if numbers.count > 0 { member(first, numbers[0]) }
    if numbers.count > 1 { member(second, numbers[1]) }
    if numbers.count > 2 { member(third, numbers[2]) }
  }

  private mutating func members(frame: ForwardedFrame, _ receipt: Span<UInt8>) {
    let reception = frame.reception
    member("sha256", hex: frame.hash.span)
    member("byteCount", UInt64(frame.byteCount))
    member("endMilliseconds", reception.endMilliseconds)
    member("uncertaintyMilliseconds", UInt64(reception.uncertaintyMilliseconds))
    member("frequencyHertz", UInt64(reception.frequencyHertz))
    member("spreadingFactor", UInt64(reception.spreadingFactor))
    member("bandwidthHertz", UInt64(reception.bandwidthHertz))
    member("rssi", Int64(reception.rssiCentidecibelMilliwatts), powerOfTen: -2)
    if let snr = reception.snrCentidecibels {
      member("snr", Int64(snr), powerOfTen: -2)
    } else {
      member(null: "snr")
    }
    if receipt.isEmpty { member(null: "receipt") } else { member("receipt", hex: receipt) }
  }

  mutating func members(gap: Leaf.Event.Gap) {
    member("from", gap.from)
    member("to", gap.to)
    member("count", gap.count)
    member("reasonNumber", gap.reasonNumber)
    member("reason", text: LeafWords.name(ofGapReason: gap.reasonNumber))
  }

  mutating func members(clock: Leaf.Clock) {
    member("source", text: LeafWords.name(ofSource: clock.sourceNumber))
    member("utcMilliseconds", clock.utcMilliseconds)
    member("utc", utc: clock.utcMilliseconds)
    member("uncertaintyMilliseconds", clock.uncertaintyMilliseconds)
  }

  mutating func members(position: Leaf.Position) {
    member("source", text: LeafWords.name(ofSource: position.sourceNumber))
    member("latitude", position.latitudeE7, powerOfTen: -7)
    member("longitude", position.longitudeE7, powerOfTen: -7)
    if let altitude = position.altitudeCentimetres {
      member("altitudeMetres", altitude, powerOfTen: -2)
    } else {
      member(null: "altitudeMetres")
    }
    if let accuracy = position.accuracyCentimetres {
      member("accuracyMetres", accuracy, powerOfTen: -2)
    } else {
      member(null: "accuracyMetres")
    }
  }
}
