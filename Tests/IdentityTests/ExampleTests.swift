import FixedMemory
import Identity
import Proofs
import Signers
import TestSupport
import Testing

/// Byte for byte what others made, and what is decoded from it is what was encoded.
private func expect(
  _ name: String, _ sign: (inout [UInt8]) throws -> (byteCount: Int, hash: Digest)
) throws {
  var buffer = [UInt8](repeating: 0, count: 800)
  let result = try sign(&buffer)
  let example = try IdentityExample()
  let (message, hash) = (try example.message(name), try example.hash(name))
  #expect(Array(buffer.prefix(result.byteCount)) == message, "\(name)")
  #expect(result.hash == hash, "\(name)")
  #expect(try COSESign1.hash(of: message.span) == hash, "\(name)")
}

private func bytes(_ range: Range<UInt8>) throws -> Digest { try fixed(Array(range)) }

@Test func theOwnersExamplesAreReproducedByteForByte() throws {
  let example = try IdentityExample()
  var owner = try example.owner()
  let (ownerKey, gatewayHash) = (owner.publicKey, try example.gateway().publicKey.hash)
  let (node, deviceHash) = (try example.hash("enrolment"), try example.device().publicKey.hash)
  let invite = Invite(
    ownerKey: ownerKey, gatewayKeyHash: gatewayHash, node: nil,
    expiresUTCMilliseconds: IdentityExample.time(days: 30), uses: .once,
    nonce: try fixed(Array(0..<16)))
  try expect("invite") { try invite.sign(with: &owner, into: $0.mutableSpan) }
  let move = Invite(
    ownerKey: ownerKey, gatewayKeyHash: gatewayHash, node: node,
    expiresUTCMilliseconds: IdentityExample.time(days: 60), uses: .often,
    nonce: try fixed(Array(16..<32)))
  try expect("move") { try move.sign(with: &owner, into: $0.mutableSpan) }
  let succession = Succession(
    ownerKey: ownerKey, oldKeyHash: deviceHash, newKey: try example.newDevice(),
    issuedUTCMilliseconds: IdentityExample.time(days: 90), node: node)
  try expect("succession") { try succession.sign(with: &owner, into: $0.mutableSpan) }
  let revocation = Revocation(
    ownerKey: ownerKey, deviceKeyHash: deviceHash, reason: .lostOrStolen,
    issuedUTCMilliseconds: IdentityExample.time(days: 91), node: node)
  try expect("revocation") { try revocation.sign(with: &owner, into: $0.mutableSpan) }
}

@Test func theEnrolmentsOfTheExampleAreReproducedByteForByte() throws {
  let example = try IdentityExample()
  var device = try example.device()
  let key = device.publicKey
  let invite = try example.message("invite")
  let first = Enrolment(
    version: 1, previous: nil, deviceKey: key, storage: .file, anchor: nil,
    place: Place(
      latitudeE7: 406_398_000, longitudeE7: -737_789_000, altitudeCentimetres: 400,
      heightAboveGroundCentimetres: 250),
    radio: RadioSetup(
      model: FixedText("SX1262"), region: FixedText("EU868"), transmitPowerHundredthsDBm: 1400,
      antennaGainHundredthsDBi: 215, cableLossHundredthsDB: 50),
    validFromUTCMilliseconds: IdentityExample.time(days: 0))
  try expect("enrolment") {
    try first.sign(authorization: invite.span, with: &device, into: $0.mutableSpan)
  }
  let move = try example.message("move")
  let second = Enrolment(
    version: 2, previous: try example.hash("enrolment"), deviceKey: key, storage: .file,
    anchor: Anchor(firstLink: 1, value: SHA256.hash(Array("a link".utf8).span)),
    place: Place(
      latitudeE7: -338_688_000, longitudeE7: 1_512_093_000, altitudeCentimetres: nil,
      heightAboveGroundCentimetres: nil), radio: nil,
    validFromUTCMilliseconds: IdentityExample.time(days: 31))
  try expect("enrolment after a move") {
    try second.sign(authorization: move.span, with: &device, into: $0.mutableSpan)
  }
  let third = try example.message("enrolment after a succession")
  let view = try EnrolmentMessage(decoding: third.span)
  let (enrolment, succession) = (view.enrolment, view.authorization)
  #expect(
    try enrolment
      == Enrolment(
        version: 1, previous: nil, deviceKey: example.newDevice(), storage: .secureElement,
        anchor: nil, place: nil, radio: nil, validFromUTCMilliseconds: nil))
  let carried = try example.message("succession")
  #expect(try succession == .succession(Succession(decoding: carried.span)))
}

