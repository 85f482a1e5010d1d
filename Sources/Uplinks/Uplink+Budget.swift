import CBOR
import Delivery
import FixedMemory
import LinuxPlatform
import NodeFiles

/// A line that is paid by the byte: what may be sent now, and what was (docs/delivery-protocol.md, "A budget of
/// bytes"). Without `[delivery] monthly_budget` nothing here does anything.
extension Uplink where Transport: ~Copyable {
  /// Reads what was counted before. Without a file nobody has counted this month so far: as much of it counts as used
  /// as its time makes even. A file that can't be read, or is damaged, may say that all is used.
  static func readBudget(_ paths: NodePaths, limit: UInt64?) -> MonthlyBudget? {
    guard let limit else { return nil }
    var bytes = InlineArray<64, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    do throws(FileFailure) {
      let count = try readFile(paths.budget, into: &span)
      do throws(CBORDecoder.Failure) {
        return MonthlyBudget(
          limit: limit, kept: try MonthlyBudget.Kept(decoding: span.span.extracting(0..<count)))
      } catch {
        tell(
          "the count of this month's bytes is damaged: all of the budget counts as used until the month is over. To go on before, take the file away and restart the uplink: then as much counts as used as the month is old",
          paths.budget)
      }
    } catch {
      guard error != .notFound else { return MonthlyBudget(limit: limit) }
      tell(
        "the count of this month's bytes can't be read: all of the budget counts as used until the month is over. To go on before, take the file away and restart the uplink: then as much counts as used as the month is old",
        paths.budget)
    }
    return .withLostCount(limit: limit)
  }

  /// Counts what has gone over the network since the last look, and how late it is.
  mutating func meter() {
    guard var counted = budget else { return }
    let total = transport.wireByteCount
    counted.spend(total - min(total, meteredByteCount))
    meteredByteCount = total
    counted.look(bootMilliseconds: clock.bootMilliseconds(), utcMilliseconds: keptClock())
    budget = counted
    storeBudgetIfChanged()
  }

  /// Whether about so many bytes may be sent now; then the durable count covers them, before they are.
  mutating func mayUse(_ byteCount: UInt64, for purpose: MonthlyBudget.Purpose) -> Bool {
    guard budget != nil else { return true }
    meter()
    guard var counted = budget, counted.allows(byteCount, for: purpose) else { return false }
    counted.reserve(byteCount)
    budget = counted
    return storeBudgetIfChanged()
  }

  /// Heads, challenges, enrolments, keys.
  mutating func mayAsk() -> Bool { mayUse(Self.requestByteCount, for: .first) }

  /// The one with the longest way: a new connection, with its handshake, and a document each way.
  static var requestByteCount: UInt64 { 8_192 }

  /// What a batch of so many bytes takes: with it the headers, the receipt, a twentieth for the packets' own heads, and
  /// a connection that has to be made.
  static func wireByteCount(ofBatch count: Int) -> UInt64 {
    UInt64(count) + UInt64(count) / 20 + requestByteCount
  }

  /// How often something of lesser use may be asked for: so that it takes at most a `share`-th of the budget.
  func intervalMilliseconds(_ usual: Int64, share: Int64) -> Int64 {
    guard let budget else { return usual }
    // 2 KiB, since a connection mostly serves several; a month of 31 days has 2 678 400 000 ms.
    let inMonth = max(1, Int64(clamping: budget.limit) / share / 2_048)
    return max(usual, 2_678_400_000 / inMonth)
  }

  /// False when it can't be stored: then nothing is sent that nobody would remember.
  @discardableResult mutating func storeBudgetIfChanged() -> Bool {
    guard var counted = budget, counted.mustBeStored else { return true }
    let kept = counted.takeKept()
    var bytes = InlineArray<25, UInt8>(repeating: 0)
    let count = kept.encode(into: bytes.mutableSpan)
    do throws(FileFailure) {
      try atomicReplace(
        paths.budget, with: bytes.span.extracting(0..<count), mode: 0o640)
      budget = counted
      return true
    } catch {
      say(
        "the count of this month's bytes can't be stored, and without it nothing is sent: look at the state folder's owner and at the disk"
      )
      return false
    }
  }

  /// At the end: what was reserved and not used is free again.
  mutating func closeBudget() {
    meter()
    guard var counted = budget else { return }
    counted.release()
    budget = counted
    storeBudgetIfChanged()
  }
}
