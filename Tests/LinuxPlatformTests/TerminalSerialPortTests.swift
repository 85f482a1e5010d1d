import Buses
import CLinux
import Foundation
import LinuxPlatform
import Testing

/// Both ends of a line: the master stands for the device.
private struct PseudoTerminal: ~Copyable {
  let master: FileDescriptor
  let path: FixedPath

  init() throws {
    var name = [UInt8](repeating: 0, count: 64)
    let number = name.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.map { cairn_terminal_new_pair($0, 64) } ?? -EINVAL
    }
    try #require(number >= 0)
    master = FileDescriptor(owning: number)
    path = fixedPath(String(decoding: name.prefix { $0 != 0 }, as: UTF8.self))
  }

  func send(_ bytes: [UInt8]) {
    let count = bytes.withUnsafeBufferPointer { write(master.number, $0.baseAddress, $0.count) }
    #expect(count == bytes.count)
  }

  /// What the port has sent, of exactly so many bytes.
  func receive(_ count: Int) -> [UInt8] {
    var received: [UInt8] = []
    while received.count < count {
      var poll = pollfd(fd: master.number, events: Int16(POLLIN), revents: 0)
      guard Foundation.poll(&poll, 1, 5000) == 1 else { break }
      var byte: UInt8 = 0
      guard read(master.number, &byte, 1) == 1 else { break }
      received.append(byte)
    }
    return received
  }
}

/// Reads until so many bytes have come, or the line is quiet for 5 s.
private func receive(_ port: inout TerminalSerialPort, _ count: Int) throws -> [UInt8] {
  var received: [UInt8] = []
  while received.count < count {
    var poller = Poller()
    _ = poller.watch(port.pollDescriptor)
    guard try poller.wait(milliseconds: 5000) > 0 else { break }
    var bytes = [UInt8](repeating: 0, count: 100)
    var span = bytes.mutableSpan
    let read = try port.read(into: &span)
    received += bytes.prefix(read)
  }
  return received
}

private func failure(_ port: inout TerminalSerialPort) -> BusError? {
  var bytes: [UInt8] = [0]
  do throws(BusError) {
    var span = bytes.mutableSpan
    _ = try port.read(into: &span)
  } catch {
    return error
  }
  return nil
}

@Test(arguments: [
  TerminalSerialPort.BaudRate.baud4800, .baud9600, .baud19200, .baud38400, .baud57600,
  .baud115200, .baud230400, .baud460800, .baud921600,
])
func everyByteGoesThroughUnchangedAtEverySpeed(baudRate: TerminalSerialPort.BaudRate) throws {
  let line = try PseudoTerminal()
  var port = try TerminalSerialPort(path: line.path, baudRate: baudRate)
  let all = (0...255).map { UInt8($0) }
  line.send(all)
  #expect(try receive(&port, 256) == all)
  try port.write(all.span)
  let echoed = line.receive(256)
  #expect(echoed == all)
}

@Test func aQuietLineHasNothingToRead() throws {
  let line = try PseudoTerminal()
  var port = try TerminalSerialPort(path: line.path, baudRate: .baud9600)
  var bytes: [UInt8] = [7]
  var span = bytes.mutableSpan
  let count = try port.read(into: &span)
  #expect(count == 0 && bytes == [7])
  #expect(line.master.number >= 0)
}

@Test func whatCameBeforeOpeningIsThrownAway() throws {
  let line = try PseudoTerminal()
  do { _ = try TerminalSerialPort(path: line.path, baudRate: .baud9600) }
  line.send(Array("stale\n".utf8))
  var port = try TerminalSerialPort(path: line.path, baudRate: .baud9600)
  line.send(Array("fresh".utf8))
  #expect(try receive(&port, 5) == Array("fresh".utf8))
}

@Test func anUnpluggedLineIsDisconnected() throws {
  let line = try PseudoTerminal()
  var port = try TerminalSerialPort(path: line.path, baudRate: .baud9600)
  let before = failure(&port)
  #expect(before == nil)
  try unplug(line)
  let after = failure(&port)
  #expect(after == .disconnected)
  #expect(throws: BusError.disconnected) { try port.write([1].span) }
}

private func unplug(_ line: consuming PseudoTerminal) throws {}

@Test func aLineHasOneOwner() throws {
  let line = try PseudoTerminal()
  do {
    let port = try TerminalSerialPort(path: line.path, baudRate: .baud9600)
    #expect(throws: BusError.system(errno: EBUSY)) {
      _ = try TerminalSerialPort(path: line.path, baudRate: .baud9600)
    }
    #expect(port.pollDescriptor >= 0)
  }
  _ = try TerminalSerialPort(path: line.path, baudRate: .baud9600)
}

@Test func aDeviceThatTakesNothingEndsAWrite() throws {
  let line = try PseudoTerminal()
  var port = try TerminalSerialPort(
    path: line.path, baudRate: .baud921600, writeMarginMilliseconds: 20)
  let large = [UInt8](repeating: 0x55, count: 30_000)
  #expect(throws: BusError.timedOut) { try port.write(large.span) }
  #expect(line.master.number >= 0)
}

@Test func openingNamesWhatIsNotALine() throws {
  #expect(throws: BusError.disconnected) {
    _ = try TerminalSerialPort(path: FixedPath("/dev/ttyNone"), baudRate: .baud9600)
  }
  #expect(throws: BusError.system(errno: ENOTTY)) {
    _ = try TerminalSerialPort(path: FixedPath("/dev/null"), baudRate: .baud9600)
  }
}

@Test func aPseudoTerminalIsTold() throws {
  let line = try PseudoTerminal()
  let port = try TerminalSerialPort(path: line.path, baudRate: .baud9600)
  let isPseudoTerminal = port.isPseudoTerminal
  #expect(isPseudoTerminal)
}
