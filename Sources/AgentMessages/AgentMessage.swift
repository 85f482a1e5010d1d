import CBOR
import FixedMemory
import Records

/// One message on the agent's socket: a deterministic CBOR array [version, type, …] in one SOCK_SEQPACKET
/// packet. Bytes stay where they are: a receipt is a view of the packet. docs/agent-socket.md has the table.
public enum AgentMessage: ~Escapable {
  /// To the agent: how are you?
  case statusRequest
  /// From the agent.
  case status(AgentStatus)
  /// To the agent: a gateway's receipt of 1 to 512 bytes, for the checkpoint at this sequence of the
  /// spool. The answer carries the same sequence.
  case receipt(sequence: UInt64, bytes: Span<UInt8>)
  /// From the agent: nil when it took the receipt, else why not, a `RefusalCode`.
  case receiptAnswer(sequence: UInt64, refusalCode: UInt16?)
  /// From the agent, to those who subscribed: everything up to this sequence of the spool may be read.
  case released(sequence: UInt64)
  /// To the agent: send `released` now and at each change.
  case subscribe
  /// From the agent: what was sent was not taken. The type is 0 where it could not be read.
  case denied(type: UInt8, reason: DenialReason)
  /// From the agent, to those who subscribed: it has lost its place and asks for the gateway's signed head.
  case headWanted
  /// To the agent: the head, of at most 512 bytes; empty when the gateway has nothing of this key.
  case head(bytes: Span<UInt8>)
  /// To the agent: a gateway's challenge of 1 to 512 bytes.
  case challenge(bytes: Span<UInt8>)
  /// To the agent: this hardware is the node from here on.
  case adopt
  /// From the agent, to `head`, `challenge`, `adopt`, `keyChange` and `enrolment`: nil when it was taken,
  /// else a `RefusalCode`.
  case answer(type: UInt8, refusalCode: UInt16?)
  /// To the agent: a change of the gateway's key, of 1 to 512 bytes.
  case keyChange(bytes: Span<UInt8>)
  /// To the agent: the newest enrolment that the gateway has of this key, of 1 to 1024 bytes.
  case enrolment(bytes: Span<UInt8>)

  /// To the agent: the console was unlocked, or refused somebody so many times, on this terminal of 1 to 32
  /// printable ASCII characters.
  case consoleAction(ConsoleAction, terminal: Span<UInt8>, count: UInt16)
  /// From the agent, to `consoleAction`: true when its leaf stands in the log, false when a later leaf will
  /// tell of it, with the count.
  case consoleAnswer(isTold: Bool)

  /// To the agent: send a test frame on this channel of the region's plan, as its rules and the hour's airtime allow.
  case radioTest(channel: UInt8, spreadingFactor: UInt8)
  /// From the agent, to `radioTest`: 0 when the radio has it, else a `BeaconReason`.
  case radioTestAnswer(reason: UInt8)
  /// To the agent: what has the radio heard?
  case heardRequest
  /// From the agent.
  case heard(HeardFrames)
  /// To the agent: what noise has the radio measured?
  case noiseRequest
  /// From the agent.
  case noise(NoiseLevels)

  /// What happened at a console; the numbers are those of event leaves.
  public enum ConsoleAction: UInt8, Sendable {
    case unlocked = 8
    case refused = 9
  }

  public enum MessageType: UInt8, Sendable {
    case statusRequest = 1
    case status, receipt, receiptAnswer, released, subscribe, denied
    case headWanted, head, challenge, adopt, answer, keyChange, enrolment
    case consoleAction = 15
    case consoleAnswer = 16
    case radioTest = 21
    case radioTestAnswer, heardRequest, heard
    case noiseRequest, noise
  }

  /// Why the agent did not take a message.
  public enum DenialReason: UInt8, Sendable {
    /// This user may not send this type.
    case notPermitted = 1
    /// Not a message of this version's, or bytes after it.
    case malformed = 2
    case unknownType = 3
    case unsupportedVersion = 4
    /// Nothing to be taken in what the agent does at this moment.
    case notNow = 5
  }

  public static var version: UInt64 { 1 }

  /// A packet is never longer, and a reader's buffer never shorter: one page.
  public static var maximumByteCount: Int { 4_096 }

  /// The gateway's longest receipt, head, challenge or key change, as in docs/delivery-protocol.md.
  public static var maximumReceiptByteCount: Int { 512 }

  /// The longest enrolment, as in docs/delivery-protocol.md.
  public static var maximumEnrolmentByteCount: Int { 1024 }

