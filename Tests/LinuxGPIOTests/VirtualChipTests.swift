import Buses
import CLinux
import FixedMemory
import Foundation
import LinuxGPIO
import LinuxPlatform
import Simulation
import Testing

/// The agent's side of a virtual chip's socket against its server, which a thread of its own turns.
final class Served: @unchecked Sendable {
  let path = "/tmp/cairn-gpio-\(UInt32.random(in: 0 ... .max)).sock"
  private let lock = NSLock()
  private var isEnded = false
  private var works: [(VirtualGPIOChip) -> Void] = []
  private let done = DispatchSemaphore(value: 0)

  init(_ chip: @escaping @Sendable () -> VirtualGPIOChip) throws {
    let ready = DispatchSemaphore(value: 0)
    Thread {
      do {
        let chip = chip()
        let server = try VirtualGPIOServer(chip, at: self.path)
        ready.signal()
        while self.turn(chip) {
          server.turn()
          usleep(500)
        }
      } catch { ready.signal() }
      self.done.signal()
    }.start()
    ready.wait()
  }

  private func turn(_ chip: VirtualGPIOChip) -> Bool {
    lock.withLock {
      for work in works { work(chip) }
      works = []
      return !isEnded
    }
  }

  /// Done in the server's next turn.
  func perform(_ work: @escaping (VirtualGPIOChip) -> Void) { lock.withLock { works.append(work) } }

  /// What the chip says in the server's next turn.
  func look(_ question: @escaping (VirtualGPIOChip) -> Bool) -> Bool {
    let seen = DispatchSemaphore(value: 0)
    var answer = false
    perform { chip in
      answer = question(chip)
      seen.signal()
    }
    seen.wait()
    return answer
  }

  func end() {
    lock.withLock { isEnded = true }
    done.wait()
  }

  func kernel() throws -> AnyGPIOKernel {
    guard let fixed = FixedPath(Array(path.utf8).span) else { throw SocketFailure.pathTooLong }
    return .virtual(VirtualGPIOKernel(path: fixed))
  }
}

@Suite struct VirtualChipTests {
  func served() throws -> Served {
    try Served { VirtualGPIOChip(label: "gpio.sock", lineCount: 8) }
  }

  /// The next edge, waited for a bounded number of times.
  private func next(_ line: inout GPIOInputLine<AnyGPIOKernel>) throws -> GPIOEdge? {
    for _ in 0..<60_000 {
      if let edge = try line.next() { return edge }
      usleep(1000)
    }
    return nil
  }

  @Test func edgesComeThroughTheSocketAsFromTheKernel() throws {
    let served = try served()
    var line = try GPIOInputLine(
      try served.kernel(), at: place(5, "gpio.sock"), edges: .rising, debounceMicroseconds: 1000)
    let (isDebounced, isOn) = (line.isDebounced, line.isOnAtStart)
    #expect(isDebounced && !isOn)
    served.perform { chip in
      for index in 0..<3000 { chip.pulse(5, nanoseconds: UInt64(index)) }
    }
    var last: GPIOEdge?
    while last?.number != 3000 {
      let edge = try next(&line)
      let found: GPIOEdge = try #require(edge)
      last = found
    }
    #expect(last == GPIOEdge(isRising: true, nanoseconds: 2999, number: 3000))
    served.end()
    var found: BusError?
    do throws(BusError) { _ = try line.next() } catch { found = error }
    #expect(found == .disconnected)
  }

  /// An edge may come after the last one was taken and before the level is asked for.
  @Test(arguments: [1, 16, 17, 1024])
  func aLevelIsReadBehindEdgesThatNobodyTook(edgeCount: Int) throws {
    let served = try served()
    var line = try GPIOInputLine(
      try served.kernel(), at: place(5, "gpio.sock"), edges: .rising, debounceMicroseconds: 0)
    for isHigh in [true, false] {
      served.perform { chip in
        chip.drive(5, high: false, nanoseconds: 0)
        for index in 0..<edgeCount { chip.pulse(5, nanoseconds: UInt64(index)) }
        chip.drive(5, high: isHigh, nanoseconds: UInt64(edgeCount))
      }
      var wait = cairn_poll_entry(
        descriptor: line.pollDescriptor, wanted: Int16(CAIRN_POLL_READABLE), happened: 0)
      #expect(cairn_poll(&wait, 1, 60_000) == 1)
      let isOn = try line.isOn()
      #expect(isOn == isHigh)
    }
    line.close()
    served.end()
  }

