import Testing

@testable import Delivery

@Test func pausesDoubleUpToTheMaximumAndAreNeverShorterThanTheMinimum() {
  var ceiling: UInt64 = 1_000
  for attempt: UInt8 in 1...255 {
    let bound = UInt32(min(ceiling, 900_000))
    #expect(Backoff.milliseconds(attempt: attempt, randomWord: 0) == 250)
    #expect(Backoff.milliseconds(attempt: attempt, randomWord: .max) == bound)
    if ceiling < 900_000 { ceiling *= 2 }
  }
  #expect(Backoff.milliseconds(attempt: 0, randomWord: .max) == 1_000)
}

@Test func pausesAreSpreadEvenly() {
  // A tenth of evenly spread words falls into each tenth of the range.
  var tenths = [Int](repeating: 0, count: 10)
  let words = 10_000
  for index in 0..<words {
    let word = UInt64.max / UInt64(words) * UInt64(index)
    let pause = Backoff.milliseconds(attempt: 11, randomWord: word)
    tenths[min(9, Int(pause - 250) * 10 / 899_750)] += 1
  }
  for count in tenths { #expect((990...1_010).contains(count)) }
}

@Test func aMillionNodesThatComeBackStayWithinTheirGatewaysShare() {
  // The sum beside `maximumMilliseconds`, against one batch each in five minutes.
  let perSecondAfterAnOutage = 1_100_000 * 1_000 / Int(Backoff.maximumMilliseconds)
  #expect(perSecondAfterAnOutage * 3 <= 1_100_000 / 300)
}

@Test func theHourlyRetryIsAboutHourly() {
  #expect(Backoff.blockedMilliseconds(randomWord: 0) == 2_700_000)
  #expect(Backoff.blockedMilliseconds(randomWord: .max) == 4_500_000)
}
