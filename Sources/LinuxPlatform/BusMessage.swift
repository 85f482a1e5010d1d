import Buses
import CBOR
import CLinux
import FixedMemory

/// What is asked of a bus that another process serves. One packet is one deterministic CBOR array; how many
/// items it has says what it asks:
///
///     I2C     [address, bytes to write, count to read, timeout in milliseconds]   → [status, bytes read]
///     SPI     [chip select, bytes]                                                → [status, as many bytes]
///     pins    [changed, outputs, levels]                                          → [status, two bytes]
///
///     status  0 done · 1 not acknowledged · 2 timed out · 3 arbitration lost · else a number of errno
public enum BusMessage {
  /// A packet, request or reply, in either direction.
  public static var maximumPacketByteCount: Int { 4096 }
  /// Array head, address (2), head of a byte string (3), count (3), timeout (5): what is left for the bytes, with
  /// some room.
  public static var maximumTransferByteCount: Int { 4000 }

  /// Encodes a request and returns its size. More bytes than a transfer has are a bug of the caller.
  static func i2cRequest(
    address: UInt8, _ written: Span<UInt8>, readCount: Int, timeoutMilliseconds: UInt32,
    into packet: inout InlineArray<4096, UInt8>
  ) -> Int {
    var encoder = CBOREncoder(packet.mutableSpan)
    encoder.arrayHead(count: 4)
    encoder.unsigned(UInt64(address))
    encoder.byteString(written)
    encoder.unsigned(UInt64(readCount))
    encoder.unsigned(UInt64(timeoutMilliseconds))
    precondition(!encoder.overflowed, "a transfer beyond its limit")
    return encoder.byteCount
  }

  static func spiRequest(
    select: UInt8, _ bytes: Span<UInt8>, into packet: inout InlineArray<4096, UInt8>
  ) -> Int {
    var encoder = CBOREncoder(packet.mutableSpan)
    encoder.arrayHead(count: 2)
    encoder.unsigned(UInt64(select))
    encoder.byteString(bytes)
    precondition(!encoder.overflowed, "a transfer beyond its limit")
    return encoder.byteCount
  }

  static func pinRequest(
    changed: UInt8, outputs: UInt8, levels: UInt8, into packet: inout InlineArray<4096, UInt8>
  ) -> Int {
    var encoder = CBOREncoder(packet.mutableSpan)
    encoder.arrayHead(count: 3)
    encoder.unsigned(UInt64(changed))
    encoder.unsigned(UInt64(outputs))
    encoder.unsigned(UInt64(levels))
    return encoder.byteCount
  }

  /// Encodes a reply and returns its size.
  public static func reply(
    status: Int32, _ bytes: Span<UInt8>, into packet: inout InlineArray<4096, UInt8>
  ) -> Int {
    var encoder = CBOREncoder(packet.mutableSpan)
    encoder.arrayHead(count: 2)
    encoder.unsigned(UInt64(max(0, status)))
    encoder.byteString(bytes)
    precondition(!encoder.overflowed, "a reply beyond its limit")
    return encoder.byteCount
  }

  /// A request as a server reads it.
  public enum Request: Equatable, Sendable {
    /// The bytes to write stand at `written` in the packet.
    case i2c(address: UInt8, written: Range<Int>, readCount: Int, timeoutMilliseconds: UInt32)
    case spi(select: UInt8, bytes: Range<Int>)
    case pins(changed: UInt8, outputs: UInt8, levels: UInt8)
    /// No request, or beyond the limits: the status that answers it.
    case refused(status: Int32)
  }

  /// Reads one packet, strictly. Whatever the bytes are, there is an answer.
  public static func request(decoding packet: Span<UInt8>) -> Request {
    do throws(CBORDecoder.Failure) {
      var decoder = CBORDecoder(packet)
      let itemCount = try decoder.arrayHead()
      let request: Request
      switch itemCount {
      case 4:
        let address = try decoder.unsigned(as: UInt8.self)
        let written = try range(&decoder)
        let readCount = try decoder.unsigned(as: UInt32.self)
        let timeout = try decoder.unsigned(as: UInt32.self)
        guard (0x08...0x77).contains(address) else { throw .outOfRange }
        guard written.count <= maximumTransferByteCount, readCount <= maximumTransferByteCount
        else { return .refused(status: EMSGSIZE) }
        request = .i2c(
          address: address, written: written, readCount: Int(readCount),
          timeoutMilliseconds: timeout)
      case 3:
        let changed = try decoder.unsigned(as: UInt8.self)
        let outputs = try decoder.unsigned(as: UInt8.self)
        request = .pins(
          changed: changed, outputs: outputs, levels: try decoder.unsigned(as: UInt8.self))
      case 2:
        let select = try decoder.unsigned(as: UInt8.self)
        let bytes = try range(&decoder)
        guard bytes.count <= maximumTransferByteCount else { return .refused(status: EMSGSIZE) }
        request = .spi(select: select, bytes: bytes)
      default: throw .unexpectedType
      }
      try decoder.finish()
      return request
    } catch {
      return .refused(status: EINVAL)
    }
  }

  /// Where a byte string stands.
  private static func range(_ decoder: inout CBORDecoder) throws(CBORDecoder.Failure) -> Range<Int>
  {
    let count = try decoder.byteString().count
    return decoder.offset - count..<decoder.offset
  }
}

extension BusError {
  /// What a served bus answers; nil for 0.
  init?(status: Int32) {
    switch status {
    case 0: return nil
    case 1: self = .notAcknowledged
    case 2: self = .timedOut
    case 3: self = .arbitrationLost
    default: self = .system(errno: status)
    }
  }

  /// The status that says it.
  public var status: Int32 {
    switch self {
    case .notAcknowledged: 1
    case .timedOut: 2
    case .arbitrationLost: 3
    case .disconnected: ENODEV
    case .system(let errno): errno
    }
  }
}
