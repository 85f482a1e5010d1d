import FixedMemory
import Spool

/// A spool's file in memory: what remains is the log's own work. Copies share the bytes.
public struct MemoryStorage: BlockStorage {
  private let bytes: UnsafeMutableRawPointer
  public let byteCount: UInt64

  /// All zero. `release` gives the memory back.
  public init(byteCount: Int) {
    bytes = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 4096)
    bytes.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    self.byteCount = UInt64(byteCount)
  }

  /// No copy may be used after it.
  public func release() { bytes.deallocate() }

  public func read(into target: inout MutableSpan<UInt8>, at offset: UInt64) throws(StorageError) {
    let start = try checked(offset, target.count)
    target.withUnsafeMutableBytes {
      if let base = $0.baseAddress { base.copyMemory(from: bytes + start, byteCount: $0.count) }
    }
  }

  public func write(_ source: Span<UInt8>, at offset: UInt64) throws(StorageError) {
    let start = try checked(offset, source.count)
    source.withUnsafeBytes {
      if let base = $0.baseAddress { (bytes + start).copyMemory(from: base, byteCount: $0.count) }
    }
  }

  public func synchronize() throws(StorageError) {}

  private func checked(_ offset: UInt64, _ count: Int) throws(StorageError) -> Int {
    guard offset <= byteCount, UInt64(count) <= byteCount - offset, let start = Int(exactly: offset)
    else { throw .outOfBounds }
    return start
  }
}
