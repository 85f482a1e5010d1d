import FixedMemory
import Simulation
import Testing

@testable import Spool

/// Every combination of what may become of the writes that were not durable: lost, kept, first
/// half, last half; drawn by a seed when there are more than `limit`.
private func images(_ medium: FaultyMedium, limit: Int, random: inout SplitMix64) -> [[UInt8]] {
  let writes = medium.pending
  var count = 1
  for _ in writes where count <= limit { count *= 4 }
  guard count <= limit else {
    return (0..<limit).map { _ in medium.image(using: &random) }
  }
  return (0..<count).map { number in
    medium.image(
      writes.indices.map { index -> FaultyMedium.Outcome in
        switch number >> (2 * index) & 3 {
        case 0: .lost
        case 1: .kept
        case 2: .keptFirst(writes[index].bytes.count / 2)
        default: .lostFirst(writes[index].bytes.count / 2)
        }
      })
  }
}

/// Cuts the power after every write in turn, until the scenario runs to its end.
private func firstViolation(
  seed: UInt64, imagesPerCut: Int, ignoresSynchronize: Bool = false
) -> (violation: String?, cuts: Int, images: Int) {
  var random = SplitMix64(seed: seed)
  var imageCount = 0
  for cut in 0..<1000 {
    let scenario = Scenario(powerCutAfterWrite: cut, ignoresSynchronize: ignoresSynchronize)
    let isWhole = scenario.runsWhole()
    for image in images(scenario.medium, limit: imagesPerCut, random: &random) {
      imageCount += 1
      if let wrong = violation(of: scenario.history, in: image, random: &random) {
        return (
          "seed \(seed), power cut after write \(cut), image \(imageCount): \(wrong)", cut,
          imageCount
        )
      }
    }
    if isWhole { return (nil, cut, imageCount) }
  }
  return ("the scenario does not end", 1000, imageCount)
}

@Test(arguments: 1...4 as ClosedRange<UInt64>)
func aPowerCutAfterAnyWriteLosesNothingThatWasCommitted(seed: UInt64) {
  // The first seed tries all combinations of up to four writes, the others draw.
  let result = firstViolation(seed: seed, imagesPerCut: seed == 1 ? 256 : 50)
  #expect(result.violation == nil)
  // The scenario has not shrunk to nothing.
  #expect(result.cuts > 45 && result.images > 400)
}

/// The control: a test of durability that passes without synchronize proves nothing.
@Test func withoutSynchronizeAPowerCutLosesWhatWasCommitted() {
  let result = firstViolation(seed: 1, imagesPerCut: 256, ignoresSynchronize: true)
  #expect(result.violation != nil)
}

@Test func theLastWriteMayBeTornAtEveryByte() {
  var random = SplitMix64(seed: 3)
  for cut in 0..<1000 {
    let scenario = Scenario(powerCutAfterWrite: cut)
    let isWhole = scenario.runsWhole()
    let pending = scenario.medium.pending
    if let last = pending.last {
      let kept = [FaultyMedium.Outcome](repeating: .kept, count: pending.count - 1)
      for count in 0...last.bytes.count {
        for outcome in [FaultyMedium.Outcome.keptFirst(count), .lostFirst(count)] {
          let image = scenario.medium.image(kept + [outcome])
          if let wrong = violation(of: scenario.history, in: image, random: &random) {
            Issue.record("power cut after write \(cut), \(outcome): \(wrong)")
            return
          }
        }
      }
    }
    if isWhole { return }
  }
}

@Test func aPowerCutWhileFormattingAnewLeavesTheOldSpoolOrNoneOrTheNew() throws {
  let old = Scenario()
  #expect(old.runsWhole())
  var writer = try recover(old.medium)
  try writer.commit()
  let before = try readAll(old.medium)
  #expect(before.items.count > 5)
  var random = SplitMix64(seed: 6)
  var outcomes: Set<String> = []
  for cut in 0..<20 {
    let medium = FaultyMedium(image: old.medium.cached)
    medium.powerCutAfterWrite = cut
    var storage = FaultyStorage(medium)
    var isWhole = true
    let id = FixedBytes<16>(Array(repeating: UInt8(9), count: 16).span) ?? FixedBytes()
    do { try Writer.format(&storage, spoolID: id, segmentByteCount: 8192) } catch {
      isWhole = false
    }
    for image in images(medium, limit: 256, random: &random) {
      let after = FaultyMedium(image: image)
      do {
        let again = try recover(after)
        let found = try readAll(after)
        let isOld = again.recovery == .intact && found == before
        #expect(isOld || again.recovery == .empty && found == Reading(), "after write \(cut)")
        outcomes.insert(isOld ? "old" : "new")
      } catch let failure as SpoolFailure {
        #expect(failure == .notASpool || failure == .superblockDamaged)
        outcomes.insert("none")
      }
    }
    if isWhole { break }
  }
  #expect(outcomes == ["old", "none", "new"])
}

/// The process ends at the `failing`-th write or synchronize, which fails, and starts again while
/// the power stays on. What it promises from then on must survive a power cut.
///
/// The page cache shows what the failed synchronize was about, and a later one succeeds without it.
private func violationAfterRestart(
  _ scenario: Scenario, imageCount: Int, random: inout SplitMix64
) -> String? {
  guard scenario.history.isFormatted else { return nil }
  scenario.medium.failingWrite = nil
  scenario.medium.failingSynchronize = nil
  do {
    let writer = try recover(scenario.medium)
    guard writer.lastSequence >= scenario.history.committedThrough else {
      return "restarted without what was committed"
    }
    scenario.history.committedThrough = writer.releasedThrough
    scenario.history.shownThrough = max(
      scenario.history.shownThrough, try readAll(scenario.medium).items.last?.sequence ?? 0)
  } catch { return "\(error)" }
  for image in images(scenario.medium, limit: imageCount, random: &random) {
    if let wrong = violation(of: scenario.history, in: image, random: &random) { return wrong }
  }
  return nil
}

@Test func afterAnyFailingSynchronizeWhatIsPromisedIsDurable() {
  var random = SplitMix64(seed: 4)
  for failing in 1..<1000 {
    let scenario = Scenario()
    scenario.medium.failingSynchronize = failing
    let isWhole = scenario.runsWhole()
    let wrong = violationAfterRestart(scenario, imageCount: 100, random: &random)
    #expect(wrong == nil, "synchronize \(failing), seed 4")
    if isWhole {
      #expect(failing > 15)
      return
    }
  }
}

@Test func afterAnyFailingWriteWhatIsPromisedIsDurable() {
  var random = SplitMix64(seed: 5)
  for failing in 1..<1000 {
    let scenario = Scenario()
    scenario.medium.failingWrite = failing
    let isWhole = scenario.runsWhole()
    let wrong = violationAfterRestart(scenario, imageCount: 100, random: &random)
    #expect(wrong == nil, "write \(failing), seed 5")
    if isWhole {
      #expect(failing > 40)
      return
    }
  }
}
