import Proofs
import Testing

@testable import CoverageVerifier

/// Which leaves about one beacon are looked at, by key, and in which order.
@Suite struct HearerChoiceTests {
  private func key(_ number: UInt8) -> Digest { SHA256.hash([number].span) }

  private func chosen(_ leaves: [(key: UInt8, isIntended: Bool)]) -> [Int] {
    var choice = HearerChoice<Int>()
    for (index, leaf) in leaves.enumerated() {
      choice.add(index, of: key(leaf.key), isIntended: leaf.isIntended)
    }
    return choice.chosen
  }

  @Test func ofEachKeyFourLeavesAreLookedAt() {
    #expect(chosen(Array(repeating: (1, false), count: 9)) == [0, 1, 2, 3])
    #expect(chosen(Array(repeating: (1, true), count: 9)) == [0, 1, 2, 3])
    let two = chosen(Array(repeating: (1, false), count: 5) + Array(repeating: (2, true), count: 5))
    #expect(two == [0, 1, 2, 3, 5, 6, 7, 8])
  }

  /// Leaves that tell the intended frame come first, however many came before them.
  @Test func leavesOfTheIntendedFrameTakeTheKeysPlaces() {
    let five: [(UInt8, Bool)] = Array(repeating: (1, false), count: 5)
    #expect(chosen(five + [(1, true)]) == [0, 1, 2, 5])
    #expect(chosen(five + Array(repeating: (1, true), count: 5)) == [5, 6, 7, 8])
    #expect(chosen([(1, true)] + five) == [0, 1, 2, 3])
  }

  @Test func keysWithoutTheIntendedFrameDisplaceNobodyWhoHasIt() {
    let others = (0..<CoverageBook.maximumWitnessCount + 1).map { (UInt8($0 & 255), false) }
    let all = others + [(254, true), (255, true)]
    let chosen = chosen(all)
    #expect(chosen.count <= CoverageBook.maximumWitnessCount)
    #expect(chosen.suffix(2) == [others.count, others.count + 1])
    #expect(chosen == chosen.sorted())
  }
}
