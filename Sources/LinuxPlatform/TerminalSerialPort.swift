import Buses
import CLinux

/// A serial line of the kernel's: UART, USB converter or pseudo-terminal. Raw, 8 data bits, no parity,
/// 1 stop bit, no flow control, and ours alone.
///
/// A converter that was unplugged, or a pseudo-terminal whose other end has gone, is `disconnected`; the
/// port is then of no use and is opened anew when its device node is back.
public struct TerminalSerialPort: SerialPort, ~Copyable {
  public enum BaudRate: UInt32, Sendable {
    case baud4800 = 4800
    case baud9600 = 9600
    case baud19200 = 19200
    case baud38400 = 38400
    case baud57600 = 57600
    case baud115200 = 115_200
    case baud230400 = 230_400
    case baud460800 = 460_800
    case baud921600 = 921_600
  }

  private let descriptor: FileDescriptor
  private let baudRate: BaudRate
  private let writeMarginMilliseconds: UInt32

  /// Opens and sets the line up. What had arrived before is thrown away.
  ///
  /// `disconnected` when there is no such line; `system(EBUSY)` when another program has it;
  /// `system(ENOTTY)` for something else than a terminal; `system(EINVAL)` when it can't do this speed.
  ///
  /// A write may take twice the time that its bits need, and `writeMarginMilliseconds` for the converter.
  public init(
    path: FixedPath, baudRate: BaudRate, writeMarginMilliseconds: UInt32 = 1000
  ) throws(BusError) {
    self.baudRate = baudRate
    self.writeMarginMilliseconds = writeMarginMilliseconds
    do throws(SystemError) {
      descriptor = try Self.open(path, baudRate)
    } catch {
      throw error.errno == EIO ? .disconnected : .opening(error)
    }
  }

  private static func open(_ path: FixedPath, _ baudRate: BaudRate) throws(SystemError)
    -> FileDescriptor
  {
    let descriptor = try openFile(path, flags: CAIRN_OPEN_READ_WRITE, mode: 0)
    let number = descriptor.number
    // TIOCEXCL stops every later open, except root's; the lock stops root too, and ends with the process.
    let locked = cairn_file_lock(number)
    if locked == 0 &- EWOULDBLOCK { throw SystemError(errno: EBUSY) }
    _ = try checked(locked)
    _ = try checked(cairn_terminal_set_exclusive(number, 1))
    _ = try checked(cairn_terminal_configure(number, baudRate.rawValue))
    return descriptor
  }

  deinit {
    // A pseudo-terminal keeps the mark after its last close. A line that is gone needs it no more.
    _ = cairn_terminal_set_exclusive(descriptor.number, 0)
  }

  /// For poll: readable when bytes have arrived or the line is gone.
  public var pollDescriptor: Int32 { descriptor.number }

  /// True while the path leads to this very line. False when its device node has gone, or is another's now.
  public func isAt(_ path: FixedPath) -> Bool {
    do throws(SystemError) {
      let own = try FileIdentity(of: descriptor)
      do throws(FileFailure) { return try FileIdentity(at: path) == own } catch { return false }
    } catch { return false }
  }

  /// True for a pseudo-terminal: a program is at the other end, most often a replay. What it sends is then
  /// to be flagged as simulated, unless the operator says that it is a bridge to a real device.
  public var isPseudoTerminal: Bool { cairn_terminal_is_pseudo(descriptor.number) == 1 }

  public mutating func read(into bytes: inout MutableSpan<UInt8>) throws(BusError) -> Int {
    guard !bytes.isEmpty else { return 0 }
    let result = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
      unsafe cairn_file_read(descriptor.number, buffer.baseAddress, Int64(buffer.count))
    }
    // With VMIN 1 a quiet line is EAGAIN and never 0.
    if result == Int64(0 &- EAGAIN) { return 0 }
    guard result != 0 else { throw .disconnected }
    return try transferred(result)
  }

  public mutating func write(_ bytes: Span<UInt8>) throws(BusError) {
    // Ten bits for each byte, twice over.
    let patience =
      Int64(writeMarginMilliseconds) + Int64(bytes.count) * 20_000 / Int64(baudRate.rawValue)
    let end = cairn_clock_boot() + patience
    var offset = 0
    while offset < bytes.count {
      let result = unsafe bytes.withUnsafeBufferPointer { buffer in
        unsafe cairn_file_write(
          descriptor.number, buffer.baseAddress.map { unsafe $0 + offset },
          Int64(buffer.count - offset))
      }
      if result == Int64(0 &- EAGAIN) {
        try waitUntilWritable(milliseconds: end - cairn_clock_boot())
      } else {
        offset += try transferred(result)
      }
    }
  }

  private func waitUntilWritable(milliseconds: Int64) throws(BusError) {
    do throws(SystemError) {
      guard
        milliseconds > 0,
        try waitFor(descriptor.number, writable: true, milliseconds: milliseconds)
      else { throw SystemError(errno: ETIMEDOUT) }
    } catch {
      throw error.errno == ETIMEDOUT ? .timedOut : .system(errno: error.errno)
    }
  }

  private func transferred(_ result: Int64) throws(BusError) -> Int {
    do throws(SystemError) {
      return try checked(result)
    } catch {
      switch error.errno {
      case EIO, ENXIO, ENODEV: throw .disconnected
      default: throw .system(errno: error.errno)
      }
    }
  }
}
