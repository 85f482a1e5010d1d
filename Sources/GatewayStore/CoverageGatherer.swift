import CBOR
import CoverageVerifier
import FixedMemory
import Foundation
import GRDB
import Identity
import Proofs
import Records

/// Fills a book with what the store has of some beacons, each thing once, within one transaction. What is read grows
/// with the beacons that are asked for and with what bears on them, not with what the store holds besides.
struct CoverageGatherer {
  private(set) var book = CoverageBook()
  private let database: Database
  private let links: VerifiedLinks
  /// Leaves that are passed over.
  private let hidden: HiddenLeaves
  /// By key, under number 0; nil: no device has it.
  private var devices: [BeaconName: Int64?] = [:]
  private var witnessed: Set<BeaconName> = []
  private var numbers: Set<UInt32> = []
  /// Of which only the challenge was looked for.
  private var drawn: Set<UInt32> = []
  private var added: Set<LeafPlace> = []
  private var hasGaps: Set<Int64> = []
  /// Witness leaves, and listen leaves for each beacon again: a verdict looks at each.
  private(set) var hearerCount = 0
  private var listenerCounts: [UInt32: Int] = [:]
  /// Reveals of later numbers that were read, each as often as it was.
  private(set) var laterRevealCount = 0

  private struct LeafPlace: Hashable {
    let device: Int64
    let epoch: UInt64
    let leaf: UInt64
  }

  /// A boot of a device.
  private struct Boot {
    let device: Int64
    let epoch: Int64
    let boot: Int64
  }

  init(
    _ database: Database, hidden: HiddenLeaves = HiddenLeaves(), links: VerifiedLinks
  ) {
    self.database = database
    self.links = links
    self.hidden = hidden
  }

  /// Everything that the evidence about this beacon may need.
  mutating func gather(_ name: BeaconName) throws {
    if numbers.insert(name.number).inserted {
      try gatherChallenge(name.number)
      try gatherListeners(name.number)
    }
    hearerCount += listenerCounts[name.number] ?? 0
    guard let device = try gatherDevice(name.keyHash) else { return }
    try gatherOwn(name, device)
    try gatherReveals(name, device)
    if witnessed.insert(name).inserted { try gatherWitnesses(name) }
  }

  /// What a draw of this key needs: challenge, documents, sent leaves and reveals.
  mutating func gatherDraw(_ name: BeaconName) throws {
    if drawn.insert(name.number).inserted, !numbers.contains(name.number) {
      try gatherChallenge(name.number)
    }
    guard let device = try gatherDevice(name.keyHash) else { return }
    try gatherOwn(name, device)
    try gatherReveals(name, device)
  }

  private mutating func gatherChallenge(_ number: UInt32) throws {
    let row = try Row.fetchOne(
      database,
      sql: """
        SELECT challenge.leaf, log.bytes FROM challenge JOIN log ON log.id = challenge.leaf
        WHERE challenge.number = ?
        """, arguments: [Int64(number)])
    guard let row else { return }
    guard let leaf = UInt64(exactly: row[0] as Int64) else { throw StoreDamage() }
    let message = try LogLeaf(index: leaf, bytes: Array(row[1] as Data)).document
    try book.add(challenge: message, logLeaf: leaf)
  }

  // MARK: - Devices

  /// A device's documents and node; nil when no device has this key.
  private mutating func gatherDevice(_ keyHash: Digest) throws -> Int64? {
    let name = BeaconName(keyHash: keyHash, number: 0)
    if let known = devices[name] { return known }
    let found = try Device.find(database, keyHash: keyHash)
    devices[name] = .some(found?.id)
    guard let device = found else { return nil }
    try gatherDocuments(of: device.id, keyHash)
    guard let node = try StoredNode.find(database, ofDevice: device.id) else { return device.id }
    set(node, of: keyHash)
    // Where it stands may be told under another of its keys.
    for other in try node.allKeys(database) where other.keyHash != keyHash {
      let name = BeaconName(keyHash: other.keyHash, number: 0)
      guard devices[name] == nil else { continue }
      devices[name] = .some(other.id)
      try gatherDocuments(of: other.id, other.keyHash)
      set(node, of: other.keyHash)
    }
    return device.id
  }

