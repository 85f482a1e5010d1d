import FixedMemory
import LoRa
import Radios
import Records

/// What is to be done with what a radio brought.
public enum RadioDutyAction: Equatable, Sendable {
  case writeWitness(BeaconWitness)
  case writeListen(ListenRecord)
  case writeFrame(ForwardedFrame)
  /// What became of the transmission that the duty was given.
  case transmissionEnded(number: UInt32, TransmissionOutcome)
  case writeFramesRefused(FrameRefusal, count: UInt64)
  case writeDeaf(sinceMilliseconds: Int64)
  case writeReset(RadioResetReason, count: UInt64)
  case writeFault(FaultCode, count: UInt64)
  /// Nothing is on the line any more: it is to be given back.
  case lineGone
}

/// Why a radio was reset, in events of code 16. Numbers never change their meaning.
public enum RadioResetReason: UInt8, Sendable {
  case deaf = 1
  case silent = 2
  case wrongState = 3
  case restartedByItself = 4

  init(_ failure: RadioFailure) {
    switch failure {
    case .deaf: self = .deaf
    case .noAnswer, .unintelligible, .nothingOnTheBus: self = .silent
    case .settingLost, .restarted: self = .restartedByItself
    case .bus, .refused, .busy, .wrongRadio, .oscillator, .transmissionUnfinished,
      .transmissionFailed, .busyLine, .interruptLine:
      self = .wrongState
    }
  }
}

/// A frame of any kind, for whoever asks how the radio is.
public struct HeardFrame: Equatable, Sendable {
  public let milliseconds: Int64
  public let frequencyHertz: UInt32
  public let spreadingFactor: UInt8
  public let byteCount: UInt8
  public let firstByte: UInt8
  public let rssiCentidecibelMilliwatts: Int32?
  public let snrCentidecibels: Int32?
}

extension Reception {
  /// Nil without a power, and for figures that no leaf holds.
  init?(_ frame: borrowing ReceivedFrame, uncertaintyMilliseconds: UInt32) {
    guard let rssi = frame.packetRSSICentidecibelMilliwatts else { return nil }
    let correction: (RSSICorrection, Int32)
    switch frame.correction {
    case .ofFirmware, .sx126x: correction = (.none, 0)
    case .sx127xHighBand: correction = (.sx127xFormula, -15_700)
    case .sx127xLowBand: correction = (.sx127xFormula, -16_400)
    case .sx1272: correction = (.sx127xFormula, -13_900)
    case .ofForwarder: correction = (.boardOffset, 0)
    }
    self.init(
      endMilliseconds: frame.receivedMilliseconds,
      uncertaintyMilliseconds: uncertaintyMilliseconds, frequencyHertz: frame.frequencyHertz,
      spreadingFactor: frame.spreadingFactor, bandwidthHertz: frame.bandwidth.hertz,
      codingRateDenominator: frame.codingRateDenominator, rssiCentidecibelMilliwatts: rssi,
      signalCentidecibelMilliwatts: frame.signalRSSICentidecibelMilliwatts,
      snrCentidecibels: frame.snrCentidecibels, frequencyErrorHertz: frame.frequencyErrorHertz,
      correctionNumber: UInt64(correction.0.rawValue), correctionCentidecibels: correction.1)
  }
}
