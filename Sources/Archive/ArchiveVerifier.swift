import CBOR
import CoverageVerifier
import FixedMemory
import Foundation
import HostCryptography
import Identity
import Proofs
import Records
import Verifier

/// Recomputes from an archive's files alone all that its gateway has answered for (docs/archive.md).
///
///     keys ─▶ devices          log, first reading ─▶ challenges
///                     ╲        log, second reading, leaf by leaf
///     batches ─────────╳──▶    receipt ↔ batch · enrolments, revocations · forks · key changes · tree
///                              head, kept heads ↔ roots
///
/// Memory grows with devices, challenges, invites, and leaves of coverage, not with other leaves or batches. Works on
/// untrusted bytes: what is wrong is a finding, and only what can't be read at all is thrown.
public final class ArchiveVerifier {
  /// A head of the gateway's log that somebody kept.
  public struct KeptHead: Sendable {
    public let file: String
    public let bytes: [UInt8]

    public init(file: String, bytes: [UInt8]) {
      self.file = file
      self.bytes = bytes
    }
  }

  /// What a clock may go back without a word (docs/archive.md, "Times").
  static let clockStepMilliseconds: Int64 = 10_000

  let folder: String
  let trustedKey: PublicKey?
  let keptHeads: [KeptHead]
  let progress: (_ readByteCount: UInt64, _ byteCount: UInt64) -> Void

  var findings = FindingList()
  var report = ArchiveReport()
  let es256 = ES256()

  // The log.
  var frontier = MerkleFrontier()
  var firstUTC: Int64 = 0
  var lastUTC: Int64 = 0
  /// Keys of the gateway, and the size of the log from which each is in force.
  var chain: [(key: PublicKey, fromSize: UInt64)] = []
  /// Sizes at which somebody has a head, ascending, and the roots found there.
  var wantedSizes: [UInt64] = []
  var nextWanted = 0
  var roots: [UInt64: Digest] = [:]
  var legacyReceiptCount = 0

  // What the log tells of devices.
  var devices = DeviceTable()
  var nodes: [EnrolmentRules.Node] = []
  var nodeIndex: [HashName: Int] = [:]
  var usedInvites: [HashName: Digest] = [:]

  // Challenges by their hash: leaf and time. `lastChallenge` is the newest number so far.
  var challenges: [HashName: (leaf: UInt64, issuedUTC: Int64, message: [UInt8])] = [:]
  var lastChallenge: UInt64?

  // What speaks of beacons, and the head's time.
  var book = CoverageBook()
  var headUTC: Int64?

  // Batches that have been read and not yet met their receipt.
  var batchReader: SequenceReader?
  var waiting: [WaitingBatch] = []
  /// Why the file of batches could not be read on.
  var unreadable: ArchiveFailure?

  public init(
    folder: String, trustedKey: PublicKey? = nil, keptHeads: [KeptHead] = [],
    progress: @escaping (UInt64, UInt64) -> Void = { _, _ in }
  ) {
    self.folder = folder
    self.trustedKey = trustedKey
    self.keptHeads = keptHeads
    self.progress = progress
  }

  /// Verifies everything. To be called once.
  public func run() throws(ArchiveFailure) -> ArchiveReport {
    let head = try readHead()
    headUTC = head?.head.nowUTCMilliseconds
    try readKeys()
    try readChallenges()
    batchReader = try SequenceReader(.batches, in: folder)
    wantHeads(head)
    try readLog()
    try takeRemainingBatches()
    try judgeBeacons()
    judge(head)
    judgeKeptHeads(head)
    finish()
    return report
  }

  func place(_ file: ArchiveFormat.File, _ offset: UInt64, leaf: UInt64? = nil) -> Finding.Place {
    Finding.Place(file: file.rawValue, offset: offset, leaf: leaf)
  }

