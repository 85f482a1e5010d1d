import CBOR
import FixedMemory
import Proofs

/// Values of the documents that may be null, or have the range of a smaller type.
extension CBORDecoder {
  @_lifetime(self: copy self)
  mutating func integer<Value: FixedWidthInteger & SignedInteger>(as type: Value.Type)
    throws(Failure) -> Value
  {
    guard let value = Value(exactly: try integer()) else { throw .outOfRange }
    return value
  }

  @_lifetime(self: copy self)
  mutating func optionalDigest() throws(Failure) -> Digest? {
    try skipNull() ? nil : digest()
  }
}

extension CBOREncoder {
  @_lifetime(self: copy self)
  mutating func optional(_ digest: Digest?) {
    if let digest { byteString(digest.span) } else { null() }
  }

  @_lifetime(self: copy self)
  mutating func optional(_ value: Int32?) {
    if let value { integer(Int64(value)) } else { null() }
  }

  @_lifetime(self: copy self)
  mutating func optional(_ value: Int64?) {
    if let value { integer(value) } else { null() }
  }
}
