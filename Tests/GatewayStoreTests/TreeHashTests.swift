import FixedMemory
import Proofs
import Testing

@testable import GatewayStore

/// The gateway's own way to hash a tree.
@Suite struct TreeHashTests {
  @Test func leavesOfEveryLengthHaveTheHashThatBoardsGiveThem() {
    for count in 0...Batch.maximumLeafByteCount {
      let leaf = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ count) }
      let ours = OpenSSLTreeHash.leafHash(leaf.span)
      let theirs = MerkleTree.leafHash(leaf.span)
      #expect(ours == theirs, "\(count) bytes")
    }
  }

  @Test func nodesHaveTheHashThatBoardsGiveThem() {
    var left = Digest()
    var right = MerkleTree.emptyRoot
    for round in 0..<1000 {
      let ours = OpenSSLTreeHash.nodeHash(left, right)
      #expect(ours == MerkleTree.nodeHash(left, right), "round \(round)")
      #expect(ours != OpenSSLTreeHash.nodeHash(right, left), "round \(round)")
      (left, right) = (right, ours)
    }
  }
}
