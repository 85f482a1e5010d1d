import FixedMemory
import Foundation
import Proofs
import Records
import Testing
import Verifier

@testable import GatewayStore

/// Inclusion receipts, checked by the verifier that auditors use.
@Suite struct InclusionTests {
  let gateway: Gateway
  let device: TestDevice

  init() throws {
    gateway = try TestGateway.make()
    device = try TestDevice()
    try gateway.enrol(device)
  }

  private var known: Device {
    get throws {
      guard
        case .found(let found) = try gateway.store.device(
          named: device.publicKey.hash.hexadecimal)
      else { throw StoreDamage() }
      return found
    }
  }

  private func verify(_ index: UInt64, _ leaf: [UInt8], size: UInt64, root: Digest) throws {
    let answer = try gateway.store.inclusionReceipt(
      of: known, epoch: nil, index: index, size: size)
    guard case .receipt(let receipt) = answer else {
      Issue.record("leaf \(index) of \(size): \(answer)")
      return
    }
    let result = try LogReceiptVerifier.verifyInclusion(
      receipt: receipt.span, leafHash: MerkleTree.leafHash(leaf.span), root: root,
      key: device.publicKey)
    #expect(result.index == index)
    #expect(result.checkpoint.checkpoint.size == size)
  }

  @Test func everyLeafIsProvenUnderEveryCheckpointBehindIt() throws {
    var leaves: [[UInt8]] = []
    var roots: [(size: UInt64, root: Digest)] = []
    for count in [1, 1, 2, 3, 1, 8, 5, 13, 1, 7] {
      let new = (0..<count).map { TestLeaf.reading([Int64($0)], at: Int64(leaves.count + $0)) }
      #expect(gateway.receive(try device.seal(new)).isStored)
      leaves += new
      roots.append((UInt64(leaves.count), device.log.frontier.root()))
    }
    for (size, root) in roots {
      for index in 0..<size { try verify(index, leaves[Int(index)], size: size, root: root) }
    }
    // Without a size it is the newest.
    let newest = try gateway.store.inclusionReceipt(of: known, epoch: 0, index: 0, size: nil)
    let named = try gateway.store.inclusionReceipt(of: known, epoch: 0, index: 0, size: 42)
    #expect(newest == named)
  }

  @Test func whatIsNotThereIsSaidAndNotProven() throws {
    let store = gateway.store
    #expect(
      try store.inclusionReceipt(of: known, epoch: nil, index: 0, size: nil) == .noSuchEpoch)
    for time in 0..<Int64(3) {
      let leaves = [TestLeaf.reading([1], at: time), TestLeaf.reading([2], at: time)]
      #expect(gateway.receive(try device.seal(leaves)).isStored)
    }
    #expect(try store.inclusionReceipt(of: known, epoch: 1, index: 0, size: nil) == .noSuchEpoch)
    #expect(try store.inclusionReceipt(of: known, epoch: nil, index: 6, size: nil) == .noSuchLeaf)
    for size: UInt64 in [0, 1, 3, 5, 7, .max] {
      #expect(
        try store.inclusionReceipt(of: known, epoch: nil, index: 0, size: size) == .noSuchSize)
    }
    #expect(try store.inclusionReceipt(of: known, epoch: nil, index: 4, size: 4) == .noSuchSize)
  }

  @Test func aResumedLogProvesWhatItHasAndSaysWhatItHasNot() throws {
    let first = (0..<3).map { TestLeaf.reading([$0], at: $0) }
    #expect(gateway.receive(try device.seal(first)).isStored)
    let lost = (3..<8).map { TestLeaf.reading([$0], at: $0) }
    // Leaf 3 alone, then 4 to 7 as one subtree.
    let single = device.skip(lost)
    var pair = MerkleFrontier()
    for item in single.dropFirst() { pair.append(leafHash: item.hash) }
    let leading = [single[0], (count: UInt64(4), hash: pair.root())]
    let last = (8..<11).map { TestLeaf.reading([$0], at: $0) }
    #expect(gateway.receive(try device.seal(last, leading: leading)).isStored)
    let root = device.log.frontier.root()
    let leaves = first + lost + last
    // Leaf 3 came as a hash of one leaf: whoever has its bytes can prove it.
    for index: UInt64 in [0, 1, 2, 3, 8, 9, 10] {
      try verify(index, leaves[Int(index)], size: 11, root: root)
    }
    for index in UInt64(4)..<8 {
      let answer = try gateway.store.inclusionReceipt(
        of: known, epoch: nil, index: index, size: nil)
      #expect(answer == .withheld)
    }
  }

  @Test func aLogThatBeginsResumedProvesItsOwnLeaves() throws {
    for time in 0..<Int64(5) { _ = try device.seal([TestLeaf.reading([1], at: time)]) }
    let leading = device.log.frontier.subtrees
    let leaves = (5..<8).map { TestLeaf.reading([$0], at: $0) }
    #expect(gateway.receive(try device.seal(leaves, leading: leading)).isStored)
    for index in UInt64(5)..<8 {
      try verify(index, leaves[Int(index) - 5], size: 8, root: device.log.frontier.root())
    }
    #expect(
      try gateway.store.inclusionReceipt(of: known, epoch: nil, index: 0, size: nil) == .withheld)
  }
}
