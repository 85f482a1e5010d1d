import FixedMemory
import Foundation
import Proofs
import Records
import Testing
import Verifier

@testable import GatewayStore

/// Consistency receipts of a device's log, checked by the verifier that auditors use.
@Suite struct ConsistencyTests {
  let gateway: Gateway
  let device: TestDevice

  init() throws {
    gateway = try TestGateway.make()
    device = try TestDevice()
    try gateway.enrol(device)
  }

  private var known: Device {
    get throws {
      let name = device.publicKey.hash.hexadecimal
      guard case .found(let found) = try gateway.store.device(named: name) else {
        throw StoreDamage()
      }
      return found
    }
  }

  private func answer(_ older: UInt64, _ newer: UInt64?, epoch: UInt64? = nil) throws
    -> ConsistencyAnswer
  {
    try gateway.store.consistencyReceipt(of: known, epoch: epoch, from: older, to: newer)
  }

  private func check(_ roots: [(size: UInt64, root: Digest)], epoch: UInt64? = nil) throws {
    for (place, newer) in roots.enumerated() {
      for older in roots[...place] {
        guard case .receipt(let receipt) = try answer(older.size, newer.size, epoch: epoch) else {
          Issue.record("\(older.size) to \(newer.size) is not proven")
          continue
        }
        let verified = try LogReceiptVerifier.verifyConsistency(
          receipt: receipt.span, olderSize: older.size, olderRoot: older.root, root: newer.root,
          key: device.publicKey)
        #expect(verified.checkpoint.size == newer.size)
        // Another older tree is not the beginning of this one.
        var other = older.root
        other[0] ^= 1
        #expect(throws: Refusal.self) {
          _ = try LogReceiptVerifier.verifyConsistency(
            receipt: receipt.span, olderSize: older.size, olderRoot: other, root: newer.root,
            key: device.publicKey)
        }
      }
    }
  }

  @Test func everyCheckpointIsProvenToBeginEveryLaterOne() throws {
    var roots: [(size: UInt64, root: Digest)] = []
    var time: Int64 = 0
    for count in [1, 1, 2, 3, 1, 8, 5, 13, 1, 7, 21, 1, 64, 3, 2, 100, 1] {
      let leaves = (0..<count).map { _ in
        time += 1
        return TestLeaf.reading([time], at: time)
      }
      #expect(gateway.receive(try device.seal(leaves)).isStored)
      roots.append((device.log.frontier.size, device.log.frontier.root()))
    }
    try check(roots)
    let newest = try #require(roots.last).size
    #expect(try answer(1, nil) == answer(1, newest))
  }

  @Test func leavesThatCameAsHashesAreProvenToo() throws {
    var roots: [(size: UInt64, root: Digest)] = []
    func seal(_ leaves: [[UInt8]], leading: [(count: UInt64, hash: Digest)] = []) throws {
      #expect(gateway.receive(try device.seal(leaves, leading: leading)).isStored)
      roots.append((device.log.frontier.size, device.log.frontier.root()))
    }
    // Begun late: what was before is peaks. Then a batch is missing.
    let early = (0..<11).map { TestLeaf.reading([1], at: Int64($0)) }
    _ = device.skip(early)
    try seal([TestLeaf.reading([2], at: 20)], leading: device.log.frontier.subtrees)
    try seal((0..<6).map { TestLeaf.reading([3], at: 30 + Int64($0)) })
    let missing = device.skip((0..<5).map { TestLeaf.reading([4], at: 40 + Int64($0)) })
    try seal((0..<4).map { TestLeaf.reading([5], at: 50 + Int64($0)) }, leading: missing)
    try seal((0..<9).map { TestLeaf.reading([6], at: 60 + Int64($0)) })
    try check(roots)
  }

  @Test func anEpochIsALogOfItsOwn() throws {
    #expect(try answer(1, nil) == .noSuchEpoch)
    #expect(gateway.receive(try device.seal([TestLeaf.reading([1], at: 1)])).isStored)
    device.log = TestDevice.Log(epoch: 3, previous: device.log.previous)
    var roots: [(size: UInt64, root: Digest)] = []
    for time in Int64(0)..<3 {
      let leaves = [TestLeaf.reading([1], at: time), TestLeaf.reading([2], at: time)]
      #expect(gateway.receive(try device.seal(leaves)).isStored)
      roots.append((device.log.frontier.size, device.log.frontier.root()))
    }
    try check(roots)
    try check(roots, epoch: 3)
    #expect(try answer(2, 4, epoch: 0) == .noSuchSize(2))
    for epoch in [1, UInt64(Int64.max)] {
      #expect(try answer(2, 4, epoch: epoch) == .noSuchEpoch)
    }
  }

  @Test func whatIsNotThereIsSaidAndNotProven() throws {
    for time in 0..<Int64(3) {
      let leaves = [TestLeaf.reading([1], at: time), TestLeaf.reading([2], at: time)]
      #expect(gateway.receive(try device.seal(leaves)).isStored)
    }
    #expect(try answer(0, 6) == .sizesOutOfOrder)
    #expect(try answer(6, 4) == .sizesOutOfOrder)
    #expect(try answer(.max, 6) == .sizesOutOfOrder)
    #expect(try answer(1, 6) == .noSuchSize(1))
    #expect(try answer(2, 5) == .noSuchSize(5))
    #expect(try answer(2, .max) == .noSuchSize(.max))
    #expect(try answer(2, UInt64(Int64.max)) == .noSuchSize(UInt64(Int64.max)))
  }
}
