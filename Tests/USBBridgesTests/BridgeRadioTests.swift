import Buses
import FixedMemory
import Foundation
import LoRa
import Radios
import Simulation
import StickSupport
import Testing
import USBBridges

@testable import LinuxPlatform

/// Long enough for a machine with much else to do.
private func bridge(_ path: FixedPath) -> USBBridge {
  USBBridge(path: path, patienceMilliseconds: 60_000)
}

private let pins = USBBridgeRadioPins(reset: 2, busy: 4, interrupt: 6, receive: 1)

private func monotonic() -> Int64 { SystemClock().bootMilliseconds() }

/// Radio, agent's devices, socket, bridge, packets, chip model.
@Suite struct BridgeRadioTests {
  private func radio(_ path: FixedPath) -> SPIRadio<USBBridgeSPIDevice, USBBridgeRadioLines> {
    SPIRadio(
      bus: bridge(path).spiDevice(select: 0), lines: bridge(path).radioLines(pins),
      wiring: ChipWiring(kind: .sx1262, oscillator: .volts1p8),
      lookMilliseconds: USBBridgeRadioLines.lookMilliseconds)
  }

  @Test func aRadioSendsAndHearsThroughTheSocketAndComesBackAfterItsStick() throws {
    let bench = StickBench()
    bench.attach(SX126xModel(needsOscillator: true), pins: StickRadioPins(), now: monotonic)
    let running = try RunningBridge(bench)
    defer { running.end() }
    #expect(running.waits { running.reason == .working })
    var radio = radio(running.path)
    var frame = ReceivedFrame()
    let setting = RadioSetting(
      frequencyHertz: 868_100_000, modulation: try #require(Modulation(spreadingFactor: 7)),
      powerCentidecibelMilliwatts: 1_400)
    let sent = (0..<24).map { UInt8(0xe0 &+ $0) }
    for round in 0..<2 {
      var (wasSent, wasHeard, isAsked) = (false, false, false)
      for _ in 0..<60_000 where !wasHeard {
        let now = monotonic()
        switch radio.state {
        case .unknown, .failed: radio.begin(atMilliseconds: now)
        case .ready: try radio.configure(setting, atMilliseconds: now)
        case .listening where !isAsked:
          try radio.transmit(sent.span, atMilliseconds: now)
          isAsked = true
        case .starting, .configuring, .listening, .transmitting, .measuring: break
        }
        let event = radio.step(atMilliseconds: now, frame: &frame)
        if case .transmitted = event { wasSent = true }
        wasHeard = event == .received
        if wasSent, radio.state == .listening, !bench.hasFrame {
          _ = bench.deliver([1, 2, 3, UInt8(round)], AirFigures(rssi: -9_000, snr: 500))
        }
        if event == nil { usleep(1000) }
      }
      #expect(wasSent && wasHeard, "round \(round)")
      #expect(frame.bytes[3] == UInt8(round))
      guard round == 0 else { break }
      // Pulled out and put back: the chip has forgotten all, and its failure says why.
      bench.plug(false)
      var failure: RadioFailure?
      for _ in 0..<60_000 where failure == nil {
        if case .failed(_, let reason) = radio.step(atMilliseconds: monotonic(), frame: &frame) {
          failure = reason
        }
        usleep(1000)
      }
      #expect(failure == .bus(.disconnected) && radio.state == .failed)
      bench.plug(true)
    }
    #expect(bench.withRadio { $0.transmitted.map(\.bytes) } == [sent, sent])
    #expect(bench.look { $0.violations } == [])
    #expect(bench.withRadio { $0.violations } == [])
  }

