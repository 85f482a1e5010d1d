import Buses
import FixedMemory
import Foundation
import Simulation
import USBBridges

/// What goes wrong at one transfer.
public enum StickFault: CaseIterable, Sendable {
  case timeout, stall, shortPacket, longPacket, garbage, overflow, disconnect
}

/// An emulated CH341 with chips behind it, at the level of its packets: bulk endpoints 0x02 and 0x82, 32 bytes each.
/// Written from the facts of docs/usb.md; shares no code with the bridge. Threads may share it.
public final class StickBench: @unchecked Sendable {
  private let lock = NSLock()
  private var chips: [UInt8: any ChipModel] = [:]

  private var state = State()
  private var radio: StickRadio?

  public init() {}

  public struct State {
    public var clock: Int64 = 1_000_000
    public var isPlugged = true
    public var isBusy = false
    public var isDenied = false
    public var isHung = false
    /// A reset makes it come up as another device.
    public var resetMovesIt = false
    public var isSDAHeld = false
    /// SDA is let go by nine clocks of a read.
    public var letsGoAfterClocks = true
    /// The byte, counted from 0 over everything that goes out, that nobody acknowledges.
    public var refusedByte: Int?
    /// The transfer, counted from 0 over both endpoints, at which something goes wrong.
    public var fault: (transfer: Int, kind: StickFault)?
    public var hasFaulted = false

    public var transferCount = 0
    public var outByteCount = 0
    public var openCount = 0
    public var resetCount = 0
    var transmissionAt: Int?
    public var isOpen = false
    public var hasChanged = false
    public var replies: [[UInt8]] = []
    /// What the chip would not understand.
    public var violations: [String] = []
    var bus = I2CState()
    var pins: Pins { Pins(directions: directions, levels: levels) }
    public var directions: UInt8 = 0
    public var levels: UInt8 = 0
    /// D0 to D15 from outside.
    public var inputs: UInt16 = 0
    /// Bytes that a chip on SPI saw, and which selects were low meanwhile.
    public var spiBytes: [UInt8] = []
    public var spiSelects: Set<UInt8> = []
    public var lastSPIByte: UInt8 = 0xa5
    /// What a chip answers to the bytes that come next, in place of the ones before them.
    public var spiAnswer: [UInt8] = []
    public var speeds: [UInt8] = []
  }

  /// The pins as outputs drive them; an input is high by its pull-up.
  struct Pins {
    let directions: UInt8
    let levels: UInt8

    func isHigh(_ pin: UInt8) -> Bool {
      directions & (1 << pin) == 0 || levels & (1 << pin) != 0
    }

    /// An input has no strength to switch an antenna.
    func isDrivenHigh(_ pin: UInt8) -> Bool { directions & levels & (1 << pin) != 0 }
  }

  struct I2CState {
    var isStarted = false
    var address: UInt8?
    var written: [UInt8] = []
    var readable: [UInt8] = []
  }

  public func attach(_ chip: any ChipModel, at address: UInt8) {
    lock.withLock { chips[address] = chip }
  }

  public func change(_ body: (inout State) -> Void) { lock.withLock { body(&state) } }

  public func look<Value>(_ body: (State) -> Value) -> Value { lock.withLock { body(state) } }

  public func plug(_ isPlugged: Bool) {
    lock.withLock {
      state.isPlugged = isPlugged
      state.isHung = false
      state.hasChanged = true
      state.directions = 0
      // Without its supply the chip forgets all.
      if !isPlugged { radio?.lost() }
      radio?.see(state.pins)
    }
  }

  /// A radio chip behind a chip select, with its lines at pins.
  public func attach(
    _ model: RadioChipModel, pins: StickRadioPins, now: @escaping () -> Int64
  ) {
    lock.withLock { radio = StickRadio(model, pins, now: now) }
  }

  /// For a model's `onTransmit`, which is called with the lock held.
  public func noteTransmission() {
    if state.transmissionAt == nil { state.transmissionAt = state.transferCount }
  }

  /// The packet that began the first transmission.
  public var transmissionAt: Int? { lock.withLock { state.transmissionAt } }

  /// The chip has a frame that nobody has fetched.
  public var hasFrame: Bool { lock.withLock { radio?.model.isInterrupted ?? false } }

  /// With the model in hand, which the bench's thread uses too.
  public func withRadio<Value>(_ body: (RadioChipModel) -> Value) -> Value? {
    lock.withLock { radio.map { body($0.model) } }
  }

