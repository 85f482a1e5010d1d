/// A satellite receiver that speaks NMEA 0183 over a serial line. The program reads the line and hands the
/// bytes in; this makes one `GNSSFix` of the sentences of each epoch, in whichever order they come.
///
/// Invariants:
/// 1. A fix is made of sentences with the same time only, so that a date never meets another epoch's time:
///    at midnight GGA of the new day may come before the RMC that has the new date.
/// 2. An epoch gives at most one fix.
/// 3. One sentence of the epoch that says "not measured" is enough for no position and no time.
public struct GNSSReceiver: ~Copyable {
  /// An epoch's sentences come within a second even at 4800 baud. Later ones belong to another day.
  private static var longestEpochMilliseconds: Int64 { 2000 }
  /// After so many epochs without a kind of sentence it is no longer waited for.
  private static var forgottenAfter: UInt8 { 5 }

  private var parser = NMEAParser()
  private var epoch: Epoch?
  private var sentenceBeganAt: Int64 = 0
  private var lastSentenceAt: Int64?
  /// The kinds that this receiver sends: with all of them an epoch is complete. Empty until a whole epoch
  /// has been seen; the first one may have begun before we listened.
  private var expected = Kinds()
  private var isFirstEpoch = true
  private var incompleteEpochCount: UInt8 = 0
  /// The last sentence gave the fix of the epoch before it, and its own epoch has not been looked at.
  private var isOwing = false

  public init() {}

  /// Sentences so far, and what was refused.
  public var counts: NMEACounts { parser.counts }

  /// How long the line has been without any whole sentence; nil when there was none yet.
  public func millisecondsSinceLastSentence(atMilliseconds now: Int64) -> Int64? {
    lastSentenceAt.map { max(0, now - $0) }
  }

  /// Takes one byte, read at a time of the caller's monotonic clock, and returns a fix when the byte
  /// completes one. Without a satellite fix the result has no position. A fix comes with the last sentence
  /// of its epoch, once it is known which that is; else with the first of the next.
  public mutating func receive(_ byte: UInt8, atMilliseconds now: Int64) -> GNSSFix? {
    let sentence = parser.receive(byte)
    if parser.hasJustBegun { sentenceBeganAt = now }
    guard let sentence else { return isOwing ? completedFix() : nil }
    lastSentenceAt = now
    guard let kind = Kinds(sentence) else { return nil }
    let finished = beginEpochIfNeeded(sentence.millisecondOfDay, kind)
    epoch?.add(sentence, kind)
    guard let finished else { return completedFix() }
    // The sentence may also be the only one of its own epoch: that fix comes with the next byte, its LF.
    isOwing = true
    return finished
  }

  /// Ends the epoch before when the sentence belongs to another. Returns its fix, unless it was given.
  private mutating func beginEpochIfNeeded(_ millisecondOfDay: Int32?, _ kind: Kinds) -> GNSSFix? {
    if let epoch {
      let isSame =
        epoch.millisecondOfDay == millisecondOfDay
        && sentenceBeganAt - epoch.arrivedAt <= Self.longestEpochMilliseconds
        // Without a time only a second sentence of a kind shows that an epoch is over.
        && (millisecondOfDay != nil || !epoch.kinds.contains(kind))
      if isSame { return nil }
      learn(from: epoch.kinds)
    }
    let finished = epoch.flatMap { $0.isGiven ? nil : $0.fix }
    epoch = Epoch(millisecondOfDay: millisecondOfDay, arrivedAt: sentenceBeganAt)
    return finished
  }

  private mutating func completedFix() -> GNSSFix? {
    isOwing = false
    guard let current = epoch, !current.isGiven, !expected.isEmpty,
      current.kinds.contains(expected)
    else { return nil }
    epoch?.isGiven = true
    return current.fix
  }

  private mutating func learn(from kinds: Kinds) {
    guard !isFirstEpoch else {
      isFirstEpoch = false
      return
    }
    expected.formUnion(kinds)
    guard !kinds.contains(expected) else {
      incompleteEpochCount = 0
      return
    }
    incompleteEpochCount += 1
    guard incompleteEpochCount >= Self.forgottenAfter else { return }
    expected = kinds
    incompleteEpochCount = 0
  }
}

/// Which kinds of sentence were there.
private struct Kinds: Equatable {
  private var bits: UInt8 = 0

  init() {}

  /// Nil for a sentence that says nothing about an epoch.
  init?(_ sentence: NMEASentence) {
    switch sentence {
    case .rmc: bits = 1
    case .gga: bits = 2
    case .gns: bits = 4
    case .zda: bits = 8
    case .other: return nil
    }
  }

  var isEmpty: Bool { bits == 0 }
  func contains(_ other: Kinds) -> Bool { bits & other.bits == other.bits }
  mutating func formUnion(_ other: Kinds) { bits |= other.bits }
}

/// The sentences of one epoch; the first of a kind counts.
private struct Epoch {
  let millisecondOfDay: Int32?
  let arrivedAt: Int64
  var isGiven = false
  private(set) var kinds = Kinds()
  private var rmc: NMEASentence.RecommendedMinimum?
  private var gga: NMEASentence.PositionSentence?
  private var gns: NMEASentence.PositionSentence?
  private var zda: NMEASentence.TimeAndDate?

  init(millisecondOfDay: Int32?, arrivedAt: Int64) {
    self.millisecondOfDay = millisecondOfDay
    self.arrivedAt = arrivedAt
  }

  mutating func add(_ sentence: NMEASentence, _ kind: Kinds) {
    kinds.formUnion(kind)
    switch sentence {
    case .rmc(let sentence): rmc = rmc ?? sentence
    case .gga(let sentence): gga = gga ?? sentence
    case .gns(let sentence): gns = gns ?? sentence
    case .zda(let sentence): zda = zda ?? sentence
    case .other: break
    }
  }

  var fix: GNSSFix {
    let detailed = gga ?? gns
    let isMeasured =
      (rmc?.isActive ?? true) && (gga?.quality.isMeasured ?? true)
      && (gns?.quality.isMeasured ?? true)
    let position = isMeasured ? gga?.position ?? gns?.position ?? rmc?.position : nil
    let isValid = position != nil
    let quality = detailed?.quality ?? (isValid ? .autonomous : .none)
    return GNSSFix(
      arrivedAtMilliseconds: arrivedAt,
      utcMilliseconds: isValid ? utcMilliseconds : nil,
      position: position,
      altitudeCentimetres: isValid ? gga?.altitudeCentimetres ?? gns?.altitudeCentimetres : nil,
      horizontalAccuracyCentimetres: isValid
        ? GNSSFix.horizontalAccuracyCentimetres(
          quality: quality, dilutionHundredths: detailed?.horizontalDilutionHundredths) : nil,
      satelliteCount: detailed?.satelliteCount,
      quality: quality)
  }

  private var utcMilliseconds: Int64? {
    let date = zda?.date ?? rmc?.date
    guard let date, let millisecondOfDay else { return nil }
    if let other = rmc?.date, other != date { return nil }
    return date.utcMilliseconds(atMillisecondOfDay: millisecondOfDay)
  }
}

extension NMEASentence {
  fileprivate var millisecondOfDay: Int32? {
    switch self {
    case .rmc(let sentence): return sentence.millisecondOfDay
    case .gga(let sentence), .gns(let sentence): return sentence.millisecondOfDay
    case .zda(let sentence): return sentence.millisecondOfDay
    case .other: return nil
    }
  }
}
