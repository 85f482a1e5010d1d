import Coverage
import CoverageVerifier
import FixedMemory
import LoRa
import Proofs

/// The challenges of a period, each with its window.
struct FleetCourse: Sendable {
  struct Window: Sendable {
    let challenge: ChallengeEvidence
    let order: BeaconOrder
    let rendezvous: Rendezvous

    var issued: Int64 { challenge.challenge.issuedUTCMilliseconds }
    var number: UInt32 { order.number }
  }

  /// A whole hour of UTC.
  static let start: Int64 = 1_743_638_400_000
  static let firstNumber: UInt32 = 1_000

  let plan = RegionPlan(.eu868)
  let policy: CoveragePolicy
  let windows: [Window]

  init(seed: UInt64, count: Int, policy: CoveragePolicy = CoveragePolicy()) {
    self.policy = policy
    var windows: [Window] = []
    for index in 0..<count {
      let number = Self.firstNumber + UInt32(index)
      let length = Int64(policy.windowSeconds) * 1_000
      let challenge = Challenge(
        algorithm: .ed25519, keyID: KeyID(), number: UInt64(number),
        issuedUTCMilliseconds: Self.start + Int64(index + 1) * length - 60_000,
        validSeconds: 1_800, region: FixedText("EU868"), coverage: policy,
        nonce: FleetNode.hash("nonce \(seed) \(index)"))
      let hash = FleetNode.hash("challenge \(seed) \(index)")
      guard let order = BeaconOrder(challenge),
        let rendezvous = Rendezvous(nonce: challenge.nonce, plan: plan, policy: policy)
      else { continue }
      windows.append(
        Window(
          challenge: ChallengeEvidence(challenge: challenge, hash: hash, isLogged: true),
          order: order, rendezvous: rendezvous))
    }
    self.windows = windows
  }

  func draw(_ node: FleetNode, _ window: Int) -> BeaconDraw {
    let own = windows[window]
    return BeaconDraw(
      link: node.link(window), nonce: own.order.nonce, keyHash: node.keyHash, number: own.number,
      policy: policy)
  }
}
