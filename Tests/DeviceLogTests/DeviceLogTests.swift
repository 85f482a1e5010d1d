import FixedMemory
import Proofs
import Records
import Signers
import Simulation
import Spool
import TestSupport
import Testing
import Verifier

@testable import DeviceLog

func newLog(_ medium: FaultyMedium, policy: TestLog.FullPolicy = .stop) throws -> TestLog {
  var log = try TestLog.recover(FaultyStorage(medium), policy: policy)
  let recovery = log.recovery
  #expect(recovery == .new)
  try log.begin(epoch: 0)
  return log
}

@Test func everyBatchThatIsReadBackVerifies() throws {
  let medium = try formattedMedium(segmentCount: 8)
  var key = try testKey()
  var log = try newLog(medium)
  try appendBoot(&log, boot: 1)
  var gateway = SmallGateway(key: key.publicKey)
  for batch in 0..<12 {
    for reading in 0..<(batch * 7 + 1) {
      try appendReading(&log, at: Int64(batch * 1000 + reading), value: Int64(reading * 1000))
      if reading % 5 == 0 { try log.commit() }
      log.checkInvariants()
    }
    #expect(try log.seal(with: &key) == UInt64(batch))
    log.checkInvariants()
  }
  #expect(try log.seal(with: &key) == nil)
  var reader = try LogReader(opening: FaultyStorage(medium, isReadOnly: true))
  for batch in 0..<12 {
    let found = try #require(try reader.next())
    #expect(found.checkpoint.batch == UInt64(batch) && found.isWhole)
    try reader.assemble()
    try gateway.receive(reader.bytes)
    // With what lies before it in front, it can be checked by somebody who knows nothing.
    try reader.assembleAlone()
    var stranger = SmallGateway(key: key.publicKey)
    try stranger.receive(reader.bytes)
    #expect(stranger.frontier == gateway.frontier)
  }
  #expect(try reader.next() == nil)
  let size = log.state.size
  #expect(gateway.frontier.size == size)
}

@Test func aReaderFollowsTheWriter() throws {
  let medium = try formattedMedium(segmentCount: 4)
  var key = try testKey()
  var log = try newLog(medium)
  try appendBoot(&log, boot: 1)
  var reader = try LogReader(opening: FaultyStorage(medium, isReadOnly: true))
  for batch in 0..<30 {
    try appendReading(&log, at: Int64(batch), value: 1)
    try log.commit()
    try reader.refresh()
    // Durable, and not sealed: not a batch yet.
    #expect(try reader.next() == nil)
    _ = try log.seal(with: &key)
    try reader.refresh()
    #expect(try reader.next()?.checkpoint.batch == UInt64(batch))
  }
}

@Test func aFullBatchIsRefusedAndNothingIsChanged() throws {
  let medium = try formattedMedium(segmentCount: 40)
  var key = try testKey()
  var log = try newLog(medium)
  try appendBoot(&log, boot: 1)
  for index in 1..<Batch.maximumLeafCount {
    if log.mustSeal { Issue.record("a batch of \(index) leaves is full") }
    try appendReading(&log, at: Int64(index), value: 0)
  }
  let mustSeal = log.mustSeal
  #expect(mustSeal)
  let before = log.state
  #expect(throws: TestLog.Failure.batchFull) { try appendReading(&log, at: 9999, value: 0) }
  let after = log.state
  #expect(before == after)
  _ = try log.seal(with: &key)
  try appendReading(&log, at: 9999, value: 0)
}

@Test func theLargestLeavesFillABatchToItsLimit() throws {
  let medium = try formattedMedium(segmentCount: 40)
  var key = try testKey()
  var log = try newLog(medium)
  try appendBoot(&log, boot: 1)
  var count = 0
  while !log.mustSeal {
    try append(&log, at: 5) {
      LeafEncoding.device(
        .deviceAttached, schema: 0, milliseconds: 5,
        name: [UInt8](repeating: 97, count: 1013).span, into: $0.mutableSpan)
    }
    count += 1
  }
  #expect(count >= 61)
  _ = try log.seal(with: &key)
  var reader = try LogReader(opening: FaultyStorage(medium, isReadOnly: true))
  _ = try reader.next()
  try reader.assemble()
  let byteCount = reader.bytes.count
  #expect(byteCount <= Batch.maximumByteCount && byteCount > 60_000)
  var gateway = SmallGateway(key: key.publicKey)
  try gateway.receive(reader.bytes)
}

