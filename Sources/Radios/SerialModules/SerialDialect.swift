import FixedMemory
import LoRa

/// A command on its way to a module. The longest: an LoRa-E5's TXLRPKT with 250 bytes in hexadecimal, 521.
typealias CommandLine = TextBuilder<560>

/// What a module's firmware understands.
enum SerialDialect: UInt8 {
  case rak3172 = 0
  case rn2483
  case loraE5
  case la66

  static var count: UInt8 { 4 }
}

/// A row of commands, one after the other; each ends before the next is sent.
enum CommandScript: UInt8 {
  /// Asks who is there; LA66 tells it after a restart only.
  case probe
  /// What a module needs once after each start.
  case setUp
  case configure
  case listen
  case send
  /// Asks for the figures of a frame that came without.
  case figures
  /// Asks whether the module is in reception.
  case poll
  case reset
}

/// What ends a command.
enum CommandEnd: UInt8 {
  /// The module's word that it has done it.
  case ok
  /// A value; in dialects that end with OK, that too.
  case value
  /// The module's word that a transmission is over. Nothing is sent to it.
  case sent
  /// The module names itself.
  case version
  /// Any answer, or none: what counts is that it was said.
  case anything
}

/// One command, without its text.
struct SerialCommand {
  var end = CommandEnd.ok
  /// For the answer, from the last byte of the command on.
  var answerMilliseconds: Int64 = 1_000
  /// After the answer, before the next command: the module starts, or stores.
  var pauseMilliseconds: Int64 = 0
  /// How often it is said at most, when nothing answers.
  var attempts: UInt8 = 3
  /// The value must be this, or something was lost on the way.
  var expectedValue: Int64? = nil
  /// The value may differ from it so much: some firmware computes frequencies with 24 bits of precision.
  var tolerance: Int64 = 0
  /// A refusal is an answer, too: older firmware does not know the command.
  var isOptional = false
}

/// What a line says.
enum LineMeaning: Equatable {
  /// Nothing of concern here.
  case chatter
  /// It begins like a line that is of concern, and goes on otherwise: bytes were lost.
  case garbled
  case ok
  case refused
  case busy
  case value(Int64)
  /// Which module, and where its version begins.
  case version(RadioKind, offset: Int)
  /// A firmware of a known module that can't do what is needed.
  case otherFirmware
  /// A frame's figures, in hundredths; its bytes follow in a line of their own, or came in one.
  case figures(LineFigures)
  /// A frame's bytes in hexadecimal from there to the end of the line, or the closing quote.
  case bytes(offset: Int)
  case frame(LineFigures, offset: Int)
  case sent
  case sendFailed
  /// The module has left reception by itself.
  case receptionEnded
  /// The module has started anew.
  case restarted
}

/// A frame's figures as a line gives them, in hundredths; nil where it does not.
struct LineFigures: Equatable {
  var rssi: Int32?
  var snr: Int32?
  var byteCount: Int32?

  /// What no radio measures was garbled on its way: power outside −200 to +20 dBm, SNR outside ±40 dB.
  init?(rssi: Int64?, snr: Int64?, byteCount: Int64? = nil) {
    if let rssi, !(-20_000...2_000).contains(rssi) { return nil }
    if let snr, !(-4_000...4_000).contains(snr) { return nil }
    if let byteCount, !(0...255).contains(byteCount) { return nil }
    self.rssi = rssi.map { Int32($0) }
    self.snr = snr.map { Int32($0) }
    self.byteCount = byteCount.map { Int32($0) }
  }
}

/// What commands are made of.
struct CommandInputs {
  var setting: RadioSetting
  /// Firmware from before RUI3: bandwidths in kilohertz, no sync word, no IQ.
  var isOldFirmware: Bool
  /// A query has found that the module is in another mode.
  var isInOtherMode: Bool
  var kind: RadioKind
}

