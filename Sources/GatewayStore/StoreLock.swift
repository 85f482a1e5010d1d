import CLinux
import Foundation
import Synchronization

/// The folder of a store, which one gateway at a time has: flock(2) on the folder itself. Nothing is left in
/// it, and the lock ends with the process, however that ends. Not on the database's file: SQLite's own
/// locks on it are lost when another descriptor of it is closed.
public final class StoreLock: Sendable {
  private let descriptor: Mutex<CInt?>

  /// Does not wait for whoever has the folder.
  public init(ofStoreAt path: String) throws(GatewayStore.Failure) {
    var folder = (path as NSString).deletingLastPathComponent
    if folder.isEmpty { folder = "." }
    let number = cairn_file_open(
      Array(folder.utf8) + [0], CInt(CAIRN_OPEN_READ | CAIRN_OPEN_DIRECTORY), 0)
    guard number >= 0 else { throw .notUsable("\(folder): \(Self.text(-number))") }
    let result = cairn_file_lock(number)
    guard result == 0 else {
      _ = cairn_file_close(number)  // It was opened for reading: there is nothing to lose.
      throw -result == EWOULDBLOCK ? .inUse : .notUsable("\(folder): \(Self.text(-result))")
    }
    descriptor = Mutex(number)
  }

  deinit { release() }

  /// Lets the next one have the folder.
  public func release() {
    descriptor.withLock { number in
      if let open = number { _ = cairn_file_close(open) }
      number = nil
    }
  }

  private static func text(_ code: CInt) -> String {
    String(cString: strerror(code))
  }
}
