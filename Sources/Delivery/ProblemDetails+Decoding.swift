import CBOR
import FixedMemory

extension ProblemDetails {
  /// Reads a problem from untrusted bytes: all of them are one map with a reason in it.
  public init(decoding bytes: Span<UInt8>) throws(Failure) {
    let fields: Fields
    do throws(CBORDecoder.Failure) {
      fields = try Fields(reading: bytes)
    } catch {
      throw .malformed(error)
    }
    guard fields.isOrdered else { throw .keyOrder }
    guard let code = fields.code else { throw .incomplete }
    self.code = code
    retryAfterSeconds = fields.retryAfterSeconds
    switch (fields.epoch, fields.batch, fields.size) {
    case (let epoch?, let batch?, let size?):
      expectation = Expectation(position: BatchPosition(epoch: epoch, batch: batch), size: size)
    case (nil, nil, nil): expectation = nil
    default: throw .incomplete
    }
  }

  /// What was found, before it is known whether it makes sense.
  private struct Fields {
    var code: UInt16?
    var epoch: UInt64?
    var batch: UInt64?
    var size: UInt64?
    var retryAfterSeconds: UInt32?
    var isOrdered = true

    init(reading bytes: Span<UInt8>) throws(CBORDecoder.Failure) {
      var decoder = CBORDecoder(bytes)
      var order = KeyOrder()
      for _ in 0..<(try decoder.mapHead()) {
        let key = try Self.key(&decoder, bytes, &order)
        if bytes.extracting(key).equals(Self.encodedReasonKey) {
          try readReason(&decoder, bytes)
        } else {
          try decoder.skipItem()
        }
      }
      try decoder.finish()
      if !order.isKept { isOrdered = false }
    }

    private mutating func readReason(_ decoder: inout CBORDecoder, _ bytes: Span<UInt8>)
      throws(CBORDecoder.Failure)
    {
      var order = KeyOrder()
      for _ in 0..<(try decoder.mapHead()) {
        let key = try Self.key(&decoder, bytes, &order)
        // The fields' numbers are below 24: their encoding is one byte.
        switch key.count == 1 ? bytes[key.lowerBound] : UInt8.max {
        case 0: code = try decoder.unsigned(as: UInt16.self)
        case 1: epoch = try decoder.unsigned()
        case 2: batch = try decoder.unsigned()
        case 3: size = try decoder.unsigned()
        case 4: retryAfterSeconds = try decoder.unsigned(as: UInt32.self)
        default: try decoder.skipItem()
        }
      }
      if !order.isKept { isOrdered = false }
    }

    /// The place of the next key, a number or a text.
    private static func key(
      _ decoder: inout CBORDecoder, _ bytes: Span<UInt8>, _ order: inout KeyOrder
    ) throws(CBORDecoder.Failure) -> Range<Int> {
      let start = decoder.offset
      switch try decoder.peekMajorType() {
      case .unsigned, .negative, .text: try decoder.skipItem()
      case .byteString, .array, .map, .tag, .simple: throw .unexpectedType
      }
      let key = start..<decoder.offset
      order.check(key, in: bytes)
      return key
    }

    /// Text of 13 bytes: the head 6d, then the key.
    private static var encodedReasonKey: StaticString { "\u{6d}cairn:refusal" }
  }

  /// Keys stand in the bytewise order of their encodings, each once (RFC 8949 section 4.2.1).
  private struct KeyOrder {
    private var last: Range<Int>?
    private(set) var isKept = true

    mutating func check(_ key: Range<Int>, in bytes: Span<UInt8>) {
      if let last, !Self.isAscending(bytes.extracting(last), bytes.extracting(key)) {
        isKept = false
      }
      last = key
    }

    private static func isAscending(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
      var index = 0
      while index < left.count, index < right.count {
        if left[index] != right[index] { return left[index] < right[index] }
        index += 1
      }
      return left.count < right.count
    }
  }
}
