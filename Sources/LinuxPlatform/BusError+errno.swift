import Buses
import CLinux

extension BusError {
  /// SMBus 3.1 section 3.1.1, T(TIMEOUT): a clock that stays low for 25 to 35 ms is held.
  static var heldBusMilliseconds: Int64 { 25 }

  /// What the kernel's I2C adapters mean (kernel documentation, i2c/fault-codes). `elapsedMilliseconds`
  /// is how long the transfer took: adapters report a chip that stretches the clock too long as EIO, which
  /// stands for much else too; only one that came after a bus's worth of waiting is a held bus.
  static func transfer(errno: Int32, elapsedMilliseconds: Int64) -> BusError {
    switch errno {
    case ENXIO, EREMOTEIO: return .notAcknowledged
    case ETIMEDOUT: return .timedOut
    case EIO where elapsedMilliseconds >= heldBusMilliseconds: return .timedOut
    case EAGAIN: return .arbitrationLost
    case ENODEV, ESHUTDOWN: return .disconnected
    default: return .system(errno: errno)
    }
  }

  /// Opening a bus or a line that is not there.
  static func opening(_ error: SystemError) -> BusError {
    switch error.errno {
    case ENOENT, ENODEV, ENXIO: return .disconnected
    default: return .system(errno: error.errno)
    }
  }

  /// Another program has what was to be opened.
  public var isInUse: Bool { self == .system(errno: EBUSY) }

  /// This program may not open it.
  public var isForbidden: Bool { self == .system(errno: EACCES) }
}
