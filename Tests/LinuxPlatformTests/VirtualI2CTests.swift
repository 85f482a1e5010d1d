import Buses
import CBOR
import CLinux
import Foundation
import LinuxPlatform
import Testing

/// What a simulator of these tests does with a request.
private enum Answer: Sendable {
  case reply(status: UInt64, [UInt8])
  case raw([UInt8])
  /// Nothing: the request stays unanswered.
  case silence
  /// The simulator ends the connection.
  case hangUp
}

private struct Request: Equatable, Sendable {
  let address: UInt64
  let written: [UInt8]
  let readCount: UInt64
  let timeoutMilliseconds: UInt64

  init(_ bytes: [UInt8]) throws {
    var decoder = CBORDecoder(bytes.span)
    guard try decoder.arrayHead() == 4 else { throw CBORDecoder.Failure.unexpectedType }
    address = try decoder.unsigned()
    let span = try decoder.byteString()
    written = span.indices.map { span[$0] }
    readCount = try decoder.unsigned()
    timeoutMilliseconds = try decoder.unsigned()
    try decoder.finish()
  }

  init(_ address: UInt64, _ written: [UInt8], _ readCount: UInt64, _ timeout: UInt64 = 100) {
    (self.address, self.written) = (address, written)
    (self.readCount, timeoutMilliseconds) = (readCount, timeout)
  }
}

/// Answers one request after the other, over as many connections as are made.
private final class Simulator: @unchecked Sendable {
  private let lock = NSLock()
  private let finished = DispatchSemaphore(value: 0)
  private var received: [Request] = []
  private var connectionCount = 0

  /// Listens when this returns; ends when all answers are used up.
  init(at path: FixedPath, _ answers: [Answer]) throws {
    let ready = DispatchSemaphore(value: 0)
    Thread {
      do {
        let listener = try UnixListener(at: path, mode: 0o600)
        ready.signal()
        try self.serve(listener, answers)
      } catch {
        Issue.record(error)
        ready.signal()
      }
      self.finished.signal()
    }.start()
    ready.wait()
  }

  /// All that was asked and how many connections were made, after the last answer.
  func end() -> (requests: [Request], connectionCount: Int) {
    finished.wait()
    return lock.withLock { (received, connectionCount) }
  }

  private func serve(_ listener: borrowing UnixListener, _ answers: [Answer]) throws {
    var rest = answers[...]
    while !rest.isEmpty {
      var poller = Poller()
      _ = poller.watch(listener.pollDescriptor)
      _ = try poller.wait(milliseconds: 10_000)
      guard let connection = try listener.accept() else { continue }
      lock.withLock { connectionCount += 1 }
      while let first = rest.first {
        guard let request = try nextRequest(connection) else { break }
        lock.withLock { received.append(request) }
        rest.removeFirst()
        guard try answer(connection, first) else { break }
      }
    }
  }

  /// Nil when the connection has ended.
  private func nextRequest(_ connection: borrowing UnixConnection) throws -> Request? {
    var packet = [UInt8](repeating: 0, count: 4096)
    let count: Int
    do throws(SocketFailure) {
      var span = packet.mutableSpan
      count = try connection.receive(into: &span, timeoutMilliseconds: 10_000)
    } catch {
      guard error == .closed else { throw error }
      return nil
    }
    return try Request(Array(packet.prefix(count)))
  }

  /// Returns false when the connection has ended.
  private func answer(_ connection: borrowing UnixConnection, _ answer: Answer) throws -> Bool {
    switch answer {
    case .reply(let status, let bytes):
      try connection.send(encoded(status, bytes).span, timeoutMilliseconds: 1000)
    case .raw(let bytes): try connection.send(bytes.span, timeoutMilliseconds: 1000)
    case .silence:
      // Until the other side has given up.
      return try nextRequest(connection) != nil
    case .hangUp: return false
    }
    return true
  }
}

