import FixedMemory

/// The hashes of an inclusion or consistency proof, from the leaf's level upwards.
public typealias MerklePath = FixedArray<64, Digest>

extension MerklePath {
  public init() { self.init(filler: Digest()) }
}

/// Checks of proofs by RFC 9162 sections 2.1.3.2 and 2.1.4.2. All inputs may be hostile.
public enum MerkleProof {
  /// True when `leafHash` is leaf `index` of the tree of `size` leaves with `root`.
  public static func includes(
    leafHash: Digest, index: UInt64, size: UInt64, path: MerklePath, root: Digest
  ) -> Bool {
    Self.root(leafHash: leafHash, index: index, size: size, path: path) == root
  }

  /// The root of the tree of `size` leaves in which `path` leads up from leaf `index`; nil when the path
  /// has not the length of such a tree. Proves nothing until somebody has signed that root.
  public static func root(leafHash: Digest, index: UInt64, size: UInt64, path: MerklePath)
    -> Digest?
  {
    guard index < size else { return nil }
    var node = index
    var last = size - 1
    var hash = leafHash
    for step in path.indices {
      guard last > 0 else { return nil }
      if node & 1 == 1 || node == last {
        hash = MerkleTree.nodeHash(path[step], hash)
        // A node at the right edge without a right sibling rises to where it has a left one.
        while node & 1 == 0, node != 0 {
          node >>= 1
          last >>= 1
        }
      } else {
        hash = MerkleTree.nodeHash(hash, path[step])
      }
      node >>= 1
      last >>= 1
    }
    return last == 0 ? hash : nil
  }

  /// True when the tree of `size2` leaves with `root2` begins with the tree of `size1` leaves with
  /// `root1`. The verifier supplies the older root, never the message. `size1` must be above 0:
  /// every tree begins with the empty one, and no proof says more.
  public static func isConsistent(
    size1: UInt64, root1: Digest, size2: UInt64, root2: Digest, path: MerklePath
  ) -> Bool {
    newerRoot(size1: size1, root1: root1, size2: size2, path: path) == root2
  }

  /// The root of the tree of `size2` leaves to which `path` leads from the tree of `size1` leaves with
  /// `root1`; nil when it does not begin with that one. Proves nothing until somebody has signed the root.
  public static func newerRoot(size1: UInt64, root1: Digest, size2: UInt64, path: MerklePath)
    -> Digest?
  {
    guard size1 > 0, size1 <= size2 else { return nil }
    if size1 == size2 { return path.isEmpty ? root1 : nil }
    var next = 0
    var node = size1 - 1
    var last = size2 - 1
    while node & 1 == 1 {
      node >>= 1
      last >>= 1
    }
    var old = root1
    if size1.nonzeroBitCount != 1 {
      // The proof begins with the largest complete subtree at the old tree's edge.
      guard next < path.count else { return nil }
      old = path[next]
      next += 1
    }
    var new = old
    while next < path.count {
      guard last > 0 else { return nil }
      let sibling = path[next]
      next += 1
      if node & 1 == 1 || node == last {
        old = MerkleTree.nodeHash(sibling, old)
        new = MerkleTree.nodeHash(sibling, new)
        while node & 1 == 0, node != 0 {
          node >>= 1
          last >>= 1
        }
      } else {
        new = MerkleTree.nodeHash(new, sibling)
      }
      node >>= 1
      last >>= 1
    }
    return last == 0 && old == root1 ? new : nil
  }
}
