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

/// Tells what gave way, as the agent does; the range, or nil when there is nothing to tell.
@discardableResult
func tellDropped(_ log: inout TestLog, at milliseconds: Int64) throws -> Range<UInt64>? {
  guard let dropped = log.untoldDropped else { return nil }
  try append(&log, at: milliseconds) {
    LeafEncoding.gap(
      .leavesDropped, schema: 0, milliseconds: milliseconds, from: dropped.lowerBound,
      to: dropped.upperBound, count: UInt64(dropped.count), reason: .spoolFull,
      into: $0.mutableSpan)
  }
  log.told(dropped, .spoolFull)
  return dropped
}

/// A gateway that was away while the oldest leaves gave way goes on from where it stood.
@Test(arguments: [0, 1, 2, 5], [false, true])
func droppedLeavesLeaveATreeThatStillVerifies(deliveredBatchCount: Int, isRestarted: Bool) throws {
  for isOneAhead in [false, true] {
    let medium = try formattedMedium(segmentCount: 3)
    var key = try testKey()
    var gateway = SmallGateway(key: key.publicKey)
    var log = try newLog(medium, policy: .dropOldest)
    try appendBoot(&log, boot: 1)
    var reader = try LogReader(opening: FaultyStorage(medium, isReadOnly: true))
    var time: Int64 = 0
    var droppedCount = 0
    for batch in 0..<160 {
      if isRestarted, batch == deliveredBatchCount + 3 {
        // What is delivered must be known from the spool alone: nothing of it lies in a context yet.
        log = try TestLog.recover(FaultyStorage(medium), policy: .dropOldest)
        try appendBoot(&log, boot: log.state.boot + 1)
        time = 0
      }
      for _ in 0..<(10 + batch % 7) {
        time += 1
        try appendReading(&log, at: time, value: time)
        if try tellDropped(&log, at: time) != nil { droppedCount += 1 }
      }
      _ = try log.seal(with: &key)
      // The gateway may have one batch more than the agent knows of: the receipt was lost.
      if batch < deliveredBatchCount + (isOneAhead ? 1 : 0) {
        try reader.refresh()
        let found = try #require(try reader.next())
        try reader.assemble()
        try gateway.receive(reader.bytes)
        if batch < deliveredBatchCount {
          try log.markDelivered(
            epoch: 0, size: found.checkpoint.size, throughSequence: found.sequence)
        }
      }
    }
    #expect(droppedCount > 2)
    try reader.refresh()
    try reader.seek(toSequence: reader.nextSequence)
    var resumedCount = 0
    var isResumed = false
    let told = log.state.toldDroppedBefore
    while true {
      let found: LogBatch?
      do {
        found = try reader.next()
      } catch {
        #expect(error == .spool(.overtaken))
        continue
      }
      guard let found else { break }
      guard found.isWhole else {
        #expect(!isResumed, "only the oldest batch can be cut")
        continue
      }
      if isResumed {
        try reader.assemble()
      } else {
        #expect(found.checkpoint.size > gateway.frontier.size)
        #expect(found.checkpoint.first == told)
        try reader.assembleResumed(fromSize: gateway.frontier.size)
        isResumed = true
      }
      try gateway.receive(reader.bytes)
      resumedCount += 1
    }
    #expect(resumedCount > 2)
    let size = log.state.size
    #expect(gateway.frontier.size == size)
  }
}

/// A log of drop-oldest whose ring begins in the middle of a batch, of which nothing is delivered.
private func cutLog(_ medium: FaultyMedium, _ key: inout FileKey, isTold: Bool) throws -> TestLog {
  var log = try newLog(medium, policy: .dropOldest)
  try appendBoot(&log, boot: 1)
  var time: Int64 = 0
  for batch in 0..<400 {
    for _ in 0..<(10 + batch % 7) {
      time += 1
      try appendReading(&log, at: time, value: time)
      if isTold { try tellDropped(&log, at: time) }
    }
    _ = try log.seal(with: &key)
    if batch > 60, try ringStart(medium).cut != nil { return log }
  }
  throw BenchFailure.neverCut
}

private enum BenchFailure: Error { case neverCut }

/// Where the leaves begin that are there, if that is within a batch, and the first leaf of the first whole batch.
private func ringStart(_ medium: FaultyMedium) throws -> (cut: UInt64?, whole: UInt64) {
  var reader = try LogReader(opening: FaultyStorage(medium, isReadOnly: true))
  var cut: UInt64?
  while let found = try reader.next() {
    if found.isWhole { return (cut, found.checkpoint.first) }
    cut = found.itemsStart
  }
  throw BenchFailure.neverCut
}

