import Buses
import Records

/// What went wrong between the agent and a radio, in electrical terms and those of the line's protocol.
public enum RadioFailure: Error, Equatable, Sendable {
  /// The transfer itself failed.
  case bus(BusError)
  /// Nothing came in answer to a command within its time.
  case noAnswer
  /// Bytes came, and none of them made an answer.
  case unintelligible
  /// The radio refuses a command that it should know: a wrong firmware or mode.
  case refused
  /// The radio says that it is at something else, beyond the bound.
  case busy
  /// Another radio answers than the one that is configured, or none that this module knows.
  case wrongRadio
  /// What was set is not what is read back.
  case settingLost
  /// The oscillator does not start, or the synthesiser does not lock.
  case oscillator
  /// The radio never said that a transmission ended.
  case transmissionUnfinished
  /// The radio says that a transmission failed.
  case transmissionFailed
  /// It answers as always and is not in reception, or hears nothing although it should.
  case deaf
  /// The BUSY line stays high beyond its bound.
  case busyLine
  /// The interrupt line was low although there was a frame, or is high although there is none.
  case interruptLine
  /// The chip has lost its settings, and nobody has reset it.
  case restarted
  /// The chip answers zeros or ones alone.
  case nothingOnTheBus

  /// The number that stands in the fault leaf.
  public var faultCode: FaultCode {
    switch self {
    case .bus(.notAcknowledged): .notAcknowledged
    case .bus(.timedOut): .timedOut
    case .bus(.disconnected): .disconnected
    // Of a stick and its bridge: EPROTO and EACCES (docs/usb.md).
    case .bus(.system(errno: 71)): .stickFailing
    case .bus(.system(errno: 13)): .bridgeForeign
    case .bus(.arbitrationLost), .bus(.system): .busError
    case .noAnswer: .noAnswer
    case .unintelligible: .unintelligible
    case .refused: .commandRefused
    case .busy: .radioBusy
    case .wrongRadio: .wrongRadio
    case .settingLost: .settingLost
    case .oscillator: .oscillatorFault
    case .transmissionUnfinished: .transmissionUnfinished
    case .transmissionFailed: .transmissionFailed
    case .deaf: .radioDeaf
    case .busyLine: .busyLineStuck
    case .interruptLine: .interruptLineDead
    case .restarted: .radioRestarted
    case .nothingOnTheBus: .nothingOnTheBus
    }
  }
}

/// Why a radio does not take a request: nothing was done, and nothing is wrong with the radio.
public enum RadioRefusal: UInt8, Error, Sendable {
  /// It was not identified yet, is being reset, or has failed.
  case notReady = 1
  /// Another request is not done yet.
  case underWay
  case notConfigured
  case frequencyOutOfRange
  case modulationNotPossible
  case powerNotPossible
  case syncWordNotPossible
  case payloadTooLong
  /// The firmware begins every frame with a byte of its own.
  case firstByteNotPossible
  /// The radio has no such reading.
  case notMeasurable

  /// For an operator.
  public var explanation: StaticString {
    switch self {
    case .notReady: "the radio is not ready: it is being identified or reset, or it has failed"
    case .underWay: "the radio is at something else"
    case .notConfigured: "the radio has no setting yet"
    case .frequencyOutOfRange: "the radio does not tune to this frequency"
    case .modulationNotPossible: "the radio does not have this spreading factor or header"
    case .powerNotPossible: "the radio does not have this power"
    case .syncWordNotPossible: "the radio's firmware does not have this sync word"
    case .payloadTooLong: "the frame is longer than this radio's firmware sends"
    case .firstByteNotPossible: "the radio's firmware begins every frame with a byte of its own"
    case .notMeasurable: "this radio can't measure that"
    }
  }
}
