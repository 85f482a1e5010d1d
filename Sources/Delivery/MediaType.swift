import FixedMemory

/// What a Content-Type header says, as far as delivery cares (RFC 9110 section 8.3.1).
public enum MediaType: Equatable, Sendable {
  /// `application/cose`, and `cose-type`, when given, is `cose-sign1` (RFC 9052 section 11.3.1).
  case receipt
  /// `application/concise-problem-details+cbor` (RFC 9290 section 6.3).
  case problem
  /// `application/cbor`.
  case cbor
  /// Anything else, and nothing.
  case other

  /// Of a Content-Type as a transport keeps it.
  public init(contentType: FixedArray<96, UInt8>) {
    var text = FixedBytes<96>()
    for index in contentType.indices { text[index] = contentType[index] }
    self.init(parsing: text.span.extracting(0..<contentType.count))
  }

  /// Reads a header's value. Untrusted: what does not parse is `other`.
  public init(parsing value: Span<UInt8>) {
    let end = Self.index(of: UInt8(ascii: ";"), in: value, from: 0) ?? value.count
    let name = Self.trimmed(value.extracting(0..<end))
    if Self.equalsIgnoringCase(name, "application/cbor") {
      self = .cbor
    } else if Self.equalsIgnoringCase(name, "application/concise-problem-details+cbor") {
      self = .problem
    } else if Self.equalsIgnoringCase(name, "application/cose"),
      Self.parametersAllowSign1(value, from: end)
    {
      self = .receipt
    } else {
      self = .other
    }
  }

  /// True unless a `cose-type` names another structure. None of our parameters holds a semicolon, so
  /// that a quoted one is read as two parts, of which neither is known.
  private static func parametersAllowSign1(_ value: Span<UInt8>, from start: Int) -> Bool {
    var start = start
    while start < value.count {
      let end = index(of: UInt8(ascii: ";"), in: value, from: start + 1) ?? value.count
      let parameter = trimmed(value.extracting(start + 1..<end))
      if let equals = index(of: UInt8(ascii: "="), in: parameter, from: 0),
        equalsIgnoringCase(parameter.extracting(0..<equals), "cose-type")
      {
        let type = parameter.extracting(equals + 1..<parameter.count)
        guard type.equals("cose-sign1") || type.equals("\"cose-sign1\"") else { return false }
      }
      start = end
    }
    return true
  }

  private static func index(of byte: UInt8, in bytes: Span<UInt8>, from start: Int) -> Int? {
    var index = start
    while index < bytes.count {
      if bytes[index] == byte { return index }
      index += 1
    }
    return nil
  }

  /// Without spaces and tabs at the ends.
  @_lifetime(copy bytes)
  private static func trimmed(_ bytes: Span<UInt8>) -> Span<UInt8> {
    var start = 0
    var end = bytes.count
    while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
    while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
    return bytes.extracting(start..<end)
  }

  /// Compares with a lower-case ASCII literal.
  private static func equalsIgnoringCase(_ bytes: Span<UInt8>, _ literal: StaticString) -> Bool {
    guard bytes.count == literal.utf8CodeUnitCount else { return false }
    for index in bytes.indices {
      let byte = bytes[index]
      let lower = (0x41...0x5a).contains(byte) ? byte | 0x20 : byte
      let expected = unsafe literal.utf8Start[index]
      guard lower == expected else { return false }
    }
    return true
  }
}
