import CLinux

/// The one owner of an open descriptor: it is closed exactly once, at the latest when its owner goes.
public struct FileDescriptor: ~Copyable {
  /// For poll(2) and for the wrappers of CLinux. −1 only while it is being closed.
  public private(set) var number: Int32

  /// Takes over a descriptor that nobody else will close.
  public init(owning number: Int32) {
    precondition(number >= 0, "a descriptor is not negative")
    self.number = number
  }

  deinit {
    // Nobody is left to be told: whoever needs to know calls close().
    if number >= 0 { _ = cairn_file_close(number) }
  }

  /// Closes and says whether that went well: some file systems report a failed write only here.
  public consuming func close() throws(SystemError) {
    let closing = number
    number = -1
    _ = try checked(cairn_file_close(closing))
  }

  /// Reads what is there into `bytes` from `offset` on, at most to its end. 0 is the end of a file, or a
  /// hang-up.
  public func read(into bytes: inout MutableSpan<UInt8>, from offset: Int = 0) throws(SystemError)
    -> Int
  {
    let result = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
      unsafe cairn_file_read(
        number, buffer.baseAddress.map { unsafe $0 + offset }, Int64(buffer.count - offset))
    }
    return try checked(result)
  }

  /// Writes from `offset` in `bytes` on, and says how much was taken.
  func write(_ bytes: Span<UInt8>, from offset: Int = 0) throws(SystemError) -> Int {
    let result = unsafe bytes.withUnsafeBufferPointer { buffer in
      unsafe cairn_file_write(
        number, buffer.baseAddress.map { unsafe $0 + offset }, Int64(buffer.count - offset))
    }
    return try checked(result)
  }

  /// Writes all bytes, however many calls that takes. For regular files, which never say "later".
  func writeAll(_ bytes: Span<UInt8>) throws(SystemError) {
    var offset = 0
    while offset < bytes.count {
      let count = try write(bytes, from: offset)
      guard count > 0 else { throw SystemError(errno: EIO) }
      offset += count
    }
  }
}
