import Records
import Testing

@testable import Sampling

@Suite struct FaultCounterTests {
  private let minute: Int64 = 60_000

  @Test func everyFaultCodeHasAPlace() {
    for rawValue in UInt8.min...UInt8.max where FaultCode(rawValue: rawValue) != nil {
      #expect(Int(rawValue) < FaultCounter.codeCapacity)
    }
  }

  @Test func theFirstOccurrenceIsToldAtOnceAndTheNextAfterGrowingSpacings() {
    var counter = FaultCounter()
    var leaves: [Int64] = []
    var told: UInt64 = 0
    // Once a second for six hours.
    for second in 0..<(6 * 3_600) as Range<Int64> {
      if let report = counter.count(sensor: 3, code: .timedOut, now: second * 1_000) {
        #expect(report.sensor == 3 && report.code == .timedOut)
        leaves.append(second / 60)
        told += report.count
        #expect(told == UInt64(second + 1))
      }
      counter.checkInvariants()
    }
    #expect(leaves == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303])
  }

  @Test func aDayOfAFaultIsAtMostThirtyLeavesAndTheHourlyOnesGoOn() {
    var counter = FaultCounter()
    var leafCount = 0
    for second in 0..<86_400 as Range<Int64>
    where counter.count(sensor: 0, code: .frozen, now: second * 1_000) != nil {
      leafCount += 1
    }
    #expect((24...30).contains(leafCount))
  }

  @Test func aLooseContactDoesNotFloodTheLog() {
    var counter = FaultCounter()
    var leafCount = 0
    // Fails every other second: the successes are not told to the counter at all.
    for second in stride(from: Int64(0), to: 3_600, by: 2)
    where counter.count(sensor: 0, code: .notAcknowledged, now: second * 1_000) != nil {
      leafCount += 1
    }
    #expect(leafCount == 6)
  }

  @Test func anOldFaultThatComesBackIsToldAtOnce() {
    var counter = FaultCounter()
    #expect(counter.count(sensor: 0, code: .timedOut, now: 0)?.count == 1)
    // The spacing is one minute: two minutes of quiet make the fault a new one.
    #expect(counter.count(sensor: 0, code: .timedOut, now: 2 * minute)?.count == 1)
    #expect(counter.count(sensor: 0, code: .timedOut, now: 2 * minute + 1) == nil)
    #expect(counter.takeDue(now: 3 * minute - 1) == nil)
    #expect(counter.nextDueMilliseconds == 3 * minute)
    #expect(counter.takeDue(now: 3 * minute)?.count == 1)
    #expect(counter.takeDue(now: 3 * minute) == nil && counter.nextDueMilliseconds == nil)
  }

  @Test func anotherCodeOrAnotherSensorIsAFirstOccurrence() {
    var counter = FaultCounter()
    for sensor in 0..<FaultCounter.sensorCapacity {
      for rawValue in UInt8(0)..<16 {
        guard let code = FaultCode(rawValue: rawValue) else { continue }
        let report = counter.count(sensor: sensor, code: code, now: 5)
        #expect(report == FaultCounter.Report(sensor: sensor, code: code, count: 1))
      }
    }
    #expect(counter.drain(now: 6) == nil)
  }

  @Test(arguments: [UInt64(11), 12, 13, 14, 15, 16])
  func theCountsOfTheLeavesAddUpToTheOccurrences(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var counter = FaultCounter()
    var occurred: [Int: UInt64] = [:]
    var told: [Int: UInt64] = [:]
    var lastLeaf: [Int: Int64] = [:]
    let codes: [FaultCode] = [.timedOut, .frozen, .checksumMismatch]
    func tell(_ report: FaultCounter.Report?, now: Int64, isDrain: Bool = false) {
      guard let report else { return }
      let key = report.sensor * 16 + Int(report.code.rawValue)
      #expect(report.count > 0)
      told[key, default: 0] += report.count
      if let last = lastLeaf[key], !isDrain {
        // Never two leaves of one pair within the shortest spacing, nor an hour's silence.
        #expect(now - last >= FaultCounter.firstSpacingMilliseconds)
      }
      lastLeaf[key] = now
    }
    var now: Int64 = 0
    for _ in 0..<3_000 {
      now += Int64.random(
        in: 0...(UInt8.random(in: 0..<30, using: &generator) == 0 ? 4_000_000 : 3_000),
        using: &generator)
      let sensor = Int.random(in: 0..<3, using: &generator)
      let code = codes[Int.random(in: 0..<3, using: &generator)]
      occurred[sensor * 16 + Int(code.rawValue), default: 0] += 1
      tell(counter.count(sensor: sensor, code: code, now: now), now: now)
      while let report = counter.takeDue(now: now) { tell(report, now: now) }
      if let next = counter.nextDueMilliseconds {
        #expect(next > now && next - now <= FaultCounter.longestSpacingMilliseconds)
      }
      counter.checkInvariants()
    }
    while let report = counter.drain(now: now) { tell(report, now: now, isDrain: true) }
    #expect(told == occurred)
  }

  @Test func aClockAtItsEndsDoesNotTrap() {
    for first in [Int64.min, 0, .max] {
      for second in [Int64.min, 0, .max] {
        var counter = FaultCounter()
        #expect(counter.count(sensor: 0, code: .frozen, now: first) != nil)
        _ = counter.count(sensor: 0, code: .frozen, now: second)
        _ = counter.takeDue(now: second)
        counter.checkInvariants()
      }
    }
  }
}
