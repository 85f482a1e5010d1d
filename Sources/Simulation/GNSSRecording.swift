/// A receiver's recorded output, cut into epochs: what is sent at once, and how long after the epoch before.
public struct GNSSRecording: Sendable, Equatable {
  public struct Epoch: Sendable, Equatable {
    /// Whole lines as they were recorded, line ends included.
    public let lines: [[UInt8]]
    /// By the times in the sentences; 1000 for the first, and where they say nothing sensible.
    public let millisecondsAfterPrevious: Int64
  }

  public let epochs: [Epoch]

  /// Takes the NMEA sentences of a file; comment lines and what is not a sentence are left out, a last line
  /// without its end too. No sentence with a time gives no epoch.
  public init(_ bytes: [UInt8]) {
    var epochs: [Epoch] = []
    var lines: [[UInt8]] = []
    var current: Int64?
    var spacing: Int64 = 1000
    for line in Self.sentences(bytes) {
      if let time = Self.millisecondOfDay(line), time != current {
        // Before the first time there may be the rest of an epoch whose beginning was not recorded.
        if let previous = current {
          epochs.append(Epoch(lines: lines, millisecondsAfterPrevious: spacing))
          lines = []
          spacing = Self.spacing(from: previous, to: time)
        }
        current = time
      }
      lines.append(line)
    }
    if current != nil { epochs.append(Epoch(lines: lines, millisecondsAfterPrevious: spacing)) }
    self.epochs = epochs
  }

  private static func sentences(_ bytes: [UInt8]) -> [[UInt8]] {
    var sentences: [[UInt8]] = []
    var start = 0
    for (index, byte) in bytes.enumerated() where byte == 0x0a {
      let line = bytes[start...index]
      start = index + 1
      guard line.first != UInt8(ascii: "#"), let dollar = line.lastIndex(of: UInt8(ascii: "$"))
      else {
        continue
      }
      sentences.append(Array(line[dollar...]))
    }
    return sentences
  }

  /// hhmmss.sss, which stands in field 1, in GLL in field 5. Nil for sentences without a time.
  private static func millisecondOfDay(_ line: [UInt8]) -> Int64? {
    let fields = line.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
    let index: Int
    switch String(decoding: fields[0].suffix(3), as: UTF8.self) {
    case "RMC", "GGA", "GNS", "ZDA": index = 1
    case "GLL": index = 5
    default: return nil
    }
    guard fields.count > index, let time = Double(String(decoding: fields[index], as: UTF8.self)),
      time >= 0, time < 240_000
    else { return nil }
    let whole = Int64(time)
    let milliseconds = Int64(((time - Double(whole)) * 1000).rounded())
    return ((whole / 10_000 * 60 + whole / 100 % 100) * 60 + whole % 100) * 1000 + milliseconds
  }

  /// Over midnight too. Up to a minute: a recording with a longer pause is not meant to be waited for.
  private static func spacing(from previous: Int64, to next: Int64) -> Int64 {
    let spacing = (next - previous + 86_400_000) % 86_400_000
    return (1...60_000).contains(spacing) ? spacing : 1000
  }
}
