import FixedMemory
import Simulation
import Testing

@testable import Spool

/// The slow and obvious spool: a list of segments, each a list of entries.
private struct Oracle {
  struct Segment {
    var first: UInt64
    var context: String
    var items: [Item] = []
  }

  let segmentCount: Int
  var segments: [Segment] = []
  var released: UInt64 = 0
  var delivered: UInt64 = 0
  var releasedDelivered: UInt64 = 0
  var note: String?
  /// Entries of segments begun anew: until new entries reach them, a reader in that place still
  /// sees them whole, which is as good.
  var overwritten: [UInt64: Item] = [:]

  init(segmentCount: Int) { self.segmentCount = segmentCount }

  var last: UInt64 { segments.last.map { $0.first + UInt64($0.items.count) - 1 } ?? 0 }
  var all: [Item] { segments.flatMap(\.items) }
  var used: Int { segments.last.map { $0.items.reduce(0) { $0 + 24 + $1.payload.count } } ?? 4096 }

  mutating func commit() {
    released = last
    releasedDelivered = delivered
  }

  mutating func begin(_ context: String) {
    commit()
    segments.append(Segment(first: last + 1, context: context))
    if segments.count > segmentCount {
      for item in segments.removeFirst().items { overwritten[item.sequence] = item }
    }
  }

  var next: Writer.NextSegment {
    guard segments.count == segmentCount, let oldest = segments.first,
      let last = oldest.items.last?.sequence
    else { return .free }
    return last <= delivered
      ? .delivered(firstSequence: oldest.first, lastSequence: last)
      : .undelivered(firstSequence: oldest.first, lastSequence: last)
  }
}

/// One life of a spool: random steps, each checked against the oracle.
private struct Life {
  var random: SplitMix64
  var oracle: Oracle
  var medium: FaultyMedium
  var counts: [String: Int] = [:]

  /// The reader's own knowledge: where it stands and how far it may read.
  var readerNext: UInt64 = 1
  var readerReleased: UInt64 = 0

  /// Durable, if not released.
  var synchronizedThrough: UInt64 = 0

  init(seed: UInt64) throws {
    random = SplitMix64(seed: seed)
    let segmentCount = Int.random(in: 2...5, using: &random)
    oracle = Oracle(segmentCount: segmentCount)
    medium = try formattedMedium(segmentCount: segmentCount)
  }

