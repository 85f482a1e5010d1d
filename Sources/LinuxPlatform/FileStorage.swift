import CLinux
import FixedMemory
import Spool

/// A spool's file: all of its blocks are allocated before it gets its name, so that a full disk is known
/// when the spool is made and never while a measurement is stored.
///
/// Invariants:
/// 1. Under its name the file always has its whole size: it is made as `name.new` and renamed.
/// 2. There is at most one writer: whoever opens for writing holds flock(2)'s exclusive lock, which ends
///    with the descriptor, however the process ends.
/// 3. After a failed `synchronize` nothing is written any more: the kernel has dropped the pages that it
///    could not write, and the next fdatasync would report success without them.
public struct FileStorage: BlockStorage, ~Copyable {
  public enum Access: Sendable {
    case readOnly
    case readWrite
  }

  /// Why a storage could not be opened or made.
  public enum Failure: Error, Equatable {
    case notFound
    /// Another process has it open for writing.
    case locked
    /// A directory, pipe or device.
    case notAFile
    /// The disk cannot hold the file, or the process may not make one so large. Nothing is left behind.
    case noSpace
    case alreadyExists
    case pathTooLong
    /// The kernel's own reason.
    case system(errno: Int32)
  }

  /// The size of the file when it was opened.
  public let byteCount: UInt64
  /// Which file is open, to be compared with what stands at the path later.
  public let identity: FileIdentity
  private let file: FileDescriptor
  private let access: Access
  /// Set once, by a failed `synchronize`.
  private var failure: StorageError?

  private init(file: consuming FileDescriptor, byteCount: UInt64, access: Access)
    throws(SystemError)
  {
    identity = try FileIdentity(of: file)
    self.file = file
    self.byteCount = byteCount
    self.access = access
  }

  /// Opens what is there; for writing only when nobody else writes.
  public static func open(at path: FixedPath, access: Access) throws(Failure) -> FileStorage {
    do throws(SystemError) {
      let flags: Int
      switch access {
      case .readOnly: flags = CAIRN_OPEN_READ
      case .readWrite: flags = CAIRN_OPEN_READ_WRITE
      }
      let file = try openFile(path, flags: flags, mode: 0)
      guard try checked(cairn_file_is_regular(file.number)) == 1 else {
        throw SystemError(errno: EISDIR)
      }
      if access == .readWrite { _ = try checked(cairn_file_lock(file.number)) }
      let byteCount = UInt64(try checked64(cairn_file_size(file.number)))
      return try FileStorage(file: file, byteCount: byteCount, access: access)
    } catch {
      throw Failure(error)
    }
  }

  /// Makes a file of zeros with all of its blocks allocated, durable under its name, and opens it for
  /// writing. Never touches a file that is there.
  public static func create(at path: FixedPath, byteCount: UInt64, mode: UInt32)
    throws(Failure) -> FileStorage
  {
    precondition(byteCount > 0 && byteCount <= UInt64(Int64.max), "size of a storage")
    guard let new = path.appending(suffix: ".new") else { throw .pathTooLong }
    do throws(SystemError) {
      // An attempt that a power cut ended may have left this file: it is taken over, not removed, because
      // the lock on it is what keeps two makers apart.
      let file = try openFile(new, flags: CAIRN_OPEN_READ_WRITE | CAIRN_OPEN_CREATE, mode: mode)
      _ = try checked(cairn_file_lock(file.number))
      // Between open and lock another maker may have renamed the file away: then it is the spool itself.
      guard try checked(unsafe new.withPointer { unsafe cairn_file_is_at(file.number, $0) }) == 1
      else { throw SystemError(errno: EWOULDBLOCK) }
      do throws(SystemError) {
        try allocate(file, byteCount: byteCount, mode: mode)
        guard try checked(unsafe path.withPointer { unsafe cairn_file_exists($0) }) == 0 else {
          throw SystemError(errno: EEXIST)
        }
        let renamed = unsafe new.withPointer { from in
          unsafe path.withPointer { to in unsafe cairn_file_rename(from, to) }
        }
        _ = try checked(renamed)
      } catch {
        removeFile(new)
        throw error
      }
      try synchroniseDirectory(of: path)
      return try FileStorage(file: file, byteCount: byteCount, access: .readWrite)
    } catch {
      throw Failure(error)
    }
  }

  private static func allocate(
    _ file: borrowing FileDescriptor, byteCount: UInt64, mode: UInt32
  ) throws(SystemError) {
    _ = try checked(cairn_file_set_mode(file.number, mode))
    _ = try checked(cairn_file_truncate(file.number))
    _ = try checked(cairn_file_allocate(file.number, byteCount))
    // Size and blocks are metadata: fsync, not fdatasync.
    _ = try checked(cairn_file_sync(file.number))
  }

  public mutating func read(into bytes: inout MutableSpan<UInt8>, at offset: UInt64)
    throws(StorageError)
  {
    try check(offset: offset, count: bytes.count)
    var done = 0
    while done < bytes.count {
      let result = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
        unsafe cairn_file_read_at(
          file.number, buffer.baseAddress.map { unsafe $0 + done }, Int64(buffer.count - done),
          offset + UInt64(done))
      }
      let count = try transferred(result)
      // The file has become shorter since it was opened.
      guard count > 0 else { throw .outOfBounds }
      done += count
    }
  }

  public mutating func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(StorageError) {
    if let failure { throw failure }
    guard access == .readWrite else { throw .readOnly }
    try check(offset: offset, count: bytes.count)
    var done = 0
    while done < bytes.count {
      let result = unsafe bytes.withUnsafeBufferPointer { buffer in
        unsafe cairn_file_write_at(
          file.number, buffer.baseAddress.map { unsafe $0 + done }, Int64(buffer.count - done),
          offset + UInt64(done))
      }
      let count = try transferred(result)
      guard count > 0 else { throw .system(errno: EIO) }
      done += count
    }
  }

  public mutating func synchronize() throws(StorageError) {
    if let failure { throw failure }
    guard access == .readWrite else { throw .readOnly }
    let result = cairn_file_sync_data(file.number)
    guard result < 0 else { return }
    let error = StorageError(SystemError(errno: 0 &- result))
    failure = error
    throw error
  }

  private func check(offset: UInt64, count: Int) throws(StorageError) {
    guard offset <= byteCount, UInt64(count) <= byteCount - offset else { throw .outOfBounds }
  }

  private func transferred(_ result: Int64) throws(StorageError) -> Int {
    do throws(SystemError) { return try checked(result) } catch { throw StorageError(error) }
  }
}

/// A file's size may exceed an Int on armhf.
private func checked64(_ result: Int64) throws(SystemError) -> Int64 {
  if result < 0 { _ = try checked(result) }
  return result
}

extension StorageError {
  /// errno(3) in the words of `BlockStorage`. EFBIG is a limit of the file system or of the process.
  init(_ error: SystemError) {
    switch error.errno {
    case ENOSPC, EDQUOT, EFBIG: self = .noSpace
    case EROFS, EBADF: self = .readOnly
    default: self = .system(errno: error.errno)
    }
  }
}

extension FileStorage.Failure {
  init(_ error: SystemError) {
    switch error.errno {
    case ENOENT, ENOTDIR: self = .notFound
    case EWOULDBLOCK: self = .locked
    case EISDIR: self = .notAFile
    case ENOSPC, EDQUOT, EFBIG: self = .noSpace
    case EEXIST: self = .alreadyExists
    default: self = .system(errno: error.errno)
    }
  }
}
