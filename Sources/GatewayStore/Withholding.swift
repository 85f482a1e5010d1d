import Coverage
import CoverageVerifier
import FixedMemory
import Foundation
import GRDB
import Proofs
import Records

/// A batch as it may be shown at some moment.
public struct ShownBatch: Equatable, Sendable {
  public let bytes: [UInt8]
  /// Leaves in whose place a hash stands that says nothing, since the reveal of their window is not due.
  public let withheld: [UInt64]
}

/// Leaves that are passed over, as if nobody had them.
struct HiddenLeaves {
  private struct Log: Hashable {
    let device: Int64
    let epoch: UInt64
  }

  private var leaves: [Log: Set<UInt64>] = [:]

  mutating func add(_ withheld: [UInt64], device: Int64, epoch: UInt64) {
    guard !withheld.isEmpty else { return }
    leaves[Log(device: device, epoch: epoch), default: []].formUnion(withheld)
  }

  func has(device: Int64, epoch: UInt64, leaf: UInt64) -> Bool {
    guard !leaves.isEmpty else { return false }
    return leaves[Log(device: device, epoch: epoch)]?.contains(leaf) ?? false
  }
}

/// The one place where it is decided what of a stored batch others may see (docs/coverage-protocol.md: leaves of kinds
/// 8 to 12 are nobody's but the device owner's before the reveal of their window is due). What leaves the store as
/// bytes goes through here.
///
///     leaf of kinds 8 to 12 ── its number ──▶ a challenge of this gateway: until its reveal is due
///                                         ╲─▶ none, another gateway's perhaps: `longestDelay` from its receipt on
///
/// A hash stands in the place of what is withheld: the batch gives its signed root as before.
struct Withholding {
  /// A challenge is before the leaf that speaks of it; a window begins within a day, lasts one, and is revealed at most
  /// 30 windows later.
  static let longestDelayMilliseconds: Int64 =
    (2 + Int64(CoveragePolicy.maximumRevealWindows)) * 86_400_000

  private let database: Database
  private let utcMilliseconds: Int64
  /// When reveals of a number are due; nil: no challenge of it asks for beacons.
  private var dues: [UInt64: Int64?] = [:]
  private var frameDues: [UInt16: Int64?] = [:]

  init(_ database: Database, atUTCMilliseconds now: Int64) {
    self.database = database
    utcMilliseconds = now
  }

  /// The batch with hashes in the place of what is not to be shown yet.
  mutating func shown(_ bytes: [UInt8], _ summary: BatchSummary) throws -> ShownBatch {
    guard try Self.mayHaveBeacons(bytes) else { return ShownBatch(bytes: bytes, withheld: []) }
    let items = try BatchFilling.items(of: bytes, from: summary.start)
    var undue: Set<UInt64> = []
    for item in items {
      guard let leaf = item.leaf, try isUndue(leaf, summary) else { continue }
      undue.insert(item.from)
    }
    guard !undue.isEmpty else { return ShownBatch(bytes: bytes, withheld: []) }
    let message = try BatchFilling.message(of: bytes)
    // With many hashes between readings it would be no batch any more: then readings beside them go too.
    for level in 0...9 {
      let hidden = level == 0 ? undue : Self.widened(undue, level, items)
      if let shown = Self.shown(message, items, hidden, summary.first) { return shown }
    }
    let all = Set(items.lazy.filter { $0.leaf != nil }.map(\.from))
    // Only of a log of 2^60 leaves all that is more than a batch holds: who makes one up hides nothing by it.
    return Self.shown(message, items, all, summary.first) ?? ShownBatch(bytes: bytes, withheld: [])
  }

  /// A look at the kinds alone: [kind, …
  private static func mayHaveBeacons(_ bytes: [UInt8]) throws -> Bool {
    var reader = try BatchReader(bytes.span)
    while !reader.isAtEnd {
      if case .leaf(let leaf) = try reader.next(), leaf.count > 1, (8...12).contains(leaf[1]) {
        return true
      }
    }
    return false
  }

  // MARK: - Dates

