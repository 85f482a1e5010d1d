import CBOR
import FixedMemory

extension AgentMessage {
  public enum Failure: Error, Equatable, Sendable {
    /// More than `maximumByteCount`.
    case tooLong
    /// Not deterministic CBOR, or an item of another kind or range than the table says.
    case malformed(CBORDecoder.Failure)
    /// Another version of the whole table.
    case unsupportedVersion(UInt64)
    /// A type that is not in the table.
    case unknownType(UInt64)
    /// The array has more or fewer items than its type has.
    case wrongCount

    /// What the agent answers to such a packet.
    public var denialReason: DenialReason {
      switch self {
      case .tooLong, .malformed, .wrongCount: .malformed
      case .unsupportedVersion: .unsupportedVersion
      case .unknownType: .unknownType
      }
    }
  }

  /// Reads one packet, which may be anything. The message is a view of `bytes`.
  @_lifetime(copy bytes)
  public init(decoding bytes: Span<UInt8>) throws(Failure) {
    guard bytes.count <= Self.maximumByteCount else { throw .tooLong }
    var decoder = CBORDecoder(bytes)
    let (type, count) = try Self.readHead(&decoder)
    guard count == 2 + Self.fieldCount(of: type) else { throw .wrongCount }
    do throws(CBORDecoder.Failure) {
      switch type {
      case .statusRequest: self = .statusRequest
      case .heardRequest: self = .heardRequest
      case .heard: self = .heard(try HeardFrames(reading: &decoder))
      case .noiseRequest: self = .noiseRequest
      case .noise: self = .noise(try NoiseLevels(reading: &decoder))
      case .radioTest:
        let channel = try decoder.unsigned(as: UInt8.self)
        let factor = try decoder.unsigned(as: UInt8.self)
        self = .radioTest(channel: channel, spreadingFactor: factor)
      case .radioTestAnswer:
        self = .radioTestAnswer(reason: try decoder.unsigned(as: UInt8.self))
      case .subscribe: self = .subscribe
      case .status: self = .status(try AgentStatus(reading: &decoder))
      case .receipt:
        let sequence = try decoder.unsigned()
        let receipt = try Self.bytes(&decoder, Self.maximumReceiptByteCount)
        self = .receipt(sequence: sequence, bytes: receipt)
      case .receiptAnswer:
        let sequence = try decoder.unsigned()
        let code = try decoder.unsigned(as: UInt16.self)
        self = .receiptAnswer(sequence: sequence, refusalCode: code == 0 ? nil : code)
      case .released: self = .released(sequence: try decoder.unsigned())
      case .denied:
        let denied = try decoder.unsigned(as: UInt8.self)
        guard let reason = DenialReason(rawValue: try decoder.unsigned(as: UInt8.self)) else {
          throw CBORDecoder.Failure.outOfRange
        }
        self = .denied(type: denied, reason: reason)
      case .headWanted: self = .headWanted
      case .head:
        let head = try decoder.byteString()
        guard head.count <= Self.maximumReceiptByteCount else {
          throw CBORDecoder.Failure.outOfRange
        }
        self = .head(bytes: head)
      case .challenge:
        self = .challenge(bytes: try Self.bytes(&decoder, Self.maximumReceiptByteCount))
      case .keyChange:
        self = .keyChange(bytes: try Self.bytes(&decoder, Self.maximumReceiptByteCount))
      case .enrolment:
        self = .enrolment(bytes: try Self.bytes(&decoder, Self.maximumEnrolmentByteCount))
      case .adopt: self = .adopt
      case .answer:
        let answered = try decoder.unsigned(as: UInt8.self)
        let code = try decoder.unsigned(as: UInt16.self)
        self = .answer(type: answered, refusalCode: code == 0 ? nil : code)
      case .consoleAction:
        let number = try decoder.unsigned(as: UInt8.self)
        let terminal = try decoder.text()
        let count = try decoder.unsigned(as: UInt16.self)
        guard let action = ConsoleAction(rawValue: number), Self.isTerminalName(terminal), count > 0
        else { throw CBORDecoder.Failure.outOfRange }
        self = .consoleAction(action, terminal: terminal, count: count)
      case .consoleAnswer: self = .consoleAnswer(isTold: try decoder.boolean())
      }
      try decoder.finish()
    } catch {
      throw .malformed(error)
    }
  }

  /// A byte string of at least one byte, and at most so many.
  @_lifetime(copy decoder)
  private static func bytes(_ decoder: inout CBORDecoder, _ maximum: Int)
    throws(CBORDecoder.Failure) -> Span<UInt8>
  {
    let bytes = try decoder.byteString()
    guard !bytes.isEmpty, bytes.count <= maximum else { throw .outOfRange }
    return bytes
  }

  /// Version and type come first in every version, so that each reader can say which it does not know.
  private static func readHead(_ decoder: inout CBORDecoder) throws(Failure) -> (MessageType, Int) {
    let (count, version, number): (Int, UInt64, UInt64)
    do throws(CBORDecoder.Failure) {
      count = try decoder.arrayHead()
      version = try decoder.unsigned()
      number = try decoder.unsigned()
    } catch {
      throw .malformed(error)
    }
    guard version == Self.version else { throw .unsupportedVersion(version) }
    guard let raw = UInt8(exactly: number), let type = MessageType(rawValue: raw) else {
      throw .unknownType(number)
    }
    return (type, count)
  }
}
