import AgentMessages
import CBOR
import Delivery
import FixedMemory

/// The delivery cursor, and every message between agent and uplink, with numbers at both ends.
func tellMessages() {
  let numbers: InlineArray<5, UInt64> = [0, 1, 4_294_967_295, 4_294_967_296, .max]
  for index in numbers.indices {
    tellCursor(UInt64(index), numbers[index])
    tellMessages(UInt64(index), numbers[index])
  }
}

private func tellCursor(_ index: UInt64, _ number: UInt64) {
  var hash = FixedBytes<32>()
  for place in 0..<32 { hash[place] = UInt8(place) }
  var cursor = DeliveryCursor(
    keyHash: hash, next: BatchPosition(epoch: number, batch: number), spoolSequence: number)
  cursor.advance(
    past: BatchPosition(epoch: number, batch: number >> 1), spoolSequence: number,
    receipt: hash.span, agentWasAway: true)
  var bytes = InlineArray<584, UInt8>(repeating: 0)
  var span = bytes.mutableSpan
  cursor.encode(into: &span)
  do throws(DeliveryCursor.Failure) {
    let read = try DeliveryCursor(decoding: span.span)
    guard read.next == cursor.next, read.spoolSequence == number, read.isReceiptUnanswered,
      read.receiptBytes.equals(hash.span)
    else { fail("a cursor comes back as another") }
  } catch { fail("a cursor is not decoded") }
  let name = named("delivery cursor ", index)
  tell(name.span, span.span)
}

private func tellMessages(_ index: UInt64, _ number: UInt64) {
  var status = AgentStatus()
  status.setAgentVersion("0.1.0")
  status.boot = number
  status.uptimeMilliseconds = Int64(clamping: number)
  status.sensorCount = UInt16(truncatingIfNeeded: number)
  status.failingSensorCount = UInt16(truncatingIfNeeded: number)
  status.epoch = number
  status.lastBatch = number == 1 ? nil : number
  status.leafCount = number
  status.releasedSequence = number
  status.deliveredSequence = number
  status.spoolUsedByteCount = number
  status.spoolByteCount = number
  status.isSimulated = number == 1
  status.problem = UInt16(truncatingIfNeeded: number)
  status.failingLines = FailingLines(rawValue: UInt16(truncatingIfNeeded: number))
  if number > 1 {
    var radio = RadioStatus()
    radio.frameCount = number
    radio.lastFrameMilliseconds = Int64(clamping: number)
    radio.lastRSSICentidecibelMilliwatts = -11_000
    status.radio = radio
  }
  let code = number == 0 ? nil : UInt16(truncatingIfNeeded: number)
  let bytes = text("a receipt")
  tell("status", index, .status(status))
  tell("status request", index, .statusRequest)
  tell("receipt", index, .receipt(sequence: number, bytes: bytes))
  tell("receipt answer", index, .receiptAnswer(sequence: number, refusalCode: code))
  tell("released", index, .released(sequence: number))
  tell("subscribe", index, .subscribe)
  tell("denied", index, .denied(type: UInt8(truncatingIfNeeded: number), reason: .notNow))
  tell("head wanted", index, .headWanted)
  tell("head", index, .head(bytes: bytes))
  tell("challenge", index, .challenge(bytes: bytes))
  tell("adopt", index, .adopt)
  tell("answer", index, .answer(type: UInt8(truncatingIfNeeded: number), refusalCode: code))
}

/// The message's bytes, which decoded and encoded again are the same.
private func tell(_ name: StaticString, _ index: UInt64, _ message: borrowing AgentMessage) {
  var bytes = InlineArray<256, UInt8>(repeating: 0)
  var encoder = CBOREncoder(bytes.mutableSpan)
  message.encode(into: &encoder)
  let count = encoder.byteCount
  guard count <= 256 else { fail("a message of the agent longer than its limit") }
  var again = InlineArray<256, UInt8>(repeating: 0)
  do throws(AgentMessage.Failure) {
    let decoded = try AgentMessage(decoding: bytes.span.extracting(0..<count))
    var second = CBOREncoder(again.mutableSpan)
    decoded.encode(into: &second)
    guard second.byteCount == count else { fail("a message of the agent comes back as another") }
  } catch { fail("a message of the agent is not decoded") }
  guard again.span.extracting(0..<count).equals(bytes.span.extracting(0..<count)) else {
    fail("a message of the agent comes back as another")
  }
  var line = Name()
  line.append("agent message ")
  line.append(name)
  line.append(" ")
  line.append(index)
  tell(line.span, bytes.span.extracting(0..<count))
}
