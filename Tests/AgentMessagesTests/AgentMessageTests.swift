import CBOR
import FixedMemory
import Records
import Testing

@testable import AgentMessages

/// A message that owns its bytes, so that it can be compared.
enum Copied: Equatable {
  case statusRequest, subscribe
  case status(AgentStatus)
  case receipt(UInt64, [UInt8])
  case receiptAnswer(UInt64, UInt16?)
  case released(UInt64)
  case denied(UInt8, AgentMessage.DenialReason)
  case headWanted, adopt
  case head([UInt8])
  case challenge([UInt8])
  case answer(UInt8, UInt16?)
  case keyChange([UInt8])
  case enrolment([UInt8])
  case consoleAction(AgentMessage.ConsoleAction, [UInt8], UInt16)
  case consoleAnswer(Bool)
  case radioTest(UInt8, UInt8)
  case radioTestAnswer(UInt8)
  case heardRequest
  case heard(HeardFrames)
  case noiseRequest
  case noise(NoiseLevels)

  init(_ message: AgentMessage) {
    switch message {
    case .statusRequest: self = .statusRequest
    case .subscribe: self = .subscribe
    case .status(let status): self = .status(status)
    case .receipt(let number, let bytes):
      var copy: [UInt8] = []
      for index in bytes.indices { copy.append(bytes[index]) }
      self = .receipt(number, copy)
    case .receiptAnswer(let number, let code): self = .receiptAnswer(number, code)
    case .released(let sequence): self = .released(sequence)
    case .denied(let type, let reason): self = .denied(type, reason)
    case .headWanted: self = .headWanted
    case .adopt: self = .adopt
    case .head(let bytes): self = .head(bytes.indices.map { bytes[$0] })
    case .challenge(let bytes): self = .challenge(bytes.indices.map { bytes[$0] })
    case .answer(let type, let code): self = .answer(type, code)
    case .keyChange(let bytes): self = .keyChange(bytes.indices.map { bytes[$0] })
    case .enrolment(let bytes): self = .enrolment(bytes.indices.map { bytes[$0] })
    case .consoleAction(let action, let terminal, let count):
      self = .consoleAction(action, terminal.indices.map { terminal[$0] }, count)
    case .consoleAnswer(let isTold): self = .consoleAnswer(isTold)
    case .radioTest(let channel, let factor): self = .radioTest(channel, factor)
    case .radioTestAnswer(let reason): self = .radioTestAnswer(reason)
    case .heardRequest: self = .heardRequest
    case .heard(let heard): self = .heard(heard)
    case .noiseRequest: self = .noiseRequest
    case .noise(let levels): self = .noise(levels)
    }
  }

  func encoded() -> [UInt8] {
    switch self {
    case .statusRequest: packet(.statusRequest)
    case .subscribe: packet(.subscribe)
    case .status(let status): packet(.status(status))
    case .receipt(let number, let bytes): packet(.receipt(sequence: number, bytes: bytes.span))
    case .receiptAnswer(let number, let code):
      packet(.receiptAnswer(sequence: number, refusalCode: code))
    case .released(let sequence): packet(.released(sequence: sequence))
    case .denied(let type, let reason): packet(.denied(type: type, reason: reason))
    case .headWanted: packet(.headWanted)
    case .adopt: packet(.adopt)
    case .head(let bytes): packet(.head(bytes: bytes.span))
    case .challenge(let bytes): packet(.challenge(bytes: bytes.span))
    case .answer(let type, let code): packet(.answer(type: type, refusalCode: code))
    case .keyChange(let bytes): packet(.keyChange(bytes: bytes.span))
    case .enrolment(let bytes): packet(.enrolment(bytes: bytes.span))
    case .consoleAction(let action, let terminal, let count):
      packet(.consoleAction(action, terminal: terminal.span, count: count))
    case .consoleAnswer(let isTold): packet(.consoleAnswer(isTold: isTold))
    case .radioTest(let channel, let factor):
      packet(.radioTest(channel: channel, spreadingFactor: factor))
    case .radioTestAnswer(let reason): packet(.radioTestAnswer(reason: reason))
    case .heardRequest: packet(.heardRequest)
    case .heard(let heard): packet(.heard(heard))
    case .noiseRequest: packet(.noiseRequest)
    case .noise(let levels): packet(.noise(levels))
    }
  }
}

