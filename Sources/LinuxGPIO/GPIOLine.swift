import Buses
import CLinux
import FixedMemory
import LinuxPlatform

/// Which line, and how it is wired. Labels are those of the board profile.
public struct GPIOPlace: Sendable {
  public enum Bias: Sendable { case asIs, pullUp, pullDown, disabled }

  public var labels = FixedArray<3, FixedText<31>>(filler: FixedText<31>())
  public var offset: UInt32
  public var isActiveLow: Bool
  public var bias: Bias

  public init(offset: UInt32, isActiveLow: Bool = false, bias: Bias = .asIs) {
    self.offset = offset
    self.isActiveLow = isActiveLow
    self.bias = bias
  }

  func isOn(chipLabelled label: Span<UInt8>) -> Bool {
    for index in labels.indices where labels[index].span.equals(label) { return true }
    return false
  }
}

/// Which edges an input tells of.
public enum GPIOEdges: Sendable { case rising, falling, both }

/// An open chip; closed by whoever found it.
struct GPIOChip {
  var number: UInt16
  var descriptor: Int32
}

extension GPIOKernel where Self: ~Copyable {
  /// A Raspberry Pi 5 has chips up to number 13, and 14 more when one is plugged in.
  static var chipLimit: UInt16 { 64 }

  /// The first chip that has one of the labels and the line, and nobody uses it. Throws the best reason there is.
  mutating func chip(for place: GPIOPlace) throws(GPIOFailure) -> GPIOChip {
    var failure = GPIOFailure(.noChip)
    for number in 0..<Self.chipLimit {
      let descriptor = open(chip: number)
      guard descriptor >= 0 else {
        if descriptor != 0 &- ENOENT { failure = GPIOFailure(result: descriptor) }
        continue
      }
      do throws(GPIOFailure) {
        if try has(descriptor, place) { return GPIOChip(number: number, descriptor: descriptor) }
        close(descriptor)
      } catch {
        close(descriptor)
        throw error
      }
    }
    throw failure
  }

  /// False when the chip is another one.
  private mutating func has(_ descriptor: Int32, _ place: GPIOPlace) throws(GPIOFailure) -> Bool {
    var info = InlineArray<68, UInt8>(repeating: 0)
    var span = info.mutableSpan
    let result = control(descriptor, .chipInfo, &span)
    guard result >= 0 else { throw GPIOFailure(result: result) }
    let label = GPIOWire.name(span.span, at: GPIOWire.Chip.label)
    guard place.isOn(chipLabelled: label) else { return false }
    let count = span.span.loadLittleEndian(UInt32.self, at: GPIOWire.Chip.lineCount)
    guard place.offset < count else { throw GPIOFailure(.noLine) }
    return true
  }

  /// Who has the line.
  mutating func user(of offset: UInt32, on chip: GPIOChip) -> GPIOFailure {
    var info = InlineArray<256, UInt8>(repeating: 0)
    var span = info.mutableSpan
    span.storeLittleEndian(offset, at: GPIOWire.Line.offset)
    guard control(chip.descriptor, .lineInfo, &span) >= 0 else { return GPIOFailure(.inUse) }
    return GPIOFailure(inUseBy: GPIOWire.name(span.span, at: GPIOWire.Line.consumer))
  }

  /// Requests one line and returns its descriptor.
  mutating func line(
    _ place: GPIOPlace, on chip: GPIOChip, flags: UInt64, debounceMicroseconds: UInt32,
    bufferCount: UInt32
  ) throws(GPIOFailure) -> Int32 {
    var request = InlineArray<592, UInt8>(repeating: 0)
    var span = request.mutableSpan
    span.storeLittleEndian(place.offset, at: GPIOWire.Request.offset)
    let name: StaticString = "cairn-agent"
    span.copy(name.bytes, to: GPIOWire.Request.consumer)
    var all = flags | (place.isActiveLow ? GPIOWire.Flag.activeLow : 0)
    switch place.bias {
    case .asIs: break
    case .pullUp: all |= GPIOWire.Flag.pullUp
    case .pullDown: all |= GPIOWire.Flag.pullDown
    case .disabled: all |= GPIOWire.Flag.noBias
    }
    span.storeLittleEndian(all, at: GPIOWire.Request.flags)
    if debounceMicroseconds > 0 {
      span.storeLittleEndian(1 as UInt32, at: GPIOWire.Request.attributeCount)
      span.storeLittleEndian(GPIOWire.debounceAttribute, at: GPIOWire.Request.attributeID)
      span.storeLittleEndian(debounceMicroseconds, at: GPIOWire.Request.debounceMicroseconds)
      span.storeLittleEndian(1 as UInt64, at: GPIOWire.Request.attributeMask)
    }
    span.storeLittleEndian(1 as UInt32, at: GPIOWire.Request.lineCount)
    span.storeLittleEndian(bufferCount, at: GPIOWire.Request.bufferCount)
    let result = control(chip.descriptor, .getLine, &span)
    if result == 0 &- EBUSY { throw user(of: place.offset, on: chip) }
    guard result >= 0 else { throw GPIOFailure(result: result) }
    return span.span.loadLittleEndian(Int32.self, at: GPIOWire.Request.descriptor)
  }
}

