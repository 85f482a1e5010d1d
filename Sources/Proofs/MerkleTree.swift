import FixedMemory

/// Makes the hashes of a Merkle tree. Every implementation gives the same values: a host may have a faster
/// one than boards.
public protocol TreeHash {
  /// SHA-256(00 ‖ leaf).
  static func leafHash(_ leaf: Span<UInt8>) -> Digest
  /// SHA-256(01 ‖ left ‖ right).
  static func nodeHash(_ left: Digest, _ right: Digest) -> Digest
}

/// The hashes of RFC 9162 section 2.1.1. A leaf and an inner node can't be mistaken for each other:
/// their inputs begin with different bytes.
public enum MerkleTree: TreeHash {
  /// SHA-256 of nothing: the root of a tree without leaves.
  public static var emptyRoot: Digest {
    var hash = SHA256()
    return hash.finish()
  }

  /// SHA-256(00 ‖ leaf).
  public static func leafHash(_ leaf: Span<UInt8>) -> Digest {
    var hash = SHA256()
    hash.update(0)
    hash.update(leaf)
    return hash.finish()
  }

  /// SHA-256(01 ‖ left ‖ right).
  public static func nodeHash(_ left: Digest, _ right: Digest) -> Digest {
    var hash = SHA256()
    hash.update(1)
    hash.update(left.span)
    hash.update(right.span)
    return hash.finish()
  }
}
