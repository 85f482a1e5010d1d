import CLinux
import FixedMemory
import LinuxPlatform

/// The requests of the GPIO character device; each has one structure.
public enum GPIORequest: Int32, Sendable {
  case chipInfo = 0
  case lineInfo = 1
  case getLine = 2
  case getValues = 3
  case setValues = 4

  public var byteCount: Int {
    switch self {
    case .chipInfo: GPIOWire.Chip.byteCount
    case .lineInfo: GPIOWire.Line.byteCount
    case .getLine: GPIOWire.Request.byteCount
    case .getValues, .setValues: GPIOWire.Values.byteCount
    }
  }
}

/// The four calls that a line is used by. Results are those of the calls: what they return, or -errno.
public protocol GPIOKernel: ~Copyable {
  /// Opens /dev/gpiochipN. -ENOENT when there is none of that number.
  mutating func open(chip number: UInt16) -> Int32
  mutating func control(
    _ descriptor: Int32, _ request: GPIORequest, _ bytes: inout MutableSpan<UInt8>
  ) -> Int32
  /// Never waits: -EAGAIN when there is nothing.
  mutating func read(_ descriptor: Int32, into bytes: inout MutableSpan<UInt8>) -> Int64
  mutating func close(_ descriptor: Int32)
}

/// The kernel of this board.
public struct LinuxGPIOKernel: GPIOKernel {
  public init() {}

  /// The device file of a chip.
  public static func path(chip number: UInt16) -> FixedPath? {
    FixedPath("/dev/gpiochip").appending(decimal: number)
  }

  public mutating func open(chip number: UInt16) -> Int32 {
    guard let path = Self.path(chip: number) else { return 0 - ENOENT }
    return unsafe path.withPointer { unsafe cairn_file_open($0, Int32(CAIRN_OPEN_READ_WRITE), 0) }
  }

  public mutating func control(
    _ descriptor: Int32, _ request: GPIORequest, _ bytes: inout MutableSpan<UInt8>
  ) -> Int32 {
    precondition(bytes.count == request.byteCount, "a structure of another request")
    let result = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
      unsafe cairn_gpio_control(descriptor, request.rawValue, buffer.baseAddress)
    }
    guard result >= 0, request == .getLine else { return result }
    let line = bytes.span.loadLittleEndian(Int32.self, at: GPIOWire.Request.descriptor)
    guard line >= 0 else { return 0 - EIO }
    let isSet = cairn_gpio_set_nonblocking(line)
    if isSet < 0 { _ = cairn_file_close(line) }
    return isSet
  }

  public mutating func read(_ descriptor: Int32, into bytes: inout MutableSpan<UInt8>) -> Int64 {
    unsafe bytes.withUnsafeMutableBufferPointer { buffer in
      unsafe cairn_file_read(descriptor, buffer.baseAddress, Int64(buffer.count))
    }
  }

  public mutating func close(_ descriptor: Int32) {
    // Nothing was written: nobody needs to know how closing went.
    _ = cairn_file_close(descriptor)
  }
}

/// A simulator's chip behind a socket: what comes from there is flagged as simulated (docs/simulation.md).
///
///     to the simulator    request (4 bytes), structure
///     from it             result (4 bytes), structure, or the same result alone when it is an error
///                         or, on a line with edges: 1 to 16 structures gpio_v2_line_event
public struct VirtualGPIOKernel: GPIOKernel {
  public let path: FixedPath
  /// How long an answer may take: the simulator may have to be scheduled first.
  public static var patienceMilliseconds: Int64 { 2000 }

  public init(path: FixedPath) { self.path = path }

  public mutating func open(chip number: UInt16) -> Int32 {
    guard number == 0 else { return 0 - ENOENT }
    let descriptor = cairn_socket_new()
    guard descriptor >= 0 else { return descriptor }
    let result = unsafe path.withPointer { unsafe cairn_socket_connect(descriptor, $0) }
    guard result >= 0 else {
      _ = cairn_file_close(descriptor)
      // A simulator that has gone is a chip that is not there.
      return result == 0 &- ECONNREFUSED ? 0 - ENOENT : result
    }
    return descriptor
  }

