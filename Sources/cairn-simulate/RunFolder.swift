import CLinux
import Foundation
import LinuxPlatform
import Simulation

/// Everything of one run below one folder:
///
///     cairn-run.lock   held while a run lasts; marks the folder as ours
///     gateway/         store and key of the gateway
///     state/agent/     key and spool of the agent
///     state/uplink/    the delivery cursor
///     run/             site.ini, sockets, the receiver's line
///     export/          what `cairn log export` wrote last
///
/// Gateway and state are kept from run to run: the same key, the next boot.
struct RunFolder: ~Copyable {
  enum Failure: Error, CustomStringConvertible {
    case tooLong(path: String)
    case inUse(path: String, process: String)
    case foreign(path: String)
    case system(path: String, reason: String)

    var description: String {
      switch self {
      case .tooLong(let path):
        "\(path): its name is too long for the sockets below it; at most \(RunFolder.nameLimit) bytes"
      case .inUse(let path, let process):
        "another run is going on in \(path)\(process): end it, or take another --folder"
      case .foreign(let path):
        "\(path) is not empty, and no run made it (it has no \(RunFolder.lockName)): take another"
          + " --folder"
      case .system(let path, let reason): "\(path): \(reason)"
      }
    }
  }

  static let lockName = "cairn-run.lock"
  /// A program's --run has at most 80 bytes (docs/configuration.md), and "/run" is of them.
  static let nameLimit = 76

  let path: String
  /// A state from an earlier run is there.
  let isContinued: Bool
  private let lock: FileDescriptor

  var gateway: String { path + "/gateway" }
  var state: String { path + "/state" }
  var run: String { path + "/run" }
  var export: String { path + "/export" }
  var site: String { run + "/site.ini" }
  var bus: String { run + "/i2c-1.sock" }
  var receiver: String { run + "/gnss.tty" }
  var agentSocket: String { run + "/agent.sock" }

  /// Makes the folder, or takes an earlier run's. `isFresh` removes what that one has left.
  init(_ path: String, isFresh: Bool) throws(Failure) {
    guard path.utf8.count <= Self.nameLimit else { throw .tooLong(path: path) }
    let lockPath = path + "/" + Self.lockName
    do {
      let manager = FileManager.default
      try manager.createDirectory(atPath: path, withIntermediateDirectories: true)
      if !manager.fileExists(atPath: lockPath),
        !(try manager.contentsOfDirectory(atPath: path)).isEmpty
      {
        throw Failure.foreign(path: path)
      }
    } catch let failure as Failure {
      throw failure
    } catch {
      throw .system(path: path, reason: error.localizedDescription)
    }
    let lock = try Self.lock(lockPath, folder: path)
    isContinued = try Self.prepare(path, isFresh: isFresh)
    self.path = path
    self.lock = lock
  }

  /// Makes the folders below; says whether a state is there from earlier.
  private static func prepare(_ path: String, isFresh: Bool) throws(Failure) -> Bool {
    do {
      if isFresh { try Self.remove(["gateway", "state", "run", "export"], in: path) }
      let isContinued = FileManager.default.fileExists(atPath: path + "/state/agent/agent.key")
      for name in ["gateway", "run", "state/agent", "state/uplink"] {
        try FileManager.default.createDirectory(
          atPath: path + "/" + name, withIntermediateDirectories: true,
          attributes: [.posixPermissions: 0o700])
      }
      // A killed run leaves the receiver's link, and the pseudo-terminal at its end may be anybody's by
      // now. Nobody else has the lock.
      try removeLink(path + "/run/gnss.tty")
      return isContinued
    } catch {
      throw .system(path: path, reason: error.localizedDescription)
    }
  }

  /// Only names of ours, below a folder that has our lock.
  private static func remove(_ names: [String], in path: String) throws {
    for name in names where FileManager.default.fileExists(atPath: path + "/" + name) {
      try FileManager.default.removeItem(atPath: path + "/" + name)
    }
  }

  private static func removeLink(_ path: String) throws {
    let attributes: [FileAttributeKey: Any]
    do { attributes = try FileManager.default.attributesOfItem(atPath: path) } catch { return }
    guard attributes[.type] as? FileAttributeType == .typeSymbolicLink else { return }
    try FileManager.default.removeItem(atPath: path)
  }

  func removeExport() throws { try Self.remove(["export"], in: path) }

  /// The kernel lets it go when this process ends, however it ends.
  private static func lock(_ lockPath: String, folder: String) throws(Failure) -> FileDescriptor {
    let bytes = Array(lockPath.utf8) + [0]
    let number = cairn_file_open(bytes, Int32(CAIRN_OPEN_READ_WRITE | CAIRN_OPEN_CREATE), 0o600)
    guard number >= 0 else { throw .system(path: lockPath, reason: errorText(-number)) }
    let descriptor = FileDescriptor(owning: number)
    guard cairn_file_lock(number) == 0 else {
      var buffer = [UInt8](repeating: 0, count: 32)
      let count = max(0, Int(cairn_file_read(number, &buffer, 32)))
      let process = String(decoding: buffer.prefix(count), as: UTF8.self)
        .trimmingCharacters(in: .whitespacesAndNewlines)
      throw .inUse(path: folder, process: process.isEmpty ? "" : " (process \(process))")
    }
    // Only for the words of a refusal: whoever can't be named is still refused.
    _ = cairn_file_truncate(number)
    let text = Array("\(getpid())\n".utf8)
    _ = cairn_file_write_at(number, text, Int64(text.count), 0)
    return descriptor
  }
}

/// The kernel's words for an errno.
func errorText(_ number: Int32) -> String { String(cString: strerror(number)) }
