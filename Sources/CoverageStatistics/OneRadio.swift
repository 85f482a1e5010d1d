import CoverageVerifier

/// Keys that have one radio, though they claim places apart. Two things give them away:
///
/// - **the same fading**: for frames that both say to have heard, what is above or below the middle of their link.
///   Two receivers at two places fade apart; figures of one reception go up and down together, whatever was added;
/// - **the same ways**: what is lost from both to each of those who hear them. Two places have hills and houses of
///   their own; from one place the ways differ by one constant, whatever power was said.
struct OneRadio {
  /// The place of another node in the period.
  static let otherFigure = "other"
  static let fadingName = "receptions are its own"
  static let waysName = "its ways are not another's"
  /// Claimed places nearer than this are those of neighbours who can't be told apart.
  static let leastMetres: Int64 = 300
  static let leastFrames = 40
  /// Six standard deviations: once in a thousand million pairs, by chance.
  static let fadingLimit = 6_000
  /// And more frames agree than differ by so many of a thousand: what warms and cools for all is less.
  static let fadingPermille = 500
  /// A way that differs by no more than this from the middle difference.
  static let alike: Int32 = 150
  /// Of honest pairs so many of the ways are alike: shadowing of 4 dB at least, at both.
  static let alikePermille = 250
  static let leastWays = 8
  static let leastChance = 0.000_000_1

  /// Of each node: the worst score, and the least chance, with whom.
  private(set) var fading: [(score: Int, other: Int, frames: Int, permille: Int)?]
  private(set) var ways: [(chance: Double, other: Int, ways: Int, alike: Int)?]

  init(_ links: Links) {
    fading = Array(repeating: nil, count: links.nodes.count)
    ways = Array(repeating: nil, count: links.nodes.count)
    compareFading(links)
    compareWays(links)
  }

  private static func areApart(_ first: Int, _ second: Int, _ links: Links) -> Bool {
    guard let from = links.nodes[first].place, let to = links.nodes[second].place else {
      return false
    }
    return Geometry.distanceMetres(from, to) >= leastMetres
  }

  /// Of a link and drawn power: fewer have no middle.
  private static let leastOfPower = 3

  /// Signs of what each reception has more than the middle of its link and drawn power, in the order of numbers. By
  /// power, so that a sender that doesn't follow its draw makes nobody else's receptions alike.
  private static func signs(_ links: Links) -> [[(number: UInt32, sign: Int8)]] {
    links.links.map { link in
      guard link.heardCount >= leastOfPower else { return [] }
      var heard: [(number: UInt32, power: Int32, signal: Int32)] = []
      for observation in links.observations[link.range] {
        guard let signal = observation.reception?.signalCentidecibelMilliwatts else { continue }
        heard.append((observation.number, observation.powerCentidecibelMilliwatts, signal))
      }
      var middles: [Int32: Int32] = [:]
      for power in Set(heard.map(\.power)) {
        let own = heard.filter { $0.power == power }.map(\.signal)
        if own.count >= leastOfPower { middles[power] = Ranks.median(own) }
      }
      return heard.compactMap { number, power, signal in
        middles[power].map { (number, Int8((signal - $0).signum())) }
      }
    }
  }

  private mutating func compareFading(_ links: Links) {
    let signs = Self.signs(links)
    let count = links.nodes.count
    var frames = Array(repeating: 0, count: count * count)
    var sums = Array(repeating: 0, count: count * count)
    for sender in links.nodes.indices {
      let own = links.bySender[sender].filter { !signs[$0].isEmpty }
        .map { (witness: links.links[$0].witness, signs: signs[$0]) }
      for second in own.indices {
        for first in 0..<second {
          let place =
            min(own[first].witness, own[second].witness) * count
            + max(own[first].witness, own[second].witness)
          Self.count(own[first].signs, own[second].signs, &frames[place], &sums[place])
        }
      }
    }
    for first in links.nodes.indices {
      for second in (first + 1)..<max(first + 1, count) {
        let (frames, sum) = (frames[first * count + second], sums[first * count + second])
        guard frames >= Self.leastFrames, Self.areApart(first, second, links) else { continue }
        let score = Int((Double(sum) * 1_000 / Double(frames).squareRoot()).rounded())
        let found = (score, 0, frames, sum * 1_000 / frames)
        for (node, other) in [(first, second), (second, first)]
        where fading[node].map({ Self.isWorse(found, than: $0) }) ?? true {
          fading[node] = (score, other, frames, found.3)
        }
      }
    }
  }

