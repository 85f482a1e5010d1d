import CLinux

/// Which file something is (stat(2): device and inode). No other file has both numbers while this one is
/// open, so that a file that was replaced under its name can be told from the one that was opened.
public struct FileIdentity: Equatable, Sendable {
  private let device: UInt64
  private let inode: UInt64

  private init(_ kernel: cairn_file_identity) {
    device = kernel.device
    inode = kernel.inode
  }

  init(of file: borrowing FileDescriptor) throws(SystemError) {
    var kernel = cairn_file_identity()
    _ = try checked(unsafe cairn_file_identity(file.number, &kernel))
    self.init(kernel)
  }

  /// Of what the path leads to, links followed. Fails with `notFound` when nothing is there.
  public init(at path: FixedPath) throws(FileFailure) {
    var kernel = cairn_file_identity()
    do throws(SystemError) {
      _ = try checked(unsafe path.withPointer { unsafe cairn_file_identity_at($0, &kernel) })
    } catch {
      throw FileFailure(error)
    }
    self.init(kernel)
  }
}
