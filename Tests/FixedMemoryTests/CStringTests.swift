import FixedMemory
import Testing

private func text(_ value: CString<8>) -> String { value.withCString { String(cString: $0) } }

/// What stands in it after these, and which of them were taken.
private func appended(_ parts: [String]) -> (text: String, taken: [Bool]) {
  var value = CString<8>()
  let taken = parts.map { value.append(Array($0.utf8).span) }
  return (text(value), taken)
}

@Suite struct CStringTests {
  @Test func whatDoesNotFitWithItsZeroIsRefusedWhole() {
    #expect(appended([]).text == "")
    let full = appended(["abcd", "efgh", "efg", "h", ""])
    #expect(full.text == "abcdefg" && full.taken == [true, false, true, false, true])
  }

  @Test func aZeroInsideIsRefused() {
    let cut = appended(["a\u{0}b", "c"])
    #expect(cut.text == "c" && cut.taken == [false, true])
    var value = CString<8>()
    let isTaken = value.append("a\u{0}")
    #expect(!isTaken && value.byteCount == 0 && value.last == nil)
  }

  @Test func whatIsRemovedLeavesNothingBehind() {
    var value = CString<8>()
    let isTaken = value.append("ab/")
    #expect(isTaken && value.last == UInt8(ascii: "/"))
    value.removeLast()
    #expect(text(value) == "ab")
    let isTakenToo = value.append("c")
    #expect(isTakenToo && text(value) == "abc" && value.byteCount == 3)
  }

  @Test func aLiteralEndsWithAZero() {
    let literal: StaticString = "gateway"
    #expect(String(cString: literal.cString) == "gateway")
  }
}