  /// A frame at the antenna; false when the chip does not hear it.
  public func deliver(_ bytes: [UInt8], _ figures: AirFigures) -> Bool {
    lock.withLock { radio?.deliver(bytes, figures, state.pins) ?? false }
  }

  // MARK: - the contract

  func open() throws(USBFailure) {
    lock.lock()
    defer { lock.unlock() }
    guard state.isPlugged else { throw .absent }
    if state.isBusy { throw .busy }
    if state.isDenied { throw .denied }
    state.openCount += 1
    state.isOpen = true
  }

  func close() { lock.withLock { state.isOpen = false } }

  func send(_ packet: [UInt8]) throws(USBFailure) {
    lock.lock()
    defer { lock.unlock() }
    switch try nextFault(isReceive: false) {
    case .timeout, .shortPacket, .longPacket, .garbage: throw .timedOut
    case .stall: throw .stalled
    case .overflow: throw .overflowed
    case .disconnect: throw .disconnected
    case nil: perform(packet)
    }
  }

  func receive() throws(USBFailure) -> [UInt8] {
    lock.lock()
    defer { lock.unlock() }
    let fault = try nextFault(isReceive: true)
    // What timed out is there later: the chip keeps its reply.
    if fault == .timeout { throw .timedOut }
    if fault == .stall { throw .stalled }
    if fault == .overflow { throw .overflowed }
    guard !state.replies.isEmpty else { throw .timedOut }
    let reply = state.replies.removeFirst()
    switch fault {
    case .shortPacket: return Array(reply.dropLast())
    case .longPacket: return reply.count < 32 ? reply + [0x55] : Array(reply.dropLast())
    case .garbage: return [UInt8](repeating: 0x5a, count: reply.count < 17 ? 31 : 3)
    default: return reply
    }
  }

  func clearStall() throws(USBFailure) {
    lock.lock()
    defer { lock.unlock() }
    guard state.isPlugged else { throw .disconnected }
  }

  func reset() throws(USBFailure) {
    lock.lock()
    defer { lock.unlock() }
    guard state.isPlugged else { throw .disconnected }
    state.resetCount += 1
    state.isHung = false
    state.replies = []
    state.bus = I2CState()
    state.directions = 0
    radio?.see(state.pins)
    if state.resetMovesIt { throw .disconnected }
  }

  func takeChange() -> Bool {
    lock.withLock {
      let changed = state.hasChanged
      state.hasChanged = false
      return changed
    }
  }

  private func nextFault(isReceive: Bool) throws(USBFailure) -> StickFault? {
    guard state.isPlugged, state.isOpen else { throw .disconnected }
    if state.isHung { throw .timedOut }
    let index = state.transferCount
    state.transferCount += 1
    guard let fault = state.fault, fault.transfer == index else { return nil }
    state.hasFaulted = true
    if fault.kind == .disconnect {
      state.isPlugged = false
      throw .disconnected
    }
    return fault.kind
  }

  // MARK: - the chip

  private func perform(_ packet: [UInt8]) {
    if packet.isEmpty || packet.count > 32 { state.violations.append("\(packet.count) bytes") }
    var reply: [UInt8] = []
    switch packet.first {
    case 0xaa: i2c(packet.dropFirst(), &reply)
    case 0xa8:
      let bytes = packet.dropFirst().map { reversed($0) }
      let answers = bytes.map { spi($0) }
      reply = (radio?.clock(bytes, state.pins) ?? answers).map { reversed($0) }
    case 0xab:
      pins(packet.dropFirst())
      radio?.see(state.pins)
    case 0xa0:
      let inputs = radio?.levels(state.inputs) ?? state.inputs
      let d = UInt8(truncatingIfNeeded: inputs)
      let driven = d & ~state.directions | state.levels & state.directions
      reply = [driven, UInt8(truncatingIfNeeded: inputs >> 8), 0x80, 0, 0, 0]
    default: state.violations.append("command \(packet)")
    }
    if reply.count > 32 { state.violations.append("a reply of \(reply.count) bytes") }
    if !reply.isEmpty { state.replies.append(reply) }
  }

