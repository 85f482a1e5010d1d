import Buses

/// A chip's bus in process, on a clock that is turned by hand.
public struct ModelSPIDevice: SPIDevice, ~Copyable {
  public let model: RadioChipModel
  public let clock: HandCrankedClock
  /// Called before each transfer with its number, counted from 0: may set faults, or throw one.
  public let beforeTransfer: ((Int) throws(BusError) -> Void)?
  /// Of each transfer, as a stick's last.
  public let transferMilliseconds: Int64
  public private(set) var waitedMilliseconds: Int64 = 0
  private var transferCount = 0

  public init(
    model: RadioChipModel, clock: HandCrankedClock, transferMilliseconds: Int64 = 0,
    beforeTransfer: ((Int) throws(BusError) -> Void)? = nil
  ) {
    self.model = model
    self.clock = clock
    self.transferMilliseconds = transferMilliseconds
    self.beforeTransfer = beforeTransfer
  }

  public mutating func transfer(_ bytes: inout MutableSpan<UInt8>) throws(BusError) {
    defer { transferCount += 1 }
    clock.now += transferMilliseconds
    waitedMilliseconds += transferMilliseconds
    if let beforeTransfer { try beforeTransfer(transferCount) }
    let reply = model.transfer(bytes.indices.map { bytes[$0] }, now: clock.now)
    for index in bytes.indices { bytes[index] = reply[index] }
  }
}

/// A chip's lines in process.
public struct ModelRadioLines: RadioLines, ~Copyable {
  public let model: RadioChipModel
  public let clock: HandCrankedClock
  public let hasReset: Bool
  public let hasInterrupt: Bool
  /// Called before each use of a line with its number: may throw.
  public let beforeUse: ((Int) throws(BusError) -> Void)?
  private var useCount = 0

  public init(
    model: RadioChipModel, clock: HandCrankedClock, hasReset: Bool = true,
    hasInterrupt: Bool = true, beforeUse: ((Int) throws(BusError) -> Void)? = nil
  ) {
    self.model = model
    self.clock = clock
    self.hasReset = hasReset
    self.hasInterrupt = hasInterrupt
    self.beforeUse = beforeUse
  }

  public mutating func holdReset(_ isHeld: Bool) throws(BusError) -> Bool {
    try count()
    guard hasReset else { return false }
    model.holdReset(isHeld, now: clock.now)
    return true
  }

  public mutating func isBusy() throws(BusError) -> Bool {
    try count()
    return model.busyLevel(now: clock.now)
  }

  public mutating func isInterrupted() throws(BusError) -> Bool? {
    try count()
    return hasInterrupt ? model.interruptLevel(now: clock.now) : nil
  }

  private mutating func count() throws(BusError) {
    defer { useCount += 1 }
    if let beforeUse { try beforeUse(useCount) }
  }
}
