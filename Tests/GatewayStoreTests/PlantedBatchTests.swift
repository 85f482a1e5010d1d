import FixedMemory
import GRDB
import Proofs
import Records
import Testing

@testable import GatewayStore

/// Somebody else posts a device's signed batches first, with hashes in place of leaves.
@Suite struct PlantedBatchTests {
  private struct Scene {
    let gateway: Gateway
    let device: TestDevice
    let leaves: [[UInt8]]
    /// As the device sends it.
    let full: [UInt8]
    let message: [UInt8]
  }

  /// A log of four leaves is there; the next batch has eight, a boot's schema and clock among them.
  private func scene() throws -> Scene {
    let gateway = try TestGateway.make()
    let device = try TestDevice()
    try gateway.enrol(device)
    let first = try (0..<4).map { $0 == 0 ? TestLeaf.boot() : TestLeaf.reading([1], at: $0) }
    #expect(gateway.receive(try device.seal(first)).isStored)
    var leaves = [TestLeaf.schema(at: 10), TestLeaf.clock(.gnss, utc: 5_000, at: 11)]
    for time in Int64(12)..<18 { leaves.append(TestLeaf.reading([time, 2], at: time)) }
    let full = try device.seal(leaves)
    let reader = try BatchReader(full.span)
    return Scene(
      gateway: gateway, device: device, leaves: leaves, full: full,
      message: Array(full[reader.checkpoint]))
  }

  private func hash(_ leaves: some Collection<[UInt8]>) -> Digest {
    var frontier = MerkleFrontier()
    for leaf in leaves { frontier.append(leafHash: MerkleTree.leafHash(leaf.span)) }
    return frontier.root()
  }

  private enum Part {
    case leaves(Range<Int>)
    case subtree(Range<Int>)
  }

  /// The batch with these parts, which stand for all its leaves.
  private func batch(_ scene: Scene, _ parts: [Part]) -> [UInt8] {
    var items: [[UInt8]] = []
    var buffer = [UInt8](repeating: 0, count: 2000)
    for part in parts {
      switch part {
      case .leaves(let range):
        for leaf in scene.leaves[range] {
          let count = Batch.encodeItem(leaf: leaf.span, into: buffer.mutableSpan)
          items.append(Array(buffer.prefix(count)))
        }
      case .subtree(let range):
        let count = Batch.encodeItem(
          subtree: hash(scene.leaves[range]), count: UInt64(range.count), into: buffer.mutableSpan)
        items.append(Array(buffer.prefix(count)))
      }
    }
    let count = Batch.encodeHead(
      checkpoint: scene.message.span, itemCount: items.count, into: buffer.mutableSpan)
    return Array(buffer.prefix(count)) + items.flatMap { $0 }
  }

  private func held(_ scene: Scene) throws -> ArchivedBatch {
    guard
      case .found(let device) = try scene.gateway.store.device(
        named: scene.device.publicKey.hash.hexadecimal)
    else { throw StoreDamage() }
    return try #require(try scene.gateway.store.batch(of: device, epoch: 0, batch: 1))
  }

