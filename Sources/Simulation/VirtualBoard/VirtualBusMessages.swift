import Buses
import CBOR
import FixedMemory

/// Limits of the virtual bus, as docs/simulation.md states them.
public enum VirtualBusLimit {
  /// One message on the socket.
  public static let messageByteCount = 4_096
  /// Bytes written or read in one transfer. The longest request adds 14 bytes to them (array head
  /// 1, address 2, byte string head 3, count 3, timeout 5), the longest reply 9: both stay within a
  /// message.
  public static let transferByteCount = 4_080
  /// The longest wait that a request may ask for.
  public static let timeoutMilliseconds: UInt32 = 60_000
}

/// What became of a transfer.
public enum VirtualBusStatus: Equatable, Sendable {
  case done
  case notAcknowledged
  case timedOut
  case arbitrationLost
  /// Any other reason, as a number of Linux's errno.
  case system(errno: Int32)

  /// The request was not understood, or asks for what a bus cannot do: EINVAL.
  public static let invalidRequest = VirtualBusStatus.system(errno: 22)
  /// A message or transfer beyond the limits: EMSGSIZE.
  public static let tooLarge = VirtualBusStatus.system(errno: 90)

  public var number: Int32 {
    switch self {
    case .done: 0
    case .notAcknowledged: 1
    case .timedOut: 2
    case .arbitrationLost: 3
    case .system(let errno): errno
    }
  }

  public init(number: Int32) {
    switch number {
    case 0: self = .done
    case 1: self = .notAcknowledged
    case 2: self = .timedOut
    case 3: self = .arbitrationLost
    default: self = .system(errno: number)
    }
  }

  init(_ error: BusError) {
    switch error {
    case .notAcknowledged: self = .notAcknowledged
    case .timedOut: self = .timedOut
    case .arbitrationLost: self = .arbitrationLost
    // ENODEV
    case .disconnected: self = .system(errno: 19)
    case .system(let errno): self = .system(errno: errno)
    }
  }
}

/// `[address, bytes to write, count to read, timeout ms]`
public struct VirtualBusRequest: Equatable, Sendable {
  public var address: UInt8
  public var bytes: [UInt8]
  public var readCount: Int
  public var timeoutMilliseconds: UInt32

  public init(address: UInt8, bytes: [UInt8], readCount: Int, timeoutMilliseconds: UInt32) {
    self.address = address
    self.bytes = bytes
    self.readCount = readCount
    self.timeoutMilliseconds = timeoutMilliseconds
  }

  public var encoded: [UInt8] {
    encode { encoder in
      encoder.arrayHead(count: 4)
      encoder.unsigned(UInt64(address))
      encoder.byteString(bytes.span)
      encoder.unsigned(UInt64(readCount))
      encoder.unsigned(UInt64(timeoutMilliseconds))
    }
  }

  /// Why a message is no request; the status that answers it.
  public struct Refusal: Error, Equatable {
    public let status: VirtualBusStatus
  }

  /// Reads one message, strictly: deterministic CBOR, four items, within the limits, nothing after.
  public init(decoding message: [UInt8]) throws(Refusal) {
    do throws(CBORDecoder.Failure) {
      var decoder = CBORDecoder(message.span)
      guard try decoder.arrayHead() == 4 else { throw .unexpectedType }
      address = try decoder.unsigned(as: UInt8.self)
      let written = try decoder.byteString()
      bytes = written.indices.map { written[$0] }
      let count = try decoder.unsigned(as: UInt32.self)
      readCount = Int(count)
      timeoutMilliseconds = try decoder.unsigned(as: UInt32.self)
      try decoder.finish()
    } catch {
      throw Refusal(status: .invalidRequest)
    }
    guard VirtualI2CBus.addressRange.contains(address),
      timeoutMilliseconds <= VirtualBusLimit.timeoutMilliseconds
    else { throw Refusal(status: .invalidRequest) }
    guard bytes.count <= VirtualBusLimit.transferByteCount,
      readCount <= VirtualBusLimit.transferByteCount
    else { throw Refusal(status: .tooLarge) }
  }
}

/// `[status, bytes read]`
public struct VirtualBusReply: Equatable, Sendable {
  public var status: VirtualBusStatus
  /// As many as were asked for, or none when the status is not `done`.
  public var bytes: [UInt8]

  public init(status: VirtualBusStatus, bytes: [UInt8] = []) {
    self.status = status
    self.bytes = bytes
  }

  public var encoded: [UInt8] {
    encode { encoder in
      encoder.arrayHead(count: 2)
      encoder.integer(Int64(status.number))
      encoder.byteString(bytes.span)
    }
  }

  /// Nil when a message is no reply.
  public init?(decoding message: [UInt8]) {
    do throws(CBORDecoder.Failure) {
      var decoder = CBORDecoder(message.span)
      guard try decoder.arrayHead() == 2 else { return nil }
      guard let number = Int32(exactly: try decoder.unsigned()) else { return nil }
      status = VirtualBusStatus(number: number)
      let read = try decoder.byteString()
      bytes = read.indices.map { read[$0] }
      try decoder.finish()
    } catch {
      return nil
    }
  }
}

/// One message within the limit.
private func encode(_ write: (inout CBOREncoder) -> Void) -> [UInt8] {
  var buffer = [UInt8](repeating: 0, count: VirtualBusLimit.messageByteCount)
  var encoder = CBOREncoder(buffer.mutableSpan)
  write(&encoder)
  let byteCount = encoder.byteCount
  precondition(byteCount <= buffer.count, "message of the virtual bus beyond its limit")
  return Array(buffer[..<byteCount])
}

extension VirtualI2CBus {
  /// The reply to one message. Whatever the bytes are, there is a reply.
  public func reply(to message: [UInt8], now: Int64) -> VirtualBusReply {
    do throws(VirtualBusRequest.Refusal) {
      let request = try VirtualBusRequest(decoding: message)
      return reply(to: request, now: now)
    } catch {
      return VirtualBusReply(status: error.status)
    }
  }

  private func reply(to request: VirtualBusRequest, now: Int64) -> VirtualBusReply {
    do throws(BusError) {
      let bytes = try transfer(
        address: request.address, bytes: request.bytes, readCount: request.readCount, now: now)
      return VirtualBusReply(status: .done, bytes: bytes)
    } catch {
      return VirtualBusReply(status: VirtualBusStatus(error))
    }
  }
}
