import Records
import Sampling
import Testing

private func word(_ milliseconds: Int64, _ uncertainty: UInt64, offset: Int64 = 0)
  -> ClockMapping
{
  ClockMapping(
    source: .networkTime, milliseconds: milliseconds, utcMilliseconds: milliseconds + offset,
    uncertaintyMilliseconds: uncertainty)
}

private let wishes = ClockMapping.Wishes(
  toleranceMilliseconds: 500, repeatMilliseconds: 3_600_000, isWanted: false, isForBeacons: false)

/// A day of a board whose clock systemd-timesyncd keeps: the error that adjtimex(2) tells is 0 at each answer and grows
/// by 500 ppm until the next. The agent looks every 10 s, and each challenge asks for a fresh leaf.
private struct Day {
  /// Of the time, in thousandths, that beacons can't be sent by the clock that was told.
  var silentPermille = 0
  var leafCount = 0

  /// - `lost`: answers that never come, by their numbers.
  init(
    poll: Int64, challenge: Int64 = 900_000, lost: Set<Int64> = [], start: Int64 = 0,
    isHeld: Bool = true
  ) {
    var held: ClockMapping?
    var told: ClockMapping?
    var wishes = wishes
    wishes.isForBeacons = isHeld
    var (looks, silent) = (0, 0)
    for now in stride(from: start, to: start + 86_400_000, by: 10_000) {
      var answer = now / poll
      while lost.contains(answer) { answer -= 1 }
      let newest = word(now, UInt64((now - answer * poll) / 2000))
      let best = isHeld ? held?.closer(newest) ?? newest : newest
      held = best
      let candidate = best.told(at: now)
      if now % challenge < 10_000 { wishes.isWanted = true }
      if told?.isReplaced(by: candidate, wishes) ?? true {
        told = candidate
        wishes.isWanted = false
        leafCount += 1
      }
      looks += 1
      if let told, told.uncertainty(at: now) > 300 { silent += 1 }
    }
    silentPermille = silent * 1000 / looks
  }
}

@Suite struct ClockMappingTests {
  @Test func anUncertaintyGrowsByAHundredMillionths() {
    #expect(word(0, 5).uncertainty(at: 2_048_000) == 209)
    #expect(word(10_000, 5).uncertainty(at: 0) == 5)
    #expect(word(0, 5, offset: 70).told(at: 20_000) == word(20_000, 7, offset: 70))
  }

  @Test func whatWasKnownBehindAnAnswerStaysTheBetterWord() {
    let early = word(0, 2)
    #expect(early.closer(word(1_000_000, 500)) == early)
    #expect(early.closer(word(1_000_000, 102)) == word(1_000_000, 102))
    #expect(early.closer(word(1_000_000, 103)) == early)
  }

  @Test func aClockThatWasSetIsAnotherOne() {
    let early = word(0, 2)
    #expect(early.closer(word(10_000, 500, offset: 504)) == word(10_000, 500, offset: 504))
    #expect(early.closer(word(10_000, 500, offset: 503)) == early)
    #expect(early.closer(word(10_000, 500, offset: -504)) == word(10_000, 500, offset: -504))
  }

  @Test func honestBoardsAreNotSilencedByTheKernelsFigure() {
    // The package's interval, windows of a quarter of an hour and of one, and answers that are lost, eight in a row.
    let lost: Set<Int64> = [20, 21, 60, 61, 62, 63, 64, 65, 66, 67]
    for challenge: Int64 in [900_000, 3_600_000] {
      #expect(Day(poll: 256_000, challenge: challenge).silentPermille == 0)
      #expect(Day(poll: 256_000, challenge: challenge, lost: lost).silentPermille == 0)
      // systemd-timesyncd's own: a lost answer is felt.
      #expect(Day(poll: 2_048_000, challenge: challenge).silentPermille == 0)
      #expect(Day(poll: 2_048_000, challenge: challenge, lost: [20]).silentPermille > 0)
    }
    // An agent that begins just before an answer has that one's clock within a minute.
    #expect(Day(poll: 2_048_000, start: 2_000_000).silentPermille <= 1)
  }

  @Test func theKernelsFigureAloneWouldSilenceThem() {
    let hour: Int64 = 3_600_000
    #expect(Day(poll: 2_048_000, challenge: hour, isHeld: false).silentPermille > 500)
    #expect(Day(poll: 256_000, challenge: hour, isHeld: false).silentPermille > 200)
  }

  @Test func aCloserClockCostsFewLeaves() {
    // One for each challenge, and no more than as many again.
    #expect(Day(poll: 256_000).leafCount <= 2 * 96)
    #expect(Day(poll: 2_048_000).leafCount <= 2 * 96)
  }

  @Test func aPoorTieIsReplacedByOneThatIsTwiceAsGoodWhereBeaconsAreSent() {
    var beacons = wishes
    beacons.isForBeacons = true
    let poor = word(0, 151)
    #expect(poor.isReplaced(by: word(0, 74), beacons))
    #expect(!poor.isReplaced(by: word(0, 75), beacons))
    #expect(!poor.isReplaced(by: word(0, 74), wishes))
    #expect(!word(0, 150).isReplaced(by: word(0, 10), beacons))
  }

  @Test func aWantedLeafIsWrittenUnlessItIsWorse() {
    var wanted = wishes
    wanted.isWanted = true
    #expect(word(0, 10).isReplaced(by: word(15_000, 12), wanted))
    #expect(!word(0, 10).isReplaced(by: word(15_000, 13), wanted))
    #expect(!word(0, 10).isReplaced(by: word(15_000, 12), wishes))
  }

  @Test func aTieThatMovedOrIsOldIsToldAgain() {
    #expect(!word(0, 10).isReplaced(by: word(10_000, 10, offset: 510), wishes))
    #expect(word(0, 10).isReplaced(by: word(10_000, 10, offset: 511), wishes))
    #expect(!word(0, 10).isReplaced(by: word(3_599_999, 10), wishes))
    #expect(word(0, 10).isReplaced(by: word(3_600_000, 10), wishes))
  }

  @Test func aSecondSourceReplacesTheFirstOnlyWhenItIsClearlyBetter() {
    func from(_ source: FixSource, _ uncertainty: UInt64) -> ClockMapping {
      ClockMapping(
        source: source, milliseconds: 0, utcMilliseconds: 0, uncertaintyMilliseconds: uncertainty)
    }
    #expect(from(.networkTime, 100).isReplaced(by: from(.gnss, 49), wishes))
    #expect(!from(.networkTime, 100).isReplaced(by: from(.gnss, 50), wishes))
    #expect(from(.gateway, 1).isReplaced(by: from(.networkTime, 900), wishes))
    #expect(!from(.networkTime, 900).isReplaced(by: from(.gateway, 450), wishes))
  }
}