  mutating func run(stepCount: Int) throws {
    var writer = try recover(medium)
    var reader = try Reader(opening: FaultyStorage(medium, isReadOnly: true))
    for step in 0..<stepCount {
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<40: try append(&writer)
      case 40..<49: try commit(&writer)
      case 49..<52:
        try writer.synchronize()
        synchronizedThrough = oracle.last
        count("synchronize")
      case 52..<56: try begin(&writer, step)
      case 56..<60: try deliver(&writer)
      case 60..<63: try storeNote(&writer, step)
      case 63..<66: try restart(&writer, cutsPower: false)
      case 66..<69:
        try restart(&writer, cutsPower: true)
        reader = try Reader(opening: FaultyStorage(medium, isReadOnly: true))
        readerNext = oracle.segments.first?.first ?? 1
        readerReleased = oracle.released
      case 69..<92: try read(&reader)
      case 92..<96: try seek(&reader)
      default:
        try reader.refresh()
        readerReleased = oracle.released
      }
      try check(&writer, &reader)
    }
  }

  private mutating func count(_ name: String) { counts[name, default: 0] += 1 }

  private mutating func append(_ writer: inout Writer) throws {
    let size =
      Int.random(in: 0...1, using: &random) == 0
      ? Int.random(in: 0...40, using: &random) : Int.random(in: 0...1500, using: &random)
    guard !oracle.segments.isEmpty, oracle.used + 24 + size <= 4096 else {
      #expect(throws: SpoolFailure.segmentFull) { try writer.append(size) }
      return count("full")
    }
    let item = try writer.append(size, salt: random.next())
    oracle.segments[oracle.segments.count - 1].items.append(item)
    count("append")
  }

  private mutating func commit(_ writer: inout Writer) throws {
    try writer.commit()
    oracle.commit()
    count("commit")
  }

  private mutating func begin(_ writer: inout Writer, _ step: Int) throws {
    #expect(try writer.nextSegment() == oracle.next)
    if case .undelivered = oracle.next {
      #expect(throws: SpoolFailure.undelivered) { try writer.begin("refused") }
      guard Bool.random(using: &random) else { return count("refused") }
      count("drop")
    }
    try writer.beginOverwriting("step \(step)")
    oracle.begin("step \(step)")
    count("begin")
  }

  private mutating func deliver(_ writer: inout Writer) throws {
    let through = UInt64.random(in: 0...oracle.released, using: &random)
    try writer.markDelivered(through: through)
    oracle.delivered = max(oracle.delivered, through)
    count("deliver")
  }

  private mutating func storeNote(_ writer: inout Writer, _ step: Int) throws {
    try writer.storeNote("note \(step)")
    oracle.note = "note \(step)"
    count("note")
  }

  /// The process ends, with the power or without it. What was not committed may be gone from some
  /// entry on; what was is not.
  private mutating func restart(_ writer: inout Writer, cutsPower: Bool) throws {
    if cutsPower { medium = FaultyMedium(image: medium.image(using: &random)) }
    var replayed: [Item] = []
    writer = try recover(medium, replayed: &replayed)
    #expect(writer.recovery == (oracle.segments.isEmpty ? .empty : .intact))
    if let newest = oracle.segments.last {
      #expect(replayed == Array(newest.items.prefix(replayed.count)))
      #expect(try writer.contextText() == newest.context)
      #expect(cutsPower || replayed.count == newest.items.count)
      oracle.segments[oracle.segments.count - 1].items = replayed
      #expect(oracle.last >= max(oracle.released, synchronizedThrough))
    }
    // A mark that is written and not durable may be lost, and with it the last word on delivery.
    #expect(writer.deliveredThrough <= oracle.releasedDelivered)
    #expect(cutsPower || writer.deliveredThrough == oracle.releasedDelivered)
    oracle.delivered = writer.deliveredThrough
    oracle.commit()
    count(cutsPower ? "power cut" : "restart")
  }

  private mutating func read(_ reader: inout Reader) throws {
    var buffer = [UInt8](repeating: 0, count: 4096)
    var span = buffer.mutableSpan
    let expected = oracle.all.first { $0.sequence == readerNext }
    do throws(SpoolFailure) {
      guard let entry = try reader.next(into: &span) else {
        #expect(readerNext > readerReleased)
        return count("read to the end")
      }
      #expect(item(entry, span.span) == expected ?? oracle.overwritten[readerNext])
      #expect(readerNext <= readerReleased)
      readerNext += 1
      count("read")
    } catch {
      #expect(error == .overtaken && expected == nil)
      readerReleased = oracle.released
      readerNext = oracle.segments.first?.first ?? 1
      count("overtaken")
    }
    // Looking for its place again, a reader may have read the mark again.
    readerReleased = reader.releasedThrough
    #expect(readerReleased <= oracle.released)
  }

  private mutating func seek(_ reader: inout Reader) throws {
    let sequence = UInt64.random(in: 0...(oracle.last + 2), using: &random)
    try reader.seek(toSequence: sequence)
    if sequence > readerReleased {
      readerNext = readerReleased + 1
    } else {
      let oldest = oracle.segments.first?.first ?? 1
      readerNext = min(max(sequence, oldest), max(readerReleased + 1, 1))
    }
    count("seek")
  }

  private mutating func check(_ writer: inout Writer, _ reader: inout Reader) throws {
    writer.checkInvariants()
    #expect(writer.lastSequence == oracle.last)
    #expect(writer.releasedThrough == oracle.released)
    #expect(writer.deliveredThrough == oracle.delivered)
    #expect(try writer.noteText() == oracle.note)
    #expect(try writer.nextSegment() == oracle.next)
    #expect(reader.nextSequence == readerNext)
    #expect(reader.releasedThrough == readerReleased)
    let fresh = try readAll(medium)
    #expect(fresh.complaints == [])
    #expect(fresh.items == oracle.all.filter { $0.sequence <= oracle.released })
  }
}

@Test(arguments: 1...40 as ClosedRange<UInt64>)
func theSpoolDoesWhatTheObviousOneDoes(seed: UInt64) throws {
  var life = try Life(seed: seed)
  try life.run(stepCount: 250)
}

@Test func theLivesTakeEveryKindOfStep() throws {
  var counts: [String: Int] = [:]
  for seed in UInt64(1)...10 {
    var life = try Life(seed: seed)
    try life.run(stepCount: 250)
    counts.merge(life.counts, uniquingKeysWith: +)
  }
  let kinds = [
    "append", "full", "commit", "begin", "refused", "drop", "deliver", "note", "synchronize",
    "restart",
    "power cut", "read", "read to the end", "overtaken", "seek",
  ]
  for kind in kinds { #expect(counts[kind, default: 0] > 5, "\(kind)") }
}
