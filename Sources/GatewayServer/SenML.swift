import CBOR
import FixedMemory
import GatewayStore

/// Readings as Sensor Measurement Lists (RFC 8428), in JSON (section 5) and CBOR (section 6).
///
///     base name   ID of the device or node that was asked for, and ":"
///     name        [simulated/] chip / schema number / quantity
///     unit        as the schema leaf has it
///     value       the digits that were signed; in CBOR an integer or a decimal fraction (tag 4)
///     time        seconds since 1970
///
/// What SenML can't say truthfully is not in it: values that the chip did not give, faults, gaps, and leaves
/// without a known time, which a reader of SenML would take for measured just now (section 4.5.3).
enum SenML {
  /// Labels of CBOR (RFC 8428 section 6, table 4).
  enum Label {
    static let baseName: Int64 = -2
    static let name: Int64 = 0
    static let unit: Int64 = 1
    static let value: Int64 = 2
    static let time: Int64 = 6
  }

  struct Record: Equatable {
    let name: String
    let unit: String
    let value: ScaledInteger
    let utcMilliseconds: Int64

    /// Seconds, with as many digits as they need.
    var seconds: ScaledInteger {
      utcMilliseconds.isMultiple(of: 1000)
        ? ScaledInteger(utcMilliseconds / 1000, powerOfTen: 0)
        : ScaledInteger(utcMilliseconds, powerOfTen: -3)
    }
  }

  /// The records of a page, and how many of its leaves are readings without a known time.
  static func records(_ leaves: [DecodedLeaf]) -> (records: [Record], withoutTimeCount: Int) {
    var records: [Record] = []
    var withoutTimeCount = 0
    for leaf in leaves {
      guard case .reading(let sensor, let values) = leaf.content else { continue }
      // Below 2^28 seconds, in 1978, a time would be relative to now.
      guard case .known(let utc, _, _) = leaf.time, utc >= 268_435_456_000 else {
        withoutTimeCount += 1
        continue
      }
      for measurement in values {
        guard let value = measurement.value else { continue }
        let path = "\(clean(sensor.chip))/\(sensor.schema)/\(clean(measurement.name))"
        records.append(
          Record(
            name: leaf.isSimulated ? "simulated/" + path : path, unit: measurement.unit,
            value: value, utcMilliseconds: utc))
      }
    }
    return (records, withoutTimeCount)
  }

  /// A name has letters, digits and - : . / _ only (section 4.5.1).
  private static func clean(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { scalar in
          switch scalar {
          case "A"..."Z", "a"..."z", "0"..."9", "-", ":", ".", "_": scalar
          default: "_"
          }
        }))
  }

  static func json(_ records: [Record], baseName: String) -> String {
    var members: [JSONText] = []
    for (index, record) in records.enumerated() {
      var fields: [(String, JSONText)] = index == 0 ? [("bn", .text(baseName))] : []
      fields.append(("n", .text(record.name)))
      if !record.unit.isEmpty { fields.append(("u", .text(record.unit))) }
      fields += [("v", .decimal(record.value)), ("t", .decimal(record.seconds))]
      members.append(.object(fields))
    }
    return JSONText.array(members).line + "\n"
  }

  static func cbor(_ records: [Record], baseName: String) -> [UInt8] {
    var bytes = piece { $0.arrayHead(count: records.count) }
    for (index, record) in records.enumerated() {
      bytes += piece { encoder in
        encoder.mapHead(count: 3 + (index == 0 ? 1 : 0) + (record.unit.isEmpty ? 0 : 1))
        // Bytewise order of the labels: 00, 01, 02, 06, 21.
        encoder.integer(Label.name)
        encoder.text(Array(record.name.utf8).span)
        if !record.unit.isEmpty {
          encoder.integer(Label.unit)
          encoder.text(Array(record.unit.utf8).span)
        }
        encoder.integer(Label.value)
        number(record.value, &encoder)
        encoder.integer(Label.time)
        number(record.seconds, &encoder)
        if index == 0 {
          encoder.integer(Label.baseName)
          encoder.text(Array(baseName.utf8).span)
        }
      }
    }
    return bytes
  }

  /// An integer, or [exponent, mantissa] (RFC 8949 section 3.4.4): the same number in either form.
  private static func number(_ value: ScaledInteger, _ encoder: inout CBOREncoder) {
    if value.powerOfTen == 0 {
      encoder.integer(value.integer)
    } else {
      encoder.tag(4)
      encoder.arrayHead(count: 2)
      encoder.integer(Int64(value.powerOfTen))
      encoder.integer(value.integer)
    }
  }

  /// What fits into 2 KiB: texts of a leaf have at most 1024 bytes together.
  private static func piece(_ encode: (inout CBOREncoder) -> Void) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 2048)
    let count = write(encode, into: bytes.mutableSpan)
    precondition(count <= bytes.count, "a SenML record longer than its texts")
    return Array(bytes.prefix(count))
  }

  private static func write(
    _ encode: (inout CBOREncoder) -> Void, into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encode(&encoder)
    return encoder.byteCount
  }
}
