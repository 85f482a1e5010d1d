import Buses

/// A module's line in process: drivers against models without terminals, on a clock that is turned by hand.
public struct ModelSerialPort: SerialPort, ~Copyable {
  public let model: SerialModuleModel
  public let clock: HandCrankedClock
  /// Called before each transfer with its number, counted from 0: may set faults, or throw one.
  public let beforeTransfer: ((Int) throws(BusError) -> Void)?
  private var transferCount = 0
  private var pending: [UInt8] = []

  public init(
    model: SerialModuleModel, clock: HandCrankedClock,
    beforeTransfer: ((Int) throws(BusError) -> Void)? = nil
  ) {
    self.model = model
    self.clock = clock
    self.beforeTransfer = beforeTransfer
  }

  public mutating func read(into bytes: inout MutableSpan<UInt8>) throws(BusError) -> Int {
    try count()
    pending += model.output(now: clock.now)
    let count = min(bytes.count, pending.count)
    for index in 0..<count { bytes[index] = pending[index] }
    pending.removeFirst(count)
    return count
  }

  public mutating func write(_ bytes: Span<UInt8>) throws(BusError) {
    try count()
    model.receive(bytes.indices.map { bytes[$0] }, now: clock.now)
  }

  private mutating func count() throws(BusError) {
    defer { transferCount += 1 }
    if let beforeTransfer { try beforeTransfer(transferCount) }
  }
}
