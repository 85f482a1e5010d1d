import Buses
import Coverage
import FixedMemory
import LoRa
import Radios
import Records

/// A frame that the radio is to send at a moment. Budget and rules of the air are the caller's.
public struct RadioTransmission: Sendable {
  /// The longest is a beacon.
  public let bytes: FixedBytes<24>
  public let byteCount: Int
  /// For whoever asked: of the challenge, or 0.
  public let number: UInt32
  /// By the clock of `NodeTime.milliseconds`. Behind `latest` it is not begun.
  public let startMilliseconds: Int64
  public let latestMilliseconds: Int64
  public let frequencyHertz: UInt32
  public let spreadingFactor: UInt8
  public let powerCentidecibelMilliwatts: Int32

  public init(
    bytes: FixedBytes<24>, byteCount: Int = 24, number: UInt32, startMilliseconds: Int64,
    latestMilliseconds: Int64, frequencyHertz: UInt32, spreadingFactor: UInt8,
    powerCentidecibelMilliwatts: Int32
  ) {
    precondition((1...24).contains(byteCount), "a frame of 1 to 24 bytes")
    self.bytes = bytes
    self.byteCount = byteCount
    self.number = number
    self.startMilliseconds = startMilliseconds
    self.latestMilliseconds = latestMilliseconds
    self.frequencyHertz = frequencyHertz
    self.spreadingFactor = spreadingFactor
    self.powerCentidecibelMilliwatts = powerCentidecibelMilliwatts
  }
}

/// What became of it.
public enum TransmissionOutcome: Equatable, Sendable {
  /// The module was told to. Not confirmed: it has not said that it did, so that it may have been on the air. Without a
  /// power: it was another than the one that was asked for, and it is not known which.
  case sent(startMilliseconds: Int64, powerCentidecibelMilliwatts: Int32?, isConfirmed: Bool)
  /// It is not on the air.
  case refused(BeaconReason)
}

/// The radio's part in a transmission: set in time, told once.
///
///     send ─▶ waits, is set ─▶ told at the moment ─▶ transmissionEnded
///                    └─ not ready by then ─▶ refused
struct Sending: Sendable {
  let order: RadioTransmission
  /// The radio has been asked; its event ends this.
  var isAsked = false

  var place: ListeningPlace {
    ListeningPlace(
      frequencyHertz: order.frequencyHertz, spreadingFactor: order.spreadingFactor)
  }
}

extension RadioDuty where Radio: ~Copyable {
  /// Takes a transmission. Not nil: why it will not be sent. Else `transmissionEnded` follows, whatever happens.
  public mutating func send(_ order: RadioTransmission) -> BeaconReason? {
    if let reason = reasonAgainst(order) { return reason }
    sending = Sending(order: order)
    return nil
  }

  /// Why the radio will not send this, as it is now; nil: it will, or `send` tells later.
  public func reasonAgainst(_ order: RadioTransmission) -> BeaconReason? {
    guard sending == nil, outcome == nil else { return .radioBusy }
    guard let capabilities else { return .radioGone }
    let nearest = capabilities.nearestPower(
      toCentidecibelMilliwatts: order.powerCentidecibelMilliwatts)
    // What is told later is what was drawn, to half a decibel.
    guard (nearest - order.powerCentidecibelMilliwatts).magnitude <= 50,
      capabilities.maximumPayloadByteCount >= order.byteCount,
      let modulation = Modulation(spreadingFactor: order.spreadingFactor)
    else { return .notAllowed }
    do throws(RadioRefusal) {
      try capabilities.check(
        RadioSetting(
          frequencyHertz: order.frequencyHertz, modulation: modulation,
          powerCentidecibelMilliwatts: nearest))
    } catch { return .notAllowed }
    return nil
  }

  /// How long before its moment a transmission is to be given, so that the radio is set for it by then.
  public var leadMilliseconds: Int64 {
    max(1_000, 500 + Int64(capabilities?.retuneMilliseconds ?? 0))
  }

  /// Asks the radio to send when it is time; false: it is to be set for it first, or waits.
  mutating func crankSending(_ now: NodeTime) {
    guard let current = sending, !current.isAsked else { return }
    let order = current.order
    if now.milliseconds > order.latestMilliseconds {
      switch state {
      case .transmitting, .measuring: end(.refused(.radioBusy))
      case .listening where isSet(for: current): end(.refused(.tooLate))
      // It did not take its setting in time, whatever it says.
      case .failed, .unknown, .starting, .ready, .configuring, .listening:
        end(.refused(.radioGone))
      }
      return
    }
    guard now.milliseconds >= order.startMilliseconds, isSet(for: current) else { return }
    do throws(RadioRefusal) {
      try askToSend(order, now)
      sending?.isAsked = true
    } catch { end(.refused(error == .underWay || error == .notReady ? .radioBusy : .notAllowed)) }
  }

  /// The radio's word, or its end.
  mutating func sendingEnded(_ report: TransmissionReport) {
    guard sending?.isAsked == true else { return }
    end(
      .sent(
        startMilliseconds: report.startedMilliseconds,
        powerCentidecibelMilliwatts: report.powerCentidecibelMilliwatts, isConfirmed: true))
  }

  /// - `handedOverAt`: when all of the command had reached the module; nil: it has never seen it.
  mutating func sendingFailed(_ failure: RadioFailure, handedOverAt: Int64?) {
    guard let current = sending, current.isAsked else { return }
    switch failure {
    case .refused, .transmissionFailed: return end(.refused(.radioFailed))
    case .busy, .busyLine: return end(.refused(.radioBusy))
    case .bus, .noAnswer, .unintelligible, .wrongRadio, .settingLost, .oscillator,
      .transmissionUnfinished, .deaf, .interruptLine, .restarted, .nothingOnTheBus:
      break
    }
    guard let handedOverAt else { return end(.refused(.radioGone)) }
    end(
      .sent(
        startMilliseconds: handedOverAt,
        powerCentidecibelMilliwatts: current.order.powerCentidecibelMilliwatts,
        isConfirmed: false))
  }

  private mutating func end(_ result: TransmissionOutcome) {
    guard let ended = sending else { return }
    sending = nil
    outcome = (ended.order.number, result)
  }

  /// When the transmission wants the next step.
  func nextSendingStep(_ now: NodeTime) -> Int64 {
    if outcome != nil { return now.milliseconds }
    guard let sending, !sending.isAsked else { return .max }
    let start = sending.order.startMilliseconds
    return now.milliseconds < start
      ? start : min(now.milliseconds + 5, sending.order.latestMilliseconds + 1)
  }
}
