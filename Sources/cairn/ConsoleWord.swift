import FixedMemory
import NodeConfiguration

/// What can be asked for at the console.
enum ConsoleWord: UInt8 {
  case help, status, sensors, radios, log, delivery, clock, board, errors, key
  case unlock, lock, adopt, test, quit

  static var count: UInt8 { 15 }

  var text: StaticString {
    switch self {
    case .help: "help"
    case .status: "status"
    case .sensors: "sensors"
    case .radios: "radios"
    case .log: "log"
    case .delivery: "delivery"
    case .clock: "clock"
    case .board: "board"
    case .errors: "errors"
    case .key: "key"
    case .unlock: "unlock"
    case .lock: "lock"
    case .adopt: "adopt"
    case .test: "test"
    case .quit: "quit"
    }
  }

  var meaning: StaticString {
    switch self {
    case .help: "this list"
    case .status: "all of this node on one screen, and what is wrong with it"
    case .sensors: "each sensor's values and how they went lately"
    case .radios: "the agent's radio and the last frames that it heard; what the board wires"
    case .log: "the newest leaves of the log, in words"
    case .delivery: "how far delivery has come, and what holds it up"
    case .clock: "time, its source and its uncertainty; position"
    case .board: "the board, its buses and lines, and whether they are there"
    case .errors: "what went wrong lately, and what to do"
    case .key: "the node's public key and its names, as a QR code too"
    case .unlock: "asks for the passphrase; then state can be changed"
    case .lock: "takes that back at once"
    case .adopt: "this hardware is the node from here on (unlocked only)"
    case .test: "sends a test frame on the plan's first channel (unlocked only)"
    case .quit: "ends this session"
    }
  }

  /// For completion: every line that means something, each with its end.
  static var completions: StaticString {
    """
    help
    status
    sensors
    sensors live
    radios
    radios live
    log
    delivery
    clock
    board
    errors
    key
    unlock
    lock
    adopt
    test
    quit
    \0
    """
  }

  var hasLivePage: Bool { self == .sensors || self == .radios }

  static func find(_ word: Span<UInt8>) -> ConsoleWord? {
    if word.equals("exit") || word.equals("logout") { return .quit }
    if word.equals("?") { return .help }
    for raw in 0..<count {
      if let found = ConsoleWord(rawValue: raw), word.equals(found.text) { return found }
    }
    return nil
  }
}

/// A line, taken apart.
struct ConsoleLine {
  enum Meaning {
    case nothing
    case word(ConsoleWord, isLive: Bool)
    /// No such word; the nearest.
    case unknown(StaticString?)
    /// The word takes nothing behind it.
    case tooMany(ConsoleWord)
  }

  static func read(_ line: Span<UInt8>) -> Meaning {
    var position = 0
    let first = nextWord(line, &position)
    guard !first.isEmpty else { return .nothing }
    guard let word = ConsoleWord.find(line.extracting(first)) else {
      var nearest = NearestWord()
      for raw in 0..<ConsoleWord.count {
        guard let candidate = ConsoleWord(rawValue: raw) else { continue }
        nearest.consider(candidate.text, for: line.extracting(first))
      }
      return .unknown(nearest.word)
    }
    let second = nextWord(line, &position)
    let third = nextWord(line, &position)
    if second.isEmpty { return .word(word, isLive: false) }
    guard word.hasLivePage, line.extracting(second).equals("live"), third.isEmpty else {
      return .tooMany(word)
    }
    return .word(word, isLive: true)
  }

  private static func nextWord(_ line: Span<UInt8>, _ position: inout Int) -> Range<Int> {
    while position < line.count, line[position] == UInt8(ascii: " ") { position += 1 }
    let start = position
    while position < line.count, line[position] != UInt8(ascii: " ") { position += 1 }
    return start..<position
  }
}
