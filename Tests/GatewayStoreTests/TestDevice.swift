import CBOR
import FixedMemory
import Foundation
import GatewayStore
import Identity
import Proofs
import Records
import Signers
import Testing

/// A device as its gateway sees it: signs batches of whatever leaves a test gives it.
final class TestDevice {
  /// Where a log stands. A copy of it is a copied card.
  struct Log {
    var epoch: UInt64 = 0
    var batch: UInt64 = 0
    var boot: UInt64 = 1
    var frontier = MerkleFrontier()
    var previous = Digest()
  }

  private var key: FileKey
  let publicKey: PublicKey
  var log = Log()

  init(seed: UInt8 = 7) throws {
    var bytes = FixedBytes<32>()
    bytes[0] = seed
    key = try FileKey(seed: bytes)
    publicKey = key.publicKey
  }

  /// The first enrolment: the body of POST /v1/devices.
  var enrolment: [UInt8] {
    get throws { try signedEnrolment() }
  }

  /// An enrolment with these figures.
  func signedEnrolment(
    version: UInt64 = 1, previous: Digest? = nil, place: Place? = nil, anchor: Anchor? = nil,
    radio: RadioSetup? = nil, _ authorization: [UInt8] = []
  ) throws -> [UInt8] {
    let enrolment = Enrolment(
      version: version, previous: previous, deviceKey: publicKey, storage: .file, anchor: anchor,
      place: place, radio: radio, validFromUTCMilliseconds: nil)
    return try signedBytes(Enrolment.maximumMessageByteCount) {
      try enrolment.sign(authorization: authorization.span, with: &key, into: $0).byteCount
    }
  }

  /// Signs the next batch. `change` may spoil the checkpoint before it is signed; `leading` stands in
  /// front of the leaves, which begin behind it.
  func seal(
    _ leaves: [[UInt8]], leading: [(count: UInt64, hash: Digest)] = [],
    change: (inout Checkpoint) -> Void = { _ in }
  ) throws -> [UInt8] {
    let first = log.frontier.size
    for leaf in leaves { log.frontier.append(leafHash: MerkleTree.leafHash(leaf.span)) }
    let times = try leaves.map { try Leaf(decoding: $0.span).milliseconds }
    var checkpoint = Checkpoint(
      algorithm: .ed25519, keyID: publicKey.keyID, epoch: log.epoch, batch: log.batch, first: first,
      size: log.frontier.size, boot: log.boot, firstLeafMilliseconds: times.first ?? 0,
      lastLeafMilliseconds: times.last ?? 0, flags: 1, previous: log.previous,
      root: log.frontier.root())
    change(&checkpoint)
    var message = [UInt8](repeating: 0, count: Checkpoint.maximumMessageByteCount)
    let signed = try checkpoint.sign(with: &key, into: message.mutableSpan)
    message.removeLast(message.count - signed.byteCount)
    log.previous = signed.sigStructureHash
    log.batch += 1
    return Self.batch(message, leaves: leaves, leading: leading)
  }

  static func batch(
    _ message: [UInt8], leaves: [[UInt8]], leading: [(count: UInt64, hash: Digest)]
  ) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 100_000)
    var count = Batch.encodeHead(
      checkpoint: message.span, itemCount: leaves.count + leading.count, into: bytes.mutableSpan)
    func append(_ encode: (consuming MutableSpan<UInt8>) -> Int) {
      var item = [UInt8](repeating: 0, count: 2000)
      let itemCount = encode(item.mutableSpan)
      for index in 0..<itemCount { bytes[count + index] = item[index] }
      count += itemCount
    }
    for subtree in leading {
      append { Batch.encodeItem(subtree: subtree.hash, count: subtree.count, into: $0) }
    }
    for leaf in leaves { append { Batch.encodeItem(leaf: leaf.span, into: $0) } }
    return Array(bytes.prefix(count))
  }

  /// Passes over leaves as if they had been dropped: the subtrees that a resumed batch leads with.
  func skip(_ leaves: [[UInt8]]) -> [(count: UInt64, hash: Digest)] {
    let result = leaves.map { (count: UInt64(1), hash: MerkleTree.leafHash($0.span)) }
    for leaf in leaves { log.frontier.append(leafHash: MerkleTree.leafHash(leaf.span)) }
    log.batch += 1
    return result
  }
}

extension MerkleFrontier {
  /// The peaks as the items of a resumed batch from leaf 0.
  var subtrees: [(count: UInt64, hash: Digest)] {
    var remaining = size
    return (0..<peakCount).map { index in
      let count = UInt64(1) << UInt64(63 - remaining.leadingZeroBitCount)
      remaining -= count
      return (count, peak(at: index))
    }
  }
}