@Test func withPolicyStopAFullRingRefusesLeavesUntilSomethingIsDelivered() throws {
  let medium = try formattedMedium(segmentCount: 3)
  var key = try testKey()
  var log = try newLog(medium)
  try appendBoot(&log, boot: 1)
  var time: Int64 = 0
  var isFull = false
  while !isFull {
    do {
      for _ in 0..<20 {
        time += 1
        try appendReading(&log, at: time, value: time)
      }
      _ = try log.seal(with: &key)
    } catch {
      #expect(error == .full)
      isFull = true
    }
    #expect(time < 5000)
  }
  // What was accepted is still sealed: room for that is always kept.
  let open = log.state.openLeafCount
  let sealed = try log.seal(with: &key)
  #expect((sealed != nil) == (open > 0))
  // So are two last words, each sealed; a third finds the ring full.
  for _ in 0..<2 {
    try appendGap(&log, at: time, purpose: .lastWord)
    #expect(try log.seal(with: &key) != nil)
  }
  #expect(throws: TestLog.Failure.full) {
    for _ in 0..<9 {
      try appendGap(&log, at: time, purpose: .lastWord)
      _ = try log.seal(with: &key)
    }
  }
  #expect(throws: TestLog.Failure.full) {
    for _ in 0..<20 { try appendReading(&log, at: time + 1, value: 0) }
  }
  let (epoch, size, sequence) = (log.state.epoch, log.state.first, log.lastCheckpointSequence)
  try log.markDelivered(epoch: epoch, size: size, throughSequence: sequence)
  for _ in 0..<20 { try appendReading(&log, at: time + 1, value: 0) }
  log.checkInvariants()
}

private func appendGap(_ log: inout TestLog, at milliseconds: Int64, purpose: TestLog.Purpose)
  throws(TestLog.Failure)
{
  try append(&log, at: milliseconds, purpose: purpose) {
    LeafEncoding.gap(
      .measurementsMissed, schema: 0, milliseconds: milliseconds, from: .max, to: .max,
      count: .max, reason: .spoolFull, into: $0.mutableSpan)
  }
}

@Test func leavesThatWereDurableAreSealedFirstInTheirOldBoot() throws {
  let medium = try formattedMedium(segmentCount: 4)
  var key = try testKey()
  do {
    var log = try newLog(medium)
    try appendBoot(&log, boot: 1)
    for time in 1...9 { try appendReading(&log, at: Int64(time), value: 0) }
    try log.commit()
    try appendReading(&log, at: 10, value: 0)
  }
  var log = try TestLog.recover(FaultyStorage(medium), policy: .stop)
  let (recovery, state) = (log.recovery, log.state)
  #expect(recovery == .resumed)
  #expect(state.openLeafCount == 10 && state.boot == 1 && state.flags == 1)
  _ = try log.seal(with: &key)
  try appendBoot(&log, boot: log.state.boot + 1)
  _ = try log.seal(with: &key)
  var reader = try LogReader(opening: FaultyStorage(medium, isReadOnly: true))
  #expect(try reader.next()?.checkpoint.boot == 1)
  #expect(try reader.next()?.checkpoint.boot == 2)
}

@Test func aMediumThatLostReleasedEntriesNeedsANewEpoch() throws {
  let medium = try formattedMedium(segmentCount: 4)
  var key = try testKey()
  var log = try newLog(medium)
  try appendBoot(&log, boot: 1)
  _ = try log.seal(with: &key)
  let released = log.releasedThrough
  try appendReading(&log, at: 1, value: 0)
  try log.commit()
  try appendReading(&log, at: 2, value: 0)
  _ = try log.seal(with: &key)
  // The last entries are gone, although a synchronize had confirmed them.
  var image = medium.durable
  for index in (32_768 + 4096 + 200)..<(32_768 + 12_288) { image[index] = 0 }
  let decayed = FaultyMedium(image: image)
  var recovered = try TestLog.recover(FaultyStorage(decayed), policy: .stop)
  guard case .epochNeeded = recovered.recovery else {
    Issue.record("recovered as \(recovered.recovery)")
    return
  }
  try recovered.begin(epoch: 1)
  try appendBoot(&recovered, boot: 2)
  _ = try recovered.seal(with: &key)
  let releasedNow = recovered.releasedThrough
  #expect(releasedNow > released)
  var reader = try LogReader(opening: FaultyStorage(decayed, isReadOnly: true))
  var epochs: [UInt64] = []
  while true {
    do {
      guard let batch = try reader.next() else { break }
      epochs.append(batch.checkpoint.epoch)
    } catch {}
  }
  #expect(epochs.last == 1)
}