func packet(_ message: AgentMessage) -> [UInt8] {
  var buffer = [UInt8](repeating: 0, count: AgentMessage.maximumByteCount)
  var encoder = CBOREncoder(buffer.mutableSpan)
  message.encode(into: &encoder)
  precondition(!encoder.overflowed, "a message of more than a page")
  let count = encoder.byteCount
  return Array(buffer[0..<count])
}

func decoded(_ bytes: [UInt8]) throws(AgentMessage.Failure) -> Copied {
  Copied(try AgentMessage(decoding: bytes.span))
}

func bytes(_ hex: String) -> [UInt8] {
  let digits = hex.utf8.filter { $0 != 0x20 && $0 != 0x0a }
  return stride(from: 0, to: digits.count, by: 2).map { index in
    func nibble(_ digit: UInt8) -> UInt8 { digit > 0x39 ? digit - 0x57 : digit - 0x30 }
    return nibble(digits[index]) << 4 | nibble(digits[index + 1])
  }
}

func status(_ version: String, _ number: UInt64, lastBatch: UInt64?) -> AgentStatus {
  var status = AgentStatus()
  for byte in version.utf8 { status.agentVersion.append(byte) }
  status.boot = number
  status.uptimeMilliseconds = Int64(number >> 1)
  status.sensorCount = UInt16(truncatingIfNeeded: number)
  status.failingSensorCount = UInt16(truncatingIfNeeded: number)
  status.epoch = number
  status.lastBatch = lastBatch
  status.leafCount = number
  status.releasedSequence = number
  status.deliveredSequence = number
  status.spoolUsedByteCount = number
  status.spoolByteCount = number
  status.isSimulated = number % 2 == 1
  status.problem = UInt16(truncatingIfNeeded: number)
  status.failingLines = FailingLines(rawValue: UInt16(truncatingIfNeeded: number))
  guard number > 0 else { return status }
  var radio = RadioStatus()
  radio.isAttached = number % 2 == 1
  radio.kindNumber = UInt8(truncatingIfNeeded: number)
  radio.stateNumber = UInt8(truncatingIfNeeded: number)
  radio.frequencyHertz = number == 23 ? nil : UInt32(truncatingIfNeeded: number)
  radio.spreadingFactor = number == 23 ? nil : UInt8(truncatingIfNeeded: number)
  radio.frameCount = number
  radio.witnessCount = number
  radio.lastFrameMilliseconds = number == 1 ? nil : Int64(number >> 1)
  radio.lastRSSICentidecibelMilliwatts = number == 1 ? nil : -Int32(number >> 33)
  radio.lastSNRCentidecibels = number == 24 ? nil : Int32(number >> 33)
  radio.lastFaultNumber = UInt16(truncatingIfNeeded: number)
  radio.transmits = number % 2 == 0
  radio.sentCount = number
  radio.lastReasonNumber = UInt8(truncatingIfNeeded: number)
  radio.airtimeLeftMicroseconds = number == 255 ? nil : number
  radio.clockErrorMilliseconds = number == 255 ? nil : number
  radio.clockLimitMilliseconds = number == 24 ? nil : UInt32(truncatingIfNeeded: number)
  status.radio = radio
  return status
}

let numbers: [UInt64] = [0, 1, 23, 24, 255, 256, 65_535, 65_536, 1 << 32, .max]

