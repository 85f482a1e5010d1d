import FixedMemory
import Testing

/// Stores, looks at the bytes, loads, at every offset of a small buffer.
private func check<Value: FixedWidthInteger>(_ value: Value) {
  let width = Value.bitWidth / 8
  for offset in 0...3 {
    var bytes = [UInt8](repeating: 0xee, count: width + 3)
    var span = bytes.mutableSpan
    span.storeLittleEndian(value, at: offset)
    let loaded = bytes.span.loadLittleEndian(Value.self, at: offset)
    if loaded != value { Issue.record("\(value) comes back as \(loaded)") }
    for index in bytes.indices {
      let isInside = (offset..<offset + width).contains(index)
      let expected =
        isInside
        ? UInt8(truncatingIfNeeded: value >> Value(truncatingIfNeeded: (index - offset) * 8)) : 0xee
      if bytes[index] != expected { Issue.record("\(value) at \(offset): byte \(index)") }
    }
  }
}

@Test func everyIntegerOfOneAndTwoBytesIsStoredAndLoadedLittleEndian() {
  for value in UInt8.min...UInt8.max { check(value) }
  for value in Int8.min...Int8.max { check(value) }
  for value in UInt16.min...UInt16.max { check(value) }
  for value in Int16.min...Int16.max { check(value) }
}

@Test func everySingleBitOfAWideIntegerIsStoredAndLoadedLittleEndian() {
  for bit in 0..<32 {
    check(UInt32(1) << bit)
    check(~(UInt32(1) << bit))
    check(Int32(truncatingIfNeeded: UInt32(1) << bit))
  }
  for bit in 0..<64 {
    check(UInt64(1) << bit)
    check(~(UInt64(1) << bit))
    check(Int64(truncatingIfNeeded: UInt64(1) << bit))
  }
  check(UInt64(0x0102_0304_0506_0708))
  check(Int64.min)
  check(Int64(-1))
}

@Test func bytesAreCopiedToWhereTheyShouldBeAndNowhereElse() {
  for count in 0...4 {
    for offset in 0...(4 - count) {
      var bytes = [UInt8](repeating: 0xee, count: 4)
      let source = (0..<count).map { UInt8($0 + 1) }
      var span = bytes.mutableSpan
      span.copy(source.span, to: offset)
      let expected = (0..<4).map { index -> UInt8 in
        (offset..<offset + count).contains(index) ? UInt8(index - offset + 1) : 0xee
      }
      #expect(bytes == expected)
    }
  }
}

@Test func aCopyPastTheEndEndsTheProgram() async {
  await #expect(processExitsWith: .failure) {
    var bytes: [UInt8] = [0, 0]
    var span = bytes.mutableSpan
    span.copy([1, 2].span, to: 1)
  }
}

@Test func spansAreEqualByteForByte() {
  let bytes: [UInt8] = Array("cairn".utf8)
  let isTheLiteral = bytes.span.equals("cairn")
  #expect(isTheLiteral)
  for count in bytes.indices {
    let cut = Array(bytes[..<count])
    let (isEqual, isLiteral) = (bytes.span.equals(cut.span), cut.span.equals("cairn"))
    #expect(!isEqual && !isLiteral)
    for bit in 0..<8 {
      var flipped = bytes
      flipped[count] ^= 1 << bit
      let (isEqual, isLiteral) = (bytes.span.equals(flipped.span), flipped.span.equals("cairn"))
      #expect(!isEqual && !isLiteral)
    }
  }
}

@Test func aLiteralsBytesAreItsUTF8() {
  let literal: StaticString = "Grad °C €"
  let bytes = literal.bytes
  let found = bytes.indices.map { bytes[$0] }
  #expect(found == Array("Grad °C €".utf8))
}
