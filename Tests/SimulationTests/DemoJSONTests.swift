import Testing

@testable import Simulation

@Suite struct DemoJSONTests {
  @Test(arguments: [
    "null", "true", "false", "0", "-0", "3.900", "-12.50e+3", "\"\"", "[]", "{}",
    "[1,[2,{\"a\":null}]]", "{\"b\":1,\"a\":[true,\"x\"]}",
  ])
  func aValueIsWrittenAsItWasRead(_ text: String) throws {
    #expect(try DemoJSON(text).line == text)
  }

  @Test func aNumberKeepsItsLastZeros() throws {
    #expect(try DemoJSON("{\"value\":3.900}")["value"]?.decimal == "3.900")
  }

  @Test func blanksBetweenTokensSayNothing() throws {
    #expect(try DemoJSON(" { \"a\" :\t[ 1 , 2 ]\r\n} ").line == "{\"a\":[1,2]}")
  }

  @Test func escapesGiveTheirCharacters() throws {
    let text = try DemoJSON(#""a\"\\\/\b\f\n\r\t\u00e9\ud83e\udea8""#).string
    #expect(text == "a\"\\/\u{8}\u{c}\n\r\té🪨")
  }

  @Test func controlCharactersAreWrittenAsEscapes() {
    #expect(DemoJSON.text("a\u{1b}[31m\n\"").line == #""a\u001b[31m\u000a\"""#)
  }

  @Test(arguments: [
    "", " ", "nul", "tru", "01", "1.", ".5", "-", "1e", "+1", "[1", "[1,]", "[,]", "{\"a\"}",
    "{\"a\":}", "{a:1}", "{\"a\":1,}", "\"", "\"\\", "\"\\x\"", "\"\\u12g4\"", "\"\\u12\"",
    "\"a\nb\"", "1 2", "{} x", "NaN",
  ])
  func whatIsNotJSONIsRefused(_ text: String) {
    #expect(throws: DemoJSON.Failure.self) { try DemoJSON(text) }
  }

  @Test func everyCutOfALineIsRefused() throws {
    let line = #"{"event":"batch","n":-1.5e3,"t":["\u00e9",true,null,{}]}"#
    _ = try DemoJSON(line)
    for count in 0..<line.utf8.count {
      let cut = String(decoding: line.utf8.prefix(count), as: UTF8.self)
      #expect(throws: DemoJSON.Failure.self, "\(cut)") { try DemoJSON(cut) }
    }
  }

  @Test func nestingIsBounded() throws {
    let depth = DemoJSON.depthLimit
    let deepest =
      String(repeating: "[", count: depth - 1) + "1" + String(repeating: "]", count: depth - 1)
    _ = try DemoJSON(deepest)
    #expect(throws: DemoJSON.Failure.tooDeep) { try DemoJSON("[" + deepest + "]") }
    #expect(throws: DemoJSON.Failure.tooDeep) {
      try DemoJSON(String(repeating: "[", count: 100_000))
    }
  }

  @Test func numbersOutOfRangeAreNone() throws {
    #expect(try DemoJSON("18446744073709551615").unsigned == .max)
    #expect(try DemoJSON("18446744073709551616").unsigned == nil)
    #expect(try DemoJSON("1.0").integer == nil)
    #expect(try DemoJSON("-1").unsigned == nil)
  }
}
