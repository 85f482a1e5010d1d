/// The lines of a radio chip beside its bus. Their polarity and who asks the kernel are behind this contract.
public protocol RadioLines: ~Copyable {
  /// Holds the chip in reset, or lets it go; false where no line is wired.
  mutating func holdReset(_ isHeld: Bool) throws(BusError) -> Bool
  /// BUSY of SX126x is high; false where the chip has no such line.
  mutating func isBusy() throws(BusError) -> Bool
  /// The level of DIO1 (SX126x) or DIO0 (SX127x); nil where it is not wired. A level, never an edge: the line stays
  /// high until the chip's interrupt is cleared.
  mutating func isInterrupted() throws(BusError) -> Bool?
}