private func encoded(_ status: UInt64, _ bytes: [UInt8]) -> [UInt8] {
  var packet = [UInt8](repeating: 0, count: 8192)
  var encoder = CBOREncoder(packet.mutableSpan)
  encoder.arrayHead(count: 2)
  encoder.unsigned(status)
  encoder.byteString(bytes.span)
  let count = encoder.byteCount
  return Array(packet.prefix(count))
}

private func write(_ device: inout VirtualI2CDevice, _ bytes: [UInt8]) throws(BusError) {
  try device.write(bytes.span)
}

private func read(_ device: inout VirtualI2CDevice, _ count: Int) throws(BusError) -> [UInt8] {
  var bytes = [UInt8](repeating: 0xee, count: count)
  var span = bytes.mutableSpan
  try device.read(into: &span)
  return bytes
}

/// The error of a read of `count` bytes; nil when it succeeded.
private func failure(_ device: inout VirtualI2CDevice, _ count: Int = 2) -> BusError? {
  do throws(BusError) { _ = try read(&device, count) } catch { return error }
  return nil
}

@Test func transfersAreAskedForAsSpecified() throws {
  let folder = try TemporaryFolder()
  let simulator = try Simulator(
    at: folder.path("bus"),
    [.reply(status: 0, []), .reply(status: 0, [7, 8]), .reply(status: 0, [9])])
  var device = VirtualBus(path: folder.path("bus")).device(at: 0x44)
  try write(&device, [0x24, 0x00])
  #expect(try read(&device, 2) == [7, 8])
  var reply = [UInt8](repeating: 0, count: 1)
  var span = reply.mutableSpan
  try device.writeRead([0xd0].span, into: &span)
  #expect(reply == [9])
  let (requests, connectionCount) = simulator.end()
  #expect(
    requests == [Request(0x44, [0x24, 0], 0), Request(0x44, [], 2), Request(0x44, [0xd0], 1)])
  #expect(connectionCount == 1)
}

@Test func everyStatusIsItsErrorAndTheConnectionStays() throws {
  let folder = try TemporaryFolder()
  let statuses: [(UInt64, BusError)] = [
    (1, .notAcknowledged), (2, .timedOut), (3, .arbitrationLost), (5, .system(errno: 5)),
    (0x7fff_ffff, .system(errno: .max)),
  ]
  let simulator = try Simulator(
    at: folder.path("bus"), statuses.map { .reply(status: $0.0, []) } + [.reply(status: 0, [1, 2])])
  var device = VirtualBus(path: folder.path("bus")).device(at: 0x62)
  for (_, error) in statuses {
    let failure = failure(&device)
    #expect(failure == error)
  }
  let last = failure(&device)
  #expect(last == nil)
  #expect(simulator.end().connectionCount == 1)
}

@Test func aReplyThatIsNotAsSpecifiedIsNeverAReading() throws {
  let folder = try TemporaryFolder()
  let replies: [[UInt8]] = [
    [0], [0xff], [0x82, 0], [0x82, 0x00, 0x42, 1], [0x83, 0x00, 0x42, 1, 2, 0], [0x81, 0x00],
    // Too few and too many bytes, none, text, trailing bytes, status as text, negative and too large.
    encoded(0, [1]), encoded(0, [1, 2, 3]), encoded(0, []), [0x82, 0x00, 0x62, 0x31, 0x32],
    encoded(0, [1, 2]) + [0], [0x82, 0x61, 0x30, 0x42, 1, 2], [0x82, 0x20, 0x42, 1, 2],
    encoded(0x8000_0000, []),
    // Bytes with an error, a length that is not the shortest, more than a packet holds.
    encoded(1, [1, 2]), [0x82, 0x18, 0x00, 0x42, 1, 2], [0x82, 0x00, 0x58, 0x02, 1, 2],
    encoded(0, [UInt8](repeating: 1, count: 5000)), [UInt8](repeating: 0x82, count: 4097),
  ]
  let simulator = try Simulator(
    at: folder.path("bus"), replies.map { .raw($0) } + [.reply(status: 0, [1, 2])])
  var device = VirtualBus(path: folder.path("bus")).device(at: 0x62)
  for reply in replies {
    let failure = failure(&device)
    #expect(failure == .system(errno: EBADMSG), "\(reply.prefix(8))")
  }
  let last = failure(&device)
  #expect(last == nil)
  #expect(simulator.end().requests.count == replies.count + 1)
}

