import FixedMemory
import LinuxPlatform
import NodeConfiguration

/// Which profile is this board's when none is named on the command line:
///
///     board.ini beside the site file        the operator's own
///     /usr/share/cairn/boards/*.ini         the one that names the most specific string of the device tree
///
/// None is guessed: a board that no profile names is refused, and the operator is told its names.
public enum BoardChoice {
  /// Where packages put the profiles of Boards/.
  public static var profilesFolder: StaticString { "/usr/share/cairn/boards" }
  /// Where the kernel shows what the board is.
  public static var deviceTreeFile: StaticString { "/proc/device-tree/compatible" }

  /// How a profile was found.
  public enum Way: Sendable {
    /// On the command line.
    case named
    /// As board.ini beside the site file.
    case besideSite
    /// By this string of the device tree, cut to what fits.
    case deviceTree(FixedText<64>)
  }

  /// Sets the options' board when it is not named, and says how it was found; nil when none was, and a problem
  /// says why.
  @discardableResult
  public static func choose(
    for options: inout ProgramOptions, problems: inout ProblemList
  ) -> Way? {
    guard options.boardPath.isEmpty else { return .named }
    if let own = ownProfile(beside: options.configPath) {
      options.take(boardPath: own)
      return .besideSite
    }
    var tree = InlineArray<512, UInt8>(repeating: 0)
    var span = tree.mutableSpan
    var count = 0
    do throws(FileFailure) {
      count = try readFile(FixedPath(deviceTreeFile), into: &span)
    } catch {
      options.refuseWithoutBoard(
        Message(
          "--board is needed: this machine shows no device tree that would tell which board it is. Profiles are in /usr/share/cairn/boards"
        ), problems: &problems)
      return nil
    }
    let strings = span.span.extracting(0..<count)
    if let found = best(for: strings, in: FixedPath(profilesFolder)) {
      options.take(boardPath: found)
      var string = FixedText<64>()
      if let path = FixedPath(found.span), let rank = rank(of: path, strings) {
        string.write(self.string(rank, of: strings))
      }
      return .deviceTree(string)
    }
    var message = Message("no profile in /usr/share/cairn/boards names this board (")
    message.write("\"")
    message.write(string(0, of: strings))
    message.write("\"")
    message.write("): copy generic.ini to board.ini beside site.ini and fill it in, or use --board")
    options.refuseWithoutBoard(message, problems: &problems)
    return nil
  }

  /// The operator's own profile; nil when there is none.
  private static func ownProfile(beside configPath: PathText) -> PathText? {
    guard let config = FixedPath(configPath.span),
      let own = config.directory.appending(name: "board.ini"), fileExists(own)
    else { return nil }
    return PathText(own.span)
  }

  /// The profile in `folder` that names the earliest string of a device tree; of several the first by name. A
  /// file that can't be read, or is no profile, is passed over: `cairn board check` tells about it.
  public static func best(for tree: Span<UInt8>, in folder: FixedPath) -> PathText? {
    var names = FolderNames(of: folder)
    var best: (path: PathText, rank: Int)?
    // A folder that is no folder has no profile.
    do throws(SystemError) {
      while try names.next() {
        guard isProfileName(names.span), let path = folder.appending(name: names.span),
          let text = PathText(path.span), let rank = rank(of: path, tree)
        else { continue }
        if best.map({ rank < $0.rank }) ?? true { best = (text, rank) }
      }
    } catch { return nil }
    return best?.path
  }

  private static func isProfileName(_ name: Span<UInt8>) -> Bool {
    name.count > 4 && name.extracting(name.count - 4..<name.count).equals(".ini")
  }

  private static func rank(of path: FixedPath, _ tree: Span<UInt8>) -> Int? {
    var bytes = InlineArray<16384, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    var problems = ProblemList()
    do throws(FileFailure) {
      let count = try readFile(path, into: &span)
      let profile = BoardProfile(
        parsing: span.span.extracting(0..<count), runFolder: FixedText<80>(), problems: &problems)
      return problems.isUsable ? profile.rank(deviceTree: tree) : nil
    } catch { return nil }
  }

  /// A string of a device tree's `compatible`, the most specific one being 0; empty behind the last.
  @_lifetime(copy tree)
  public static func string(_ index: Int, of tree: Span<UInt8>) -> Span<UInt8> {
    var start = 0
    for _ in 0..<index {
      while start < tree.count, tree[start] != 0 { start += 1 }
      start = min(start + 1, tree.count)
    }
    var end = start
    while end < tree.count, tree[end] != 0 { end += 1 }
    return tree.extracting(start..<end)
  }
}
