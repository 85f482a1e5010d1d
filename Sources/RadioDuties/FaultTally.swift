import FixedMemory
import Records

/// A radio's faults until they are told: each code once in a while, with how often it was.
struct FaultTally: Sendable {
  /// Of two leaves that tell a fault.
  static var intervalMilliseconds: Int64 { 10_000 }

  private struct Count: Sendable {
    var code: FaultCode
    var count: UInt64
  }

  private var counts = FixedArray<16, Count>(filler: Count(code: .noAnswer, count: 0))
  private var next: Int64 = 0
  private(set) var last: FaultCode?

  mutating func count(_ code: FaultCode) {
    last = code
    for index in counts.indices where counts[index].code == code {
      counts[index].count += 1
      return
    }
    // There are fewer codes of radios than places; another one waits for its next time.
    _ = counts.offer(Count(code: code, count: 1))
  }

  mutating func toTell(at now: Int64) -> RadioDutyAction? {
    guard !counts.isEmpty, now >= next else { return nil }
    next = now + Self.intervalMilliseconds
    return untold()
  }

  /// At any time: before the log ends.
  mutating func untold() -> RadioDutyAction? {
    guard !counts.isEmpty else { return nil }
    let told = counts.removeLast()
    return .writeFault(told.code, count: told.count)
  }

  /// When something is to be told.
  var nextMilliseconds: Int64 { counts.isEmpty ? .max : next }
}
