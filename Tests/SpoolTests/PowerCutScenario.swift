import FixedMemory
import Simulation
import Testing

@testable import Spool

/// What the owner of a spool knows when the power goes.
final class History {
  /// Everything that was ever appended, the entry in flight included.
  var items: [Item] = []
  var isFormatted = false
  /// The last entry before a commit or a synchronize that returned.
  var committedThrough: UInt64 = 0
  /// The last entry that a reader was shown while the power was on.
  var shownThrough: UInt64 = 0
  /// The first entry that no begun segment may have overwritten.
  var keptFrom: UInt64 = 1
  var notes: [String?] = [nil]
  /// The first of `notes` that may still be the newest.
  var firstPossibleNote = 0
  var deliveredThrough: UInt64 = 0
}

/// A small life of a spool of three segments: commits, segments, a wrap, notes, a drop, a restart.
/// Throws when the power goes.
struct Scenario {
  let medium: FaultyMedium
  let history = History()

  init(powerCutAfterWrite: Int? = nil, ignoresSynchronize: Bool = false) {
    medium = FaultyMedium(byteCount: 32768 + 3 * 8192)
    medium.powerCutAfterWrite = powerCutAfterWrite
    medium.ignoresSynchronize = ignoresSynchronize
  }

  /// Whether the whole life passed before the power went.
  func runsWhole() -> Bool {
    do { try run() } catch { return false }
    return true
  }

  private func run() throws {
    var storage = FaultyStorage(medium)
    try Writer.format(&storage, spoolID: testSpoolID, segmentByteCount: 8192)
    history.isFormatted = true
    var writer = try recover(medium)
    try begin(&writer)
    try append([40], &writer)
    try commit(&writer)
    try append([600, 30, 0], &writer)
    try commit(&writer)
    try storeNote("one", &writer)
    try append([300, 120], &writer)
    try begin(&writer)
    try append([520, 30, 90], &writer)
    try writer.synchronize()
    history.committedThrough = writer.lastSequence
    try append([12], &writer)
    try commit(&writer)
    try writer.markDelivered(through: 2)
    history.deliveredThrough = 2
    try begin(&writer)
    try append([50, 60], &writer)
    try commit(&writer)
    try writer.markDelivered(through: 6)
    history.deliveredThrough = 6
    // The ring is full: the first segment, delivered by now, is overwritten.
    #expect(try writer.nextSegment() == .delivered(firstSequence: 1, lastSequence: 6))
    history.keptFrom = 7
    try begin(&writer)
    try append([700, 10], &writer)
    try commit(&writer)
    try storeNote("two, of what is dropped", &writer)
    history.keptFrom = 11
    #expect(try writer.nextSegment() == .undelivered(firstSequence: 7, lastSequence: 10))
    try writer.beginOverwriting("dropped")
    try append([100, 20, 30, 150], &writer)
    // The process ends, and not the power.
    writer = try recover(medium)
    history.committedThrough = writer.releasedThrough
    #expect(writer.lastSequence == UInt64(history.items.count))
    try append([100, 200], &writer)
    try commit(&writer)
    try append([80, 80], &writer)
  }

  private func begin(_ writer: inout Writer) throws {
    try writer.begin("context from \(writer.lastSequence)")
    history.committedThrough = writer.releasedThrough
  }

  private func append(_ counts: [Int], _ writer: inout Writer) throws {
    for count in counts {
      let sequence = writer.lastSequence + 1
      let item = Item(
        sequence: sequence, type: UInt8(sequence), itemCount: 1,
        payload: payload(count, seed: sequence))
      history.items.append(item)
      try writer.append(item)
      writer.checkInvariants()
    }
  }

  private func commit(_ writer: inout Writer) throws {
    try writer.commit()
    history.committedThrough = writer.lastSequence
    let reading = try readAll(medium)
    #expect(reading.complaints == [])
    history.shownThrough = max(history.shownThrough, reading.items.last?.sequence ?? 0)
    #expect(history.shownThrough == writer.lastSequence)
  }

