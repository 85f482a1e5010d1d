import CLinux

/// What the kernel says of what stands at a path (stat(2)), links followed. Opens nothing.
public struct FileFacts: Sendable {
  public enum Kind: Sendable { case file, folder, socket, device, other }

  public let kind: Kind
  /// Permission bits, with set-user, set-group and sticky.
  public let mode: UInt32
  public let ownerID: UInt32
  public let groupID: UInt32
  public let byteCount: Int64
  /// Milliseconds since 1970 when its content was last changed.
  public let modifiedMilliseconds: Int64
  public let deviceMajor: UInt32
  public let deviceMinor: UInt32
  public let inode: UInt64

  /// Fails with ENOENT when nothing is there, and with EACCES when this user may not look.
  public init(at path: FixedPath) throws(SystemError) {
    var facts = cairn_file_facts()
    _ = try checked(unsafe path.withPointer { unsafe cairn_file_facts($0, &facts) })
    switch Int(facts.kind) {
    case CAIRN_KIND_FILE: kind = .file
    case CAIRN_KIND_FOLDER: kind = .folder
    case CAIRN_KIND_SOCKET: kind = .socket
    case CAIRN_KIND_DEVICE: kind = .device
    default: kind = .other
    }
    mode = facts.mode
    ownerID = facts.owner
    groupID = facts.group
    byteCount = facts.byte_count
    modifiedMilliseconds = facts.modified_milliseconds
    deviceMajor = facts.device_major
    deviceMinor = facts.device_minor
    inode = facts.inode
  }
}

/// Room on the file system that holds a path (statvfs(3)).
public struct FileSystemSpace: Sendable {
  public var byteCount: UInt64
  /// For users other than root.
  public var availableByteCount: UInt64
  /// How many files it can have; 0 where it makes room for them as needed.
  public var fileCount: UInt64
  public var availableFileCount: UInt64
  public var isReadOnly: Bool

  public init(
    byteCount: UInt64, availableByteCount: UInt64, fileCount: UInt64 = 0,
    availableFileCount: UInt64 = 0, isReadOnly: Bool = false
  ) {
    self.byteCount = byteCount
    self.availableByteCount = availableByteCount
    self.fileCount = fileCount
    self.availableFileCount = availableFileCount
    self.isReadOnly = isReadOnly
  }

  public init(at path: FixedPath) throws(SystemError) {
    var space = cairn_space()
    _ = try checked(unsafe path.withPointer { unsafe cairn_space($0, &space) })
    self.init(
      byteCount: space.byte_count, availableByteCount: space.available_byte_count,
      fileCount: space.file_count, availableFileCount: space.available_file_count,
      isReadOnly: space.is_read_only != 0)
  }
}

/// Whether this process may read, or read and write, what stands at a path. Opens nothing, so that no device
/// notices. Fails with EACCES when it may not, ENOENT when nothing is there, EROFS when nobody may write.
public func checkAccess(_ path: FixedPath, writes: Bool) throws(SystemError) {
  _ = try checked(unsafe path.withPointer { unsafe cairn_may_use($0, writes ? 1 : 0) })
}
