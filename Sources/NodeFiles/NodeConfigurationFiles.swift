import CLinux
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import Proofs

/// The configuration of a node as its files say it.
public struct NodeConfigurationFiles: ~Copyable {
  public let site: SiteConfiguration
  /// Empty for a program that reaches no devices.
  public let board: BoardProfile
  /// SHA-256 of the site file's bytes, then the profile's: stands in boot leaves.
  public let hash: Digest

  /// Reads and checks the files. What is wrong is in `problems`; nil when the configuration can't be used.
  public static func load(
    options: borrowing ProgramOptions, requiresBoard: Bool, problems: inout ProblemList
  ) -> NodeConfigurationFiles? {
    var buffer = InlineArray<16384, UInt8>(repeating: 0)
    var span = buffer.mutableSpan
    var hash = SHA256()
    let siteCount = read(options.configPath, .site, into: &span, problems: &problems)
    hash.update(span.span.extracting(0..<siteCount))
    guard problems.isUsable else { return nil }
    let site = SiteConfiguration(
      parsing: span.span.extracting(0..<siteCount), problems: &problems)
    guard requiresBoard else {
      guard problems.isUsable else { return nil }
      var ignored = ProblemList()  // An empty profile lacks its keys, and nobody asks for them.
      let none = BoardProfile(parsing: Span(), runFolder: options.runFolder, problems: &ignored)
      return NodeConfigurationFiles(site: site, board: none, hash: hash.finish())
    }
    let boardCount = read(options.boardPath, .board, into: &span, problems: &problems)
    hash.update(span.span.extracting(0..<boardCount))
    guard problems.isUsable else { return nil }
    let board = BoardProfile(
      parsing: span.span.extracting(0..<boardCount), runFolder: options.runFolder,
      problems: &problems)
    if problems.isUsable { site.check(against: board, problems: &problems) }
    guard problems.isUsable else { return nil }
    return NodeConfigurationFiles(site: site, board: board, hash: hash.finish())
  }

  /// Reads the board profile's bytes and says how many there are; why they can't be read is in `problems`.
  public static func readBoard(
    _ options: borrowing ProgramOptions, into span: inout MutableSpan<UInt8>,
    problems: inout ProblemList
  ) -> Int { read(options.boardPath, .board, into: &span, problems: &problems) }

  /// The same with the board's profile, which is found when it is not named.
  public static func loadWithBoard(
    options: borrowing ProgramOptions, problems: inout ProblemList
  ) -> NodeConfigurationFiles? {
    var chosen = options.copy()
    BoardChoice.choose(for: &chosen, problems: &problems)
    guard problems.isUsable else { return nil }
    return load(options: chosen, requiresBoard: true, problems: &problems)
  }

  private static func read(
    _ path: PathText, _ source: Problem.Source, into span: inout MutableSpan<UInt8>,
    problems: inout ProblemList
  ) -> Int {
    guard let fixed = FixedPath(path.span) else {
      problems.refuseFile(source, .notFound)
      return 0
    }
    do throws(FileFailure) {
      return try readFile(fixed, into: &span)
    } catch {
      switch error {
      case .notFound, .pathTooLong: problems.refuseFile(source, .notFound)
      case .notAFile: problems.refuseFile(source, .notAFile)
      case .tooLong: problems.refuseFile(source, .tooLarge)
      case .noSpace: problems.refuseFile(source, .system(errno: ENOSPC))
      case .system(let errno): problems.refuseFile(source, .system(errno: errno))
      }
      return 0
    }
  }
}

extension ProblemList {
  /// Writes every problem as a line for people: FILE:LINE: what is wrong.
  public func writeAll(options: borrowing ProgramOptions, to stream: StandardStream) {
    for index in 0..<shownCount {
      var line = describe(index, options: options)
      line.write("\n")
      // Nobody is left to tell when the terminal has gone.
      do throws(SystemError) { try stream.write(line.span) } catch { return }
    }
    guard hiddenCount > 0 else { return }
    var text = FixedText<64>()
    text.write("… and ")
    text.write(decimal: Int64(hiddenCount))
    text.write(" more\n")
    do throws(SystemError) { try stream.write(text.span) } catch { return }
  }
}