/// Leaves as a device writes them.
enum TestLeaf {
  private static func encoded(_ encode: (consuming MutableSpan<UInt8>) -> Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = encode(bytes.mutableSpan)
    return Array(bytes.prefix(count))
  }

  static func boot(_ boot: UInt64 = 1, at milliseconds: Int64 = 0) -> [UInt8] {
    let hash = [UInt8](repeating: 0, count: 32)
    return encoded {
      LeafEncoding.boot(
        milliseconds: milliseconds, bootCount: boot, agentVersion: "0.1.0", programHash: hash.span,
        board: Array("virtual".utf8).span, configurationHash: hash.span, flags: 1, claims: Span(),
        into: $0)
    }
  }

  /// Two quantities: temperature in hundredths, pressure in tens of pascals.
  static func schema(_ schema: UInt16 = 1, at milliseconds: Int64 = 0, power: Int8 = -2) -> [UInt8]
  {
    var quantities = Quantities(filler: Quantity(name: "", unit: "", powerOfTen: 0))
    quantities.append(Quantity(name: "temperature", unit: "Cel", powerOfTen: power))
    quantities.append(Quantity(name: "pressure", unit: "Pa", powerOfTen: 1))
    return encoded {
      LeafEncoding.schema(
        schema: schema, milliseconds: milliseconds, quantities: quantities, chip: "BMP180",
        bus: Array("i2c-1".utf8).span, address: 0x77, serialNumber: Span(), into: $0)
    }
  }

  static func reading(_ values: [Int64?], schema: UInt16 = 1, at milliseconds: Int64) -> [UInt8] {
    var list = ReadingValues(filler: nil)
    for value in values { list.append(value) }
    return encoded {
      LeafEncoding.reading(schema: schema, milliseconds: milliseconds, values: list, into: $0)
    }
  }

  static func clock(_ source: FixSource, utc: Int64, at milliseconds: Int64) -> [UInt8] {
    encoded {
      LeafEncoding.clock(
        milliseconds: milliseconds, source: source, utcMilliseconds: utc,
        uncertaintyMilliseconds: 25, into: $0)
    }
  }

  static func fault(_ code: FaultCode, at milliseconds: Int64) -> [UInt8] {
    encoded {
      LeafEncoding.fault(schema: 1, milliseconds: milliseconds, code: code, count: 3, into: $0)
    }
  }

  static func gap(at milliseconds: Int64) -> [UInt8] {
    encoded {
      LeafEncoding.gap(
        .measurementsMissed, schema: 1, milliseconds: milliseconds, from: 10, to: 20, count: 2,
        reason: .late, into: $0)
    }
  }

  static func position(at milliseconds: Int64) -> [UInt8] {
    encoded {
      LeafEncoding.position(
        milliseconds: milliseconds, source: .gnss, latitudeE7: 488_584_000,
        longitudeE7: -22_945_000,
        altitudeCentimetres: 3550, accuracyCentimetres: nil, into: $0)
    }
  }
}

/// A gateway with a key that is the same in every run, so that its receipts are too.
enum TestGateway {
  static func key() throws -> FileKey {
    var seed = FixedBytes<32>()
    seed[31] = 1
    return try FileKey(seed: seed)
  }

  static func make(
    _ store: GatewayStore? = nil, admission: Admission = .open
  ) throws -> Gateway {
    try Gateway(store: store ?? .inMemory(), key: key(), admission: admission)
  }

  static let now: Int64 = 1_795_000_000_000
}

extension Gateway {
  func receive(_ batch: [UInt8]) -> Answer { receive(batch, utcMilliseconds: TestGateway.now) }

  func enrol(_ device: TestDevice) throws {
    _ = try enrol(try device.enrolment, utcMilliseconds: TestGateway.now)
  }

  /// Batches and kept pairs: what an attack must not change.
  var rows: [Int] {
    get throws {
      let counts = try store.counts()
      return [counts.batches, counts.forks + counts.closedEpoch]
    }
  }
}

extension Gateway.Answer {
  var receipt: [UInt8]? {
    switch self {
    case .stored(let receipt, _), .repeated(let receipt, _), .filled(let receipt, _): receipt
    case .refused: nil
    }
  }

  var isStored: Bool {
    switch self {
    case .stored: true
    case .repeated, .filled, .refused: false
    }
  }

  var isFilled: Bool {
    switch self {
    case .filled: true
    case .stored, .repeated, .refused: false
    }
  }

  var isRepeated: Bool {
    switch self {
    case .repeated: true
    case .stored, .filled, .refused: false
    }
  }

  var problem: Problem? {
    switch self {
    case .refused(let problem, _): problem
    case .stored, .repeated, .filled: nil
    }
  }

  var code: RefusalCode? { problem?.code }
}

