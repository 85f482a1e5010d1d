import CBOR
import CoverageStatistics
import FixedMemory
import Proofs

/// Items of `standings.cbor-seq`: what the gateway says of a node in a period.
extension ArchiveFormat {
  /// Thirteen statistics with their figures have some 4 KB, and each key of the node 67 bytes.
  public static var maximumStandingByteCount: Int { 1_048_576 }

  /// Of which node in which period something is told.
  struct StandingName: Hashable {
    let period: CoveragePeriodName
    /// Hexadecimal digits.
    let node: String

    static func precedes(_ left: Self, _ right: Self) -> Bool {
      guard left.period == right.period else {
        return CoveragePeriodName.precedes(left.period, right.period)
      }
      return left.node < right.node
    }

    var text: String {
      "node \(node.prefix(16)) in the period of \(period.region), windows of "
        + "\(period.windowSeconds) s, from \(UTCText.text(period.fromUTCMilliseconds))"
    }
  }

  /// Nil when it is longer than the largest, or what it names has another form than the format's.
  public static func item(ofStanding json: [UInt8], of standing: NodeStanding) -> [UInt8]? {
    guard 96 + json.count <= maximumStandingByteCount, let node = digest(standing.node) else {
      return nil
    }
    let region = Array(standing.period.region.utf8)
    guard region.count <= 24 else { return nil }
    return encoded(96 + json.count) { encoder in
      encoder.arrayHead(count: 6)
      encoder.integer(version)
      encoder.text(region.span)
      encoder.unsigned(UInt64(standing.period.windowSeconds))
      encoder.integer(standing.period.fromUTCMilliseconds)
      encoder.byteString(node.span)
      encoder.byteString(json.span)
    }
  }

  /// Reads an item strictly, apart from the standing in it.
  static func standing(decoding item: Span<UInt8>) throws(CBORDecoder.Failure) -> (
    name: StandingName, json: [UInt8]
  ) {
    var decoder = CBORDecoder(item)
    try expectHead(&decoder, count: 6)
    let region = try decoder.text().withUnsafeBufferPointer { Array($0) }
    let seconds = try decoder.unsigned()
    let from = try decoder.integer()
    guard let node = Digest(try decoder.byteString()), region.count <= 24,
      let seconds = UInt32(exactly: seconds),
      let period = CoveragePeriodName(
        region: String(decoding: region, as: UTF8.self), windowSeconds: seconds,
        fromUTCMilliseconds: from)
    else { throw .outsideFormat }
    let json = try decoder.byteString().withUnsafeBufferPointer { Array($0) }
    try decoder.finish()
    return (StandingName(period: period, node: node.hex), json)
  }

  /// Nil for anything else than 64 lower-case hexadecimal digits.
  private static func digest(_ text: String) -> Digest? {
    var digest = Digest()
    let digits = Array(text.utf8)
    guard digits.count == 64 else { return nil }
    for (index, digit) in digits.enumerated() {
      guard let value = Character(UnicodeScalar(digit)).hexDigitValue else { return nil }
      digest[index / 2] = digest[index / 2] << 4 | UInt8(value)
    }
    return digest.hex == text ? digest : nil
  }
}
