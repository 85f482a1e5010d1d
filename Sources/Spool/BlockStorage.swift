/// Where a spool lives: a file of fixed size. A write is durable only after `synchronize` has
/// returned; before that a power cut may keep any part of it, in any order.
public protocol BlockStorage: ~Copyable {
  var byteCount: UInt64 { get }
  /// Fills all of `bytes` from `offset`.
  mutating func read(into bytes: inout MutableSpan<UInt8>, at offset: UInt64)
    throws(StorageError)
  mutating func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(StorageError)
  /// Returns when everything written is durable (fdatasync). After a failure nothing that was
  /// written since the last success is known to be durable, and the storage must not be written
  /// again.
  mutating func synchronize() throws(StorageError)
}

public enum StorageError: Error, Equatable {
  /// Outside the file: it is shorter than its header says.
  case outOfBounds
  /// No space left on the device.
  case noSpace
  case readOnly
  /// The kernel's own reason.
  case system(errno: Int32)
}
