import Foundation

/// A receiver on a line: what this end writes, the agent reads. Gone with its owner, as a plug that is pulled.
final class PseudoTerminal {
  struct None: Error { let errno: Int32 }

  let master: Int32
  let path: String

  init() throws {
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)
    guard master >= 0 else { throw None(errno: errno) }
    // TIOCSPTLCK and TIOCGPTN (ioctl_tty(2)): unlocks the other end, and tells its number.
    var (isLocked, number): (Int32, Int32) = (0, 0)
    guard ioctl(master, 0x4004_5431, &isLocked) == 0, ioctl(master, 0x8004_5430, &number) == 0
    else { throw None(errno: errno) }
    path = "/dev/pts/\(number)"
  }

  deinit { close(master) }

  /// Writes as much as the line takes now.
  func write(_ bytes: ArraySlice<UInt8>) -> Int {
    max(0, bytes.withUnsafeBytes { Foundation.write(master, $0.baseAddress, $0.count) })
  }
}
