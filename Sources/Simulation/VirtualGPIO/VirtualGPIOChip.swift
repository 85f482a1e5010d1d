import FixedMemory
import LinuxGPIO

/// The kernel's side of a GPIO chip, at the bytes of linux/gpio.h: what its character device answers, and which
/// edges it keeps. Written from the interface's documentation; shares only the places of fields with LinuxGPIO.
public final class VirtualGPIOChip {
  /// Numbers of errors, as the kernel returns them.
  public enum Errno {
    public static let noEntry: Int32 = 2
    public static let again: Int32 = 11
    public static let busy: Int32 = 16
    public static let noDevice: Int32 = 19
    public static let invalid: Int32 = 22
  }

  private struct Line {
    /// The level of the pin, before `active_low`.
    var isHigh = false
    /// Nil while nobody has it.
    var owner: Int?
    var consumer = ""
    var flags: UInt64 = 0
    var capacity = 0
    var events: [[UInt8]] = []
    var number: UInt32 = 0
  }

  public let label: String
  public let lineCount: Int
  /// False: a request with a debounce period is EINVAL, as of a kernel without it.
  public var canDebounce = true
  /// Unplugged: every call is ENODEV from then on.
  public var isGone = false
  /// Called before somebody looks at a level: whoever drives lines may bring them up to date.
  public var onLook: (() -> Void)?
  /// Called when a client has set an output, with the level of the pin.
  public var onOutput: ((_ offset: Int, _ isHigh: Bool) -> Void)?
  /// Every request that asked for one.
  public private(set) var debounceMicroseconds: [UInt32] = []
  private var lines: [Line]
  private var lastOwner = 0

  public init(label: String, lineCount: Int) {
    self.label = label
    self.lineCount = lineCount
    lines = [Line](repeating: Line(), count: lineCount)
  }

  /// Another program takes a line.
  public func occupy(_ offset: Int, consumer: String) {
    lastOwner += 1
    lines[offset].owner = lastOwner
    lines[offset].consumer = consumer
  }

  /// The owner's descriptor is closed.
  public func release(owner: Int) {
    for index in lines.indices where lines[index].owner == owner {
      let level = lines[index].isHigh
      lines[index] = Line()
      lines[index].isHigh = level
    }
  }

  public func isHigh(_ offset: Int) -> Bool { lines[offset].isHigh }

  /// Something outside drives the line. An edge that nobody asked for is none.
  public func drive(_ offset: Int, high: Bool, nanoseconds: UInt64) {
    guard lines[offset].isHigh != high else { return }
    lines[offset].isHigh = high
    let isRising = high != (lines[offset].flags & GPIOWire.Flag.activeLow != 0)
    let wanted = isRising ? GPIOWire.Flag.risingEdge : GPIOWire.Flag.fallingEdge
    guard lines[offset].owner != nil, lines[offset].flags & wanted != 0 else { return }
    lines[offset].number &+= 1
    var event = [UInt8](repeating: 0, count: GPIOWire.Event.byteCount)
    store(nanoseconds, in: &event, at: GPIOWire.Event.nanoseconds)
    store(
      isRising ? GPIOWire.Event.rising : GPIOWire.Event.falling, in: &event,
      at: GPIOWire.Event.id)
    store(UInt32(offset), in: &event, at: GPIOWire.Event.offset)
    store(lines[offset].number, in: &event, at: GPIOWire.Event.number)
    store(lines[offset].number, in: &event, at: GPIOWire.Event.lineNumber)
    // A full buffer loses its oldest event.
    if lines[offset].events.count == lines[offset].capacity { lines[offset].events.removeFirst() }
    lines[offset].events.append(event)
  }

  /// A pulse: a rising edge and a falling one.
  public func pulse(_ offset: Int, nanoseconds: UInt64) {
    drive(offset, high: true, nanoseconds: nanoseconds)
    drive(offset, high: false, nanoseconds: nanoseconds + 1_000_000)
  }

  /// Asks about the chip, or for a line. An owner comes back in place of a descriptor.
  public func control(_ request: GPIORequest, _ bytes: inout [UInt8]) -> Int32 {
    guard !isGone else { return -Errno.noDevice }
    switch request {
    case .chipInfo:
      store("gpiochip0", in: &bytes, at: 0)
      store(label, in: &bytes, at: GPIOWire.Chip.label)
      store(UInt32(lineCount), in: &bytes, at: GPIOWire.Chip.lineCount)
      return 0
    case .lineInfo:
      let offset = Int(load(UInt32.self, bytes, at: GPIOWire.Line.offset))
      guard offset < lineCount else { return -Errno.invalid }
      store(lines[offset].consumer, in: &bytes, at: GPIOWire.Line.consumer)
      store(
        lines[offset].flags | (lines[offset].owner == nil ? 0 : GPIOWire.Flag.used), in: &bytes,
        at: GPIOWire.Line.flags)
      return 0
    case .getLine: return getLine(&bytes)
    case .getValues, .setValues: return -Errno.invalid
    }
  }

