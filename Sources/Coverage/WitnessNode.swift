import FixedMemory
import LoRa
import Proofs
import Records

/// Which frames become leaves, of all that a node's radios hear. A fixed table: a flood is counted, and cannot make
/// memory or log grow.
///
/// A beacon of another node is kept; a copy of it is kept when it came later than one time on air after the last
/// kept one, since it shows a rebroadcaster, and three of them at most. Everything else is counted.
public struct WitnessNode: Sendable {
  /// Beacons of different nodes within `memoryMilliseconds`: 30 slots of 2 s, four in each.
  static var tableLimit: Int { 128 }
  static var memoryMilliseconds: Int64 { 60_000 }
  static var copyLimit: UInt8 { 3 }
  /// Leaves of LoRaWAN frames within a minute, where nobody says otherwise.
  public static var usualFrameLimit: Int { 60 }
  /// Counts are told after so long, when there are any.
  static var tellMilliseconds: Int64 { 60_000 }

  private struct Heard: Sendable {
    var frame: FixedBytes<24>
    var firstMilliseconds: Int64
    var lastKeptMilliseconds: Int64
    var copyCount: UInt8
  }

  public enum Outcome: Equatable, Sendable {
    case keep
    /// Counted, to be told in an event.
    case counted(FrameRefusal)
    /// No beacon, or the node's own.
    case notAWitness
  }

  private let ownKeyHash: Digest
  private let frameLimit: Int
  private var table: FixedArray<128, Heard>
  private var frameCount = 0
  private var frameMinuteMilliseconds: Int64 = 0
  /// By the number of the refusal, less one.
  private var refused = InlineArray<4, UInt64>(repeating: 0)
  private var toldMilliseconds: Int64 = 0

  public init(ownKeyHash: Digest, frameLimit: Int = WitnessNode.usualFrameLimit) {
    self.ownKeyHash = ownKeyHash
    self.frameLimit = frameLimit
    table = FixedArray(
      filler: Heard(
        frame: FixedBytes(), firstMilliseconds: 0, lastKeptMilliseconds: 0, copyCount: 0))
  }

  /// Whether the frame becomes a witness leaf. `reception` is checked already: a radio's figures within the record's
  /// ranges.
  public mutating func hear(_ frame: BeaconFrame, _ reception: Reception) -> Outcome {
    // A frame that names this node's key is its own, or nobody's.
    guard !frame.mayBe(of: ownKeyHash) else { return .notAWitness }
    let now = reception.endMilliseconds
    forget(before: now)
    for place in table.indices where table[place].frame == frame.bytes {
      return hearAgain(place, reception)
    }
    let heard = Heard(
      frame: frame.bytes, firstMilliseconds: now, lastKeptMilliseconds: now, copyCount: 0)
    guard table.offer(heard) else { return count(.tableFull) }
    return .keep
  }

  private mutating func hearAgain(_ place: Int, _ reception: Reception) -> Outcome {
    let airtime =
      Rendezvous.timeOnAirMicroseconds(spreadingFactor: reception.spreadingFactor) ?? 0
    let passed = reception.endMilliseconds - table[place].lastKeptMilliseconds
    guard passed > Int64(airtime) / 1_000, table[place].copyCount < Self.copyLimit else {
      return count(.copies)
    }
    table[place].copyCount += 1
    table[place].lastKeptMilliseconds = reception.endMilliseconds
    return .keep
  }

  /// Whether a LoRaWAN frame that is handed on becomes a frame leaf.
  public mutating func forward(atMilliseconds now: Int64) -> Outcome {
    if now - frameMinuteMilliseconds >= 60_000 {
      frameMinuteMilliseconds = now
      frameCount = 0
    }
    guard frameCount < frameLimit else { return count(.rateLimited) }
    frameCount += 1
    return .keep
  }

  /// What was counted, to be told in an event leaf each: at most once a minute. Nil: nothing is to be told.
  public mutating func refusalToTell(atMilliseconds now: Int64) -> (
    reason: FrameRefusal, count: UInt64
  )? {
    guard now - toldMilliseconds >= Self.tellMilliseconds else { return nil }
    if let told = untoldRefusal() { return told }
    toldMilliseconds = now
    return nil
  }

  /// The same, at any time: before the log ends.
  public mutating func untoldRefusal() -> (reason: FrameRefusal, count: UInt64)? {
    for index in refused.indices where refused[index] > 0 {
      guard let reason = FrameRefusal(rawValue: UInt8(index + 1)) else { continue }
      let count = refused[index]
      refused[index] = 0
      return (reason, count)
    }
    return nil
  }

  /// Frames that the radio heard, and that did not come here.
  public mutating func lost(_ count: UInt64) { _ = self.count(.lostOnTheWay, times: count) }

  private mutating func count(_ refusal: FrameRefusal, times: UInt64 = 1) -> Outcome {
    let index = Int(refusal.rawValue) - 1
    let (sum, isTooMuch) = refused[index].addingReportingOverflow(times)
    refused[index] = isTooMuch ? .max : sum
    return .counted(refusal)
  }

  private mutating func forget(before now: Int64) {
    var place = 0
    while place < table.count {
      if now - table[place].firstMilliseconds >= Self.memoryMilliseconds {
        let last = table.removeLast()
        if place < table.count { table[place] = last }
      } else {
        place += 1
      }
    }
  }
}

/// What a radio listened to in one window, slot by slot, and how loud nothing was.
public struct ListenLog: Sendable {
  public let number: UInt32
  private let mode: ListenRecord.Mode
  private let frequencyHertz: UInt32?
  private let spreadingFactor: UInt8?
  private var slots = SlotSet()
  private var noises = FixedArray<64, Int32>(filler: 0)

  /// All slots that are listened to: by the rendezvous, or everything at once.
  public init(number: UInt32, mode: ListenRecord.Mode) {
    precondition(mode != .fixed, "a fixed channel needs a frequency")
    self.number = number
    self.mode = mode
    frequencyHertz = nil
    spreadingFactor = nil
  }

  public init(number: UInt32, frequencyHertz: UInt32, spreadingFactor: UInt8) {
    self.number = number
    mode = .fixed
    self.frequencyHertz = frequencyHertz
    self.spreadingFactor = spreadingFactor
  }

  /// The radio listened from the slot's beginning to its end.
  public mutating func listened(slot: Int) {
    guard slot >= 0, slot < SlotSet.maximumSlotCount else { return }
    slots.insert(slot)
  }

  /// It turns out that the radio heard nothing then.
  public mutating func forget(slot: Int) { slots.remove(slot) }

  /// The power in the channel while nothing was received, sorted in. The first 64 of a window.
  public mutating func noise(centidecibelMilliwatts: Int32) {
    guard noises.offer(centidecibelMilliwatts) else { return }
    var place = noises.count - 1
    while place > 0, noises[place - 1] > centidecibelMilliwatts {
      noises[place] = noises[place - 1]
      place -= 1
      noises[place] = centidecibelMilliwatts
    }
  }

  /// The leaf at the window's end; nil: it listened to no slot, or measured what no record holds.
  public var record: ListenRecord? {
    guard slots.byteCount > 0 else { return nil }
    return ListenRecord(
      number: number, mode: mode, frequencyHertz: frequencyHertz,
      spreadingFactor: spreadingFactor, slots: slots,
      noiseCentidecibelMilliwatts: noises.isEmpty ? nil : noises[noises.count / 2])
  }
}
