import Foundation

/// Writes an archive beside the place where it is to be, and moves it there when it is whole: a folder with
/// the archive's name is never half of one.
public final class ArchiveWriter {
  private let destination: String
  private let folder: String
  private var handle: FileHandle?
  private var buffer: [UInt8] = []
  private var path = ""
  private var isFinished = false

  private static let bufferByteCount = 262_144

  /// `destination` is a folder that is not there yet, or an empty one. What an export that was cut off has
  /// left beside it is removed.
  public init(to destination: String) throws(ArchiveFailure) {
    var trimmed = destination
    while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
    self.destination = trimmed
    folder = trimmed + ".partial"
    let manager = FileManager.default
    if manager.fileExists(atPath: trimmed) {
      let content: [String]
      do { content = try manager.contentsOfDirectory(atPath: trimmed) } catch {
        throw ArchiveFailure(trimmed, error)
      }
      guard content.isEmpty else {
        throw ArchiveFailure(
          trimmed,
          reason: "is there already and not empty: an archive goes into a folder of its own")
      }
    }
    do {
      if manager.fileExists(atPath: folder) { try manager.removeItem(atPath: folder) }
      try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw ArchiveFailure(folder, error)
    }
  }

  deinit {
    guard !isFinished else { return }
    do { try FileManager.default.removeItem(atPath: folder) } catch {
      // It can't be removed now: the next export to this place does.
    }
  }

  /// Ends the file before, and begins this one.
  public func begin(_ file: ArchiveFormat.File) throws(ArchiveFailure) {
    try endFile()
    path = folder + "/" + file.rawValue
    guard FileManager.default.createFile(atPath: path, contents: nil) else {
      throw ArchiveFailure(path, reason: "can't be made")
    }
    do { handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path)) } catch {
      throw ArchiveFailure(path, error)
    }
  }

  /// Appends bytes to the file that was begun last.
  public func append(_ bytes: [UInt8]) throws(ArchiveFailure) {
    buffer.append(contentsOf: bytes)
    if buffer.count >= Self.bufferByteCount { try flush() }
  }

  /// All is on the disk and stands in its place when this returns.
  public func finish() throws(ArchiveFailure) {
    try endFile()
    try Self.synchronize(folder)
    guard rename(folder, destination) == 0 else {
      throw ArchiveFailure(destination, reason: String(cString: strerror(errno)))
    }
    isFinished = true
    let parent = (destination as NSString).deletingLastPathComponent
    try Self.synchronize(parent.isEmpty ? "." : parent)
  }

  private func flush() throws(ArchiveFailure) {
    guard let handle, !buffer.isEmpty else { return }
    do { try handle.write(contentsOf: Data(buffer)) } catch { throw ArchiveFailure(path, error) }
    buffer.removeAll(keepingCapacity: true)
  }

  private func endFile() throws(ArchiveFailure) {
    try flush()
    guard let handle else { return }
    do {
      try handle.synchronize()
      try handle.close()
    } catch {
      throw ArchiveFailure(path, error)
    }
    self.handle = nil
  }

  private static func synchronize(_ folder: String) throws(ArchiveFailure) {
    let descriptor = open(folder, O_RDONLY)
    guard descriptor >= 0 else {
      throw ArchiveFailure(folder, reason: String(cString: strerror(errno)))
    }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else {
      throw ArchiveFailure(folder, reason: String(cString: strerror(errno)))
    }
  }
}