  private func storeNote(_ note: String, _ writer: inout Writer) throws {
    history.notes.append(note)
    try writer.storeNote(note)
    history.firstPossibleNote = history.notes.count - 1
  }
}

/// Recovers `image` and answers what is wrong with it, nil when nothing is.
///
/// After the first look it writes on, cuts the power again, and looks once more: what the first cut
/// left behind must not come back.
func violation(of history: History, in image: [UInt8], random: inout SplitMix64) -> String? {
  let medium = FaultyMedium(image: image)
  do {
    var replayed: [Item] = []
    var writer = try recover(medium, replayed: &replayed)
    guard writer.recovery == .intact || writer.recovery == .empty else {
      return "recovery: \(writer.recovery)"
    }
    let found = try readAll(medium)
    if let wrong = difference(found, history, replayed: replayed) { return wrong }
    guard writer.deliveredThrough <= history.deliveredThrough else {
      return "delivered through \(writer.deliveredThrough), which nobody said"
    }
    guard history.notes[history.firstPossibleNote...].contains(try writer.noteText()) else {
      return "note \(try writer.noteText() ?? "missing")"
    }
    return try violationOnTheSecondLife(
      &writer, medium, found: found.items, history: history, random: &random)
  } catch let failure as SpoolFailure {
    let cutWhileFormatting: [SpoolFailure] = [.notASpool, .superblockDamaged]
    return !history.isFormatted && cutWhileFormatting.contains(failure) ? nil : "\(failure)"
  } catch { return "\(error)" }
}

private func difference(_ found: Reading, _ history: History, replayed: [Item]) -> String? {
  guard found.complaints.isEmpty else { return "complaints: \(found.complaints)" }
  let first = found.items.first?.sequence ?? 1
  let last = found.items.last?.sequence ?? 0
  guard last <= UInt64(history.items.count), first <= last + 1 else { return "foreign entries" }
  guard found.items == Array(history.items[Int(first - 1)..<Int(last)]) else {
    return "entries \(first) to \(last) differ from those appended"
  }
  guard first <= history.keptFrom else { return "entry \(history.keptFrom) is gone" }
  guard last >= history.committedThrough else {
    return "committed through \(history.committedThrough), found through \(last)"
  }
  guard last >= history.shownThrough else { return "shown, then lost" }
  guard replayed == Array(found.items.suffix(replayed.count)) else {
    return "replay and reader disagree"
  }
  return nil
}

private func violationOnTheSecondLife(
  _ writer: inout Writer, _ medium: FaultyMedium, found: [Item], history: History,
  random: inout SplitMix64
) throws -> String? {
  let last = Int(found.last?.sequence ?? 0)
  // Of the same lengths as what was cut off, so that old entries stand exactly behind new ones.
  let cutOff = history.items[last...].map(\.payload.count)
  var written: [Item] = []
  var committed = last
  for (index, count) in (cutOff + [30, 30]).prefix(4).enumerated() {
    if writer.currentSegment == nil || writer.remainingPayloadByteCount < count {
      try writer.beginOverwriting("dropped")
      committed = Int(writer.releasedThrough)
    }
    written.append(try writer.append(count, salt: 7))
    if index == 0, random.next() % 2 == 0 {
      try writer.commit()
      committed = Int(writer.releasedThrough)
    }
  }
  writer.checkInvariants()
  let second = FaultyMedium(image: medium.image(using: &random))
  let again = try recover(second)
  guard again.recovery == .intact || again.recovery == .empty else {
    return "second recovery: \(again.recovery)"
  }
  let reading = try readAll(second)
  guard reading.complaints.isEmpty else { return "second: \(reading.complaints)" }
  let end = Int(reading.items.last?.sequence ?? 0)
  guard end >= committed else { return "second: committed \(committed), found \(end)" }
  let all = Array(history.items[..<last]) + written
  let start = Int(reading.items.first?.sequence ?? 1)
  guard end <= all.count, reading.items == Array(all[(start - 1)..<end]) else {
    return "second: entries of the life before came back"
  }
  return nil
}
