import FixedMemory
import Testing

private func built<let capacity: Int>(_ text: borrowing TextBuilder<capacity>) -> String {
  let span = text.span
  return String(decoding: span.indices.map { span[$0] }, as: UTF8.self)
}

@Test(arguments: [
  (0, 0, "0"), (0, -2, "0.00"), (0, 3, "0"), (-5, -3, "-0.005"), (12, 2, "1200"),
  (-12, 2, "-1200"), (123_456, -3, "123.456"), (23_450, -3, "23.450"),
  (Int64.max, 0, "9223372036854775807"), (Int64.min, 0, "-9223372036854775808"),
  (Int64.min, -19, "-0.9223372036854775808"), (7, -25, "0.0000000000000000000000007"),
])
func aFixedPointNumberIsWrittenExactly(value: Int64, powerOfTen: Int8, expected: String) {
  var text = TextBuilder<64>()
  text.append(fixedPoint: value, powerOfTen: powerOfTen)
  let line = built(text)
  #expect(line == expected)
}

@Test func integersOfEveryWidthAreWritten() {
  var text = TextBuilder<100>()
  text.append(Int8.min)
  text.append(" ")
  text.append(UInt64.max)
  text.append(" ")
  text.append(7, digits: 2)
  text.append(" ")
  text.append(123, digits: 2)
  text.append(" ")
  text.append(-42)
  let line = built(text)
  #expect(line == "-128 18446744073709551615 07 123 -42")
}

@Test func bytesAndNumbersInHexadecimal() {
  var text = TextBuilder<100>()
  text.append(hex: [0x00, 0x0f, 0xa5].span)
  text.append(" ")
  text.append(hex: 0)
  text.append(" ")
  text.append(hex: 0x76, digits: 4)
  text.append(" ")
  text.append(hex: UInt64.max, digits: 20)
  let line = built(text)
  #expect(line == "000fa5 0 0076 0000ffffffffffffffff")
}

@Test func aTextThatIsTooLongIsCutAndNotContinued() {
  var text = TextBuilder<5>()
  text.append("abc")
  let cut1 = text.overflowed
  #expect(!cut1)
  text.append("def")
  let cut2 = text.overflowed
  #expect(cut2)
  text.append("g")
  let line = built(text)
  #expect(line == "abcde")
  text.removeAll()
  text.append("xyz")
  let next = built(text)
  #expect(next == "xyz")
  let cut3 = text.overflowed
  #expect(!cut3)
}

@Test func bytesFromOutsideCannotSteerATerminal() {
  var text = TextBuilder<20>()
  text.append(untrusted: [0x1b, 0x5b, 0x41, 0x0a, 0x7f, 0xff, 0x20].span)
  let line = built(text)
  #expect(line == ".[A... ")
}