@Test func aSimulatorThatDiesInTheMiddleOfARequestIsADisconnection() throws {
  let folder = try TemporaryFolder()
  var device = VirtualBus(path: folder.path("bus")).device(at: 0x44)
  let before = failure(&device)
  #expect(before == .disconnected)
  for _ in 0..<2 {
    // The next transfer connects anew, to the next simulator.
    let simulator = try Simulator(at: folder.path("bus"), [.reply(status: 0, [1, 2]), .hangUp])
    #expect(try read(&device, 2) == [1, 2])
    let during = failure(&device)
    #expect(during == .disconnected)
    _ = simulator.end()
    let after = failure(&device)
    #expect(after == .disconnected)
  }
}

/// The late reply to the first request must not answer the second.
@Test func aReplyThatDoesNotComeIsATimeOutAndNoLaterReply() throws {
  let folder = try TemporaryFolder()
  let simulator = try Simulator(
    at: folder.path("bus"), [.silence, .reply(status: 0, [3, 4])])
  var device = VirtualBus(
    path: folder.path("bus"), timeoutMilliseconds: 1, marginMilliseconds: 20
  ).device(at: 0x44)
  let first = failure(&device)
  #expect(first == .timedOut)
  var patient = VirtualBus(path: folder.path("bus"), timeoutMilliseconds: 1).device(at: 0x44)
  #expect(try read(&patient, 2) == [3, 4])
  #expect(simulator.end().connectionCount == 2)
}

@Test func aTransferThatNoPacketHoldsIsRefused() throws {
  var device = VirtualBus(path: FixedPath("/nonexistent")).device(at: 0x44)
  for count in [4001, 100_000] {
    let error = failure(&device, count)
    #expect(error == .system(errno: EMSGSIZE))
  }
  #expect(throws: BusError.system(errno: EMSGSIZE)) {
    try write(&device, [UInt8](repeating: 0, count: 4001))
  }
}

@Test func theLongestTransferFitsAPacket() throws {
  let folder = try TemporaryFolder()
  let longest = [UInt8](repeating: 5, count: BusMessage.maximumTransferByteCount)
  let simulator = try Simulator(
    at: folder.path("bus"), [.reply(status: 0, []), .reply(status: 0, longest)])
  var device = VirtualBus(path: folder.path("bus"), timeoutMilliseconds: .max).device(at: 0x77)
  try write(&device, longest)
  #expect(try read(&device, longest.count) == longest)
  _ = simulator.end()
}

@Test func aModelIsAlwaysFlagged() throws {
  let device = AnyI2CDevice.virtual(VirtualBus(path: FixedPath("/run/bus")).device(at: 0x44))
  let isSimulated = device.isSimulated
  #expect(isSimulated)
}

@Test func anyDevicePassesItsCallsOnAndStaysWhole() throws {
  let folder = try TemporaryFolder()
  let simulator = try Simulator(
    at: folder.path("bus"),
    [.reply(status: 1, []), .reply(status: 0, []), .reply(status: 0, [6]), .reply(status: 0, [7])])
  var device = AnyI2CDevice.virtual(VirtualBus(path: folder.path("bus")).device(at: 0x44))
  #expect(throws: BusError.notAcknowledged) { try device.write([1].span) }
  try device.write([2].span)
  var bytes = [UInt8](repeating: 0, count: 1)
  do {
    var span = bytes.mutableSpan
    try device.read(into: &span)
  }
  #expect(bytes == [6])
  do {
    var span = bytes.mutableSpan
    try device.writeRead([3].span, into: &span)
  }
  #expect(bytes == [7])
  #expect(simulator.end().requests.map(\.written) == [[1], [2], [], [3]])
}
