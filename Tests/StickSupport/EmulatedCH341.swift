import Buses
import FixedMemory
import Simulation
import USBBridges

/// The bench as a transport.
public struct EmulatedCH341: USBTransport {
  public let bench: StickBench

  public init(bench: StickBench) { self.bench = bench }

  public func open() throws(USBFailure) { try bench.open() }
  public func close() { bench.close() }
  public func send(_ bytes: Span<UInt8>, timeoutMilliseconds: UInt32) throws(USBFailure) {
    try bench.send(bytes.indices.map { bytes[$0] })
  }
  public func receive(into bytes: inout MutableSpan<UInt8>, timeoutMilliseconds: UInt32)
    throws(USBFailure) -> Int
  {
    let packet = try bench.receive()
    for index in 0..<min(packet.count, bytes.count) { bytes[index] = packet[index] }
    return packet.count
  }
  public func clearStall() throws(USBFailure) { try bench.clearStall() }
  public func reset() throws(USBFailure) { try bench.reset() }
  public func hasChanged() -> Bool { bench.takeChange() }
  public var place: FixedText<160> { FixedText("1a86:5512 at port 1-1.2, 12 Mbit/s") }
  public var kernelDriver: FixedText<32> { FixedText("spi-ch341") }
}

/// A chip that keeps what is written, and gives bytes that count on from one transfer to the next.
public final class CountingChip: ChipModel {
  public let name = "counting"
  public let serialNumber = ""
  public let hasChecksums = false
  public var fault = ChipFault.none
  public var writes: [[UInt8]] = []
  public var next: UInt8 = 0

  public init() {}

  public func write(_ bytes: [UInt8], now: Int64) throws(BusError) {
    if !bytes.isEmpty { writes.append(bytes) }
  }

  public func read(count: Int, now: Int64) throws(BusError) -> [UInt8] {
    (0..<count).map { _ in
      defer { next &+= 1 }
      return next
    }
  }

  public func powerCycle(now: Int64) {}
}
