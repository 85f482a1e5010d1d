import FixedMemory
import Proofs

/// Which leaves of a beacon's hearers, or listeners, are looked at. Whoever has a key may write as many as it likes,
/// under a name that is public: a few of each key are taken, and those first that tell the frame that was intended,
/// which nobody knows before it is on the air.
///
/// Leaves are added by receipt, key and place.
public struct HearerChoice<Entry> {
  private var intended: [(order: Int, entry: Entry)] = []
  private var others: [(order: Int, key: Digest, entry: Entry)] = []
  /// Of a key, under number 0.
  private var counts: [BeaconName: (intended: Int, others: Int)] = [:]
  private var order = 0

  public init() {}

  public mutating func add(_ entry: Entry, of key: Digest, isIntended: Bool) {
    let name = BeaconName(keyHash: key, number: 0)
    var count = counts[name] ?? (0, 0)
    order += 1
    if isIntended {
      guard count.intended < CoverageBook.maximumOfKeyCount,
        intended.count < CoverageBook.maximumWitnessCount
      else { return }
      count.intended += 1
      intended.append((order, entry))
    } else {
      guard count.others < CoverageBook.maximumOfKeyCount,
        others.count < CoverageBook.maximumWitnessCount
      else { return }
      count.others += 1
      others.append((order, key, entry))
    }
    counts[name] = count
  }

  /// In the order in which they were added.
  public var chosen: [Entry] {
    var chosen = intended
    var taken = counts.mapValues(\.intended)
    for (order, key, entry) in others where chosen.count < CoverageBook.maximumWitnessCount {
      let name = BeaconName(keyHash: key, number: 0)
      guard taken[name, default: 0] < CoverageBook.maximumOfKeyCount else { continue }
      taken[name, default: 0] += 1
      chosen.append((order, entry))
    }
    return chosen.sorted { $0.order < $1.order }.map(\.entry)
  }
}
