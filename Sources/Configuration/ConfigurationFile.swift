import CLinux
import FixedMemory

/// The bytes of a configuration file exactly as they were read, so that whoever hashes them hashes what
/// was parsed.
public struct ConfigurationFile: ~Copyable {
  /// Why a file was not read.
  public enum Failure: Error, Equatable {
    /// The kernel's reason, such as ENOENT or EACCES.
    case system(errno: Int32)
    /// More than `Limits.fileByteCount`.
    case tooLarge
  }

  private var storage = InlineArray<16384, UInt8>(repeating: 0)
  private var count = 0

  /// Reads the file at `path` whole.
  public init(reading path: Span<UInt8>) throws(Failure) {
    var storage = InlineArray<16384, UInt8>(repeating: 0)
    let capacity = storage.count
    var result = 0
    unsafe path.withUnsafeBufferPointer { pathBytes in
      var span = storage.mutableSpan
      unsafe span.withUnsafeMutableBufferPointer { bytes in
        unsafe result = cairn_read_whole_file(
          pathBytes.baseAddress, pathBytes.count, bytes.baseAddress, capacity)
      }
    }
    guard result >= 0 else {
      throw .system(errno: Int32(truncatingIfNeeded: -result))
    }
    // A file that fills the buffer may go on: it is refused instead of parsed in part.
    guard result < capacity else { throw .tooLarge }
    self.storage = storage
    self.count = result
  }

  /// A copy of bytes that are already in memory; nil when there are more than a file may have.
  public init?(copying bytes: Span<UInt8>) {
    guard bytes.count < storage.count else { return nil }
    var span = storage.mutableSpan
    span.copy(bytes)
    count = bytes.count
  }

  /// The file's bytes, as read.
  public var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { storage.span.extracting(0..<count) }
  }
}
