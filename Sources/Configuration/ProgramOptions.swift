import CLinux
import FixedMemory

/// The four options that every program takes, and the words that are left for the program itself.
///
///     cairn-agent --config FILE --board FILE --state FOLDER --run FOLDER
public struct ProgramOptions: ~Copyable {
  /// A word of the command line that is no option of these; a range in `ProgramArguments.bytes`.
  public typealias Word = Range<Int>

  public private(set) var configPath = PathText("/etc/cairn/site.ini")
  /// Empty when not given and not required.
  public private(set) var boardPath = PathText()
  public private(set) var stateFolder: PathText
  public private(set) var runFolder = FixedText<80>("/run/cairn")
  /// Words that belong to the program, in their order.
  public private(set) var words = FixedArray<16, Word>(filler: 0..<0)

  /// Reads the command line. `stateFolder` holds when --state is not given. Words that begin with `--` and are
  /// none of the four, and words beyond 16, are refused unless the program `takesWords`.
  public init(
    parsing arguments: borrowing ProgramArguments, stateFolder: StaticString,
    requiresBoard: Bool, takesWords: Bool, problems: inout ProblemList
  ) {
    self.stateFolder = PathText(stateFolder)
    var given = InlineArray<4, Bool>(repeating: false)
    // The first word is the program's name.
    var index = 1
    while index < arguments.count {
      let word = arguments.word(index)
      let range = arguments.range(index)
      index += 1
      guard let option = Option.find(arguments.bytes.extracting(range)) else {
        if takesWords, words.offer(range) { continue }
        refuseUnknown(word, problems: &problems)
        continue
      }
      guard index < arguments.count else {
        refuse(option, " needs a value", .missingArgument, problems: &problems)
        continue
      }
      let slot = Int(option.rawValue)
      if given[slot] { refuse(option, " is given twice", .duplicateKey, problems: &problems) }
      given[slot] = true
      let value = arguments.word(index)
      index += 1
      if !set(option, value) {
        refuse(option, " is empty or too long", .outOfRange, problems: &problems)
      }
    }
    if requiresBoard, boardPath.isEmpty, !given[Int(Option.board.rawValue)] {
      refuse(.board, " FILE is needed: a profile of Boards/", .missingArgument, problems: &problems)
    }
  }

  private enum Option: UInt8 {
    case config, board, state, run

    var text: StaticString {
      switch self {
      case .config: "--config"
      case .board: "--board"
      case .state: "--state"
      case .run: "--run"
      }
    }

    static func find(_ word: Span<UInt8>) -> Option? {
      for raw in 0..<4 {
        guard let option = Option(rawValue: UInt8(raw)) else { continue }
        if word.equals(option.text) { return option }
      }
      return nil
    }
  }

  private mutating func set(_ option: Option, _ value: Span<UInt8>) -> Bool {
    guard !value.isEmpty else { return false }
    switch option {
    case .config:
      guard let path = PathText(value) else { return false }
      configPath = path
    case .board:
      guard let path = PathText(value) else { return false }
      boardPath = path
    case .state:
      guard let path = PathText(value) else { return false }
      stateFolder = path
    case .run:
      guard let path = FixedText<80>(value) else { return false }
      runFolder = path
    }
    return true
  }

  private func refuse(
    _ option: Option, _ what: StaticString, _ reason: Problem.Reason,
    problems: inout ProblemList
  ) {
    var message = Message()
    message.write(option.text)
    message.write(what)
    problems.refuse(.arguments, line: 0, reason, message)
  }

  private func refuseUnknown(_ word: Span<UInt8>, problems: inout ProblemList) {
    var message = Message()
    message.write("unknown argument ")
    message.write(quoted: word)
    var nearest = NearestWord()
    for raw in 0..<4 {
      guard let option = Option(rawValue: UInt8(raw)) else { continue }
      nearest.consider(option.text, for: word)
    }
    if let option = nearest.word {
      message.write(": did you mean ")
      message.write(option)
      message.write("?")
    }
    problems.refuse(.arguments, line: 0, .unknownArgument, message)
  }
}

/// A command line: words that each end with a zero byte, as the kernel shows them.
public struct ProgramArguments: ~Copyable {
  /// At most 64 words in 4 KiB: four paths and a question are far less.
  private var storage = InlineArray<4096, UInt8>(repeating: 0)
  private var ranges = FixedArray<64, Range<Int>>(filler: 0..<0)
  private var byteCount = 0

  /// The command line of this process, from /proc/self/cmdline. Nil when it can't be read or is too long.
  public static func ofThisProcess() -> ProgramArguments? {
    var bytes = InlineArray<4096, UInt8>(repeating: 0)
    let path = FixedText<24>("/proc/self/cmdline")
    var count = 0
    unsafe path.span.withUnsafeBufferPointer { pathBytes in
      var span = bytes.mutableSpan
      unsafe span.withUnsafeMutableBufferPointer { buffer in
        unsafe count = cairn_read_whole_file(
          pathBytes.baseAddress, pathBytes.count, buffer.baseAddress, buffer.count)
      }
    }
    guard count > 0, count < bytes.count else { return nil }
    return ProgramArguments(bytes.span.extracting(0..<count))
  }

  /// Splits `bytes`; nil when there are more than 4095 or more than 64 words.
  public init?(_ bytes: Span<UInt8>) {
    guard bytes.count < storage.count else { return nil }
    var span = storage.mutableSpan
    span.copy(bytes)
    byteCount = bytes.count
    var start = 0
    for index in bytes.indices where bytes[index] == 0 {
      guard ranges.offer(start..<index) else { return nil }
      start = index + 1
    }
    guard start < bytes.count else { return }
    guard ranges.offer(start..<bytes.count) else { return nil }
  }

  /// How many words, the program's name included.
  public var count: Int { ranges.count }

  public var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { storage.span.extracting(0..<byteCount) }
  }

  /// Where a word stands in `bytes`.
  public func range(_ index: Int) -> Range<Int> { ranges[index] }

  /// A word without its zero.
  @_lifetime(borrow self)
  public borrowing func word(_ index: Int) -> Span<UInt8> {
    storage.span.extracting(ranges[index])
  }
}
