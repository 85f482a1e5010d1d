import FixedMemory

/// The four options that every program takes, and a fifth for those that meet the private key:
///
///     cairn-agent --config FILE --board FILE --state FOLDER --run FOLDER --key-address ADDRESS
///
/// The program hands over its words one by one, its own name left out, and then calls `finish`.
/// Words that are none of these are the program's: it takes them, or has them refused.
public struct ProgramOptions: ~Copyable {
  public private(set) var configPath = PathText("/etc/cairn/site.ini")
  /// Empty when not given.
  public private(set) var boardPath = PathText()
  public private(set) var stateFolder: PathText
  public private(set) var runFolder = FixedText<80>("/run/cairn")

  /// The file of the private key, when --key-address names it; empty when not given.
  public private(set) var keyFile = PathText()
  private let takesKeyAddress: Bool

  /// The option whose value is the next word.
  private var awaited: Option?
  private var given = InlineArray<5, Bool>(repeating: false)

  /// - `stateFolder`: holds when --state is not given.
  /// - `takesKeyAddress`: the program may be told where the key is.
  public init(stateFolder: StaticString, takesKeyAddress: Bool = false) {
    self.stateFolder = PathText(stateFolder)
    self.takesKeyAddress = takesKeyAddress
  }

  /// Takes a word when it is one of the options or an option's value; says whether it was.
  public mutating func take(_ word: Span<UInt8>, problems: inout ProblemList) -> Bool {
    guard let option = awaited else {
      guard let option = Option.find(word), takesKeyAddress || option != .keyAddress else {
        return false
      }
      if given[Int(option.rawValue)] {
        refuse(option, " is given twice", .duplicateKey, problems: &problems)
      }
      given[Int(option.rawValue)] = true
      awaited = option
      return true
    }
    awaited = nil
    if option == .keyAddress {
      setKeyAddress(word, problems: &problems)
    } else if !set(option, word) {
      refuse(
        option, " is empty, too long, or the next option", .outOfRange, problems: &problems)
    }
    return true
  }

  /// All words were handed over.
  public mutating func finish(problems: inout ProblemList) {
    guard let option = awaited else { return }
    awaited = nil
    refuse(option, " needs a value", .missingArgument, problems: &problems)
  }

  /// The same paths once more, for whoever looks for a profile without deciding for the others.
  public borrowing func copy() -> ProgramOptions {
    var copy = ProgramOptions(stateFolder: "/", takesKeyAddress: takesKeyAddress)
    copy.keyFile = keyFile
    copy.configPath = configPath
    copy.boardPath = boardPath
    copy.stateFolder = stateFolder
    copy.runFolder = runFolder
    return copy
  }

  /// The profile that was found to be this board's: as if it had been named.
  public mutating func take(boardPath path: PathText) { boardPath = path }

  /// Refuses to go on without a profile; `why` none was found.
  public func refuseWithoutBoard(_ why: Message, problems: inout ProblemList) {
    problems.refuse(.arguments, line: 0, .missingArgument, why)
  }

  /// Refuses a word that neither `take` nor the program knows.
  public func refuseUnknown(_ word: Span<UInt8>, problems: inout ProblemList) {
    var message = Message()
    message.write("unknown argument ")
    message.write(quoted: word)
    var nearest = NearestWord()
    for raw in 0..<Option.count {
      guard let option = Option(rawValue: UInt8(raw)), takesKeyAddress || option != .keyAddress
      else { continue }
      nearest.consider(option.text, for: word)
    }
    if let option = nearest.word {
      message.write(": did you mean ")
      message.write(option)
      message.write("?")
    }
    problems.refuse(.arguments, line: 0, .unknownArgument, message)
  }

  private enum Option: UInt8 {
    case config, board, state, run, keyAddress

    static var count: Int { 5 }

    var text: StaticString {
      switch self {
      case .config: "--config"
      case .board: "--board"
      case .state: "--state"
      case .run: "--run"
      case .keyAddress: "--key-address"
      }
    }

    static func find(_ word: Span<UInt8>) -> Option? {
      for raw in 0..<count {
        guard let option = Option(rawValue: UInt8(raw)) else { continue }
        if word.equals(option.text) { return option }
      }
      return nil
    }
  }

  private mutating func set(_ option: Option, _ value: Span<UInt8>) -> Bool {
    guard !value.isEmpty, !hasPrefix(value, "--") else { return false }
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
    case .keyAddress: stop("an address is read elsewhere")
    }
    return true
  }

  private mutating func setKeyAddress(_ word: Span<UInt8>, problems: inout ProblemList) {
    var message = Message()
    message.write(Option.keyAddress.text)
    message.write(": ")
    do throws(Problem.Reason) { keyFile = try KeyAddress(word, message: &message).path } catch {
      problems.refuse(.arguments, line: 0, error, message)
    }
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
}
