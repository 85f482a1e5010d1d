import FixedMemory
import Testing

private func string<let capacity: Int>(_ text: FixedText<capacity>) -> String {
  text.span.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
}

@Test func aTextTakesWhatFitsAndRefusesWhatDoesNot() {
  for count in 0...8 {
    #expect((FixedText<8>([UInt8](repeating: 97, count: count).span)?.count) == count)
  }
  #expect(FixedText<8>([UInt8](repeating: 97, count: 9).span) == nil)
}

@Test func aTextThatIsCutSaysSoAndNeverEndsWithinACharacter() {
  let source = Array("aä€😀".utf8)
  for room in 0...10 {
    var text = FixedText<10>()
    for _ in 0..<(10 - room) { text.write(byte: UInt8(ascii: ".")) }
    text.write(source.span)
    #expect(text.isCut == (room < source.count))
    let isWhole = text.span.isUTF8
    #expect(isWhole)
  }
}

@Test func aNumberIsWrittenInDecimal() {
  for value in [0, 7, 10, -1, 512, Int64.max, Int64.min] {
    var text = FixedText<20>()
    text.write(decimal: value)
    #expect(string(text) == String(value) && !text.isCut)
  }
}

@Test func textsAreEqualWhenTheirBytesAre() {
  var cut = FixedText<3>()
  cut.write("abcd")
  #expect(cut == FixedText<3>("abc") && cut != FixedText<3>("abd") && cut != FixedText<3>("ab"))
}

@Test func utf8IsWhatRFC3629AllowsAndNothingElse() {
  // Swift's own decoder is the oracle: it repairs exactly what is not well-formed.
  let interesting: [UInt8] = [
    0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed,
    0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff,
  ]
  for first in interesting {
    for second in interesting {
      for third in interesting {
        for fourth in interesting {
          let bytes = [first, second, third, fourth]
          let isValid = String(validating: bytes, as: UTF8.self) != nil
          if bytes.span.isUTF8 != isValid { Issue.record("\(bytes)") }
        }
      }
    }
  }
}
