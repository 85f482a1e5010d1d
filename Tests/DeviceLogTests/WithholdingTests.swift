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

/// What a leaf of a test's batch is: a letter each.
private func append(_ what: Character, to log: inout TestLog, at milliseconds: Int64) throws {
  switch what {
  // Too short alone to be worth a hash; long enough.
  case "r": try appendReading(&log, at: milliseconds, value: 7)
  case "R": try appendReading(&log, at: milliseconds, value: .max / 2)
  default:
    var leaf = [UInt8](repeating: 0, count: 1024)
    let count = LeafEncoding.fault(
      schema: 1, milliseconds: milliseconds, code: .notAcknowledged, count: 1,
      into: leaf.mutableSpan)
    try log.append(leaf: leaf.span.extracting(0..<count), milliseconds: milliseconds)
  }
}

private struct Items: Equatable {
  var leaves: [[UInt8]] = []
  var subtreeCount = 0
  var withheld: UInt64 = 0
  var byteCount = 0

  init(_ batch: Span<UInt8>) throws {
    var reader = try BatchReader(batch)
    while !reader.isAtEnd {
      switch try reader.next() {
      case .leaf(let leaf): leaves.append(leaf.indices.map { leaf[$0] })
      case .subtree(let count, _):
        subtreeCount += 1
        withheld += count
      }
    }
    try reader.finish()
    byteCount = batch.count
  }
}

/// Kind of a leaf: it stands in its second byte while it is below 24.
private func kind(_ leaf: [UInt8]) -> UInt8 { leaf[1] }

@Test func everyBatchWithoutItsReadingsVerifiesAndHasAllElseWhole() throws {
  let medium = try formattedMedium(segmentCount: 16)
  var key = try testKey()
  var log = try TestLog.recover(FaultyStorage(medium), policy: .stop)
  try log.begin(epoch: 0)
  try appendBoot(&log, boot: 1)
  // From every place of the tree, in every mixture of six leaves, and long ones.
  var shapes: [String] = (0..<64).map { mixture in
    String((0..<6).map { bit in mixture >> bit & 1 == 1 ? "R" : "F" })
  }
  shapes += ["R", "r", "rrrr", "F", String(repeating: "R", count: 61)]
  shapes += [String(repeating: "r", count: 200), String(repeating: "RF", count: 100)]
  shapes += [String(repeating: "RRRRRRRF", count: 30)]
  var time: Int64 = 0
  for shape in shapes {
    for what in shape {
      time += 1
      try append(what, to: &log, at: time)
    }
    _ = try log.seal(with: &key)
  }
  var gateway = SmallGateway(key: key.publicKey)
  var reader = try LogReader(opening: FaultyStorage(medium, isReadOnly: true))
  var withheld: UInt64 = 0
  for shape in shapes {
    let found = try #require(try reader.next())
    try reader.assemble()
    let whole = try Items(reader.bytes)
    let mayWait = reader.withholdableCount
    let expected = try #require(mayWait)
    try reader.assembleWithoutReadings()
    let bare = try Items(reader.bytes)
    let told = reader.withheldCount
    #expect(bare.withheld == UInt64(expected) && Int(bare.withheld) == told)
    #expect(bare.leaves.count + Int(bare.withheld) == whole.leaves.count, "\(shape)")
    #expect(bare.byteCount <= whole.byteCount && bare.subtreeCount <= 126, "\(shape)")
    #expect(bare.leaves.filter { kind($0) != 1 } == whole.leaves.filter { kind($0) != 1 })
    // What is not whole any more is not taken for whole.
    if bare.withheld > 0 {
      var refusedCount = 0
      do { try reader.assemble() } catch { refusedCount += error == .noBatch ? 1 : 0 }
      do { try reader.assembleAlone() } catch { refusedCount += error == .noBatch ? 1 : 0 }
      let again = reader.withholdableCount
      #expect(refusedCount == 2 && again == nil)
    }
    let batch = reader.batch
    #expect(batch?.checkpoint == found.checkpoint)
    try gateway.receive(reader.bytes)
    withheld += bare.withheld
  }
  // Aligned runs of long readings do wait.
  #expect(withheld > 200, "\(withheld)")
  let size = log.state.size
  #expect(gateway.frontier.size == size)
}

@Test func aBatchOfAnHourTakesLessThanHalfItsBytesWithoutItsReadings() throws {
  let medium = try formattedMedium(segmentCount: 16)
  var key = try testKey()
  var log = try TestLog.recover(FaultyStorage(medium), policy: .stop)
  try log.begin(epoch: 0)
  try appendBoot(&log, boot: 1)
  for minute in 0..<180 {
    try append("R", to: &log, at: Int64(minute) * 60_000)
    if minute % 60 == 59 { _ = try log.seal(with: &key) }
  }
  var reader = try LogReader(opening: FaultyStorage(medium, isReadOnly: true))
  while try reader.next() != nil {
    try reader.assemble()
    let whole = reader.bytes.count
    try reader.assembleWithoutReadings()
    let bare = reader.bytes.count
    #expect(bare < whole / 2, "\(bare) of \(whole)")
  }
}
