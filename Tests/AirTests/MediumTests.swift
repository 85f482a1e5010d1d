import LoRa
import Testing

@testable import Air

/// 14 dBm over 1 km in free space is 14 - 91.219 = -77.219 dBm at 868.1 MHz; the noise in 125 kHz with a figure of 6 is
/// -174 + 50.969 + 6 = -117.031 dBm.
@Test func aFrameArrivesWithTheFiguresOfFreeSpace() throws {
  var bench = try MediumBench(eastMetres: [0, 1_000])
  try bench.send(try MediumBench.frame(from: 0, at: 1_000))
  let events = bench.finish()
  let reception = try #require(events.heard(by: 1).first)
  #expect(events.count == 1)
  #expect(abs(reception.signalDecibelMilliwatts - -77.2192) < 0.001)
  #expect(abs(reception.noiseDecibelMilliwatts - -117.0309) < 0.001)
  #expect(reception.rssiCentidecibelMilliwatts == -7_700)
  #expect(reception.snrCentidecibels == 1_400, "the radio's own end of the scale")
  #expect(reception.frequencyErrorHertz == 0)
}

/// Of the SX1261/2 data sheet's formula, beside the values that docs/radio-regions.md has.
@Test(
  arguments: zip(UInt8(7)...12, [61_696, 113_152, 205_824, 370_688, 823_296, 1_482_752] as [Int64]))
func aFrameLastsAsLongAsSemtechSays(factor: UInt8, microseconds: Int64) throws {
  let channel = AirChannel(frequencyHertz: 868_100_000, spreadingFactor: factor)
  var bench = try MediumBench(eastMetres: [0, 500], channel: channel)
  let frame = try MediumBench.frame(from: 0, at: 50, channel: channel)
  #expect(frame.airtimeMicroseconds == microseconds)
  try bench.send(frame)
  #expect(bench.medium.advance(toMicroseconds: 49 + microseconds).isEmpty)
  #expect(bench.medium.advance(toMicroseconds: 50 + microseconds).heard(by: 1).count == 1)
}

