import Buses
import CBOR
import CLinux
import FixedMemory

/// A bus whose chips are models in the simulator. Data from it is always flagged as simulated.
///
/// One SOCK_SEQPACKET connection for each device; a packet is one deterministic CBOR array:
///
///     request   [address, bytes to write, count to read, timeout in milliseconds]
///     reply     [status, bytes read]
///     status    0 done · 1 not acknowledged · 2 timed out · 3 arbitration lost · else the system's errno
///
/// Bytes to write, then a repeated start, then the bytes read; either may be missing, both too.
public struct VirtualBus: Sendable {
  /// A packet, request or reply, in either direction.
  public static var maximumPacketByteCount: Int { 4096 }
  /// Array head, status of 5 bytes at most, head of a byte string of 3: what is left for the bytes, and
  /// in a request address (2), count (3) and timeout (5) besides.
  public static var maximumTransferByteCount: Int { 4000 }

  public let path: FixedPath
  /// What the simulated bus itself allows a transfer.
  public let timeoutMilliseconds: UInt32
  /// How much longer we wait for the answer: the simulator may have to be scheduled first.
  public let marginMilliseconds: UInt32

  public init(
    path: FixedPath, timeoutMilliseconds: UInt32 = 100, marginMilliseconds: UInt32 = 2000
  ) {
    self.path = path
    self.timeoutMilliseconds = timeoutMilliseconds
    self.marginMilliseconds = marginMilliseconds
  }

  /// The chip at a 7-bit address. Connects at its first transfer, so it never fails here.
  public func device(at address: UInt8) -> VirtualI2CDevice {
    VirtualI2CDevice(bus: self, address: address)
  }
}

/// One modelled chip. When the simulator has gone its transfers fail with `disconnected`; the next one
/// connects anew.
///
/// Invariant: a reply never answers another request than its own. After a reply that is late, garbled
/// or too long the connection is given up.
public struct VirtualI2CDevice: I2CDevice, ~Copyable {
  public let bus: VirtualBus
  public let address: UInt8
  private var connection: UnixConnection?

  init(bus: VirtualBus, address: UInt8) {
    self.bus = bus
    self.address = address
  }

  public mutating func write(_ bytes: Span<UInt8>) throws(BusError) {
    var nothing = MutableSpan<UInt8>()
    try transfer(bytes, into: &nothing)
  }

  public mutating func read(into bytes: inout MutableSpan<UInt8>) throws(BusError) {
    guard !bytes.isEmpty else { return }
    try transfer(Span<UInt8>(), into: &bytes)
  }

  public mutating func writeRead(_ bytes: Span<UInt8>, into reply: inout MutableSpan<UInt8>)
    throws(BusError)
  {
    try transfer(bytes, into: &reply)
  }

  private mutating func transfer(_ written: Span<UInt8>, into read: inout MutableSpan<UInt8>)
    throws(BusError)
  {
    guard
      written.count <= VirtualBus.maximumTransferByteCount,
      read.count <= VirtualBus.maximumTransferByteCount
    else { throw .system(errno: EMSGSIZE) }
    // Out of its place while it is used: only a connection that answered as it should goes back.
    var current = connection.take()
    if current == nil { current = try connect() }
    guard let open = current.take() else { throw .disconnected }
    let status = try exchange(on: open, written, into: &read)
    connection = consume open
    switch status {
    case 0: return
    case 1: throw .notAcknowledged
    case 2: throw .timedOut
    case 3: throw .arbitrationLost
    default: throw .system(errno: status)
    }
  }

  private func connect() throws(BusError) -> UnixConnection {
    do throws(SocketFailure) {
      return try UnixConnection(connectingTo: bus.path)
    } catch {
      throw Self.busError(error)
    }
  }

  /// One request and its reply. Returns the status.
  private func exchange(
    on connection: borrowing UnixConnection, _ written: Span<UInt8>,
    into read: inout MutableSpan<UInt8>
  ) throws(BusError) -> Int32 {
    var packet = InlineArray<4096, UInt8>(repeating: 0)
    var encoder = CBOREncoder(packet.mutableSpan)
    encoder.arrayHead(count: 4)
    encoder.unsigned(UInt64(address))
    encoder.byteString(written)
    encoder.unsigned(UInt64(read.count))
    encoder.unsigned(UInt64(bus.timeoutMilliseconds))
    guard !encoder.overflowed else { throw .system(errno: EMSGSIZE) }
    let requestByteCount = encoder.byteCount
    let patience = Int64(bus.timeoutMilliseconds) + Int64(bus.marginMilliseconds)
    let replyByteCount: Int
    do throws(SocketFailure) {
      try connection.send(
        packet.span.extracting(0..<requestByteCount), timeoutMilliseconds: patience)
      var span = packet.mutableSpan
      replyByteCount = try connection.receive(into: &span, timeoutMilliseconds: patience)
    } catch {
      throw Self.busError(error)
    }
    return try Self.decode(packet.span.extracting(0..<replyByteCount), into: &read)
  }

  /// A reply that is not exactly as specified is EBADMSG: nothing in it is a reading.
  private static func decode(_ reply: Span<UInt8>, into read: inout MutableSpan<UInt8>)
    throws(BusError) -> Int32
  {
    do throws(CBORDecoder.Failure) {
      var decoder = CBORDecoder(reply)
      guard try decoder.arrayHead() == 2 else { throw .unexpectedType }
      guard let status = Int32(exactly: try decoder.unsigned()) else { throw .outOfRange }
      let bytes = try decoder.byteString()
      try decoder.finish()
      guard bytes.count == (status == 0 ? read.count : 0) else { throw .outOfRange }
      read.copy(bytes)
      return status
    } catch {
      throw .system(errno: EBADMSG)
    }
  }

  private static func busError(_ failure: SocketFailure) -> BusError {
    switch failure {
    case .nobodyListens, .closed: return .disconnected
    case .timedOut: return .timedOut
    case .messageTooLong: return .system(errno: EBADMSG)
    case .pathTooLong: return .system(errno: ENAMETOOLONG)
    case .pathInUse: return .system(errno: EADDRINUSE)
    case .system(let errno): return .system(errno: errno)
    }
  }
}
