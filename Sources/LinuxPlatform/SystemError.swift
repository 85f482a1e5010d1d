import CLinux
import FixedMemory

/// The kernel's own reason (errno(3)).
public struct SystemError: Error, Equatable {
  public let errno: Int32

  public init(errno: Int32) { self.errno = errno }
}

extension SystemError {
  /// What the number means, for those that an operator meets; nil for the rest.
  var meaning: StaticString? {
    switch errno {
    case ENOENT, ENOTDIR: "no such file or folder"
    case EACCES, EPERM: "permission denied: look at its owner and mode, and as which user this runs"
    case EROFS: "the file system is read-only: look at the card and at `dmesg`"
    case ENOSPC, EDQUOT: "no space left: free some"
    case EIO: "the card or disk reports an error: look at `dmesg`"
    case EMFILE, ENFILE: "too many open files"
    case ENOMEM, ENOBUFS: "no memory left"
    case EBUSY: "it is in use by another program"
    case EINVAL, ENOTTY: "not possible with what stands there"
    default: nil
    }
  }

  /// This user may not.
  public var isDenied: Bool { errno == EACCES || errno == EPERM }

  /// True for what the card or disk is the reason of, and not who asks: room may be made, and another start or the
  /// next boot may find it well.
  public var isOfStorage: Bool {
    switch errno {
    case EIO, ENOSPC, EDQUOT, EFBIG, EROFS, ENXIO, EUCLEAN: true
    default: false
    }
  }
}

extension TextBuilder {
  /// The meaning where it is known, and the number.
  public mutating func append(_ error: SystemError) {
    if let meaning = error.meaning {
      append(meaning)
      append(" (errno ")
      append(error.errno)
      append(")")
    } else {
      append("errno ")
      append(error.errno)
    }
  }
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