@Test func powerInTheChannelStaysFlatBelowTheNoise() throws {
  let channel = AirChannel(frequencyHertz: 868_100_000, spreadingFactor: 12)
  // 111.22 dB over 10 km; SNR is power + 5.81 dB.
  for (power, snr) in [(-1_000, -4.19), (-1_800, -12.19), (-2_300, -17.19)] as [(Int32, Double)] {
    var bench = try MediumBench(eastMetres: [0, 10_000], channel: channel)
    try bench.send(try MediumBench.frame(from: 0, at: 0, power: power, channel: channel))
    let reception = try #require(bench.finish().heard(by: 1).first)
    #expect(abs(reception.trueSNRDecibels - snr) < 0.01, "\(reception.trueSNRDecibels)")
    #expect((-11_700 ... -11_500).contains(reception.rssiCentidecibelMilliwatts))
    let signal = SignalPower.centidecibelMilliwatts(
      rssi: reception.rssiCentidecibelMilliwatts,
      snrCentidecibels: try #require(reception.snrCentidecibels))
    #expect(abs(Double(signal) / 100 - reception.signalDecibelMilliwatts) < 0.4)
  }
}

/// The edge: nearly nothing 3 dB below the lowest SNR, half at it, nearly everything 3 dB above.
@Test(arguments: UInt8(7)...12)
func framesAreHeardDownToTheLowestSNROfTheirFactor(factor: UInt8) throws {
  let channel = AirChannel(frequencyHertz: 868_100_000, spreadingFactor: factor)
  let lowest = Double(SignalPower.lowestSNRCentidecibels(spreadingFactor: factor)) / 100
  var heard: [Int] = []
  for above in [-3.0, 0, 3] {
    var bench = try MediumBench(eastMetres: [0, 10_000], seed: 7, channel: channel)
    let loss = bench.medium.pathLossDecibels(0, 1, frequencyHertz: 868_100_000)
    let power = lowest + above + loss + -117.0309
    let airtime = try MediumBench.frame(from: 0, at: 0, channel: channel).airtimeMicroseconds
    var events: [AirEvent] = []
    for index in 0..<400 {
      try bench.send(
        try MediumBench.frame(
          from: 0, at: Int64(index) * (airtime + 1_000), power: Int32((power * 100).rounded()),
          channel: channel))
      events += bench.finish()
    }
    heard.append(events.heard(by: 1).count)
    #expect(events.missed(by: 1).allSatisfy { $0 == .tooWeak } && events.count == 400)
  }
  #expect(heard[0] <= 6 && (150...250).contains(heard[1]) && heard[2] >= 394, "\(heard)")
}

@Test func aReceiverHearsOnlyWhatItIsSetTo() throws {
  let right = MediumBench.channel
  var wrong = [AirChannel](repeating: right, count: 5)
  wrong[0].frequencyHertz += 200_000
  wrong[1].spreadingFactor = 8
  wrong[2].syncWord = 0x12
  wrong[3].hasInvertedIQ = true
  wrong[4].bandwidthHertz = 250_000
  for channel in wrong {
    var bench = try MediumBench(eastMetres: [0, 100])
    try bench.send(try MediumBench.frame(from: 0, at: 0, channel: channel))
    #expect(bench.finish().isEmpty)
  }
}

@Test func aConcentratorHearsAllFactorsAtOnce() throws {
  var bench = try MediumBench(eastMetres: [0, 10, 20, 30, 40, 50, 1_000])
  try bench.medium.tune(
    6, to: .every(frequenciesHertz: [868_100_000, 868_300_000]), atMicroseconds: 0)
  for factor in UInt8(7)...12 {
    try bench.send(
      try MediumBench.frame(
        from: Int(factor) - 7, at: 0,
        channel: AirChannel(
          frequencyHertz: factor % 2 == 0 ? 868_100_000 : 868_300_000, spreadingFactor: factor)))
  }
  #expect(bench.finish().heard(by: 6).count == 6)
}

@Test func aConcentratorHasAsManyDemodulatorsAsItHas() throws {
  var bench = try MediumBench(eastMetres: [0, 10, 20, 1_000])
  try bench.medium.tune(
    3, to: .every(frequenciesHertz: [868_100_000], demodulatorCount: 2), atMicroseconds: 0)
  for factor in UInt8(7)...9 {
    try bench.send(
      try MediumBench.frame(
        from: Int(factor) - 7, at: 0,
        channel: AirChannel(frequencyHertz: 868_100_000, spreadingFactor: factor)))
  }
  let events = bench.finish()
  #expect(events.heard(by: 3).count == 2 && events.missed(by: 3) == [.busy])
}

/// Five symbols of the preamble are needed: with eight, the fourth is the latest to begin with.
@Test func whoListensWhenThePreambleIsOverHearsNothing() throws {
  for (offset, isHeard) in [(-1, true), (0, true), (3_072, true), (3_073, false), (61_000, false)]
    as [(Int64, Bool)]
  {
    var bench = try MediumBench(eastMetres: [0, 100])
    try bench.medium.tune(1, to: nil, atMicroseconds: 0)
    if offset < 0 {
      try bench.medium.tune(1, to: .one(MediumBench.channel), atMicroseconds: 10_000 + offset)
    }
    try bench.send(try MediumBench.frame(from: 0, at: 10_000))
    if offset >= 0 {
      try bench.medium.tune(1, to: .one(MediumBench.channel), atMicroseconds: 10_000 + offset)
    }
    let events = bench.finish()
    #expect(events.heard(by: 1).count == (isHeard ? 1 : 0), "\(offset)")
    // Found is told when the preamble is over: who comes later than that does not even miss it.
    let missed: [AirMiss.Reason] = isHeard || offset > 12_544 ? [] : [.notInTime]
    #expect(events.missed(by: 1) == missed, "\(offset)")
  }
}

@Test func aReceiverThatIsSetAnewLosesTheFrameInHand() throws {
  var bench = try MediumBench(eastMetres: [0, 100])
  try bench.send(try MediumBench.frame(from: 0, at: 0))
  try bench.medium.tune(1, to: .one(MediumBench.channel), atMicroseconds: 30_000)
  var other = MediumBench.channel
  other.frequencyHertz += 200_000
  #expect(bench.medium.listening(of: 1) == .one(MediumBench.channel))
  try bench.medium.tune(1, to: .one(other), atMicroseconds: 40_000)
  let events = bench.finish()
  #expect(events.heard(by: 1).isEmpty && events.missed(by: 1) == [.notInTime])
}

@Test func nobodyHearsWhileSending() throws {
  for start in stride(from: Int64(0), through: 120_000, by: 4_000) {
    var bench = try MediumBench(eastMetres: [0, 100])
    try bench.send(try MediumBench.frame(from: 0, at: 60_000))
    // Never the same chirps, so that only the other's own transmission is in the way.
    var other = MediumBench.channel
    other.frequencyHertz += 1_000_000
    let frame = try MediumBench.frame(from: 1, at: start, channel: other)
    try bench.send(frame)
    let events = bench.finish()
    let apart = start + frame.airtimeMicroseconds <= 63_072 || start >= 121_696
    #expect(events.heard(by: 1).count == (apart ? 1 : 0), "\(start)")
    #expect(events.missed(by: 1) == (apart ? [] : [.sending]), "\(start)")
  }
}

@Test func oscillatorsShowAsFrequencyErrorAndMakeDeafBeyondAQuarterOfTheBandwidth() throws {
  for (sender, receiver, error) in [(10, -10, 17_362), (0, 20, -17_362), (-36, 0, -31_252)]
    as [(Double, Double, Int32)]
  {
    var bench = try MediumBench(eastMetres: [0, 100])
    bench.medium.stations[0].oscillator.offsetPPM = sender
    bench.medium.stations[1].oscillator.offsetPPM = receiver
    try bench.send(try MediumBench.frame(from: 0, at: 0))
    let events = bench.finish()
    if abs(error) > 31_250 {
      #expect(events.missed(by: 1) == [.frequencyError])
    } else {
      #expect(events.heard(by: 1).first?.frequencyErrorHertz == error)
    }
  }
}

@Test func anOscillatorFollowsTheDaysTemperature() {
  let oscillator = AirOscillator(
    offsetPPM: 3, driftPPMPerKelvin: -0.5, meanCelsius: 15, dailySwingKelvin: 8)
  #expect(abs(oscillator.errorPPM(atMicroseconds: 0) - 8) < 1e-9)
  #expect(abs(oscillator.errorPPM(atMicroseconds: 21_600_000_000) - 4) < 1e-9)
  #expect(abs(oscillator.errorPPM(atMicroseconds: 64_800_000_000) - 12) < 1e-9)
}

@Test func shadowsAreTheSameInBothDirectionsAndForOneSite() throws {
  let loss = PathLoss.logDistance(exponent: 3, referenceMetres: 100, shadowingDecibels: 8)
  var medium = Medium(seed: 5, pathLoss: loss)
  let origin = AirPlace(latitudeDegrees: 40, longitudeDegrees: 5)
  for index in 0..<200 {
    _ = medium.add(
      AirStation(
        place: origin.moved(metres: 3_000, bearingDegrees: Double(index)),
        site: index < 2 ? 77 : nil))
  }
  var deviations: [Double] = []
  var isSymmetric = true
  for one in 0..<200 {
    for other in 0..<one {
      let there = medium.pathLossDecibels(one, other, frequencyHertz: 868_100_000)
      isSymmetric =
        isSymmetric && there == medium.pathLossDecibels(other, one, frequencyHertz: 868_100_000)
      deviations.append(
        there
          - loss.decibels(
            metres: medium.stations[one].place.distanceMetres(to: medium.stations[other].place),
            frequencyHertz: 868_100_000, heightsMetres: (10, 10)))
    }
  }
  let mean = deviations.reduce(0, +) / Double(deviations.count)
  let variance = deviations.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(deviations.count)
  #expect(abs(mean) < 0.25 && abs(variance.squareRoot() - 8) < 0.2, "\(mean) \(variance)")
  #expect(isSymmetric)
  // Within a site there is none, and towards others it is one.
  #expect(deviations[0] == 0)
  #expect(abs(deviations[1] - deviations[2]) < 1e-9 && deviations[1] != 0)
}

@Test func refusalsSayWhy() throws {
  var bench = try MediumBench(eastMetres: [0, 100])
  try bench.send(try MediumBench.frame(from: 0, at: 1_000))
  #expect(throws: Medium.Refusal.sending) {
    try bench.send(try MediumBench.frame(from: 0, at: 50_000))
  }
  #expect(throws: Medium.Refusal.unknownStation) {
    try bench.send(try MediumBench.frame(from: 2, at: 1_000))
  }
  _ = bench.finish()
  #expect(throws: Medium.Refusal.past) { try bench.send(try MediumBench.frame(from: 0, at: 2_000)) }
  #expect(throws: Medium.Refusal.past) {
    try bench.medium.tune(1, to: nil, atMicroseconds: 2_000)
  }
  var channel = MediumBench.channel
  channel.bandwidthHertz = 100_000
  #expect(
    AirTransmission(
      sender: 0, bytes: [], channel: channel, powerCentidecibelMilliwatts: 0, startMicroseconds: 0)
      == nil)
}