/// One input line with its edges. Whoever opened it closes it.
///
/// The kernel numbers the edges of a line, so one that found no room in its buffer is missed in the numbers: the
/// oldest gives way, the newest is always there.
public struct GPIOInputLine<Kernel: GPIOKernel & ~Copyable>: GPIOInput, ~Copyable {
  /// The kernel's own bound for one line: 16 edges for each of 64 lines.
  public static var bufferCount: UInt32 { 1024 }

  private var kernel: Kernel
  /// For poll(2).
  public let pollDescriptor: Int32
  /// What the line was when it was requested.
  public let isOnAtStart: Bool
  /// False when the kernel can't debounce this line: then every bounce is an edge.
  public let isDebounced: Bool
  private let offset: UInt32
  private var buffer = InlineArray<768, UInt8>(repeating: 0)
  private var position = 0
  private var count = 0

  public init(
    _ kernel: consuming Kernel, at place: GPIOPlace, edges: GPIOEdges,
    debounceMicroseconds: UInt32
  ) throws(GPIOFailure) {
    var flags = GPIOWire.Flag.input
    switch edges {
    case .rising: flags |= GPIOWire.Flag.risingEdge
    case .falling: flags |= GPIOWire.Flag.fallingEdge
    case .both: flags |= GPIOWire.Flag.risingEdge | GPIOWire.Flag.fallingEdge
    }
    let chip = try kernel.chip(for: place)
    let opened = Self.open(&kernel, place, on: chip, flags, debounceMicroseconds)
    kernel.close(chip.descriptor)
    let (descriptor, isDebounced) = try opened.get()
    var values = InlineArray<16, UInt8>(repeating: 0)
    var span = values.mutableSpan
    span.storeLittleEndian(1 as UInt64, at: GPIOWire.Values.mask)
    let result = kernel.control(descriptor, .getValues, &span)
    guard result >= 0 else {
      kernel.close(descriptor)
      throw GPIOFailure(result: result)
    }
    isOnAtStart = span.span.loadLittleEndian(UInt64.self, at: GPIOWire.Values.bits) & 1 == 1
    self.isDebounced = isDebounced
    pollDescriptor = descriptor
    offset = place.offset
    self.kernel = kernel
  }

  /// Releases the line. By hand and not when it goes: Embedded Swift 6.3 does not compile the deinit of a generic
  /// type in the module that specialises it.
  public consuming func close() { kernel.close(pollDescriptor) }

  /// Once more without, when the kernel refuses to debounce.
  private static func open(
    _ kernel: inout Kernel, _ place: GPIOPlace, on chip: GPIOChip, _ flags: UInt64,
    _ debounceMicroseconds: UInt32
  ) -> Result<(Int32, Bool), GPIOFailure> {
    do throws(GPIOFailure) {
      let line = try kernel.line(
        place, on: chip, flags: flags, debounceMicroseconds: debounceMicroseconds,
        bufferCount: bufferCount)
      return .success((line, true))
    } catch {
      guard error.reason == .unsupported, debounceMicroseconds > 0 else { return .failure(error) }
    }
    do throws(GPIOFailure) {
      let line = try kernel.line(
        place, on: chip, flags: flags, debounceMicroseconds: 0, bufferCount: bufferCount)
      return .success((line, false))
    } catch { return .failure(error) }
  }

  public mutating func next() throws(BusError) -> GPIOEdge? {
    if position >= count {
      guard try fill() else { return nil }
    }
    let event = buffer.span.extracting(position..<(position + GPIOWire.Event.byteCount))
    position += GPIOWire.Event.byteCount
    let id = event.loadLittleEndian(UInt32.self, at: GPIOWire.Event.id)
    guard event.loadLittleEndian(UInt32.self, at: GPIOWire.Event.offset) == offset,
      id == GPIOWire.Event.rising || id == GPIOWire.Event.falling
    else { throw .system(errno: EBADMSG) }
    return GPIOEdge(
      isRising: id == GPIOWire.Event.rising,
      nanoseconds: event.loadLittleEndian(UInt64.self, at: GPIOWire.Event.nanoseconds),
      number: event.loadLittleEndian(UInt32.self, at: GPIOWire.Event.lineNumber))
  }

  /// How the line stands now.
  public mutating func isOn() throws(BusError) -> Bool {
    var values = InlineArray<16, UInt8>(repeating: 0)
    var span = values.mutableSpan
    span.storeLittleEndian(1 as UInt64, at: GPIOWire.Values.mask)
    let result = kernel.control(pollDescriptor, .getValues, &span)
    if result == 0 &- ENODEV { throw .disconnected }
    guard result >= 0 else { throw .system(errno: 0 &- result) }
    return span.span.loadLittleEndian(UInt64.self, at: GPIOWire.Values.bits) & 1 == 1
  }

  private mutating func fill() throws(BusError) -> Bool {
    (position, count) = (0, 0)
    var span = buffer.mutableSpan
    let result = kernel.read(pollDescriptor, into: &span)
    if result == Int64(0 &- EAGAIN) { return false }
    if result == Int64(0 &- ENODEV) || result == 0 { throw .disconnected }
    guard result > 0 else { throw .system(errno: Int32(truncatingIfNeeded: 0 &- result)) }
    guard result % Int64(GPIOWire.Event.byteCount) == 0, result <= 768 else {
      throw .system(errno: EBADMSG)
    }
    count = Int(result)
    return true
  }
}
