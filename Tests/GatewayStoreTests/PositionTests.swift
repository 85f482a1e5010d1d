import FixedMemory
import Foundation
import Proofs
import Records
import Testing
import Verifier

@testable import GatewayStore

/// Where a batch may stand in a log: order, repeats, forks, epochs, resumed batches.
@Suite struct PositionTests {
  let gateway: Gateway
  let device: TestDevice

  init() throws {
    gateway = try TestGateway.make()
    device = try TestDevice()
    try gateway.enrol(device)
  }

  private func next(_ time: Int64) throws -> [UInt8] {
    try device.seal([TestLeaf.reading([time], at: time), TestLeaf.reading([nil], at: time)])
  }

  @Test func aRepeatGetsTheFirstReceiptByteForByteHoweverLate() throws {
    let first = try next(1)
    let second = try next(2)
    let receipt = try #require(gateway.receive(first).receipt)
    #expect(gateway.receive(second).isStored)
    let again = gateway.receive(first, utcMilliseconds: TestGateway.now + 86_400_000)
    #expect(again.isRepeated)
    #expect(again.receipt == receipt)
    #expect(try gateway.rows == [2, 0])
  }

  @Test func aGapNamesThePositionThatIsExpected() throws {
    let batches = [try next(1), try next(2), try next(3)]
    let start = gateway.receive(batches[1])
    #expect(start.code == .gap)
    #expect(start.problem?.expected == .init(epoch: 0, batch: 0, size: 0))
    #expect(gateway.receive(batches[0]).isStored)
    // The second was held meanwhile: the gateway goes on behind it.
    #expect(gateway.receive(batches[1]).isRepeated)
    let fourth = try next(4)
    let later = gateway.receive(fourth)
    #expect(later.code == .gap)
    #expect(later.problem?.expected == .init(epoch: 0, batch: 2, size: 4))
    #expect(gateway.receive(batches[2]).isStored)
    #expect(gateway.receive(fourth).isRepeated)
  }

