import LoRa
import Testing

@testable import Air

/// Two senders of one factor and channel around one receiver, at every distance in power and time.
@Test func ofTwoFramesTheStrongerByTheCaptureRatioIsHeardAndNeverAWeakerOne() throws {
  let airtime: Int64 = 61_696
  let (listen, found): (Int64, Int64) = (3_072, 12_544)
  for difference in stride(from: Int32(-1_000), through: 1_000, by: 100) {
    for delay in stride(from: Int64(0), through: 70_000, by: 1_024) {
      // The second is `difference` stronger, and begins `delay` later.
      var bench = try MediumBench(eastMetres: [0, 1_000, 2_000])
      try bench.send(try MediumBench.frame(from: 0, at: 0, power: 0))
      try bench.send(try MediumBench.frame(from: 2, at: delay, power: difference))
      let heard = bench.finish().heard(by: 1).map(\.transmission.sender).sorted()
      // Both are as far away, so the difference of powers is that at the receiver, but for rounding.
      let first = delay >= airtime || difference <= -600
      // The receiver has only one demodulator: the first has it from its preamble's end to its own end.
      let firstWasFound = difference <= -600 || delay >= found
      let isFree = !firstWasFound || delay + listen >= airtime
      let second = isFree && (delay + listen >= airtime || difference >= 600)
      if abs(difference) == 600 { continue }
      #expect(
        heard == (first ? [0] : []) + (second ? [2] : []), "\(difference) dB × 100, \(delay) µs")
    }
  }
}

/// Against the slow way: at each microsecond step, all that is on the air at once.
@Test func aFrameIsDrownedExactlyWhenTheSumOfOthersIsTooStrong() throws {
  for powers in everyChoice(of: [-1_200, -700, -580, -300] as [Int32], count: 3) {
    for delays in everyChoice(of: [0, 20_000, 50_000] as [Int64], count: 3) {
      var bench = try MediumBench(eastMetres: [0, 1_000, 1_100, 1_200, 1_300])
      // The frame in question comes first and is found: others begin behind its preamble.
      try bench.send(try MediumBench.frame(from: 1, at: 0, power: 0))
      let loss = { bench.medium.pathLossDecibels(0, $0, frequencyHertz: 868_100_000) }
      let own = 0 - loss(1)
      var others: [(begin: Int64, end: Int64, milliwatts: Double)] = []
      for index in 0..<3 {
        let frame = try MediumBench.frame(
          from: index + 2, at: 13_000 + delays[index], power: powers[index], byteCount: 4)
        others.append(
          (
            frame.startMicroseconds, frame.endMicroseconds,
            Decibels.milliwatts(Double(powers[index]) / 100 - loss(index + 2))
          ))
        try bench.send(frame)
      }
      let isDrowned = stride(from: Int64(3_072), to: 61_696, by: 500).contains { moment in
        let sum = others.filter { $0.begin <= moment && moment < $0.end }
          .reduce(0) { $0 + $1.milliwatts }
        return sum * Decibels.milliwatts(6) > Decibels.milliwatts(own)
      }
      let heard = bench.finish().heard(by: 0).contains { $0.transmission.sender == 1 }
      #expect(heard == !isDrowned, "\(powers) \(delays)")
    }
  }
}

private func everyChoice<Element>(of elements: [Element], count: Int) -> [[Element]] {
  count == 0
    ? [[]]
    : everyChoice(of: elements, count: count - 1).flatMap { rest in elements.map { rest + [$0] } }
}

/// Another factor is nearly noise: an SF7 frame stands 8 dB more of it, an SF12 frame 23.
@Test(arguments: UInt8(7)...12, UInt8(7)...12)
func otherFactorsDisturbOnlyWhenTheyAreMuchStronger(factor: UInt8, other: UInt8) throws {
  guard factor != other else { return }
  let stands = Int32(800 + 300 * (Int(factor) - 7))
  for (excess, isHeard) in [(stands - 20, true), (stands + 20, false)] {
    let channel = AirChannel(frequencyHertz: 868_100_000, spreadingFactor: factor)
    var bench = try MediumBench(eastMetres: [0, 1_000, 2_000], channel: channel)
    let first = try MediumBench.frame(from: 0, at: 0, power: 0, channel: channel)
    try bench.send(first)
    let disturbing = AirChannel(frequencyHertz: 868_100_000, spreadingFactor: other)
    try bench.send(
      try MediumBench.frame(
        from: 2, at: first.foundMicroseconds + 5, power: excess, channel: disturbing))
    #expect(bench.finish().heard(by: 1).count == (isHeard ? 1 : 0), "\(excess)")
  }
}

@Test func anotherChannelDisturbsNobody() throws {
  var bench = try MediumBench(eastMetres: [0, 1_000, 2_000])
  var other = MediumBench.channel
  other.frequencyHertz += 200_000
  try bench.send(try MediumBench.frame(from: 0, at: 0, power: -2_000))
  try bench.send(try MediumBench.frame(from: 2, at: 0, power: 2_000, channel: other))
  #expect(bench.finish().heard(by: 1).count == 1)
}

/// Forty stations that send and retune at random: the same seed gives the same, another one something else, and how
/// far time is turned at once makes no difference.
@Test func theSameSeedGivesTheSameResult() throws {
  func run(seed: UInt64, step: Int64) throws -> [AirEvent] {
    var medium = Medium(
      seed: seed,
      pathLoss: .logDistance(exponent: 3.2, referenceMetres: 50, shadowingDecibels: 7),
      fadingDecibels: 2, readingDecibels: 1)
    medium.tellsMisses = true
    let origin = AirPlace(latitudeDegrees: 47, longitudeDegrees: 8)
    for index in 0..<40 {
      let place = origin.moved(
        metres: Double(index) * 120, bearingDegrees: Double(index * 47))
      try medium.tune(
        medium.add(AirStation(place: place)), to: .one(MediumBench.channel), atMicroseconds: 0)
    }
    var events: [AirEvent] = []
    for index in 0..<300 {
      let time = Int64(index) * 23_000
      while medium.nowMicroseconds < time {
        events += medium.advance(
          toMicroseconds: min(time, max(0, medium.nowMicroseconds) + step))
      }
      // A station whose last frame has ended; the script itself has no luck in it.
      try medium.transmit(try MediumBench.frame(from: index * 7 % 40, at: time))
      medium.checkInvariants()
    }
    events += medium.advance(toMicroseconds: 300 * 23_000 + 100_000)
    #expect(medium.onAir.isEmpty && medium.due.isEmpty)
    return events
  }
  let first = try run(seed: 3, step: 1_000)
  #expect(try run(seed: 3, step: 23_000) == first)
  #expect(try run(seed: 4, step: 23_000) != first)
  let reasons = Set(
    first.compactMap { if case .missed(let miss) = $0 { "\(miss.reason)" } else { nil } })
  #expect(first.count == 300 * 39)
  #expect(reasons == ["tooWeak", "drowned", "busy", "sending"], "\(reasons)")
}
