import CLinux
import FixedMemory
import Foundation
import Testing

@testable import LinuxPlatform

/// Folders in which something comes and goes.
@Suite struct FolderWatcherTests {
  private final class Folder {
    let path = "/tmp/cairn-watch-\(UInt32.random(in: 0 ... .max))"
    init() throws {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { do { try FileManager.default.removeItem(atPath: path) } catch {} }

    func make(_ path: String) throws {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    func fixed(_ name: String) throws -> FixedPath {
      let bytes = Array((path + name).utf8)
      let fixed = FixedPath(bytes.span)
      return try #require(fixed)
    }

    func write(_ name: String) {
      #expect(FileManager.default.createFile(atPath: path + name, contents: nil))
    }
    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: path + name) }
  }

  /// What can't be copied has no place in an expectation.
  private final class Watch {
    var watcher: FolderWatcher

    init() throws { watcher = try FolderWatcher() }

    func add(_ path: FixedPath) throws -> Bool { try watcher.add(path) }
    func takeChanges() throws -> Bool { try watcher.takeChanges() }

    var isReadable: Bool {
      get throws { try waitFor(watcher.pollDescriptor, writable: false, milliseconds: 0) }
    }
  }

  @Test func whatComesChangesItsModeIsRenamedOrGoesIsToldAndSilenceIsSilent() throws {
    let folder = try Folder()
    folder.write("/old")
    let watcher = try Watch()
    #expect(try watcher.add(folder.fixed("")))
    #expect(try !watcher.isReadable && !watcher.takeChanges())
    let changes: [() throws -> Void] = [
      { folder.write("/new") }, { #expect(chmod(folder.path + "/new", 0o600) == 0) },
      { #expect(rename(folder.path + "/new", folder.path + "/newer") == 0) },
      { try folder.remove("/newer") },
      { #expect(symlink("nowhere", folder.path + "/link") == 0) },
    ]
    for change in changes {
      try change()
      #expect(try watcher.isReadable)
      #expect(try watcher.takeChanges())
      #expect(try !watcher.isReadable && !watcher.takeChanges())
    }
  }

  @Test func aFolderThatIsMissingIsFollowedFromAboveAndWhenItGoesAndComesAgain() throws {
    let folder = try Folder()
    let watcher = try Watch()
    #expect(try watcher.add(folder.fixed("/a/b/c")))
    for _ in 0..<100 {
      for name in ["/a", "/a/b", "/a/b/c"] {
        try folder.make(folder.path + name)
        #expect(try watcher.takeChanges(), "\(name)")
      }
      folder.write("/a/b/c/device")
      #expect(try watcher.takeChanges())
      // From here on nobody has to look above it.
      folder.write("/other")
      #expect(try !watcher.takeChanges())
      try folder.remove("/other")
      try folder.remove("/a")
      #expect(try watcher.takeChanges())
    }
  }

  @Test func aFolderThatIsMadeAtOnceWithWhatIsInItIsFollowed() throws {
    let folder = try Folder()
    let watcher = try Watch()
    #expect(try watcher.add(folder.fixed("/a/b")))
    for _ in 0..<100 {
      try folder.make(folder.path + "/a/b")
      #expect(try watcher.takeChanges())
      folder.write("/a/b/device")
      #expect(try watcher.takeChanges())
      // Gone and made again between two looks.
      try folder.remove("/a")
      try folder.make(folder.path + "/a/b")
      #expect(try watcher.takeChanges())
      folder.write("/a/b/device")
      #expect(try watcher.takeChanges())
      try folder.remove("/a")
      #expect(try watcher.takeChanges())
    }
  }

  @Test func twoFoldersUnderOneAreToldApartAndOneWatchServesBoth() throws {
    let folder = try Folder()
    let watcher = try Watch()
    #expect(try watcher.add(folder.fixed("/a")))
    #expect(try watcher.add(folder.fixed("/b")))
    try folder.make(folder.path + "/a")
    #expect(try watcher.takeChanges())
    // The watch above serves the other one still.
    try folder.make(folder.path + "/b")
    #expect(try watcher.takeChanges())
    for name in ["/a/x", "/b/x"] {
      folder.write(name)
      #expect(try watcher.takeChanges())
    }
  }

  /// More than the kernel keeps: it says so, and that is a change like any other.
  @Test func anOverflowOfTheKernelsQueueIsAChangeAndWhatFollowsIsTold() throws {
    let folder = try Folder()
    let watcher = try Watch()
    #expect(try watcher.add(folder.fixed("")))
    let text = try String(contentsOfFile: "/proc/sys/fs/inotify/max_queued_events", encoding: .utf8)
    let capacity = try #require(Int(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    // A fresh name each time: events that are equal count once.
    for index in 0..<min(capacity, 100_000) / 2 + 10 {
      folder.write("/\(index % 2)")
      try folder.remove("/\(index % 2)")
    }
    var lookCount = 0
    while try watcher.takeChanges() { lookCount += 1 }
    #expect((1...1000).contains(lookCount))
    folder.write("/after")
    #expect(try watcher.takeChanges())
  }

  @Test func moreFoldersThanItHasRoomForAreRefusedAndTheSameOneCountsOnce() throws {
    let folder = try Folder()
    let watcher = try Watch()
    for index in 0..<FolderWatcher.folderCapacity {
      for _ in 0..<3 { #expect(try watcher.add(folder.fixed("/\(index)"))) }
    }
    #expect(try !watcher.add(folder.fixed("/one-too-many")))
  }
}
