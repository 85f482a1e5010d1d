import FixedMemory
import Foundation
import Proofs
import Testing

private func leaf(_ index: Int) -> Digest { MerkleTree.leafHash(Array("leaf \(index)".utf8).span) }

/// RFC 9162 section 2.1.1 word for word: slow and obvious.
private func root(_ leaves: ArraySlice<Digest>) -> Digest {
  if leaves.isEmpty { return MerkleTree.emptyRoot }
  if leaves.count == 1 { return leaves[leaves.startIndex] }
  let split = leaves.startIndex + largestPowerOfTwo(below: leaves.count)
  return MerkleTree.nodeHash(root(leaves[..<split]), root(leaves[split...]))
}

/// Section 2.1.3.1.
private func path(_ index: Int, _ leaves: ArraySlice<Digest>) -> [Digest] {
  if leaves.count == 1 { return [] }
  let k = largestPowerOfTwo(below: leaves.count)
  let split = leaves.startIndex + k
  return index < k
    ? path(index, leaves[..<split]) + [root(leaves[split...])]
    : path(index - k, leaves[split...]) + [root(leaves[..<split])]
}

/// Section 2.1.4.1.
private func consistency(_ m: Int, _ leaves: ArraySlice<Digest>, _ isWhole: Bool) -> [Digest] {
  if m == leaves.count { return isWhole ? [] : [root(leaves)] }
  let k = largestPowerOfTwo(below: leaves.count)
  let split = leaves.startIndex + k
  return m <= k
    ? consistency(m, leaves[..<split], isWhole) + [root(leaves[split...])]
    : consistency(m - k, leaves[split...], false) + [root(leaves[..<split])]
}

private func largestPowerOfTwo(below count: Int) -> Int {
  var k = 1
  while k * 2 < count { k *= 2 }
  return k
}

private func array(_ path: MerklePath?) -> [Digest]? {
  path.map { path in path.indices.map { path[$0] } }
}

private func frontier(_ leaves: ArraySlice<Digest>) -> MerkleFrontier {
  var frontier = MerkleFrontier()
  for leaf in leaves { frontier.append(leafHash: leaf) }
  return frontier
}

@Test func theFrontierGivesTheRootOfEverySize() {
  let leaves = (0..<600).map(leaf)
  var frontier = MerkleFrontier()
  for size in 0...600 {
    #expect(frontier.root() == root(leaves[..<size]))
    frontier.checkInvariants()
    if size < 600 { frontier.append(leafHash: leaves[size]) }
  }
}

@Test func aFrontierComesBackFromItsPeaks() {
  let leaves = (0..<130).map(leaf)
  for size in 0...130 {
    let whole = frontier(leaves[..<size])
    let peaks = (0..<whole.peakCount).map { whole.peak(at: $0) }
    #expect(MerkleFrontier(size: UInt64(size), peaks: peaks.span) == whole)
    #expect(MerkleFrontier(size: UInt64(size), peaks: (peaks + [leaf(0)]).span) == nil)
  }
}

@Test func subtreesInPlaceOfLeavesGiveTheSameTree() {
  let leaves = (0..<64).map(leaf)
  for size in 0..<64 {
    for level in 0..<6 where size % (1 << level) == 0 && size + (1 << level) <= 64 {
      var joined = frontier(leaves[..<size])
      let count = 1 << level
      #expect(joined.accepts(subtreeOf: UInt64(count)))
      joined.append(subtree: root(leaves[size..<size + count]), count: UInt64(count))
      #expect(joined == frontier(leaves[..<(size + count)]))
    }
    #expect(!frontier(leaves[..<size]).accepts(subtreeOf: 3))
    #expect(frontier(leaves[..<size]).accepts(subtreeOf: 2) == (size % 2 == 0))
  }
}

@Test func everyInclusionPathIsTheStandards() throws {
  let leaves = (0..<40).map(leaf)
  for size in 1...40 {
    let whole = root(leaves[..<size])
    for index in 0..<size {
      let expected = path(index, leaves[..<size])
      for start in 0...index {
        var builder = try PathBuilder(
          inclusionOf: UInt64(index), size: UInt64(size), start: frontier(leaves[..<start]))
        for offered in start..<size { builder.offer(leafHash: leaves[offered]) }
        let made = builder.finished()
        #expect(array(made) == expected)
        guard let made else { continue }
        #expect(
          MerkleProof.includes(
            leafHash: leaves[index], index: UInt64(index), size: UInt64(size), path: made,
            root: whole))
        // No other leaf, place or size fits the same path, but for sizes with the same shape above.
        #expect(
          !MerkleProof.includes(
            leafHash: leaves[(index + 1) % 40], index: UInt64(index), size: UInt64(size),
            path: made, root: whole))
      }
    }
  }
}

