import Foundation
import Simulation

/// Everything of one run below one folder:
///
///     cairn-run.lock   held while a run lasts; marks the folder as ours
///     owner/           key of the node's owner, its passphrase, what it has signed
///     gateway/         store and key of the gateway
///     NODE/state/agent/   key and spool of a board's agent
///     NODE/state/uplink/  its delivery cursor
///     NODE/run/           site.ini, sockets, lines of receiver and radio
///     export/          what `cairn log export` wrote last, of the first board
///
/// Owner, gateway and states are kept from run to run: the same keys, the next boot.
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
  /// A program's --run has at most 80 bytes (docs/configuration.md), and "/north/run" is of them.
  static let nameLimit = 70

  /// What one board has.
  struct Node {
    let folder: String
    var state: String { folder + "/state" }
    var run: String { folder + "/run" }
    var site: String { run + "/site.ini" }
    var bus: String { run + "/i2c-1.sock" }
    var gpio: String { run + "/gpio.sock" }
    var receiver: String { run + "/gnss.tty" }
    var radio: String { run + "/radio.tty" }
    var chip: String { run + "/spi-0.sock" }
    var agentSocket: String { run + "/agent.sock" }
  }

  let path: String
  /// A state from an earlier run is there.
  let isContinued: Bool
  private let lock: DemoLock

  var owner: String { path + "/owner" }
  var ownerKey: String { owner + "/owner.key" }
  var passphrase: String { owner + "/passphrase" }
  /// Whom the gateway takes nodes of.
  var owners: String { owner + "/owners" }
  var gateway: String { path + "/gateway" }
  var export: String { path + "/export" }
  func node(_ name: String) -> Node { Node(folder: path + "/" + name) }

  /// Makes the folder, or takes an earlier run's. `isFresh` removes what that one has left.
  init(_ path: String, nodes: [String], isFresh: Bool) throws(Failure) {
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
    isContinued = try Self.prepare(path, nodes: nodes, isFresh: isFresh)
    self.path = path
    self.lock = lock
  }

  /// Makes the folders below; says whether a state is there from earlier.
  private static func prepare(_ path: String, nodes: [String], isFresh: Bool) throws(Failure)
    -> Bool
  {
    do {
      if isFresh {
        try Self.remove(["owner", "gateway", "export"] + DemoNode.all.map(\.name), in: path)
      }
      let isContinued = nodes.contains {
        FileManager.default.fileExists(atPath: path + "/" + $0 + "/state/agent/agent.key")
      }
      let folders = nodes.flatMap { node in
        ["run", "state/agent", "state/uplink"].map { node + "/" + $0 }
      }
      for name in ["owner", "gateway"] + folders {
        try FileManager.default.createDirectory(
          atPath: path + "/" + name, withIntermediateDirectories: true,
          attributes: [.posixPermissions: 0o700])
      }
      // A killed run leaves links of its lines, and the pseudo-terminals at their ends may be anybody's by
      // now. Nobody else has the lock.
      for node in nodes {
        try removeLink(path + "/" + node + "/run/gnss.tty")
        try removeLink(path + "/" + node + "/run/radio.tty")
      }
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

  private static func lock(_ lockPath: String, folder: String) throws(Failure) -> DemoLock {
    do throws(DemoLock.Failure) {
      return try DemoLock(lockPath)
    } catch {
      switch error {
      case .held(let process):
        throw .inUse(path: folder, process: process.isEmpty ? "" : " (process \(process))")
      case .system(let errno):
        throw .system(path: lockPath, reason: DemoSystem.words(errno: errno))
      }
    }
  }
}
