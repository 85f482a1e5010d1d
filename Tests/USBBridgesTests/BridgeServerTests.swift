import Buses
import FixedMemory
import Foundation
import Sensors
import Simulation
import StickSupport
import Testing
import USBBridges

@testable import LinuxPlatform

private func read(_ device: inout USBBridgeI2CDevice, _ written: [UInt8], _ count: Int)
  throws(BusError) -> [UInt8]
{
  var bytes = [UInt8](repeating: 0xee, count: count)
  var span = bytes.mutableSpan
  try device.writeRead(written.span, into: &span)
  return bytes
}

private func error(_ device: inout USBBridgeI2CDevice) -> BusError? {
  do throws(BusError) { _ = try read(&device, [1], 2) } catch { return error }
  return nil
}

/// Long enough for a machine with much else to do.
private func bridge(_ path: FixedPath) -> USBBridge {
  USBBridge(path: path, timeoutMilliseconds: 60_000, marginMilliseconds: 60_000)
}

/// Turns the clock of the models.
private struct BenchDelay: Delay {
  let bench: StickBench
  func sleep(milliseconds: UInt32) { bench.change { $0.clock += Int64(milliseconds) } }
}

@Suite struct BridgeServerTests {
  /// Driver, agent's device, socket, server, commands, packets, model.
  @Test func aDriverReadsAModelThroughTheWholeChain() throws {
    let bench = StickBench()
    let conditions = Conditions(
      temperatureMillidegreesCelsius: 21_500, relativeHumidityMillipercent: 45_000,
      pressurePascals: 101_325, carbonDioxidePPM: 420)
    bench.attach(
      SHT3xModel(surroundings: ConstantSurroundings(conditions), seed: 5, now: 0), at: 0x44)
    let running = try RunningBridge(bench)
    defer { running.end() }
    let device = AnyI2CDevice.usbBridge(bridge(running.path).device(at: 0x44))
    let isSimulated = device.isSimulated
    #expect(!isSimulated)
    var sensor = MonitoredSensor(.sht3x, device: device)
    var delay = BenchDelay(bench: bench)
    for _ in 0..<50 {
      let values = try sensor.measure(delay: &delay).values
      let temperature = try #require(values[0])
      let humidity = try #require(values[1])
      #expect(abs(temperature - 21_500) < 500)
      #expect(abs(humidity - 45_000) < 3_000)
      delay.sleep(milliseconds: 5_000)
    }
    #expect(bench.look { $0.violations } == [])
  }

  @Test func anAbsentStickIsADisconnectedBusUntilItIsPluggedIn() throws {
    let bench = StickBench()
    bench.attach(CountingChip(), at: 0x50)
    bench.plug(false)
    let running = try RunningBridge(bench)
    defer { running.end() }
    var device = bridge(running.path).device(at: 0x50)
    #expect(error(&device) == .disconnected)
    #expect(running.waits { running.reason == .failing(.absent) })
    bench.plug(true)
    #expect(running.waits { error(&device) == nil })
    bench.plug(false)
    #expect(running.waits { error(&device) == .disconnected })
    bench.plug(true)
    #expect(running.waits { error(&device) == nil })
    #expect(running.waits { running.reason == .working })
  }

  @Test func aStickThatIsTakenOrForbiddenIsToldWithItsReason() throws {
    let bench = StickBench()
    bench.change { $0.isBusy = true }
    let running = try RunningBridge(bench)
    defer { running.end() }
    #expect(running.waits { running.reason == .failing(.busy) })
    bench.change { ($0.isBusy, $0.isDenied) = (false, true) }
    #expect(running.waits { running.reason == .failing(.denied) })
    bench.change { $0.isDenied = false }
    #expect(running.waits { running.reason == .working })
  }

  @Test(arguments: [false, true])
  func aHungStickIsResetAndThenReads(comesUpAsAnother: Bool) throws {
    let bench = StickBench()
    bench.attach(CountingChip(), at: 0x50)
    bench.change { $0.resetMovesIt = comesUpAsAnother }
    let running = try RunningBridge(bench)
    defer { running.end() }
    var device = bridge(running.path).device(at: 0x50)
    #expect(running.waits { error(&device) == nil })
    bench.change { $0.isHung = true }
    #expect(running.waits { bench.look { $0.resetCount } > 0 || error(&device) == nil })
    #expect(running.waits { error(&device) == nil })
    #expect(bench.look { $0.resetCount } == 1)
    #expect(bench.look { $0.violations } == [])
  }

  /// Nobody asks, and its end is told all the same.
  @Test func aStickThatHangsWhileNobodyAsksIsReset() throws {
    let bench = StickBench()
    let running = try RunningBridge(bench)
    defer { running.end() }
    #expect(running.waits { running.reason == .working })
    bench.change { $0.isHung = true }
    #expect(running.waits { bench.look { $0.resetCount } > 0 })
  }

