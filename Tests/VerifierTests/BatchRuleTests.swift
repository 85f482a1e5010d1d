import FixedMemory
import Proofs
import Records
import Signers
import TestSupport
import Testing
import Verifier

// MARK: keys and algorithms

@Test func aBatchOfAnotherKeyIsRefused() throws {
  var key = try deviceKey(1)
  let other = try deviceKey(2)
  let (mine, foreign) = (key.publicKey, other.publicKey)
  let leaves = log(3)
  #expect(refusal(try Draft(leaves, key: key).signed(by: &key), key: mine) == nil)
  #expect(
    refusal(try Draft(leaves, key: key).signed(by: &key), key: foreign) == Refusal(.unknownKey))
  // Names one key, and is signed with the other.
  let forged = try Draft(leaves, key: other).signed(by: &key)
  #expect(refusal(forged, key: foreign) == Refusal(.badSignature))
}

@Test(
  arguments: [(-8, nil), (-19, nil), (-7, .unknownAlgorithm), (-9, .unknownAlgorithm)]
    as [(Int, RefusalCode?)])
func ed25519HasTwoNumbersAndNoOther(number: Int, expected: RefusalCode?) throws {
  var key = try deviceKey()
  let publicKey = key.publicKey
  let signed = try Draft(log(3), key: key).signed(by: &key, algorithm: number)
  #expect(refusal(signed, key: publicKey)?.code == expected)
}

@Test(arguments: [-7, -9, -19])
func anAlgorithmPutInAfterSigningIsRefused(number: Int) throws {
  var key = try deviceKey()
  let publicKey = key.publicKey
  var bytes = try Draft(log(3), key: key).signed(by: &key)
  // Batch head 1, string head 2, tag 1, array 1, string head 2, map 1, label 1.
  #expect(bytes[8] == 0x01 && bytes[9] == 0x27)
  bytes[9] = UInt8(0x1f - number)
  #expect(
    refusal(bytes, key: publicKey)?.code == (number == -19 ? .badSignature : .unknownAlgorithm))
}

@Test func bothNumbersGiveTheirOwnHashOfWhatWasSigned() throws {
  var key = try deviceKey()
  let publicKey = key.publicKey
  let draft = Draft(log(3), key: key)
  var hashes: [Digest] = []
  for number in [-8, -19] {
    let bytes = try draft.signed(by: &key, algorithm: number)
    let head = try BatchVerifier.head(of: bytes.span)
    hashes.append(
      try VerifiedCheckpoint(
        verifying: bytes.span.extracting(head.checkpointRange), key: publicKey
      ).sigStructureHash)
  }
  #expect(hashes[0] != hashes[1])
}

// MARK: times

/// Signs leaves with the times given, under a checkpoint that says `t0` and `t1`.
private func refusalOfTimes(
  _ times: [Int64], t0: Int64, t1: Int64, change: (inout Draft) -> Void = { _ in }
) throws -> Refusal? {
  var key = try deviceKey()
  let publicKey = key.publicKey
  let leaves = times.enumerated().map { reading(Int64($0.offset), at: $0.element) }
  var draft = Draft(leaves, key: key)
  draft.checkpoint.firstLeafMilliseconds = t0
  draft.checkpoint.lastLeafMilliseconds = t1
  change(&draft)
  return refusal(try draft.signed(by: &key), key: publicKey)
}

@Test func timesThatRunBackwardsAreRefused() throws {
  #expect(try refusalOfTimes([5, 5, 7, 7], t0: 5, t1: 7) == nil)
  #expect(
    try refusalOfTimes([5, 8, 7, 9], t0: 5, t1: 9) == Refusal(.timeDisorder, leafIndex: 2))
  #expect(
    try refusalOfTimes([5, 4, 7, 9], t0: 5, t1: 9) == Refusal(.timeDisorder, leafIndex: 1))
}

