/// What a program says beside its work, kept from flooding the view: nothing that a batch's block says
/// anyway, nothing twice, and not too much between two batches.
public struct DemoNotes: Sendable {
  /// Lines of one program, between two batches.
  public static let limit = 3
  /// Of one line.
  public static let characterLimit = 300

  private var counts: [String: Int] = [:]
  private var last: [String: String] = [:]

  public init() {}

  /// What to show of a line, if anything. A program's own name in front is left out.
  public mutating func take(_ line: String, of program: String) -> String? {
    var text = line[...]
    if text.hasPrefix("cairn-"), let colon = text.firstRange(of: ": ") {
      text = text[colon.upperBound...]
    }
    // The gateway says this, and more of it.
    guard !text.hasPrefix("delivered batch"), last[program] != line else { return nil }
    last[program] = line
    counts[program, default: 0] += 1
    switch counts[program, default: 0] {
    case ...Self.limit: return String(text.prefix(Self.characterLimit))
    case Self.limit + 1: return "says more, which is not shown"
    default: return nil
    }
  }

  /// A batch has come.
  public mutating func reset() { counts = [:] }
}