/// Every type at the ends of its fields' ranges.
let messages: [Copied] = {
  var messages: [Copied] = [.statusRequest, .subscribe, .headWanted, .adopt, .head([])]
  for count in [1, 23, 24, 255, 256, 512] {
    messages.append(.head([UInt8](repeating: 0xd2, count: count)))
    messages.append(.challenge([UInt8](repeating: 0xd2, count: count)))
    messages.append(.keyChange([UInt8](repeating: 0xd2, count: count)))
    messages.append(.enrolment([UInt8](repeating: 0xd2, count: count * 2)))
  }
  for type: UInt8 in [0, 9, 255] {
    messages.append(.answer(type, nil))
    messages.append(.answer(type, .max))
  }
  for count in [1, 23, 24, 255, 256, 65_535] as [UInt16] {
    for length in [1, 5, 24, 32] {
      let terminal = [UInt8](repeating: 0x73, count: length)
      messages.append(.consoleAction(.unlocked, terminal, count))
      messages.append(.consoleAction(.refused, terminal, count))
    }
  }
  messages += [.consoleAnswer(true), .consoleAnswer(false)]
  messages += [.heardRequest, .radioTest(0, 7), .radioTest(95, 12), .radioTest(255, 255)]
  messages += [.radioTestAnswer(0), .radioTestAnswer(13), .radioTestAnswer(255)]
  for count in 0...8 {
    var heard = HeardFrames()
    heard.count = numbers[count]
    for index in 0..<count {
      var frame = HeardFrames.Frame()
      frame.milliseconds = Int64(numbers[index] >> 1)
      frame.frequencyHertz = UInt32(truncatingIfNeeded: numbers[index])
      frame.spreadingFactor = UInt8(index)
      frame.byteCount = 255
      frame.firstByte = 0xe0
      frame.rssiCentidecibelMilliwatts = index == 1 ? nil : -11_300
      frame.snrCentidecibels = index == 2 ? nil : 700
      heard.frames.append(frame)
    }
    messages.append(.heard(heard))
  }
  messages += [.noiseRequest] + [0, 1, 3].map { .noise(levels($0)) }
  for number in numbers {
    messages.append(.released(number))
    let small = number
    messages.append(.receiptAnswer(small, nil))
    messages.append(.receiptAnswer(small, .max))
    messages.append(.receiptAnswer(small, RefusalCode.badSignature.rawValue))
    for count in [1, 23, 24, 255, 256, 512] {
      messages.append(.receipt(small, [UInt8](repeating: 0xd2, count: count)))
    }
    messages.append(.status(status("0.1.0", number, lastBatch: nil)))
    messages.append(.status(status("", number, lastBatch: number)))
    messages.append(.status(status(String(repeating: "v", count: 32), number, lastBatch: 0)))
  }
  for type: UInt8 in [0, 1, 7, 255] {
    for reason: UInt8 in 1...5 {
      if let reason = AgentMessage.DenialReason(rawValue: reason) {
        messages.append(.denied(type, reason))
      }
    }
  }
  return messages
}()

@Test func everyMessageComesBackAsItWasSent() throws {
  for message in messages { #expect(try decoded(message.encoded()) == message) }
  #expect(messages.count > 100)
}

@Test func everyTruncatedOrLengthenedMessageIsRefused() {
  for message in messages {
    let whole = message.encoded()
    for count in 0..<whole.count {
      #expect(throws: AgentMessage.Failure.self) { try decoded(Array(whole[0..<count])) }
    }
    #expect(throws: AgentMessage.Failure.self) { try decoded(whole + [0]) }
  }
}

@Test func whateverStillReadsAfterAFlippedBitIsWrittenBackAsItStands() {
  for message in messages {
    let whole = message.encoded()
    for bit in 0..<(whole.count * 8) {
      var flipped = whole
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      // One message, one encoding: nothing is read that would not be written so.
      do {
        let other = try decoded(flipped)
        #expect(other.encoded() == flipped)
      } catch {}
    }
  }
}

@Test func noBytesTrap() {
  var state: UInt64 = 42
  for _ in 0..<20_000 {
    var packet = [UInt8]()
    for index in 0..<24 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      packet.append(UInt8(truncatingIfNeeded: state >> 33))
      // Often enough something that begins as a message.
      if index == 0, state >> 62 != 0 { packet = bytes("84 01 03") }
    }
    do { _ = try decoded(packet) } catch {}
  }
}