  @Test func whatAPlantedBatchWithholdsTheDevicesOwnBatchBrings() throws {
    let scene = try scene()
    // Leaves 4 to 11: two subtrees of four.
    let planted = batch(scene, [.subtree(0..<4), .subtree(4..<8)])
    let answer = scene.gateway.receive(planted, utcMilliseconds: 77)
    #expect(answer.isStored)
    #expect(try held(scene).summary.withheldCount == 8)
    let filled = scene.gateway.receive(scene.full)
    #expect(filled.isFilled)
    #expect(filled.receipt == answer.receipt)
    let now = try held(scene)
    #expect(now.bytes == scene.full)
    #expect(now.summary.withheldCount == 0)
    #expect(now.summary.readingCount == 6)
    #expect(now.summary.receivedUTCMilliseconds == 77)
    // Schema and clock came with it, for these leaves and for later ones.
    let values = try scene.gateway.store.leaves(of: now.summary).compactMap { leaf -> LeafTime? in
      guard case .reading = leaf.content else { return nil }
      return leaf.time
    }
    #expect(values.count == 6)
    #expect(
      values.first == .known(utcMilliseconds: 5_001, uncertaintyMilliseconds: 25, clockLeaf: 5))
    #expect(scene.gateway.receive(scene.full).isRepeated)
    #expect(scene.gateway.receive(planted).isRepeated)
    #expect(try held(scene).bytes == scene.full)
    #expect(scene.gateway.receive(try scene.device.seal([TestLeaf.reading([1], at: 20)])).isStored)
    #expect(try scene.gateway.rows == [3, 0])
  }

  @Test func partsThatComeOneByOneMakeTheWholeInAnyOrder() throws {
    let parts: [[Part]] = [
      [.leaves(0..<2), .subtree(2..<4), .subtree(4..<8)],
      [.subtree(0..<4), .leaves(4..<6), .subtree(6..<8)],
      [.subtree(0..<2), .leaves(2..<3), .subtree(3..<4), .subtree(4..<8)],
      [.subtree(0..<4), .subtree(4..<6), .leaves(6..<8)],
      [.subtree(0..<1), .subtree(1..<2), .subtree(2..<3), .leaves(3..<4), .subtree(4..<8)],
    ]
    for shift in parts.indices {
      let scene = try scene()
      let planted = batch(scene, [.subtree(0..<4), .subtree(4..<8)])
      #expect(scene.gateway.receive(planted).isStored)
      var withheld = try held(scene).summary.withheldCount
      for index in parts.indices {
        let part = batch(scene, parts[(index + shift) % parts.count])
        #expect(scene.gateway.receive(part).isFilled, "\(shift), \(index)")
        let left = try held(scene).summary.withheldCount
        #expect(left < withheld)
        withheld = left
      }
      #expect(try held(scene).bytes == scene.full, "\(shift)")
    }
  }

  @Test func aRepeatWithLeavesThatAreNotTheSignedOnesFillsNothingIn() throws {
    let scene = try scene()
    let planted = batch(scene, [.subtree(0..<4), .subtree(4..<8)])
    let receipt = scene.gateway.receive(planted).receipt
    for index in scene.full.indices.suffix(40) {
      var spoilt = scene.full
      spoilt[index] ^= 1
      let answer = scene.gateway.receive(spoilt)
      #expect(!answer.isFilled, "byte \(index)")
      #expect(answer.isRepeated ? answer.receipt == receipt : answer.problem != nil)
    }
    #expect(try held(scene).bytes == planted)
    #expect(scene.gateway.receive(scene.full).isFilled)
  }

  @Test func aLogThatWasBegunAtALateBatchGetsThatBatchsLeaves() throws {
    let scene = try scene()
    // A fresh gateway: somebody shows it the second batch first, all of it as hashes from leaf 0.
    let gateway = try TestGateway.make()
    try gateway.enrol(scene.device)
    let before = try TestDevice()
    let first = try (0..<4).map { $0 == 0 ? TestLeaf.boot() : TestLeaf.reading([1], at: $0) }
    _ = try before.seal(first)
    let root = before.log.frontier.root()
    let subtrees = [(4, root), (4, hash(scene.leaves[0..<4])), (4, hash(scene.leaves[4..<8]))]
    let planted = TestDevice.batch(
      scene.message, leaves: [], leading: subtrees.map { (count: UInt64($0.0), hash: $0.1) })
    let answer = gateway.receive(planted)
    #expect(answer.isStored)
    let filled = gateway.receive(scene.full)
    #expect(filled.isFilled)
    #expect(filled.receipt == answer.receipt)
    guard case .filled(_, let summary) = filled else { return }
    // What stands before the batch stays hashes.
    #expect((summary.start, summary.first, summary.withheldCount) == (0, 4, 0))
    #expect(summary.readingCount == 6)
  }

  @Test func aSubtreeAcrossTheBeginningOfABatchIsRefused() throws {
    let gateway = try TestGateway.make()
    let device = try TestDevice()
    try gateway.enrol(device)
    let leaves = (0..<8).map { TestLeaf.reading([$0], at: $0) }
    _ = try device.seal(Array(leaves[0..<3]))
    // Leaves 2 and 3 in one, of which the second is the batch's.
    let own = try device.seal(Array(leaves[3..<8]))
    let reader = try BatchReader(own.span)
    let message = Array(own[reader.checkpoint])
    func planted(_ ranges: [Range<Int>]) -> [UInt8] {
      TestDevice.batch(
        message, leaves: [],
        leading: ranges.map { (count: UInt64($0.count), hash: hash(leaves[$0])) })
    }
    #expect(gateway.receive(planted([0..<4, 4..<8])).code == .sizeMismatch)
    #expect(gateway.receive(planted([0..<8])).code == .sizeMismatch)
    #expect(try gateway.rows == [0, 0])
    #expect(gateway.receive(planted([0..<2, 2..<3, 3..<4, 4..<8])).isStored)
    #expect(gateway.receive(own).isFilled)
  }
}