@Test func aBatchThatLostItsFirstLeavesIsDroppedToItsEnd() throws {
  let medium = try formattedMedium(segmentCount: 3)
  var key = try testKey()
  let log = try cutLog(medium, &key, isTold: false)
  let start = try ringStart(medium)
  let (dropped, cut) = (log.untoldDropped, try #require(start.cut))
  #expect(dropped == 0..<start.whole && start.whole > cut)
}

/// Bytes of an older program: its gap leaves ended where the ring began.
@Test func whatAnOlderProgramLeftUntoldOfACutBatchIsToldAfterTheNextStart() throws {
  let medium = try formattedMedium(segmentCount: 3)
  var key = try testKey()
  var log = try cutLog(medium, &key, isTold: false)
  let start = try ringStart(medium)
  let cut = try #require(start.cut)
  let time = log.state.lastLeafMilliseconds
  try append(&log, at: time) {
    LeafEncoding.gap(
      .leavesDropped, schema: 0, milliseconds: time, from: 0, to: cut, count: cut,
      reason: .spoolFull, into: $0.mutableSpan)
  }
  log.told(0..<cut, .spoolFull)
  _ = try log.seal(with: &key)
  let now = try ringStart(medium)
  #expect(now == start, "the gap leaf itself took a segment")
  var restarted = try TestLog.recover(FaultyStorage(medium), policy: .dropOldest)
  let untold = restarted.untoldDropped
  #expect(untold == 0..<start.whole)
  // And only once.
  try appendBoot(&restarted, boot: 2)
  #expect(try tellDropped(&restarted, at: 0) == 0..<start.whole)
  _ = try restarted.seal(with: &key)
  let again = try TestLog.recover(FaultyStorage(medium), policy: .dropOldest).untoldDropped
  #expect(again == nil)
}

@Test func aGatewayWithNothingGoesOnBehindACutBatch() throws {
  let medium = try formattedMedium(segmentCount: 3)
  var key = try testKey()
  let log = try cutLog(medium, &key, isTold: true)
  var gateway = SmallGateway(key: key.publicKey)
  var reader = try LogReader(opening: FaultyStorage(medium, isReadOnly: true))
  // The cut batch can be read, and is not assembled: the gateway would refuse it.
  let cut = try #require(try reader.next())
  #expect(!cut.isWhole)
  #expect(throws: LogReader<FaultyStorage>.Failure.noBatch) {
    try reader.assembleResumed(fromSize: 0)
  }
  let first = try #require(try reader.next())
  #expect(first.isWhole)
  try reader.assembleResumed(fromSize: 0)
  try gateway.receive(reader.bytes)
  #expect(gateway.frontier.size == first.checkpoint.size)
  // Reading goes on behind it, as if it had not gone back.
  while let next = try reader.next() {
    #expect(next.checkpoint.first == gateway.frontier.size)
    try reader.assemble()
    try gateway.receive(reader.bytes)
  }
  let size = log.state.size
  #expect(gateway.frontier.size == size)
}

/// A batch longer than the ring: its first leaves give way while it is open.
@Test(arguments: [false, true])
func anOpenBatchThatLosesItsFirstLeavesIsToldWhenItIsSealed(isRestarted: Bool) throws {
  let medium = try formattedMedium(segmentCount: 3)
  var key = try testKey()
  var log = try newLog(medium, policy: .dropOldest)
  try appendBoot(&log, boot: 1)
  for _ in 0..<40 {
    try append(&log, at: 5) {
      LeafEncoding.device(
        .deviceAttached, schema: 0, milliseconds: 5,
        name: [UInt8](repeating: 97, count: 1013).span, into: $0.mutableSpan)
    }
  }
  try log.commit()
  let open = log.untoldDropped
  #expect((open?.upperBound ?? .max) < 41)
  if isRestarted { log = try TestLog.recover(FaultyStorage(medium), policy: .dropOldest) }
  _ = try log.seal(with: &key)
  let sealed = log.untoldDropped
  #expect(sealed == 0..<41)
  try tellDropped(&log, at: 5)
  _ = try log.seal(with: &key)
  #expect(try ringStart(medium).whole == 41)
  var gateway = SmallGateway(key: key.publicKey)
  var reader = try LogReader(opening: FaultyStorage(medium, isReadOnly: true))
  while let found = try reader.next() {
    guard found.isWhole else { continue }
    try reader.assembleResumed(fromSize: 0)
    try gateway.receive(reader.bytes)
  }
  #expect(gateway.frontier.size == 42)
}

/// What gave way of a tree that has ended is told as of that tree.
@Test func leavesThatGaveWayBeforeAnEpochBeganAreToldAsThatEpochs() throws {
  let medium = try formattedMedium(segmentCount: 3)
  var key = try testKey()
  var log = try cutLog(medium, &key, isTold: false)
  let start = try ringStart(medium)
  try log.begin(epoch: 1)
  let (dropped, older) = (log.untoldDropped, log.untoldOlder)
  #expect(dropped == nil)
  #expect(older == OlderLeaves(epoch: 0, range: 0..<start.whole))
  let restarted = try TestLog.recover(FaultyStorage(medium), policy: .dropOldest).untoldOlder
  #expect(restarted == older)
}
