import CBOR
import CLinux
import FixedMemory
import LinuxPlatform
import NodeFiles

/// Wrong passphrases in a row, in a file that every session shares: a new connection or a power cut resets nothing.
/// docs/console.md has the bytes.
struct ConsoleAttempts {
  static var version: UInt64 { 1 }
  /// 1 s, 2 s, 4 s … and no more than this.
  static var longestWaitMilliseconds: Int64 { 300_000 }
  /// What stands for a file that can't be understood: whoever broke it waits longest.
  private static var afterDamage: UInt64 { 10 }

  var failureCount: UInt64 = 0
  /// Of the kernel's boot clock.
  var lastMilliseconds: Int64 = 0
  /// Wrong passphrases that the agent has not heard of.
  var untoldCount: UInt64 = 0

  init() {}

  /// `now` of the boot clock. A time ahead of it is an earlier boot's: the wait begins anew.
  init(reading path: FixedPath, now: Int64) throws(FileFailure) {
    var bytes = InlineArray<64, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    let count: Int
    do throws(FileFailure) { count = try readFile(path, into: &span) } catch {
      guard error == .notFound else { throw error }
      return
    }
    do throws(CBORDecoder.Failure) {
      var decoder = CBORDecoder(span.span.extracting(0..<count))
      try decoder.expectArray(count: 4)
      guard try decoder.unsigned() == Self.version else { throw .outsideFormat }
      failureCount = try decoder.unsigned()
      lastMilliseconds = try decoder.integer()
      untoldCount = try decoder.unsigned()
      try decoder.finish()
    } catch {
      failureCount = Self.afterDamage
      lastMilliseconds = now
      untoldCount = 0
    }
    if !(0...now).contains(lastMilliseconds) { lastMilliseconds = now }
  }

  func write(_ path: FixedPath) throws(FileFailure) {
    var bytes = InlineArray<64, UInt8>(repeating: 0)
    var encoder = CBOREncoder(bytes.mutableSpan)
    encoder.arrayHead(count: 4)
    encoder.unsigned(Self.version)
    encoder.unsigned(failureCount)
    encoder.integer(lastMilliseconds)
    encoder.unsigned(untoldCount)
    let count = encoder.byteCount
    // Root at a console of its own would else lock the serial console's user out.
    try atomicReplace(
      path, with: bytes.span.extracting(0..<count), mode: 0o660, goesToFolder: true)
  }

  /// How long nobody may try after so many in a row.
  static func waitMilliseconds(after failureCount: UInt64) -> Int64 {
    guard failureCount > 0 else { return 0 }
    guard failureCount < 10 else { return longestWaitMilliseconds }
    return min(longestWaitMilliseconds, 1000 << Int64(failureCount - 1))
  }

  /// How much of that is left.
  func leftMilliseconds(now: Int64) -> Int64 {
    max(0, Self.waitMilliseconds(after: failureCount) - (now - lastMilliseconds))
  }
}
