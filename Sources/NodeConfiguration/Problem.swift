import FixedMemory

/// One thing that is wrong with the configuration, ready to be shown.
public struct Problem: Equatable, Sendable {
  /// Where the text stands that is wrong.
  public enum Source: UInt8, Sendable {
    case arguments
    case site
    case board
  }

  public enum Severity: UInt8, Sendable {
    /// The configuration can't be used.
    case refusal
    /// It can be used, with a consequence that the operator should know.
    case warning
  }

  /// What kind of mistake it is. Named after the fact, for tests and for exit statuses.
  public enum Reason: UInt8, Error, Sendable {
    case unreadableFile
    case tooLarge
    case nulByte
    case notUTF8
    case controlCharacter
    case lineTooLong
    case indentedLine
    case commentAfterValue
    case malformedLine
    case unknownSection
    case unknownKey
    case keyOutsideSection
    case wrongName
    case duplicateSection
    case duplicateKey
    case missingSection
    case missingKey
    case emptyValue
    case wrongValue
    case missingUnit
    case unknownUnit
    case outOfRange
    case tooMany
    /// Two values that are right alone and wrong together.
    case contradiction
    /// The site file names a bus or a port that the board profile lacks.
    case missingBus
    case unknownArgument
    case missingArgument
    /// No public key of the gateway: its receipts can't be verified.
    case unverifiedGateway
  }

  public let source: Source
  /// From 1. 0 for command-line arguments and for a file that can't be read at all.
  public let line: Int
  public let severity: Severity
  public let reason: Reason
  /// What was wrong and what would be right, in one sentence of plain words.
  public let message: Message
}

/// The sentence of a problem: two lines of 80 columns, and a value quoted in full.
public typealias Message = FixedText<232>

extension FixedText {
  /// Adds `text` in quotes, at most 40 bytes of it: a whole line of nonsense would hide the reason.
  mutating func write(quoted text: Span<UInt8>) {
    write(byte: UInt8(ascii: "\""))
    var harmless = FixedText<200>()
    harmless.write(harmless: text)
    var excerpt = FixedText<40>()
    excerpt.write(harmless.span)
    write(excerpt.span)
    if excerpt.isCut { write("…") }
    write(byte: UInt8(ascii: "\""))
  }

  /// Adds `text`, with a full stop for each character that terminals obey: control characters, C1's in UTF-8
  /// among them (C2 80 to C2 9F), and those that turn the direction of writing (U+200E, U+200F, U+202A to
  /// U+202E, U+2066 to U+2069).
  private mutating func write(harmless text: Span<UInt8>) {
    var index = 0
    while index < text.count {
      let byte = text[index]
      let second = index + 1 < text.count ? text[index + 1] : 0
      let third = index + 2 < text.count ? text[index + 2] : 0
      var count = 1
      var isObeyed = byte < 0x20 || byte == 0x7F
      switch (byte, second, third) {
      case (0xC2, 0x80...0x9F, _): (isObeyed, count) = (true, 2)
      case (0xE2, 0x80, 0x8E...0x8F), (0xE2, 0x80, 0xAA...0xAE), (0xE2, 0x81, 0xA6...0xA9):
        (isObeyed, count) = (true, 3)
      default: break
      }
      write(byte: isObeyed ? UInt8(ascii: ".") : byte)
      index += count
    }
  }
}
