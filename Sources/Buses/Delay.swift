/// Waiting, as an argument, so that tests do not wait.
public protocol Delay: ~Copyable {
  /// Sleeps at least this long.
  mutating func sleep(milliseconds: UInt32)
}