  @Test func anyOrderOfFiveBatchesEndsWithAllOfThemStored() throws {
    let batches = try (1...5).map { try next($0) }
    for order in permutations(of: [0, 1, 2, 3, 4]) {
      let gateway = try TestGateway.make()
      try gateway.enrol(device)
      for index in order + [0, 1, 2, 3, 4] {
        let held = try gateway.store.counts().batches
        let answer = gateway.receive(batches[index])
        #expect(answer.isStored == (index == held))
        if index > held {
          #expect(
            answer.problem?.expected
              == .init(epoch: 0, batch: UInt64(held), size: UInt64(held * 2)))
        }
      }
      #expect(try gateway.rows == [5, 0])
    }
  }

  @Test func twoHistoriesAtOnePositionAreAForkAndBothAreKept() throws {
    #expect(gateway.receive(try next(1)).isStored)
    let card = device.log
    let held = try next(2)
    #expect(gateway.receive(held).isStored)
    let honest = device.log
    device.log = card
    let copied = try next(3)
    for _ in 0..<2 {
      let answer = gateway.receive(copied)
      #expect(answer.code == .fork)
      #expect(answer.problem?.evidence?.held == message(held))
      #expect(answer.problem?.evidence?.sent == message(copied))
    }
    let found = try gateway.store.device(named: device.publicKey.hash.hexadecimal)
    guard case .found(let known) = found else { throw StoreDamage() }
    let forks = try gateway.store.forks(of: known)
    #expect(forks.count == 1)
    // Anyone can check the proof: two signatures of one key, one position, two histories.
    let (messageHeld, messageSent) = (forks[0].held, forks[0].sent)
    let first = try VerifiedCheckpoint(verifying: messageHeld.span, key: device.publicKey)
    let second = try VerifiedCheckpoint(verifying: messageSent.span, key: device.publicKey)
    #expect(first.checkpoint.batch == second.checkpoint.batch)
    #expect(first.sigStructureHash != second.sigStructureHash)
    // What was verified stays, and the history that the gateway holds goes on.
    device.log = honest
    #expect(gateway.receive(held).isRepeated)
    #expect(gateway.receive(try next(4)).isStored)
  }

  @Test func aDeviceCannotFillTheStoreWithForks() throws {
    #expect(gateway.receive(try next(0)).isStored)
    for time in 1...Int64(SignedPair.maximumKeptPerDevice + 10) {
      device.log = TestDevice.Log()
      #expect(gateway.receive(try next(time)).code == .fork)
    }
    #expect(try gateway.rows == [1, SignedPair.maximumKeptPerDevice])
  }

  @Test func aWrongPrevIsRefused() throws {
    #expect(gateway.receive(try next(1)).isStored)
    let batch = try device.seal([TestLeaf.reading([1], at: 2)]) { $0.previous[5] ^= 1 }
    #expect(gateway.receive(batch).code == .wrongPrev)
  }

  @Test func aBatchThatBeginsAnewAtLeafZeroIsNotTheNextOne() throws {
    #expect(gateway.receive(try next(1)).isStored)
    device.log.frontier = MerkleFrontier()
    #expect(gateway.receive(try next(2)).code == .sizeMismatch)
  }

  @Test func aNewEpochClosesTheOneBefore() throws {
    #expect(gateway.receive(try next(1)).isStored)
    let late = try next(2)
    var old = device.log
    old.batch = 1
    device.log = TestDevice.Log(epoch: 1, previous: device.log.previous)
    #expect(gateway.receive(try next(3)).isStored)
    #expect(gateway.receive(try next(4)).isStored)
    let answer = gateway.receive(late)
    #expect(answer.code == .closedEpoch)
    #expect(answer.problem?.expected == .init(epoch: 1, batch: 2, size: 4))
    // Going on behind the end of a closed epoch is kept, and is no fork.
    #expect(try gateway.rows == [3, 1])
    #expect(try gateway.store.counts().forks == 0)
    #expect(answer.problem?.evidence?.sent == message(late))
  }

  private func known() throws -> Device {
    let found = try gateway.store.device(named: device.publicKey.hash.hexadecimal)
    guard case .found(let known) = found else { throw StoreDamage() }
    return known
  }

  @Test func whatGoesOnInAClosedEpochIsNamedApartAndIsOneHistoryWhenItFollows() throws {
    #expect(gateway.receive(try next(1)).isStored)
    let card = device.log
    device.log = TestDevice.Log(epoch: 1, previous: card.previous)
    #expect(gateway.receive(try next(2)).isStored)
    device.log = card
    let follows = try next(3)
    let later = try next(4)
    for batch in [follows, later, follows] {
      #expect(gateway.receive(batch).code == .closedEpoch)
    }
    let pairs = try gateway.store.closedEpochPairs(of: known())
    #expect(pairs.map(\.sent) == [message(follows), message(later)])
    #expect(try pairs.map { try $0.isOneHistory } == [true, false])
    #expect(pairs.allSatisfy { $0.code == .closedEpoch })
    #expect(try gateway.store.forks(of: known()).isEmpty)
    let overview = try gateway.store.overview(of: known())
    #expect((overview.forkCount, overview.closedEpochCount) == (0, 2))
    let counts = try gateway.store.counts()
    #expect((counts.forks, counts.closedEpoch) == (0, 2))
    let sizes = try gateway.store.sizes()
    #expect((sizes.forks, sizes.closedEpoch) == (0, 2))
    // Nor is it a leaf of the gateway's own log, where forks are.
    #expect(try gateway.logSize() == 4)
  }

  @Test func manyThatGoOnInAClosedEpochKeepNoForkOut() throws {
    #expect(gateway.receive(try next(1)).isStored)
    let card = device.log
    device.log = TestDevice.Log(epoch: 1, previous: card.previous)
    let copied = device.log
    #expect(gateway.receive(try next(2)).isStored)
    device.log = card
    for time in 3...Int64(SignedPair.maximumKeptPerDevice + 10) {
      #expect(gateway.receive(try next(time)).code == .closedEpoch)
    }
    device.log = copied
    #expect(gateway.receive(try next(1000)).code == .fork)
    #expect(try gateway.store.forks(of: known()).count == 1)
    #expect(
      try gateway.store.closedEpochPairs(of: known()).count == SignedPair.maximumKeptPerDevice)
  }

  @Test func aNewEpochBeginsWithBatchZero() throws {
    #expect(gateway.receive(try next(1)).isStored)
    device.log = TestDevice.Log(epoch: 4)
    _ = try next(2)
    let answer = gateway.receive(try next(3))
    #expect(answer.code == .gap)
    #expect(answer.problem?.expected == .init(epoch: 4, batch: 0, size: 0))
  }

  @Test func anEpochBeforeTheFirstThatWasSeenIsClosedAndProvesNothing() throws {
    device.log = TestDevice.Log(epoch: 2)
    #expect(gateway.receive(try next(1)).isStored)
    device.log = TestDevice.Log(epoch: 1)
    let answer = gateway.receive(try next(2))
    #expect(answer.code == .closedEpoch)
    #expect(answer.problem?.expected == .init(epoch: 2, batch: 1, size: 2))
    #expect(try gateway.rows == [1, 0])
  }

  @Test func aResumedBatchFromTheGatewaysSizeIsTakenWhateverItsNumber() throws {
    #expect(gateway.receive(try next(1)).isStored)
    let lost = (0..<3).map { TestLeaf.reading([$0], at: 5) }
    // Leaves 2 and 3 are an aligned pair; leaf 4 stands alone.
    var leading = device.skip(lost)
    leading = [(2, MerkleTree.nodeHash(leading[0].hash, leading[1].hash)), leading[2]]
    device.log.previous = Digest()
    let batch = try device.seal([TestLeaf.reading([8], at: 8)], leading: leading)
    #expect(device.log.batch == 3)
    #expect(gateway.receive(batch).isStored)
    #expect(gateway.receive(batch).isRepeated)
    let following = try next(9)
    #expect(gateway.receive(following).isStored)
    // The number that was passed over can't come any more: the tree has its leaves.
    device.log = TestDevice.Log(batch: 1)
    #expect(gateway.receive(try next(5)).problem?.expected == .init(epoch: 0, batch: 4, size: 8))
  }

  @Test func aResumedBatchWhoseSubtreesAreNotTheTreesIsRefused() throws {
    #expect(gateway.receive(try next(1)).isStored)
    var leading = device.skip([TestLeaf.reading([1], at: 5)])
    leading[0].hash[0] ^= 1
    let batch = try device.seal([TestLeaf.reading([8], at: 8)], leading: leading)
    #expect(gateway.receive(batch).code == .rootMismatch)
    #expect(try gateway.rows == [1, 0])
  }

  @Test func aResumedBatchWithTheExpectedNumberHidesLeavesAndIsRefused() throws {
    #expect(gateway.receive(try next(1)).isStored)
    let previous = device.log.previous
    let leading = device.skip([TestLeaf.reading([1], at: 5)])
    device.log.batch = 1
    device.log.previous = previous
    let batch = try device.seal([TestLeaf.reading([8], at: 8)], leading: leading)
    #expect(gateway.receive(batch).code == .sizeMismatch)
  }

  @Test func aResumedBatchFromZeroIsTakenFromAnUnknownDeviceOnly() throws {
    _ = try next(1)
    let card = device.log
    let leading = device.log.frontier.subtrees
    let batch = try device.seal([TestLeaf.reading([8], at: 8)], leading: leading)
    #expect(gateway.receive(batch).isStored)
    // Another gateway has the first batch already: nothing ties the two together.
    let other = try TestGateway.make()
    try other.enrol(device)
    device.log = TestDevice.Log()
    #expect(other.receive(try next(1)).isStored)
    device.log = card
    device.log.batch = 5
    let untied = try device.seal([TestLeaf.reading([8], at: 8)], leading: leading)
    let answer = other.receive(untied)
    #expect(answer.code == .gap)
    #expect(answer.problem?.expected == .init(epoch: 0, batch: 1, size: 2))
  }

  @Test func withheldLeavesOfABatchAreCounted() throws {
    let leaves = [TestLeaf.boot(), TestLeaf.reading([1], at: 1), TestLeaf.reading([2], at: 2)]
    let whole = try device.seal(leaves)
    let checkpoint = message(whole)
    // The middle leaf stays on the device.
    let middle = leaves[1]
    let hash = MerkleTree.leafHash(middle.span)
    var bytes = TestDevice.batch(checkpoint, leaves: [leaves[0]], leading: [])
    let head = bytes.count - 2 - leaves[0].count - 1
    #expect(bytes[head] == 0x81)
    bytes[head] = 0x83
    bytes += [0x82, 0x01, 0x58, 0x20] + hash.array
    bytes += [UInt8(0x40 + leaves[2].count)] + leaves[2]
    guard case .stored(_, let summary) = gateway.receive(bytes) else { throw StoreDamage() }
    #expect(summary.withheldCount == 1)
    #expect(summary.readingCount == 1)
  }

  private func message(_ batch: [UInt8]) -> [UInt8] {
    Array(batch[3..<3 + Int(batch[2])])
  }

  private func permutations(of values: [Int]) -> [[Int]] {
    guard let first = values.first else { return [[]] }
    return permutations(of: Array(values.dropFirst())).flatMap { rest in
      (0...rest.count).map { Array(rest[..<$0]) + [first] + Array(rest[$0...]) }
    }
  }
}