  private func getLine(_ bytes: inout [UInt8]) -> Int32 {
    let offset = Int(load(UInt32.self, bytes, at: GPIOWire.Request.offset))
    let flags = load(UInt64.self, bytes, at: GPIOWire.Request.flags)
    let edges = GPIOWire.Flag.risingEdge | GPIOWire.Flag.fallingEdge
    let isInput = flags & GPIOWire.Flag.input != 0
    let attributes = load(UInt32.self, bytes, at: GPIOWire.Request.attributeCount)
    guard load(UInt32.self, bytes, at: GPIOWire.Request.lineCount) == 1, offset < lineCount,
      isInput != (flags & GPIOWire.Flag.output != 0), isInput || flags & edges == 0,
      attributes <= 1
    else { return -Errno.invalid }
    if attributes == 1 {
      guard canDebounce,
        load(UInt32.self, bytes, at: GPIOWire.Request.attributeID) == GPIOWire.debounceAttribute,
        load(UInt64.self, bytes, at: GPIOWire.Request.attributeMask) == 1
      else { return -Errno.invalid }
      debounceMicroseconds.append(
        load(UInt32.self, bytes, at: GPIOWire.Request.debounceMicroseconds))
    }
    guard lines[offset].owner == nil else { return -Errno.busy }
    lastOwner += 1
    let wanted = Int(load(UInt32.self, bytes, at: GPIOWire.Request.bufferCount))
    lines[offset].owner = lastOwner
    lines[offset].flags = flags
    lines[offset].capacity = wanted == 0 ? 16 : min(wanted, 1024)
    lines[offset].consumer = text(bytes, at: GPIOWire.Request.consumer)
    store(Int32(lastOwner), in: &bytes, at: GPIOWire.Request.descriptor)
    return 0
  }

  /// Reads or sets the value of the owner's line.
  public func control(owner: Int, _ request: GPIORequest, _ bytes: inout [UInt8]) -> Int32 {
    guard !isGone else { return -Errno.noDevice }
    if request == .getValues { onLook?() }
    guard let offset = lines.firstIndex(where: { $0.owner == owner }),
      load(UInt64.self, bytes, at: GPIOWire.Values.mask) == 1
    else { return -Errno.invalid }
    let isLow = lines[offset].flags & GPIOWire.Flag.activeLow != 0
    switch request {
    case .getValues:
      store((lines[offset].isHigh != isLow ? 1 : 0) as UInt64, in: &bytes, at: 0)
      return 0
    case .setValues:
      guard lines[offset].flags & GPIOWire.Flag.output != 0 else { return -Errno.invalid }
      lines[offset].isHigh = (load(UInt64.self, bytes, at: 0) & 1 == 1) != isLow
      onOutput?(offset, lines[offset].isHigh)
      return 0
    case .chipInfo, .lineInfo, .getLine: return -Errno.invalid
    }
  }

  /// The oldest events of the owner's line, as many whole ones as fit; -EAGAIN when there is none.
  public func read(owner: Int, limit: Int) -> (result: Int64, bytes: [UInt8]) {
    guard !isGone else { return (Int64(-Errno.noDevice), []) }
    guard let offset = lines.firstIndex(where: { $0.owner == owner }),
      limit >= GPIOWire.Event.byteCount
    else { return (Int64(-Errno.invalid), []) }
    let count = min(limit / GPIOWire.Event.byteCount, lines[offset].events.count)
    guard count > 0 else { return (Int64(-Errno.again), []) }
    let bytes = Array(lines[offset].events.prefix(count).joined())
    lines[offset].events.removeFirst(count)
    return (Int64(bytes.count), bytes)
  }

  private func load<Value: FixedWidthInteger>(_: Value.Type, _ bytes: [UInt8], at offset: Int)
    -> Value
  {
    bytes.span.loadLittleEndian(Value.self, at: offset)
  }

  private func store<Value: FixedWidthInteger>(
    _ value: Value, in bytes: inout [UInt8], at offset: Int
  ) {
    var span = bytes.mutableSpan
    span.storeLittleEndian(value, at: offset)
  }

  private func store(_ text: String, in bytes: inout [UInt8], at offset: Int) {
    for (index, byte) in text.utf8.prefix(GPIOWire.nameByteCount - 1).enumerated() {
      bytes[offset + index] = byte
    }
  }

  private func text(_ bytes: [UInt8], at offset: Int) -> String {
    String(
      decoding: bytes[offset..<(offset + GPIOWire.nameByteCount)].prefix { $0 != 0 },
      as: UTF8.self)
  }
}
