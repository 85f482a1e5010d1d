import CBOR
import FixedMemory
import Records
import Testing

@testable import Delivery

func bytes(_ hex: String) -> [UInt8] {
  let digits = hex.utf8.filter { $0 != 0x20 && $0 != 0x0a }
  return stride(from: 0, to: digits.count, by: 2).map { index in
    func nibble(_ digit: UInt8) -> UInt8 { digit > 0x39 ? digit - 0x57 : digit - 0x30 }
    return nibble(digits[index]) << 4 | nibble(digits[index + 1])
  }
}

func encoded(_ problem: ProblemDetails, detail: String = "") -> [UInt8] {
  var buffer = [UInt8](repeating: 0, count: ProblemDetails.maximumByteCount)
  let text = Array(detail.utf8)
  var encoder = CBOREncoder(buffer.mutableSpan)
  problem.encode(detail: text.span, into: &encoder)
  precondition(!encoder.overflowed, "a problem of more than its maximum")
  let count = encoder.byteCount
  return Array(buffer[0..<count])
}

private func decoded(_ bytes: [UInt8]) throws(ProblemDetails.Failure) -> ProblemDetails {
  try ProblemDetails(decoding: bytes.span)
}

private let gap = ProblemDetails(
  code: 40, expectation: .init(position: at(0, 7), size: 28))
private let gapBytes = bytes(
  "a2 20 63 676170 6d 636169726e3a7265667573616c a4 00 18 28 01 00 02 07 03 18 1c")

@Test func theExamplesOfThePageAreReadAndWritten() throws {
  #expect(encoded(gap) == gapBytes)
  #expect(try decoded(gapBytes) == gap)
  let limited = bytes("a1 6d 636169726e3a7265667573616c a2 00 18 3c 04 18 78")
  #expect(try decoded(limited) == ProblemDetails(code: 60, retryAfterSeconds: 120))
}

@Test func everyProblemComesBackAsItWasWritten() throws {
  let expectations: [ProblemDetails.Expectation?] = [
    nil, .init(position: at(0, 0), size: 0), .init(position: at(.max, .max), size: .max),
  ]
  for code: UInt16 in [0, 1, 23, 24, 40, 255, 256, .max] {
    for expectation in expectations {
      for seconds: UInt32? in [nil, 0, .max] {
        let problem = ProblemDetails(
          code: code, expectation: expectation, retryAfterSeconds: seconds)
        for detail in ["", "Etwas fehlt: ü", String(repeating: "x", count: 512)] {
          #expect(try decoded(encoded(problem, detail: detail)) == problem)
        }
      }
    }
  }
}

@Test func everyTruncationOfAProblemIsRefused() {
  let whole = encoded(gap, detail: "Batch 7 of epoch 0 comes next.")
  for count in 0..<whole.count {
    #expect(throws: ProblemDetails.Failure.self) { try decoded(Array(whole[0..<count])) }
  }
  #expect(throws: ProblemDetails.Failure.malformed(.trailingBytes)) { try decoded(whole + [0]) }
}

@Test func noFlippedBitsOfAProblemTrap() {
  // One bit and any second: what still decodes differs or is the same, but nothing traps.
  for first in 0..<(gapBytes.count * 8) {
    for second in first..<(gapBytes.count * 8) {
      var flipped = gapBytes
      flipped[first / 8] ^= 1 << UInt8(first % 8)
      if second != first { flipped[second / 8] ^= 1 << UInt8(second % 8) }
      do { _ = try decoded(flipped) } catch {}
    }
  }
}

@Test func whatIsNotThisMapIsRefused() {
  let reason = "6d 636169726e3a7265667573616c"
  let cases: [(String, ProblemDetails.Failure)] = [
    ("a0", .incomplete),
    ("a1 20 63 676170", .incomplete),
    ("a1 \(reason) a0", .incomplete),
    ("a1 \(reason) a1 04 05", .incomplete),
    // Half an expectation.
    ("a1 \(reason) a2 00 18 28 01 00", .incomplete),
    ("a1 \(reason) a3 00 18 28 01 00 03 00", .incomplete),
    // Out of order, and twice, outside and inside.
    ("a2 \(reason) a1 00 01 20 63 676170", .keyOrder),
    ("a2 20 63 676170 20 63 676170", .keyOrder),
    ("a3 20 63 676170 \(reason) a1 00 01 \(reason) a1 00 01", .keyOrder),
    ("a1 \(reason) a2 04 05 00 01", .keyOrder),
    ("a1 \(reason) a2 00 01 00 01", .keyOrder),
    // Keys and values of other kinds.
    ("a1 41 00 00", .malformed(.unexpectedType)),
    ("a1 \(reason) 01", .malformed(.unexpectedType)),
    ("a1 \(reason) a1 00 20", .malformed(.unexpectedType)),
    ("a1 \(reason) a1 00 1a 00010000", .malformed(.outOfRange)),
    ("a1 \(reason) a1 00 18 01", .malformed(.notShortest)),
    ("bf \(reason) a1 00 01 ff", .malformed(.notSupported)),
    ("83 01 02 03", .malformed(.unexpectedType)),
  ]
  for (hex, failure) in cases {
    #expect(throws: failure, "\(hex)") { try decoded(bytes(hex)) }
  }
}

@Test func otherKeysArePassedOver() throws {
  // 0: 1, -1: "gap", -5: text, -300: [1, [true, null]], then the reason with a field 23.
  let hex = """
    a5 00 01 20 63 676170 24 61 78 39 012b 82 01 82 f5 f6
    6d 636169726e3a7265667573616c a2 00 01 17 41 aa
    """
  #expect(try decoded(bytes(hex)) == ProblemDetails(code: 1))
}

@Test func everyReasonCodeHasAStatusANameAndAWayOut() {
  var names = Set<String>()
  var count = 0
  for raw in UInt16.min ... .max {
    guard let code = RefusalCode(rawValue: raw) else { continue }
    count += 1
    #expect(names.insert(code.name.description).inserted)
    #expect(code.name.utf8CodeUnitCount <= 25)
    #expect(code.meaning.description.hasSuffix("."))
    #expect(code.remedy.description.hasSuffix("."))
    #expect(code == .unknownPosition || (400...599).contains(code.httpStatus))
  }
  #expect(count == 32)
}
