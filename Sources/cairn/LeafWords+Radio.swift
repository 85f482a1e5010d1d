import FixedMemory
import Records

/// Events of coverage, in words.
extension LeafWords {
  static func name(ofBeaconReason number: UInt64) -> StaticString {
    switch UInt8(exactly: number).flatMap({ BeaconReason(rawValue: $0) }) {
    case .noChallenge: "no challenge with rules for beacons came"
    case .noClock: "the clock is not known well enough"
    case .airtimeSpent: "the share of the hour is spent, or not known"
    case .listenBeforeTalk: "the region asks for listen-before-talk, which is not built"
    case .radioBusy: "the radio was sending something else"
    case .radioGone: "there is no radio, or it does not answer"
    case .chainNotValid: "the enrolled chain does not serve this challenge"
    case .noChannel: "rules and region have no channel or datarate in common"
    case .tooLate: "its slots had passed"
    case .notDurable: "the log could not make it durable first"
    case .radioFailed: "the radio could not send it"
    case .notAllowed: "the plan or the radio has no such power or frequency"
    case .outcomeUnknown: "the agent ended while the radio had it; it may have been sent"
    case .linkUsed: "another gateway, or a restored one, counts anew: a new chain is needed first"
    case nil: "for a reason that this program does not know"
    }
  }

  static func name(ofFrameRefusal number: UInt64) -> StaticString {
    switch UInt8(exactly: number).flatMap({ FrameRefusal(rawValue: $0) }) {
    case .copies: "copies"
    case .tableFull: "more than the table holds"
    case .rateLimited: "more than are written down"
    case .lostOnTheWay: "not taken from the forwarder in time"
    case nil: "for a reason that this program does not know"
    }
  }

  static func name(ofRadioReset number: UInt64) -> StaticString {
    switch UInt8(exactly: number).flatMap({ RadioResetReason(rawValue: $0) }) {
    case .deaf: "it was deaf"
    case .silent: "it did not answer"
    case .wrongState: "it was in another state than it was put into"
    case .restarted: "it had started anew by itself"
    case nil: "for a reason that this program does not know"
    }
  }

  /// "LoRaWAN frame, 23 bytes at 868.100 MHz, SF7: -101.00 dBm, SNR -2.25 dB; SHA-256 8b805820…, no receipt".
  static func describe<let capacity: Int>(
    _ frame: ForwardedFrame, hasReceipt: Bool, _ text: inout TextBuilder<capacity>
  ) {
    let reception = frame.reception
    text.append("LoRaWAN frame, ")
    text.append(UInt32(frame.byteCount))
    text.append(" bytes at ")
    text.append(fixedPoint: Int64(reception.frequencyHertz / 1_000), powerOfTen: -3)
    text.append(" MHz, SF")
    text.append(UInt32(reception.spreadingFactor))
    text.append(": ")
    text.append(fixedPoint: Int64(reception.rssiCentidecibelMilliwatts), powerOfTen: -2)
    text.append(" dBm")
    if let snr = reception.snrCentidecibels {
      text.append(", SNR ")
      text.append(fixedPoint: Int64(snr), powerOfTen: -2)
      text.append(" dB")
    }
    text.append("; SHA-256 ")
    text.append(hex: frame.hash.span.extracting(0..<8))
    text.append(hasReceipt ? "…, with the network server's receipt" : "…, no receipt")
  }

  /// "beacon of challenge 7 not sent: the clock is not known well enough".
  static func describe<let capacity: Int>(
    radioEvent code: EventCode?, _ numbers: FixedArray<3, UInt64>, radio: UInt16,
    _ text: inout TextBuilder<capacity>
  ) {
    guard let code, numbers.count > 0 else { return }
    if code == .beaconNotSent {
      text.append("beacon")
      if numbers[0] > 0 {
        text.append(" of challenge ")
        text.append(numbers[0])
      }
      text.append(" not sent: ")
      text.append(name(ofBeaconReason: numbers[1]))
    } else if code == .framesRefused {
      text.append(numbers[1])
      text.append(numbers[1] == 1 ? " frame not kept: " : " frames not kept: ")
      text.append(name(ofFrameRefusal: numbers[0]))
    } else if code == .airtimeSpent {
      text.append("airtime spent in the sub-band from ")
      text.append(numbers[0])
      text.append(" Hz: ")
      text.append(numbers[2])
      text.append(numbers[2] == 1 ? " transmission refused" : " transmissions refused")
    } else {
      text.append("radio ")
      text.append(radio)
      if code == .radioDeaf {
        text.append(" hears nothing since ")
        text.append(logTime: numbers[0])
      } else {
        text.append(" was reset: ")
        text.append(name(ofRadioReset: numbers[0]))
      }
    }
  }
}
