import CLinux

/// A folder that one process at a time has: flock(2) on the folder itself, so that nothing is left in it and
/// the lock ends with the process, however that ends.
public struct FolderLock: ~Copyable {
  public enum Failure: Error, Equatable {
    /// Nothing is there, or no folder.
    case notFound
    /// Another process has it.
    case locked
    /// The kernel's own reason.
    case system(errno: Int32)
  }

  private let folder: FileDescriptor

  /// Does not wait for whoever has the folder.
  public init(of path: FixedPath) throws(Failure) {
    do throws(SystemError) {
      folder = try Self.locked(path)
    } catch {
      switch error.errno {
      case ENOENT, ENOTDIR: throw .notFound
      case EWOULDBLOCK: throw .locked
      default: throw .system(errno: error.errno)
      }
    }
  }

  /// Gives the folder back. A lock that is held to the end of the program needs nobody to call this, but
  /// somebody who still has it: what is not used any more may end earlier.
  public consuming func release() {}

  private static func locked(_ path: FixedPath) throws(SystemError) -> FileDescriptor {
    let folder = try openFile(path, flags: CAIRN_OPEN_READ | CAIRN_OPEN_DIRECTORY, mode: 0)
    _ = try checked(cairn_file_lock(folder.number))
    return folder
  }
}
