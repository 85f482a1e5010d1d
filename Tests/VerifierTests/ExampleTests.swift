import FixedMemory
import Proofs
import Records
import Signers
import TestSupport
import Testing
import Verifier

/// The worked example's two batches, with the tree before each.
private struct Example {
  var key: PublicKey
  var batches: [[UInt8]] = []
  var before: [MerkleFrontier] = []

  init() throws {
    let example = try CheckpointExample()
    key = PublicKey(ed25519: try fixed(example.bytes("public key")))
    batches = [try example.bytes("batch 0"), try example.bytes("batch 1")]
    var frontier = MerkleFrontier()
    before.append(frontier)
    for index in 0..<4 { frontier.append(leafHash: try example.leafHash(index)) }
    before.append(frontier)
  }
}

@Test func theExamplesBatchesVerifyInOrder() throws {
  let example = try Example()
  let first = try verify(example.batches[0], key: example.key)
  #expect(first.start == 0 && first.leafCount == 4 && first.withheldCount == 0)
  #expect(first.frontier == example.before[1])
  let second = try verify(example.batches[1], key: example.key, known: first.frontier)
  #expect(second.start == 4 && second.leafCount == 3 && second.frontier.size == 7)
  #expect(second.frontier.root() == (try CheckpointExample().digest("checkpoint 1 root")))
}

@Test func theExamplesCheckpointsAreChained() throws {
  let example = try CheckpointExample()
  let key = try Example().key
  let (first, second) = (
    try example.bytes("checkpoint 0 message"), try example.bytes("checkpoint 1 message")
  )
  let older = try VerifiedCheckpoint(verifying: first.span, key: key)
  let newer = try VerifiedCheckpoint(verifying: second.span, key: key)
  #expect(older.checkpoint.previous.isZero)
  #expect(newer.checkpoint.previous == older.sigStructureHash)
}

@Test func theExamplesSecondBatchNeedsTheTreeOfTheFirst() throws {
  let example = try Example()
  #expect(refusal(example.batches[1], key: example.key) == Refusal(.sizeMismatch))
  // A tree of the right size that is another one.
  let other = frontier(log(4))
  #expect(
    refusal(example.batches[1], key: example.key, known: other) == Refusal(.rootMismatch))
}

@Test(arguments: 0..<2)
func everyFlippedBitOfABatchIsRefused(number: Int) throws {
  let example = try Example()
  let whole = example.batches[number]
  for position in whole.indices {
    for bit in 0..<8 {
      var flipped = whole
      flipped[position] ^= 1 << bit
      if refusal(flipped, key: example.key, known: example.before[number]) == nil {
        Issue.record("byte \(position) bit \(bit) is not noticed")
      }
    }
  }
}

@Test(arguments: 0..<2)
func everyCutOfABatchAndEveryByteMoreIsRefused(number: Int) throws {
  let example = try Example()
  let whole = example.batches[number]
  let known = example.before[number]
  for count in whole.indices {
    #expect(refusal(Array(whole[..<count]), key: example.key, known: known) != nil)
    #expect(refusal(Array(whole[count...].dropFirst()), key: example.key, known: known) != nil)
  }
  for byte in UInt8.min...UInt8.max {
    #expect(refusal(whole + [byte], key: example.key, known: known) == Refusal(.malformed))
  }
}

/// The checkpoint message and the leaves of an example batch.
private func parts(_ number: Int) throws -> (message: [UInt8], leaves: [[UInt8]]) {
  let example = try CheckpointExample()
  return (
    try example.bytes("checkpoint \(number) message"),
    try (number == 0 ? 0..<4 : 4..<7).map { try example.bytes("leaf \($0)") }
  )
}

@Test(arguments: 0..<2)
func leavesInAnotherOrderOrTwiceOrLeftOutAreRefused(number: Int) throws {
  let example = try Example()
  let (message, leaves) = try parts(number)
  func refused(_ leaves: [[UInt8]]) -> Refusal? {
    refusal(
      batch(message, leaves.map { .leaf($0) }), key: example.key, known: example.before[number])
  }
  #expect(refused(leaves) == nil)
  for left in leaves.indices {
    for right in leaves.indices where left < right {
      var swapped = leaves
      swapped.swapAt(left, right)
      #expect(refused(swapped) != nil, "\(left) and \(right) swapped")
      var replaced = leaves
      replaced[right] = leaves[left]
      #expect(refused(replaced) != nil, "\(left) stands at \(right) too")
    }
    #expect(refused(leaves + [leaves[left]])?.code == .sizeMismatch)
    var shorter = leaves
    shorter.remove(at: left)
    #expect(refused(shorter)?.code == .sizeMismatch)
  }
}

@Test func aLeafOfTheOtherBatchIsRefused() throws {
  let example = try Example()
  let (first, second) = (try parts(0), try parts(1))
  for left in first.leaves.indices {
    for right in second.leaves.indices {
      var (one, other) = (first.leaves, second.leaves)
      (one[left], other[right]) = (other[right], one[left])
      #expect(refusal(batch(first.message, one.map { .leaf($0) }), key: example.key) != nil)
      #expect(
        refusal(
          batch(second.message, other.map { .leaf($0) }), key: example.key,
          known: example.before[1]) != nil)
    }
  }
  // The checkpoint of one with the leaves of the other.
  #expect(
    refusal(batch(first.message, second.leaves.map { .leaf($0) }), key: example.key) != nil)
}

@Test func theExamplesInclusionReceiptVerifiesAndNothingElseUnderIt() throws {
  let example = try CheckpointExample()
  let key = try Example().key
  let receipt = try example.bytes("inclusion receipt of leaf 3 in size 7")
  let root = try example.digest("checkpoint 1 root")
  let hash = try example.leafHash(3)
  let found = try LogReceiptVerifier.verifyInclusion(
    receipt: receipt.span, leafHash: hash, root: root, key: key)
  #expect(found.index == 3 && found.checkpoint.checkpoint.size == 7)
  for index in [0, 1, 2, 4, 5, 6] {
    let other = try example.leafHash(index)
    #expect(throws: Refusal(.rootMismatch, leafIndex: 3)) {
      _ = try LogReceiptVerifier.verifyInclusion(
        receipt: receipt.span, leafHash: other, root: root, key: key)
    }
  }
  let otherRoot = try example.digest("checkpoint 0 root")
  #expect(throws: Refusal(.badSignature)) {
    _ = try LogReceiptVerifier.verifyInclusion(
      receipt: receipt.span, leafHash: hash, root: otherRoot, key: key)
  }
}

@Test func everyFlippedBitAndCutOfAnInclusionReceiptIsRefused() throws {
  let example = try CheckpointExample()
  let key = try Example().key
  let whole = try example.bytes("inclusion receipt of leaf 3 in size 7")
  let root = try example.digest("checkpoint 1 root")
  let hash = try example.leafHash(3)
  func isAccepted(_ receipt: [UInt8]) -> Bool {
    do throws(Refusal) {
      _ = try LogReceiptVerifier.verifyInclusion(
        receipt: receipt.span, leafHash: hash, root: root, key: key)
      return true
    } catch { return false }
  }
  #expect(isAccepted(whole) && !isAccepted(whole + [0]))
  for position in whole.indices {
    #expect(!isAccepted(Array(whole[..<position])))
    for bit in 0..<8 {
      var flipped = whole
      flipped[position] ^= 1 << bit
      if isAccepted(flipped) { Issue.record("byte \(position) bit \(bit) is not noticed") }
    }
  }
}