  private func readKeys() throws(ArchiveFailure) {
    let reader = try SequenceReader(.keys, in: folder)
    var last: Digest?
    while true {
      switch try reader.step() {
      case .end: return
      case .damage(let offset, let why, let isTooLong):
        tellDamage(.keysDamaged, .keys, offset, why, isTooLong)
        return
      case .item(let bytes, let offset):
        do throws(CBORDecoder.Failure) {
          let key = try ArchiveFormat.key(decoding: bytes.span)
          let hash = key.hash
          if let last, !last.precedes(hash) {
            findings.add(
              .keysDamaged, "key \(hash.short) stands out of order, or twice",
              at: place(.keys, offset))
          }
          last = hash
          if devices.add(key, isListed: true) == nil {
            findings.add(
              .keysDamaged, "two keys have the identifier \(key.keyID.hex)",
              at: place(.keys, offset))
          }
        } catch {
          findings.add(.keysDamaged, "no key: \(error.words)", at: place(.keys, offset))
        }
      }
    }
  }

  /// The first reading: a batch may hold a challenge that stands behind its receipt only where somebody lies,
  /// and there it has to be known.
  private func readChallenges() throws(ArchiveFailure) {
    let reader = try SequenceReader(.log, in: folder)
    var index: UInt64 = 0
    while case .item(let bytes, _) = try reader.step() {
      do throws(CBORDecoder.Failure) {
        try takeNameOfChallenge(bytes, index)
      } catch {
        // Told in the second reading.
      }
      index += 1
    }
  }

  private func takeNameOfChallenge(_ bytes: [UInt8], _ index: UInt64)
    throws(CBORDecoder.Failure)
  {
    // [1, 2, …: nearly all leaves are something else.
    guard bytes.count > 3, bytes[2] == GatewayLogLeaf.Kind.challenge.rawValue else { return }
    let leaf = try GatewayLogLeaf(decoding: bytes.span)
    guard case .message(let message) = leaf.document else { return }
    let challenge = try Challenge(decoding: message)
    let name = HashName(try COSESign1.hash(of: message))
    if challenges[name] == nil {
      challenges[name] = (
        index, challenge.issuedUTCMilliseconds, message.withUnsafeBufferPointer { Array($0) }
      )
    }
  }

  private func finish() {
    for index in devices.indices where devices[index].isListed {
      let device = devices[index]
      guard !device.isUsed, !device.isEnrolled, !device.isRevoked else { continue }
      findings.add(
        .keyUnused, "key \(device.keyHash.short)", at: Finding.Place(file: "keys.cbor-seq"))
    }
    if legacyReceiptCount > 0 {
      findings.add(
        .receiptsBeforeLog, "\(legacyReceiptCount) receipts",
        at: Finding.Place(file: ArchiveFormat.File.log.rawValue))
    }
    if !report.isLogSigned { findings.takeFromGateway() }
    report.counts.leaves = frontier.size
    report.counts.nodes = nodes.count
    report.counts.keys = devices.indices.count
    report.root = frontier.root(by: OpenSSLTreeHash.self)
    report.gatewayKeys = chain.map(\.key)
    if frontier.size > 0 {
      report.firstUTCMilliseconds = firstUTC
      report.lastUTCMilliseconds = lastUTC
    }
    report.findings = findings.kept
    report.findingCounts = findings.counts
  }

  func tellDamage(
    _ name: Finding.Name, _ file: ArchiveFormat.File, _ offset: UInt64,
    _ why: CBORDecoder.Failure, _ isTooLong: Bool
  ) {
    let reason =
      isTooLong ? "an item longer than \(file.maximumItemByteCount) bytes" : why.words
    findings.add(
      name, "nothing can be read from byte \(offset) on: \(reason)", at: place(file, offset))
  }
}

extension Digest {
  /// True when these bytes come before others in the order of numbers.
  func precedes(_ other: Digest) -> Bool {
    bytes.lexicographicallyPrecedes(other.bytes)
  }
}

extension CBORDecoder.Failure {
  /// What was wrong, for people.
  var words: String {
    switch self {
    case .truncated: "it ends within an item"
    case .notShortest: "a number that is not in its shortest form"
    case .notSupported: "CBOR that is not in the format"
    case .unexpectedType: "an item of another type"
    case .outOfRange: "a number out of its range"
    case .notUTF8: "text that is not UTF-8"
    case .tooDeep: "nested too deeply"
    case .outsideFormat: "another form than the format's"
    case .unknownVersion: "a version that this program does not know"
    case .unknownAlgorithm: "an algorithm that is not this key's, or not known"
    case .trailingBytes: "bytes after its end"
    }
  }
}
