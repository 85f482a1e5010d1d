import CLinux
import FixedMemory

/// The arguments that the program was started with, read from /proc/self/cmdline, since Embedded Swift
/// has no CommandLine. Bytes as the caller of execve gave them: not checked to be UTF-8.
public struct ProgramArguments: ~Copyable {
  /// Enough for a dozen options with paths of 255 bytes.
  public static var maximumByteCount: Int { 4096 }

  private var bytes = InlineArray<4096, UInt8>(repeating: 0)
  private var byteCount = 0
  /// How many there are, the program's own name included.
  public private(set) var count = 0

  /// Fails with `tooLong` when they do not fit: a cut argument is never handed out.
  public init() throws(FileFailure) {
    var span = bytes.mutableSpan
    byteCount = try readFile(FixedPath("/proc/self/cmdline"), into: &span)
    for index in 0..<byteCount where bytes[index] == 0 { count += 1 }
  }

  /// The argument at `index`, from 0, the program's name; outside is a bug of the caller.
  public subscript(index: Int) -> Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get {
      precondition(index >= 0 && index < count, "argument that was not given")
      var start = 0
      var skipped = 0
      while skipped < index {
        if bytes[start] == 0 { skipped += 1 }
        start += 1
      }
      var end = start
      while bytes[end] != 0 { end += 1 }
      return bytes.span.extracting(start..<end)
    }
  }
}
