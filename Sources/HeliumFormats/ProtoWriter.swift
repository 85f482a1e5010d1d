/// Protocol buffers, version 3, as their encoding guide has them: ascending fields, default values left out.
struct ProtoWriter {
  private(set) var bytes: [UInt8] = []

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  mutating func unsigned(_ field: UInt64, _ value: UInt64) {
    guard value != 0 else { return }
    varint(field << 3)
    varint(value)
  }

  /// int32: a negative one has ten bytes.
  mutating func signed(_ field: UInt64, _ value: Int32) {
    unsigned(field, UInt64(bitPattern: Int64(value)))
  }

  /// sint32: zigzag.
  mutating func zigzag(_ field: UInt64, _ value: Int32) {
    unsigned(field, UInt64(UInt32(bitPattern: (value << 1) ^ (value >> 31))))
  }

  mutating func bytes(_ field: UInt64, _ value: [UInt8]) {
    guard !value.isEmpty else { return }
    varint(field << 3 | 2)
    varint(UInt64(value.count))
    bytes += value
  }
}
