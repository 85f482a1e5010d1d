import Testing

@testable import CoverageVerifier

@Suite struct ToldGapTests {
  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func gapsInAnyOrderAreTheLeavesThatTheyName(_ seed: UInt64) {
    var state = seed
    func number(below limit: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) % limit
    }
    var gaps = ToldGaps()
    var told: [Set<UInt64>] = [[], []]
    for _ in 0..<30 {
      let (epoch, from) = (number(below: 2), number(below: 200))
      // Empty ones, and some that end before they begin, among them.
      let to = from &+ number(below: 8) &- (from > 0 ? 1 : 0)
      gaps.add(epoch: epoch, from: from, to: to)
      if from < to { told[Int(epoch)].formUnion(from..<to) }
      for leaf: UInt64 in 0..<220 {
        #expect(gaps.has(epoch: 0, leaf: leaf) == told[0].contains(leaf))
        #expect(gaps.has(epoch: 1, leaf: leaf) == told[1].contains(leaf))
      }
    }
    #expect(!gaps.has(epoch: 2, leaf: 5))
    gaps.add(epoch: 2, from: 5, to: .max)
    #expect(gaps.has(epoch: 2, leaf: .max - 1) && !gaps.has(epoch: 2, leaf: .max))
  }
}
