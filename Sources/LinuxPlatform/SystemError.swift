import CLinux

/// The kernel's own reason (errno(3)).
public struct SystemError: Error, Equatable {
  public let errno: Int32

  public init(errno: Int32) { self.errno = errno }
}

/// The result of a wrapper of CLinux: what the call returned, or its error.
@inline(__always)
func checked(_ result: Int32) throws(SystemError) -> Int32 {
  guard result >= 0 else { throw SystemError(errno: 0 &- result) }
  return result
}

/// The same for counts of bytes. They never exceed the buffer that was given, so they fit an Int.
@inline(__always)
func checked(_ result: Int64) throws(SystemError) -> Int {
  guard result >= 0 else { throw SystemError(errno: Int32(truncatingIfNeeded: 0 &- result)) }
  return Int(truncatingIfNeeded: result)
}
