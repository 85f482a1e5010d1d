import Buses
import CLinux
import FixedMemory
import LinuxPlatform
import NodeFiles
import Radios
import Records

/// The line, its speed, and what is at its other end.
struct RadioLine: ~Copyable {
  private let path: FixedPath
  let baudRate: TerminalSerialPort.BaudRate
  private let descriptor: Int32
  var radio: SerialRadio<TerminalSerialPort>
  var frame = ReceivedFrame()
  private let clock = SystemClock()

  var now: Int64 { clock.bootMilliseconds() }

  /// Asks every module at every speed, and ends the program when none has named itself.
  static func find(_ arguments: borrowing Arguments) -> RadioLine {
    guard let path = FixedPath(arguments.operandText) else {
      NodeFiles.end(.usage, "cairn: the device's path is longer than 255 bytes")
    }
    var failure = RadioFailure.noAnswer
    if arguments.has(.baud) {
      guard
        let given = decimal(arguments.value(of: .baud)).flatMap({ UInt32(exactly: $0) })
          .flatMap({ TerminalSerialPort.BaudRate(rawValue: $0) })
      else { NodeFiles.end(.usage, "cairn: --baud is no speed of a serial line") }
      var line = RadioLine(path, given)
      if line.identify(&failure) { return line }
    } else {
      for index in 0..<3 {
        // Each is closed before the next is opened: a line is one program's alone, ourselves included.
        var line = RadioLine(
          path, index == 0 ? .baud115200 : index == 1 ? .baud57600 : .baud9600)
        if line.identify(&failure) { return line }
      }
    }
    endFor(path, failure)
  }

  private init(_ path: FixedPath, _ baudRate: TerminalSerialPort.BaudRate) {
    self.path = path
    self.baudRate = baudRate
    let port = Self.open(path, baudRate)
    descriptor = port.pollDescriptor
    radio = SerialRadio(port: port, expected: nil)
  }

  private static func open(_ path: FixedPath, _ baudRate: TerminalSerialPort.BaudRate)
    -> TerminalSerialPort
  {
    do throws(BusError) {
      return try TerminalSerialPort(
        path: path, baudRate: baudRate,
        writeMarginMilliseconds: RadioBounds.lineMarginMilliseconds)
    } catch {
      var text = TextBuilder<384>()
      text.append("cairn: ")
      text.append(untrusted: path.span)
      text.append(": ")
      switch error {
      case .disconnected, .system(ENOENT): text.append("there is no such line: is it plugged in?")
      case .system(EBUSY): text.append("another program has this line: stop the agent first")
      case .system(ENOTTY): text.append("this is no serial line")
      case .system(let errno): text.append(SystemError(errno: errno))
      case .notAcknowledged, .timedOut, .arbitrationLost: text.append("can't be opened")
      }
      NodeFiles.end(error == .disconnected ? .unavailable : .refused, text.span)
    }
  }

  private mutating func identify(_ failure: inout RadioFailure) -> Bool {
    radio.begin(atMilliseconds: now)
    while radio.state == .starting {
      do throws(SystemError) {
        if case .failed(_, let why)? = try turn(until: nil) { failure = why }
      } catch { return false }
    }
    return radio.state == .ready
  }

  /// One event, or nil after waiting for what comes next.
  mutating func turn(until last: Int64?) throws(SystemError) -> RadioEvent? {
    if let event = radio.step(atMilliseconds: now, frame: &frame) { return event }
    var poller = Poller()
    _ = poller.watch(descriptor)
    _ = try poller.wait(milliseconds: pause(until: last))
    return nil
  }

  mutating func turn(until last: Int64?, signals: borrowing TerminationSignals)
    throws(SystemError) -> RadioEvent?
  {
    if let event = radio.step(atMilliseconds: now, frame: &frame) { return event }
    var poller = Poller()
    _ = poller.watch(descriptor)
    _ = poller.watch(signals.pollDescriptor)
    _ = try poller.wait(milliseconds: pause(until: last))
    return nil
  }

  private func pause(until last: Int64?) -> Int64 {
    let due = radio.nextStep(atMilliseconds: now)
    return max(0, min(due, last ?? due) - now)
  }

  /// The radio has failed.
  consuming func end(for failure: RadioFailure) -> Never { Self.endFor(path, failure) }

  private static func endFor(_ path: FixedPath, _ failure: RadioFailure) -> Never {
    var text = TextBuilder<512>()
    text.append("cairn: ")
    text.append(untrusted: path.span)
    text.append(": ")
    text.append(failure.faultCode.explanation)
    NodeFiles.end(.unavailable, text.span)
  }
}
