import FixedMemory
import Testing
import USBBridges

private func text(_ reason: BridgeReason, driver: StaticString = "") -> String {
  var builder = TextBuilder<384>()
  reason.describe(
    place: FixedText("1a86:5512 at port 1-1.2"), kernelDriver: FixedText(driver), to: &builder)
  let overflowed = builder.overflowed
  #expect(!overflowed)
  let span = builder.span
  return String(decoding: span.indices.map { span[$0] }, as: UTF8.self)
}

@Suite struct ReasonTests {
  @Test func everyReasonNamesTheStickAndWhy() {
    let expected: [(BridgeReason, String)] = [
      (.failing(.absent), "no such stick is plugged in"),
      (.failing(.ambiguous), "--device"), (.failing(.busy), "another program"),
      (.failing(.denied), "permission denied"), (.failing(.timedOut), "no answer in time"),
      (.failing(.stalled), "stall"), (.failing(.overflowed), "garbage"),
      (.failing(.disconnected), "it went"), (.failing(.system(code: -99)), "is there USB"),
      (.garbage(expected: 3, received: 31), "31 bytes came where 3 were due"),
      (.hung(resets: 4), "for the 4. time"), (.lost, "unplugged"), (.resting, "left alone"),
    ]
    for (reason, part) in expected {
      #expect(text(reason).hasPrefix("1a86:5512 at port 1-1.2: "))
      #expect(text(reason).contains(part))
    }
  }

  @Test func aKernelDriverThatHasTheStickIsNamed() {
    #expect(text(.failing(.busy), driver: "spi-ch341").contains("kernel driver spi-ch341"))
  }
}