@Test func timesOutsideTheCheckpointsAreRefused() throws {
  #expect(
    try refusalOfTimes([5, 6, 7], t0: 4, t1: 7) == Refusal(.timeDisorder, leafIndex: 0))
  #expect(
    try refusalOfTimes([5, 6, 7], t0: 6, t1: 7) == Refusal(.timeDisorder, leafIndex: 0))
  #expect(
    try refusalOfTimes([5, 6, 7], t0: 5, t1: 8) == Refusal(.timeDisorder, leafIndex: 2))
  #expect(
    try refusalOfTimes([5, 6, 7], t0: 5, t1: 6) == Refusal(.timeDisorder, leafIndex: 2))
  #expect(try refusalOfTimes([5, 6, 7], t0: 7, t1: 5) == Refusal(.malformed))
}

@Test func aTimeBehindTheLastIsRefusedWhenTheLastLeafIsWithheldToo() throws {
  func withheldLast(_ draft: inout Draft) {
    guard case .leaf(let last) = draft.items[2] else { return }
    draft.items[2] = .subtree(1, MerkleTree.leafHash(last.span))
  }
  #expect(try refusalOfTimes([5, 6, 7], t0: 5, t1: 7, change: withheldLast) == nil)
  #expect(try refusalOfTimes([5, 7, 7], t0: 5, t1: 7, change: withheldLast) == nil)
  #expect(
    try refusalOfTimes([5, 8, 9], t0: 5, t1: 7, change: withheldLast)
      == Refusal(.timeDisorder, leafIndex: 1))
}

@Test func aFalseRootIsToldBeforeAFalseTime() throws {
  #expect(
    try refusalOfTimes([5, 4, 7], t0: 5, t1: 7) { $0.checkpoint.root = SHA256.hash([1].span) }
      == Refusal(.rootMismatch))
}

// MARK: boots

@Test func aBootLeafStandsOnlyAtTheBeginning() throws {
  var key = try deviceKey()
  let publicKey = key.publicKey
  for place in 0..<4 {
    var leaves = (0..<4).map { reading(Int64($0), at: 100) }
    leaves[place] = boot(1, at: 100)
    let found = refusal(try Draft(leaves, key: key).signed(by: &key), key: publicKey)
    #expect(
      found == (place == 0 ? nil : Refusal(.leafMalformed, leafIndex: UInt64(place))))
  }
}

@Test func aBootLeafSaysWhatTheCheckpointSays() throws {
  var key = try deviceKey()
  let publicKey = key.publicKey
  let refused = Refusal(.leafMalformed, leafIndex: 0)
  for count: UInt64 in [0, 1, 2, .max] {
    var draft = Draft([boot(1)], key: key)
    draft.checkpoint.boot = count
    #expect(
      refusal(try draft.signed(by: &key), key: publicKey) == (count == 1 ? nil : refused))
  }
  for leafFlags: UInt64 in 0..<4 {
    for flags: UInt64 in 0..<4 {
      var draft = Draft([boot(1, flags: leafFlags)], key: key)
      draft.checkpoint.flags = flags
      // Bit 0 is the simulated flag; other bits are for later versions.
      let isEqual = leafFlags & 1 == flags & 1
      #expect(refusal(try draft.signed(by: &key), key: publicKey) == (isEqual ? nil : refused))
    }
  }
}

// MARK: limits

@Test func aBatchHasAtMost512Leaves() throws {
  var key = try deviceKey()
  let publicKey = key.publicKey
  #expect(refusal(try Draft(log(512), key: key).signed(by: &key), key: publicKey) == nil)
  #expect(
    refusal(try Draft(log(513), key: key).signed(by: &key), key: publicKey)
      == Refusal(.tooLarge))
  // As hashes they are no fewer.
  let leaves = log(513)
  var draft = Draft(leaves, key: key)
  draft.items = subtrees(leaves, 0..<513)
  #expect(refusal(try draft.signed(by: &key), key: publicKey) == Refusal(.tooLarge))
}

@Test func aBatchWithoutLeavesIsRefused() throws {
  var key = try deviceKey()
  let publicKey = key.publicKey
  var draft = Draft(log(3), key: key)
  draft.checkpoint.first = 3
  draft.items = []
  #expect(
    refusal(try draft.signed(by: &key), key: publicKey, known: frontier(log(3)))
      == Refusal(.malformed))
}

