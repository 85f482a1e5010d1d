import CBOR
import FixedMemory

/// The proof in an RFC 9942 receipt that a leaf is in a tree: [size, index, path].
public struct InclusionProof: Equatable {
  /// Array heads 1 + 2, two numbers of at most 9 bytes, 64 hashes of 34 bytes.
  public static var maximumByteCount: Int { 2197 }
  /// The message around it: tag 1, array 1, protected 144, maps, labels and array 7, string head 3,
  /// null 1, signature 66.
  public static var maximumReceiptByteCount: Int { 2197 + 223 }

  public var size: UInt64
  public var index: UInt64
  public var path: MerklePath

  public init(size: UInt64, index: UInt64, path: MerklePath) {
    self.size = size
    self.index = index
    self.path = path
  }

  public func encode(into bytes: consuming MutableSpan<UInt8>) -> Int {
    encodeProof(size, index, path, into: bytes)
  }

  public init(decoding bytes: Span<UInt8>) throws(CBORDecoder.Failure) {
    (size, index, path) = try decodeProof(bytes)
  }
}

/// The proof that an older tree is the beginning of a newer one: [older size, newer size, path].
public struct ConsistencyProof: Equatable {
  public var olderSize: UInt64
  public var newerSize: UInt64
  public var path: MerklePath

  public init(olderSize: UInt64, newerSize: UInt64, path: MerklePath) {
    self.olderSize = olderSize
    self.newerSize = newerSize
    self.path = path
  }

  public func encode(into bytes: consuming MutableSpan<UInt8>) -> Int {
    encodeProof(olderSize, newerSize, path, into: bytes)
  }

  public init(decoding bytes: Span<UInt8>) throws(CBORDecoder.Failure) {
    (olderSize, newerSize, path) = try decodeProof(bytes)
  }
}

private func encodeProof(
  _ a: UInt64, _ b: UInt64, _ path: MerklePath, into bytes: consuming MutableSpan<UInt8>
) -> Int {
  var encoder = CBOREncoder(bytes)
  encoder.arrayHead(count: 3)
  encoder.unsigned(a)
  encoder.unsigned(b)
  encoder.arrayHead(count: path.count)
  for step in path.indices { encoder.byteString(path[step].span) }
  return encoder.byteCount
}

private func decodeProof(_ bytes: Span<UInt8>)
  throws(CBORDecoder.Failure) -> (UInt64, UInt64, MerklePath)
{
  var decoder = CBORDecoder(bytes)
  try decoder.expectArray(count: 3)
  let a = try decoder.unsigned()
  let b = try decoder.unsigned()
  var path = MerklePath()
  // RFC 9942 asks for at least one hash; a tree of one leaf has none, and is accepted.
  let count = try decoder.arrayHead()
  guard count <= 64 else { throw .outsideFormat }
  for _ in 0..<count {
    guard let hash = Digest(try decoder.byteString()) else { throw .outsideFormat }
    path.append(hash)
  }
  try decoder.finish()
  return (a, b, path)
}
