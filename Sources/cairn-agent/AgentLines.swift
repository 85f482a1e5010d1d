import FixedMemory
import LinuxGPIO
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Records
import Sensors

typealias AgentLine = GPIOInputLine<AnyGPIOKernel>

/// GPIO lines of the agent: what is open, what failed and when it is tried again.
struct AgentLines: ~Copyable {
  /// One input: whether its line is open, else why not. Its line stands elsewhere, since it can't be copied.
  struct Input {
    /// Of the open line, for poll.
    var descriptor: Int32?
    var isOnAtStart = false
    var failure: GPIOFailure.Reason?
    var nextAttempt: Int64 = 0
    /// When a fault leaf may tell the failure again.
    var nextFaultLeaf: Int64 = 0
    var faultCount: UInt64 = 0
  }

  struct Pulse {
    var input = Input()
    var counter = PulseCounter(.count, perPulseE4: 0)
    var nextReading: Int64 = 0
    var lastReading: Int64 = 0
    var isSchemaTold = false
    var nextSchema: Int64 = 0
  }

  struct Contact {
    var input = Input()
    var watch = ContactWatch()
  }

  var pulses = InlineArray<4, Pulse>(repeating: Pulse())
  var pulseLines = InlineArray<4, AgentLine?> { _ in nil }
  /// The site's contacts, and in the last place the board's button.
  var contacts = InlineArray<5, Contact>(repeating: Contact())
  var contactLines = InlineArray<5, AgentLine?> { _ in nil }
  static var buttonIndex: Int { 4 }

  var led: GPIOOutputLine?
  var hasLED = false
  var isLEDOn = false
  var nextLED: Int64 = 0
  var ledFailure: GPIOFailure.Reason?

  /// A line that can't be had, or is gone, is asked for again after so long.
  static var attemptMilliseconds: Int64 { 10_000 }
  /// Pulses are fetched at least this often: 1 024 of them in that time all keep their times.
  static var fetchMilliseconds: Int64 { 10_000 }
  /// Sensors come first, whether there are 16 or not: a pulse keeps its number.
  static var firstPulseSchema: Int { 17 }

  init(_ files: borrowing NodeConfigurationFiles) {
    for index in files.site.pulses.indices {
      let pulse = files.site.pulses[index]
      pulses[index].counter = PulseCounter(
        pulse.quantity.meaning, perPulseE4: pulse.perPulseE4)
      // Those of one interval take turns.
      pulses[index].nextReading = pulse.intervalMilliseconds + Int64(index) * 50
    }
    hasLED = files.board.led != nil
  }
}

extension PulseQuantity {
  var meaning: PulseMeaning {
    switch self {
    case .pulses: .count
    case .rain: .rain
    case .wind: .wind
    case .energy: .energy
    }
  }
}

extension GPIOFailure.Reason {
  /// What a fault leaf calls it.
  var faultCode: FaultCode {
    switch self {
    case .noChip, .gone: .disconnected
    case .inUse: .lineInUse
    case .noLine, .notPermitted, .unsupported, .malformed, .system: .busError
    }
  }
}

/// Where a line of the profile is, for LinuxGPIO.
func gpioPlace(_ line: BoardProfile.GPIOLine) -> GPIOPlace {
  let bias: GPIOPlace.Bias
  switch line.bias {
  case .asIs: bias = .asIs
  case .pullUp: bias = .pullUp
  case .pullDown: bias = .pullDown
  case .disabled: bias = .disabled
  }
  var place = GPIOPlace(
    offset: UInt32(line.offset), isActiveLow: line.isActiveLow, bias: bias)
  for index in line.chips.indices { _ = place.labels.offer(line.chips[index]) }
  return place
}

/// The kernel, or the simulator that the line's chip names.
func gpioKernel(_ line: BoardProfile.GPIOLine, of board: borrowing BoardProfile) -> AnyGPIOKernel {
  guard let socket = board.virtualSocketPath(of: line), let path = FixedPath(socket.span) else {
    return .linux(LinuxGPIOKernel())
  }
  return .virtual(VirtualGPIOKernel(path: path))
}
