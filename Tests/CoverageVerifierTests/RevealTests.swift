import Coverage
import FixedMemory
import Identity
import Proofs
import Records
import Testing

@testable import CoverageVerifier

/// Which reveal shows a window's link, whatever others the node has written.
@Suite struct RevealTests {
  static func leaf(_ index: UInt64, _ number: UInt32, _ link: Digest, at milliseconds: Int64)
    -> ArchivedLeaf<BeaconReveal>
  {
    Scenario.leaf(
      index, BeaconReveal(number: number, link: link, powerCentidecibelMilliwatts: nil),
      at: milliseconds)
  }

  static func link(_ number: UInt32) throws -> Digest {
    let link = HashChain(secret: Scenario.hash("chain")).link(Int(number) - 9)
    return try #require(link)
  }

  @Test func falseRevealsHideNoDraw() throws {
    var scenario = try Scenario()
    let (number, lie, due) = (Scenario.number, Scenario.hash("lie"), Int64(23_000_000))
    let honest = try #require(CoverageVerdict.draw(scenario.evidence))
    scenario.evidence.reveals = [
      Self.leaf(13, number + 3, try Self.link(number + 3), at: due),
      Self.leaf(10, number, lie, at: due), Self.leaf(12, number + 2, lie, at: due),
      Self.leaf(11, number + 1, lie, at: due),
    ]
    #expect(CoverageVerdict.draw(scenario.evidence) == honest)
    let verdict = scenario.verdict
    #expect(verdict.outcome == .sound)
    #expect(
      verdict.checks.first { $0.name == "reveal is there" }?.figures
        == [VerdictCheck.Figure("leaf", 13), VerdictCheck.Figure("number", number + 3)])
    scenario.evidence.reveals.removeFirst()
    #expect(CoverageVerdict.draw(scenario.evidence) == nil)
    #expect(scenario.verdict.reason == .chainMismatch)
  }

  @Test func ofANumberOnlyTheFirstRevealShowsALink() throws {
    var scenario = try Scenario()
    let (number, due) = (Scenario.number, Int64(23_000_000))
    let right = Self.leaf(12, number, scenario.link, at: due)
    scenario.evidence.reveals = [right, Self.leaf(11, number, Scenario.hash("lie"), at: due)]
    #expect(scenario.verdict.reason == .chainMismatch)
    // One that does not stand in the log is none.
    let lost = Scenario.leaf(
      11,
      BeaconReveal(
        number: number, link: Scenario.hash("lie"), powerCentidecibelMilliwatts: nil),
      at: due, standing: .gapAround)
    scenario.evidence.reveals = [right, lost]
    #expect(scenario.verdict.outcome == .sound)
  }

  @Test func anEarlyRevealEndsTheTimeOfWitnessesAndShowsNothing() throws {
    var scenario = try Scenario()
    let number = Scenario.number
    scenario.evidence.earlyReveals = [
      Self.leaf(10, number + 1, Scenario.hash("lie"), at: 0)
    ]
    #expect(scenario.verdict.outcome == .sound)
    #expect(scenario.verdict.witnesses.allSatisfy { $0.reason == .afterReveal })
    scenario.evidence.earlyReveals = [
      Self.leaf(10, number + 1, try Self.link(number + 1), at: 23_000_000)
    ]
    scenario.evidence.reveals = []
    #expect(scenario.verdict.reason == .noReveal)
  }

  /// The scenario with these reveals alone.
  private func evidence(_ reveals: [(number: UInt32, link: Digest)]) throws -> BeaconEvidence {
    let scenario = try Scenario()
    var evidence = scenario.evidence
    evidence.reveals = reveals.enumerated().map { index, reveal in
      Self.leaf(UInt64(20 + index), reveal.number, reveal.link, at: 23_000_000)
    }
    return evidence
  }

  @Test func aFalseLinkIsRememberedAndChangesNoOtherAnswer() throws {
    let number = Scenario.number
    let links = VerifiedLinks()
    let lie = try evidence([(number, Scenario.hash("lie"))])
    let right = try evidence([(number, try Self.link(number))])
    for _ in 0..<2 {
      #expect(CoverageVerdict.judge(lie, links: links).reason == .chainMismatch)
      #expect(CoverageVerdict.judge(right, links: links).outcome == .sound)
    }
  }
}
