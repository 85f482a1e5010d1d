import CLinux
import FixedMemory

/// Tells that something in a few folders may have come, gone, or changed its mode (inotify(7)). What it was is not
/// told: whoever hears it looks anew, which is right too when the kernel lost count (IN_Q_OVERFLOW).
///
/// A folder may be missing, go, and be made again, as udev does with folders of links: then the nearest folder
/// above it that is there is watched in its place.
///
/// Invariant: each folder has the watch of itself, or of the nearest one above it, as of the last look.
public struct FolderWatcher: ~Copyable {
  /// 8 buses and 8 serial lines stand in one or two folders, most often; more are refused.
  public static var folderCapacity: Int { 8 }
  /// A path of 255 bytes has at most 127 folders above it.
  private static var longestClimb: Int { 128 }
  /// How often what changes while it is being looked at is looked at again.
  private static var attemptCount: Int { 8 }

  private struct Folder {
    var path: FixedPath
    /// 0: none.
    var watch: Int32 = 0
  }

  private let descriptor: FileDescriptor
  private var folders = InlineArray<8, Folder?>(repeating: nil)

  /// Fails with EMFILE when the user has too many watchers.
  public init() throws(SystemError) {
    descriptor = FileDescriptor(owning: try checked(cairn_watch_new()))
  }

  /// Readable when there is something for `takeChanges`.
  public var pollDescriptor: Int32 { descriptor.number }

  /// Watches one more folder, once. False when there is no room.
  public mutating func add(_ path: FixedPath) throws(SystemError) -> Bool {
    for index in 0..<Self.folderCapacity {
      if let folder = folders[index] {
        if folder.path.span.equals(path.span) { return true }
      } else {
        folders[index] = Folder(path: path)
        try follow(index)
        return true
      }
    }
    return false
  }

  /// Takes what was told, and goes after folders that came or went. True when anything may have changed.
  public mutating func takeChanges() throws(SystemError) -> Bool {
    guard try checked(cairn_watch_take(descriptor.number)) != 0 else { return false }
    for index in 0..<Self.folderCapacity where folders[index] != nil { try follow(index) }
    return true
  }

  /// Watches the folder, or the nearest one above it.
  private mutating func follow(_ index: Int) throws(SystemError) {
    for _ in 0..<Self.attemptCount {
      guard let path = folders[index]?.path else { return }
      let (watch, height) = try watchNearest(path)
      let old = folders[index]?.watch ?? 0
      folders[index]?.watch = watch
      if old != watch { release(old) }
      // What was missing may have come before the watch above it stood: then nobody would tell.
      if height == 0 || old == watch { return }
    }
  }

  /// The watch, and how many folders above the path it stands.
  private func watchNearest(_ path: FixedPath) throws(SystemError) -> (watch: Int32, height: Int) {
    var place = path
    for height in 0..<Self.longestClimb {
      let result = unsafe place.withPointer { unsafe cairn_watch_add(descriptor.number, $0) }
      if result >= 0 { return (result, height) }
      guard result == 0 &- ENOENT || result == 0 &- ENOTDIR else {
        throw SystemError(errno: 0 &- result)
      }
      place = place.directory
    }
    throw SystemError(errno: ENOENT)
  }

  /// Ends a watch that no folder needs.
  private func release(_ watch: Int32) {
    guard watch > 0 else { return }
    for index in 0..<Self.folderCapacity where folders[index]?.watch == watch { return }
    // The kernel has ended it already when its folder has gone.
    _ = cairn_watch_remove(descriptor.number, watch)
  }
}
