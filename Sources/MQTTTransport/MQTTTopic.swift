import FixedMemory

/// The topics of one device's key: `cairn/v1/KEY/LAST`, where KEY is its identifier in 16 hexadecimal digits.
public enum MQTTTopic: Sendable {
  // Requests, which gateways share.
  case batch
  case device
  case get
  // Answers: to batches, and to everything else.
  case receipt
  case answer

  public var last: StaticString {
    switch self {
    case .batch: "batch"
    case .device: "device"
    case .get: "get"
    case .receipt: "receipt"
    case .answer: "answer"
    }
  }

  /// Where requests of this topic are answered.
  public var answer: MQTTTopic {
    switch self {
    case .batch, .receipt: .receipt
    case .device, .get, .answer: .answer
    }
  }

  /// The whole topic. `key` has 16 digits, or a plus sign for all of them.
  public func text(key: Span<UInt8>) -> FixedText<64> {
    var text = FixedText<64>("cairn/v1/")
    text.write(key)
    text.write("/")
    text.write(last.bytes)
    return text
  }
}