  /// Outputs are inputs after a reset: whoever had set some is told, once; nobody else is.
  @Test(arguments: [false, true])
  func pinsThatWereLostAreToldToTheirOwner(isPlugged: Bool) throws {
    let bench = StickBench()
    bench.attach(SX126xModel(), pins: StickRadioPins(), now: monotonic)
    let running = try RunningBridge(bench)
    defer { running.end() }
    #expect(running.waits { running.reason == .working })
    var owner = bridge(running.path).radioLines(pins)
    var looker = bridge(running.path).radioLines(pins)
    try owner.enableReceiver(true)
    #expect(try looker.isInterrupted() == false)
    let beginnings = bench.look { $0.openCount + $0.resetCount }
    if isPlugged {
      bench.plug(false)
      // The bridge has seen that it is gone: its hold on the old one ends.
      #expect(
        running.waits {
          do throws(BusError) { _ = try looker.isInterrupted() } catch {
            return error == .disconnected
          }
          return false
        })
      bench.plug(true)
    } else {
      bench.change { $0.isHung = true }
    }
    // Somebody else's questions find out.
    #expect(
      running.waits {
        do throws(BusError) { _ = try looker.isInterrupted() } catch { return false }
        return bench.look { $0.openCount + $0.resetCount } > beginnings
      })
    #expect(throws: BusError.disconnected) { try owner.enableReceiver(true) }
    #expect(bench.look { $0.directions & 2 } == 0)
    try owner.enableReceiver(true)
    #expect(bench.look { $0.levels & $0.directions & 2 } == 2)
  }

  @Test func everyAbsenceHasItsReason() throws {
    let bench = StickBench()
    bench.plug(false)
    let running = try RunningBridge(bench)
    var lines = bridge(running.path).radioLines(pins)
    #expect(running.waits { lines.absence() == .stick })
    bench.plug(true)
    #expect(running.waits { lines.absence() == nil })
    bench.change { $0.isHung = true }
    bench.change { $0.resetMovesIt = true }
    #expect(running.waits { lines.absence() == .failing })
    let stranger = BusServers(named: nil, own: effectiveUserID &+ 1)
    var foreign = USBBridge(
      path: running.path, timeoutMilliseconds: 100, marginMilliseconds: 60_000, servers: stranger
    ).radioLines(pins)
    #expect(foreign.absence() == .foreign)
    running.end()
    #expect(lines.absence() == .bridge)
  }

  /// A stick that fails is one reason, at the radio too.
  @Test func whatTheStickDoesWrongIsNotTheChips() {
    #expect(RadioFailure.bus(.system(errno: EPROTO)).faultCode == .stickFailing)
    #expect(RadioFailure.bus(.system(errno: EACCES)).faultCode == .bridgeForeign)
    #expect(RadioFailure.bus(.system(errno: EIO)).faultCode == .busError)
  }
}

/// The other end of a socket that says whatever it likes.
private final class LyingBridge: @unchecked Sendable {
  let path: FixedPath
  private let folder: URL
  private let lock = NSLock()
  private var mustEnd = false
  private let ended = DispatchSemaphore(value: 0)

