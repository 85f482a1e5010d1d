import FixedMemory

/// One USB stick with two bulk endpoints, reached again and again: it may be absent, and come back.
///
/// Every call ends: a transfer within its timeout, opening within some seconds.
public protocol USBTransport: ~Copyable {
  /// Looks for the stick, opens it and claims its interface. What was open before is closed.
  mutating func open() throws(USBFailure)
  /// Lets go of the stick. Nothing when none is open.
  mutating func close()
  /// Sends at most 32 bytes to the endpoint 0x02, all or none.
  mutating func send(_ bytes: Span<UInt8>, timeoutMilliseconds: UInt32) throws(USBFailure)
  /// Receives one packet of the endpoint 0x82; says how many bytes came.
  mutating func receive(into bytes: inout MutableSpan<UInt8>, timeoutMilliseconds: UInt32)
    throws(USBFailure) -> Int
  /// Takes both endpoints out of a stall.
  mutating func clearStall() throws(USBFailure)
  /// Resets the port, as unplugging would. `disconnected`: it came up as another device, open it anew.
  mutating func reset() throws(USBFailure)
  /// Whether a stick of this kind has come or gone since the last call. Without hot-plug never.
  mutating func hasChanged() -> Bool
  /// Which stick it is, for people: ids, port, serial number, speed.
  var place: FixedText<160> { get }
  /// The kernel driver that had the stick when opening it failed with `busy`; empty when none can be told.
  var kernelDriver: FixedText<32> { get }
}

/// What can go wrong on USB.
public enum USBFailure: Error, Equatable, Sendable {
  /// No such stick is plugged in.
  case absent
  /// Several sticks fit: say which by serial number or port.
  case ambiguous
  /// A kernel driver or another program has it.
  case busy
  /// This user may not open it.
  case denied
  /// The transfer did not end in time.
  case timedOut
  /// The endpoint refused (STALL).
  case stalled
  /// More bytes came than a packet has.
  case overflowed
  /// It has gone.
  case disconnected
  /// libusb's own code.
  case system(code: Int32)
}
