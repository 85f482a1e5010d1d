import FixedMemory
import Foundation
import Identity
import Proofs
import Records
import Signers

/// A device that seals one reading after another. Used by one task at a time.
final class TestDevice: @unchecked Sendable {
  private var key: FileKey
  private var frontier = MerkleFrontier()
  private var batch: UInt64 = 0
  private var previous = Digest()
  /// Sealed, and not answered so far as it knows.
  private var pending: [UInt8]?

  init(seed: UInt8) throws {
    var bytes = FixedBytes<32>()
    bytes[0] = seed
    key = try FileKey(seed: bytes)
  }

  /// As topics name it.
  var keyID: [UInt8] {
    let keyID = key.publicKey.keyID
    return (0..<8).map { keyID[$0] }
  }

  var name: String { key.publicKey.hash.span.hexadecimal }

  /// Nothing is known but the key.
  func enrolment() throws -> [UInt8] {
    let enrolment = Enrolment(
      version: 1, previous: nil, deviceKey: key.publicKey, storage: .file, anchor: nil,
      place: nil, radio: nil, validFromUTCMilliseconds: nil)
    var message = [UInt8](repeating: 0, count: Enrolment.maximumMessageByteCount)
    let count = try enrolment.sign(
      authorization: Span(), with: &key, into: message.mutableSpan
    ).byteCount
    return Array(message.prefix(count))
  }

  /// What is to be sent: the same until it was answered.
  func next() throws -> [UInt8] {
    if let pending { return pending }
    let sealed = try seal()
    pending = sealed
    return sealed
  }

  func wasAnswered() { pending = nil }

  private func seal() throws -> [UInt8] {
    let first = frontier.size
    let time = Int64(first)
    var values = ReadingValues(filler: nil)
    values.append(time)
    var leaf = [UInt8](repeating: 0, count: 256)
    let leafCount = LeafEncoding.reading(
      schema: 1, milliseconds: time, values: values, into: leaf.mutableSpan)
    leaf.removeLast(leaf.count - leafCount)
    frontier.append(leafHash: MerkleTree.leafHash(leaf.span))
    let checkpoint = Checkpoint(
      algorithm: .ed25519, keyID: key.publicKey.keyID, epoch: 0, batch: batch, first: first,
      size: frontier.size, boot: 1, firstLeafMilliseconds: time, lastLeafMilliseconds: time,
      flags: 1, previous: previous, root: frontier.root())
    var message = [UInt8](repeating: 0, count: Checkpoint.maximumMessageByteCount)
    let signed = try checkpoint.sign(with: &key, into: message.mutableSpan)
    message.removeLast(message.count - signed.byteCount)
    previous = signed.sigStructureHash
    batch += 1
    var bytes = [UInt8](repeating: 0, count: 1024)
    var count = Batch.encodeHead(
      checkpoint: message.span, itemCount: 1, into: bytes.mutableSpan)
    var item = [UInt8](repeating: 0, count: 300)
    let itemCount = Batch.encodeItem(leaf: leaf.span, into: item.mutableSpan)
    for index in 0..<itemCount { bytes[count + index] = item[index] }
    count += itemCount
    return Array(bytes.prefix(count))
  }
}

extension Span<UInt8> {
  var bytes: [UInt8] { indices.map { self[$0] } }
  /// Lower case.
  var hexadecimal: String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
