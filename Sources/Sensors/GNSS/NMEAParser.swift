import FixedMemory

/// How many sentences a receiver's bytes made, and why others were refused. Every count stays at its
/// largest value.
public struct NMEACounts: Sendable, Equatable {
  /// With a right checksum, of whatever kind.
  public internal(set) var accepted: UInt32 = 0
  /// With another checksum than their bytes have: noise on the line, or lost bytes.
  public internal(set) var checksumMismatch: UInt32 = 0
  /// Without a checksum, ended too early, or with a new sentence or a byte that is not text inside.
  public internal(set) var cut: UInt32 = 0
  /// Longer than any sentence.
  public internal(set) var tooLong: UInt32 = 0
  /// With a right checksum and a field that says nothing possible.
  public internal(set) var malformed: UInt32 = 0

  public init() {}

  /// All that was refused.
  public var refused: UInt64 {
    UInt64(checksumMismatch) + UInt64(cut) + UInt64(tooLong) + UInt64(malformed)
  }
}

/// Finds the sentences of NMEA 0183 in a stream of bytes, one byte at a time:
///
///     $ttsss,field,…,field*hh<CR><LF>       tt talker · sss sentence · hh exclusive-or of all between $ and *
///
/// The checksum is required. Whatever is not a whole sentence (binary protocols, noise, a sentence whose
/// middle is lost) is passed over and counted.
struct NMEAParser: ~Copyable {
  /// The standard's limit is 82 with "$", CR and LF. Receivers that give seven decimals of a minute, or
  /// one mode letter for each of six systems in GNS, exceed it: 120 leaves them room.
  static var maximumByteCount: Int { 120 }

  /// Invariants: `text` holds what came after "$" and before "*"; `checksum` is its exclusive-or; in state
  /// `outside` neither means anything.
  private enum State {
    case outside
    case text
    case checksumHigh
    case checksumLow(high: UInt8)
    case end(stated: UInt8)
  }

  private var state = State.outside
  private var text = FixedArray<120, UInt8>(filler: 0)
  private var checksum: UInt8 = 0
  private(set) var counts = NMEACounts()

  init() {}

  /// True when the byte that came last began a sentence.
  var hasJustBegun: Bool {
    guard case .text = state else { return false }
    return text.isEmpty
  }

  /// Takes one byte and returns the sentence that it completes, if it does.
  mutating func receive(_ byte: UInt8) -> NMEASentence? {
    if byte == UInt8(ascii: "$") {
      abandonIfInside()
      state = .text
      text.removeAll()
      checksum = 0
      return nil
    }
    switch state {
    case .outside: return nil
    case .text: receiveText(byte)
    case .checksumHigh:
      guard let high = Self.hexDigit(byte) else { return abandon(byte) }
      state = .checksumLow(high: high)
    case .checksumLow(let high):
      guard let low = Self.hexDigit(byte) else { return abandon(byte) }
      state = .end(stated: high << 4 | low)
    case .end(let stated):
      // CR by the standard; some receivers send LF alone.
      guard byte == 0x0d || byte == 0x0a else { return abandon(byte) }
      state = .outside
      return complete(stated: stated)
    }
    return nil
  }

  private mutating func receiveText(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "*"): state = .checksumHigh
    case 0x20...0x7e:
      // "$", "*", two digits, CR and LF stand around the text.
      guard text.count < Self.maximumByteCount - 6 else {
        state = .outside
        Self.count(&counts.tooLong)
        return
      }
      text.append(byte)
      checksum ^= byte
    default: abandonIfInside()
    }
  }

  private mutating func abandon(_ byte: UInt8) -> NMEASentence? {
    abandonIfInside()
    return nil
  }

  private mutating func abandonIfInside() {
    if case .outside = state { return }
    state = .outside
    Self.count(&counts.cut)
  }

  private mutating func complete(stated: UInt8) -> NMEASentence? {
    guard stated == checksum else {
      Self.count(&counts.checksumMismatch)
      return nil
    }
    var bytes = InlineArray<120, UInt8>(repeating: 0)
    for index in text.indices { bytes[index] = text[index] }
    do throws(MalformedField) {
      let sentence = try NMEASentence(bytes.span.extracting(0..<text.count))
      Self.count(&counts.accepted)
      return sentence
    } catch {
      Self.count(&counts.malformed)
      return nil
    }
  }

  private static func count(_ counter: inout UInt32) {
    if counter < .max { counter += 1 }
  }

  /// Upper case by the standard; lower case says the same.
  private static func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return byte - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): return byte - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): return byte - UInt8(ascii: "a") + 10
    default: return nil
    }
  }
}