@Test func everyConsistencyPathIsTheStandards() throws {
  let leaves = (0..<40).map(leaf)
  for newer in 1...40 {
    for older in 1...newer {
      let expected = consistency(older, leaves[..<newer], true)
      for start in 0...older {
        var builder = try PathBuilder(
          consistencyFrom: UInt64(older), to: UInt64(newer), start: frontier(leaves[..<start]))
        for offered in start..<newer { builder.offer(leafHash: leaves[offered]) }
        let made = builder.finished()
        #expect(array(made) == expected)
        guard let made else { continue }
        #expect(
          MerkleProof.isConsistent(
            size1: UInt64(older), root1: root(leaves[..<older]), size2: UInt64(newer),
            root2: root(leaves[..<newer]), path: made))
      }
    }
  }
}

@Test func whatIsNotKeptIsNotProved() {
  let leaves = (0..<8).map(leaf)
  #expect(throws: PathBuilder.Failure.notKept) {
    _ = try PathBuilder(inclusionOf: 2, size: 8, start: frontier(leaves[..<3]))
  }
  #expect(throws: PathBuilder.Failure.outsideTree) {
    _ = try PathBuilder(inclusionOf: 8, size: 8, start: MerkleFrontier())
  }
}

// MARK: vectors of transparency-dev/merkle

private func vectors(_ folder: String) throws -> [(name: String, json: [String: Any])] {
  let base = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Vectors/merkle/\(folder)")
  let files = try #require(
    FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil))
  var found: [(String, [String: Any])] = []
  for case let file as URL in files where file.pathExtension == "json" {
    let json = try JSONSerialization.jsonObject(with: Data(contentsOf: file))
    found.append((file.path, try #require(json as? [String: Any])))
  }
  return found
}

private func digest(_ value: Any?) -> Digest? {
  guard let text = value as? String, let data = Data(base64Encoded: text) else { return nil }
  return Digest(Array(data).span)
}

private func merklePath(_ value: Any?) -> MerklePath? {
  guard let value, !(value is NSNull) else { return MerklePath() }
  guard let list = value as? [String] else { return nil }
  var path = MerklePath()
  for text in list {
    guard let hash = digest(text), path.offer(hash) else { return nil }
  }
  return path
}

private func number(_ value: Any?) -> UInt64? { (value as? NSNumber)?.uint64Value }

@Test func theInclusionVectorsOfTransparencyDevAgree() throws {
  let cases = try vectors("inclusion")
  #expect(cases.count == 40)
  for (name, json) in cases {
    var isAccepted = false
    if let index = number(json["leafIdx"]), let size = number(json["treeSize"]),
      let path = merklePath(json["proof"]), let leafHash = digest(json["leafHash"]),
      let root = digest(json["root"])
    {
      isAccepted = MerkleProof.includes(
        leafHash: leafHash, index: index, size: size, path: path, root: root)
    }
    #expect(isAccepted == !(json["wantErr"] as? Bool ?? false), "\(name)")
  }
}

@Test func theConsistencyVectorsOfTransparencyDevAgree() throws {
  let cases = try vectors("consistency")
  #expect(cases.count == 42)
  for (name, json) in cases {
    var isAccepted = false
    if let size1 = number(json["size1"]), let size2 = number(json["size2"]),
      let path = merklePath(json["proof"]), let root1 = digest(json["root1"]),
      let root2 = digest(json["root2"])
    {
      isAccepted = MerkleProof.isConsistent(
        size1: size1, root1: root1, size2: size2, root2: root2, path: path)
    }
    #expect(isAccepted == !(json["wantErr"] as? Bool ?? false), "\(name)")
  }
}

@Test func aRangeOfSubtreesCarriesATreeFromAnyPlaceToAnyOther() {
  let leaves = (0..<70).map(leaf)
  for from in 0...70 {
    var range = SubtreeRange(at: UInt64(from))
    for to in from...70 {
      var tree = frontier(leaves[..<from])
      for index in 0..<range.subtreeCount {
        let subtree = range.subtree(at: index)
        #expect(tree.accepts(subtreeOf: subtree.count))
        tree.append(subtree: subtree.hash, count: subtree.count)
      }
      #expect(tree == frontier(leaves[..<to]))
      #expect(range.subtreeCount <= 12)
      if to < 70 { range.append(leafHash: leaves[to]) }
    }
  }
}