extension SerialDialect {
  /// The text of a command, and how it ends; nil behind the script's last one.
  func command(
    _ script: CommandScript, _ index: Int, _ inputs: CommandInputs, payload: Span<UInt8>,
    into line: inout CommandLine
  ) -> SerialCommand? {
    switch self {
    case .rak3172: RAK3172.command(script, index, inputs, payload: payload, into: &line)
    case .rn2483: RN2483.command(script, index, inputs, payload: payload, into: &line)
    case .loraE5: LoRaE5.command(script, index, inputs, payload: payload, into: &line)
    case .la66: LA66.command(script, index, inputs, payload: payload, into: &line)
    }
  }

  func meaning(_ line: Span<UInt8>) -> LineMeaning {
    switch self {
    case .rak3172: RAK3172.meaning(line)
    case .rn2483: RN2483.meaning(line)
    case .loraE5: LoRaE5.meaning(line)
    case .la66: LA66.meaning(line)
    }
  }

  /// A value is complete only when OK has followed it.
  var endsWithOK: Bool { self == .rak3172 || self == .la66 }

  /// The module is in reception again after a transmission, without being told.
  var listensAfterSending: Bool { self == .rak3172 || self == .la66 }

  static func of(_ kind: RadioKind) -> SerialDialect? {
    switch kind {
    case .rak3172: .rak3172
    case .rn2483, .rn2903: .rn2483
    case .loraE5: .loraE5
    case .la66: .la66
    case .sx1261, .sx1262, .llcc68, .sx1272, .sx1276, .concentrator: nil
    }
  }

  /// Any module's answer to the question who it is, so that another one than the expected is known, too.
  static func version(_ line: Span<UInt8>) -> LineMeaning? {
    var cursor = LineCursor()
    if cursor.skip("AT+VER=", line) || isOldVersion(line) {
      return .version(.rak3172, offset: cursor.offset)
    }
    if cursor.skip("+VER: ", line), !cursor.isAtEnd(line), line[cursor.offset] < 0x3a {
      return .version(.loraE5, offset: cursor.offset)
    }
    cursor = LineCursor()
    if cursor.skip("RN2483 ", line) { return RN2483.version(.rn2483, line, cursor) }
    if cursor.skip("RN2903 ", line) { return RN2483.version(.rn2903, line, cursor) }
    if cursor.skip("LA66 P2P", line) { return .version(.la66, offset: 0) }
    return cursor.skip("Dragino LA66", line) ? .otherFirmware : nil
  }

  /// RAK3172 before RUI3 says "V1.0.4" and no more.
  private static func isOldVersion(_ line: Span<UInt8>) -> Bool {
    var cursor = LineCursor()
    guard cursor.skip("V", line), cursor.decimal(line) != nil else { return false }
    cursor.skipAny(of: ".0123456789", line)
    return cursor.isAtEnd(line)
  }

  /// What is common to all: a word and nothing else.
  static func isWord(_ word: StaticString, _ line: Span<UInt8>) -> Bool { line.equals(word) }
}

extension CommandLine {
  /// Megahertz with as many decimals as the channel needs, at least one.
  mutating func append(megahertzOf hertz: UInt32) {
    append(hertz / 1_000_000)
    append(byte: UInt8(ascii: "."))
    var rest = hertz % 1_000_000
    var unit: UInt32 = 100_000
    repeat {
      append(byte: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest / unit))
      rest %= unit
      unit /= 10
    } while rest > 0 && unit > 0
  }

  mutating func append(_ before: StaticString, _ value: Int64) {
    append(before)
    append(value)
  }

  /// Upper case, as every one of the modules takes it.
  mutating func append(upperHex bytes: Span<UInt8>) {
    for index in bytes.indices {
      append(upperHexDigit: bytes[index] >> 4)
      append(upperHexDigit: bytes[index] & 15)
    }
  }

  private mutating func append(upperHexDigit digit: UInt8) {
    append(byte: digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "A") + digit - 10)
  }
}
