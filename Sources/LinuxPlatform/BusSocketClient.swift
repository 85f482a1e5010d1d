import Buses
import CBOR
import CLinux
import FixedMemory

/// The client's end of a bus that another process serves over SOCK_SEQPACKET: a request, its reply
/// (docs/simulation.md, docs/usb.md).
///
/// Invariant: a reply never answers another request than its own. After a reply that is late, garbled
/// or too long the connection is given up, and the next request connects anew.
struct BusSocketClient: ~Copyable {
  let path: FixedPath
  /// Which users may serve the bus; nil: whoever listens there.
  let servers: BusServers?
  private var connection: UnixConnection?
  /// False before the first request, and after a connection was given up.
  var isConnected: Bool { connection != nil }

  init(path: FixedPath, servers: BusServers? = nil) {
    self.path = path
    self.servers = servers
  }

  /// Sends the first `byteCount` bytes of `packet`, which the reply then replaces. Returns the status. With
  /// status 0 exactly `read.count` bytes came.
  mutating func exchange(
    _ packet: inout InlineArray<4096, UInt8>, byteCount: Int, into read: inout MutableSpan<UInt8>,
    patienceMilliseconds: Int64
  ) throws(BusError) -> Int32 {
    // Out of its place while it is used: only a connection that answered as it should goes back.
    var current = connection.take()
    if current == nil { current = try connect() }
    guard let open = current.take() else { throw .disconnected }
    let replyByteCount: Int
    do throws(SocketFailure) {
      try open.send(
        packet.span.extracting(0..<byteCount), timeoutMilliseconds: patienceMilliseconds)
      var span = packet.mutableSpan
      replyByteCount = try open.receive(into: &span, timeoutMilliseconds: patienceMilliseconds)
    } catch {
      throw Self.busError(error)
    }
    let status = try Self.decode(packet.span.extracting(0..<replyByteCount), into: &read)
    connection = consume open
    return status
  }

  private func connect() throws(BusError) -> UnixConnection {
    do throws(SocketFailure) {
      let connection = try UnixConnection(connectingTo: path)
      if let servers, !servers.include(try connection.peer().userID) {
        throw .system(errno: EACCES)
      }
      return connection
    } catch {
      throw Self.busError(error)
    }
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

/// The users that may serve a bus whose data counts as real.
struct BusServers: Sendable {
  /// Nil when this machine has no user of the name.
  let named: UInt32?
  let own: UInt32

  func include(_ user: UInt32) -> Bool { user == own || user == named }
}
