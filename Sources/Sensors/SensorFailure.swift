import Buses
import Records

/// Why a sensor gave no measurement. One type for all chips, so that a caller handles each case
/// once.
public enum SensorFailure: Error, Equatable {
  /// The transfer itself failed.
  case bus(BusError)
  /// A word and its checksum do not fit together.
  case checksumMismatch(expected: UInt8, received: UInt8)
  /// Another chip answers at this address. Both numbers are those of the id register, or, for a
  /// chip that has none, the checksum that the first word of its serial number needs and what came.
  case wrongChip(expected: UInt8, found: UInt8)
  /// The chip answers and has no new measurement yet.
  case notReady
  /// The chip did not end its conversion within the datasheet's time and the driver's patience.
  case timedOut
  /// The chip's calibration words are blank, impossible, or differ between two readings of them.
  case calibrationInvalid
  /// A value outside what the datasheet says the chip can measure, or the mark of a skipped one.
  case outOfRange
  /// The same raw words too often in a row.
  case frozen
  /// The chip answers and is not in the state it was put in: it was reset meanwhile.
  case chipFault

  /// The number that stands in the fault leaf.
  public var faultCode: FaultCode {
    switch self {
    case .bus(.notAcknowledged): .notAcknowledged
    case .bus(.timedOut): .timedOut
    case .bus(.disconnected): .disconnected
    case .bus(.arbitrationLost), .bus(.system): .busError
    case .checksumMismatch: .checksumMismatch
    case .wrongChip: .wrongChip
    case .notReady: .notReady
    case .timedOut: .timedOut
    case .calibrationInvalid: .calibrationInvalid
    case .outOfRange: .outOfRange
    case .frozen: .frozen
    case .chipFault: .chipFault
    }
  }
}
