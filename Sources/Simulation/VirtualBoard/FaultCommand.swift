/// A change of what is wrong with a chip, as a person writes it.
///
///     fault sht3x frozen         a line while the board runs
///     sht3x:frozen@30s           an option when it starts; without @, from the start
public struct FaultCommand: Equatable, Sendable {
  public enum Failure: Error, Equatable {
    /// Not of the form above.
    case notUnderstood
    case unknownFault
  }

  public let chipName: String
  public let fault: ChipFault
  /// After the start; 0 in a line.
  public let delayMilliseconds: Int64

  /// A line, without its end.
  public init(line: String) throws(Failure) {
    let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" })
    guard words.count == 3, words[0] == "fault" else { throw .notUnderstood }
    try self.init(chipName: words[1], faultName: words[2], delayMilliseconds: 0)
  }

  /// The value of an option.
  public init(option: String) throws(Failure) {
    let halves = option.split(separator: "@", omittingEmptySubsequences: false)
    guard halves.count == 1 || halves.count == 2 else { throw .notUnderstood }
    let names = halves[0].split(separator: ":", omittingEmptySubsequences: false)
    guard names.count == 2, !names[0].isEmpty else { throw .notUnderstood }
    guard let delay = halves.count == 2 ? Self.milliseconds(halves[1]) : 0 else {
      throw .notUnderstood
    }
    try self.init(chipName: names[0], faultName: names[1], delayMilliseconds: delay)
  }

  private init(
    chipName: Substring, faultName: Substring, delayMilliseconds: Int64
  ) throws(Failure) {
    guard let fault = ChipFault(rawValue: String(faultName)) else { throw .unknownFault }
    self.chipName = String(chipName)
    self.fault = fault
    self.delayMilliseconds = delayMilliseconds
  }

  /// `500ms`, `30s`, `2m`; at most a week.
  private static func milliseconds(_ text: Substring) -> Int64? {
    for (unit, factor) in [("ms", Int64(1)), ("s", 1_000), ("m", 60_000)]
    where text.hasSuffix(unit) {
      let digits = text.dropLast(unit.count)
      guard !digits.isEmpty, digits.allSatisfy({ ("0"..."9").contains($0) }),
        let number = Int64(digits), number <= 604_800_000 / factor
      else { return nil }
      return number * factor
    }
    return nil
  }
}