  @Test func aStickThatHangsWhenItIsPluggedInIsResetToo() throws {
    let bench = StickBench()
    bench.attach(CountingChip(), at: 0x50)
    bench.change { $0.isHung = true }
    let running = try RunningBridge(bench)
    defer { running.end() }
    var device = bridge(running.path).device(at: 0x50)
    #expect(running.waits { error(&device) == nil })
    let resetCount = bench.look { $0.resetCount }
    #expect(resetCount == 1)
  }

  /// What somebody of another user hears at the socket: how many bytes.
  private func heard(by user: UInt32, at path: String) throws -> String {
    let script = """
      import socket, sys
      bridge = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
      bridge.settimeout(60)
      bridge.connect(sys.argv[1])
      try:
          bridge.send(bytes(1))
          print(len(bridge.recv(100)) > 0)
      except OSError:
          print(False)
      """
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/setpriv")
    process.arguments = [
      "--reuid=\(user)", "--regid=\(user)", "--clear-groups", "/usr/bin/python3", "-c", script,
      path,
    ]
    process.standardOutput = output
    try process.run()
    process.waitUntilExit()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    return String(decoding: data, as: UTF8.self)
  }

  @Test(.enabled(if: geteuid() == 0, "only root can be somebody else"))
  func whoeverIsNotTheAgentIsShownOutUnheard() throws {
    let running = try RunningBridge(StickBench(), askingUser: 61_234)
    defer { running.end() }
    let path = running.path.span.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    #expect(chmod(path, 0o666) == 0)
    #expect(try heard(by: 61_235, at: path) == "False\n")
    #expect(try heard(by: 61_234, at: path) == "True\n")
  }

  @Test func anotherUsersSocketIsNotUsed() throws {
    let bench = StickBench()
    bench.attach(CountingChip(), at: 0x50)
    let running = try RunningBridge(bench)
    defer { running.end() }
    let stranger = BusServers(named: nil, own: effectiveUserID &+ 1)
    var device = USBBridge(
      path: running.path, timeoutMilliseconds: 1000, marginMilliseconds: 60_000,
      servers: stranger
    ).device(at: 0x50)
    #expect(error(&device) == .system(errno: 13))
    let known = BusServers(named: effectiveUserID, own: effectiveUserID &+ 1)
    var other = USBBridge(
      path: running.path, timeoutMilliseconds: 60_000, marginMilliseconds: 60_000, servers: known
    ).device(at: 0x50)
    #expect(running.waits { error(&other) == nil })
  }

  @Test func spiAndPinsGoThroughTheSocket() throws {
    let bench = StickBench()
    bench.change { $0.inputs = 0x0410 }
    let running = try RunningBridge(bench)
    defer { running.end() }
    #expect(running.waits { running.reason == .working })
    var device = bridge(running.path).spiDevice(select: 0)
    var bytes = (0..<200).map { UInt8($0) }
    var span = bytes.mutableSpan
    try device.transfer(&span)
    #expect(bytes == [0xa5] + (0..<199).map { UInt8($0) })
    #expect(try device.pins() & 0x0410 == 0x0410)
    #expect(try device.pins(changed: 4, outputs: 4, levels: 0) & 4 == 0)
    #expect(throws: BusError.system(errno: 22)) { try device.pins(changed: 8) }
  }

  @Test func whatIsNoRequestIsAnsweredAndWhatIsNoPacketEndsTheConnection() throws {
    let bench = StickBench()
    let running = try RunningBridge(bench)
    defer { running.end() }
    #expect(running.waits { running.reason == .working })
    let requests: [[UInt8]] = [
      [0xff], [0x80], [0x84, 0x00, 0x40, 0x00, 0x00], [0x84, 0x18, 0x78, 0x40, 0x00, 0x00],
      [0x82, 0x00, 0x40, 0x00], [0x83, 0x00, 0x00, 0x41], [0x85, 0, 0, 0, 0, 0],
      [0x82, 0x19, 0x01, 0x00, 0x40], [0x82, 0x03, 0x41, 0x00],
    ]
    let connection = try UnixConnection(connectingTo: running.path)
    for request in requests {
      var reply = [UInt8](repeating: 0, count: 4096)
      try connection.send(request.span, timeoutMilliseconds: 60_000)
      var span = reply.mutableSpan
      let count = try connection.receive(into: &span, timeoutMilliseconds: 60_000)
      #expect(Array(reply.prefix(count)) == [0x82, 0x16, 0x40], "\(request)")
    }
    let tooLong = [UInt8](repeating: 0, count: 5000)
    try connection.send(tooLong.span, timeoutMilliseconds: 60_000)
    var nothing = [UInt8](repeating: 0, count: 16)
    var span = nothing.mutableSpan
    do throws(SocketFailure) {
      _ = try connection.receive(into: &span, timeoutMilliseconds: 60_000)
      Issue.record("answered")
    } catch {
      #expect(error == .closed)
    }
  }
}
