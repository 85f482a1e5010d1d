import CBOR
import FixedMemory
import Testing

@testable import Delivery

private func bytes(_ byte: UInt8) -> FixedBytes<32> {
  var value = FixedBytes<32>()
  for index in 0..<32 { value[index] = byte }
  return value
}

private func encoded(_ answer: EnrolmentAnswer) -> [UInt8] {
  var buffer = [UInt8](repeating: 0xee, count: EnrolmentAnswer.maximumByteCount)
  let count = answer.encode(into: buffer.mutableSpan)
  return Array(buffer.prefix(count))
}

private func failure(_ bytes: [UInt8]) -> CBORDecoder.Failure? {
  do throws(CBORDecoder.Failure) {
    _ = try EnrolmentAnswer(decoding: bytes.span)
    return nil
  } catch { return error }
}

private let answers = [
  EnrolmentAnswer(
    enrolmentHash: bytes(0x11), version: 1, verdict: .taken(node: bytes(0x22))),
  EnrolmentAnswer(
    enrolmentHash: bytes(0xff), version: UInt64(Int64.max), verdict: .taken(node: bytes(0))),
  EnrolmentAnswer(enrolmentHash: bytes(0x11), version: 3, verdict: .refused(code: 30)),
  EnrolmentAnswer(enrolmentHash: bytes(0x11), version: 24, verdict: .refused(code: 65_535)),
]

@Test(arguments: answers)
func anAnswerToAnEnrolmentComesBackAsItWasWritten(answer: EnrolmentAnswer) throws {
  #expect(try EnrolmentAnswer(decoding: encoded(answer).span) == answer)
}

@Test func theExamplesOfTheSpecificationAreWrittenByteForByte() {
  let taken: [UInt8] =
    [0x85, 1, 0x58, 32] + [UInt8](repeating: 0x11, count: 32) + [0, 0x58, 32]
    + [UInt8](repeating: 0x22, count: 32) + [1]
  #expect(encoded(answers[0]) == taken)
  let refused: [UInt8] =
    [0x85, 1, 0x58, 32] + [UInt8](repeating: 0x11, count: 32) + [0x18, 30, 0xf6, 3]
  #expect(encoded(answers[2]) == refused)
}

@Test(arguments: answers)
func noCutOrAdditionOfAnAnswerIsRead(answer: EnrolmentAnswer) throws {
  let whole = encoded(answer)
  for count in whole.indices { #expect(failure(Array(whole[..<count])) != nil) }
  #expect(failure(whole + [0]) == .trailingBytes)
  // No input traps.
  for position in whole.indices {
    for bit in 0..<8 {
      var flipped = whole
      flipped[position] ^= 1 << bit
      guard failure(flipped) == nil else { continue }
      // A flip inside of a value: what is read is written as it was.
      #expect(try encoded(EnrolmentAnswer(decoding: flipped.span)) == flipped)
    }
  }
}

@Test func anAnswerThatSaysTwoThingsIsRefused() {
  let hash = [0x58, 32] + [UInt8](repeating: 0x11, count: 32)
  #expect(failure([0x85, 1] + hash + [0, 0xf6, 1]) == .unexpectedType)
  #expect(failure([0x85, 1] + hash + [0x18, 30] + hash + [1]) == .unexpectedType)
  #expect(failure([0x85, 1] + hash + [0x18, 30, 0xf6, 0]) == .outOfRange)
  #expect(failure([0x85, 2] + hash + [0x18, 30, 0xf6, 1]) == .unknownVersion)
  #expect(failure([0x86, 1] + hash + [0x18, 30, 0xf6, 1, 1]) == .outsideFormat)
}
