/// Why a measurement failed. The numbers stand in fault leaves and never change their meaning.
public enum FaultCode: UInt8, Sendable {
  /// Nothing answered at the sensor's address.
  case notAcknowledged = 1
  /// The sensor answered, and its checksum does not fit the data.
  case checksumMismatch = 2
  /// The transfer or the conversion did not end in time.
  case timedOut = 3
  /// Another chip answers at this address.
  case wrongChip = 4
  /// The sensor says that it has no new measurement.
  case notReady = 5
  /// A value that the chip cannot measure, by its datasheet.
  case outOfRange = 6
  /// The same raw words again and again: the sensor no longer measures.
  case frozen = 7
  /// The bus is gone: unplugged, or its simulator has ended.
  case disconnected = 8
  /// Any other error of the kernel's on this bus.
  case busError = 9
  /// The chip's calibration words are blank or impossible.
  case calibrationInvalid = 10
  /// The chip answers, and it reports a fault of its own.
  case chipFault = 11
  /// Bytes came, and none of them made a sentence or frame.
  case unintelligible = 12
  /// Edges that the kernel counted and kept no time of: they came faster than they were fetched.
  case edgesLost = 13
  /// Another program or a driver has the line.
  case lineInUse = 14
  /// Nothing came in answer to a command on a serial line.
  case noAnswer = 15
  /// The radio refuses a command that it should know: a wrong firmware or mode.
  case commandRefused = 16
  /// The radio, or its BUSY line, says that it is at something else, for longer than it may.
  case radioBusy = 17
  /// Another radio or firmware answers than the one that is configured.
  case wrongRadio = 18
  /// What was set is not what is read back.
  case settingLost = 19
  /// The oscillator does not start, or the synthesiser does not lock.
  case oscillatorFault = 20
  /// The radio never said that a transmission ended.
  case transmissionUnfinished = 21
  /// The radio says that a transmission failed.
  case transmissionFailed = 22
  /// The radio answers and is not in reception.
  case radioDeaf = 23
  /// The BUSY line of a radio chip stays high.
  case busyLineStuck = 24
  /// The interrupt line of a radio chip does not tell of frames, or never falls.
  case interruptLineDead = 25
  /// A radio chip has lost its settings: it restarted by itself.
  case radioRestarted = 26
  /// A radio chip's answers are zeros or ones alone.
  case nothingOnTheBus = 27
  /// Nobody serves a stick's socket: cairn-usb does not run.
  case bridgeAbsent = 28
  /// Another user than `cairn-usb` serves a stick's socket: nothing of it is used.
  case bridgeForeign = 29
  /// A USB stick is there, and it fails: no answer, or garbage.
  case stickFailing = 30
}

extension FaultCode {
  /// What it is, for people.
  public var explanation: StaticString {
    switch self {
    case .notAcknowledged: "nothing answers at this address: is it wired and powered?"
    case .checksumMismatch: "the answer's checksum is wrong: a long or noisy cable?"
    case .timedOut: "the transfer did not end in time: a line of the bus is held low?"
    case .wrongChip: "another chip answers at this address"
    case .notReady: "the sensor has no new measurement"
    case .outOfRange: "the value lies outside what the chip can measure"
    case .frozen: "the same raw words again and again: the sensor no longer measures"
    case .disconnected: "the bus is gone: unplugged, or its simulator has ended"
    case .busError: "the kernel reports an error on this bus"
    case .calibrationInvalid: "the chip's calibration is blank or impossible"
    case .chipFault: "the chip reports a fault of its own"
    case .unintelligible: "bytes came that make no sentence"
    case .edgesLost: "edges came faster than they were fetched: counted, and without their times"
    case .lineInUse: "another program or a driver has the line"
    case .noAnswer: "nothing answers on this line: is it the right speed, wired and powered?"
    case .commandRefused: "the radio refuses a command: has it another firmware?"
    case .radioBusy: "the radio stays busy: is its BUSY line wired?"
    case .wrongRadio: "another radio or firmware answers than the one that is configured"
    case .settingLost: "the radio does not keep its setting"
    case .oscillatorFault: "the radio's oscillator does not start: crystal or TCXO?"
    case .transmissionUnfinished: "the radio never told the end of a transmission"
    case .transmissionFailed: "the radio reports that a transmission failed"
    case .radioDeaf: "the radio answers, and was not in reception"
    case .busyLineStuck:
      "the radio's BUSY line stays high: is it the right line, and has the chip power?"
    case .interruptLineDead:
      "the radio's interrupt line tells nothing, or never falls: the chip is asked instead"
    case .radioRestarted: "the radio restarted by itself: does its supply hold when it sends?"
    case .nothingOnTheBus:
      "the radio answers zeros or ones alone: is it powered, and on this SPI bus and chip select?"
    case .bridgeAbsent: "cairn-usb does not run: systemctl status cairn-usb@usb"
    case .bridgeForeign: "another user than cairn-usb serves the stick's socket: who is it?"
    case .stickFailing: "the USB stick fails or hangs: look at cable, hub and its supply"
    }
  }
}
