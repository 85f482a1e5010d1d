import Buses

/// A bus with chip models on it.
public final class VirtualI2CBus {
  /// Addresses outside are reserved by the I2C specification (UM10204 section 3.1.12).
  public static let addressRange: ClosedRange<UInt8> = 0x08...0x77

  private var chips: [UInt8: any ChipModel] = [:]

  /// No chips.
  public init() {}

  /// Puts a chip at an address. An address that is taken or reserved is a bug of the caller.
  public func attach(_ chip: any ChipModel, at address: UInt8) {
    precondition(Self.addressRange.contains(address), "reserved I2C address")
    precondition(chips[address] == nil, "two chips at one I2C address")
    chips[address] = chip
  }

  /// The chips and where they are, by address.
  public var attached: [(address: UInt8, chip: any ChipModel)] {
    chips.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// Sets what is wrong with every chip of a name. Returns how many there are.
  public func setFault(_ fault: ChipFault, chipsNamed name: String, now: Int64) -> Int {
    let named = chips.values.filter { $0.name == name }
    for chip in named {
      // A brown-out is a moment: what was wrong with the chip before stays so.
      if fault == .brownOut {
        chip.powerCycle(now: now)
      } else {
        chip.fault = fault
      }
    }
    return named.count
  }

  /// One transfer: a write, then a read after a repeated start. Without either it is a probe.
  public func transfer(address: UInt8, bytes: [UInt8], readCount: Int, now: Int64)
    throws(BusError) -> [UInt8]
  {
    guard !chips.values.contains(where: { $0.fault == .stuckBus }) else { throw .timedOut }
    guard let chip = chips[address], chip.fault != .noAcknowledge else {
      throw .notAcknowledged
    }
    if !bytes.isEmpty || readCount == 0 { try chip.write(bytes, now: now) }
    return readCount == 0 ? [] : try chip.read(count: readCount, now: now)
  }
}
