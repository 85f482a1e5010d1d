import FixedMemory
import Proofs
import Records
import Signers
import TestSupport
import Testing
import Verifier

/// Every batch of a small log, from each place that a gateway may stand at.
@Test func leadingSubtreesAreTakenFromNothingAndFromTheKnownSize() throws {
  var key = try deviceKey()
  let publicKey = key.publicKey
  let leaves = log(20)
  for first in 0..<20 {
    var draft = Draft(leaves, first: first, key: key)
    let own = draft.items
    for from in 0...first {
      draft.items = subtrees(leaves, from..<first) + own
      let signed = try draft.signed(by: &key)
      let known = frontier(leaves[..<from])
      let content = try verify(signed, key: publicKey, known: known)
      #expect(content.start == UInt64(from) && content.leafCount == 20 - first)
      #expect(content.withheldCount == 0 && content.frontier == frontier(leaves))
      // A verifier that stands elsewhere does not guess.
      for other in 0...20 where other != from {
        let found = refusal(signed, key: publicKey, known: frontier(leaves[..<other]))
        #expect(found == (from == 0 ? nil : Refusal(.sizeMismatch)))
      }
    }
  }
}

@Test func leavesOfTheBatchMayBeWithheldAsSubtrees() throws {
  var key = try deviceKey()
  let publicKey = key.publicKey
  let leaves = log(16)
  for first in 0..<16 {
    for from in first...16 {
      for to in from...16 {
        var draft = Draft(leaves, first: first, key: key)
        draft.items =
          Array(draft.items[..<(from - first)]) + subtrees(leaves, from..<to)
          + Array(draft.items[(to - first)...])
        let content = try verify(
          try draft.signed(by: &key), key: publicKey, known: frontier(leaves[..<first]))
        #expect(content.withheldCount == UInt64(to - from))
        #expect(content.leafCount == 16 - first - (to - from))
      }
    }
  }
}

@Test func aSubtreeMayReachAcrossTheBeginningOfTheBatch() throws {
  var key = try deviceKey()
  let publicKey = key.publicKey
  let leaves = log(9)
  var draft = Draft(leaves, first: 6, key: key)
  // 0 to 7 in one: leaves 6 and 7 of the batch gave way together with those before it.
  draft.items = subtrees(leaves, 0..<8) + [draft.items[2]]
  #expect(draft.items.count == 2)
  let content = try verify(try draft.signed(by: &key), key: publicKey)
  #expect(content.withheldCount == 2 && content.leafCount == 1)
}

/// Signs `items` for a batch of the last leaf of a log of eight, or of `first` and after.
private func refusalOf(_ items: [Item], first: Int = 7, count: Int = 8) throws -> RefusalCode? {
  var key = try deviceKey()
  let publicKey = key.publicKey
  var draft = Draft(log(count), first: first, key: key)
  draft.items = items
  return refusal(try draft.signed(by: &key), key: publicKey)?.code
}

@Test func subtreesThatAreNotAlignedOrNotPowersOfTwoAreRefused() throws {
  let leaves = log(8)
  let last = Item.leaf(leaves[7].bytes)
  func node(_ range: Range<Int>) -> Digest { frontier(leaves[range]).root() }
  #expect(
    try refusalOf([
      .subtree(4, node(0..<4)), .subtree(2, node(4..<6)), .subtree(1, node(6..<7)), last,
    ])
      == nil)
  // Right hashes and a right sum, in another order.
  #expect(
    try refusalOf([
      .subtree(1, node(0..<1)), .subtree(2, node(1..<3)), .subtree(4, node(3..<7)), last,
    ])
      == .sizeMismatch)
  #expect(
    try refusalOf([.subtree(4, node(0..<4)), .subtree(3, node(4..<7)), last]) == .sizeMismatch)
  #expect(try refusalOf([.subtree(7, node(0..<7)), last]) == .sizeMismatch)
  // Smaller ones than need be are the same tree.
  #expect(
    try refusalOf((0..<7).map { .subtree(1, node($0..<$0 + 1)) } + [last]) == nil)
}

@Test func subtreesOfWrongCountsAreRefused() throws {
  let leaves = log(8)
  let last = Item.leaf(leaves[7].bytes)
  let right = subtrees(leaves, 0..<7)
  let some = SHA256.hash([1].span)
  #expect(try refusalOf(right + [last]) == nil)
  for count: UInt64 in [0, 1 << 32, 1 << 62, 1 << 63, .max] {
    #expect(try refusalOf([.subtree(count, some)] + right + [last]) == .sizeMismatch, "\(count)")
    #expect(try refusalOf(right + [.subtree(count, some), last]) == .sizeMismatch, "\(count)")
  }
  // One leaf more than the tree has, and one fewer.
  #expect(try refusalOf([.subtree(1, some)] + right + [last]) == .sizeMismatch)
  #expect(try refusalOf(Array(right.dropFirst()) + [last]) == .sizeMismatch)
  // Two of the largest count add up to more than 64 bits.
  #expect(
    try refusalOf([.subtree(1 << 63, some), .subtree(1 << 63, some), last]) == .sizeMismatch)
  // Right in every count, and one hash false.
  #expect(try refusalOf([.subtree(4, some)] + right.dropFirst() + [last]) == .rootMismatch)
}

@Test func aLeafInFrontOfTheBatchIsRefused() throws {
  let leaves = log(8)
  #expect(try refusalOf(leaves.map { .leaf($0.bytes) }) == .sizeMismatch)
}

@Test func aBatchHasAtMost126Subtrees() throws {
  let leaves = log(129)
  func items(_ count: Int) -> [Item] {
    (0..<count).map { .subtree(1, leafHash(leaves[$0])) }
      + [.leaf(leaves[count].bytes)]
  }
  #expect(try refusalOf(items(126), first: 126, count: 127) == nil)
  #expect(try refusalOf(items(127), first: 127, count: 128) == .tooLarge)
  // Inside the batch they count as well.
  #expect(try refusalOf(items(127), first: 0, count: 128) == .tooLarge)
}

@Test func aSubtreeOfAnotherFormIsRefused() throws {
  var key = try deviceKey()
  let publicKey = key.publicKey
  let leaves = log(2)
  let message = try written {
    try Draft(leaves, first: 1, key: key).checkpoint.sign(with: &key, into: $0.mutableSpan)
      .byteCount
  }
  let head = written {
    Batch.encodeHead(checkpoint: message.span, itemCount: 2, into: $0.mutableSpan)
  }
  let hash = [UInt8](repeating: 1, count: 32)
  let last = leaves[1].bytes
  let leaf = written { Batch.encodeItem(leaf: last.span, into: $0.mutableSpan) }
  let wrong: [(bytes: [UInt8], code: RefusalCode)] = [
    ([0x81, 0x01], .malformed), ([0x83, 0x01, 0x58, 0x20] + hash + [0x00], .malformed),
    ([0x82, 0x20, 0x58, 0x20] + hash, .malformed),
    ([0x82, 0x01, 0x58, 0x1f] + hash[1...], .malformed),
    ([0x82, 0x18, 0x01, 0x58, 0x20] + hash, .notDeterministic), ([0x01], .malformed),
    ([0xf6], .malformed), ([0x82, 0x01, 0x78, 0x20] + hash, .malformed),
  ]
  for (bytes, code) in wrong {
    #expect(refusal(head + bytes + leaf, key: publicKey)?.code == code, "\(bytes)")
  }
}
