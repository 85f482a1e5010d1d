import Coverage
import Identity
import LoRa
import Proofs
import Records

extension Transmitter {
  /// As it is enrolled.
  public init(_ radio: RadioSetup) {
    self.init(
      maximumCentidecibelMilliwatts: Int32(radio.transmitPowerHundredthsDBm),
      antennaGainCentidecibels: Int32(radio.antennaGainHundredthsDBi),
      cableLossCentidecibels: Int32(radio.cableLossHundredthsDB))
  }

  /// What antenna and cable add to what is in the air.
  var gainCentidecibels: Int32 { antennaGainCentidecibels - cableLossCentidecibels }
}

/// The checks of one witness.
struct WitnessJudgement {
  typealias Figure = VerdictCheck.Figure

  let witness: WitnessEvidence
  let sender: SenderJudgement
  let evidence: BeaconEvidence
  var distance: Int64?
  var signal: Int32?
  var freeSpace: Int32?
  private var weight = 1_000

  var reception: Reception { witness.leaf.value.reception }

  init(_ witness: WitnessEvidence, of sender: SenderJudgement, in evidence: BeaconEvidence) {
    self.witness = witness
    self.sender = sender
    self.evidence = evidence
  }

  mutating func verdict(beaconIsSound: Bool, isDuplicate: Bool) -> WitnessVerdict {
    var list = CheckList()
    var reason: VerdictReason?
    do throws(CheckList.Failed) {
      try judge(beaconIsSound: beaconIsSound, isDuplicate: isDuplicate, &list)
    } catch { reason = error.reason }
    return WitnessVerdict(
      key: witness.node.keyHash.hexadecimal, node: witness.node.node?.hexadecimal,
      epoch: witness.leaf.epoch, leaf: witness.leaf.index, counts: reason == nil, reason: reason,
      weightPermille: reason == nil ? weight : 0, isSimulated: witness.leaf.isSimulated,
      distanceMetres: distance, signalCentidecibelMilliwatts: signal,
      freeSpaceCentidecibelMilliwatts: freeSpace, checks: list.checks)
  }

  private mutating func judge(
    beaconIsSound: Bool, isDuplicate: Bool, _ list: inout CheckList
  ) throws(CheckList.Failed) {
    try list.check("beacon counts", beaconIsSound, else: .beaconRefused)
    guard let order = sender.order, let draw = sender.draw, let derived = sender.derived,
      let start = sender.start
    else { throw CheckList.Failed(reason: .beaconRefused) }
    try identity(order, isDuplicate: isDuplicate, &list)
    try list.standing("witness leaf", witness.leaf)
    try list.check(
      "frame is the beacon's", witness.leaf.value.frame == draw.frame.bytes, else: .tagMismatch,
      [Figure("frame", witness.leaf.value.frame), Figure("derived", draw.frame.bytes)])
    try place(order, &list)
    try radio(order, derived, &list)
    try time(order, derived, start, &list)
    if order.policy.refusesSimulated {
      try list.check("hardware is real", !witness.leaf.isSimulated, else: .simulated)
    }
    if reception.snrCentidecibels == nil {
      weight = weight * CoverageVerdict.withoutSNRPermille / 1_000
    }
  }

  private mutating func identity(
    _ order: BeaconOrder, isDuplicate: Bool, _ list: inout CheckList
  ) throws(CheckList.Failed) {
    let node = witness.node
    try list.identity(node, order.window.startUTCMilliseconds)
    try list.check(
      "witness is another node",
      node.keyHash != evidence.sender.keyHash && node.node != evidence.sender.node,
      else: .selfWitness)
    try list.check("witness has no other leaf that counts", !isDuplicate, else: .duplicate)
    guard let owner = node.owner, owner == evidence.sender.owner else { return }
    weight = weight * CoverageVerdict.sameOwnerPermille / 1_000
    try list.check(
      "owner is the sender's: weight is lowered", true, else: .selfWitness,
      [Figure("owner", owner), Figure("weightPermille", CoverageVerdict.sameOwnerPermille)])
  }

  private mutating func place(_ order: BeaconOrder, _ list: inout CheckList)
    throws(CheckList.Failed)
  {
    try list.place(witness.node)
    guard let own = witness.node.place, let other = evidence.sender.place else {
      throw CheckList.Failed(reason: .positionUnknown)
    }
    let metres = Geometry.distanceMetres(own, other)
    distance = metres
    let (nearest, farthest) = (
      order.policy.minimumDistanceMetres, order.policy.maximumDistanceMetres
    )
    try list.check(
      "distance is not below the minimum", metres >= Int64(nearest), else: .tooNear,
      [Figure("metres", metres), Figure("minimum", nearest)])
    try list.check(
      "distance is not above the maximum", metres <= Int64(farthest), else: .tooFar,
      [Figure("metres", metres), Figure("maximum", farthest)])
  }
}
