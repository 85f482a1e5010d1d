import CLinux
import FixedMemory

/// Another program, run to its end for what it writes: for a bounded time, with a bounded output, an environment of
/// its own, and nothing of ours open. It ends with this process at the latest.
public struct HelperProgram {
  public enum Failure: Error, Equatable {
    /// The command line does not fit.
    case tooManyWords
    /// Killed, because it took longer.
    case timedOut
    /// Killed, because it wrote more than the buffer holds.
    case outputTooLong
    /// The kernel refused to start it.
    case system(errno: Int32)
  }

  /// The command line, each word with its NUL: what `--config`, `--board` and the like need at most.
  private var words = InlineArray<2048, UInt8>(repeating: 0)
  private var byteCount = 0
  private var isTooLong = false
  private var user: (userID: UInt32, groupID: UInt32)?

  public init(_ path: FixedPath) { append(path.span) }

  /// One more word.
  public mutating func append(_ word: Span<UInt8>) {
    // The NUL behind the last word ends the list.
    guard !word.isEmpty, byteCount + word.count + 2 <= words.count else {
      isTooLong = true
      return
    }
    for index in word.indices {
      if word[index] == 0 { isTooLong = true }
      words[byteCount + index] = word[index]
    }
    byteCount += word.count + 1
  }

  public mutating func append(_ word: StaticString) { append(word.bytes) }

  /// Runs as this user, with this group and no others. Only root may ask for it.
  public mutating func act(asUser userID: UInt32, group groupID: UInt32) {
    user = (userID, groupID)
  }

  /// Runs it and waits for its end. Returns its exit status, 126 or 127 when it could not be started, 128 and the
  /// signal's number when one ended it.
  public func run(
    milliseconds: Int64, into output: inout MutableSpan<UInt8>, byteCount: inout Int
  ) throws(Failure) -> Int32 {
    guard !isTooLong else { throw .tooManyWords }
    byteCount = 0
    var number: Int32 = -1
    let user = user
    let child = unsafe words.span.withUnsafeBufferPointer {
      unsafe cairn_helper_start(
        $0.baseAddress, user == nil ? 0 : 1, user?.userID ?? 0, user?.groupID ?? 0, &number)
    }
    guard child > 0, number >= 0 else { throw .system(errno: 0 &- child) }
    let failure = read(
      FileDescriptor(owning: number), milliseconds: milliseconds, into: &output,
      byteCount: &byteCount)
    // Who has closed its output has a second to end.
    let status = cairn_helper_end(child, failure == nil ? 1000 : -1)
    if let failure { throw failure }
    guard status >= 0 else { throw .system(errno: 0 &- status) }
    return status
  }

  /// Until the end of its output; nil then.
  private func read(
    _ pipe: consuming FileDescriptor, milliseconds: Int64, into output: inout MutableSpan<UInt8>,
    byteCount: inout Int
  ) -> Failure? {
    let end = cairn_clock_boot() + milliseconds
    do throws(SystemError) {
      while true {
        let left = end - cairn_clock_boot()
        guard left > 0, try waitFor(pipe.number, writable: false, milliseconds: left) else {
          return .timedOut
        }
        guard byteCount < output.count else { return .outputTooLong }
        let count = try pipe.read(into: &output, from: byteCount)
        if count == 0 { return nil }
        byteCount += count
      }
    } catch {
      return .system(errno: error.errno)
    }
  }
}
