import CLinux
import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs
import Spool

typealias NodeLogReader = LogReader<FileStorage>

/// Why the spool can't be read, in words for people.
enum SpoolProblem: Error, Equatable {
  case file(FileStorage.Failure)
  case log(NodeLogReader.Failure)

  /// What is wrong and what to do; the path stands before it.
  func explain(_ text: inout TextBuilder<512>) {
    switch self {
    case .file(.notFound):
      text.append("no spool: the agent has never run here, or --state names another folder")
    case .file(.notAFile): text.append("is not a file")
    case .file(.system(let errno)) where errno == EACCES || errno == EPERM:
      text.append("this user may not read it: run as root, or as a member of the group cairn")
    case .file(.system(let errno)), .log(.spool(.storage(.system(let errno)))):
      text.append("can't be read: errno ")
      text.append(errno)
      if errno == EIO { text.append(", an error of the card: look at `dmesg`") }
    case .file(.pathTooLong): text.append("the path is too long")
    case .file(.locked), .file(.noSpace), .file(.alreadyExists): text.append("can't be opened")
    case .log(.spool(.notASpool)):
      text.append("is not a spool, or making it was cut short: the agent makes it anew")
    case .log(.spool(.unsupportedVersion(let version))):
      text.append("has format version ")
      text.append(version)
      text.append(", this program knows 1: take the `cairn` that came with the agent")
    case .log(.spool(.superblockDamaged)):
      text.append("its first block is damaged: restore it from a copy, or move it away")
    case .log(.spool(.wrongByteCount(let expected, let found))):
      text.append("has ")
      text.append(found)
      text.append(" bytes, not ")
      text.append(expected)
      text.append(": cut short, or a copy that was not complete")
    case .log(.spool(.replaced)):
      text.append("another spool was made in its place just now: ask again")
    case .log(.spool(.storage(.outOfBounds))):
      text.append("became shorter while it was read")
    case .log(.foreignContent): text.append("its entries are intact, and no log of this version")
    case .log: text.append("can't be read")
    }
  }

  var status: ExitStatus {
    switch self {
    case .file(.notFound): .unavailable
    case .file: .refused
    case .log(.spool(.storage)): .storageFailed
    case .log: .refused
    }
  }
}

/// The files of the node that the command line names, or the end.
func nodePaths(_ arguments: borrowing Arguments) -> NodePaths {
  guard let paths = NodePaths(options: arguments.options) else {
    end(.usage, "cairn: --state or --run is too long for the names below it")
  }
  return paths
}

/// The same for a command that meets the private key: its address stands on the command line or in the site file. A
/// site file that is there and can't be used leaves open where the key is, so that it ends the program.
func keyPathsOrEnd(_ arguments: borrowing Arguments) -> NodePaths {
  let paths = nodePaths(arguments)
  if !arguments.options.keyFile.isEmpty { return takeable(paths) }
  var problems = ProblemList()
  let files = NodeConfigurationFiles.load(
    options: arguments.options, requiresBoard: false, problems: &problems)
  if let files {
    guard let placed = NodePaths(options: arguments.options, keyFile: files.site.keyFile) else {
      end(.usage, "cairn: --state or --run is too long for the names below it")
    }
    return takeable(placed)
  }
  if let site = FixedPath(arguments.options.configPath.span), isAbsent(site) { return paths }
  problems.writeAll(options: arguments.options, to: .error)
  end(
    .configuration,
    "cairn: so it is not known where the key is: mend the site file, or name it with --key-address file:/PATH"
  )
}

private func isAbsent(_ path: FixedPath) -> Bool {
  do throws(FileFailure) {
    _ = try FileIdentity(at: path)
    return false
  } catch { return error == .notFound }
}

private func takeable(_ paths: NodePaths) -> NodePaths {
  if paths.isKeyAnothersPlace {
    end(.configuration, "cairn: the key's address is that of another file of the agent")
  }
  return paths
}

/// Ends the program because of the spool.
func endForSpool(_ paths: NodePaths, _ problem: SpoolProblem) -> Never {
  var text = TextBuilder<512>()
  text.append("cairn: ")
  text.append(untrusted: paths.spool.span)
  text.append(": ")
  problem.explain(&text)
  end(problem.status, text.span)
}
