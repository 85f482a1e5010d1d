import Archive
import CBOR
import FixedMemory
import Identity
import Proofs
import Records
import Testing

@testable import GatewayStore

/// Something that a gateway which has its key may put into its log.
struct ArchiveLie {
  let name: Finding.Name
  let severity: Finding.Severity
  let tell: (inout OpenArchive) throws -> Void

  init(
    _ name: Finding.Name, _ severity: Finding.Severity = .gateway,
    _ tell: @escaping (inout OpenArchive) throws -> Void
  ) {
    self.name = name
    self.severity = severity
    self.tell = tell
  }

  static var all: [ArchiveLie] {
    receipts + identity + [
      ArchiveLie(.firstLeaf) {
        $0.leaves.append(try OpenArchive.copy($0.leaves[0], utc: try $0.newestUTC()))
      },
      ArchiveLie(.timeBackwards) {
        let last = try $0.index(of: .receipt, last: true)
        $0.leaves[last] = OpenArchive.leaf(.receipt, try $0.message(last), utc: TestGateway.now)
      },
      ArchiveLie(.challengeNumber) {
        let first = try $0.message(try $0.index(of: .challenge, last: true))
        $0.leaves.append(OpenArchive.leaf(.challenge, first, utc: try $0.newestUTC()))
      },
      ArchiveLie(.challengeUnsigned) { try $0.appendChallenge(9, issued: $0.newestUTC(), by: 9) },
      ArchiveLie(.challengeAhead) {
        try $0.appendChallenge(9, issued: $0.newestUTC() + 1, by: 2)
      },
      ArchiveLie(.challengeStale, .warning) {
        try $0.appendChallenge(9, issued: TestGateway.now - 9_000_000, by: 2)
      },
      ArchiveLie(.keyChangeRefused) {
        let message = try ArchiveScenario.keyChangeByStranger()
        $0.leaves.append(OpenArchive.leaf(.keyChange, message, utc: try $0.newestUTC()))
      },
      ArchiveLie(.forkUnproved) {
        let fork = try $0.index(of: .fork)
        let held = try OpenArchive.strings(of: $0.leaves[fork])[0]
        let same = OpenArchive.fork(held, held, utc: try $0.utc(fork))
        $0.leaves[fork] = same
      },
    ]
  }

  private static var receipts: [ArchiveLie] {
    [
      ArchiveLie(.receiptMissing, .damage) {
        $0.leaves.remove(at: try $0.index(of: .receipt, last: true))
      },
      ArchiveLie(.receiptDevice) { archive in
        let stranger = try TestDevice(seed: 34).publicKey.hash
        try archive.changeLastReceipt { $0.deviceKeyHash = stranger }
      },
      ArchiveLie(.receiptPosition) { try $0.changeLastReceipt { $0.size += 1 } },
      ArchiveLie(.receiptAhead) { try $0.changeLastReceipt { $0.receivedUTCMilliseconds += 1 } },
      ArchiveLie(.receiptBeforeClock, .warning) { archive in
        let index = try archive.index(of: .challenge) + 1
        try archive.changeReceipt(index, by: 1) { $0.receivedUTCMilliseconds -= 12_000 }
      },
      ArchiveLie(.receiptResult, .warning) { try $0.changeLastReceipt { $0.result = 1 } },
      ArchiveLie(.receiptUnsigned) {
        try $0.changeReceipt(try $0.index(of: .receipt, last: true), by: 1) { _ in }
      },
      ArchiveLie(.receiptRepeated) {
        // The batch once more, with its receipt.
        let last = try $0.index(of: .receipt, last: true)
        $0.leaves.append($0.leaves[last])
        $0.batches.append((UInt64($0.leaves.count - 1), $0.batches[$0.batches.count - 1].bytes))
      },
      ArchiveLie(.batchMissing, .damage) {
        $0.leaves.append($0.leaves[try $0.index(of: .receipt, last: true)])
      },
      ArchiveLie(.batchRefused) { archive in
        // Neither the batch nor its receipt was ever there: the next one does not follow.
        let index = try archive.index(of: .challenge) + 1
        archive.leaves.remove(at: index)
        archive.batches.removeAll { $0.leaf == UInt64(index) }
        for batch in archive.batches.indices {
          guard let leaf = archive.batches[batch].leaf, leaf > UInt64(index) else { continue }
          archive.batches[batch].leaf = leaf - 1
        }
      },
      ArchiveLie(.forkUnlogged, .device) {
        // The device's other checkpoint, behind the one that has its position; nothing in the log tells.
        let fork = try $0.index(of: .fork)
        let sent = try OpenArchive.strings(of: $0.leaves[fork])[1]
        let other = TestDevice.batch(
          sent, leaves: [TestLeaf.reading([6, 6], at: 61)], leading: [])
        $0.leaves.remove(at: fork)
        guard let held = $0.batches.firstIndex(where: { $0.leaf == UInt64(fork - 1) }) else {
          return
        }
        $0.batches.insert((nil, other), at: held + 1)
      },
    ]
  }

