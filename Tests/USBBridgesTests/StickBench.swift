import Buses
import FixedMemory
import Foundation
import Simulation
import USBBridges

/// What goes wrong at one transfer.
enum StickFault: CaseIterable, Sendable {
  case timeout, stall, shortPacket, longPacket, garbage, overflow, disconnect
}

/// An emulated CH341 with chips behind it, at the level of its packets: bulk endpoints 0x02 and 0x82, 32 bytes each.
/// Written from the facts of docs/usb.md; shares no code with the bridge. Threads may share it.
final class StickBench: @unchecked Sendable {
  private let lock = NSLock()
  private var chips: [UInt8: any ChipModel] = [:]

  private var state = State()

  struct State {
    var clock: Int64 = 1_000_000
    var isPlugged = true
    var isBusy = false
    var isDenied = false
    var isHung = false
    /// A reset makes it come up as another device.
    var resetMovesIt = false
    var isSDAHeld = false
    /// SDA is let go by nine clocks of a read.
    var letsGoAfterClocks = true
    /// The byte, counted from 0 over everything that goes out, that nobody acknowledges.
    var refusedByte: Int?
    /// The transfer, counted from 0 over both endpoints, at which something goes wrong.
    var fault: (transfer: Int, kind: StickFault)?
    var hasFaulted = false

    var transferCount = 0
    var outByteCount = 0
    var openCount = 0
    var resetCount = 0
    var isOpen = false
    var hasChanged = false
    var replies: [[UInt8]] = []
    /// What the chip would not understand.
    var violations: [String] = []
    var bus = I2CState()
    var directions: UInt8 = 0
    var levels: UInt8 = 0
    /// D0 to D15 from outside.
    var inputs: UInt16 = 0
    /// Bytes that a chip on SPI saw, and which selects were low meanwhile.
    var spiBytes: [UInt8] = []
    var spiSelects: Set<UInt8> = []
    var lastSPIByte: UInt8 = 0xa5
    /// What a chip answers to the bytes that come next, in place of the ones before them.
    var spiAnswer: [UInt8] = []
    var speeds: [UInt8] = []
  }

  struct I2CState {
    var isStarted = false
    var address: UInt8?
    var written: [UInt8] = []
    var readable: [UInt8] = []
  }

  func attach(_ chip: any ChipModel, at address: UInt8) { lock.withLock { chips[address] = chip } }

  func change(_ body: (inout State) -> Void) { lock.withLock { body(&state) } }

  func look<Value>(_ body: (State) -> Value) -> Value { lock.withLock { body(state) } }

  func plug(_ isPlugged: Bool) {
    lock.withLock {
      state.isPlugged = isPlugged
      state.isHung = false
      state.hasChanged = true
      state.directions = 0
    }
  }

  // MARK: - the contract

  fileprivate func open() throws(USBFailure) {
    lock.lock()
    defer { lock.unlock() }
    guard state.isPlugged else { throw .absent }
    if state.isBusy { throw .busy }
    if state.isDenied { throw .denied }
    state.openCount += 1
    state.isOpen = true
  }

  fileprivate func close() { lock.withLock { state.isOpen = false } }

  fileprivate func send(_ packet: [UInt8]) throws(USBFailure) {
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

  fileprivate func receive() throws(USBFailure) -> [UInt8] {
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

  fileprivate func clearStall() throws(USBFailure) {
    lock.lock()
    defer { lock.unlock() }
    guard state.isPlugged else { throw .disconnected }
  }

  fileprivate func reset() throws(USBFailure) {
    lock.lock()
    defer { lock.unlock() }
    guard state.isPlugged else { throw .disconnected }
    state.resetCount += 1
    state.isHung = false
    state.replies = []
    state.bus = I2CState()
    state.directions = 0
    if state.resetMovesIt { throw .disconnected }
  }

  fileprivate func takeChange() -> Bool {
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
    case 0xa8: for byte in packet.dropFirst() { reply.append(reversed(spi(reversed(byte)))) }
    case 0xab: pins(packet.dropFirst())
    case 0xa0:
      let d = UInt8(truncatingIfNeeded: state.inputs)
      let driven = d & ~state.directions | state.levels & state.directions
      reply = [driven, UInt8(truncatingIfNeeded: state.inputs >> 8), 0x80, 0, 0, 0]
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

/// The bench as a transport.
struct EmulatedCH341: USBTransport {
  let bench: StickBench

  func open() throws(USBFailure) { try bench.open() }
  func close() { bench.close() }
  func send(_ bytes: Span<UInt8>, timeoutMilliseconds: UInt32) throws(USBFailure) {
    try bench.send(bytes.indices.map { bytes[$0] })
  }
  func receive(into bytes: inout MutableSpan<UInt8>, timeoutMilliseconds: UInt32)
    throws(USBFailure) -> Int
  {
    let packet = try bench.receive()
    for index in 0..<min(packet.count, bytes.count) { bytes[index] = packet[index] }
    return packet.count
  }
  func clearStall() throws(USBFailure) { try bench.clearStall() }
  func reset() throws(USBFailure) { try bench.reset() }
  func hasChanged() -> Bool { bench.takeChange() }
  var place: FixedText<160> { FixedText("1a86:5512 at port 1-1.2, 12 Mbit/s") }
  var kernelDriver: FixedText<32> { FixedText("spi-ch341") }
}

/// A chip that keeps what is written, and gives bytes that count on from one transfer to the next.
final class CountingChip: ChipModel {
  let name = "counting"
  let serialNumber = ""
  let hasChecksums = false
  var fault = ChipFault.none
  var writes: [[UInt8]] = []
  var next: UInt8 = 0

  func write(_ bytes: [UInt8], now: Int64) throws(BusError) {
    if !bytes.isEmpty { writes.append(bytes) }
  }

  func read(count: Int, now: Int64) throws(BusError) -> [UInt8] {
    (0..<count).map { _ in
      defer { next &+= 1 }
      return next
    }
  }

  func powerCycle(now: Int64) {}
}
