import CLinux
import Foundation
import LinuxPlatform

/// A satellite receiver at the end of a pseudo-terminal: plays a recording, epoch by epoch, for ever. Its line
/// stands under a path of the caller's, as a udev rule would give a real one.
///
/// Like a UART it does not wait for anybody: what the other side has no room for is lost. When the replay
/// goes, the other side sees an unplugged device, and the path is removed.
///
/// A recording's times start anew with it: whoever listens sees UTC jump back.
public struct GNSSReplay: ~Copyable {
  public enum Failure: Error, Equatable {
    /// The recording has no sentence with a time.
    case noEpochs
    /// Something is at the path already.
    case pathInUse
    /// No pseudo-terminal could be made.
    case system(errno: Int32)
  }

  public let recording: GNSSRecording
  /// Where the line is, as it was asked for.
  public let path: String
  /// Epochs played so far, and bytes that nobody took.
  public private(set) var playedEpochCount = 0
  public private(set) var lostByteCount = 0

  private let devicePath: String
  private let master: FileDescriptor
  /// Kept open, so that the line keeps its settings while nobody else has it open.
  private let slave: FileDescriptor

  public init(recording: GNSSRecording, path: String) throws {
    guard !recording.epochs.isEmpty else { throw Failure.noEpochs }
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
    _ = try Self.checked(cairn_terminal_configure(slave.number, 115_200))
    let devicePath = String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
    try Self.link(path, to: devicePath)
    self.recording = recording
    self.path = path
    self.devicePath = devicePath
    self.master = master
    self.slave = slave
  }

  deinit {
    // Only our own link: another replay may have taken the path since.
    guard Self.target(of: path) == devicePath else { return }
    _ = path.withCString { unlink($0) }
  }

  /// Sends the next epoch and returns how long after it the one that follows is due.
  public mutating func playEpoch() throws -> Int64 {
    // A reader that was killed leaves the mark of its exclusive use on a pseudo-terminal, and it would keep
    // the next one out. A real line loses it with the last close.
    _ = try Self.checked(cairn_terminal_set_exclusive(slave.number, 0))
    try discardReceived()
    let epochs = recording.epochs
    for line in epochs[playedEpochCount % epochs.count].lines { try send(line) }
    playedEpochCount += 1
    return epochs[playedEpochCount % epochs.count].millisecondsAfterPrevious
  }

  /// Plays until a signal comes; `speed` 2 plays twice as fast.
  public mutating func run(speed: Double, until signals: borrowing TerminationSignals) throws {
    precondition(speed > 0, "speed of a replay")
    let clock = SystemClock()
    var due = Double(clock.bootMilliseconds())
    while try signals.next() == nil {
      due += Double(try playEpoch()) / speed
      var poller = Poller()
      _ = poller.watch(signals.pollDescriptor)
      _ = try poller.wait(milliseconds: Int64(due) - clock.bootMilliseconds())
    }
  }

  private mutating func send(_ line: [UInt8]) throws {
    let written = line.withUnsafeBufferPointer {
      cairn_file_write(master.number, $0.baseAddress, Int64($0.count))
    }
    guard written != Int64(-EAGAIN) else {
      lostByteCount += line.count
      return
    }
    lostByteCount += line.count - Int(try Self.checked(written))
  }

  /// Receivers are sent settings; this one has none. At most what a line holds, so that it ends.
  private func discardReceived() throws {
    var bytes = [UInt8](repeating: 0, count: 4096)
    for _ in 0..<16 {
      let count = bytes.withUnsafeMutableBufferPointer {
        cairn_file_read(master.number, $0.baseAddress, Int64($0.count))
      }
      if count == 0 || count == Int64(-EAGAIN) { return }
      _ = try Self.checked(count)
    }
  }

  /// A link whose end is gone was left by a replay that was killed.
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
