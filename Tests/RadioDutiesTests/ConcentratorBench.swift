import Coverage
import FixedMemory
import LoRa
import Proofs
import Records
import Testing

@testable import GWMP
@testable import RadioDuties

/// A concentrator's duty, with time that the test turns and a forwarder that the test plays.
final class ConcentratorBench {
  static let gateway: UInt64 = 0xb827_ebff_fe12_3456
  static let start: Int64 = 5_000_000

  var duty: ConcentratorDuty
  var now: Int64 = 1_000
  /// UTC is boot time and this; nil: no clock.
  var utcOffset: Int64? = 1_700_000_100_000
  var actions: [RadioDutyAction] = []
  var requests: [ForwarderMessage.Transmit] = []

  init(_ region: RegionPlan.Region = .eu868, firstChannel: Int = 0, frameLimit: Int = 60) {
    duty = ConcentratorDuty(
      plan: RegionPlan(region), ownKeyHash: SHA256.hash([1, 2, 3].span),
      firstChannel: firstChannel, frameLimit: frameLimit, startBootMilliseconds: Self.start)
  }

  /// Connected, with a gateway.
  static func listening(
    _ region: RegionPlan.Region = .eu868, firstChannel: Int = 0, frameLimit: Int = 60
  ) -> ConcentratorBench {
    let bench = ConcentratorBench(region, firstChannel: firstChannel, frameLimit: frameLimit)
    bench.duty.connected(at: bench.time)
    bench.gateway()
    return bench
  }

  var time: NodeTime {
    NodeTime(
      milliseconds: now, utcMilliseconds: utcOffset.map { $0 + now }, uncertaintyMilliseconds: 20)
  }

  var listens: [ListenRecord] {
    actions.compactMap { if case .writeListen(let listen) = $0 { listen } else { nil } }
  }
  var witnesses: [BeaconWitness] {
    actions.compactMap { if case .writeWitness(let witness) = $0 { witness } else { nil } }
  }
  var frames: [ForwardedFrame] {
    actions.compactMap { if case .writeFrame(let frame) = $0 { frame } else { nil } }
  }
  var faults: [FaultCode] {
    actions.compactMap { if case .writeFault(let code, _) = $0 { code } else { nil } }
  }
  var outcomes: [TransmissionOutcome] {
    actions.compactMap { if case .transmissionEnded(9, let outcome) = $0 { outcome } else { nil } }
  }

  func refused(_ reason: FrameRefusal) -> UInt64 {
    actions.reduce(0) { sum, action in
      if case .writeFramesRefused(reason, let count) = action { sum + count } else { sum }
    }
  }

  /// False when the duty gives up the connection.
  @discardableResult
  func take(_ message: consuming ForwarderMessage.Packet) -> Bool {
    let packet = message
    let action = duty.take(packet.bytes, at: time)
    if let action, action != .lineGone { actions.append(action) }
    return action != .lineGone
  }

  func gateway(_ isPresent: Bool = true, _ identifier: UInt64 = ConcentratorBench.gateway) {
    take(
      ForwarderMessage.encode(
        ForwarderMessage.Gateway(identifier: identifier, version: 2, isPresent: isPresent)))
  }

  @discardableResult
  func hear(
    _ bytes: [UInt8], ago: Int64 = 0, change: (inout ReceivedPacket) -> Void = { _ in }
  ) -> Bool {
    var packet = ReceivedPacket()
    packet.frequencyHertz = 868_100_000
    packet.spreadingFactor = 7
    packet.bandwidthHertz = 125_000
    packet.packetRSSICentidecibelMilliwatts = -10_150
    packet.signalRSSICentidecibelMilliwatts = -10_400
    packet.snrCentidecibels = -225
    packet.checksum = 1
    packet.byteCount = UInt8(bytes.count)
    for index in bytes.indices { packet.storage[index] = bytes[index] }
    change(&packet)
    return take(
      ForwarderMessage.encode(
        ForwarderMessage.Frame(
          gateway: Self.gateway, receivedMilliseconds: Self.start + now - ago, packet: packet)))
  }

  /// False when the duty gives up the connection.
  @discardableResult
  func lost(_ count: UInt64) -> Bool { take(ForwarderMessage.encode(lost: count)) }

  func sending(from: Int64, lasting: Int64) -> Bool {
    take(
      ForwarderMessage.encode(
        ForwarderMessage.Sending(
          gateway: Self.gateway, fromMilliseconds: from, toMilliseconds: from + lasting)))
  }

  func answer(_ outcome: TransmitOutcome, power: Int32? = nil) throws {
    let request = try #require(requests.last)
    take(
      ForwarderMessage.encode(
        ForwarderMessage.Outcome(
          number: request.number, outcome: outcome, powerDecibelMilliwatts: power)))
  }

  /// Lets so much time pass, as the agent's loop does.
  @discardableResult
  func turn(_ milliseconds: Int64, until isDone: (ConcentratorBench) -> Bool = { _ in false })
    throws
    -> Bool
  {
    let end = now + milliseconds
    while true {
      var count = 0
      while let action = duty.step(at: time) {
        actions.append(action)
        count += 1
        try #require(count < 100)
      }
      if let packet = duty.request(at: time) {
        guard case .transmit(let transmit) = try ForwarderMessage.decode(packet.bytes) else {
          Issue.record("no request")
          return false
        }
        requests.append(transmit)
      }
      if isDone(self) { return true }
      guard now < end else { return false }
      now = min(end, max(now + 1, duty.nextStep(at: time)))
    }
  }

  func order(_ number: UInt32, _ policy: CoveragePolicy = DutyBench.policy) throws -> BeaconOrder {
    let challenge = Challenge(
      algorithm: .ed25519, keyID: KeyID(), number: UInt64(number),
      issuedUTCMilliseconds: (utcOffset ?? 0) + now, validSeconds: 1_800,
      region: FixedText("EU868"), coverage: policy, nonce: SHA256.hash([UInt8(number & 255)].span))
    return try #require(BeaconOrder(challenge))
  }

  /// An uplink of LoRaWAN 1.0: header, address, counter, port, payload, checksum.
  static func uplink(_ counter: Int) -> [UInt8] {
    [
      0x40, 1, 2, 3, 4, 0, UInt8(counter & 255), UInt8(counter >> 8 & 255), 1, 0xaa, 0xbb, 9, 8, 7,
      6,
    ]
  }
}
