import FixedMemory

/// The units that may follow a number.
enum UnitFamily {
  case none, time, size, frequency

  /// Named in messages.
  var list: StaticString {
    switch self {
    case .none: ""
    case .time: "write ms, s, min, h or d after the number"
    case .size: "write KiB, MiB or GiB after the number"
    case .frequency: "write kHz or MHz after the number"
    }
  }

  /// What one of `unit` is in milliseconds or bytes; nil when it is not a unit of this family.
  func factor(_ unit: Span<UInt8>) -> Int64? {
    switch self {
    case .none: return unit.isEmpty ? 1 : nil
    case .time, .size, .frequency:
      for index in 0..<unitCount where unit.equals(name(index)) { return factor(index) }
      return nil
    }
  }

  /// Writes `value` in the largest unit that gives a whole number, as a person would.
  func write<let capacity: Int>(_ value: Int64, to text: inout FixedText<capacity>) {
    var index = unitCount - 1
    while index > 0, value % factor(index) != 0 || value == 0 { index -= 1 }
    text.write(decimal: self == .none ? value : value / factor(index))
    guard self != .none else { return }
    text.write(" ")
    text.write(name(index))
  }

  private var unitCount: Int {
    switch self {
    case .none: 0
    case .time: 5
    case .size: 3
    case .frequency: 2
    }
  }

  /// From the smallest.
  private func name(_ index: Int) -> StaticString {
    let time: InlineArray<5, StaticString> = ["ms", "s", "min", "h", "d"]
    let size: InlineArray<3, StaticString> = ["KiB", "MiB", "GiB"]
    if self == .frequency { return index == 0 ? "kHz" : "MHz" }
    return self == .time ? time[index] : size[index]
  }

  private func factor(_ index: Int) -> Int64 {
    let time: InlineArray<5, Int64> = [1, 1000, 60_000, 3_600_000, 86_400_000]
    let size: InlineArray<3, Int64> = [1024, 1_048_576, 1_073_741_824]
    if self == .frequency { return index == 0 ? 1000 : 1_000_000 }
    return self == .time ? time[index] : size[index]
  }
}

extension ValueKind {
  /// What is allowed, as a part of a sentence: in messages after "is not", in the docs as a column.
  func writeAllowed<let capacity: Int>(to text: inout FixedText<capacity>) {
    switch self {
    case .flag: text.write("yes or no")
    case .text(let limit):
      text.write("text of at most ")
      text.write(decimal: Int64(limit))
      text.write(" bytes")
    case .name:
      text.write("a name of at most ")
      text.write(decimal: Int64(Limits.nameByteCount))
      text.write(" lower-case letters, digits, - and _")
    case .path: text.write("a path")
    case .labels:
      text.write("1 to 3 labels of at most ")
      text.write(decimal: Int64(Limits.chipLabelByteCount))
      text.write(" bytes")
    case .url:
      text.write("https://HOST[:PORT][/PATH] or mqtts://HOST[:PORT], or either without its s")
    case .publicKey: text.write("an Ed25519 key: 64 hexadecimal digits or 43 of base64url")
    case .duration(let range): write(range, .time, to: &text)
    case .size(let range): write(range, .size, to: &text)
    case .frequency(let range): write(range, .frequency, to: &text)
    case .count(let range): write(range, .none, to: &text)
    case .countOrNever(let range):
      text.write("never, or ")
      write(range, .none, to: &text)
    case .decimal(let decimals, let range, let unit):
      var one: Int64 = 1
      for _ in 0..<decimals { one *= 10 }
      text.write(decimal: range.lowerBound / one)
      text.write(" to ")
      text.write(decimal: range.upperBound / one)
      if unit.utf8CodeUnitCount > 0 { text.write(" ") }
      text.write(unit)
      text.write(" with at most ")
      text.write(decimal: Int64(decimals))
      text.write(" decimals")
    case .base64url(let limit):
      text.write("at most ")
      text.write(decimal: Int64(limit))
      text.write(" characters of base64url")
    case .address: text.write("0x08 to 0x77")
    case .keyAddress: text.write("file:/PATH")
    case .choice(let choice):
      for index in 0..<choice.wordCount {
        if index > 0 { text.write(index == choice.wordCount - 1 ? " or " : ", ") }
        text.write(choice.word(index))
      }
    }
  }

  private func write<let capacity: Int>(
    _ range: ClosedRange<Int64>, _ units: UnitFamily, to text: inout FixedText<capacity>
  ) {
    units.write(range.lowerBound, to: &text)
    text.write(" to ")
    units.write(range.upperBound, to: &text)
  }
}
