import CBOR
import FixedMemory

/// The form in which batches travel: [ checkpoint, [ item, … ] ] (docs/proof-format.md).
/// An item is a leaf's bytes, or [count, subtree hash] for aligned leaves that are not sent.
public enum Batch {
  /// One shared limit for agent, uplink and gateway.
  public static var maximumLeafCount: Int { 512 }
  /// A batch from its first byte to its last, without leading subtrees.
  public static var maximumByteCount: Int { 65_536 }
  /// [count, hash]: array head 1, count 9, hash 34.
  public static var maximumSubtreeItemByteCount: Int { 44 }
  /// Leading subtrees: 63 peaks before `first`, or, from one place of a tree to another, as many that
  /// get larger as get smaller.
  public static var maximumSubtreeItemCount: Int { 126 }
  /// What a verifier accepts: 65 536 + 126 × 44, in whole pages of 4 KiB.
  public static var maximumByteCountWithSubtrees: Int { 73_728 }
  /// Array 1, checkpoint 2 + 247, array of items 3: what a batch holds besides items.
  public static var maximumFrameByteCount: Int { 253 }
  /// Leaves, as the byte strings they travel as, must leave room for the frame.
  public static var maximumItemsByteCount: Int { maximumByteCount - maximumFrameByteCount }
  /// A leaf alone. A record that could exceed it is refused when its schema is made.
  public static var maximumLeafByteCount: Int { 1024 }

  /// Writes what stands in front of the items and says how many bytes it takes.
  public static func encodeHead(
    checkpoint message: Span<UInt8>, itemCount: Int, into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.arrayHead(count: 2)
    encoder.byteString(message)
    encoder.arrayHead(count: itemCount)
    return encoder.byteCount
  }

  /// Writes a leaf as an item and says how many bytes it takes.
  public static func encodeItem(leaf: Span<UInt8>, into bytes: consuming MutableSpan<UInt8>) -> Int
  {
    var encoder = CBOREncoder(bytes)
    encoder.byteString(leaf)
    return encoder.byteCount
  }

  /// Writes a subtree as an item and says how many bytes it takes.
  public static func encodeItem(
    subtree: Digest, count: UInt64, into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.arrayHead(count: 2)
    encoder.unsigned(count)
    encoder.byteString(subtree.span)
    return encoder.byteCount
  }
}

/// Reads a batch item by item. Works on untrusted bytes.
public struct BatchReader: ~Escapable {
  public enum Item: ~Escapable {
    case leaf(Span<UInt8>)
    case subtree(count: UInt64, hash: Digest)
  }

  private var decoder: CBORDecoder
  /// Range of the checkpoint message within the batch.
  public let checkpoint: Range<Int>
  public let itemCount: Int
  public private(set) var readCount = 0

  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>) throws(CBORDecoder.Failure) {
    decoder = CBORDecoder(bytes)
    try decoder.expectArray(count: 2)
    let checkpointCount = try decoder.byteString().count
    checkpoint = (decoder.offset - checkpointCount)..<decoder.offset
    itemCount = try decoder.arrayHead()
  }

  public var isAtEnd: Bool { readCount == itemCount }

  /// The next item. Past the last one is a bug of the caller.
  @_lifetime(copy self)
  @_lifetime(self: copy self)
  public mutating func next() throws(CBORDecoder.Failure) -> Item {
    precondition(readCount < itemCount, "read past the last item of a batch")
    readCount += 1
    guard try decoder.peekMajorType() == .array else { return .leaf(try decoder.byteString()) }
    try decoder.expectArray(count: 2)
    let count = try decoder.unsigned()
    guard let hash = Digest(try decoder.byteString()) else { throw .outsideFormat }
    return .subtree(count: count, hash: hash)
  }

  /// Refuses items left over and bytes after the batch.
  public func finish() throws(CBORDecoder.Failure) {
    guard isAtEnd else { throw .outsideFormat }
    try decoder.finish()
  }
}
