import Delivery
import FixedMemory
import Records
import Sampling

/// Pauses, slots and fault counts over times from the start to the end of 64 bits.
func tellSchedules() {
  tellPauses()
  tellSlots()
  tellFaults()
}

private func tellPauses() {
  var draw = Draw(seed: 1)
  var tally = Tally()
  for attempt in UInt8.min...UInt8.max {
    let words: InlineArray<3, UInt64> = [0, .max, draw.next()]
    for wordIndex in words.indices {
      let word = words[wordIndex]
      tally.add(UInt64(Backoff.milliseconds(attempt: attempt, randomWord: word)))
    }
  }
  let allSeconds: InlineArray<8, UInt32> = [0, 1, 59, 3599, 3600, 4_294_967, 2_147_483_648, .max]
  for secondsIndex in allSeconds.indices {
    let seconds = allSeconds[secondsIndex]
    let words: InlineArray<3, UInt64> = [0, .max, draw.next()]
    for wordIndex in words.indices {
      let word = words[wordIndex]
      tally.add(UInt64(Backoff.milliseconds(retryAfterSeconds: seconds, randomWord: word)))
      tally.add(UInt64(Backoff.blockedMilliseconds(randomWord: word)))
    }
  }
  tally.tell("pauses of a delivery")
}

private func tellSlots() {
  var draw = Draw(seed: 2)
  for start in 0..<5 as Range<UInt64> {
    let starts: InlineArray<5, Int64> = [
      0, 2_147_483_000, 4_294_967_000, 1 << 61, .max - 5_000_000,
    ]
    var now = starts[Int(start)]
    var schedule = Schedule()
    let intervals: InlineArray<4, Int64> = [100, 1_000, 86_400_000, 604_800_000]
    for index in intervals.indices {
      guard
        schedule.add(intervalMilliseconds: intervals[index], firstMilliseconds: now + Int64(index))
          != nil
      else { fail("a schedule without room") }
    }
    var tally = Tally()
    for turn in 0..<3_000 {
      while let due = schedule.take(now: now) {
        tally.add(count: due.sensor)
        tally.add(optional: due.slotMilliseconds)
        tally.add(optional: due.gap?.fromMilliseconds)
        tally.add(optional: due.gap?.toMilliseconds)
        tally.add(optional: due.gap?.count)
      }
      tally.add(optional: schedule.nextDueMilliseconds)
      if turn % 100 == 50 { schedule.pause(sensor: turn / 100 % 4) }
      if turn % 100 == 80 { schedule.resume(sensor: turn / 100 % 4, now: now) }
      // Mostly a second; now and then a suspended board, of up to 49 days.
      let step = turn % 97 == 0 ? Int64(draw.next() >> 32) : Int64(draw.next() % 2_000)
      let (next, overflow) = now.addingReportingOverflow(step)
      now = overflow ? .max : next
    }
    let name = named("slots from start ", start)
    tally.tell(name.span)
  }
}

private func tellFaults() {
  var draw = Draw(seed: 3)
  var counter = FaultCounter()
  var tally = Tally()
  var now: Int64 = 2_147_400_000
  for _ in 0..<4_000 {
    let word = draw.next()
    now += Int64(word % 40_000)
    let sensor = Int(truncatingIfNeeded: word >> 20 & 15)
    guard let code = FaultCode(rawValue: UInt8(truncatingIfNeeded: word >> 30) % 12 + 1) else {
      fail("a fault code without a number")
    }
    if let report = counter.count(sensor: sensor, code: code, now: now) { add(report, to: &tally) }
    if word % 5 == 0, let report = counter.takeDue(now: now) { add(report, to: &tally) }
    tally.add(optional: counter.nextDueMilliseconds)
  }
  while let report = counter.drain(now: now) { add(report, to: &tally) }
  tally.tell("fault counts")
}

private func add(_ report: FaultCounter.Report, to tally: inout Tally) {
  tally.add(count: report.sensor)
  tally.add(UInt64(report.code.rawValue))
  tally.add(report.count)
}
