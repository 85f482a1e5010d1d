import Buses
import CLibI2C
import CLinux
import FixedMemory

/// An I2C bus of the kernel's: /dev/i2c-N, or a link to it. Numbers depend on the order in which drivers came up;
/// links of udev's (/dev/cairn/i2c-…) stay with the adapter.
public struct LinuxI2CBus: Sendable {
  /// A full 4 KiB transfer takes 0.4 s at 100 kHz, our longest (256 bytes) 26 ms; a chip may stretch the
  /// clock on top.
  public static var timeoutMilliseconds: UInt32 { 100 }

  public let path: FixedPath

  /// What else stands there than an I2C bus is refused when a chip is opened: `system(ENOTTY)`.
  public init(path: FixedPath) { self.path = path }

  public init(number: UInt16) {
    guard let path = FixedPath("/dev/i2c-").appending(decimal: number) else {
      stop("five digits do not fit a path")
    }
    self.path = path
  }

  /// The chip at a 7-bit address, 0x08 to 0x77.
  ///
  /// Fails with `disconnected` when there is no such bus, and with `system(EBUSY)` when a kernel driver
  /// has the chip: two masters of one chip would read each other's answers.
  public func device(at address: UInt8) throws(BusError) -> LinuxI2CDevice {
    try LinuxI2CDevice(bus: self, address: address)
  }

  /// Whether anything acknowledges at an address. Reads one byte, or sends the address alone where
  /// reading might disturb: 0x30 to 0x37 and 0x50 to 0x5f are memories, of which a read moves the
  /// pointer, everything else may have commands that a write would start.
  public func probe(address: UInt8) throws(BusError) -> Bool {
    let device = try device(at: address)
    return try device.probe()
  }
}

/// One chip on a bus of the kernel's.
///
/// Plain I2C adapters carry every transfer by I2C_RDWR: a read of any length without a command, and a
/// combined transfer of any length, which SMBus does not have. On adapters that are SMBus only (most PC
/// chipsets, i2c-stub) libi2c carries the transfers that look the same on the wire, and the rest is
/// refused with `system(EOPNOTSUPP)`.
public struct LinuxI2CDevice: CombinedI2CDevice, ~Copyable {
  /// Adapters take 8 KiB in one message (i2c-dev). Ours are far below.
  private static var maximumByteCount: Int { 8192 }
  /// SMBus 3.1 has 255; libi2c's I2C_SMBUS_BLOCK_MAX is 32.
  private static var maximumSMBusByteCount: Int { 32 }

  public let address: UInt8
  private let descriptor: FileDescriptor
  private let isPlain: Bool

  init(bus: LinuxI2CBus, address: UInt8) throws(BusError) {
    precondition((0x08...0x77).contains(address), "reserved I2C address")
    self.address = address
    do throws(SystemError) {
      descriptor = try Self.open(bus.path, address: address)
    } catch {
      throw .opening(error)
    }
    isPlain = cairn_i2c_is_plain(descriptor.number) == 1
  }

  private static func open(_ path: FixedPath, address: UInt8) throws(SystemError) -> FileDescriptor
  {
    let descriptor = try openFile(path, flags: CAIRN_OPEN_READ_WRITE, mode: 0)
    // Refused by whatever is not an I2C bus.
    _ = try checked(cairn_i2c_is_plain(descriptor.number))
    // The adapter's settings, not the descriptor's: all of Cairn's devices set the same.
    _ = try checked(cairn_i2c_configure(descriptor.number, LinuxI2CBus.timeoutMilliseconds))
    _ = try checked(cairn_i2c_select(descriptor.number, address))
    return descriptor
  }

  fileprivate func probe() throws(BusError) -> Bool {
    let started = cairn_clock_boot()
    let isMemory = (0x30...0x37).contains(address) || (0x50...0x5f).contains(address)
    let result =
      isMemory
      ? cairn_smbus_receive_byte(descriptor.number) : cairn_smbus_quick(descriptor.number)
    guard result < 0 else { return true }
    let error = BusError.transfer(
      errno: 0 &- result, elapsedMilliseconds: cairn_clock_boot() - started)
    if error == .notAcknowledged { return false }
    throw error
  }

  public func transfer(_ written: Span<UInt8>, into read: inout MutableSpan<UInt8>)
    throws(BusError)
  {
    guard written.count <= Self.maximumByteCount, read.count <= Self.maximumByteCount else {
      throw .system(errno: EMSGSIZE)
    }
    let started = cairn_clock_boot()
    let number = descriptor.number
    let (address, isPlain) = (address, isPlain)
    let result = unsafe written.withUnsafeBufferPointer { written in
      unsafe read.withUnsafeMutableBufferPointer { read in
        isPlain
          ? unsafe cairn_i2c_transfer(
            number, address, written.baseAddress, UInt16(written.count), read.baseAddress,
            UInt16(read.count))
          : unsafe Self.smbus(number, written, read)
      }
    }
    guard result < 0 else { return }
    throw .transfer(errno: 0 &- result, elapsedMilliseconds: cairn_clock_boot() - started)
  }

  /// The transfers of ours that SMBus has too, byte for byte.
  private static func smbus(
    _ number: Int32, _ written: UnsafeBufferPointer<UInt8>,
    _ read: UnsafeMutableBufferPointer<UInt8>
  ) -> Int32 {
    switch (written.count, read.count) {
    case (0, 0): return cairn_smbus_quick(number)
    case (1, 0): return unsafe cairn_smbus_send_byte(number, written[0])
    case (2...maximumSMBusByteCount + 1, 0):
      return unsafe cairn_smbus_write_block(
        number, written[0], written.baseAddress.map { unsafe $0 + 1 }, UInt8(written.count - 1))
    case (0, 1):
      let byte = cairn_smbus_receive_byte(number)
      if byte >= 0 { unsafe read[0] = UInt8(truncatingIfNeeded: byte) }
      return byte
    case (1, 1...maximumSMBusByteCount):
      let count = unsafe cairn_smbus_read_block(
        number, written[0], read.baseAddress, UInt8(read.count))
      return count < 0 || count == read.count ? count : 0 &- EIO
    default: return 0 &- EOPNOTSUPP
    }
  }
}
