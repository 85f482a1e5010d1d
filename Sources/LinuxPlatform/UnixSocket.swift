import CLinux
import FixedMemory

/// What can go wrong on a socket between our own programs.
public enum SocketFailure: Error, Equatable {
  /// A socket's path has at most 107 bytes (unix(7)): choose a shorter --run directory.
  case pathTooLong
  /// No socket is there, or nobody listens on it.
  case nobodyListens
  /// Somebody else listens on this path, or something there is not a socket.
  case pathInUse
  case timedOut
  /// The other end has gone.
  case closed
  /// The packet does not fit the buffer, or the kernel's bound; it is lost.
  case messageTooLong
  /// The kernel's own reason.
  case system(errno: Int32)

  init(_ error: SystemError) {
    switch error.errno {
    case ENAMETOOLONG: self = .pathTooLong
    case ENOENT, ECONNREFUSED: self = .nobodyListens
    case EADDRINUSE: self = .pathInUse
    case EPIPE, ECONNRESET, ENOTCONN: self = .closed
    case EMSGSIZE: self = .messageTooLong
    case EAGAIN: self = .timedOut
    default: self = .system(errno: error.errno)
    }
  }
}

/// Who is at the other end, as the kernel saw it when the connection was made (SO_PEERCRED).
public struct PeerCredentials: Sendable, Equatable {
  public let processID: UInt32
  public let userID: UInt32
  public let groupID: UInt32
}

/// A connected SOCK_SEQPACKET socket: packets arrive whole and in order, or not at all.
public struct UnixConnection: ~Copyable {
  private let descriptor: FileDescriptor

  /// Takes over a connected socket.
  init(owning descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

  /// Connects without waiting: a listener whose queue is full counts as `timedOut`.
  public init(connectingTo path: FixedPath) throws(SocketFailure) {
    do throws(SystemError) {
      descriptor = try Self.connected(to: path)
    } catch {
      throw SocketFailure(error)
    }
  }

  private static func connected(to path: FixedPath) throws(SystemError) -> FileDescriptor {
    let descriptor = FileDescriptor(owning: try checked(cairn_socket_new()))
    let number = descriptor.number
    _ = try checked(unsafe path.withPointer { unsafe cairn_socket_connect(number, $0) })
    return descriptor
  }

  public var pollDescriptor: Int32 { descriptor.number }

  public func peer() throws(SocketFailure) -> PeerCredentials {
    var (process, user, group): (UInt32, UInt32, UInt32) = (0, 0, 0)
    do throws(SystemError) {
      _ = try checked(unsafe cairn_socket_peer(descriptor.number, &process, &user, &group))
    } catch {
      throw SocketFailure(error)
    }
    return PeerCredentials(processID: process, userID: user, groupID: group)
  }

  /// Sends one packet, which is not empty: an empty one cannot be told from the end.
  public func send(_ packet: Span<UInt8>, timeoutMilliseconds: Int64) throws(SocketFailure) {
    precondition(!packet.isEmpty, "an empty packet")
    var hasWaited = false
    do throws(SystemError) {
      while true {
        let result = unsafe packet.withUnsafeBufferPointer { buffer in
          unsafe cairn_socket_send(descriptor.number, buffer.baseAddress, Int64(buffer.count))
        }
        guard result == Int64(0 &- EAGAIN), !hasWaited else {
          _ = try checked(result)
          return
        }
        hasWaited = true
        _ = try waitFor(descriptor.number, writable: true, milliseconds: timeoutMilliseconds)
      }
    } catch {
      throw SocketFailure(error)
    }
  }

  /// Receives one packet and returns its size; waits for it at most so long. 0 ms does not wait.
  public func receive(into packet: inout MutableSpan<UInt8>, timeoutMilliseconds: Int64)
    throws(SocketFailure) -> Int
  {
    let byteCount: Int
    do throws(SystemError) {
      _ = try waitFor(descriptor.number, writable: false, milliseconds: timeoutMilliseconds)
      let result = unsafe packet.withUnsafeMutableBufferPointer { buffer in
        unsafe cairn_socket_receive(descriptor.number, buffer.baseAddress, Int64(buffer.count))
      }
      byteCount = try checked(result)
    } catch {
      throw SocketFailure(error)
    }
    guard byteCount > 0 else { throw .closed }
    guard byteCount <= packet.count else { throw .messageTooLong }
    return byteCount
  }
}

/// A listening SOCK_SEQPACKET socket; its path goes with it.
public struct UnixListener: ~Copyable {
  /// Our busiest socket is the agent's: uplink, console, doctor, a few `cairn status`.
  private static var backlog: Int32 { 16 }

  private let descriptor: FileDescriptor
  private let path: FixedPath

  /// Listens on `path`, which only `mode` may connect to (write permission, unix(7)). A socket that an
  /// ended program left there is removed, but only after a connection to it was refused.
  public init(at path: FixedPath, mode: UInt32) throws(SocketFailure) {
    self.path = path
    do throws(SystemError) {
      descriptor = try Self.listening(at: path, mode: mode)
    } catch {
      throw SocketFailure(error)
    }
  }

  private static func listening(at path: FixedPath, mode: UInt32) throws(SystemError)
    -> FileDescriptor
  {
    let descriptor = FileDescriptor(owning: try checked(cairn_socket_new()))
    let number = descriptor.number
    var bound = unsafe path.withPointer { unsafe cairn_socket_bind(number, $0) }
    if bound == 0 &- EADDRINUSE, try isStale(path) {
      removeFile(path)
      bound = unsafe path.withPointer { unsafe cairn_socket_bind(number, $0) }
    }
    _ = try checked(bound)
    // Nobody can connect before listen, so the mode is right from the first connection on.
    do throws(SystemError) {
      _ = try checked(unsafe path.withPointer { unsafe cairn_file_change_mode($0, mode) })
      _ = try checked(cairn_socket_listen(number, backlog))
    } catch {
      removeFile(path)
      throw error
    }
    return descriptor
  }

  deinit { removeFile(path) }

  public var pollDescriptor: Int32 { descriptor.number }

  /// The next client that waits, or nil.
  public func accept() throws(SocketFailure) -> UnixConnection? {
    let result = cairn_socket_accept(descriptor.number)
    // A client that has gone before it was accepted is no failure of ours.
    if result == 0 &- EAGAIN || result == 0 &- ECONNABORTED { return nil }
    do throws(SystemError) {
      return UnixConnection(owning: FileDescriptor(owning: try checked(result)))
    } catch {
      throw SocketFailure(error)
    }
  }

  private static func isStale(_ path: FixedPath) throws(SystemError) -> Bool {
    guard try checked(unsafe path.withPointer { unsafe cairn_socket_is_at($0) }) == 1 else {
      return false
    }
    let probe = FileDescriptor(owning: try checked(cairn_socket_new()))
    return unsafe path.withPointer { unsafe cairn_socket_connect(probe.number, $0) }
      == 0 &- ECONNREFUSED
  }
}