  init(seed: UInt64) throws {
    folder = FileManager.default.temporaryDirectory
      .appending(path: "cairn-liar-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let bytes = Array(folder.appending(path: "usb.sock").path.utf8)
    guard let path = FixedPath(bytes.span) else { throw SocketFailure.pathTooLong }
    self.path = path
    let listener = try UnixListener(at: path, mode: 0o600)
    let box = Holder(listener)
    Thread {
      var random = SplitMix64(seed: seed)
      while !self.lock.withLock({ self.mustEnd }) { box.serve(&random) }
      self.ended.signal()
    }.start()
  }

  func end() {
    lock.withLock { mustEnd = true }
    ended.wait()
    do { try FileManager.default.removeItem(at: folder) } catch { print("not removed: \(folder)") }
  }

  private final class Holder: @unchecked Sendable {
    let listener: UnixListener
    init(_ listener: consuming UnixListener) { self.listener = listener }

    /// Takes one connection and answers on it until it ends, for a moment at most.
    func serve(_ random: inout SplitMix64) {
      do throws(SocketFailure) {
        guard let connection = try listener.accept() else {
          usleep(1000)
          return
        }
        for _ in 0..<64 {
          var packet = [UInt8](repeating: 0, count: 4096)
          var span = packet.mutableSpan
          let count = try connection.receive(into: &span, timeoutMilliseconds: 200)
          let answer = Self.answer(Array(packet[..<count]), &random)
          try connection.send(answer.span, timeoutMilliseconds: 200)
        }
      } catch {
        // The client gave the connection up, as it should.
      }
    }

    /// Noise; a right answer with one bit turned; one of another length; or a status of any size.
    private static func answer(_ request: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
      let byteCount: Int =
        switch BusMessage.request(decoding: request.span) {
        case .spi(_, let bytes): bytes.count
        case .pins: 2
        case .i2c, .refused: 0
        }
      let bytes = (0..<byteCount).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      var reply = InlineArray<4096, UInt8>(repeating: 0)
      let status = random.next() % 3 == 0 ? Int32(truncatingIfNeeded: random.next() >> 33) : 0
      let length = BusMessage.reply(status: status, bytes.span, into: &reply)
      var answer = (0..<length).map { reply[$0] }
      switch random.next() % 5 {
      case 0: answer = (0..<Int(random.next() % 64) + 1).map { _ in UInt8(random.next() & 0xff) }
      case 1: answer[Int(random.next() % UInt64(answer.count))] ^= 1 << UInt8(random.next() % 8)
      case 2: answer = Array(answer.prefix(Int(random.next() % UInt64(answer.count)) + 1))
      default: break
      }
      return answer
    }
  }
}

@Suite struct BridgeGarbageTests {
  /// A radio whose bridge lies never traps, never waits for ever, and never listens.
  @Test(arguments: [UInt64(1), 2, 3])
  func aBridgeThatLiesIsFailuresAndNothingElse(seed: UInt64) throws {
    let liar = try LyingBridge(seed: seed)
    defer { liar.end() }
    let bridge = USBBridge(path: liar.path, patienceMilliseconds: 2_000)
    var radio = SPIRadio(
      bus: bridge.spiDevice(select: 0), lines: bridge.radioLines(pins),
      wiring: ChipWiring(kind: .sx1262), lookMilliseconds: 20)
    var frame = ReceivedFrame()
    var (now, failureCount): (Int64, Int) = (0, 0)
    for _ in 0..<3_000 {
      if radio.state == .unknown || radio.state == .failed { radio.begin(atMilliseconds: now) }
      if case .failed = radio.step(atMilliseconds: now, frame: &frame) { failureCount += 1 }
      radio.checkInvariants()
      now = max(now + 1, min(radio.nextStep(atMilliseconds: now), now + 1_000))
    }
    #expect(failureCount > 0, "seed \(seed)")
    #expect(radio.state != .listening, "seed \(seed)")
  }

  /// Any bytes, and requests with some of them changed: each is answered, none traps.
  @Test func anyBytesAreARequestOrARefusal() {
    for seed: UInt64 in 1...20_000 {
      var random = SplitMix64(seed: seed)
      var packet: [UInt8]
      switch random.next() % 4 {
      case 0: packet = (0..<Int(random.next() % 80)).map { _ in UInt8(random.next() & 0xff) }
      case 1: packet = [0x82, UInt8(random.next() % 24), 0x44, 1, 2, 3, 4]
      case 2: packet = [0x83, 0x18, UInt8(random.next() & 0xff), 0x04, 0x00]
      default: packet = [0x84, 0x18, 0x44, 0x42, 1, 2, 0x18, 0x20, 0x18, 0x64]
      }
      for _ in 0..<random.next() % 3 where !packet.isEmpty {
        packet[Int(random.next() % UInt64(packet.count))] = UInt8(random.next() & 0xff)
      }
      if random.next() % 4 == 0 { packet = Array(packet.dropLast(Int(random.next() % 4))) }
      switch BusMessage.request(decoding: packet.span) {
      case .i2c(let address, let written, let readCount, _):
        #expect((8...0x77).contains(address) && written.upperBound <= packet.count)
        #expect((0...4000).contains(readCount), "seed \(seed)")
      case .spi(_, let bytes): #expect(bytes.upperBound == packet.count, "seed \(seed)")
      case .pins: #expect(packet.count >= 4, "seed \(seed)")
      case .refused(let status): #expect(status == EINVAL || status == EMSGSIZE, "seed \(seed)")
      }
    }
  }
}
