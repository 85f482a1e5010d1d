import Buses
import FixedMemory

/// One transfer: what goes out, and afterwards what came back in its place. The longest carries a frame of 255 bytes
/// behind three bytes of command.
struct ChipTransfer {
  static var capacity: Int { 260 }

  private var storage = FixedBytes<260>()
  /// Invariant: at most `capacity`.
  private(set) var count = 0

  subscript(index: Int) -> UInt8 { storage[index] }

  mutating func put(_ byte: UInt8) {
    precondition(count < Self.capacity, "a command longer than its transfer")
    storage[count] = byte
    count += 1
  }

  mutating func put(word: UInt16) {
    put(UInt8(word >> 8))
    put(UInt8(truncatingIfNeeded: word))
  }

  mutating func putZeros(_ zeroCount: Int) {
    for _ in 0..<zeroCount { put(0) }
  }

  mutating func removeAll() { count = 0 }

  var span: Span<UInt8> {
    @_lifetime(borrow self)
    @_transparent
    borrowing get { storage.span.extracting(0..<count) }
  }

  /// Whether this command of an SX126x begins a reception (true) or a transmission (false); nil for any other.
  var turnsReceiver: Bool? {
    count == 0 ? nil : storage[0] == 0x82 ? true : storage[0] == 0x83 ? false : nil
  }

  /// Sends all, and keeps what comes back.
  mutating func run(_ bus: inout some SPIDevice & ~Copyable) throws(BusError) {
    var all = storage.mutableSpan
    var bytes = all._mutatingExtracting(0..<count)
    try bus.transfer(&bytes)
  }

  /// Big-endian, most significant bit first, as every figure of these chips.
  func number(at index: Int, byteCount: Int) -> UInt32 {
    var value: UInt32 = 0
    for offset in 0..<byteCount { value = value << 8 | UInt32(storage[index + offset]) }
    return value
  }
}

/// What is done with a chip, each a list of transfers by number.
enum ChipScript: UInt8 {
  case identify
  case setUp
  case configure
  case listen
  case fetch
  case send
  case noise
  case poll
}

/// What stands at a place of a script.
enum ChipPlace {
  /// The transfer has been made ready.
  case transfer
  /// Nothing with this chip or setting.
  case skip
  /// Until the interrupt line is high, or it is time to ask.
  case waitForEnd
  case end
}

/// What an answer means.
enum ChipAnswer {
  case next
  /// The same again, so much later; outside of a transmission for `againMilliseconds` at most.
  case again(milliseconds: Int64)
  /// On at this place.
  case skip(to: Int)
  case failed(RadioFailure)
  case deaf
  /// Its settings are gone.
  case restarted
  /// Its oscillator or synthesiser has failed since it was set up. Only setting it up anew clears that.
  case unsteady
}