@Test func theExamplesOfThePageAreReadAndWritten() throws {
  var example = AgentStatus()
  for byte in "0.1.0".utf8 { example.agentVersion.append(byte) }
  example.boot = 12
  example.uptimeMilliseconds = 300_000
  example.sensorCount = 2
  example.lastBatch = 6
  example.leafCount = 28
  example.releasedSequence = 40
  example.deliveredSequence = 33
  example.spoolUsedByteCount = 8_192
  example.spoolByteCount = 67_108_864
  let cases: [(Copied, String)] = [
    (.statusRequest, "82 01 01"),
    (
      .status(example),
      """
      92 01 02 65 302e312e30 0c 1a000493e0 02 00 00 06 18 1c 18 28 18 21 19 2000 1a 04000000
      f4 00 00 f6
      """
    ),
    (.receipt(1, [0xd2, 0x84]), "84 01 03 01 42 d284"),
    (.receiptAnswer(1, nil), "84 01 04 01 00"),
    (.receiptAnswer(1, 23), "84 01 04 01 17"),
    (.released(40), "83 01 05 18 28"),
    (.subscribe, "82 01 06"),
    (.denied(3, .notPermitted), "84 01 07 03 01"),
    (.headWanted, "82 01 08"),
    (.head([0xd2, 0x84]), "83 01 09 42 d284"),
    (.challenge([0xd2, 0x84]), "83 01 0a 42 d284"),
    (.adopt, "82 01 0b"),
    (.answer(9, 23), "84 01 0c 09 17"),
    (.keyChange([0xd2, 0x84]), "83 01 0d 42 d284"),
    (.enrolment([0xd2, 0x84]), "83 01 0e 42 d284"),
    (.noiseRequest, "82 01 1819"),
    (.noise(exampleLevels), "87 01 181a 1a000493e0 07 02 08 81 \(exampleChannel)"),
  ]
  for (message, hex) in cases {
    #expect(message.encoded() == bytes(hex), "\(hex)")
    #expect(try decoded(bytes(hex)) == message, "\(hex)")
  }
}

@Test func whatIsNotInTheTableIsRefusedWithItsReason() {
  let cases: [(String, AgentMessage.Failure)] = [
    ("", .malformed(.truncated)),
    ("80", .malformed(.truncated)),
    ("a1 01 01", .malformed(.unexpectedType)),
    ("82 02 01", .unsupportedVersion(2)),
    // A later version may have more items: the version is said first.
    ("83 02 01 00", .unsupportedVersion(2)),
    ("82 01 00", .unknownType(0)),
    ("82 01 11", .unknownType(17)),
    ("82 01 19 0101", .unknownType(257)),
    ("83 01 01 00", .wrongCount),
    ("82 01 05", .wrongCount),
    ("82 18 01 01", .malformed(.notShortest)),
    ("82 01 01 00", .malformed(.trailingBytes)),
    // A receipt of no bytes, a reason that there is not.
    ("84 01 03 01 40", .malformed(.outOfRange)),
    ("83 01 0a 40", .malformed(.outOfRange)),
    ("83 01 0d 40", .malformed(.outOfRange)),
    ("83 01 0e 40", .malformed(.outOfRange)),
    ("84 01 07 03 00", .malformed(.outOfRange)),
    ("84 01 07 03 06", .malformed(.outOfRange)),
    ("84 01 04 01 1a 00010000", .malformed(.outOfRange)),
  ]
  for (hex, failure) in cases {
    #expect(throws: failure, "\(hex)") { try decoded(bytes(hex)) }
  }
  let receipt = bytes("84 01 03 01 59 0201") + [UInt8](repeating: 0, count: 513)
  #expect(throws: AgentMessage.Failure.malformed(.outOfRange)) { try decoded(receipt) }
  let long = [UInt8](repeating: 0, count: 4_097)
  #expect(throws: AgentMessage.Failure.tooLong) { try decoded(long) }
}

@Test func aStatusOutsideItsRangesIsRefused() {
  let rest = "0c 1a000493e0 02 00 00 06 18 1c 18 28 18 21 19 2000 1a 04000000 f4 00 00 f6"
  let tooLong = bytes("92 01 02 78 21") + [UInt8](repeating: 0x76, count: 33) + bytes(rest)
  #expect(throws: AgentMessage.Failure.malformed(.outOfRange)) { try decoded(tooLong) }
  let beforeTheStart = bytes(
    "92 01 02 60 0c 20 02 00 00 06 18 1c 18 28 18 21 19 2000 1a 04000000 f4 00 00 f6")
  #expect(throws: AgentMessage.Failure.malformed(.outOfRange)) { try decoded(beforeTheStart) }
  let notText = bytes("92 01 02 61 ff") + bytes(rest)
  #expect(throws: AgentMessage.Failure.malformed(.notUTF8)) { try decoded(notText) }
}

