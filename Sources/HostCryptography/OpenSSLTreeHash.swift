import COpenSSL
import FixedMemory
import Proofs

/// The hashes of a Merkle tree by OpenSSL, with the processor's instructions for SHA-256: a gateway makes
/// two for every leaf that comes, which by libsodium's portable code take as long as checking the
/// signature. The values are those of `MerkleTree`.
public enum OpenSSLTreeHash: TreeHash {
  /// SHA-256(00 ‖ leaf).
  public static func leafHash(_ leaf: Span<UInt8>) -> Digest {
    var digest = Digest()
    var span = digest.mutableSpan
    span.withUnsafeMutableBufferPointer { hash in
      leaf.withUnsafeBufferPointer { bytes in
        guard let hash = hash.baseAddress else { return }
        cairn_openssl_leaf_hash(hash, bytes.baseAddress, Int64(bytes.count))
      }
    }
    return digest
  }

  /// SHA-256(01 ‖ left ‖ right).
  public static func nodeHash(_ left: Digest, _ right: Digest) -> Digest {
    var digest = Digest()
    var span = digest.mutableSpan
    span.withUnsafeMutableBufferPointer { hash in
      left.span.withUnsafeBufferPointer { left in
        right.span.withUnsafeBufferPointer { right in
          guard let hash = hash.baseAddress, let left = left.baseAddress,
            let right = right.baseAddress
          else { return }
          cairn_openssl_node_hash(hash, left, right)
        }
      }
    }
    return digest
  }
}
