import CBOR
import FixedMemory
import Foundation
import GatewayStore
import Identity
import Proofs
import Records
import Signers

/// Who signs in these tests: a device, or its owner.
final class TestNode {
  struct Log {
    var epoch: UInt64 = 0
    var batch: UInt64 = 0
    var frontier = MerkleFrontier()
    var previous = Digest()
  }

  private var key: FileKey
  let publicKey: PublicKey
  /// A copy of it is a copied card.
  var log = Log()
  var id: String { publicKey.hash.hexadecimal }
  var kid: String { publicKey.keyID.hexadecimal }

  init(seed: UInt8) throws {
    var bytes = FixedBytes<32>()
    bytes[0] = seed
    key = try FileKey(seed: bytes)
    publicKey = key.publicKey
  }

  private func signed(
    _ maximumByteCount: Int,
    _ sign: (inout FileKey, consuming MutableSpan<UInt8>) throws -> Int
  ) rethrows -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: maximumByteCount)
    let count = try sign(&key, bytes.mutableSpan)
    return Array(bytes.prefix(count))
  }

  func enrolment(
    place: Place? = nil, _ authorization: [UInt8] = [], anchor: Anchor? = nil,
    radio: RadioSetup? = nil, previous: Digest? = nil
  ) throws -> [UInt8] {
    let enrolment = Enrolment(
      version: previous == nil ? 1 : 2, previous: previous, deviceKey: publicKey, storage: .file,
      anchor: anchor, place: place, radio: radio, validFromUTCMilliseconds: nil)
    return try signed(Enrolment.maximumMessageByteCount) {
      try enrolment.sign(authorization: authorization.span, with: &$0, into: $1).byteCount
    }
  }

  /// As an owner.
  func invite(to gateway: Gateway) throws -> [UInt8] {
    let invite = Invite(
      ownerKey: publicKey, gatewayKeyHash: gateway.publicKey.hash, node: nil,
      expiresUTCMilliseconds: TestServer.now + 1, uses: .often, nonce: FixedBytes<16>())
    return try signed(Invite.maximumMessageByteCount) {
      try invite.sign(with: &$0, into: $1).byteCount
    }
  }

  /// As an owner.
  func succession(of node: Digest, from old: PublicKey, to new: PublicKey) throws -> [UInt8] {
    let succession = Succession(
      ownerKey: publicKey, oldKeyHash: old.hash, newKey: new, issuedUTCMilliseconds: 5, node: node)
    return try signed(Succession.maximumMessageByteCount) {
      try succession.sign(with: &$0, into: $1).byteCount
    }
  }

  /// As an owner.
  func revocation(of device: PublicKey, node: Digest) throws -> [UInt8] {
    let revocation = Revocation(
      ownerKey: publicKey, deviceKeyHash: device.hash, reason: .lostOrStolen,
      issuedUTCMilliseconds: 6, node: node)
    return try signed(Revocation.maximumMessageByteCount) {
      try revocation.sign(with: &$0, into: $1).byteCount
    }
  }

  /// The next batch: a clock, a schema, and one reading for each value, in hundredths of a degree.
  func batch(_ values: [Int64], utc: Int64 = TestServer.now, isSimulated: Bool = false) throws
    -> [UInt8]
  {
    var leaves = [
      leaf {
        LeafEncoding.clock(
          milliseconds: 0, source: .gnss, utcMilliseconds: utc, uncertaintyMilliseconds: 25,
          into: $0)
      }, schema,
    ]
    for (index, value) in values.enumerated() {
      var list = ReadingValues(filler: nil)
      list.append(value)
      leaves.append(
        leaf {
          LeafEncoding.reading(
            schema: 1, milliseconds: Int64(index), values: list, into: $0)
        })
    }
    return try seal(leaves, isSimulated: isSimulated)
  }

  /// The next batch, of these leaves.
  func sealed(_ leaves: [[UInt8]]) throws -> [UInt8] { try seal(leaves, isSimulated: false) }

  private var schema: [UInt8] {
    var quantities = Quantities(filler: Quantity(name: "", unit: "", powerOfTen: 0))
    quantities.append(Quantity(name: "temperature", unit: "Cel", powerOfTen: -2))
    return leaf {
      LeafEncoding.schema(
        schema: 1, milliseconds: 0, quantities: quantities, chip: "SHT3x",
        bus: Array("i2c-1".utf8).span, address: 0x44, serialNumber: Span(), into: $0)
    }
  }

  private func leaf(_ encode: (consuming MutableSpan<UInt8>) -> Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = encode(bytes.mutableSpan)
    return Array(bytes.prefix(count))
  }

  private func seal(_ leaves: [[UInt8]], isSimulated: Bool) throws -> [UInt8] {
    let first = log.frontier.size
    for leaf in leaves { log.frontier.append(leafHash: MerkleTree.leafHash(leaf.span)) }
    let times = try leaves.map { try Leaf(decoding: $0.span).milliseconds }
    let checkpoint = Checkpoint(
      algorithm: .ed25519, keyID: publicKey.keyID, epoch: log.epoch, batch: log.batch,
      first: first, size: log.frontier.size, boot: 1, firstLeafMilliseconds: times.first ?? 0,
      lastLeafMilliseconds: times.last ?? 0,
      flags: isSimulated ? 1 : 0, previous: log.previous, root: log.frontier.root())
    var hash = Digest()
    let message = try signed(Checkpoint.maximumMessageByteCount) {
      let signed = try checkpoint.sign(with: &$0, into: $1)
      hash = signed.sigStructureHash
      return signed.byteCount
    }
    log.previous = hash
    log.batch += 1
    var head = [UInt8](repeating: 0, count: Batch.maximumFrameByteCount)
    let headCount = Batch.encodeHead(
      checkpoint: message.span, itemCount: leaves.count, into: head.mutableSpan)
    var bytes = Array(head.prefix(headCount))
    for leaf in leaves {
      var item = [UInt8](repeating: 0, count: 1100)
      let count = Batch.encodeItem(leaf: leaf.span, into: item.mutableSpan)
      bytes += item.prefix(count)
    }
    return bytes
  }
}