  @Test func anOutputDrivesItsLineAndALineInUseNamesItsUser() throws {
    let served = try served()
    let wanted = place(7, "gpio.sock", isActiveLow: true)
    let kernel = try served.kernel()
    let led = try GPIOOutputLine(kernel, at: wanted)
    for isOn in [true, false] {
      try led.set(isOn)
      let seen = DispatchSemaphore(value: 0)
      served.perform { chip in
        #expect(chip.isHigh(7) == !isOn)
        seen.signal()
      }
      seen.wait()
    }
    var reason: GPIOFailure?
    do throws(GPIOFailure) { _ = try GPIOOutputLine(kernel, at: wanted) } catch { reason = error }
    #expect(reason?.reason == .inUse && consumer(reason) == "cairn-agent")
    served.end()
    do throws(GPIOFailure) { _ = try GPIOOutputLine(kernel, at: wanted) } catch { reason = error }
    #expect(reason?.reason == .noChip)
  }

  /// The answer stands there before the question: nothing here depends on being quick.
  @Test(arguments: [3, 4, 5, 71, 73, 600])
  func anAnswerOfAnotherLengthIsNoAnswer(byteCount: Int) throws {
    let name = Array("/tmp/cairn-gpio-\(UInt32.random(in: 0 ... .max)).sock".utf8)
    guard let path = FixedPath(name.span) else { throw SocketFailure.pathTooLong }
    let listener = try UnixListener(at: path, mode: 0o600)
    var kernel = VirtualGPIOKernel(path: path)
    let descriptor = kernel.open(chip: 0)
    #expect(descriptor >= 0)
    var isAnswered = false
    for _ in 0..<60_000 where !isAnswered {
      if let connection = try listener.accept() {
        try connection.send([UInt8](repeating: 0, count: byteCount).span, timeoutMilliseconds: 1000)
        isAnswered = true
        var structure = [UInt8](repeating: 7, count: GPIOWire.Chip.byteCount)
        var span = structure.mutableSpan
        let result = kernel.control(descriptor, .chipInfo, &span)
        #expect(result == -74)
        #expect(structure.allSatisfy { $0 == 7 })
      } else {
        usleep(1000)
      }
    }
    #expect(isAnswered)
    kernel.close(descriptor)
  }

  @Test func bytesThatAreNoRequestAreAnsweredOrEndTheConnection() throws {
    let served = try served()
    guard let path = FixedPath(Array(served.path.utf8).span) else {
      throw SocketFailure.pathTooLong
    }
    for bytes in [[1], [9, 0, 0, 0], [UInt8](repeating: 255, count: 72), [0, 0, 0, 0, 1]]
      as [[UInt8]]
    {
      let connection = try UnixConnection(connectingTo: path)
      try connection.send(bytes.span, timeoutMilliseconds: 1000)
      var reply = [UInt8](repeating: 0, count: 600)
      var span = reply.mutableSpan
      let count = try connection.receive(into: &span, timeoutMilliseconds: 60_000)
      let result = span.span.loadLittleEndian(Int32.self, at: 0)
      #expect(count == 4 && result == -22)
    }
    let long = try UnixConnection(connectingTo: path)
    try long.send([UInt8](repeating: 0, count: 700).span, timeoutMilliseconds: 1000)
    var reply = [UInt8](repeating: 0, count: 600)
    var span = reply.mutableSpan
    var end: SocketFailure?
    do throws(SocketFailure) {
      _ = try long.receive(into: &span, timeoutMilliseconds: 60_000)
    } catch { end = error }
    #expect(end == .closed)
    served.end()
  }
}