  typealias Fading = (score: Int, other: Int, frames: Int, permille: Int)

  /// Of those above the limit the one that agrees most, else the highest score.
  private static func isWorse(_ left: Fading, than right: Fading) -> Bool {
    let (isLeft, isRight) = (left.score >= fadingLimit, right.score >= fadingLimit)
    guard isLeft == isRight else { return isLeft }
    return isLeft ? left.permille > right.permille : left.score > right.score
  }

  private static func count(
    _ left: [(number: UInt32, sign: Int8)], _ right: [(number: UInt32, sign: Int8)],
    _ frames: inout Int, _ sum: inout Int
  ) {
    var (first, second) = (0, 0)
    while first < left.count, second < right.count {
      if left[first].number < right[second].number {
        first += 1
      } else if left[first].number > right[second].number {
        second += 1
      } else {
        let product = Int(left[first].sign) * Int(right[second].sign)
        if product != 0 { frames += 1 }
        sum += product
        first += 1
        second += 1
      }
    }
  }

  private mutating func compareWays(_ links: Links) {
    var losses: [[(witness: Int, loss: Int32)]] = Array(repeating: [], count: links.nodes.count)
    for (sender, own) in links.bySender.enumerated() {
      losses[sender] = own.compactMap { index in
        links.links[index].lossCentidecibels.map { (links.links[index].witness, $0) }
      }
    }
    for second in links.nodes.indices where losses[second].count >= Self.leastWays {
      for first in 0..<second where losses[first].count >= Self.leastWays {
        guard Self.areApart(first, second, links),
          let found = Self.compare(losses[first], losses[second])
        else { continue }
        if found.chance < ways[first]?.chance ?? 2 {
          ways[first] = (found.chance, second, found.ways, found.alike)
        }
        if found.chance < ways[second]?.chance ?? 2 {
          ways[second] = (found.chance, first, found.ways, found.alike)
        }
      }
    }
  }

  /// Both in the order of witnesses.
  private static func compare(
    _ left: [(witness: Int, loss: Int32)], _ right: [(witness: Int, loss: Int32)]
  ) -> (chance: Double, ways: Int, alike: Int)? {
    var differences: [Int32] = []
    var (first, second) = (0, 0)
    while first < left.count, second < right.count {
      if left[first].witness == right[second].witness {
        differences.append(left[first].loss - right[second].loss)
        first += 1
        second += 1
      } else if left[first].witness < right[second].witness {
        first += 1
      } else {
        second += 1
      }
    }
    guard differences.count >= leastWays, let middle = Ranks.median(differences) else { return nil }
    let near = differences.count { abs($0 - middle) <= alike }
    // The middle one is alike by itself.
    let chance = Ranks.chance(
      ofAtLeast: near - 1, of: differences.count - 1, permille: alikePermille)
    return (chance, differences.count, near)
  }

  /// Receptions, or ways, are another's too.
  func isShared(_ node: Int) -> Bool {
    hasOwnFading(node) == false || hasOwnWays(node) == false
  }

  /// Nil: nothing to compare with.
  private func hasOwnFading(_ node: Int) -> Bool? {
    fading[node].map { $0.score < Self.fadingLimit || $0.permille < Self.fadingPermille }
  }

  private func hasOwnWays(_ node: Int) -> Bool? {
    ways[node].map { $0.chance > Self.leastChance }
  }

  func check(_ node: Int) -> [VerdictCheck] {
    let own = fading[node]
    let figures = [
      VerdictCheck.Figure("scorePermille", own?.score),
      VerdictCheck.Figure(Self.otherFigure, own?.other),
      VerdictCheck.Figure("frames", own?.frames),
      VerdictCheck.Figure("agreePermille", own?.permille),
      VerdictCheck.Figure("limitPermille", Self.fadingLimit),
    ]
    let way = ways[node]
    let wayFigures = [
      VerdictCheck.Figure("ways", way?.ways), VerdictCheck.Figure("alike", way?.alike),
      VerdictCheck.Figure(Self.otherFigure, way?.other),
    ]
    func outcome(_ isRight: Bool?) -> VerdictCheck.Outcome {
      isRight.map { $0 ? .passed : .failed } ?? .notMade
    }
    return [
      VerdictCheck(Self.fadingName, outcome(hasOwnFading(node)), figures),
      VerdictCheck(Self.waysName, outcome(hasOwnWays(node)), wayFigures),
    ]
  }
}
