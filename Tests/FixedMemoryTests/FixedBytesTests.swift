import FixedMemory
import Testing

@Test func fixedBytesTakeExactlyTheirLength() {
  for count in 0...9 {
    let source = (0..<count).map { UInt8($0 + 1) }
    guard let value = FixedBytes<4>(source.span) else {
      #expect(count != 4)
      continue
    }
    #expect(count == 4)
    let bytes = (0..<4).map { value[$0] }
    let spanned = value.span.indices.map { value.span[$0] }
    #expect(bytes == source && spanned == source)
  }
}

@Test func fixedBytesDifferWhenOneBitDoes() {
  let zero = FixedBytes<8>()
  #expect(zero.isZero && zero == FixedBytes<8>())
  for position in 0..<8 {
    for bit in 0..<8 {
      var value = FixedBytes<8>()
      value[position] = 1 << bit
      #expect(!value.isZero && value != zero)
      value[position] = 0
      #expect(value.isZero && value == zero)
    }
  }
}

@Test func fixedBytesAreWrittenThroughTheirSpan() {
  var value = FixedBytes<3>()
  var span = value.mutableSpan
  span.copy([7, 8].span, to: 1)
  let bytes = (0..<3).map { value[$0] }
  #expect(bytes == [0, 7, 8])
}