  private func i2c(_ stream: ArraySlice<UInt8>, _ reply: inout [UInt8]) {
    var rest = stream
    var isEnded = false
    while let command = rest.popFirst() {
      if isEnded { state.violations.append("bytes after the end") }
      switch command {
      case 0x00: isEnded = true
      case 0x60...0x63: state.speeds.append(command & 3)
      case 0x74: start()
      case 0x75: stop()
      case 0x80:
        guard let byte = rest.popFirst() else {
          state.violations.append("no byte")
          return
        }
        // How much is read in this packet: the models want to know it beforehand.
        let ahead = rest.prefix { (0xc0...0xe0).contains($0) }
          .reduce(0) { $0 + max(1, Int($1 & 0x3f)) }
        reply.append(out(byte, ahead: ahead) ? 0x00 : 0x80)
      case 0xc0...0xe0:
        let count = max(1, Int(command & 0x3f))
        for _ in 0..<count { reply.append(readByte(ahead: count)) }
      default: state.violations.append("I2C command \(command)")
      }
    }
    if !isEnded { state.violations.append("no end") }
  }

  private func start() {
    commit()
    state.bus = I2CState(isStarted: true)
  }

  private func stop() {
    commit()
    state.bus = I2CState()
  }

  private func commit() {
    guard let address = state.bus.address, address & 1 == 0, !state.bus.written.isEmpty else {
      return
    }
    let written = state.bus.written
    state.bus.written = []
    do throws(BusError) {
      try chips[address >> 1]?.write(written, now: state.clock)
    } catch {
      // A chip that refuses the last byte: nobody asks for its acknowledge any more.
    }
  }

  /// True when it is acknowledged.
  private func out(_ byte: UInt8, ahead: Int) -> Bool {
    if state.isSDAHeld { return true }
    guard state.bus.isStarted else { return false }
    // The START byte of a check is no byte of a transfer.
    if state.bus.address == nil, byte == 0x01 { return false }
    defer { state.outByteCount += 1 }
    if state.refusedByte == state.outByteCount { return false }
    guard let address = state.bus.address else {
      state.bus.address = byte
      do throws(BusError) {
        guard let chip = chips[byte >> 1] else { return false }
        if byte & 1 == 0 {
          try chip.write([], now: state.clock)
        } else {
          state.bus.readable = try chip.read(count: ahead, now: state.clock)
        }
        return true
      } catch { return false }
    }
    guard address & 1 == 0, chips[address >> 1] != nil else { return false }
    state.bus.written.append(byte)
    return true
  }

  private func readByte(ahead: Int) -> UInt8 {
    if state.isSDAHeld {
      if state.letsGoAfterClocks { state.isSDAHeld = false }
      return 0
    }
    guard let address = state.bus.address, address & 1 == 1, let chip = chips[address >> 1] else {
      return 0xff
    }
    if state.bus.readable.isEmpty {
      do throws(BusError) {
        state.bus.readable = try chip.read(count: ahead, now: state.clock)
      } catch { return 0xff }
    }
    return state.bus.readable.isEmpty ? 0xff : state.bus.readable.removeFirst()
  }

  /// A chip that answers each byte with the one before it.
  private func spi(_ byte: UInt8) -> UInt8 {
    for pin: UInt8 in 0..<3
    where state.directions & (1 << pin) != 0 && state.levels & (1 << pin) == 0 {
      state.spiSelects.insert(pin)
    }
    // Mode 0: the clock rests low, or a chip takes an edge more.
    if state.directions & 0x08 == 0 || state.levels & 0x08 != 0 {
      state.violations.append("a byte on SPI whose clock does not rest low")
    }
    state.spiBytes.append(byte)
    defer { state.lastSPIByte = byte }
    if !state.spiAnswer.isEmpty { return state.spiAnswer.removeFirst() }
    return state.lastSPIByte
  }

  private func pins(_ stream: ArraySlice<UInt8>) {
    var isEnded = false
    for command in stream {
      if isEnded { state.violations.append("bytes after the end of the pins") }
      switch command {
      case 0x80...0xbf: state.levels = command & 0x3f
      case 0x40...0x7f: state.directions = command & 0x3f
      case 0x20: isEnded = true
      default: state.violations.append("pin command \(command)")
      }
    }
    if !isEnded { state.violations.append("no end of the pins") }
  }

  private func reversed(_ byte: UInt8) -> UInt8 {
    UInt8(String(String(byte + 0, radix: 2).leftPadded.reversed()), radix: 2) ?? 0
  }
}

extension String {
  fileprivate var leftPadded: String { String(repeating: "0", count: max(0, 8 - count)) + self }
}