  public mutating func control(
    _ descriptor: Int32, _ request: GPIORequest, _ bytes: inout MutableSpan<UInt8>
  ) -> Int32 {
    precondition(bytes.count == request.byteCount, "a structure of another request")
    var packet = InlineArray<600, UInt8>(repeating: 0)
    var span = packet.mutableSpan
    span.storeLittleEndian(request.rawValue, at: 0)
    span.copy(bytes.span, to: 4)
    let count = 4 + bytes.count
    let sent = unsafe span.withUnsafeMutableBufferPointer { buffer in
      unsafe cairn_socket_send(descriptor, buffer.baseAddress, Int64(count))
    }
    guard sent == Int64(count) else { return sent < 0 ? Int32(truncatingIfNeeded: sent) : 0 - EIO }
    let end = cairn_clock_boot() + Self.patienceMilliseconds
    var received: Int64 = 0
    repeat {
      var wait = cairn_poll_entry(
        descriptor: descriptor, wanted: Int16(CAIRN_POLL_READABLE), happened: 0)
      let left = end - cairn_clock_boot()
      guard left > 0, unsafe cairn_poll(&wait, 1, left) > 0 else { return 0 - ETIMEDOUT }
      received = unsafe span.withUnsafeMutableBufferPointer { buffer in
        unsafe cairn_socket_receive(descriptor, buffer.baseAddress, Int64(buffer.count))
      }
      // Edges that came before the answer: it is the newer word, and their numbers tell that they are missing.
    } while request == .getValues && Self.isEdges(received)
    guard received >= 4, received <= 600 else { return 0 - (received == 0 ? ENODEV : EBADMSG) }
    let result = span.span.loadLittleEndian(Int32.self, at: 0)
    if result < 0 { return received == 4 ? result : 0 - EBADMSG }
    guard received == Int64(count) else { return 0 - EBADMSG }
    bytes.copy(span.span.extracting(4..<count))
    guard request == .getLine else { return result }
    // The connection is the line from here on, and outlives its chip.
    let line = cairn_gpio_duplicate(descriptor)
    guard line >= 0 else { return line }
    bytes.storeLittleEndian(line, at: GPIOWire.Request.descriptor)
    return 0
  }

  /// No answer is as long as some events are.
  private static func isEdges(_ byteCount: Int64) -> Bool {
    byteCount > 0 && byteCount % Int64(GPIOWire.Event.byteCount) == 0
  }

  public mutating func read(_ descriptor: Int32, into bytes: inout MutableSpan<UInt8>) -> Int64 {
    let count = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
      unsafe cairn_socket_receive(descriptor, buffer.baseAddress, Int64(buffer.count))
    }
    if count > Int64(bytes.count) { return Int64(0 - EBADMSG) }
    // The end of a connection is the end of the chip.
    return count == 0 ? Int64(0 - ENODEV) : count
  }

  public mutating func close(_ descriptor: Int32) { _ = cairn_file_close(descriptor) }
}

/// A board has chips of the kernel's, or those of a simulator.
public enum AnyGPIOKernel: GPIOKernel {
  case linux(LinuxGPIOKernel)
  case virtual(VirtualGPIOKernel)

  public mutating func open(chip number: UInt16) -> Int32 {
    switch self {
    case .linux(var kernel): kernel.open(chip: number)
    case .virtual(var kernel): kernel.open(chip: number)
    }
  }

  public mutating func control(
    _ descriptor: Int32, _ request: GPIORequest, _ bytes: inout MutableSpan<UInt8>
  ) -> Int32 {
    switch self {
    case .linux(var kernel): kernel.control(descriptor, request, &bytes)
    case .virtual(var kernel): kernel.control(descriptor, request, &bytes)
    }
  }

  public mutating func read(_ descriptor: Int32, into bytes: inout MutableSpan<UInt8>) -> Int64 {
    switch self {
    case .linux(var kernel): kernel.read(descriptor, into: &bytes)
    case .virtual(var kernel): kernel.read(descriptor, into: &bytes)
    }
  }

  public mutating func close(_ descriptor: Int32) {
    switch self {
    case .linux(var kernel): kernel.close(descriptor)
    case .virtual(var kernel): kernel.close(descriptor)
    }
  }
}
