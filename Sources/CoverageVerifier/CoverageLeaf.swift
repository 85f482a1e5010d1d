import CBOR
import Coverage
import FixedMemory
import Proofs
import Records

/// A leaf that verdicts rest on, as it stands in a batch: kinds 5 to 12, and gaps of leaves (kind 4).
public struct CoverageLeaf: Equatable, Sendable {
  public let kind: LeafKind
  /// Index in the device's log.
  public let index: UInt64
  /// The item right before it, or right behind it, stands for leaves that are not there.
  public let isBehindHash: Bool
  public let isBeforeHash: Bool
  public let bytes: [UInt8]
  /// By what it is looked for: the number of kinds 8, 9, 10 and 12, the frame's name of kind 11, the first eight bytes
  /// of the hash of kind 7; 0 in other kinds.
  public let name: UInt64

  public init(
    kind: LeafKind, index: UInt64, isBehindHash: Bool, isBeforeHash: Bool, bytes: [UInt8],
    name: UInt64
  ) {
    self.kind = kind
    self.index = index
    self.isBehindHash = isBehindHash
    self.isBeforeHash = isBeforeHash
    self.bytes = bytes
    self.name = name
  }

  /// The name of frames with this key and number: the first four bytes of the key's hash, and 16 bits.
  public static func frameName(keyHash: Digest, number: UInt32) -> UInt64 {
    var name: UInt64 = 0
    for index in 0..<4 { name = name << 8 | UInt64(keyHash[index]) }
    return name << 16 | UInt64(number & 0xffff)
  }

  /// Of a challenge's hash.
  public static func challengeName(_ hash: Digest) -> UInt64 {
    (0..<8).reduce(0) { $0 << 8 | UInt64(hash[$1]) }
  }

  /// All of a batch whose form is right. `start` is the first leaf that its items speak of; hashes stand for `withheld`
  /// leaves since they are not to be shown yet, and nothing is missing there.
  public static func all(in batch: Span<UInt8>, start: UInt64, withheld: Set<UInt64> = [])
    throws(CBORDecoder.Failure) -> [CoverageLeaf]
  {
    var found: [CoverageLeaf] = []
    var reader = try BatchReader(batch)
    var index = start
    var wasHash = false
    while !reader.isAtEnd {
      switch try reader.next() {
      case .subtree(let count, _):
        if let last = found.last, last.index &+ 1 == index, !withheld.contains(index) {
          found[found.count - 1] = last.beforeHash
        }
        // The caller has compared the sum with the checkpoint.
        index &+= count
        wasHash = !withheld.contains(index &- 1)
      case .leaf(let bytes):
        if let leaf = try CoverageLeaf(bytes, index, isBehindHash: wasHash) { found.append(leaf) }
        index &+= 1
        wasHash = false
      }
    }
    return found
  }

  private var beforeHash: CoverageLeaf {
    CoverageLeaf(
      kind: kind, index: index, isBehindHash: isBehindHash, isBeforeHash: true, bytes: bytes,
      name: name)
  }

  private init?(_ bytes: Span<UInt8>, _ index: UInt64, isBehindHash: Bool)
    throws(CBORDecoder.Failure)
  {
    // [kind, …: nearly all leaves are readings.
    guard bytes.count > 1, (4...12).contains(bytes[1]), let kind = LeafKind(rawValue: bytes[1])
    else { return nil }
    let leaf = try Leaf(decoding: bytes)
    guard leaf.kind == kind, let name = try Self.name(of: leaf, kind) else { return nil }
    self.init(
      kind: kind, index: index, isBehindHash: isBehindHash, isBeforeHash: false,
      bytes: bytes.withUnsafeBufferPointer { Array($0) }, name: name)
  }

  /// Nil for what no verdict needs.
  private static func name(of leaf: borrowing Leaf, _ kind: LeafKind) throws(CBORDecoder.Failure)
    -> UInt64?
  {
    switch kind {
    case .event:
      switch try leaf.event().code {
      case .leavesDropped, .olderLeavesDropped: return 0
      default: return nil
      }
    // Without a source it tells nothing, and a place that was typed in is that of the enrolment.
    case .clock:
      return try leaf.clock().sourceNumber == UInt64(FixSource.none.rawValue) ? nil : 0
    case .position:
      return try leaf.position().sourceNumber == UInt64(FixSource.gnss.rawValue) ? 0 : nil
    case .challenge: return Digest(try leaf.challengeHash()).map { challengeName($0) }
    case .intent: return UInt64(try leaf.intent().number)
    case .sent: return UInt64(try leaf.sent().number)
    case .reveal: return UInt64(try leaf.reveal().number)
    case .listen: return UInt64(try leaf.listen().number)
    case .witness:
      let frame = try leaf.witness().frame
      guard BeaconFrame(frame.span) != nil else { return nil }
      return (2..<8).reduce(0) { $0 << 8 | UInt64(frame[$1]) }
    case .boot, .reading, .schema, .fault, .frame, .health: return nil
    }
  }
}