@Test func theGatewaysExamplesAreReproducedByteForByte() throws {
  let example = try IdentityExample()
  var gateway = try example.gateway()
  let (key, deviceHash) = (gateway.publicKey, try example.device().publicKey.hash)
  let receipt = try example.message("receipt")
  let held = try Receipt(decoding: receipt.span).checkpointHash
  let head = DeviceHead(
    algorithm: .ed25519, keyID: key.keyID, deviceKeyHash: deviceHash, epoch: 0, batch: 0, size: 4,
    nowUTCMilliseconds: IdentityExample.time(days: 92, milliseconds: 1000), checkpointHash: held)
  try expect("head of a device") { try head.sign(with: &gateway, into: $0.mutableSpan) }
  let challenge = Challenge(
    algorithm: .ed25519, keyID: key.keyID, number: 7,
    issuedUTCMilliseconds: IdentityExample.time(days: 92), validSeconds: 600,
    region: FixedText("EU868"), nonce: try bytes(0..<32))
  try expect("challenge") { try challenge.sign(with: &gateway, into: $0.mutableSpan) }
  let value = Array(UInt8(100)..<148)
  let made = Challenge.Beacon(
    source: FixedText("drand quicknet"), round: 14_000_000, value: value.span)
  let beacon = try #require(made)
  let ofBeacon = Challenge(
    algorithm: .ed25519, keyID: key.keyID, number: 8,
    issuedUTCMilliseconds: IdentityExample.time(days: 92), validSeconds: 600,
    region: FixedText(""), beacon: beacon)
  try expect("challenge of a beacon") { try ofBeacon.sign(with: &gateway, into: $0.mutableSpan) }
  let change = GatewayKeyChange(
    algorithm: .ed25519, keyID: key.keyID,
    newKey: PublicKey(ed25519: try fixed(example.bytes("key of new gateway"))),
    nowUTCMilliseconds: IdentityExample.time(days: 92, milliseconds: 2000))
  try expect("key change") { try change.sign(with: &gateway, into: $0.mutableSpan) }
  var frontier = MerkleFrontier()
  for kind in 0..<8 {
    let leaf = try example.bytes("leaf \(kind)")
    frontier.append(leafHash: MerkleTree.leafHash(leaf.span))
  }
  let gatewayHead = GatewayHead(
    algorithm: .ed25519, keyID: key.keyID, size: 8,
    nowUTCMilliseconds: IdentityExample.time(days: 92, milliseconds: 8000), root: frontier.root())
  try expect("head of the log") { try gatewayHead.sign(with: &gateway, into: $0.mutableSpan) }
}

@Test func theLeavesOfTheExampleAreReproducedByteForByte() throws {
  let example = try IdentityExample()
  func time(_ kind: UInt8) -> Int64 {
    IdentityExample.time(days: 92, milliseconds: Int64(kind) * 1000)
  }
  let gateway: FixedBytes<32> = try fixed(example.bytes("key of gateway"))
  let device = try example.device().publicKey.hash
  #expect(
    try written {
      GatewayLogLeaf.encode(firstKey: gateway, utcMilliseconds: time(0), into: $0.mutableSpan)
    } == example.bytes("leaf 0"))
  let messages: [(GatewayLogLeaf.Kind, String)] = [
    (.receipt, "receipt"), (.challenge, "challenge"),
    (.enrolment, "enrolment after a succession"), (.revocation, "revocation"),
    (.keyChange, "key change"),
  ]
  for (kind, name) in messages {
    let message = try example.message(name)
    #expect(
      try written {
        GatewayLogLeaf.encode(
          kind, message: message.span, utcMilliseconds: time(kind.rawValue), into: $0.mutableSpan)
      } == example.bytes("leaf \(kind.rawValue)"), "\(name)")
  }
  #expect(
    try written {
      GatewayLogLeaf.encode(
        operatorRevocationOf: device, reason: .compromised, utcMilliseconds: time(5),
        into: $0.mutableSpan)
    } == example.bytes("leaf 5"))
  let fork = try example.bytes("leaf 7")
  let (held, sent) = try forkMessages(fork)
  #expect(
    written {
      GatewayLogLeaf.encode(
        forkHeld: held.span, sent: sent.span, utcMilliseconds: time(7), into: $0.mutableSpan)
    } == fork)
  #expect(held != sent)
}
