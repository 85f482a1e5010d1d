import CBOR
import FixedMemory
import Identity
import Proofs
import Signers
import TestSupport

/// Numbers that a seed determines, with the ends of ranges drawn often.
struct Draw: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// SplitMix64 (Steele, Lea, Flood, 2014).
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  mutating func integer<Value: FixedWidthInteger>(_ range: ClosedRange<Value>) -> Value {
    switch next() % 4 {
    case 0: range.lowerBound
    case 1: range.upperBound
    default: Value.random(in: range, using: &self)
    }
  }

  mutating func maybe<Value>(_ draw: (inout Draw) -> Value) -> Value? {
    next().isMultiple(of: 2) ? draw(&self) : nil
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
  }

  mutating func fixed<let count: Int>() -> FixedBytes<count> {
    var value = FixedBytes<count>()
    for index in 0..<count { value[index] = UInt8(truncatingIfNeeded: next()) }
    return value
  }

  mutating func time() -> Int64 { integer(0...Int64.max) }

  /// 0 to 24 bytes of UTF-8, characters of several bytes among them.
  mutating func text() -> FixedText<24> {
    var text = FixedText<24>()
    let letters = ["a", "é", "€", "🪨", "7", "-"]
    for _ in 0..<integer(0...24) {
      text.write(Array(letters[Int(next() % 6)].utf8).span)
    }
    return text
  }

  mutating func key() throws -> FileKey { try FileKey(seed: fixed()) }
}

/// An ES256 signer stands in: its signature is whatever stands there, since decoders do not look at it.
struct PaperSigner: Signer {
  let publicKey: PublicKey

  init(_ draw: inout Draw) {
    let bytes = [2] + draw.bytes(32)
    guard let key = PublicKey(algorithm: .es256, bytes: bytes.span) else {
      preconditionFailure("33 bytes that begin with 2 have the form of a P-256 key")
    }
    publicKey = key
  }

  mutating func sign(_ message: Span<UInt8>) throws(SigningFailure) -> Signature { Signature() }
}

extension Draw {
  mutating func invite(by owner: PublicKey) -> Invite {
    Invite(
      ownerKey: owner, gatewayKeyHash: fixed(), node: maybe { $0.fixed() },
      expiresUTCMilliseconds: time(), uses: next().isMultiple(of: 2) ? .once : .often,
      nonce: fixed())
  }

  mutating func succession(by owner: PublicKey, to newKey: PublicKey) -> Succession {
    Succession(
      ownerKey: owner, oldKeyHash: fixed(), newKey: newKey, issuedUTCMilliseconds: time(),
      node: fixed())
  }

  mutating func revocation(by owner: PublicKey) -> Revocation {
    Revocation(
      ownerKey: owner, deviceKeyHash: fixed(),
      reason: RevocationReason(rawValue: integer(0...3)) ?? .notSaid,
      issuedUTCMilliseconds: time(), node: fixed())
  }

  mutating func place() -> Place? {
    Place(
      latitudeE7: integer(-900_000_000...900_000_000),
      longitudeE7: integer(-1_800_000_000...1_800_000_000),
      altitudeCentimetres: maybe { $0.integer(.min ... .max) },
      heightAboveGroundCentimetres: maybe { $0.integer(.min ... .max) })
  }

  mutating func radio() -> RadioSetup? {
    RadioSetup(
      model: text(), region: text(), transmitPowerHundredthsDBm: integer(.min ... .max),
      antennaGainHundredthsDBi: integer(.min ... .max), cableLossHundredthsDB: integer(0 ... .max))
  }

  mutating func enrolment(of key: PublicKey) -> Enrolment {
    let version: UInt64 = integer(1...UInt64(Int64.max))
    return Enrolment(
      version: version, previous: version == 1 ? nil : fixed(), deviceKey: key,
      storage: Enrolment.StorageClass(rawValue: integer(0...2)) ?? .file,
      anchor: maybe { Anchor(firstLink: $0.integer(0 ... .max), value: $0.fixed()) },
      place: next().isMultiple(of: 2) ? place() : nil,
      radio: next().isMultiple(of: 2) ? radio() : nil,
      validFromUTCMilliseconds: maybe { $0.time() })
  }

  mutating func beacon() -> Challenge.Beacon? {
    let value = bytes(integer(1...64))
    return Challenge.Beacon(source: text(), round: integer(0 ... .max), value: value.span)
  }

  mutating func policy() -> CoveragePolicy {
    var policy = CoveragePolicy()
    policy.refusesSimulated = next().isMultiple(of: 2)
    policy.windowSeconds = integer(1...86_400)
    policy.slotMilliseconds = integer(50...900)
    policy.slotCount = 1
    policy.reserveSlotCount = 0
    policy.revealDelaySeconds = policy.windowSeconds * integer(0...30)
    policy.maximumUncertaintyMilliseconds = integer(0 ... .max)
    policy.channels = fixed()
    policy.spreadingFactors = integer(1...255) << 5
    policy.powerStepCentidecibels = integer(1...1_000)
    policy.powerStepCount = integer(1...16)
    policy.minimumDistanceMetres = integer(0...70_000)
    policy.maximumDistanceMetres = integer(70_001...20_100_000)
    policy.frequencyTolerancePPM = integer(0 ... .max)
    return policy
  }

  mutating func challenge(by gateway: PublicKey) -> Challenge {
    let (number, issued): (UInt64, Int64) = (integer(0 ... .max), time())
    let (seconds, region): (UInt32, FixedText<24>) = (integer(0 ... .max), text())
    if next().isMultiple(of: 3) {
      return Challenge(
        algorithm: gateway.algorithm, keyID: gateway.keyID, number: number,
        issuedUTCMilliseconds: issued, validSeconds: seconds, region: region,
        coverage: policy(), nonce: fixed())
    }
    if next().isMultiple(of: 2), let beacon = beacon() {
      return Challenge(
        algorithm: gateway.algorithm, keyID: gateway.keyID, number: number,
        issuedUTCMilliseconds: issued, validSeconds: seconds, region: region,
        policy: integer(0 ... .max), beacon: beacon)
    }
    return Challenge(
      algorithm: gateway.algorithm, keyID: gateway.keyID, number: number,
      issuedUTCMilliseconds: issued, validSeconds: seconds, region: region,
      policy: integer(0 ... .max), nonce: fixed())
  }

  mutating func deviceHead(by gateway: PublicKey) -> DeviceHead {
    DeviceHead(
      algorithm: gateway.algorithm, keyID: gateway.keyID, deviceKeyHash: fixed(),
      epoch: integer(0 ... .max), batch: integer(0 ... .max), size: integer(0 ... .max),
      nowUTCMilliseconds: time(), checkpointHash: fixed())
  }

  mutating func gatewayHead(by gateway: PublicKey) -> GatewayHead {
    GatewayHead(
      algorithm: gateway.algorithm, keyID: gateway.keyID, size: integer(1...UInt64(Int64.max)),
      nowUTCMilliseconds: time(), root: fixed())
  }

  mutating func keyChange(by gateway: PublicKey) throws -> GatewayKeyChange {
    GatewayKeyChange(
      algorithm: gateway.algorithm, keyID: gateway.keyID, newKey: try key().publicKey,
      nowUTCMilliseconds: time())
  }
}
