import GatewayStore

/// Decoded leaves as JSON objects: shared by the API and the event lines.
enum LeafJSON {
  /// What every leaf has: whose log it is in and where, and when it was.
  static func place(_ leaf: DecodedLeaf, of device: Device) -> [(String, JSONText)] {
    [
      ("kid", .text(device.key.keyID.hexadecimal)), ("epoch", .unsigned(leaf.epoch)),
      ("leaf", .unsigned(leaf.index)),
      ("boot", .unsigned(leaf.boot)), ("t", .integer(leaf.milliseconds)),
    ] + time(leaf.time) + [("simulated", .boolean(leaf.isSimulated))]
  }

  static func time(_ time: LeafTime) -> [(String, JSONText)] {
    switch time {
    case .known(let utc, let uncertainty, let clockLeaf):
      [
        ("utc", CalendarTime.text(utcMilliseconds: utc).map { .text($0) } ?? .null),
        ("utcMilliseconds", .integer(utc)),
        ("utcUncertaintyMilliseconds", .unsigned(uncertainty)),
        ("clockLeaf", .unsigned(clockLeaf)),
      ]
    case .unknown(let reason): [("utc", .null), ("utcMissing", .text(reason))]
    }
  }

  static func sensor(_ sensor: Sensor) -> [(String, JSONText)] {
    [
      ("schema", .unsigned(UInt64(sensor.schema))), ("chip", .text(sensor.chip)),
      ("bus", .text(sensor.bus)),
    ]
  }

  static func measurement(_ value: DecodedLeaf.Measurement) -> [(String, JSONText)] {
    [
      ("name", .text(value.name)), ("unit", .text(value.unit)), ("value", .optional(value.value)),
    ]
  }

  /// What the leaf says, with its kind in front. A reading has its values in an array.
  static func content(_ content: DecodedLeaf.Content) -> [(String, JSONText)] {
    switch content {
    case .boot(let version, let board):
      [("kind", .text("boot")), ("agentVersion", .text(version)), ("board", .text(board))]
    case .reading(let sensor, let values):
      [("kind", .text("reading"))] + self.sensor(sensor) + [
        ("values", .array(values.map { .object(measurement($0)) }))
      ]
    case .unreadable(let reason): [("kind", .text("unreadable")), ("reason", .text(reason))]
    case .schema(let sensor, let quantities):
      [("kind", .text("schema"))] + self.sensor(sensor) + [
        ("quantities", .array(quantities.map { .text($0) }))
      ]
    case .fault(let sensor, let code, let name, let count):
      [("kind", .text("fault"))] + self.sensor(sensor) + [
        ("code", .unsigned(code)), ("fault", .text(name)), ("count", .unsigned(count)),
      ]
    case .gap(let name, let sensor, let from, let to, let count, let reason):
      [("kind", .text("gap")), ("gap", .text(name))] + self.sensor(sensor) + [
        ("from", .unsigned(from)), ("to", .unsigned(to)), ("count", .unsigned(count)),
        ("reason", .text(reason)),
      ]
    case .event(let code, let name, let sensor, let device, let count):
      [("kind", .text("event")), ("code", .unsigned(code)), ("event", .text(name))]
        + self.sensor(sensor) + [("device", device.map { .text($0) } ?? .null)]
        + (count.map { [("count", .unsigned($0))] } ?? [])
    case .contact(let code, let name, let contact):
      [
        ("kind", .text("event")), ("code", .unsigned(code)), ("event", .text(name)),
        ("device", .text(contact.contact)), ("on", .boolean(contact.isOn)),
        ("since", .integer(contact.milliseconds)), ("count", .unsigned(contact.count)),
        ("tamper", .boolean(contact.isTamper)),
      ]
    case .button(let code, let name, let milliseconds, let count):
      [
        ("kind", .text("event")), ("code", .unsigned(code)), ("event", .text(name)),
        ("at", .integer(milliseconds)), ("count", .unsigned(count)),
      ]
    case .clock(let source, let utc, let uncertainty):
      [
        ("kind", .text("clock")), ("source", .text(source)), ("utcMilliseconds", .integer(utc)),
        ("uncertaintyMilliseconds", .unsigned(uncertainty)),
      ]
    case .position(let position): [("kind", .text("position"))] + self.position(position)
    case .frame(let sensor, let frame):
      [("kind", .text("frame"))] + self.sensor(sensor) + [
        ("hash", .text(frame.hash)), ("bytes", .unsigned(UInt64(frame.byteCount))),
        ("frequencyHertz", .unsigned(UInt64(frame.frequencyHertz))),
        ("spreadingFactor", .unsigned(UInt64(frame.spreadingFactor))),
        ("bandwidthHertz", .unsigned(UInt64(frame.bandwidthHertz))),
        ("rssi", .decimal(frame.rssi)), ("snr", .optional(frame.snr)),
        ("receipt", .boolean(frame.hasReceipt)),
      ]
    case .framesRefused(let code, let name, let sensor, let reason, let count):
      [("kind", .text("event")), ("code", .unsigned(code)), ("event", .text(name))]
        + self.sensor(sensor) + [("reason", .text(reason)), ("count", .unsigned(count))]
    case .other(let kind): [("kind", .text("other")), ("number", .unsigned(kind))]
    }
  }

  static func position(_ position: DecodedLeaf.Position) -> [(String, JSONText)] {
    [
      ("source", .text(position.source)), ("latitude", .decimal(position.latitude)),
      ("longitude", .decimal(position.longitude)),
      ("altitudeMetres", .optional(position.altitude)),
      ("accuracyMetres", .optional(position.accuracy)),
    ]
  }
}
