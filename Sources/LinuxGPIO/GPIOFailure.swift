import CLinux
import FixedMemory
import LinuxPlatform

/// Why a line can't be had.
public struct GPIOFailure: Error, Equatable {
  public enum Reason: UInt8, Sendable {
    /// No chip has one of the labels.
    case noChip
    /// The chip has fewer lines.
    case noLine
    /// Another program or a driver has it: `consumer` says which, when it has a name.
    case inUse
    /// This user may not open the chip.
    case notPermitted
    /// The kernel or the chip can't do what was asked for, such as a bias.
    case unsupported
    /// The chip went away.
    case gone
    /// The kernel's answer is none of its own format.
    case malformed
    /// Any other reason: `errno`.
    case system
  }

  public let reason: Reason
  public let errno: Int32
  public private(set) var consumer = FixedText<32>()

  init(_ reason: Reason, errno: Int32 = 0) {
    self.reason = reason
    self.errno = errno
  }

  /// `result` is −errno.
  init(result: Int32) {
    let number = 0 &- result
    switch number {
    case ENOENT, ENXIO: self.init(.noChip, errno: number)
    case EBUSY: self.init(.inUse, errno: number)
    case EACCES, EPERM: self.init(.notPermitted, errno: number)
    case EINVAL, ENOTTY, EOPNOTSUPP: self.init(.unsupported, errno: number)
    case ENODEV: self.init(.gone, errno: number)
    case EBADMSG: self.init(.malformed, errno: number)
    default: self.init(.system, errno: number)
    }
  }

  init(inUseBy consumer: Span<UInt8>) {
    self.init(.inUse, errno: EBUSY)
    self.consumer.write(consumer)
  }
}

extension TextBuilder {
  /// Why, and what to do.
  public mutating func append(_ failure: GPIOFailure) {
    switch failure.reason {
    case .noChip:
      append("no GPIO chip has this label: `gpiodetect` lists those that are there")
    case .noLine: append("the chip has fewer lines: look at `gpioinfo`")
    case .inUse:
      append("is in use by ")
      if failure.consumer.isEmpty {
        append("a program that gives no name")
      } else {
        append(untrusted: failure.consumer.span)
      }
      append(": end that, or take another line")
    case .notPermitted: append("this user may not open the chip (group gpio)")
    case .unsupported:
      append(
        "the kernel can't do this with the line: Linux 5.10 is needed, and a chip with this bias")
    case .gone: append("the chip is gone: unplugged, or its simulator has ended")
    case .malformed: append("the answer is not of the kernel's format")
    case .system: append(SystemError(errno: failure.errno))
    }
  }
}
