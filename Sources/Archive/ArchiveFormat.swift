import CBOR
import CoverageVerifier
import FixedMemory
import Proofs

/// Files of an archive and their items (docs/archive.md).
///
///     head.cose           head of the log, signed by the gateway
///     log.cbor-seq        leaf, leaf, …                                        RFC 8742
///     keys.cbor-seq       [1, algorithm, public key], …                        by SHA-256 of the key
///     batches.cbor-seq    [1, index of the receipt's leaf or null, batch], …   in the log's order
///                         [1, index or null, batch, [leaf, …]], …              with leaves that are not shown yet
///     verdicts.cbor-seq   [1, key hash, number, verdict], …                    by number and key; may be missing
///     standings.cbor-seq  [1, region, window, from, node, standing], …         by period and node; may be missing
public enum ArchiveFormat {
  public static var version: Int64 { 1 }

  public enum File: String, CaseIterable, Sendable {
    case head = "head.cose"
    case log = "log.cbor-seq"
    case keys = "keys.cbor-seq"
    case batches = "batches.cbor-seq"
    /// Of an archive in which something speaks of a beacon.
    case verdicts = "verdicts.cbor-seq"
    /// Of one in which a period has nodes.
    case standings = "standings.cbor-seq"

    /// The files of every archive.
    public static var allCases: [File] { [.head, .log, .keys, .batches] }

    /// The largest item: a head 159, a leaf of the log 587, a key 1 + 1 + 1 + 35, a batch 1 + 1 + 9 + 5 and its
    /// bytes, and 3 and 9 for each leaf that is withheld.
    public var maximumItemByteCount: Int {
      switch self {
      case .head: 159
      case .log: 587
      case .keys: 38
      case .batches: 19 + Batch.maximumByteCountWithSubtrees + 9 * Batch.maximumLeafCount
      case .verdicts: ArchiveFormat.maximumVerdictByteCount
      case .standings: ArchiveFormat.maximumStandingByteCount
      }
    }
  }

  /// A verdict lists its witnesses with some 3 KB each: 4 MiB are more than a thousand.
  public static var maximumVerdictByteCount: Int { 4_194_304 }

  /// A verdict as an item of `verdicts.cbor-seq`; nil when it is longer than the largest.
  public static func item(ofVerdict json: [UInt8], of name: BeaconName) -> [UInt8]? {
    guard 64 + json.count <= maximumVerdictByteCount else { return nil }
    return encoded(64 + json.count) { encoder in
      encoder.arrayHead(count: 4)
      encoder.integer(version)
      encoder.byteString(name.keyHash.span)
      encoder.unsigned(UInt64(name.number))
      encoder.byteString(json.span)
    }
  }

  /// Reads an item of `verdicts.cbor-seq` strictly, apart from the verdict in it.
  static func verdict(decoding item: Span<UInt8>) throws(CBORDecoder.Failure) -> (
    name: BeaconName, json: [UInt8]
  ) {
    var decoder = CBORDecoder(item)
    try expectHead(&decoder, count: 4)
    guard let keyHash = Digest(try decoder.byteString()) else { throw .outsideFormat }
    let number = try decoder.unsigned()
    guard let number = UInt32(exactly: number) else { throw .outOfRange }
    let json = try decoder.byteString().withUnsafeBufferPointer { Array($0) }
    try decoder.finish()
    return (BeaconName(keyHash: keyHash, number: number), json)
  }

  /// A device's public key as an item of `keys.cbor-seq`.
  public static func item(of key: PublicKey) -> [UInt8] {
    encoded(File.keys.maximumItemByteCount) { encoder in
      encoder.arrayHead(count: 3)
      encoder.integer(version)
      encoder.integer(key.algorithm.coseNumber)
      encoder.byteString(key.bytes.span)
    }
  }

  /// A batch as an item of `batches.cbor-seq`. `leaf`: index of the leaf with its receipt; nil when the
  /// log has none. `withheld`: leaves, ascending, in whose place a hash stands until they may be shown.
  public static func item(ofBatch batch: [UInt8], leaf: UInt64?, withheld: [UInt64] = []) -> [UInt8]
  {
    encoded(19 + batch.count + 9 * withheld.count) { encoder in
      encoder.arrayHead(count: withheld.isEmpty ? 3 : 4)
      encoder.integer(version)
      if let leaf { encoder.unsigned(leaf) } else { encoder.null() }
      encoder.byteString(batch.span)
      guard !withheld.isEmpty else { return }
      encoder.arrayHead(count: withheld.count)
      for index in withheld { encoder.unsigned(index) }
    }
  }

  static func encoded(_ byteCount: Int, _ encode: (inout CBOREncoder) -> Void) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: byteCount)
    let count = Self.encode(into: bytes.mutableSpan, encode)
    bytes.removeLast(byteCount - count)
    return bytes
  }

  private static func encode(
    into bytes: consuming MutableSpan<UInt8>, _ encode: (inout CBOREncoder) -> Void
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encode(&encoder)
    precondition(!encoder.overflowed, "an item longer than the largest")
    return encoder.byteCount
  }

  /// Reads an item of `keys.cbor-seq` strictly.
  static func key(decoding item: Span<UInt8>) throws(CBORDecoder.Failure) -> PublicKey {
    var decoder = CBORDecoder(item)
    try expectHead(&decoder)
    let number = try decoder.integer()
    guard let algorithm = SignatureAlgorithm(coseNumber: number), algorithm.coseNumber == number
    else { throw .unknownAlgorithm }
    guard let key = PublicKey(algorithm: algorithm, bytes: try decoder.byteString()) else {
      throw .outsideFormat
    }
    try decoder.finish()
    return key
  }

  /// Reads an item of `batches.cbor-seq` strictly, apart from the batch in it.
  static func batch(decoding item: Span<UInt8>) throws(CBORDecoder.Failure) -> (
    leaf: UInt64?, bytes: Range<Int>, withheld: [UInt64]
  ) {
    var decoder = CBORDecoder(item)
    let count = try head(&decoder)
    guard count == 3 || count == 4 else { throw .outsideFormat }
    let leaf = try decoder.skipNull() ? nil : decoder.unsigned()
    let byteCount = try decoder.byteString().count
    let range = decoder.offset - byteCount..<decoder.offset
    let withheld = count == 4 ? try leaves(&decoder) : []
    try decoder.finish()
    return (leaf, range, withheld)
  }

  /// Indexes of leaves, at least one, ascending.
  private static func leaves(_ decoder: inout CBORDecoder) throws(CBORDecoder.Failure) -> [UInt64] {
    let count = try decoder.arrayHead()
    guard (1...Batch.maximumLeafCount).contains(count) else { throw .outOfRange }
    var leaves: [UInt64] = []
    for _ in 0..<count {
      let index = try decoder.unsigned()
      if let last = leaves.last, last >= index { throw .outsideFormat }
      leaves.append(index)
    }
    return leaves
  }

  static func expectHead(_ decoder: inout CBORDecoder, count expected: Int = 3)
    throws(CBORDecoder.Failure)
  {
    guard try head(&decoder) == expected else { throw .outsideFormat }
  }

  /// How many elements the item has; its version is read.
  private static func head(_ decoder: inout CBORDecoder) throws(CBORDecoder.Failure) -> Int {
    let count = try decoder.arrayHead()
    guard try decoder.integer() == version else { throw .unknownVersion }
    return count
  }
}
