import DeviceLog
import FixedMemory
import Proofs
import Records
import Signers
import Simulation
import Spool
import Testing
import Verifier

/// A board that measures, seals, is read, and restarts, until its power goes.
private struct Board {
  var seen: [[UInt64]: Digest] = [:]

  /// Runs on `medium` until `steps` are done or storage fails. What a reader sees while it runs is noted.
  mutating func run(_ medium: FaultyMedium, steps: Int) throws -> String? {
    var key = try testKey()
    do {
      var log = try TestLog.recover(FaultyStorage(medium), policy: .dropOldest)
      switch log.recovery {
      case .new: try log.begin(epoch: 0)
      case .resumed: break
      case .epochNeeded: return "a power cut looks like a decayed medium"
      }
      _ = try log.seal(with: &key)
      try appendBoot(&log, boot: log.state.boot + 1)
      for step in 0..<steps {
        try appendReading(&log, at: Int64(step), value: Int64(medium.writeCount))
        if step % 3 == 2 { try log.commit() }
        if step % 7 == 6 {
          _ = try log.seal(with: &key)
          if let wrong = note(medium) { return wrong }
        }
      }
    } catch {
      // The power is off.
      return medium.isPowerOff ? nil : "the log failed with the power on: \(error)"
    }
    return note(medium)
  }

  /// What another process can read now: whatever it sees may leave the board.
  private mutating func note(_ medium: FaultyMedium) -> String? {
    do {
      var reader = try LogReader(opening: FaultyStorage(medium, isReadOnly: true))
      while true {
        do {
          guard let batch = try reader.next() else { return nil }
          let place = [batch.checkpoint.epoch, batch.checkpoint.batch]
          if let known = seen[place], known != batch.sigStructureHash {
            return "two checkpoints for \(place)"
          }
          seen[place] = batch.sigStructureHash
        } catch LogReader<FaultyStorage>.Failure.spool(.overtaken) {}
      }
    } catch {
      return nil
    }
  }
}

private func firstViolation(seed: UInt64, ignoresSynchronize: Bool) throws -> (String?, Int) {
  var random = SplitMix64(seed: seed)
  for cut in 0..<400 {
    let formatted = try formattedMedium(segmentCount: 2, segmentByteCount: 8192)
    let medium = FaultyMedium(image: formatted.durable)
    medium.ignoresSynchronize = ignoresSynchronize
    medium.powerCutAfterWrite = cut
    var board = Board()
    if let wrong = try board.run(medium, steps: 90) { return ("cut \(cut): \(wrong)", cut) }
    let isWhole = medium.writeCount < cut
    for _ in 0..<6 {
      let after = FaultyMedium(image: medium.image(using: &random))
      var continued = board
      if let wrong = try continued.run(after, steps: 20) {
        return ("seed \(seed), cut after write \(cut): \(wrong)", cut)
      }
    }
    if isWhole { return (nil, cut) }
  }
  return ("the scenario does not end", 400)
}

@Test(arguments: [1, 2, 3] as [UInt64])
func noPowerCutMakesADeviceSignTwoTruths(seed: UInt64) throws {
  let (violation, cuts) = try firstViolation(seed: seed, ignoresSynchronize: false)
  #expect(violation == nil)
  #expect(cuts > 60)
}

/// The control: without synchronize the same scenario does sign two truths, so the test can fail.
@Test func withoutSynchronizeADeviceSignsTwoTruths() throws {
  #expect(try firstViolation(seed: 1, ignoresSynchronize: true).0 != nil)
}

/// A board that nobody fetches from.
private func runUnfetched(_ medium: FaultyMedium, steps: Int) throws {
  var key = try testKey()
  var log = try TestLog.recover(FaultyStorage(medium), policy: .dropOldest)
  if log.recovery == .new { try log.begin(epoch: 0) }
  _ = try log.seal(with: &key)
  try appendBoot(&log, boot: log.state.boot + 1)
  for step in 0..<steps {
    try tellDropped(&log, at: Int64(step))
    try appendReading(&log, at: Int64(step), value: Int64(step))
    if step % 7 == 6 { _ = try log.seal(with: &key) }
  }
  try tellDropped(&log, at: Int64(steps))
  _ = try log.seal(with: &key)
}

/// The first leaf that a log can still deliver, and the first that its gap leaves say it can.
/// A gateway that has nothing yet can go on from there.
private func oldestLeaf(_ medium: FaultyMedium) throws -> (found: UInt64, told: UInt64) {
  var gateway = SmallGateway(key: try testKey().publicKey)
  var reader = try LogReader(opening: FaultyStorage(medium, isReadOnly: true))
  var found: UInt64?
  var told: UInt64 = 0
  while let batch = try reader.next() {
    guard batch.isWhole else { continue }
    if found == nil {
      found = batch.itemsStart
      try reader.assembleResumed(fromSize: 0)
    } else {
      try reader.assemble()
    }
    try gateway.receive(reader.bytes)
    try reader.assemble()
    var items = try BatchReader(reader.bytes)
    while !items.isAtEnd {
      guard case .leaf(let bytes) = try items.next() else { continue }
      let leaf = try Leaf(decoding: bytes)
      guard leaf.kind == .event else { continue }
      let event = try leaf.event()
      if event.code == .leavesDropped { told = try event.gap().to }
    }
  }
  return (try #require(found), told)
}

@Test func noPowerCutForgetsToTellWhichLeavesGaveWay() throws {
  var random = SplitMix64(seed: 9)
  let formatted = try formattedMedium(segmentCount: 3, segmentByteCount: 8192)
  var cut = 150
  while cut < 400 {
    let medium = FaultyMedium(image: formatted.durable)
    medium.powerCutAfterWrite = cut
    do { try runUnfetched(medium, steps: 900) } catch { #expect(medium.isPowerOff) }
    let after = FaultyMedium(image: medium.image(using: &random))
    try runUnfetched(after, steps: 5)
    let (found, told) = try oldestLeaf(after)
    #expect(told > 0 && found == told, "cut after write \(cut): \(found), told \(told)")
    cut += 1
  }
}
