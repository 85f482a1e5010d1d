import AgentMessages
import FixedMemory
import Radios
import Records

/// The radio that the agent listens with.
extension StatusPage {
  /// A row only where the agent has one.
  static func writeRadio(_ report: borrowing NodeReport, _ output: inout Output) {
    guard let live = report.live, let radio = live.radio else { return }
    output.row("radio")
    let isWell = radio.isAttached && radio.state != .failed
    if !isWell { output.emphasise(.warning) }
    output.write(radio.name)
    output.write(", ")
    output.write(radio.isAttached ? radio.stateWord : radio.absence)
    if radio.isAttached, let hertz = radio.frequencyHertz, let factor = radio.spreadingFactor {
      output.write(" at ")
      output.write(Int64(hertz / 1_000), powerOfTen: -3)
      output.write(" MHz, SF")
      output.write(UInt64(factor))
    }
    output.plain()
    output.newLine()
    output.pad(to: Output.indentation)
    output.write(radio.frameCount, "frame", "frames")
    output.write(", ")
    output.write(radio.witnessCount, "beacon witnessed", "beacons witnessed")
    if let time = radio.lastFrameMilliseconds {
      output.write(", last ")
      output.write(duration: max(0, live.uptimeMilliseconds - min(time, live.uptimeMilliseconds)))
      output.write(" ago")
      if let rssi = radio.lastRSSICentidecibelMilliwatts {
        output.write(" at ")
        output.write(Int64(rssi), powerOfTen: -2)
        output.write(" dBm")
      }
      if let snr = radio.lastSNRCentidecibels {
        output.write(", SNR ")
        output.write(Int64(snr), powerOfTen: -2)
        output.write(" dB")
      }
    }
    output.newLine()
    writeBeacons(radio, &output)
    guard let fault = radio.fault else { return }
    output.pad(to: Output.indentation)
    output.write("last fault: ")
    output.write(radio.explanation(of: fault))
    output.newLine()
  }

  private static func writeBeacons(_ radio: RadioStatus, _ output: inout Output) {
    output.pad(to: Output.indentation)
    guard radio.transmits else {
      output.write("transmits nothing: the site has no `transmit = yes`")
      output.newLine()
      return
    }
    output.write(radio.sentCount, "beacon sent", "beacons sent")
    if let left = radio.airtimeLeftMicroseconds {
      output.write(", ")
      output.write(Int64(min(left, 3_600_000_000) / 1_000), powerOfTen: -3)
      output.write(" s of this hour left on the air")
    }
    output.newLine()
    if let limit = radio.clockLimitMilliseconds,
      radio.clockErrorMilliseconds ?? .max > UInt64(limit)
    {
      output.pad(to: Output.indentation)
      output.emphasise(.warning)
      if let error = radio.clockErrorMilliseconds {
        output.write("its clock may be off by ")
        output.write(duration: Int64(clamping: error))
      } else {
        output.write("nobody has told it the time")
      }
      output.write(", and beacons need ")
      output.write(duration: Int64(limit))
      output.write(": none is sent")
      output.plain()
      output.newLine()
    }
    guard radio.lastReasonNumber > 0 else { return }
    output.pad(to: Output.indentation)
    output.write("last not sent: ")
    output.write(LeafWords.name(ofBeaconReason: UInt64(radio.lastReasonNumber)))
    output.newLine()
  }
}

extension RadioStatus {
  var state: RadioState? { RadioState(rawValue: stateNumber) }

  var name: StaticString { RadioKind(rawValue: kindNumber)?.name ?? "not identified" }

  var fault: FaultCode? {
    UInt8(exactly: lastFaultNumber).flatMap { FaultCode(rawValue: $0) }
  }

  var isConcentrator: Bool { kindNumber == RadioKind.concentrator.rawValue }

  /// Nil before it is identified.
  var path: RadioPath? { RadioKind(rawValue: kindNumber)?.path }

  /// What is not there, and so the radio is not.
  var absence: StaticString { Self.absence(path) }

  /// - `path`: nil where it is not known which.
  static func absence(_ path: RadioPath?) -> StaticString {
    switch path {
    case .packetForwarder: "cairn-forwarder is not there"
    case .spi: "its SPI bus or its lines are not there"
    case .serialCommands: "its line is not there"
    case nil: "its line or bus is not there"
    }
  }

  /// A concentrator's faults are those of the way to it.
  func explanation(of fault: FaultCode) -> StaticString {
    guard isConcentrator else { return fault.explanation }
    switch fault {
    case .disconnected: return "cairn-forwarder is not there: does its service run?"
    case .noAnswer: return "no packet forwarder has asked for a minute: does it run?"
    case .unintelligible:
      return "cairn-forwarder says what this agent does not understand: are both of one version?"
    case .lineInUse: return "a program of another user serves the forwarder's socket"
    default: return fault.explanation
    }
  }

  var stateWord: StaticString {
    if isConcentrator, state == .starting {
      return "no packet forwarder is there: is its server_address this machine?"
    }
    return switch state {
    case .unknown: "not begun"
    case .starting: "being identified"
    case .ready: "not set"
    case .configuring: "being set"
    case .listening: "listening"
    case .transmitting: "sending"
    case .measuring: "measuring"
    case .failed: "failed: it is begun anew within a minute"
    case nil: "in a state that this version does not know"
    }
  }
}

extension Output {
  /// `radio`: an object, or null.
  mutating func radio(_ radio: RadioStatus?) {
    guard let radio else { return member(null: "radio") }
    beginObject("radio")
    member("attached", radio.isAttached)
    member("name", text: radio.name)
    member("state", text: radio.isAttached ? radio.stateWord : radio.absence)
    number("frequencyHertz", radio.frequencyHertz.map { Int64($0) })
    number("spreadingFactor", radio.spreadingFactor.map { Int64($0) })
    member("frames", radio.frameCount)
    member("witnessLeaves", radio.witnessCount)
    number("lastFrameMilliseconds", radio.lastFrameMilliseconds)
    number("lastRSSI", radio.lastRSSICentidecibelMilliwatts.map { Int64($0) })
    number("lastSNR", radio.lastSNRCentidecibels.map { Int64($0) })
    number("lastFault", radio.lastFaultNumber == 0 ? nil : Int64(radio.lastFaultNumber))
    member("transmits", radio.transmits)
    member("beaconsSent", radio.sentCount)
    number("lastReason", radio.lastReasonNumber == 0 ? nil : Int64(radio.lastReasonNumber))
    number("clockErrorMilliseconds", radio.clockErrorMilliseconds.map { Int64(clamping: $0) })
    number("clockLimitMilliseconds", radio.clockLimitMilliseconds.map { Int64($0) })
    number("airtimeLeftMicroseconds", radio.airtimeLeftMicroseconds.map { Int64(clamping: $0) })
    endObject()
  }

  private mutating func number(_ name: StaticString, _ value: Int64?) {
    if let value { member(name, value) } else { member(null: name) }
  }
}