  private mutating func set(_ node: StoredNode, of keyHash: Digest) {
    book.setNode(of: keyHash, node: node.rules.id, owner: node.rules.ownerKey?.hash)
  }

  private mutating func gatherDocuments(of device: Int64, _ keyHash: Digest) throws {
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT log.bytes FROM log_device JOIN log ON log.id = log_device.leaf
        WHERE log_device.device = ? ORDER BY log_device.leaf
        """, arguments: [device])
    while let row = try rows.next() { try add(logLeaf: Array(row[0] as Data), of: keyHash) }
  }

  private mutating func add(logLeaf bytes: [UInt8], of keyHash: Digest) throws {
    let leaf = try GatewayLogLeaf(decoding: bytes.span)
    let utc = leaf.utcMilliseconds
    switch leaf.document {
    case .firstKey: break
    case .message(let message):
      if leaf.kind == .enrolment {
        book.add(
          try EnrolmentMessage(decoding: message).enrolment, loggedUTCMilliseconds: utc)
      } else if leaf.kind == .revocation {
        book.revoke(keyHash, utcMilliseconds: utc)
      }
    case .operatorRevocation: book.revoke(keyHash, utcMilliseconds: utc)
    case .fork(let held, _):
      let checkpoint = try Checkpoint(decoding: held)
      book.addFork(of: keyHash, epoch: checkpoint.epoch, batch: checkpoint.batch)
    }
  }

  /// Leaves that tell of gaps: looked for only when something is missing beside a leaf.
  private mutating func gatherGaps(_ device: Int64) throws {
    guard hasGaps.insert(device).inserted else { return }
    let rows = try Row.fetchCursor(
      database,
      sql: "SELECT \(Self.columns) WHERE coverage_leaf.device = ? AND coverage_leaf.kind = ?",
      arguments: [device, Int(LeafKind.event.rawValue)])
    while let row = try rows.next() { try add(row) }
  }

  // MARK: - Leaves

  private static let columns = """
    coverage_leaf.kind, coverage_leaf.name, coverage_leaf.device, coverage_leaf.epoch,
    coverage_leaf.leaf, coverage_leaf.batch, coverage_leaf.beside, coverage_leaf.bytes,
    batch.boot, batch.simulated, batch.received_utc, device.key_hash
    FROM coverage_leaf
    JOIN batch ON batch.device = coverage_leaf.device AND batch.epoch = coverage_leaf.epoch
      AND batch.batch = coverage_leaf.batch
    JOIN device ON device.id = coverage_leaf.device
    """

  /// Adds a leaf once; false when it is one that is passed over.
  @discardableResult
  private mutating func add(_ row: Row) throws -> Bool {
    guard let kind = LeafKind(rawValue: row["kind"]), let hash = Digest(row["key_hash"] as Data)
    else { throw StoreDamage() }
    let device: Int64 = row["device"]
    let (epoch, leaf) = (try Self.unsigned(row["epoch"]), try Self.unsigned(row["leaf"]))
    guard !hidden.has(device: device, epoch: epoch, leaf: leaf) else { return false }
    guard added.insert(LeafPlace(device: device, epoch: epoch, leaf: leaf)).inserted else {
      return true
    }
    let beside: Int = row["beside"]
    if beside != 0 { try gatherGaps(device) }
    try book.add(
      CoverageLeaf(
        kind: kind, index: leaf, isBehindHash: beside & 1 != 0, isBeforeHash: beside & 2 != 0,
        bytes: Array(row["bytes"] as Data), name: UInt64(bitPattern: row["name"])),
      of: CoverageBook.Source(
        keyHash: hash, epoch: epoch, batch: try Self.unsigned(row["batch"]),
        boot: try Self.unsigned(row["boot"]), isSimulated: row["simulated"],
        receiptUTCMilliseconds: row["received_utc"]))
    return true
  }

  private static func unsigned(_ value: Int64) throws -> UInt64 {
    guard let value = UInt64(exactly: value) else { throw StoreDamage() }
    return value
  }

  private static func boot(_ row: Row) -> Boot {
    Boot(device: row["device"], epoch: row["epoch"], boot: row["boot"])
  }

  /// Challenge, intent, sent and reveal leaves of the number; of sent ones the clock, places and airtime.
  private mutating func gatherOwn(_ name: BeaconName, _ device: Int64) throws {
    var wanted: [(kind: LeafKind, name: Int64)] = [.intent, .sent, .reveal].map {
      ($0, Int64(name.number))
    }
    for challenge in book.challenge(name.number).map({ [$0] }) ?? [] {
      let hash = CoverageLeaf.challengeName(challenge.hash)
      wanted.append((.challenge, Int64(bitPattern: hash)))
    }
    for (kind, key) in wanted {
      let rows = try Row.fetchAll(
        database,
        sql: """
          SELECT \(Self.columns)
          WHERE coverage_leaf.kind = ? AND coverage_leaf.name = ? AND coverage_leaf.device = ?
          ORDER BY coverage_leaf.epoch, coverage_leaf.leaf
          """, arguments: [Int(kind.rawValue), key, device])
      var isFirst = true
      for row in rows where try add(row) && kind == .sent {
        try gatherSent(row, withAirtimes: isFirst)
        isFirst = false
      }
    }
  }

  private mutating func gatherSent(_ row: Row, withAirtimes: Bool) throws {
    let bytes = Array(row["bytes"] as Data)
    let start = try Leaf(decoding: bytes.span).sent().startMilliseconds
    let begin = try gatherMoment(Self.boot(row), start)
    guard withAirtimes, let begin else { return }
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT \(Self.columns) WHERE coverage_leaf.device = ? AND coverage_leaf.kind = ?
          AND (coverage_leaf.epoch, coverage_leaf.leaf) < (?, ?)
        ORDER BY coverage_leaf.epoch DESC, coverage_leaf.leaf DESC
        """,
      arguments: [
        row["device"] as Int64, Int(LeafKind.sent.rawValue), row["epoch"] as Int64,
        row["leaf"] as Int64,
      ])
    var count = 0
    while count < CoverageBook.maximumAirtimeCount, let other = try rows.next() {
      guard try add(other) else { continue }
      count += 1
      let bytes = Array(other["bytes"] as Data)
      let clock = try gatherClock(
        Self.boot(other), Leaf(decoding: bytes.span).sent().startMilliseconds)
      if let clock, clock <= begin - CoverageBook.hourMilliseconds { return }
    }
  }

  /// As `CoverageBook` chooses: up to the first one behind the number that leads to the anchor, those that are passed
  /// over for it, and what came before it was due.
  private mutating func gatherReveals(_ name: BeaconName, _ device: Int64) throws {
    let (first, end) = (Int64(name.number), Int64(name.number) + Int64(CoverageBook.linkCount))
    let kind = Int(LeafKind.reveal.rawValue)
    let nearest = try Row.fetchCursor(
      database,
      sql: """
        SELECT \(Self.columns) WHERE coverage_leaf.device = ? AND coverage_leaf.kind = ?
          AND coverage_leaf.name > ? AND coverage_leaf.name < ?
        ORDER BY coverage_leaf.name, coverage_leaf.epoch, coverage_leaf.leaf
        """, arguments: [device, kind, first, end])
    var (decided, count, looked) = (first, 0, 0)
    while looked < CoverageBook.maximumLaterRevealCount,
      count < CoverageBook.maximumFalseRevealCount, let row = try nearest.next()
    {
      guard try add(row) else { continue }
      looked += 1
      let number = row["name"] as Int64
      guard number != decided, try isSound(reveal: row, of: name.keyHash) else { continue }
      (decided, count) = (number, count + 1)
      if book.leads(behind: name, number: UInt32(number), links: links) == true { break }
    }
    laterRevealCount += looked
    let early = try Row.fetchCursor(
      database,
      sql: """
        SELECT \(Self.columns) WHERE coverage_leaf.early = 1 AND coverage_leaf.device = ?
          AND coverage_leaf.name > ? AND coverage_leaf.name < ? AND coverage_leaf.kind = ?
        ORDER BY batch.received_utc, coverage_leaf.name, coverage_leaf.epoch, coverage_leaf.leaf
        """, arguments: [device, first, end, kind])
    while let row = try early.next() {
      if try add(row) { break }
    }
  }

  private func isSound(reveal row: Row, of keyHash: Digest) throws -> Bool {
    guard let number = UInt32(exactly: row["name"] as Int64) else { throw StoreDamage() }
    return book.hasSoundReveal(
      BeaconName(keyHash: keyHash, number: number), epoch: try Self.unsigned(row["epoch"]),
      leaf: try Self.unsigned(row["leaf"]))
  }

  /// Behind the sender's own leaves: its intent decides.
  private mutating func gatherWitnesses(_ name: BeaconName) throws {
    guard let challenge = book.challenge(name.number)?.challenge,
      let due = challenge.revealUTCMilliseconds
    else { return }
    let (last, isOutside) = due.addingReportingOverflow(CoverageBook.lateMilliseconds)
    guard !isOutside else { return }
    let frame = CoverageLeaf.frameName(keyHash: name.keyHash, number: name.number)
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT \(Self.columns) WHERE coverage_leaf.kind = ? AND coverage_leaf.name = ?
          AND batch.received_utc >= ? AND batch.received_utc <= ?
        \(Self.earliest)
        """,
      arguments: [
        Int(LeafKind.witness.rawValue), Int64(bitPattern: frame), challenge.issuedUTCMilliseconds,
        last,
      ])
    for row in try chosen(rows, intended: book.intendedFrames(of: name)) {
      try add(row)
      hearerCount += 1
      try gatherDevice(of: row)
      let bytes = Array(row["bytes"] as Data)
      let end = try Leaf(decoding: bytes.span).witness().reception.endMilliseconds
      _ = try gatherMoment(Self.boot(row), end)
    }
  }

  private mutating func gatherListeners(_ number: UInt32) throws {
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT \(Self.columns) WHERE coverage_leaf.kind = ? AND coverage_leaf.name = ?
        \(Self.earliest)
        """, arguments: [Int(LeafKind.listen.rawValue), Int64(number)])
    for row in try chosen(rows, intended: []) {
      try add(row)
      listenerCounts[number, default: 0] += 1
      try gatherDevice(of: row)
    }
  }

  /// As `CoverageBook` chooses among all; memory holds the chosen ones.
  private func chosen(_ rows: RowCursor, intended: Set<BeaconName>) throws -> [Row] {
    var choice = HearerChoice<Row>()
    while let row = try rows.next() {
      guard let hash = Digest(row["key_hash"] as Data) else { throw StoreDamage() }
      let (epoch, leaf) = (try Self.unsigned(row["epoch"]), try Self.unsigned(row["leaf"]))
      guard !hidden.has(device: row["device"], epoch: epoch, leaf: leaf) else { continue }
      var isIntended = false
      if !intended.isEmpty {
        let bytes = Array(row["bytes"] as Data)
        let frame = try Leaf(decoding: bytes.span).witness().frame
        isIntended = CoverageBook.has(intended, frame.span)
      }
      choice.add(row.copy(), of: hash, isIntended: isIntended)
    }
    return choice.chosen
  }

  /// As `CoverageBook` orders them when there are too many.
  private static let earliest =
    "ORDER BY batch.received_utc, device.key_hash, coverage_leaf.epoch, coverage_leaf.leaf"

  private mutating func gatherDevice(of row: Row) throws {
    guard let hash = Digest(row["key_hash"] as Data) else { throw StoreDamage() }
    _ = try gatherDevice(hash)
  }

  // MARK: - Time and place

  /// The clock and the fixes of a moment; gives its UTC.
  private mutating func gatherMoment(_ boot: Boot, _ milliseconds: Int64) throws -> Int64? {
    let utc = try gatherClock(boot, milliseconds)
    let (first, isBefore) = milliseconds.subtractingReportingOverflow(
      CoverageBook.hourMilliseconds)
    let (last, isBehind) = milliseconds.addingReportingOverflow(CoverageBook.hourMilliseconds)
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT leaf, bytes FROM coverage_fix
        WHERE device = ? AND kind = ? AND epoch = ? AND boot = ? AND milliseconds >= ?
          AND milliseconds <= ? ORDER BY milliseconds, leaf
        """,
      arguments: [
        boot.device, Int(LeafKind.position.rawValue), boot.epoch, boot.boot,
        isBefore ? .min : first, isBehind ? .max : last,
      ])
    var count = 0
    while count < CoverageBook.maximumFixCount, let row = try rows.next() {
      if try add(fix: row, .position, boot) { count += 1 }
    }
    return utc
  }

  /// The last clock leaf before the moment, or the first behind it; gives the moment's UTC.
  private mutating func gatherClock(_ boot: Boot, _ milliseconds: Int64) throws -> Int64? {
    let place = "device = ? AND kind = ? AND epoch = ? AND boot = ?"
    let orders = [
      "milliseconds <= ? ORDER BY milliseconds DESC, leaf DESC",
      "milliseconds > ? ORDER BY milliseconds, leaf",
    ]
    for order in orders {
      let rows = try Row.fetchCursor(
        database, sql: "SELECT leaf, bytes FROM coverage_fix WHERE \(place) AND \(order)",
        arguments: [
          boot.device, Int(LeafKind.clock.rawValue), boot.epoch, boot.boot, milliseconds,
        ])
      while let row = try rows.next() {
        guard try add(fix: row, .clock, boot) else { continue }
        let bytes = Array(row["bytes"] as Data)
        let leaf = try Leaf(decoding: bytes.span)
        let (passed, isFar) = milliseconds.subtractingReportingOverflow(leaf.milliseconds)
        let (utc, isOutside) = try leaf.clock().utcMilliseconds.addingReportingOverflow(passed)
        return isFar || isOutside || !(0..<1 << 53).contains(utc) ? nil : utc
      }
    }
    return nil
  }

  /// False when it is one that is passed over.
  private mutating func add(fix row: Row, _ kind: LeafKind, _ boot: Boot) throws -> Bool {
    let (epoch, leaf) = (try Self.unsigned(boot.epoch), try Self.unsigned(row["leaf"]))
    guard !hidden.has(device: boot.device, epoch: epoch, leaf: leaf) else { return false }
    guard added.insert(LeafPlace(device: boot.device, epoch: epoch, leaf: leaf)).inserted else {
      return true
    }
    let hash = try Data.fetchOne(
      database.cachedStatement(sql: "SELECT key_hash FROM device WHERE id = ?"),
      arguments: [boot.device])
    guard let keyHash = hash.flatMap({ Digest($0) }) else { throw StoreDamage() }
    try book.add(
      CoverageLeaf(
        kind: kind, index: leaf, isBehindHash: false, isBeforeHash: false,
        bytes: Array(row["bytes"] as Data), name: 0),
      of: CoverageBook.Source(
        keyHash: keyHash, epoch: epoch, batch: 0, boot: try Self.unsigned(boot.boot),
        isSimulated: false, receiptUTCMilliseconds: nil))
    return true
  }
}
