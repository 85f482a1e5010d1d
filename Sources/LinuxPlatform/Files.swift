import CLinux
import FixedMemory

/// Why a small file could not be read.
public enum FileFailure: Error, Equatable {
  case notFound
  /// A directory, pipe or device: reading it could wait for ever.
  case notAFile
  /// Larger than the reader's buffer.
  case tooLong
  /// The path with what is added to it is longer than `FixedPath` holds.
  case pathTooLong
  case noSpace
  /// The kernel's own reason.
  case system(errno: Int32)

  init(_ error: SystemError) {
    switch error.errno {
    case ENOENT, ENOTDIR: self = .notFound
    case ENOSPC, EDQUOT, EFBIG: self = .noSpace
    default: self = .system(errno: error.errno)
    }
  }
}

/// Reads a whole file, or a file of /proc or /sys, and returns its number of bytes. A file that does not
/// fit is refused, not cut.
public func readFile(
  _ path: FixedPath, into bytes: inout MutableSpan<UInt8>
) throws(FileFailure) -> Int {
  do throws(SystemError) {
    let file = try openFile(path, flags: CAIRN_OPEN_READ, mode: 0)
    guard try checked(cairn_file_is_regular(file.number)) == 1 else { throw .init(errno: EISDIR) }
    var count = 0
    while count < bytes.count {
      let read = try file.read(into: &bytes, from: count)
      if read == 0 { return count }
      count += read
    }
    // The buffer is full: one byte more tells a file that fits from one that is cut.
    var beyond = InlineArray<1, UInt8>(repeating: 0)
    var span = beyond.mutableSpan
    guard try file.read(into: &span) == 0 else { throw .init(errno: E2BIG) }
    return count
  } catch {
    switch error.errno {
    case EISDIR: throw .notAFile
    case E2BIG: throw .tooLong
    default: throw FileFailure(error)
    }
  }
}

/// True when something stands at the path, a link that leads nowhere excepted.
public func fileExists(_ path: FixedPath) -> Bool {
  unsafe path.withPointer { unsafe cairn_file_exists($0) } == 1
}

/// Replaces a file so that after a power cut either the old content is there or all of the new one:
/// a new file beside it, fsync, rename, fsync of the directory. The old file is untouched on failure.
///
/// - `goesToFolder`: what root writes is the folder's owner's, who has to read it again.
public func atomicReplace(
  _ path: FixedPath, with bytes: Span<UInt8>, mode: UInt32, goesToFolder: Bool = false
) throws(FileFailure) {
  guard let new = path.appending(suffix: ".new") else { throw .pathTooLong }
  do throws(SystemError) {
    // What an earlier attempt left behind. A link there is removed, not followed.
    let unlinked = unsafe new.withPointer { unsafe cairn_file_unlink($0) }
    if unlinked != 0 &- ENOENT { _ = try checked(unlinked) }
    try writeNew(new, bytes, mode: mode, goesToFolder: goesToFolder)
    let result = unsafe new.withPointer { from in
      unsafe path.withPointer { to in unsafe cairn_file_rename(from, to) }
    }
    if result < 0 { removeFile(new) }
    _ = try checked(result)
    try synchroniseDirectory(of: path)
  } catch {
    throw FileFailure(error)
  }
}

/// Makes a new file, durably. Fails with `system(EEXIST)` when anything stands at the path, be it a link; nothing is
/// left of it on any other failure.
public func createFile(
  _ path: FixedPath, with bytes: Span<UInt8>, mode: UInt32
) throws(FileFailure) {
  do throws(SystemError) {
    try writeNew(path, bytes, mode: mode)
    try synchroniseDirectory(of: path)
  } catch {
    throw FileFailure(error)
  }
}

/// Writes over a file in place, durably, for one whose old bytes must not be left anywhere. It has that many
/// bytes before and after; a write that is broken off leaves pieces of both.
public func overwriteFile(_ path: FixedPath, with bytes: Span<UInt8>) throws(FileFailure) {
  do throws(SystemError) {
    let file = try openFile(path, flags: CAIRN_OPEN_READ_WRITE, mode: 0)
    try file.writeAll(bytes)
    _ = try checked(cairn_file_sync(file.number))
    try file.close()
  } catch {
    throw FileFailure(error)
  }
}

/// Removes a file, durably. None there is what was wanted.
public func removeFileDurably(_ path: FixedPath) throws(FileFailure) {
  do throws(SystemError) {
    let unlinked = unsafe path.withPointer { unsafe cairn_file_unlink($0) }
    if unlinked == 0 &- ENOENT { return }
    _ = try checked(unlinked)
    try synchroniseDirectory(of: path)
  } catch {
    throw FileFailure(error)
  }
}

private func writeNew(
  _ path: FixedPath, _ bytes: Span<UInt8>, mode: UInt32, goesToFolder: Bool = false
) throws(SystemError) {
  let file = try openFile(
    path,
    flags: CAIRN_OPEN_READ_WRITE | CAIRN_OPEN_CREATE | CAIRN_OPEN_NEW,
    mode: mode)
  do throws(SystemError) {
    // Exactly this mode, whatever the umask.
    _ = try checked(cairn_file_set_mode(file.number, mode))
    if goesToFolder {
      let directory = path.directory
      _ = try checked(
        unsafe directory.withPointer { unsafe cairn_file_give_to_folder(file.number, $0) })
    }
    try file.writeAll(bytes)
    _ = try checked(cairn_file_sync(file.number))
    try file.close()
  } catch {
    removeFile(path)
    throw error
  }
}

extension FileDescriptor {
  /// Opens what stands at the path for reading.
  public init(reading path: FixedPath) throws(SystemError) {
    self = try openFile(path, flags: CAIRN_OPEN_READ, mode: 0)
  }
}

/// Opens by our own flags; close-on-exec, without waiting.
func openFile(_ path: FixedPath, flags: Int, mode: UInt32) throws(SystemError)
  -> FileDescriptor
{
  let result = unsafe path.withPointer { unsafe cairn_file_open($0, Int32(flags), mode) }
  return FileDescriptor(owning: try checked(result))
}

/// A name is durable only when its directory is.
func synchroniseDirectory(of path: FixedPath) throws(SystemError) {
  let directory = try openFile(
    path.directory, flags: CAIRN_OPEN_READ | CAIRN_OPEN_DIRECTORY, mode: 0)
  _ = try checked(cairn_file_sync(directory.number))
}

/// Removes what may not be there: used where another failure is already on its way to the caller.
func removeFile(_ path: FixedPath) {
  _ = unsafe path.withPointer { unsafe cairn_file_unlink($0) }
}
