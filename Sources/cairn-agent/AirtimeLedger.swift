import Coverage
import FixedMemory
import LinuxPlatform
import LoRa
import NodeFiles
import Proofs
import Records

/// One budget for all that the radio sends, whoever asks for it; kept across starts.
///
/// Invariant: what `take` allowed is on the disk before it returns.
struct AirtimeLedger {
  private let path: FixedPath
  let plan: RegionPlan
  private let bootID: FixedBytes<16>
  private var budget: AirtimeBudget
  /// Of the last beacon that was handed to a radio, by this run or one before.
  private(set) var attemptedNumber: UInt32 = 0

  /// Refusals that no event tells of yet: of the last one the sub-band and the time on air.
  private var refused: (band: Int, microseconds: UInt32, count: UInt64)?
  private var nextTold: Int64 = 0
  private static var tellMilliseconds: Int64 { 60_000 }

  /// - `isNew`: this node has no chain yet, so that it has never sent. Else a file that is missing or damaged means
  ///   that nobody knows what was sent: an hour passes first.
  init(_ path: FixedPath, plan: RegionPlan, isNew: Bool) {
    self.path = path
    self.plan = plan
    bootID = Self.kernelBootID()
    let now = SystemClock().bootMilliseconds()
    budget = AirtimeBudget(knownSinceMilliseconds: now)
    var bytes = InlineArray<128, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    do throws(FileFailure) {
      let count = try readFile(path, into: &span)
      do throws(RecordCheck.Failure) {
        let record = try AirtimeRecord(decoding: span.span.extracting(0..<count))
        budget = record.budget(bootID: bootID, atMilliseconds: now)
        attemptedNumber = record.attemptedNumber
        return
      } catch {}
    } catch {
      if error == .notFound, isNew {
        budget = AirtimeBudget(knownSinceMilliseconds: nil)
        return
      }
    }
    var text = TextBuilder<512>()
    text.append("cairn-agent: ")
    text.append(path.span)
    text.append(
      ": is missing or damaged, so that nobody knows what was sent: ")
    text.append("where the hour's share is limited, nothing is sent for an hour")
    tellOperator(&text)
  }

  enum Refusal: Error {
    case rule(RegionPlan.Refusal)
    /// It could not be noted on the disk.
    case notDurable
  }

  /// Whether a frame may be sent, by the region's rules and the hour's budget. Then it counts as sent, durably.
  ///
  /// - `number`: of the beacon; nil for another frame.
  mutating func take(
    frequencyHertz: UInt32, modulation: Modulation, byteCount: UInt8, power: Int32, eirp: Int32,
    number: UInt32?, now: Int64
  ) throws(Refusal) {
    let microseconds = modulation.timeOnAirMicroseconds(payloadByteCount: byteCount)
    do throws(RegionPlan.Refusal) {
      let band = try plan.check(
        frequencyHertz: frequencyHertz, modulation: modulation, payloadByteCount: byteCount,
        conductedCentidecibelMilliwatts: power, eirpCentidecibelMilliwatts: eirp)
      do throws(RegionPlan.Refusal) {
        try budget.take(plan, band: band, microseconds: microseconds, now: now)
      } catch {
        refused = (band, microseconds, (refused?.count ?? 0) + 1)
        throw error
      }
    } catch { throw .rule(error) }
    if let number { attemptedNumber = number }
    guard write(now) else { throw .notDurable }
  }

  /// What is left of the hour where this channel lies; nil: it has no such limit.
  mutating func leftMicroseconds(frequencyHertz: UInt32, now: Int64) -> UInt64? {
    guard let band = plan.subBand(frequencyHertz: frequencyHertz, bandwidth: .khz125) else {
      return nil
    }
    return budget.leftMicroseconds(plan, band: band, now: now)
  }

  /// The least of what is left for any channel of the plan; nil: none has such a limit.
  mutating func leastLeftMicroseconds(now: Int64) -> UInt64? {
    var least: UInt64?
    for channel in 0..<plan.channelCount {
      guard let hertz = plan.frequencyHertz(channel: channel),
        let left = leftMicroseconds(frequencyHertz: hertz, now: now)
      else { continue }
      least = min(least ?? left, left)
    }
    return least
  }

  private mutating func write(_ now: Int64) -> Bool {
    var record = AirtimeRecord(
      bootID: bootID, minute: now / 60_000, attemptedNumber: attemptedNumber)
    for band in record.spentMicroseconds.indices {
      record.spentMicroseconds[band] = UInt32(
        clamping: budget.spentMicroseconds(band: band, now: now))
    }
    var bytes = InlineArray<128, UInt8>(repeating: 0)
    let count = record.encode(into: bytes.mutableSpan)
    do throws(FileFailure) {
      try atomicReplace(path, with: bytes.span.extracting(0..<count), mode: 0o600)
      return true
    } catch { return false }
  }

  /// A chain begins: no beacon of it was handed to a radio.
  mutating func begin(now: Int64) {
    attemptedNumber = 0
    _ = write(now)
  }

  /// The event that is due: sub-band's lower edge, microseconds, count.
  mutating func refusalToTell(now: Int64) -> FixedArray<3, UInt64>? {
    guard let told = refused, now >= nextTold else { return nil }
    refused = nil
    nextTold = now + Self.tellMilliseconds
    var arguments = FixedArray<3, UInt64>(filler: 0)
    arguments.append(UInt64(plan.subBands[told.band].fromHertz))
    arguments.append(UInt64(told.microseconds))
    arguments.append(told.count)
    return arguments
  }

  /// Which start of the kernel this is; another each time where the kernel does not show it.
  private static func kernelBootID() -> FixedBytes<16> {
    var bytes = InlineArray<64, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    var count = 0
    do throws(FileFailure) {
      count = try readFile(FixedPath("/proc/sys/kernel/random/boot_id"), into: &span)
    } catch {
      let word = randomWord()
      for index in 0..<8 { span[index] = UInt8(truncatingIfNeeded: word >> UInt64(index * 8)) }
      count = 8
    }
    let digest = SHA256.hash(span.span.extracting(0..<count))
    var id = FixedBytes<16>()
    for index in 0..<16 { id[index] = digest[index] }
    return id
  }
}