/// A leaf of exactly `byteCount` bytes, at least 40, of a kind that this version does not know.
private func wide(_ byteCount: Int) -> TimedLeaf {
  // Array 1, kind 2, schema 1, time 1, string head 3.
  let content = [UInt8](repeating: 7, count: byteCount - 8)
  return TimedLeaf(
    milliseconds: 0,
    bytes: [0x84, 0x18, 0x63, 0, 0, 0x59, UInt8(content.count >> 8), UInt8(content.count & 255)]
      + content)
}

@Test func aLeafHasAtMost1024Bytes() throws {
  var key = try deviceKey()
  let publicKey = key.publicKey
  for count in [1023, 1024] {
    let signed = try Draft([wide(count)], key: key).signed(by: &key)
    #expect(refusal(signed, key: publicKey) == nil)
  }
  let signed = try Draft([reading(1, at: 0), wide(1025)], key: key).signed(by: &key)
  #expect(refusal(signed, key: publicKey) == Refusal(.tooLarge, leafIndex: 1))
}

@Test func aBatchHasAtMost73728Bytes() throws {
  var key = try deviceKey()
  let publicKey = key.publicKey
  // 71 leaves of 1 024 bytes, and a last one that makes the sum.
  var leaves = (0..<71).map { _ in wide(1024) }
  let frame = try Draft(leaves, key: key).signed(by: &key).count + 3
  for (total, expected) in [(73_728, nil), (73_729, Refusal(.tooLarge))] as [(Int, Refusal?)] {
    leaves.append(wide(total - frame))
    let signed = try Draft(leaves, key: key).signed(by: &key)
    #expect(signed.count == total)
    #expect(refusal(signed, key: publicKey) == expected)
    leaves.removeLast()
  }
}

@Test func theLimitsFitTogether() {
  #expect(
    Batch.maximumByteCount + Batch.maximumSubtreeItemCount * Batch.maximumSubtreeItemByteCount
      <= Batch.maximumByteCountWithSubtrees)
  #expect(Batch.maximumByteCountWithSubtrees % 4096 == 0)
  #expect(Batch.maximumItemsByteCount + Batch.maximumFrameByteCount == Batch.maximumByteCount)
  #expect(
    Batch.maximumFrameByteCount == 1 + 2 + Checkpoint.maximumMessageByteCount + 3)
  #expect(
    Checkpoint.maximumSigStructureByteCount
      == 1 + 11 + 2 + Checkpoint.maximumProtectedByteCount + 1 + 34)
  #expect(
    Receipt.maximumSigStructureByteCount == 1 + 11 + 2 + Receipt.maximumProtectedByteCount + 1 + 34)
}

@Test func aSizeOf2To63IsRefused() throws {
  var key = try deviceKey()
  let publicKey = key.publicKey
  var draft = Draft(log(3), key: key)
  draft.checkpoint.first = UInt64(Int64.max)
  draft.checkpoint.size = 1 << 63
  #expect(refusal(try draft.signed(by: &key), key: publicKey) == Refusal(.malformed))
}

// MARK: leaves

@Test func aLeafThatIsNoneIsRefusedByItsIndex() throws {
  var key = try deviceKey()
  let publicKey = key.publicKey
  func refused(_ bytes: [UInt8]) throws -> Refusal? {
    let leaves = [reading(1, at: 0), TimedLeaf(milliseconds: 0, bytes: bytes)]
    return refusal(try Draft(leaves, key: key).signed(by: &key), key: publicKey)
  }
  #expect(try refused([]) == Refusal(.leafMalformed, leafIndex: 1))
  #expect(try refused([0x80]) == Refusal(.leafMalformed, leafIndex: 1))
  #expect(try refused([0x83, 1, 0, 0, 0]) == Refusal(.leafMalformed, leafIndex: 1))
  // A fault without its count.
  #expect(try refused([0x84, 3, 0, 0, 1]) == Refusal(.leafMalformed, leafIndex: 1))
  // Kind 1 in two bytes; a float.
  #expect(try refused([0x83, 0x18, 1, 0, 0]) == Refusal(.notDeterministic, leafIndex: 1))
  #expect(
    try refused([0x84, 1, 0, 0, 0xf9, 0x3c, 0]) == Refusal(.notDeterministic, leafIndex: 1))
  // Kind 99 is for a later version to know.
  #expect(try refused([0x84, 0x18, 99, 0, 0, 0x80]) == nil)
}
