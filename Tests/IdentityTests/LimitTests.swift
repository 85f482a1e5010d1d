import FixedMemory
import Identity
import Proofs
import Signers
import TestSupport
import Testing

private let text24 = FixedText<24>("abcdefghijklmnopqrstuvwx")

private func largest<let count: Int>() -> FixedBytes<count> {
  var bytes = FixedBytes<count>()
  for index in 0..<count { bytes[index] = 255 }
  return bytes
}

private func count(_ sign: (inout [UInt8]) throws -> (byteCount: Int, hash: Digest)) rethrows
  -> Int
{
  var buffer = [UInt8](repeating: 0, count: 800)
  return try sign(&buffer).byteCount
}

/// Whole message and protected header, by the document with the largest values that there are.
@Test func theLargestDocumentsOfAnOwnerHaveTheirNamedLimits() throws {
  var draw = Draw(seed: 1)
  var owner = try draw.key()
  let es256 = PaperSigner(&draw).publicKey
  let invite = Invite(
    ownerKey: owner.publicKey, gatewayKeyHash: largest(), node: largest(),
    expiresUTCMilliseconds: .max, uses: .often, nonce: largest())
  #expect(
    try count { try invite.sign(with: &owner, into: $0.mutableSpan) }
      == Invite.maximumMessageByteCount)
  let succession = Succession(
    ownerKey: owner.publicKey, oldKeyHash: largest(), newKey: es256, issuedUTCMilliseconds: .max,
    node: largest())
  #expect(
    try count { try succession.sign(with: &owner, into: $0.mutableSpan) }
      == Succession.maximumMessageByteCount)
  let revocation = Revocation(
    ownerKey: owner.publicKey, deviceKeyHash: largest(), reason: .compromised,
    issuedUTCMilliseconds: .max, node: largest())
  #expect(
    try count { try revocation.sign(with: &owner, into: $0.mutableSpan) }
      == Revocation.maximumMessageByteCount)
}

@Test func theLargestEnrolmentHasItsNamedLimits() throws {
  var draw = Draw(seed: 1)
  var device = PaperSigner(&draw)
  let enrolment = Enrolment(
    version: UInt64(Int64.max), previous: largest(), deviceKey: device.publicKey,
    storage: .secureElement, anchor: Anchor(firstLink: .max, value: largest()),
    place: Place(
      latitudeE7: -900_000_000, longitudeE7: -1_800_000_000, altitudeCentimetres: .min,
      heightAboveGroundCentimetres: .min),
    radio: RadioSetup(
      model: text24, region: text24, transmitPowerHundredthsDBm: .min,
      antennaGainHundredthsDBi: .min, cableLossHundredthsDB: .max),
    validFromUTCMilliseconds: .max)
  let authorization = [UInt8](repeating: 0, count: Enrolment.maximumAuthorizationByteCount)
  #expect(
    Enrolment.maximumAuthorizationByteCount
      == max(Invite.maximumMessageByteCount, Succession.maximumMessageByteCount))
  var buffer = [UInt8](repeating: 0, count: 800)
  let result = try enrolment.sign(
    authorization: authorization.span, with: &device, into: buffer.mutableSpan)
  #expect(result.byteCount == Enrolment.maximumMessageByteCount)
  let parts = try COSESign1(decoding: buffer.span.extracting(0..<result.byteCount))
  #expect(parts.protected.count == Enrolment.maximumProtectedByteCount)
  #expect(COSESign1.maximumSigStructureByteCount == Enrolment.maximumSigStructureByteCount)
}

