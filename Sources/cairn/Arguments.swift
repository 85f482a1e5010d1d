import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles

/// The command line, taken apart. Whatever is wrong with it ends the program with status 2, before
/// anything is read or written.
///
/// Invariant: indices are those of words that are there.
struct Arguments: ~Copyable {
  private let words: ProgramArguments
  private(set) var options = ProgramOptions(stateFolder: "/var/lib/cairn", takesKeyAddress: true)
  private(set) var command: Command?
  private(set) var isJSON = false
  private(set) var wantsVersion = false
  /// `--help`, the word `help`, or nothing at all.
  private(set) var wantsHelp = false
  /// How many batches `log list` shows; nil: all.
  private(set) var last: UInt64?
  private(set) var hasBoard = false

  private var first: Int?
  private var second: Int?
  private var operand: Int?
  private var values = InlineArray<21, Int?>(repeating: nil)

  init() {
    do throws(FileFailure) {
      words = try ProgramArguments()
    } catch {
      end(.usage, "cairn: the command line is longer than 4096 bytes")
    }
    var problems = ProblemList()
    var awaited: Command.Option?
    for index in 1..<max(1, words.count) {
      if let option = awaited {
        set(option, index)
        awaited = nil
      } else if options.take(words[index], problems: &problems) {
        if words[index].equals("--board") { hasBoard = true }
      } else {
        awaited = take(index)
      }
    }
    if let awaited { refuse(awaited.text, nil, " needs ", awaited.valueName) }
    options.finish(problems: &problems)
    guard problems.isUsable else {
      problems.writeAll(options: options, to: .error)
      end(.usage, "`cairn help` shows what can be asked")
    }
    resolve()
  }

  /// EPOCH/BATCH or FILE; the program's name when it was not given.
  var operandText: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { words[operand ?? 0] }
  }

  var hasOperand: Bool { operand != nil }

  /// The value of an option; the program's name when it was not given.
  @_lifetime(borrow self)
  borrowing func value(of option: Command.Option) -> Span<UInt8> {
    words[values[Int(option.rawValue)] ?? 0]
  }

  func has(_ option: Command.Option) -> Bool { values[Int(option.rawValue)] != nil }

  /// Takes one word; answers the option that waits for the next.
  private mutating func take(_ index: Int) -> Command.Option? {
    if let option = Command.Option.find(words[index]) {
      if option == .json {
        isJSON = true
        return nil
      }
      if has(option) { refuse(option.text, nil, " is given twice") }
      if option.valueName == nil {
        values[Int(option.rawValue)] = index
        return nil
      }
      return option
    }
    if words[index].equals("--help") || words[index].equals("-h") {
      wantsHelp = true
    } else if words[index].equals("--version") {
      wantsVersion = true
    } else if words[index].count > 1, words[index][0] == UInt8(ascii: "-") {
      refuseOption(index)
    } else if first == nil, words[index].equals("help") {
      wantsHelp = true
    } else {
      takeWord(index)
    }
    return nil
  }

  private mutating func takeWord(_ index: Int) {
    if first == nil {
      first = index
      if !Command.isFirstWord(words[index]) {
        refuseUnknown(
          "there is no command ", index, Command.nearestFirstWord(words[index]))
      }
      if let command = Command.find(words[index]),
        command.secondWord == nil
      {
        self.command = command
      }
    } else if command == nil, second == nil, let first {
      second = index
      command = Command.find(words[first], words[index])
      if command == nil, !wantsHelp {
        refuseUnknown(
          "there is no such command: ", index, Command.nearestSecondWord(words[first], words[index])
        )
      }
    } else if operand == nil, command?.operand != nil {
      operand = index
    } else {
      refuseUnknown("one word too many: ", index, nil)
    }
  }

  private mutating func set(_ option: Command.Option, _ index: Int) {
    values[Int(option.rawValue)] = index
    if words[index].isEmpty { refuse(option.text, nil, " needs ", option.valueName) }
    guard option == .last else { return }
    guard let number = decimal(words[index]), number >= 1, number <= UInt64(UInt32.max) else {
      refuse(option.text, nil, " needs ", option.valueName)
    }
    last = number
  }

  /// All words are there: do they go together?
  private mutating func resolve() {
    if first == nil, !wantsVersion { wantsHelp = true }
    if wantsHelp || wantsVersion { return }
    guard let command else {
      refuse("", first, " needs one more word; `cairn help` shows which")
    }
    for raw in 0..<Command.Option.count {
      guard let option = Command.Option(rawValue: UInt8(raw)), has(option),
        !command.takes(option)
      else { continue }
      refuse(option.text, nil, " is not an option of cairn ", command.firstWord)
    }
    if !options.keyFile.isEmpty, !command.meetsKey {
      refuse("--key-address", nil, " is not an option of cairn ", command.firstWord)
    }
    if operand == nil, command.needsOperand {
      refuse(
        "this command needs ", nil, "", command.operand, "; `cairn help` shows what can be asked")
    }
  }

  private func refuseOption(_ index: Int) -> Never {
    var nearest = NearestWord()
    for raw in 0..<Command.Option.count {
      if let option = Command.Option(rawValue: UInt8(raw)) {
        nearest.consider(option.text, for: words[index])
      }
    }
    nearest.consider("--config", for: words[index])
    nearest.consider("--board", for: words[index])
    nearest.consider("--state", for: words[index])
    nearest.consider("--run", for: words[index])
    nearest.consider("--key-address", for: words[index])
    nearest.consider("--help", for: words[index])
    nearest.consider("--version", for: words[index])
    refuseUnknown("there is no option ", index, nearest.word)
  }

  private func refuseUnknown(_ what: StaticString, _ index: Int, _ nearest: StaticString?) -> Never
  {
    guard let nearest else {
      refuse(what, index, "; `cairn help` shows what can be asked")
    }
    refuse(what, index, ": did you mean ", nearest, "?")
  }

  /// Ends the program with one line, made of what is given, in that order.
  private func refuse(
    _ head: StaticString, _ index: Int? = nil, _ middle: StaticString = "",
    _ word: StaticString? = nil, _ tail: StaticString = ""
  ) -> Never {
    var text = TextBuilder<384>()
    text.append("cairn: ")
    text.append(head)
    if let index {
      text.append("\"")
      text.append(untrusted: words[index].extracting(0..<min(60, words[index].count)))
      text.append("\"")
    }
    text.append(middle)
    if let word { text.append(word) }
    text.append(tail)
    end(.usage, text.span)
  }
}

/// A whole number in decimal digits; nil when it is none, or too large.
func decimal(_ text: Span<UInt8>) -> UInt64? {
  guard !text.isEmpty, text.count <= 20 else { return nil }
  var value: UInt64 = 0
  for index in text.indices {
    guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[index]) else { return nil }
    let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
    let (sum, overflows) = product.addingReportingOverflow(UInt64(text[index] - 48))
    guard !isTooLarge, !overflows else { return nil }
    value = sum
  }
  return value
}

/// EPOCH/BATCH.
func batchPosition(_ text: Span<UInt8>) -> (epoch: UInt64, batch: UInt64)? {
  for index in text.indices where text[index] == UInt8(ascii: "/") {
    guard let epoch = decimal(text.extracting(0..<index)),
      let batch = decimal(text.extracting(index + 1..<text.count))
    else { return nil }
    return (epoch, batch)
  }
  return nil
}