@Test func everyFailureHasAReasonToAnswerWith() {
  let cases: [(AgentMessage.Failure, AgentMessage.DenialReason)] = [
    (.tooLong, .malformed), (.malformed(.truncated), .malformed), (.wrongCount, .malformed),
    (.unknownType(9), .unknownType), (.unsupportedVersion(2), .unsupportedVersion),
  ]
  for (failure, reason) in cases { #expect(failure.denialReason == reason) }
}

@Test func aReceiptOfMoreThanItsBoundStopsTheSender() async {
  await #expect(processExitsWith: .failure) {
    _ = Copied.receipt(1, [UInt8](repeating: 0, count: 513)).encoded()
  }
}

@Test func everyTypeIsSentByThoseOnlyWhoMay() {
  let all: [AgentMessage.MessageType] = [
    .statusRequest, .status, .receipt, .receiptAnswer, .released, .subscribe, .denied,
    .headWanted, .head, .challenge, .adopt, .answer, .keyChange, .enrolment, .consoleAction,
    .consoleAnswer, .radioTest, .radioTestAnswer, .heardRequest, .heard, .noiseRequest, .noise,
  ]
  let allowed: [(PeerRole, Set<AgentMessage.MessageType>)] = [
    (
      .owner,
      [
        .statusRequest, .receipt, .subscribe, .head, .challenge, .adopt, .keyChange, .enrolment,
        .consoleAction, .radioTest, .heardRequest, .noiseRequest,
      ]
    ),
    (
      .console,
      [.statusRequest, .adopt, .consoleAction, .radioTest, .heardRequest, .noiseRequest]
    ),
    (
      .uplink,
      [
        .statusRequest, .receipt, .subscribe, .head, .challenge, .keyChange, .enrolment,
        .heardRequest, .noiseRequest,
      ]
    ),
    (.other, [.statusRequest, .heardRequest, .noiseRequest]),
  ]
  for (role, types) in allowed {
    for type in all { #expect(role.maySend(type) == types.contains(type)) }
  }
}

@Test func aTerminalsNameIsPlainAndSomethingHappenedThere() {
  // [1, 15, 8, "t", 1], each spoilt in one place.
  for text in [
    "85 01 0f 08 60 01", "85 01 0f 08 61 20 01", "85 01 0f 08 61 1b 01", "85 01 0f 08 61 74 00",
    "85 01 0f 07 61 74 01", "85 01 0f 0a 61 74 01", "85 01 0f 08 41 74 01",
    "85 01 0f 08 7821 \(String(repeating: "74", count: 33)) 01", "85 01 0f 08 61 74 1a00010000",
  ] {
    #expect(throws: AgentMessage.Failure.self, "\(text)") { try decoded(bytes(text)) }
  }
  #expect(throws: Never.self) { try decoded(bytes("85 01 0f 08 61 74 01")) }
}

@Test func theConsolesUserIsNobodyElse() {
  func role(_ user: UInt32, console: UInt32?) -> PeerRole {
    PeerRole(userID: user, agentUserID: 901, uplinkUserID: 902, consoleUserID: console)
  }
  #expect(role(903, console: 903) == .console && role(903, console: nil) == .other)
  // A folder of root's, the agent's or the uplink's makes nobody the console that was something else.
  #expect(role(0, console: 0) == .owner && role(901, console: 901) == .owner)
  #expect(role(902, console: 902) == .uplink && role(904, console: 903) == .other)
}

@Test func aRoleFollowsFromTheUser() {
  func role(_ user: UInt32, _ agent: UInt32 = 901, _ uplink: UInt32 = 902) -> PeerRole {
    PeerRole(userID: user, agentUserID: agent, uplinkUserID: uplink)
  }
  #expect(role(0) == .owner)
  #expect(role(901) == .owner)
  #expect(role(902) == .uplink)
  #expect(role(903) == .other)
  #expect(role(.max) == .other)
  #expect(role(1_000, 1_000, 1_000) == .owner)
}
