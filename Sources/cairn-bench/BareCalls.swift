import CLinux
import CSodium
import FixedMemory

/// What sealing needs from libsodium and nothing besides: inputs that lie ready, results that nobody keeps.
struct BareCalls {
  /// SHA-256 of 01 ‖ left ‖ right.
  private let node: UnsafeMutablePointer<UInt8>
  /// A Sig_structure of a checkpoint: as long, and with other bytes in each round.
  private let message: UnsafeMutablePointer<UInt8>
  private let secretKey: UnsafeMutablePointer<UInt8>
  private let result: UnsafeMutablePointer<UInt8>

  /// Array and "Signature1" 12, protected 2 + 96, external data 1, root 34: what a batch here comes to.
  private static var messageByteCount: Int { 145 }

  init() {
    node = UnsafeMutablePointer.allocate(capacity: 65)
    node.initialize(repeating: 1, count: 65)
    message = UnsafeMutablePointer.allocate(capacity: Self.messageByteCount)
    message.initialize(repeating: 2, count: Self.messageByteCount)
    secretKey = UnsafeMutablePointer.allocate(capacity: 64)
    secretKey.initialize(repeating: 0, count: 64)
    result = UnsafeMutablePointer.allocate(capacity: 64)
    result.initialize(repeating: 0, count: 64)
    _ = cairn_ed25519_keypair(result, secretKey, node)
  }

  func release() {
    node.deallocate()
    message.deallocate()
    secretKey.deallocate()
    result.deallocate()
  }

  /// Leaf hashes, the node hashes that appending joins peaks with and a root takes, and for each batch
  /// one signature and one hash of what was signed, for a tree that has `size` leaves already.
  func seal(_ leaves: LeafList, perBatch leafCount: Int, size start: UInt64) -> Counts {
    var counts = Counts()
    var size = start
    for index in 0..<leaves.count {
      crypto_hash_sha256(
        result, leaves.hashInput(at: index), UInt64(leaves.byteCount(at: index) + 1))
      counts.leafHashes += 1
      for _ in 0..<(~size).trailingZeroBitCount { hashNode(&counts) }
      size += 1
      guard (index + 1) % leafCount == 0 else { continue }
      for _ in 1..<size.nonzeroBitCount { hashNode(&counts) }
      message[0] = UInt8(truncatingIfNeeded: size)
      _ = cairn_ed25519_sign(result, message, UInt64(Self.messageByteCount), secretKey)
      crypto_hash_sha256(result, message, UInt64(Self.messageByteCount))
      counts.signatures += 1
    }
    return counts
  }

  private func hashNode(_ counts: inout Counts) {
    crypto_hash_sha256(result, node, 65)
    // The next node's input is this one's result, as in a tree.
    for index in 0..<32 { node[33 + index] = result[index] }
    counts.nodeHashes += 1
  }

  struct Counts {
    var leafHashes: Int64 = 0
    var nodeHashes: Int64 = 0
    var signatures: Int64 = 0
  }
}

/// Nanoseconds of processor time of this process: what other programs take does not count.
func processorNanoseconds() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
