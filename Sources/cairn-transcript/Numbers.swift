import CBOR
import FixedMemory

/// Integers around every power of two, of both signs, encoded and decoded again; and lengths that no memory
/// of 32 bits could hold, which are refused.
func tellNumbers() {
  for power in 0..<64 {
    var encoded = Message()
    for delta in 0..<3 {
      let value = (UInt64(1) << UInt64(power)) &+ UInt64(delta) &- 1
      append(unsigned: value, to: &encoded)
      if let positive = Int64(exactly: value) {
        append(integer: positive, to: &encoded)
        append(integer: -positive, to: &encoded)
        append(integer: ~positive, to: &encoded)
      }
    }
    let name = named("cbor integers around 2^", UInt64(power))
    tell(name.span, encoded.span)
  }
  var ends = Message()
  append(unsigned: .max, to: &ends)
  append(integer: .max, to: &ends)
  append(integer: .min, to: &ends)
  tell("cbor integers at the ends", ends.span)
  tellLengths()
}

private func append(unsigned value: UInt64, to message: inout Message) {
  let encoded = Message {
    var encoder = CBOREncoder($0)
    encoder.unsigned(value)
    return encoder.byteCount
  }
  var decoder = CBORDecoder(encoded.span)
  do throws(CBORDecoder.Failure) {
    guard try decoder.unsigned() == value else { fail("an integer comes back as another") }
    try decoder.finish()
  } catch { fail("an integer is not decoded") }
  message.append(encoded.span)
}

private func append(integer value: Int64, to message: inout Message) {
  let encoded = Message {
    var encoder = CBOREncoder($0)
    encoder.integer(value)
    return encoder.byteCount
  }
  var decoder = CBORDecoder(encoded.span)
  do throws(CBORDecoder.Failure) {
    guard try decoder.integer() == value else { fail("an integer comes back as another") }
    try decoder.finish()
  } catch { fail("an integer is not decoded") }
  message.append(encoded.span)
}

/// Heads of strings, arrays, maps and tags with arguments around every power of two, over eight bytes.
private func tellLengths() {
  for type in 2..<7 {
    var codes = Message()
    for power in 0..<64 {
      for delta in 0..<3 {
        let argument = (UInt64(1) << UInt64(power)) &+ UInt64(delta) &- 1
        codes.append(code(ofHead: UInt8(type) << 5, argument))
      }
    }
    let name = named("cbor lengths of major type ", UInt64(type))
    tell(name.span, codes.span)
  }
}

/// How skipping an item with that head ends, and how taking it as what it is does: four bits each.
private func code(ofHead type: UInt8, _ argument: UInt64) -> UInt8 {
  var bytes = Message {
    var encoder = CBOREncoder($0)
    encoder.unsigned(argument)
    return encoder.byteCount
  }
  var head = Message()
  head.append(bytes.span[0] | type)
  head.append(bytes.span.extracting(1..<bytes.count))
  for _ in 0..<8 { head.append(0) }
  bytes = head
  var skipping = CBORDecoder(bytes.span)
  var taking = CBORDecoder(bytes.span)
  var codes: UInt8 = 0
  do throws(CBORDecoder.Failure) { try skipping.skipItem() } catch {
    codes = number(of: error) << 4
  }
  do throws(CBORDecoder.Failure) {
    switch type >> 5 {
    case 2: _ = try taking.byteString()
    case 3: _ = try taking.text()
    case 4: _ = try taking.arrayHead()
    case 5: _ = try taking.mapHead()
    default: _ = try taking.tag()
    }
  } catch { codes |= number(of: error) }
  return codes
}

/// 0 is for none.
func number(of failure: CBORDecoder.Failure) -> UInt8 {
  switch failure {
  case .truncated: 1
  case .notShortest: 2
  case .notSupported: 3
  case .unexpectedType: 4
  case .outOfRange: 5
  case .notUTF8: 6
  case .tooDeep: 7
  case .outsideFormat: 8
  case .unknownVersion: 9
  case .unknownAlgorithm: 10
  case .trailingBytes: 11
  }
}
