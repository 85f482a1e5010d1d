/// Leaves that a log says are missing: looked for beside each leaf, among as many gaps as a log may tell of.
///
/// Invariant: the ranges of an epoch ascend, and no two touch.
struct ToldGaps {
  private struct Leaves {
    var from: UInt64
    var to: UInt64
  }

  private var epochs: [UInt64: [Leaves]] = [:]

  mutating func add(epoch: UInt64, from: UInt64, to: UInt64) {
    guard from < to else { return }
    var told = Leaves(from: from, to: to)
    let ranges = epochs[epoch] ?? []
    let first = ranges.prefixCount { $0.to < from }
    let end = ranges.prefixCount { $0.from <= to }
    if first < end {
      told.from = min(told.from, ranges[first].from)
      told.to = max(told.to, ranges[end - 1].to)
    }
    epochs[epoch, default: []].replaceSubrange(first..<end, with: [told])
  }

  func has(epoch: UInt64, leaf: UInt64) -> Bool {
    guard let ranges = epochs[epoch] else { return false }
    let count = ranges.prefixCount { $0.from <= leaf }
    return count > 0 && leaf < ranges[count - 1].to
  }
}
