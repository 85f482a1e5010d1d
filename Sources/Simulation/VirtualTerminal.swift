import CLinux
import Foundation
import LinuxPlatform

/// A pseudo-terminal with its line under a path of the caller's, as a udev rule would give a real one: what stands
/// in for a device speaks at this end, and a program opens the path.
///
/// Like a UART it does not wait for anybody: what the other side has no room for is lost. When it goes, the other
/// side sees an unplugged device, and the path is removed.
public struct VirtualTerminal: ~Copyable {
  public enum Failure: Error, Equatable {
    /// Something is at the path already.
    case pathInUse
    /// No pseudo-terminal could be made.
    case system(errno: Int32)
  }

  /// Where the line is, as it was asked for.
  public let path: String
  private let devicePath: String
  private let master: FileDescriptor
  /// Kept open, so that the line keeps its settings while nobody else has it open.
  private let slave: FileDescriptor

  public init(path: String, baudRate: UInt32 = 115_200) throws {
    var name = [UInt8](repeating: 0, count: 64)
    let master = FileDescriptor(
      owning: try Self.checked(
        name.withUnsafeMutableBufferPointer { buffer in
          buffer.baseAddress.map { cairn_terminal_new_pair($0, Int64(buffer.count)) } ?? -EINVAL
        }))
    let slave = FileDescriptor(
      owning: try Self.checked(
        name.withUnsafeBufferPointer { buffer in
          buffer.baseAddress.map { cairn_file_open($0, Int32(CAIRN_OPEN_READ_WRITE), 0) } ?? -EINVAL
        }))
    _ = try Self.checked(cairn_terminal_configure(slave.number, baudRate))
    let devicePath = String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
    try Self.link(path, to: devicePath)
    self.path = path
    self.devicePath = devicePath
    self.master = master
    self.slave = slave
  }

  deinit {
    // Only our own link: another may have taken the path since.
    guard Self.target(of: path) == devicePath else { return }
    _ = path.withCString { unlink($0) }
  }

  /// For poll: readable when the other side has written.
  public var pollDescriptor: Int32 { master.number }

  /// A reader that was killed leaves the mark of its exclusive use on a pseudo-terminal, and it would keep the next
  /// one out. A real line loses it with the last close.
  public func forgetExclusiveUse() throws {
    _ = try Self.checked(cairn_terminal_set_exclusive(slave.number, 0))
  }

  /// Sends what the line takes now, and says how many bytes it did not take.
  public func send(_ bytes: [UInt8]) throws -> Int {
    guard !bytes.isEmpty else { return 0 }
    let written = bytes.withUnsafeBufferPointer {
      cairn_file_write(master.number, $0.baseAddress, Int64($0.count))
    }
    guard written != Int64(-EAGAIN) else { return bytes.count }
    return bytes.count - Int(try Self.checked(written))
  }

  /// What the other side has written by now: at most what a line holds, so that it ends.
  public func receive() throws -> [UInt8] {
    var received: [UInt8] = []
    var bytes = [UInt8](repeating: 0, count: 4096)
    for _ in 0..<16 {
      let count = bytes.withUnsafeMutableBufferPointer {
        cairn_file_read(master.number, $0.baseAddress, Int64($0.count))
      }
      if count == 0 || count == Int64(-EAGAIN) { break }
      received += bytes.prefix(Int(try Self.checked(count)))
    }
    return received
  }

  /// A link whose end is gone was left by a program that was killed.
  private static func link(_ path: String, to devicePath: String) throws {
    if let target = target(of: path) {
      guard !FileManager.default.fileExists(atPath: target) else { throw Failure.pathInUse }
      try FileManager.default.removeItem(atPath: path)
    }
    guard symlink(devicePath, path) == 0 else {
      throw errno == EEXIST ? Failure.pathInUse : Failure.system(errno: errno)
    }
  }

  /// Nil when the path is not a symbolic link.
  private static func target(of path: String) -> String? {
    do { return try FileManager.default.destinationOfSymbolicLink(atPath: path) } catch {
      return nil
    }
  }

  private static func checked<Count: FixedWidthInteger>(_ result: Count) throws -> Count {
    guard result >= 0 else { throw Failure.system(errno: Int32(truncatingIfNeeded: 0 - result)) }
    return result
  }
}
