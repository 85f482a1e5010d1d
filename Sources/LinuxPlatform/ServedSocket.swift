import CLinux
import FixedMemory

extension UnixConnection {
  /// Connects to a socket that a program of the user of this name serves, or one of this program's own user, or root's.
  /// `system(EACCES)` when somebody else does: what comes from there counts for nothing.
  public init(connectingTo path: FixedPath, servedBy name: StaticString) throws(SocketFailure) {
    let connection = try UnixConnection(connectingTo: path)
    let servers = BusServers(named: userID(named: name), own: effectiveUserID)
    let server = try connection.peer().userID
    guard server == 0 || servers.include(server) else { throw .system(errno: EACCES) }
    self = connection
  }
}
