import DeviceLog
import FixedMemory
import Proofs
import Records
import Signers
import Simulation
import Spool
import TestSupport
import Verifier

typealias TestLog = DeviceLog<FaultyStorage>

/// A medium with a formatted spool of small segments on it.
func formattedMedium(segmentCount: Int, segmentByteCount: Int = 12_288) throws -> FaultyMedium {
  let medium = FaultyMedium(byteCount: 32_768 + segmentCount * segmentByteCount)
  var storage = FaultyStorage(medium)
  try SpoolWriter<FaultyStorage>.format(
    &storage, spoolID: fixed(Array(repeating: 7, count: 16)),
    segmentByteCount: UInt32(segmentByteCount))
  return medium
}

func testKey() throws -> FileKey { try FileKey(seed: fixed(Array(repeating: 5, count: 32))) }

/// Appends one leaf, which `encode` writes.
func append(
  _ log: inout TestLog, at milliseconds: Int64, purpose: TestLog.Purpose = .record,
  _ encode: (inout [UInt8]) -> Int
) throws(TestLog.Failure) {
  var buffer = [UInt8](repeating: 0, count: 1100)
  let count = encode(&buffer)
  try log.append(
    leaf: buffer.span.extracting(0..<count), milliseconds: milliseconds, purpose: purpose)
}

func appendBoot(_ log: inout TestLog, boot: UInt64) throws(TestLog.Failure) {
  log.begin(boot: boot, flags: 1)
  try append(&log, at: 0) {
    LeafEncoding.boot(
      milliseconds: 0, bootCount: boot, agentVersion: "0.1.0",
      programHash: [UInt8](repeating: 1, count: 32).span, board: [UInt8]("bench".utf8).span,
      configurationHash: [UInt8](repeating: 2, count: 32).span, flags: 1, claims: Span(),
      into: $0.mutableSpan)
  }
}

func appendReading(_ log: inout TestLog, at milliseconds: Int64, value: Int64)
  throws(TestLog.Failure)
{
  var values = ReadingValues(filler: nil)
  for offset in 0..<6 { values.append(value + Int64(offset)) }
  try append(&log, at: milliseconds) {
    LeafEncoding.reading(
      schema: 1, milliseconds: milliseconds, values: values, into: $0.mutableSpan)
  }
}

/// A gateway in small: knows a tree and takes what continues it.
struct SmallGateway {
  let key: PublicKey
  var epoch: UInt64 = 0
  var frontier = MerkleFrontier()
  /// The hash of what was signed, by epoch and batch: never two for one place.
  var seen: [[UInt64]: Digest] = [:]
  var forks = 0

  init(key: PublicKey) { self.key = key }

  mutating func receive(_ bytes: Span<UInt8>) throws(Refusal) {
    let head = try BatchVerifier.head(of: bytes)
    let verified = try VerifiedCheckpoint(
      verifying: bytes.extracting(head.checkpointRange), key: key)
    let place = [head.epoch, head.batch]
    if let known = seen[place] {
      if known != verified.sigStructureHash { forks += 1 }
      return
    }
    if head.epoch != epoch {
      epoch = head.epoch
      frontier = MerkleFrontier()
    }
    // The gateway's rule: what lies behind the batch's first leaf could not be filled in.
    let reachesAcross: Bool
    do {
      reachesAcross = try BatchExtent(of: bytes, checkpoint: verified.checkpoint).reachesAcross
    } catch { throw Refusal(.leafMalformed) }
    guard !reachesAcross else { throw Refusal(.sizeMismatch) }
    let content = try BatchVerifier.content(
      of: bytes, checkpoint: verified.checkpoint, known: frontier)
    seen[place] = verified.sigStructureHash
    frontier = content.frontier
  }
}
