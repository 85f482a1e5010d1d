import Buses
import CLinux
import FixedMemory
import LinuxPlatform

/// The lines of a radio chip at the board's GPIO: reset goes out, BUSY and the interrupt come in. Edges of the
/// interrupt wake whoever polls `pollDescriptor`; what counts is its level, which is read anew each time.
///
/// Reset is on while the chip is held: where that is the low level, its place is active low.
public struct GPIORadioLines: RadioLines, ~Copyable {
  /// More edges than that between two looks are taken at the next one.
  private static var edgesAtOnce: Int { 64 }

  private let kernel: AnyGPIOKernel
  private let reset: GPIOOutputLine?
  private var busy: GPIOInputLine<AnyGPIOKernel>?
  private var interrupt: GPIOInputLine<AnyGPIOKernel>?
  private let busyDescriptor: Int32?
  /// Readable after the interrupt has risen; nil where it is not wired.
  public private(set) var pollDescriptor: Int32?

  private init(
    kernel: AnyGPIOKernel, reset: consuming GPIOOutputLine?,
    busy: consuming GPIOInputLine<AnyGPIOKernel>?,
    interrupt: consuming GPIOInputLine<AnyGPIOKernel>?, pollDescriptor: Int32?
  ) {
    self.kernel = kernel
    self.reset = reset
    busyDescriptor = busy?.pollDescriptor
    self.busy = busy
    self.interrupt = interrupt
    self.pollDescriptor = pollDescriptor
  }

  /// A place of nil: not wired. What was opened is held until the value goes.
  public static func open(
    _ kernel: AnyGPIOKernel, reset: GPIOPlace?, busy: GPIOPlace?, interrupt: GPIOPlace?
  ) throws(GPIOFailure) -> GPIORadioLines {
    let resetLine = try open(kernel, reset)
    let busyLine = try open(kernel, busy, .falling)
    var lines = GPIORadioLines(
      kernel: kernel, reset: resetLine, busy: busyLine, interrupt: nil, pollDescriptor: nil)
    guard let interrupt else { return lines }
    let line = try GPIOInputLine(kernel, at: interrupt, edges: .rising, debounceMicroseconds: 0)
    lines.pollDescriptor = line.pollDescriptor
    lines.interrupt = consume line
    return lines
  }

  private static func open(_ kernel: AnyGPIOKernel, _ place: GPIOPlace?) throws(GPIOFailure)
    -> GPIOOutputLine?
  {
    guard let place else { return nil }
    return try GPIOOutputLine(kernel, at: place)
  }

  private static func open(_ kernel: AnyGPIOKernel, _ place: GPIOPlace?, _ edges: GPIOEdges)
    throws(GPIOFailure) -> GPIOInputLine<AnyGPIOKernel>?
  {
    guard let place else { return nil }
    return try GPIOInputLine(kernel, at: place, edges: edges, debounceMicroseconds: 0)
  }

  /// Inputs have no end of their own (`GPIOInputLine.close`): theirs is here.
  deinit {
    var kernel = kernel
    if let busyDescriptor { kernel.close(busyDescriptor) }
    if let pollDescriptor { kernel.close(pollDescriptor) }
  }

  public mutating func holdReset(_ isHeld: Bool) throws(BusError) -> Bool {
    switch reset {
    case .none: return false
    case .some(let line):
      do throws(GPIOFailure) { try line.set(isHeld) } catch {
        throw error.reason == .gone ? .disconnected : .system(errno: error.errno)
      }
      return true
    }
  }

  public mutating func isBusy() throws(BusError) -> Bool {
    try Self.level(&busy) ?? false
  }

  public mutating func isInterrupted() throws(BusError) -> Bool? {
    try Self.level(&interrupt)
  }

  /// Edges are taken before the level is read: one that comes later makes the descriptor readable again.
  private static func level(_ line: inout GPIOInputLine<AnyGPIOKernel>?) throws(BusError) -> Bool? {
    guard var open = line.take() else { return nil }
    let result: Result<Bool, BusError>
    do throws(BusError) {
      var left = edgesAtOnce
      while left > 0, try open.next() != nil { left -= 1 }
      result = .success(try open.isOn())
    } catch { result = .failure(error) }
    line = consume open
    return try result.get()
  }
}
