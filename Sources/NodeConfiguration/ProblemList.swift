import FixedMemory

/// All problems that were found, in the order of finding: the first 16 with their text, the others
/// counted.
///
/// Invariants: `shown.count <= refusalCount + warningCount`; it is less only when `shown` is full.
public struct ProblemList: ~Copyable {
  public private(set) var refusalCount = 0
  public private(set) var warningCount = 0
  private var shown = FixedArray<16, Problem>(
    filler: Problem(
      source: .site, line: 0, severity: .refusal, reason: .malformedLine, message: Message()))

  public init() {}

  /// True when the configuration may be used. Warnings don't count.
  public var isUsable: Bool { refusalCount == 0 }
  /// How many problems have their text kept.
  public var shownCount: Int { shown.count }
  /// How many were found beyond those that are shown.
  public var hiddenCount: Int { refusalCount + warningCount - shown.count }

  /// A shown problem. `index` outside 0..<`shownCount` is a bug of the caller.
  public subscript(index: Int) -> Problem { shown[index] }

  /// `FILE:LINE: MESSAGE`, the form that editors jump to. `paths` gives the file's name.
  public func describe(_ index: Int, options: borrowing ProgramOptions) -> FixedText<440> {
    let problem = shown[index]
    var text = FixedText<440>()
    switch problem.source {
    case .arguments: text.write("arguments")
    case .site: text.write(options.configPath.span)
    case .board: text.write(options.boardPath.span)
    }
    if problem.line > 0 {
      text.write(":")
      text.write(decimal: Int64(problem.line))
    }
    text.write(": ")
    if problem.severity == .warning { text.write("warning: ") }
    text.write(problem.message.span)
    return text
  }

  /// Why a file could not be read.
  public enum FileFault: Sendable {
    case notFound
    /// A folder, a pipe or a device.
    case notAFile
    /// More than `Limits.fileByteCount`.
    case tooLarge
    /// The kernel's reason.
    case system(errno: Int32)
  }

  /// Notes that the program could not read one of the files.
  public mutating func refuseFile(_ source: Problem.Source, _ fault: FileFault) {
    var message = Message()
    switch fault {
    case .notFound: message.write("no such file")
    case .notAFile: message.write("not a file")
    case .tooLarge: message.write("larger than 16 KiB")
    case .system(let errno):
      message.write("can't be read: errno ")
      message.write(decimal: Int64(errno))
    }
    refuse(source, line: 0, .unreadableFile, message)
  }

  mutating func refuse(
    _ source: Problem.Source, line: Int, _ reason: Problem.Reason, _ message: Message
  ) {
    refusalCount += 1
    // A list that is full keeps what was found first; the count tells that there is more.
    _ = shown.offer(
      Problem(
        source: source, line: line, severity: .refusal, reason: reason, message: message))
  }

  mutating func refuse(
    _ source: Problem.Source, line: Int, _ reason: Problem.Reason, _ literal: StaticString
  ) {
    refuse(source, line: line, reason, Message(literal))
  }

  mutating func warn(
    _ source: Problem.Source, line: Int, _ reason: Problem.Reason, _ literal: StaticString
  ) {
    warningCount += 1
    // As above: a warning is never worth a refusal's place.
    _ = shown.offer(
      Problem(
        source: source, line: line, severity: .warning, reason: reason,
        message: Message(literal)))
  }

  /// Adds what another list has found.
  mutating func add(_ other: borrowing ProblemList) {
    // The counts say it when there is no room.
    for index in 0..<other.shownCount { _ = shown.offer(other[index]) }
    refusalCount += other.refusalCount
    warningCount += other.warningCount
  }

  func checkInvariants() {
    precondition(shown.count <= refusalCount + warningCount, "more problems shown than found")
    precondition(hiddenCount == 0 || shown.isFull, "a problem hidden from a list with room")
  }
}