  private mutating func isUndue(_ bytes: [UInt8], _ summary: BatchSummary) throws -> Bool {
    guard bytes.count > 1, (8...12).contains(bytes[1]) else { return false }
    let leaf = try Leaf(decoding: bytes.span)
    let due: Int64?
    switch leaf.kind {
    case .intent: due = try self.due(UInt64(leaf.intent().number))
    case .sent: due = try self.due(UInt64(leaf.sent().number))
    case .reveal: due = try self.due(UInt64(leaf.reveal().number))
    case .listen: due = try self.due(UInt64(leaf.listen().number))
    case .witness:
      let frame = try leaf.witness().frame
      due = try frameDue(UInt16(frame[6]) << 8 | UInt16(frame[7]))
    default: return false
    }
    let received = summary.receivedUTCMilliseconds
    let (latest, isOutside) = received.addingReportingOverflow(Self.longestDelayMilliseconds)
    return utcMilliseconds < due ?? (isOutside ? .max : latest)
  }

  private mutating func due(_ number: UInt64) throws -> Int64? {
    if let known = dues[number] { return known }
    let due = try Int64.fetchOne(
      database.cachedStatement(sql: "SELECT reveal_utc FROM challenge WHERE number = ?"),
      arguments: [Int64(clamping: number)])
    dues[number] = due
    return due
  }

  /// Of the newest numbers that end so. An older one was due 65 536 challenges ago.
  private mutating func frameDue(_ ending: UInt16) throws -> Int64? {
    if let known = frameDues[ending] { return known }
    let newest = try Int64.fetchOne(database, sql: "SELECT max(number) FROM challenge") ?? 0
    var number = newest - ((newest - Int64(ending)) & 0xffff)
    var due: Int64?
    for _ in 0..<2 where number > 0 {
      due = [due, try self.due(UInt64(number))].compactMap { $0 }.max()
      number -= 65_536
    }
    frameDues[ending] = due
    return due
  }

  // MARK: - Bytes

  /// And the readings that share an aligned block of 2^level leaves with one of them. Nothing else: clocks and gaps are
  /// what verdicts rest on.
  private static func widened(
    _ undue: Set<UInt64>, _ level: Int, _ items: [BatchFilling.Item]
  ) -> Set<UInt64> {
    let blocks = Set(undue.map { $0 >> UInt64(level) })
    return items.reduce(into: undue) { hidden, item in
      guard let leaf = item.leaf, leaf.count > 1, leaf[1] == LeafKind.reading.rawValue,
        blocks.contains(item.from >> UInt64(level))
      else { return }
      hidden.insert(item.from)
    }
  }

  /// Nil when that is more than a batch can hold.
  private static func shown(
    _ message: [UInt8], _ items: [BatchFilling.Item], _ hidden: Set<UInt64>, _ first: UInt64
  ) -> ShownBatch? {
    var shown: [BatchFilling.Item] = []
    for item in items {
      guard let leaf = item.leaf, hidden.contains(item.from) else {
        shown.append(item)
        continue
      }
      shown.append(
        BatchFilling.Item(
          from: item.from, count: 1, leaf: nil, hash: OpenSSLTreeHash.leafHash(leaf.span)))
    }
    shown = joined(shown, first)
    guard shown.count(where: { $0.leaf == nil }) <= Batch.maximumSubtreeItemCount,
      let bytes = BatchFilling.encode(message, shown),
      bytes.count <= Batch.maximumByteCountWithSubtrees
    else { return nil }
    return ShownBatch(bytes: bytes, withheld: hidden.sorted())
  }

  /// Two hashes of one larger subtree become its hash; what leads to the batch stays as it is.
  private static func joined(_ items: [BatchFilling.Item], _ first: UInt64)
    -> [BatchFilling.Item]
  {
    var result: [BatchFilling.Item] = []
    for item in items {
      result.append(item)
      while result.count > 1 {
        let (left, right) = (result[result.count - 2], result[result.count - 1])
        guard left.leaf == nil, right.leaf == nil, left.count == right.count,
          left.from >= first, left.count < 1 << 62, left.from & (2 * left.count - 1) == 0
        else { break }
        result.removeLast(2)
        result.append(
          BatchFilling.Item(
            from: left.from, count: 2 * left.count, leaf: nil,
            hash: OpenSSLTreeHash.nodeHash(left.hash, right.hash)))
      }
    }
    return result
  }
}

extension GatewayStore {
  /// What others may see of it at this moment.
  public func shown(_ batch: ArchivedBatch, atUTCMilliseconds now: Int64) throws -> ShownBatch {
    try database.read { database in
      var withholding = Withholding(database, atUTCMilliseconds: now)
      return try withholding.shown(batch.bytes, batch.summary)
    }
  }
}
