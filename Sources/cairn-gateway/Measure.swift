import ArgumentParser
import CBOR
import FixedMemory
import Foundation
import GatewayStore
import Identity
import Proofs
import Records
import Signers
import Verifier

/// Measures how many batches are verified and durably stored, against the bare signature checks that
/// they need: one after another, so that the ratio says what everything else costs a processor. By the
/// clock it also holds the waits for the disk, in which a gateway checks what comes next.
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

  @Option(help: "Then export the store into this folder, and verify the archive; it stays there.")
  var archive: String?

  func run() throws {
    let path = data + "/measure.sqlite"
    defer { remove(path) }
    var seed = FixedBytes<32>()
    let gateway = try Gateway(store: try GatewayStore(path: path), key: try FileKey(seed: seed))
    var batches: [[[UInt8]]] = Array(repeating: [], count: rounds)
    var keys: [PublicKey] = []
    for number in 0..<devices {
      for byte in 0..<4 { seed[byte] = UInt8(truncatingIfNeeded: (number + 1) >> (byte * 8)) }
      var key = try FileKey(seed: seed)
      keys.append(key.publicKey)
      _ = try gateway.enrol(try enrolment(&key), utcMilliseconds: 0)
      var log = (frontier: MerkleFrontier(), previous: Digest())
      for round in 0..<rounds {
        batches[round].append(try batch(&key, &log, UInt64(round)))
      }
    }
    // In turns, so that a machine that gets busier or slower meanwhile does not decide the ratio.
    var turns: [Turn] = []
    var sample: SignedPart?
    var bytesBefore = 0
    for (number, round) in batches.enumerated() {
      // What comes once for each device is not counted.
      if number == 1 { bytesBefore = try gateway.store.byteCountInOneFile() }
      let work = try signedParts(of: round, keys)
      let bare = try Spent { try checkBare(work) }
      let whole = try Spent { try receive(round, gateway) }
      turns.append(Turn(bare: bare, whole: whole))
      sample = work.first
    }
    let bytes = try gateway.store.byteCountInOneFile() - bytesBefore
    try gateway.store.close()
    report(turns)
    if rounds > 1 {
      let each = Double(bytes) / Double(devices * (rounds - 1) * readings)
      print("bytes stored for a reading  \(String(format: "%.1f", each))")
    }
    guard let archive, let sample else { return }
    batches = []
    var key = try FileKey(seed: FixedBytes())
    print(
      try MeasureArchive(archive: archive, sample: sample, readings: readings).run(
        store: path, key: &key))
  }

  private func enrolment(_ key: inout FileKey) throws -> [UInt8] {
    let enrolment = Enrolment(
      version: 1, previous: nil, deviceKey: key.publicKey, storage: .file, anchor: nil, place: nil,
      radio: nil, validFromUTCMilliseconds: nil)
    var bytes = [UInt8](repeating: 0, count: Enrolment.maximumMessageByteCount)
    let count = try enrolment.sign(
      authorization: Span(), with: &key, into: bytes.mutableSpan
    ).byteCount
    return Array(bytes.prefix(count))
  }

  /// What something took: of this process's processors, and by the clock on the wall.
  private struct Spent {
    let processorSeconds: Double
    let clockSeconds: Double

    init(_ work: () throws -> Void) rethrows {
      let start = ContinuousClock.now
      let processorStart = Self.processorNanoseconds()
      try work()
      processorSeconds = Double(Self.processorNanoseconds() - processorStart) / 1e9
      clockSeconds = (ContinuousClock.now - start) / .seconds(1)
    }

    private static func processorNanoseconds() -> Int64 {
      var time = timespec()
      _ = clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
      return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
  }

  private struct Turn {
    let bare: Spent
    let whole: Spent
  }

  private func report(_ turns: [Turn]) {
    func rate(_ seconds: (Turn) -> Double) -> Int {
      Int((Double(devices) / median(turns.map(seconds))).rounded())
    }
    func ratio(_ part: (Spent) -> Double) -> String {
      String(format: "%.2f", median(turns.map { part($0.bare) / part($0.whole) }))
    }
    print(
      """
      \(devices) batches of \(readings) readings, \(group) a commit, \(rounds) times: the medians
                                  a second of processor   by the clock
      bare Ed25519 checks         \(column(rate { $0.bare.processorSeconds }))\
      \(rate { $0.bare.clockSeconds })
      verified, stored, answered  \(column(rate { $0.whole.processorSeconds }))\
      \(rate { $0.whole.clockSeconds })
      ratio                       \(column(ratio { $0.processorSeconds }))\
      \(ratio { $0.clockSeconds })
      """)
  }

  private func column(_ value: some CustomStringConvertible) -> String {
    value.description.padding(toLength: 24, withPad: " ", startingAt: 0)
  }

  private func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

  private func receive(_ round: [[UInt8]], _ gateway: Gateway) throws {
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

  private func remove(_ path: String) {
    for suffix in ["", "-wal", "-shm"] {
      do {
        try FileManager.default.removeItem(atPath: path + suffix)
      } catch {
        // It was never made.
      }
    }
  }

  private typealias SignedPart = (signature: Signature, signed: [UInt8], key: PublicKey)

  private func signedParts(of batches: [[UInt8]], _ keys: [PublicKey]) throws -> [SignedPart] {
    try zip(batches, keys).compactMap { batch, key in
      let reader = try BatchReader(batch.span)
      let message = Array(batch[reader.checkpoint])
      let parts = try COSESign1(decoding: message.span)
      var structure = [UInt8](repeating: 0, count: Checkpoint.maximumSigStructureByteCount)
      guard let payload = parts.payload else { return nil }
      let count = COSESign1.encodeSigStructure(
        protected: message.span.extracting(parts.protected), externalData: Span(),
        payload: message.span.extracting(payload), into: structure.mutableSpan)
      return (parts.signature, Array(structure.prefix(count)), key)
    }
  }

  private func checkBare(_ work: [SignedPart]) throws {
    for part in work {
      guard SignatureCheck.verifies(part.signature, of: part.signed.span, by: part.key) else {
        throw OperatorError(.software, "a signature that was just made does not verify").told()
      }
    }
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
