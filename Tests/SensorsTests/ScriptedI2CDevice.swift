import Buses
import Records
import Sensors

/// One transfer as it was seen on the bus. Reads answer in order; what is written is compared by
/// tests.
enum Transfer: Equatable {
  case write([UInt8])
  case read([UInt8])
  case writeRead([UInt8], [UInt8])
}

/// What a scripted device has seen and is to say next, shared with the test that owns the driver.
final class Script {
  /// Replies to reads in their order.
  var replies: [[UInt8]] = []
  /// Everything that was transferred, failures aside.
  var trace: [Transfer] = []
  /// Fails the transfer with this index, counted from 0 over all transfers.
  var failure: (index: Int, error: BusError)?
  var transferCount = 0
  var sleptMilliseconds: [UInt32] = []

  init(_ replies: [[UInt8]] = []) { self.replies = replies }

  func step() throws(BusError) {
    defer { transferCount += 1 }
    if let failure, failure.index == transferCount { throw failure.error }
  }

  func reply(count: Int) throws(BusError) -> [UInt8] {
    // A test whose script is too short sees a silent chip.
    guard !replies.isEmpty, replies[0].count == count else { throw .notAcknowledged }
    return replies.removeFirst()
  }
}

struct ScriptedI2CDevice: I2CDevice, ~Copyable {
  let script: Script

  mutating func write(_ bytes: Span<UInt8>) throws(BusError) {
    try script.step()
    script.trace.append(.write(array(bytes)))
  }

  mutating func read(into bytes: inout MutableSpan<UInt8>) throws(BusError) {
    try script.step()
    let reply = try script.reply(count: bytes.count)
    for index in bytes.indices { bytes[index] = reply[index] }
    script.trace.append(.read(reply))
  }

  mutating func writeRead(_ bytes: Span<UInt8>, into reply: inout MutableSpan<UInt8>)
    throws(BusError)
  {
    try script.step()
    let answer = try script.reply(count: reply.count)
    for index in reply.indices { reply[index] = answer[index] }
    script.trace.append(.writeRead(array(bytes), answer))
  }
}

struct RecordedDelay: Delay {
  let script: Script
  func sleep(milliseconds: UInt32) { script.sleptMilliseconds.append(milliseconds) }
}

func array(_ span: Span<UInt8>) -> [UInt8] { span.indices.map { span[$0] } }

func array(_ values: ReadingValues) -> [Int64?] { values.indices.map { values[$0] } }

/// The error that a piece of work throws, or nil.
func failure(_ work: () throws(SensorFailure) -> Void) -> SensorFailure? {
  do throws(SensorFailure) {
    try work()
    return nil
  } catch {
    return error
  }
}

/// A word with its checksum, computed from a table: another way than the driver's shifts.
func checked(_ word: UInt16) -> [UInt8] {
  let bytes = [UInt8(word >> 8), UInt8(word & 0xff)]
  return bytes + [tableCRC8(bytes)]
}

/// CRC-8, polynomial 0x31, initial value 0xff, by a table of 256 remainders.
func tableCRC8(_ bytes: [UInt8]) -> UInt8 {
  bytes.reduce(UInt8(0xff)) { crc, byte in crc8Table[Int(crc ^ byte)] }
}

private let crc8Table: [UInt8] = (0...255).map { start in
  var crc = UInt8(start)
  for _ in 0..<8 {
    let carry: UInt8 = crc & 0x80 == 0 ? 0 : 0x31
    crc = (crc << 1) ^ carry
  }
  return crc
}

let everyBusError: [BusError] = [
  .notAcknowledged, .timedOut, .arbitrationLost, .disconnected, .system(errno: 5),
]
