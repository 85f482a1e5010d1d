import CoverageVerifier

/// Offsets of the nodes' oscillators from frequency errors: what a witness measures is the sender's offset less its
/// own. Parts in 10^9, with the area's middle one as zero.
struct Oscillators {
  static let name = "frequency errors are those of two oscillators"
  static let leastLinks = 5
  private static let rounds = 10
  /// Warmth moves an oscillator, and radios measure no better.
  static let leastTolerance: Int32 = 1_500
  static let beyondPermille = 100
  static let leastChance = 0.000_001

  let offsets: [Int32?]
  let tolerance: Int32
  private let deviations: [[Int32]]

  init(_ links: Links) {
    var used: [(sender: Int, witness: Int, error: Int32)] = []
    for link in links.links {
      var errors: [Int32] = []
      for observation in links.observations[link.range] {
        guard let hertz = observation.reception?.frequencyErrorHertz,
          observation.frequencyHertz > 0
        else { continue }
        let parts = Int64(hertz) * 1_000_000_000 / Int64(observation.frequencyHertz)
        errors.append(Int32(clamping: parts))
      }
      guard errors.count >= 3, let middle = Ranks.median(errors) else { continue }
      used.append((link.sender, link.witness, middle))
    }
    let offsets = Self.fit(used, links.nodes.count)
    self.offsets = offsets
    var deviations: [[Int32]] = Array(repeating: [], count: links.nodes.count)
    var all: [Int32] = []
    for link in used {
      guard let sender = offsets[link.sender], let witness = offsets[link.witness] else { continue }
      let away = abs(link.error - sender + witness)
      deviations[link.witness].append(away)
      all.append(away)
    }
    self.deviations = deviations
    tolerance = max(Self.leastTolerance, 6 * (Ranks.median(all) ?? 0))
  }

  /// By medians in turns: senders from witnesses, witnesses from senders. A node that only sends or only hears has an
  /// offset all the same.
  private static func fit(_ used: [(sender: Int, witness: Int, error: Int32)], _ count: Int)
    -> [Int32?]
  {
    var offsets: [Int32?] = Array(repeating: nil, count: count)
    for round in 0..<rounds {
      var values: [[Int32]] = Array(repeating: [], count: count)
      for link in used {
        values[link.sender].append(link.error + (offsets[link.witness] ?? 0))
        values[link.witness].append((offsets[link.sender] ?? 0) - link.error)
      }
      offsets = zip(values, offsets).map { values, old in
        guard values.count >= leastLinks, let middle = Ranks.median(values) else { return nil }
        return round == 0 ? middle : ((old ?? 0) + middle) / 2
      }
      let zero = Ranks.median(offsets.compactMap(\.self)) ?? 0
      offsets = offsets.map { offset in offset.map { $0 - zero } }
    }
    return offsets
  }

  /// A frame whose error lies beyond the tolerance of its link's: another oscillator has sent it.
  func isForeign(_ observation: CoveragePeriod.Observation) -> Bool {
    guard let hertz = observation.reception?.frequencyErrorHertz, observation.frequencyHertz > 0,
      let sender = offsets[Int(observation.sender)],
      let witness = offsets[Int(observation.witness)]
    else { return false }
    let parts = Int64(hertz) * 1_000_000_000 / Int64(observation.frequencyHertz)
    return (parts - Int64(sender) + Int64(witness)).magnitude > UInt64(tolerance)
  }

  func check(_ node: Int) -> VerdictCheck {
    let own = deviations[node]
    let beyond = own.count { $0 > tolerance }
    let chance = Ranks.chance(ofAtLeast: beyond, of: own.count, permille: Self.beyondPermille)
    let figures = [
      VerdictCheck.Figure("links", own.count), VerdictCheck.Figure("offset", offsets[node]),
      VerdictCheck.Figure("beyond", beyond), VerdictCheck.Figure("tolerance", tolerance),
    ]
    guard own.count >= Self.leastLinks else { return VerdictCheck(Self.name, .notMade, figures) }
    let isFalse = beyond * 2 > own.count && chance <= Self.leastChance
    return VerdictCheck(Self.name, isFalse ? .failed : .passed, figures)
  }
}
