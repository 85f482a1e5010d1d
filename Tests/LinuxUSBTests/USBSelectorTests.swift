import FixedMemory
import Testing
import USBBridges

@testable import LinuxUSB

private func selector(_ text: String) -> USBSelector? {
  let bytes = Array(text.utf8)
  return USBSelector(bytes.span)
}

@Suite struct USBSelectorTests {
  @Test func idsAndPlaceAreReadAsWritten() throws {
    let plain = try #require(selector("1a86:5512"))
    #expect(plain.vendor == 0x1a86 && plain.product == 0x5512 && plain.which.isEmpty)
    let upper = try #require(selector("1A86:55D4@1-1.2"))
    #expect(upper.product == 0x55d4 && upper.which == FixedText<64>("1-1.2"))
    let longest = String(repeating: "x", count: 64)
    #expect(selector("0403:6001@" + longest)?.which.count == 64)
  }

  @Test(arguments: [
    "", "1a86", "1a86:", "1a86:551", "1a86:55122", "1a8g:5512", "0000:5512", "1a86-5512", ":",
    "1a86:5512@", "1a86:5512 ", "1a86:5512@a b", "1a86:5512@\u{1b}[2J", " 1a86:5512",
    "\u{11}a86:5512", "1a86:5512@" + String(repeating: "x", count: 65),
  ])
  func whatIsWrittenOtherwiseIsNoSelector(text: String) {
    #expect(selector(text) == nil)
  }

  @Test func aTextOfADeviceIsCleanedAndCut() {
    func cleaned(_ bytes: [UInt8], _ count: Int) -> String {
      let text = bytes.withUnsafeBytes { USBDevice.cleaned($0, count: count) }
      let span = text.span
      return String(decoding: span.indices.map { span[$0] }, as: UTF8.self)
    }
    #expect(cleaned(Array("A7F00321".utf8), 8) == "A7F00321")
    #expect(cleaned([0x1b, 0x5b, 0x32, 0x4a, 0x41, 0xff, 0x0a], 7) == ".[2JA..")
    #expect(cleaned([0x41, 0x20, 0x00, 0x20], 4) == "A")
    #expect(cleaned([UInt8](repeating: 0x42, count: 200), 200).count == 64)
    #expect(cleaned([0x41], 200) == "A")
    #expect(cleaned([], 0) == "")
  }

  @Test func libusbsCodesAreTheFailuresThatTheyMean() {
    let expected: [(Int32, USBFailure)] = [
      (-7, .timedOut), (-9, .stalled), (-8, .overflowed), (-4, .disconnected), (-6, .busy),
      (-3, .denied), (-1, .system(code: -1)), (-99, .system(code: -99)),
    ]
    for (code, failure) in expected { #expect(LinuxUSB.failure(code) == failure) }
  }
}
