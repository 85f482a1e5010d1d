import Buses
import Coverage
import FixedMemory
import LoRa
import Proofs
import Radios
import Records
import Simulation
import Testing

@testable import RadioDuties

/// A duty at a module's line, with time that the test turns: whatever waits first comes first.
final class DutyBench {
  static let ownKeyHash = SHA256.hash([1, 2, 3].span)

  let model: SerialModuleModel
  let clock = HandCrankedClock(now: 1_000)
  typealias Radio = AnyRadio<ModelSerialPort, ModelSPIDevice, ModelRadioLines>

  var duty: RadioDuty<Radio>
  private let expected: RadioKind?
  /// UTC is boot time and this; nil: no clock.
  var utcOffset: Int64? = 1_700_000_100_000
  var uncertainty: UInt64 = 20
  var actions: [RadioDutyAction] = []

  init(
    _ model: SerialModuleModel = RAK3172Model(), region: RegionPlan.Region = .eu868,
    expected: RadioKind? = nil, isAttached: Bool = true
  ) {
    self.model = model
    self.expected = expected
    duty = RadioDuty(
      plan: RegionPlan(region), ownKeyHash: Self.ownKeyHash,
      transmitPowerCentidecibelMilliwatts: 1_400)
    if isAttached { attach() }
  }

  func attach(beforeTransfer: ((Int) throws(BusError) -> Void)? = nil) {
    let port = ModelSerialPort(model: model, clock: clock, beforeTransfer: beforeTransfer)
    duty.attach(.serial(SerialRadio(port: port, expected: expected)), at: time)
  }

  var time: NodeTime {
    NodeTime(
      milliseconds: clock.now, utcMilliseconds: utcOffset.map { $0 + clock.now },
      uncertaintyMilliseconds: uncertainty)
  }

  var now: Int64 { clock.now }
  var state: RadioState { duty.state }
  var setting: RadioSetting? { duty.setting }
  var witnesses: [BeaconWitness] {
    actions.compactMap { if case .writeWitness(let witness) = $0 { witness } else { nil } }
  }
  var listens: [ListenRecord] {
    actions.compactMap { if case .writeListen(let listen) = $0 { listen } else { nil } }
  }

  @discardableResult
  func turn(milliseconds: Int64, until isDone: (DutyBench) -> Bool = { _ in false })
    -> Bool
  {
    let end = clock.now + milliseconds
    while true {
      var count = 0
      while let action = duty.step(at: time) {
        duty.checkInvariants()
        actions.append(action)
        count += 1
        precondition(count < 1_000, "actions without end")
      }
      duty.checkInvariants()
      if isDone(self) { return true }
      guard clock.now < end else { return false }
      let next = min(duty.nextStep(at: time), model.nextChange ?? .max)
      clock.now = min(end, max(clock.now + 1, next))
    }
  }

  func listen() throws {
    let isListening = turn(milliseconds: 60_000) { $0.state == .listening }
    try #require(isListening)
  }

  func order(_ number: UInt32, _ policy: CoveragePolicy = DutyBench.policy) throws -> BeaconOrder {
    let challenge = Challenge(
      algorithm: .ed25519, keyID: KeyID(), number: UInt64(number),
      issuedUTCMilliseconds: (utcOffset ?? 0) + now, validSeconds: 1_800,
      region: FixedText("EU868"), coverage: policy, nonce: SHA256.hash([UInt8(number & 255)].span))
    return try #require(BeaconOrder(challenge))
  }

  /// Five minutes with 100 slots of 2 s, and a rest.
  static var policy: CoveragePolicy {
    var policy = CoveragePolicy()
    policy.windowSeconds = 300
    policy.slotCount = 100
    policy.reserveSlotCount = 10
    policy.revealDelaySeconds = 300
    return policy
  }

  static func frame(_ number: UInt32, key: UInt8 = 7) -> BeaconFrame {
    BeaconFrame(
      seed: SHA256.hash([UInt8(number & 255), key].span), keyHash: SHA256.hash([key].span),
      number: number)
  }
}

extension BeaconFrame {
  var array: [UInt8] { (0..<24).map { bytes[$0] } }
}