/// The message that `sign` writes.
func signedBytes(
  _ maximumByteCount: Int, _ sign: (consuming MutableSpan<UInt8>) throws -> Int
) rethrows -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: maximumByteCount)
  let count = try sign(bytes.mutableSpan)
  return Array(bytes.prefix(count))
}

/// An owner with a key on a desk, whose word gateways ask for.
final class TestOwner {
  private var key: FileKey
  let publicKey: PublicKey
  private var nonce: UInt8 = 0

  init(seed: UInt8 = 200) throws {
    var bytes = FixedBytes<32>()
    bytes[1] = seed
    key = try FileKey(seed: bytes)
    publicKey = key.publicKey
  }

  /// An invite, or with a node a move.
  func invite(
    to gateway: Gateway, node: Digest? = nil, uses: Invite.Uses = .once,
    expires: Int64 = TestGateway.now + 1
  ) throws -> [UInt8] {
    var nonce = FixedBytes<16>()
    self.nonce += 1
    nonce[0] = self.nonce
    let invite = Invite(
      ownerKey: publicKey, gatewayKeyHash: gateway.publicKey.hash, node: node,
      expiresUTCMilliseconds: expires, uses: uses, nonce: nonce)
    return try signedBytes(Invite.maximumMessageByteCount) {
      try invite.sign(with: &key, into: $0).byteCount
    }
  }

  func succession(of node: Digest, from old: PublicKey, to new: PublicKey) throws -> [UInt8] {
    let succession = Succession(
      ownerKey: publicKey, oldKeyHash: old.hash, newKey: new, issuedUTCMilliseconds: 5, node: node)
    return try signedBytes(Succession.maximumMessageByteCount) {
      try succession.sign(with: &key, into: $0).byteCount
    }
  }

  func revocation(of device: PublicKey, node: Digest) throws -> [UInt8] {
    let revocation = Revocation(
      ownerKey: publicKey, deviceKeyHash: device.hash, reason: .lostOrStolen,
      issuedUTCMilliseconds: 6, node: node)
    return try signedBytes(Revocation.maximumMessageByteCount) {
      try revocation.sign(with: &key, into: $0).byteCount
    }
  }
}

/// The worked example of docs/proof-format.md: RFC 8032's first key, two batches.
enum WorkedExample {
  static var enrolment: [UInt8] {
    get throws {
      let seed = bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
      let found: FixedBytes<32>? = FixedBytes(seed.span)
      var key = try FileKey(seed: try #require(found))
      let enrolment = Enrolment(
        version: 1, previous: nil, deviceKey: key.publicKey, storage: .file, anchor: nil,
        place: nil, radio: nil, validFromUTCMilliseconds: nil)
      return try signedBytes(Enrolment.maximumMessageByteCount) {
        try enrolment.sign(authorization: Span(), with: &key, into: $0).byteCount
      }
    }
  }
  static let batch0 = bytes(
    "8258b9d2845850a50127044821fe31dfa154a261106a636169726e2d636b707419018b013a000100008a010000",
    "0004010c1903e80158200000000000000000000000000000000000000000000000000000000000000000a05820",
    "45646655051f9d2de9e9af207037bf89506d2d9e762a09f59c5dbfefd178b5525840eed97d1d450e4abdc7dfac",
    "59a004f831bd1c3a4310d48dc3cc22e873738cc191a5ccc1d5080eefae66b9b98fe8712e8606c1c5efbb62358c",
    "0c07c9e15772740c8458598a00000c0165302e312e305820000000000000000000000000000000000000000000",
    "0000000000000000000000677669727475616c5820000000000000000000000000000000000000000000000000",
    "000000000000000001405845880201182883836b74656d70657261747572656343656c22836868756d69646974",
    "796325524822836870726573737572656250610066424d45323830656932632d3118766050860500183c021b00",
    "00013bf368580014518601011903e8190f3c19e7ea1a00018b8c")
  static let batch1 = bytes(
    "8258bdd2845854a50127044821fe31dfa154a261106a636169726e2d636b707419018b013a000100008a010001",
    "04070119ee481a0002c3080158201b965e3e103a714fc66f6446bc7c0f7a5c8571c55138061a18812c807ce895",
    "60a058204a466d2ceff9295d513823596dfda10cd116eed48661b870f4bfe618033ea16758407571c8c95d1a32",
    "084bf34b8f75cda0b5e1d19516447aa114996cee12aad8e36fe50851a9e6b2185b5339ff5df828a6681f8bba29",
    "c9a9235feee3a492ee822b03835186010119ee48190f4619e8081a00018b874a8503011a0001d8a80201518601",
    "011a0002c308190f3cf61a00018b83")

  private static func bytes(_ parts: String...) -> [UInt8] {
    [UInt8](hexadecimal: parts.joined()) ?? []
  }
}
