import Buses
import DeviceLog
import FixedMemory
import LinuxGPIO
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Records

/// Why a radio's line, or a chip's bus or lines, can't be had.
enum RadioOpeningFailure: Error, Equatable {
  case bus(BusError)
  case line(GPIOFailure)
  case stick(USBBridgeAbsence)
  /// A module's serial line.
  case port(BusError)

  var faultCode: FaultCode {
    switch self {
    case .bus(.disconnected), .port(.disconnected): .disconnected
    case .port(let error) where error.isInUse: .lineInUse
    case .bus, .port: .busError
    case .line(let failure): failure.reason.faultCode
    case .stick(let absence): absence.faultCode
    }
  }
}

/// What of a radio can't be had, until it can.
struct RadioOpening {
  /// Lines and buses tell nothing when they become free: they are asked for again after so long.
  static var attemptMilliseconds: Int64 { 5_000 }
  /// Of two leaves that tell the same failure.
  static var leafMilliseconds: Int64 { 3_600_000 }

  var failure: RadioOpeningFailure?
  /// Nil: as soon as the device is there.
  var nextAttempt: Int64?
  var nextLeaf: Int64 = 0
  /// Since the last leaf.
  var count: UInt64 = 0
}

/// A receiver's serial line that can't be opened.
struct ReceiverOpening {
  var failure: BusError?
  /// Nil: as soon as the device is there.
  var nextAttempt: Int64?
}

/// What is there and can't be had: told with its reason, and asked for again, because nothing tells when it is free.
extension Agent {
  /// A radio or receiver that could not be opened, or went, waits for its next attempt.
  var isOpeningDue: Bool {
    guard let next = nextOpening else { return false }
    return now >= next
  }

  /// Nil: nothing waits.
  var nextOpening: Int64? {
    let radio = radioLine == nil ? radioOpening.nextAttempt : nil
    guard let receiver = receiverOpening.nextAttempt else { return radio }
    guard let radio else { return receiver }
    return min(radio, receiver)
  }

  /// A line for the journal when the reason is another one, and a leaf at most once an hour.
  mutating func tellOpening(_ failure: RadioOpeningFailure, _ name: Name, bus: Name) {
    let isNew = radioOpening.failure != failure
    radioOpening.failure = failure
    radioOpening.nextAttempt = now + RadioOpening.attemptMilliseconds
    radioOpening.count += 1
    if isNew {
      radioOpening.nextLeaf = now
      say(failure, name, bus: bus)
    }
    guard now >= radioOpening.nextLeaf, fullSince == nil else { return }
    let (schema, milliseconds, count) = (Self.radioSchema, now, radioOpening.count)
    let isTold = record {
      LeafEncoding.fault(
        schema: schema, milliseconds: milliseconds, code: failure.faultCode, count: count,
        into: $0)
    }
    guard isTold else { return }
    radioOpening.count = 0
    radioOpening.nextLeaf = now + RadioOpening.leafMilliseconds
  }

  private func say(_ failure: RadioOpeningFailure, _ name: Name, bus: Name) {
    var text = TextBuilder<512>()
    text.append("cairn-agent: ")
    if case .port(let error) = failure {
      text.append("[radio] port ")
      text.append(name.span)
      Self.appendPortFailure(error, &text)
    } else {
      text.append("[lora.")
      text.append(name.span)
      text.append("]: ")
    }
    switch failure {
    case .port: break
    case .line(let failure):
      text.append("one of its lines: ")
      text.append(failure)
    case .stick(let absence):
      text.append("its stick: ")
      text.append(absence.explanation)
    case .bus(let error):
      text.append("its SPI bus ")
      text.append(bus.span)
      switch error {
      case .disconnected: text.append(": there is no such device")
      case .system(let errno):
        text.append(": ")
        text.append(SystemError(errno: errno))
        text.append(". It is a spidev file, of a group that the agent is in (spi)")
      case .notAcknowledged, .timedOut, .arbitrationLost: text.append(": can't be opened")
      }
    }
    text.append("\n")
    // Without a reader of standard error the fault leaf tells all the same.
    do throws(SystemError) { try StandardStream.error.write(text) } catch {}
  }

  /// A receiver's line is no sensor's, and has no fault leaf: the journal has the reason, once.
  mutating func tellReceiver(_ failure: BusError, _ name: Name) {
    let isNew = receiverOpening.failure != failure
    receiverOpening.failure = failure
    receiverOpening.nextAttempt = now + RadioOpening.attemptMilliseconds
    guard isNew else { return }
    var text = TextBuilder<512>()
    text.append("cairn-agent: [gnss] port ")
    text.append(name.span)
    Self.appendPortFailure(failure, &text)
    text.append("\n")
    // Without a reader of standard error the receiver is asked for all the same.
    do throws(SystemError) { try StandardStream.error.write(text) } catch {}
  }

  private static func appendPortFailure(_ error: BusError, _ text: inout TextBuilder<512>) {
    switch error {
    case _ where error.isInUse: text.append(": another program has this line: fuser tells which")
    case _ where error.isForbidden:
      text.append(": the agent may not open it: is it in the line's group (dialout)?")
    case .system(let errno):
      text.append(": ")
      text.append(SystemError(errno: errno))
    case .disconnected: text.append(": there is no such device")
    case .notAcknowledged, .timedOut, .arbitrationLost: text.append(": can't be opened")
    }
  }
}
