import CBOR
import FixedMemory
import Foundation
import Proofs
import Signers
import TestSupport

/// What a gateway signs of its log and its keys. Leaf n of the log is some number; nobody asks for more.
final class PaperGateway {
  private var key: FileKey
  let publicKey: PublicKey
  private let leaves: [Digest]

  /// The machine's clock may be kept, and then no head is years away from it.
  static let now = Int64(Date().timeIntervalSince1970 * 1000)

  /// - `changedAt`: the leaf that is another one than in the log without.
  init(seed: UInt8 = 31, changedAt: Int? = nil) throws {
    key = try FileKey(seed: fixed([UInt8](repeating: seed, count: 32)))
    publicKey = key.publicKey
    leaves = (0..<64).map { index in
      let leaf = index == changedAt ? "another" : "leaf \(index)"
      return MerkleTree.leafHash(Array(leaf.utf8).span)
    }
  }

  private func frontier(_ size: Int) -> MerkleFrontier {
    var frontier = MerkleFrontier()
    for leaf in leaves.prefix(size) { frontier.append(leafHash: leaf) }
    return frontier
  }

  private func newHead(_ size: Int, _ after: Int64) -> GatewayHead {
    GatewayHead(
      algorithm: .ed25519, keyID: publicKey.keyID, size: UInt64(size),
      nowUTCMilliseconds: Self.now + after, root: frontier(size).root())
  }

  /// The head of `size` leaves, so many milliseconds after the test began.
  func head(_ size: Int, after: Int64 = 0) throws -> [UInt8] {
    let head = newHead(size, after)
    return try written { try head.sign(with: &key, into: $0.mutableSpan).byteCount }
  }

  func proof(_ older: Int, _ newer: Int) throws -> [UInt8] {
    var builder = try PathBuilder(
      consistencyFrom: UInt64(older), to: UInt64(newer), start: MerkleFrontier())
    for leaf in leaves.prefix(newer) { builder.offer(leafHash: leaf) }
    let proof = ConsistencyProof(
      olderSize: UInt64(older), newerSize: UInt64(newer), path: builder.finished() ?? MerklePath())
    let message = try head(newer)
    let parts = try COSESign1(decoding: message.span)
    let encoded = written { proof.encode(into: $0.mutableSpan) }
    return written {
      COSESign1.encodeReceipt(
        protected: message.span.extracting(parts.protected), signature: parts.signature,
        proofLabel: COSESign1.Label.consistency, proof: encoded.span, into: $0.mutableSpan)
    }
  }

  /// What it has of a device's log.
  func deviceHead(
    of device: PublicKey, epoch: UInt64, batch: UInt64, hash: Digest
  ) throws -> [UInt8] {
    let head = DeviceHead(
      algorithm: .ed25519, keyID: publicKey.keyID, deviceKeyHash: device.hash, epoch: epoch,
      batch: batch, size: 100, nowUTCMilliseconds: Self.now, checkpointHash: hash)
    return try written { try head.sign(with: &key, into: $0.mutableSpan).byteCount }
  }

  func change(to newKey: PublicKey) throws -> [UInt8] {
    let change = GatewayKeyChange(
      algorithm: .ed25519, keyID: publicKey.keyID, newKey: newKey,
      nowUTCMilliseconds: Self.now)
    return try written { try change.sign(with: &key, into: $0.mutableSpan).byteCount }
  }

  /// `[1, first key, [change, …]]`, with this gateway's key as the first.
  func keyList(_ changes: [[UInt8]]) throws -> [UInt8] {
    let first: FixedBytes<32> = try fixed((0..<32).map { publicKey.bytes[$0] })
    return written {
      var encoder = CBOREncoder($0.mutableSpan)
      GatewayKeyList.encodeHead(firstKey: first, changeCount: changes.count, into: &encoder)
      for change in changes { encoder.byteString(change.span) }
      return encoder.byteCount
    }
  }
}
