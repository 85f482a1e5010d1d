import Buses
import CLinux
import FixedMemory

/// One chip of the kernel's SPI bus, by spidev (/dev/spidevBUS.SELECT), in mode 0 with 8 bits a word, most
/// significant bit first.
///
/// The clock is ours, so a transfer ends when its bytes are through: 4 KiB at 100 kHz take 0.33 s.
public struct LinuxSPIDevice: SPIDevice, ~Copyable {
  /// spidev's own bound unless its module was told otherwise.
  public static var maximumByteCount: Int { 4096 }
  public static var speedRange: ClosedRange<UInt32> { 100_000...20_000_000 }

  public let speedHertz: UInt32
  private let descriptor: FileDescriptor

  /// Fails with `disconnected` when there is no such device.
  public init(path: FixedPath, speedHertz: UInt32) throws(BusError) {
    precondition(Self.speedRange.contains(speedHertz), "SPI clock outside its range")
    self.speedHertz = speedHertz
    do throws(SystemError) {
      descriptor = try Self.open(path, speedHertz)
    } catch {
      throw .opening(error)
    }
  }

  private static func open(_ path: FixedPath, _ speedHertz: UInt32) throws(SystemError)
    -> FileDescriptor
  {
    let descriptor = try openFile(path, flags: CAIRN_OPEN_READ_WRITE, mode: 0)
    // Refused by whatever is no SPI device.
    _ = try checked(cairn_spi_configure(descriptor.number, speedHertz))
    return descriptor
  }

  public mutating func transfer(_ bytes: inout MutableSpan<UInt8>) throws(BusError) {
    guard !bytes.isEmpty else { return }
    guard bytes.count <= Self.maximumByteCount else { throw .system(errno: EMSGSIZE) }
    let (number, speed) = (descriptor.number, speedHertz)
    let result = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
      unsafe cairn_spi_transfer(number, buffer.baseAddress, UInt32(buffer.count), speed)
    }
    guard result < 0 else { return }
    throw .transfer(errno: 0 &- result, elapsedMilliseconds: 0)
  }
}