  /// The longest name of a terminal.
  public static var maximumTerminalByteCount: Int { 32 }

  /// 1 to 32 printable ASCII characters.
  public static func isTerminalName(_ name: Span<UInt8>) -> Bool {
    guard !name.isEmpty, name.count <= maximumTerminalByteCount else { return false }
    for index in name.indices where !(0x21...0x7e).contains(name[index]) { return false }
    return true
  }

  public var type: MessageType {
    switch self {
    case .statusRequest: .statusRequest
    case .status: .status
    case .receipt: .receipt
    case .receiptAnswer: .receiptAnswer
    case .released: .released
    case .subscribe: .subscribe
    case .denied: .denied
    case .headWanted: .headWanted
    case .head: .head
    case .challenge: .challenge
    case .adopt: .adopt
    case .answer: .answer
    case .keyChange: .keyChange
    case .enrolment: .enrolment
    case .consoleAction: .consoleAction
    case .consoleAnswer: .consoleAnswer
    case .radioTest: .radioTest
    case .radioTestAnswer: .radioTestAnswer
    case .heardRequest: .heardRequest
    case .heard: .heard
    case .noiseRequest: .noiseRequest
    case .noise: .noise
    }
  }

  /// Writes the message. A receipt that is empty or too long is a bug of the caller.
  public func encode(into encoder: inout CBOREncoder) {
    encoder.arrayHead(count: 2 + Self.fieldCount(of: type))
    encoder.unsigned(Self.version)
    encoder.unsigned(UInt64(type.rawValue))
    switch self {
    case .statusRequest, .subscribe, .headWanted, .adopt, .heardRequest, .noiseRequest: break
    case .noise(let levels): levels.encode(into: &encoder)
    case .radioTest(let channel, let factor):
      encoder.unsigned(UInt64(channel))
      encoder.unsigned(UInt64(factor))
    case .radioTestAnswer(let reason): encoder.unsigned(UInt64(reason))
    case .heard(let heard): heard.encode(into: &encoder)
    case .status(let status): status.encode(into: &encoder)
    case .receipt(let sequence, let bytes):
      precondition(
        !bytes.isEmpty && bytes.count <= Self.maximumReceiptByteCount,
        "a receipt has 1 to 512 bytes")
      encoder.unsigned(sequence)
      encoder.byteString(bytes)
    case .receiptAnswer(let sequence, let refusalCode):
      encoder.unsigned(sequence)
      encoder.unsigned(UInt64(refusalCode ?? 0))
    case .released(let sequence): encoder.unsigned(sequence)
    case .head(let bytes):
      precondition(bytes.count <= Self.maximumReceiptByteCount, "a head has at most 512 bytes")
      encoder.byteString(bytes)
    case .challenge(let bytes), .keyChange(let bytes):
      precondition(
        !bytes.isEmpty && bytes.count <= Self.maximumReceiptByteCount,
        "a challenge or key change has 1 to 512 bytes")
      encoder.byteString(bytes)
    case .enrolment(let bytes):
      precondition(
        !bytes.isEmpty && bytes.count <= Self.maximumEnrolmentByteCount,
        "an enrolment has 1 to 1024 bytes")
      encoder.byteString(bytes)
    case .answer(let type, let refusalCode):
      encoder.unsigned(UInt64(type))
      encoder.unsigned(UInt64(refusalCode ?? 0))
    case .consoleAction(let action, let terminal, let count):
      precondition(
        Self.isTerminalName(terminal) && count > 0,
        "a terminal has a name of 1 to 32 characters, and something happened there")
      encoder.unsigned(UInt64(action.rawValue))
      encoder.text(terminal)
      encoder.unsigned(UInt64(count))
    case .consoleAnswer(let isTold): encoder.boolean(isTold)
    case .denied(let type, let reason):
      encoder.unsigned(UInt64(type))
      encoder.unsigned(UInt64(reason.rawValue))
    }
  }

  /// Items of the array after version and type.
  static func fieldCount(of type: MessageType) -> Int {
    switch type {
    case .statusRequest, .subscribe, .headWanted, .adopt, .heardRequest, .noiseRequest: 0
    case .noise: NoiseLevels.fieldCount
    case .radioTestAnswer: 1
    case .radioTest, .heard: 2
    case .released, .head, .challenge, .keyChange, .enrolment: 1
    case .receipt, .receiptAnswer, .denied, .answer: 2
    case .consoleAction: 3
    case .consoleAnswer: 1
    case .status: AgentStatus.fieldCount
    }
  }
}
