/// Tests that ask for order alone, so that they hold whatever the distribution is. Sums are whole numbers; roots and
/// quotients are single IEEE 754 operations, rounded to thousandths: every processor gets the same.
enum Ranks {
  /// Kendall's S of pairs, and its variance when the two have nothing to do with each other, ties allowed for.
  struct Agreement {
    var sum = 0
    var variance = 0.0

    /// Thousandths of a standard deviation; 0 when everything is tied.
    var score: Int {
      variance > 0 ? Int((Double(sum) * 1_000 / variance.squareRoot()).rounded()) : 0
    }

    mutating func add(_ other: Agreement) {
      sum += other.sum
      variance += other.variance
    }
  }

  static func agreement(_ left: [Int32], _ right: [Int32]) -> Agreement {
    let count = left.count
    guard count >= 3 else { return Agreement() }
    var sum = 0
    for first in 1..<count {
      for second in 0..<first {
        let across = (left[first] - left[second]).signum() * (right[first] - right[second]).signum()
        sum += Int(across)
      }
    }
    return Agreement(sum: sum, variance: variance(count, ties(left), ties(right)))
  }

  /// M. G. Kendall, Rank Correlation Methods, section 4.10: with ties in both rankings.
  private static func variance(_ count: Int, _ left: [Int], _ right: [Int]) -> Double {
    func cubes(_ sizes: [Int]) -> Int { sizes.reduce(0) { $0 + $1 * ($1 - 1) * (2 * $1 + 5) } }
    func triples(_ sizes: [Int]) -> Int { sizes.reduce(0) { $0 + $1 * ($1 - 1) * ($1 - 2) } }
    func pairs(_ sizes: [Int]) -> Int { sizes.reduce(0) { $0 + $1 * ($1 - 1) } }
    let first = count * (count - 1) * (2 * count + 5) - cubes(left) - cubes(right)
    let second = Double(triples(left)) * Double(triples(right))
    let third = Double(pairs(left)) * Double(pairs(right))
    return Double(first) / 18 + second / Double(9 * count * (count - 1) * (count - 2))
      + third / Double(2 * count * (count - 1))
  }

  /// Sizes of groups of equal values.
  private static func ties(_ values: [Int32]) -> [Int] {
    var sizes: [Int] = []
    var size = 0
    var last: Int32?
    for value in values.sorted() {
      if value == last {
        size += 1
      } else {
        if size > 1 { sizes.append(size) }
        (size, last) = (1, value)
      }
    }
    if size > 1 { sizes.append(size) }
    return sizes
  }

  /// The middle value; of an even number of them the lower of both.
  static func median(_ values: [Int32]) -> Int32? {
    guard !values.isEmpty else { return nil }
    return values.sorted()[(values.count - 1) / 2]
  }

  /// The chance of `hits` or more among `count` when each has a chance of `permille`: at most this. Sums and
  /// products in the order of the definition, IEEE 754.
  static func chance(ofAtLeast hits: Int, of count: Int, permille: Int) -> Double {
    guard hits > 0 else { return 1 }
    guard hits <= count else { return 0 }
    let chance = Double(permille) / 1_000
    let odds = chance / (1 - chance)
    var term = 1.0
    for _ in 0..<count { term *= 1 - chance }
    var sum = 0.0
    for index in 0...count {
      if index >= hits { sum += term }
      term = term * Double(count - index) / Double(index + 1) * odds
    }
    return sum
  }
}
