import CBOR
import Foundation

/// A file or folder that can't be read or written: the reason is the system's.
public struct ArchiveFailure: Error, Equatable {
  public let path: String
  public let reason: String

  init(_ path: String, _ error: any Error) {
    self.path = path
    reason = error.localizedDescription
  }

  init(_ path: String, reason: String) {
    self.path = path
    self.reason = reason
  }
}

/// A file of an archive, for reading. Whoever made the folder may have put a pipe, a device or a link there:
/// one that never ends, or of which another program waits.
public enum ArchiveFile {
  /// At most `limit` bytes from the beginning of a file that the auditor names. It may be named by a link.
  public static func bytes(of path: String, limit: Int) throws(ArchiveFailure) -> [UInt8] {
    let handle = try open(path, followingLinks: true)
    do {
      return Array(try handle.read(upToCount: limit) ?? Data())
    } catch {
      throw ArchiveFailure(path, reason: error.localizedDescription)
    }
  }

  static func open(_ path: String, followingLinks: Bool = false) throws(ArchiveFailure)
    -> FileHandle
  {
    // Without O_NONBLOCK a pipe would be waited for before it is seen that it is none.
    let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (followingLinks ? 0 : O_NOFOLLOW)
    let descriptor = Foundation.open(path, flags)
    guard descriptor >= 0 else {
      let reason = errno == ELOOP ? notAFile : String(cString: strerror(errno))
      throw ArchiveFailure(path, reason: reason)
    }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var state = stat()
    guard fstat(descriptor, &state) == 0, state.st_mode & S_IFMT == S_IFREG else {
      throw ArchiveFailure(path, reason: notAFile)
    }
    return handle
  }

  private static let notAFile = "not a file of its own: a link, folder, pipe or device"
}

/// Reads a CBOR sequence (RFC 8742) item by item with a buffer of some hundred kilobytes, however large the
/// file. Works on untrusted bytes: where no item begins, or one is longer than the file's largest, reading
/// ends there.
final class SequenceReader {
  enum Step {
    case item(bytes: [UInt8], offset: UInt64)
    case end
    /// Nothing from here on can be read: where an item ends is not known.
    case damage(offset: UInt64, why: CBORDecoder.Failure, isTooLong: Bool)
  }

  private static let chunkByteCount = 262_144

  let file: ArchiveFormat.File
  let byteCount: UInt64
  private let path: String
  private let handle: FileHandle
  private var buffer: [UInt8] = []
  private var next = 0
  /// Of the byte at `next`, from the file's beginning.
  private(set) var offset: UInt64 = 0
  private var isAtEnd = false

  init(_ file: ArchiveFormat.File, in folder: String) throws(ArchiveFailure) {
    self.file = file
    path = folder + "/" + file.rawValue
    handle = try ArchiveFile.open(path)
    do {
      byteCount = try handle.seekToEnd()
      try handle.seek(toOffset: 0)
    } catch {
      throw ArchiveFailure(path, error)
    }
  }

  /// Nil when there is no such file: of one that an archive may be without.
  convenience init?(optional file: ArchiveFormat.File, in folder: String) throws(ArchiveFailure) {
    var state = stat()
    if lstat(folder + "/" + file.rawValue, &state) != 0, errno == ENOENT { return nil }
    try self.init(file, in: folder)
  }

  func step() throws(ArchiveFailure) -> Step {
    let limit = file.maximumItemByteCount
    while !isAtEnd, buffer.count - next < limit { try fill() }
    guard next < buffer.count else { return .end }
    let end = min(buffer.count, next + limit)
    var decoder = CBORDecoder(buffer.span.extracting(next..<end))
    do throws(CBORDecoder.Failure) {
      try decoder.skipItem()
    } catch {
      let isTooLong = error == .truncated && end < buffer.count
      return .damage(offset: offset, why: error, isTooLong: isTooLong)
    }
    let count = decoder.offset
    let item = Array(buffer[next..<next + count])
    let itemOffset = offset
    next += count
    offset += UInt64(count)
    return .item(bytes: item, offset: itemOffset)
  }

  private func fill() throws(ArchiveFailure) {
    buffer.removeSubrange(0..<next)
    next = 0
    let chunk: Data?
    do { chunk = try handle.read(upToCount: Self.chunkByteCount) } catch {
      throw ArchiveFailure(path, error)
    }
    guard let chunk, !chunk.isEmpty else {
      isAtEnd = true
      return
    }
    buffer.append(contentsOf: chunk)
  }
}
