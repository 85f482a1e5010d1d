import FixedMemory

/// A check that was made: on what figures, and what it found.
public struct VerdictCheck: Codable, Equatable, Sendable {
  /// A number, or text (hashes in hexadecimal digits).
  public enum Value: Codable, Equatable, Sendable {
    case number(Int64)
    case text(String)
    case none

    public init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if container.decodeNil() {
        self = .none
      } else if let number = try Self.number(in: container) {
        self = .number(number)
      } else {
        self = .text(try container.decode(String.self))
      }
    }

    private static func number(in container: any SingleValueDecodingContainer) throws -> Int64? {
      do { return try container.decode(Int64.self) } catch is DecodingError { return nil }
    }

    public func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .number(let number): try container.encode(number)
      case .text(let text): try container.encode(text)
      case .none: try container.encodeNil()
      }
    }
  }

  public struct Figure: Codable, Equatable, Sendable {
    public let name: String
    public let value: Value

    public init(_ name: String, _ value: Value) {
      self.name = name
      self.value = value
    }

    public init(_ name: String, _ number: some BinaryInteger) {
      self.init(name, .number(Int64(clamping: number)))
    }

    public init(_ name: String, _ number: (some BinaryInteger)?) {
      self.init(name, number.map { .number(Int64(clamping: $0)) } ?? .none)
    }

    public init(_ name: String, _ text: String) { self.init(name, .text(text)) }

    public init<let count: Int>(_ name: String, _ bytes: FixedBytes<count>) {
      self.init(name, .text(bytes.hexadecimal))
    }
  }

  public enum Outcome: String, Codable, Sendable {
    case passed
    case failed
    /// A figure that it needs is not there; `figures` tells which.
    case notMade = "not-made"
  }

  public let name: String
  public let figures: [Figure]
  public let outcome: Outcome

  public init(_ name: String, _ outcome: Outcome, _ figures: [Figure]) {
    self.name = name
    self.outcome = outcome
    self.figures = figures
  }
}

extension FixedBytes {
  /// Lower case, two digits a byte, as verdicts write it. A verdict has some twenty of them.
  var hexadecimal: String {
    var digits: [UInt8] = []
    digits.reserveCapacity(2 * count)
    for index in 0..<count {
      digits.append(Self.digit(self[index] >> 4))
      digits.append(Self.digit(self[index] & 15))
    }
    return String(decoding: digits, as: UTF8.self)
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }

  /// As their hexadecimal digits, and as numbers.
  func precedes(_ other: Self) -> Bool {
    for index in 0..<count where self[index] != other[index] { return self[index] < other[index] }
    return false
  }
}

/// The checks of one beacon or witness, up to the first that fails.
struct CheckList {
  private(set) var checks: [VerdictCheck] = []

  struct Failed: Error {
    let reason: VerdictReason
  }

  /// Notes the check; ends the list with this reason when it is false.
  mutating func check(
    _ name: String, _ isRight: Bool, else reason: VerdictReason,
    _ figures: [VerdictCheck.Figure] = []
  ) throws(Failed) {
    checks.append(VerdictCheck(name, isRight ? .passed : .failed, figures))
    guard isRight else { throw Failed(reason: reason) }
  }

  /// Notes that a check could not be made.
  mutating func notMade(_ name: String, _ figures: [VerdictCheck.Figure]) {
    checks.append(VerdictCheck(name, .notMade, figures))
  }
}
