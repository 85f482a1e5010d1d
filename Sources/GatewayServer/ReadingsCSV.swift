import GatewayStore

/// Readings as RFC 4180 text, one value a line. Faults and gaps have lines of their own, without a value.
enum ReadingsCSV {
  static let header =
    "epoch,leaf,boot,t_ms,utc,utc_uncertainty_ms,kind,chip,bus,name,unit,value,simulated,note,kid\r\n"

  static func text(_ parts: [KeyedReadingsPage.Part]) -> String {
    var result = header
    for part in parts {
      let kid = part.device.key.keyID.hexadecimal
      for leaf in part.leaves { lines(of: leaf, kid, to: &result) }
    }
    return result
  }

  private static func lines(of leaf: DecodedLeaf, _ kid: String, to result: inout String) {
    switch leaf.content {
    case .reading(let sensor, let values):
      for value in values {
        line(
          leaf, kid, "reading", sensor, name: value.name, unit: value.unit,
          value: value.value?.description ?? "", note: value.value == nil ? "no value" : "",
          to: &result)
      }
    case .fault(let sensor, _, let name, let count):
      line(leaf, kid, "fault", sensor, note: "\(name) ×\(count)", to: &result)
    case .gap(let name, let sensor, let from, let to, let count, let reason):
      line(
        leaf, kid, "gap", sensor, note: "\(name) \(from) to \(to) ×\(count) \(reason)", to: &result)
    case .unreadable(let reason): line(leaf, kid, "unreadable", nil, note: reason, to: &result)
    case .frame(let sensor, let frame):
      line(
        leaf, kid, "frame", sensor,
        note: "\(frame.byteCount) bytes at \(frame.frequencyHertz) Hz SF\(frame.spreadingFactor) "
          + "RSSI \(frame.rssi)" + (frame.snr.map { " SNR \($0)" } ?? ""), to: &result)
    case .framesRefused(_, let name, let sensor, let reason, let count):
      line(leaf, kid, "event", sensor, note: "\(name) ×\(count) \(reason)", to: &result)
    case .boot, .schema, .event, .contact, .button, .clock, .position, .other: break
    }
  }

  private static func line(
    _ leaf: DecodedLeaf, _ kid: String, _ kind: String, _ sensor: Sensor?, name: String = "",
    unit: String = "", value: String = "", note: String, to result: inout String
  ) {
    var utc = ""
    var uncertainty = ""
    var note = note
    switch leaf.time {
    case .known(let milliseconds, let uncertaintyMilliseconds, _):
      utc = CalendarTime.text(utcMilliseconds: milliseconds) ?? ""
      uncertainty = String(uncertaintyMilliseconds)
    case .unknown(let reason): note += (note.isEmpty ? "" : "; ") + reason
    }
    let fields = [
      String(leaf.epoch), String(leaf.index), String(leaf.boot), String(leaf.milliseconds), utc,
      uncertainty, kind, text(sensor?.chip ?? ""), text(sensor?.bus ?? ""), text(name), text(unit),
      value, leaf.isSimulated ? "1" : "0", text(note), kid,
    ]
    result += fields.joined(separator: ",") + "\r\n"
  }

  /// A field that a device wrote. A spreadsheet takes what begins with = + - @ for a formula, so that an
  /// apostrophe goes in front.
  private static func text(_ field: String) -> String {
    var field = field
    if let first = field.unicodeScalars.first, "=+-@\t\r".unicodeScalars.contains(first) {
      field = "'" + field
    }
    guard field.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return field }
    return "\"" + field.replacing("\"", with: "\"\"") + "\""
  }
}