  private static var identity: [ArchiveLie] {
    [
      ArchiveLie(.keyClosed) { archive in
        let plain = try TestDevice(seed: 31).publicKey.hash
        let utc = try archive.newestUTC()
        let leaf = signedBytes(GatewayLogLeaf.maximumByteCount) {
          GatewayLogLeaf.encode(
            operatorRevocationOf: plain, reason: .notSaid, utcMilliseconds: utc, into: $0)
        }
        let last = try archive.index(of: .receipt, last: true)
        archive.leaves.insert(leaf, at: last)
        archive.batches[archive.batches.count - 1].leaf = UInt64(last + 1)
      },
      ArchiveLie(.enrolmentRefused) {
        // The node's first enrolment was never there: its move is one of nothing.
        $0.leaves.remove(at: 2)
      },
      ArchiveLie(.enrolmentRepeated, .warning) {
        $0.leaves.append(
          OpenArchive.leaf(.enrolment, try $0.message(1), utc: try $0.newestUTC()))
      },
      ArchiveLie(.revocationRefused) { archive in
        let stranger = try TestOwner(seed: 201)
        let message = try stranger.revocation(
          of: try TestDevice(seed: 34).publicKey, node: Digest())
        archive.leaves.append(
          OpenArchive.leaf(.revocation, message, utc: try archive.newestUTC()))
      },
      ArchiveLie(.revocationRepeated, .warning) {
        $0.leaves.append(
          OpenArchive.leaf(
            .revocation, try $0.message(try $0.index(of: .revocation)), utc: try $0.newestUTC()))
      },
      ArchiveLie(.notEnrolled, .warning) { $0.leaves.remove(at: 1) },
    ]
  }
}

extension OpenArchive {
  func newestUTC() throws -> Int64 { try utc(leaves.count - 1) }

  /// A first key once more, at this time.
  fileprivate static func copy(_ leaf: [UInt8], utc: Int64) throws -> [UInt8] {
    let bytes = Array(leaf.suffix(32))
    let found: FixedBytes<32>? = FixedBytes(bytes.span)
    let key = try #require(found)
    return signedBytes(GatewayLogLeaf.maximumByteCount) {
      GatewayLogLeaf.encode(firstKey: key, utcMilliseconds: utc, into: $0)
    }
  }

  static func message(of leaf: [UInt8]) throws -> [UInt8] { try strings(of: leaf)[0] }

  /// The byte strings of a leaf: its message, or the two of a fork.
  static func strings(of leaf: [UInt8]) throws -> [[UInt8]] {
    var decoder = CBORDecoder(leaf.span)
    _ = try decoder.arrayHead()
    for _ in 0..<3 { _ = try decoder.unsigned() }
    if try decoder.peekMajorType() == .array { _ = try decoder.arrayHead() }
    var result: [[UInt8]] = []
    while !decoder.isAtEnd { result.append(try decoder.byteString().array) }
    return result
  }

  static func fork(_ held: [UInt8], _ sent: [UInt8], utc: Int64) -> [UInt8] {
    signedBytes(GatewayLogLeaf.maximumByteCount) {
      GatewayLogLeaf.encode(
        forkHeld: held.span, sent: sent.span, utcMilliseconds: utc, into: $0)
    }
  }

  mutating func appendChallenge(_ number: UInt64, issued: Int64, by signer: UInt8) throws {
    let message = try ArchiveScenario.challenge(number, issued: issued, by: signer)
    leaves.append(Self.leaf(.challenge, message, utc: try newestUTC()))
  }

  mutating func changeLastReceipt(_ change: (inout Receipt) -> Void) throws {
    try changeReceipt(try index(of: .receipt, last: true), by: 2, change)
  }

  mutating func changeReceipt(_ index: Int, by signer: UInt8, _ change: (inout Receipt) -> Void)
    throws
  {
    let before = try message(index)
    var receipt = try Receipt(decoding: before.span)
    change(&receipt)
    let after = try signed(receipt, by: signer)
    leaves[index] = Self.leaf(.receipt, after, utc: try utc(index))
  }
}
