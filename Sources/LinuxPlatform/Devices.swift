import CLinux
import FixedMemory

/// What stands at the path of a device, as far as can be told without opening it.
public enum DevicePresence: Equatable, Sendable {
  case missing
  /// A folder or an ordinary file.
  case notADevice
  case device(mayOpen: Bool)
  case socket(mayOpen: Bool)
  /// The kernel's reason why it can't be told.
  case unknown(SystemError)

  /// Looks. Nothing is opened: a serial line's handshake wires and a bus in use stay as they are.
  public init(at path: FixedPath) {
    let kind = unsafe path.withPointer { unsafe cairn_device_kind($0) }
    guard kind >= 0 else {
      let errno = 0 &- kind
      self = errno == ENOENT || errno == ENOTDIR ? .missing : .unknown(SystemError(errno: errno))
      return
    }
    guard kind != Int32(CAIRN_DEVICE_OTHER) else {
      self = .notADevice
      return
    }
    let answer = unsafe path.withPointer { unsafe cairn_device_may_open($0) }
    guard answer >= 0 else {
      self = .unknown(SystemError(errno: 0 &- answer))
      return
    }
    let mayOpen = answer == 1
    self =
      kind == Int32(CAIRN_DEVICE_SOCKET) ? .socket(mayOpen: mayOpen) : .device(mayOpen: mayOpen)
  }
}

/// Where a link leads, as it is written in it; nil when there is no link.
public func linkTarget(_ path: FixedPath) -> FixedPath? {
  var bytes = InlineArray<256, UInt8>(repeating: 0)
  var span = bytes.mutableSpan
  let count = unsafe path.withPointer { path in
    unsafe span.withUnsafeMutableBufferPointer {
      unsafe cairn_link_target(path, $0.baseAddress, Int64($0.count))
    }
  }
  guard count > 0, count < 256 else { return nil }
  return FixedPath(bytes.span.extracting(0..<Int(count)))
}
