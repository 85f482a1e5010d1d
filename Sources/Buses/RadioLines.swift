/// The lines of a radio chip beside its bus. Their polarity and who asks the kernel are behind this contract.
public protocol RadioLines: ~Copyable {
  /// Holds the chip in reset, or lets it go; false where no line is wired.
  mutating func holdReset(_ isHeld: Bool) throws(BusError) -> Bool
  /// BUSY of SX126x is high; false where the chip has no such line.
  mutating func isBusy() throws(BusError) -> Bool
  /// The level of DIO1 (SX126x) or DIO0 (SX127x); nil where it is not wired. A level, never an edge: the line stays
  /// high until the chip's interrupt is cleared.
  mutating func isInterrupted() throws(BusError) -> Bool?
  /// Puts the antenna at the receiver, or takes it away for a transmission, where a line does that (RXEN of modules
  /// such as E22). Without such a line nothing is done.
  mutating func enableReceiver(_ isOn: Bool) throws(BusError)
  /// How long all calls together have kept their caller since the lines were opened. Only of lines that are far away:
  /// 0 for those of the board.
  var waitedMilliseconds: Int64 { get }
}

extension RadioLines where Self: ~Copyable {
  public mutating func enableReceiver(_ isOn: Bool) throws(BusError) {}
  public var waitedMilliseconds: Int64 { 0 }
}
