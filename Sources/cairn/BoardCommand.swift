import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles

/// `cairn board show` and `cairn board check`.
enum BoardCommand {
  static func show(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    switch FoundBoard.find(arguments) {
    case .failure(let status): return status
    case .found(let board):
      if arguments.isJSON { output.writeJSON(board) } else { output.write(board) }
      return .success
    }
  }

  static func check(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    switch FoundBoard.find(arguments) {
    case .failure(let status): return status
    case .found(let board):
      let check = BoardCheck(
        board.profile, usage: usage(arguments),
        machine: BoardMachine(root: nil, gpio: KernelGPIOInformation()))
      if arguments.isJSON {
        output.beginObject()
        output.member("board", text: board.profile.name.span)
        output.member("file", text: board.path.span)
        output.member("ofAnotherBoard", check.isOfAnotherBoard)
        output.members(check.list)
        output.endDocument()
      } else {
        output.write(check.list)
      }
      return check.exitStatus
    }
  }

  /// What the site file asks of the board. Without one that can be used nothing is asked: `cairn config check`
  /// tells what is wrong with it.
  static func usage(_ arguments: borrowing Arguments) -> BoardUsage {
    var problems = ProblemList()
    guard
      let files = NodeConfigurationFiles.load(
        options: arguments.options, requiresBoard: false, problems: &problems)
    else { return BoardUsage() }
    return BoardUsage(files.site)
  }
}

/// A profile, and how it was found.
struct FoundBoard: ~Copyable {
  let profile: BoardProfile
  let path: PathText
  let way: BoardChoice.Way

  enum Search: ~Copyable {
    case found(FoundBoard)
    /// The reasons were written to standard error.
    case failure(ExitStatus)
  }

  static func find(_ arguments: borrowing Arguments) -> Search {
    var problems = ProblemList()
    var options = arguments.options.copy()
    guard let way = BoardChoice.choose(for: &options, problems: &problems) else {
      problems.writeAll(options: options, to: .error)
      return .failure(.unavailable)
    }
    var bytes = InlineArray<16384, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    let count = NodeConfigurationFiles.readBoard(options, into: &span, problems: &problems)
    let profile = BoardProfile(
      parsing: span.span.extracting(0..<count), runFolder: options.runFolder, problems: &problems)
    guard problems.isUsable else {
      problems.writeAll(options: options, to: .error)
      return .failure(.configuration)
    }
    return .found(FoundBoard(profile: profile, path: options.boardPath, way: way))
  }
}
