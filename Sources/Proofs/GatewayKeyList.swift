import CBOR
import FixedMemory

/// A gateway's keys, from a first one on: what `GET /v1/keys` answers, and what an agent keeps in
/// `gateway-keys.cbor` (docs/key-file.md). Borrows the bytes.
///
///     [1, first key: 32 bytes, [key change message, …]]
///
/// Nothing is verified here: `GatewayKeyChain` of Verifier does that.
public struct GatewayKeyList: ~Escapable {
  /// As many as fit a page of 4 KiB: 37 for what stands before them, 183 for each.
  public static var maximumChangeCount: Int { 22 }
  /// Array 1, version 1, key 34, array 1, and 22 messages of 2 + 181.
  public static var maximumByteCount: Int { 4063 }

  static var formatVersion: Int64 { 1 }

  public let firstKey: FixedBytes<32>
  private let bytes: Span<UInt8>
  private var messages = FixedArray<22, Range<Int>>(filler: 0..<0)

  /// Reads a list strictly: every message has the form of a key change. Signatures, and whether each
  /// follows the one before, are the caller's to check.
  @_lifetime(copy bytes)
  public init(decoding bytes: Span<UInt8>) throws(CBORDecoder.Failure) {
    self.bytes = bytes
    var decoder = CBORDecoder(bytes)
    let fieldCount = try decoder.arrayHead()
    guard try decoder.integer() == Self.formatVersion else { throw .unknownVersion }
    guard fieldCount == 3 else { throw .outsideFormat }
    firstKey = try decoder.fixedBytes()
    for _ in 0..<(try decoder.arrayHead()) {
      let message = try decoder.byteString()
      guard messages.offer(decoder.offset - message.count..<decoder.offset) else {
        throw .outOfRange
      }
      _ = try GatewayKeyChange(decoding: message)
    }
    try decoder.finish()
  }

  public var changeCount: Int { messages.count }

  /// The message of a key change, as it was signed; 0 is the first key's.
  @_lifetime(copy self)
  public func message(at index: Int) -> Span<UInt8> { bytes.extracting(messages[index]) }

  /// Where the changes begin that follow a key: 0 for the first key. Nil when the list does not have the key.
  public func index(after key: PublicKey) -> Int? {
    if firstKey.span.equals(key.bytes.span) { return 0 }
    for index in messages.indices {
      do throws(CBORDecoder.Failure) {
        if try GatewayKeyChange(decoding: message(at: index)).newKey == key { return index + 1 }
      } catch { return nil }
    }
    return nil
  }

  /// Writes what stands before the messages. As many byte strings follow.
  public static func encodeHead(
    firstKey: FixedBytes<32>, changeCount: Int, into encoder: inout CBOREncoder
  ) {
    precondition(changeCount <= maximumChangeCount, "more key changes than a list has")
    encoder.arrayHead(count: 3)
    encoder.integer(formatVersion)
    encoder.byteString(firstKey.span)
    encoder.arrayHead(count: changeCount)
  }

  /// Writes a list that is whole and has room, with one message more, and says how many bytes it takes.
  public static func encode(
    _ list: Span<UInt8>, adding message: Span<UInt8>, into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    // Array 1, version 1 and first key 34; then the head of at most 23 messages, one byte.
    encoder.raw(list.extracting(0..<36))
    encoder.arrayHead(count: Int(list[36] & 31) + 1)
    encoder.raw(list.extracting(37..<list.count))
    encoder.byteString(message)
    return encoder.byteCount
  }
}
