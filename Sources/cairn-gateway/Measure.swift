import ArgumentParser
import CBOR
import FixedMemory
import Foundation
import GatewayStore
import Proofs
import Records
import Signers
import Verifier

/// Measures how many batches are verified and durably stored, against the bare signature checks that
/// they need: on one thread, so that the ratio says what everything else costs.
struct Measure: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure verified and stored batches against bare signature checks.",
    shouldDisplay: false)

  @Option(help: "Folder on the disk to measure; a store is made in it and removed.")
  var data: String

  @Option(help: "Devices; each sends one batch a round.")
  var devices = 500

  @Option(help: "Batches of each device.")
  var rounds = 10

  @Option(help: "Readings of a batch.")
  var readings = 60

  @Option(help: "Batches of one transaction, as many as arrive together.")
  var group = 64

  func run() throws {
    let path = data + "/measure.sqlite"
    defer { remove(path) }
    var seed = FixedBytes<32>()
    let gateway = Gateway(store: try GatewayStore(path: path), key: try FileKey(seed: seed))
    var batches: [[[UInt8]]] = Array(repeating: [], count: rounds)
    var keys: [PublicKey] = []
    for number in 0..<devices {
      for byte in 0..<4 { seed[byte] = UInt8(truncatingIfNeeded: (number + 1) >> (byte * 8)) }
      var key = try FileKey(seed: seed)
      keys.append(key.publicKey)
      _ = try gateway.enrol(
        [0x83, 0x01, 0x27, 0x58, 0x20] + key.publicKey.bytes.array, utcMilliseconds: 0)
      var log = (frontier: MerkleFrontier(), previous: Digest())
      for round in 0..<rounds {
        batches[round].append(try batch(&key, &log, UInt64(round)))
      }
    }
    let bare = try bareChecks(batches[0], keys)
    let start = ContinuousClock.now
    for round in batches {
      for first in stride(from: 0, to: round.count, by: group) {
        let checked = try round[first..<min(first + group, round.count)].map {
          try gateway.check($0, utcMilliseconds: 0)
        }
        for answer in gateway.store(checked) {
          guard case .stored = answer else {
            throw OperatorError(.software, "a batch was refused: \(answer)").told()
          }
        }
      }
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    try gateway.store.close()
    let rate = Double(devices * rounds) / seconds
    print(
      """
      bare Ed25519 checks        \(Int(bare)) a second
      verified, stored, receipt  \(Int(rate)) a second (\(readings) readings, \(group) a commit)
      ratio                      \(String(format: "%.2f", rate / bare))
      """)
  }

  private func remove(_ path: String) {
    for suffix in ["", "-wal", "-shm"] {
      do {
        try FileManager.default.removeItem(atPath: path + suffix)
      } catch {
        // It was never made.
      }
    }
  }

  private func bareChecks(_ batches: [[UInt8]], _ keys: [PublicKey]) throws -> Double {
    var work: [(Signature, [UInt8], PublicKey)] = []
    for (batch, key) in zip(batches, keys) {
      let reader = try BatchReader(batch.span)
      let message = Array(batch[reader.checkpoint])
      let parts = try COSESign1(decoding: message.span)
      var structure = [UInt8](repeating: 0, count: Checkpoint.maximumSigStructureByteCount)
      guard let payload = parts.payload else { continue }
      let count = COSESign1.encodeSigStructure(
        protected: message.span.extracting(parts.protected), externalData: Span(),
        payload: message.span.extracting(payload), into: structure.mutableSpan)
      work.append((parts.signature, Array(structure.prefix(count)), key))
    }
    let start = ContinuousClock.now
    for _ in 0..<rounds {
      for (signature, signed, key) in work {
        guard SignatureCheck.verifies(signature, of: signed.span, by: key) else {
          throw OperatorError(.software, "a signature that was just made does not verify").told()
        }
      }
    }
    return Double(work.count * rounds) / ((ContinuousClock.now - start) / .seconds(1))
  }

  private func batch(
    _ key: inout FileKey, _ log: inout (frontier: MerkleFrontier, previous: Digest),
    _ number: UInt64
  ) throws -> [UInt8] {
    let first = log.frontier.size
    var items: [UInt8] = []
    for index in 0..<readings {
      var values = ReadingValues(filler: nil)
      for column in 0..<6 { values.append(Int64(2000 + index * 7 + column)) }
      var leaf = [UInt8](repeating: 0, count: 256)
      let count = LeafEncoding.reading(
        schema: 1, milliseconds: Int64(number) * 300_000 + Int64(index) * 5000, values: values,
        into: leaf.mutableSpan)
      leaf.removeLast(leaf.count - count)
      log.frontier.append(leafHash: MerkleTree.leafHash(leaf.span))
      var item = [UInt8](repeating: 0, count: 260)
      let itemCount = Batch.encodeItem(leaf: leaf.span, into: item.mutableSpan)
      items += item.prefix(itemCount)
    }
    let checkpoint = Checkpoint(
      algorithm: .ed25519, keyID: key.publicKey.keyID, epoch: 0, batch: number, first: first,
      size: log.frontier.size, boot: 1, firstLeafMilliseconds: Int64(number) * 300_000,
      lastLeafMilliseconds: Int64(number) * 300_000 + Int64(readings - 1) * 5000, flags: 1,
      previous: log.previous, root: log.frontier.root())
    var message = [UInt8](repeating: 0, count: Checkpoint.maximumMessageByteCount)
    let signed = try checkpoint.sign(with: &key, into: message.mutableSpan)
    message.removeLast(message.count - signed.byteCount)
    log.previous = signed.sigStructureHash
    var head = [UInt8](repeating: 0, count: Batch.maximumFrameByteCount)
    let headCount = Batch.encodeHead(
      checkpoint: message.span, itemCount: readings, into: head.mutableSpan)
    return head.prefix(headCount) + items
  }
}
