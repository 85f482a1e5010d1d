import FixedMemory
import Testing

@testable import Delivery

private func key(_ byte: UInt8) -> FixedBytes<32> {
  var key = FixedBytes<32>()
  for index in 0..<32 { key[index] = byte &+ UInt8(index) }
  return key
}

private func encoded(_ cursor: borrowing DeliveryCursor) -> [UInt8] {
  var bytes = [UInt8](repeating: 0xee, count: DeliveryCursor.byteCount)
  var span = bytes.mutableSpan
  cursor.encode(into: &span)
  return bytes
}

private func example() -> DeliveryCursor {
  var cursor = DeliveryCursor(keyHash: key(1), next: at(0, 0), spoolSequence: 0)
  let receipt: [UInt8] = [0xd2, 0x84, 0x40, 0xa0, 0x40, 0x40]
  cursor.advance(
    past: at(0x0102, 0x0304), spoolSequence: 0x0506, receipt: receipt.span, agentWasAway: true)
  return cursor
}

/// What a test compares: cursors are not copied.
private struct Fields: Equatable {
  var keyByte: UInt8
  var next: BatchPosition
  var spoolSequence: UInt64
  var isReceiptUnanswered: Bool
  var receipt: [UInt8]

  init(_ cursor: borrowing DeliveryCursor) {
    keyByte = cursor.keyHash[0]
    next = cursor.next
    spoolSequence = cursor.spoolSequence
    isReceiptUnanswered = cursor.isReceiptUnanswered
    receipt = []
    let bytes = cursor.receiptBytes
    for index in bytes.indices { receipt.append(bytes[index]) }
  }
}

private func failure(_ bytes: [UInt8]) -> DeliveryCursor.Failure? {
  do {
    _ = try DeliveryCursor(decoding: bytes.span)
    return nil
  } catch {
    return error
  }
}

private func withChecksum(_ bytes: [UInt8]) -> [UInt8] {
  var bytes = bytes
  let checksum = CRC32C.checksum(bytes.span.extracting(0..<580))
  for index in 0..<4 { bytes[580 + index] = UInt8(truncatingIfNeeded: checksum >> (index * 8)) }
  return bytes
}

@Test func aCursorComesBackAsItWasWritten() throws {
  let cursor = try DeliveryCursor(decoding: encoded(example()).span)
  let fields = Fields(cursor)
  #expect(fields == Fields(example()))
  #expect(fields.keyByte == 1)
  #expect(fields.next == at(0x0102, 0x0305))
  #expect(fields.spoolSequence == 0x0506)
  #expect(fields.isReceiptUnanswered)
  #expect(fields.receipt == [0xd2, 0x84, 0x40, 0xa0, 0x40, 0x40])
  let again = encoded(cursor)
  #expect(again == encoded(example()))
}

@Test func theCursorsBytesStandWhereItsPageSays() {
  let bytes = encoded(example())
  #expect(bytes.count == 584)
  #expect(Array(bytes[0..<8]) == [0x43, 0x55, 0x52, 0x53, 1, 0, 6, 0])
  #expect(Array(bytes[8..<12]) == [1, 2, 3, 4])
  #expect(
    Array(bytes[40..<68]) == [
      2, 1, 0, 0, 0, 0, 0, 0, 5, 3, 0, 0, 0, 0, 0, 0, 6, 5, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0,
    ])
  #expect(Array(bytes[68..<75]) == [0xd2, 0x84, 0x40, 0xa0, 0x40, 0x40, 0])
}

@Test func anyFlippedBitOfACursorIsFound() {
  let bytes = encoded(example())
  for bit in 0..<(bytes.count * 8) {
    var flipped = bytes
    flipped[bit / 8] ^= 1 << UInt8(bit % 8)
    #expect(failure(flipped) == .damaged, "bit \(bit)")
  }
}

@Test func everyTruncatedOrLongCursorIsDamagedAndAnEmptyOneBlank() {
  let bytes = encoded(example())
  #expect(failure([]) == .blank)
  #expect(failure([UInt8](repeating: 0, count: 584)) == .blank)
  for count in 1..<bytes.count { #expect(failure(Array(bytes[0..<count])) == .damaged) }
  #expect(failure(bytes + [0]) == .damaged)
}

@Test func aWholeCursorOfAnotherVersionIsNotRead() {
  var bytes = encoded(example())
  bytes[4] = 2
  #expect(failure(withChecksum(bytes)) == .unsupportedVersion(2))
}

@Test func wholeBytesThatBreakTheTableAreMalformed() {
  for (offset, value): (Int, UInt8) in [
    (7, 0x02),  // a receipt of 518 bytes
    (64, 2), (65, 1), (66, 1), (67, 1),  // unknown flag, reserved bytes
    (74, 1), (579, 1),  // padding of the receipt
  ] {
    var bytes = encoded(example())
    bytes[offset] = value
    #expect(failure(withChecksum(bytes)) == .malformed, "offset \(offset)")
  }
}

@Test func theLastNumberedBatchHasNoTrapBehindIt() {
  var cursor = DeliveryCursor(keyHash: key(0), next: at(0, 0), spoolSequence: 0)
  let none: [UInt8] = []
  cursor.advance(
    past: at(.max, .max), spoolSequence: .max, receipt: none.span, agentWasAway: false)
  let fields = Fields(cursor)
  #expect(fields.next == at(.max, .max))
  #expect(fields.receipt == [])
}

@Test func aReceiptIsNotOwedToTheAgentForAPlaceThatTheCursorHasLeft() {
  var cursor = example()
  #expect(Fields(cursor).isReceiptUnanswered)
  cursor.move(to: at(7, 7), spoolSequence: 1)
  let moved = Fields(cursor)
  #expect(moved.next == at(7, 7))
  #expect(!moved.isReceiptUnanswered)
  #expect(moved.receipt.count == 6)
}

@Test func anAnsweredReceiptIsNotOwedToTheAgent() {
  var cursor = example()
  cursor.noteReceiptAnswered()
  let answered = Fields(cursor)
  #expect(!answered.isReceiptUnanswered)
}

@Test func theFirstVersionsBytesStayReadable() throws {
  // Frozen: the example's head and checksum as version 1 writes them. Never change these.
  let head = bytes(
    """
    43555253 0100 0600 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20
    0201000000000000 0503000000000000 0605000000000000 01 000000 d28440a04040
    """)
  let file = head + [UInt8](repeating: 0, count: 580 - head.count) + bytes("c7fbe65e")
  let cursor = try DeliveryCursor(decoding: file.span)
  let fields = Fields(cursor)
  #expect(fields == Fields(example()))
}