@Test func theLargestDocumentsOfAGatewayHaveTheirNamedLimits() throws {
  var draw = Draw(seed: 1)
  var gateway = try draw.key()
  let (algorithm, keyID) = (gateway.publicKey.algorithm, gateway.publicKey.keyID)
  let head = DeviceHead(
    algorithm: algorithm, keyID: keyID, deviceKeyHash: largest(), epoch: .max, batch: .max,
    size: .max, nowUTCMilliseconds: .max, checkpointHash: largest())
  #expect(
    try count { try head.sign(with: &gateway, into: $0.mutableSpan) }
      == DeviceHead.maximumMessageByteCount)
  let value = [UInt8](repeating: 255, count: 64)
  let made = Challenge.Beacon(source: text24, round: .max, value: value.span)
  let beacon = try #require(made)
  let challenge = Challenge(
    algorithm: algorithm, keyID: keyID, number: .max, issuedUTCMilliseconds: .max,
    validSeconds: .max, region: text24, coverage: largestPolicy(), beacon: beacon)
  #expect(
    try count { try challenge.sign(with: &gateway, into: $0.mutableSpan) }
      == Challenge.maximumMessageByteCount)
  let gatewayHead = GatewayHead(
    algorithm: algorithm, keyID: keyID, size: UInt64(Int64.max), nowUTCMilliseconds: .max,
    root: largest())
  #expect(
    try count { try gatewayHead.sign(with: &gateway, into: $0.mutableSpan) }
      == GatewayHead.maximumMessageByteCount)
  let change = GatewayKeyChange(
    algorithm: algorithm, keyID: keyID, newKey: try draw.key().publicKey, nowUTCMilliseconds: .max)
  #expect(
    try count { try change.sign(with: &gateway, into: $0.mutableSpan) }
      == GatewayKeyChange.maximumMessageByteCount)
}

private func largestPolicy() -> CoveragePolicy {
  var policy = CoveragePolicy()
  policy.refusesSimulated = true
  policy.windowSeconds = 86_400
  policy.slotMilliseconds = 60_000
  (policy.slotCount, policy.reserveSlotCount) = (1_024, 1_023)
  policy.revealDelaySeconds = 30 * 86_400
  policy.maximumUncertaintyMilliseconds = .max
  (policy.powerStepCentidecibels, policy.powerStepCount) = (1_000, 16)
  (policy.freeSpaceMarginCentidecibels, policy.snrMarginCentidecibels) = (10_000, 10_000)
  (policy.minimumDistanceMetres, policy.maximumDistanceMetres) = (20_000_000, 20_100_000)
  policy.frequencyTolerancePPM = .max
  return policy
}

/// Protected header, Sig_structure and message of every document, as sums of one another.
@Test func theLimitsOfADocumentFitEachOther() {
  let limits: [(protected: Int, structure: Int, message: Int, payload: Int)] = [
    (
      Invite.maximumProtectedByteCount, Invite.maximumSigStructureByteCount,
      Invite.maximumMessageByteCount, 17
    ),
    (
      Succession.maximumProtectedByteCount, Succession.maximumSigStructureByteCount,
      Succession.maximumMessageByteCount, 34
    ),
    (
      Revocation.maximumProtectedByteCount, Revocation.maximumSigStructureByteCount,
      Revocation.maximumMessageByteCount, 34
    ),
    (
      Enrolment.maximumProtectedByteCount, Enrolment.maximumSigStructureByteCount,
      Enrolment.maximumMessageByteCount, 2 + Enrolment.maximumAuthorizationByteCount
    ),
    (
      DeviceHead.maximumProtectedByteCount, DeviceHead.maximumSigStructureByteCount,
      DeviceHead.maximumMessageByteCount, 34
    ),
    (
      Challenge.maximumProtectedByteCount, Challenge.maximumSigStructureByteCount,
      Challenge.maximumMessageByteCount, 34
    ),
    (
      GatewayHead.maximumProtectedByteCount, GatewayHead.maximumSigStructureByteCount,
      GatewayHead.maximumMessageByteCount, 34
    ),
    (
      GatewayKeyChange.maximumProtectedByteCount, GatewayKeyChange.maximumSigStructureByteCount,
      GatewayKeyChange.maximumMessageByteCount, 34
    ),
  ]
  for one in limits {
    #expect(one.structure == 12 + 2 + one.protected + 1 + one.payload)
    #expect(one.message == 2 + 2 + one.protected + 1 + one.payload + 66)
    #expect(one.structure <= COSESign1.maximumSigStructureByteCount)
  }
}
