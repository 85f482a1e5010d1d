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
}
