import CLinux
import Foundation
import LinuxPlatform
import Spool
import Testing

@Test func aNewStorageIsAllZerosOfTheSizeThatWasAsked() throws {
  let folder = try TemporaryFolder()
  var storage = try FileStorage.create(
    at: folder.path("spool"), byteCount: 10_000, mode: 0o640)
  #expect(storage.byteCount == 10_000)
  var bytes = [UInt8](repeating: 1, count: 10_000)
  var span = bytes.mutableSpan
  try storage.read(into: &span, at: 0)
  #expect(bytes.allSatisfy { $0 == 0 })
  #expect(try folder.names == ["spool"])
}

@Test func allBlocksOfANewStorageAreAllocated() throws {
  let folder = try TemporaryFolder()
  _ = try FileStorage.create(at: folder.path("spool"), byteCount: 1 << 20, mode: 0o600)
  var status = stat()
  #expect(stat(folder.url.appending(path: "spool").path, &status) == 0)
  #expect(Int(status.st_blocks) * 512 >= 1 << 20)
  #expect(status.st_mode & 0o777 == 0o600)
}

@Test func whatWasWrittenIsReadAgainAfterOpening() throws {
  let folder = try TemporaryFolder()
  let written = (0..<5000).map { UInt8(truncatingIfNeeded: $0 * 7) }
  do {
    var storage = try FileStorage.create(
      at: folder.path("spool"), byteCount: 8192, mode: 0o600)
    try storage.write(written.span, at: 3000)
    try storage.synchronize()
  }
  var storage = try FileStorage.open(at: folder.path("spool"), access: .readOnly)
  var read = [UInt8](repeating: 0, count: 5000)
  var span = read.mutableSpan
  try storage.read(into: &span, at: 3000)
  #expect(read == written)
}

@Test func nothingOutsideTheStorageIsReadOrWritten() throws {
  let folder = try TemporaryFolder()
  var storage = try FileStorage.create(at: folder.path("spool"), byteCount: 100, mode: 0o600)
  for offset: UInt64 in [91, 100, 101, .max, .max - 5, UInt64(Int64.max)] {
    var bytes = [UInt8](repeating: 0, count: 10)
    #expect(throws: StorageError.outOfBounds) {
      var span = bytes.mutableSpan
      try storage.read(into: &span, at: offset)
    }
    #expect(throws: StorageError.outOfBounds) { try storage.write(bytes.span, at: offset) }
  }
  try storage.write([1, 2, 3].span, at: 97)
}

@Test func aFileThatHasBecomeShorterIsOutOfBounds() throws {
  let folder = try TemporaryFolder()
  var storage = try FileStorage.create(at: folder.path("spool"), byteCount: 100, mode: 0o600)
  #expect(truncate(folder.url.appending(path: "spool").path, 50) == 0)
  var bytes = [UInt8](repeating: 0, count: 10)
  #expect(throws: StorageError.outOfBounds) {
    var span = bytes.mutableSpan
    try storage.read(into: &span, at: 45)
  }
}

@Test func aReadOnlyStorageIsNotWritten() throws {
  let folder = try TemporaryFolder()
  _ = try FileStorage.create(at: folder.path("spool"), byteCount: 100, mode: 0o600)
  var storage = try FileStorage.open(at: folder.path("spool"), access: .readOnly)
  #expect(throws: StorageError.readOnly) { try storage.write([1].span, at: 0) }
  #expect(throws: StorageError.readOnly) { try storage.synchronize() }
}

@Test func thereIsOnlyOneWriter() throws {
  let folder = try TemporaryFolder()
  let path = folder.path("spool")
  do {
    let first = try FileStorage.create(at: path, byteCount: 100, mode: 0o600)
    #expect(throws: FileStorage.Failure.locked) {
      _ = try FileStorage.open(at: path, access: .readWrite)
    }
    // Readers are not kept out.
    #expect(try FileStorage.open(at: path, access: .readOnly).byteCount == first.byteCount)
  }
  #expect(try FileStorage.open(at: path, access: .readWrite).byteCount == 100)
}

@Test func anExistingStorageIsNeverMadeAnew() throws {
  let folder = try TemporaryFolder()
  let path = folder.path("spool")
  do {
    var storage = try FileStorage.create(at: path, byteCount: 100, mode: 0o600)
    try storage.write([1, 2, 3].span, at: 0)
  }
  #expect(throws: FileStorage.Failure.alreadyExists) {
    _ = try FileStorage.create(at: path, byteCount: 200, mode: 0o600)
  }
  #expect(try folder.contents("spool").prefix(4) == [1, 2, 3, 0])
  #expect(try folder.names == ["spool"])
}

@Test func whatAnInterruptedMakerLeftIsNotInTheWay() throws {
  let folder = try TemporaryFolder()
  try Data(repeating: 7, count: 500).write(to: folder.url.appending(path: "spool.new"))
  _ = try FileStorage.create(at: folder.path("spool"), byteCount: 100, mode: 0o600)
  #expect(try folder.contents("spool") == [UInt8](repeating: 0, count: 100))
}

@Test func twoMakersAreKeptApart() throws {
  let folder = try TemporaryFolder()
  // Another maker at work: it holds the lock on the new file.
  let descriptor = open(
    folder.url.appending(path: "spool.new").path, O_CREAT | O_RDWR, 0o600)
  #expect(flock(descriptor, LOCK_EX) == 0)
  #expect(throws: FileStorage.Failure.locked) {
    _ = try FileStorage.create(at: folder.path("spool"), byteCount: 100, mode: 0o600)
  }
  #expect(try folder.names == ["spool.new"])
  close(descriptor)
}

@Test func openingNamesWhatIsWrong() throws {
  let folder = try TemporaryFolder()
  #expect(throws: FileStorage.Failure.notFound) {
    _ = try FileStorage.open(at: folder.path("spool"), access: .readOnly)
  }
  #expect(throws: FileStorage.Failure.notAFile) {
    _ = try FileStorage.open(at: FixedPath("/dev/full"), access: .readWrite)
  }
  #expect(throws: FileStorage.Failure.notFound) {
    _ = try FileStorage.create(at: folder.path("none/spool"), byteCount: 1, mode: 0o600)
  }
}

/// /dev/shm is a tmpfs: it refuses at once what is larger than all of it.
@Test func aDiskThatIsTooSmallIsKnownWhenTheStorageIsMade() throws {
  var status = statvfs()
  try #require(statvfs("/dev/shm", &status) == 0)
  let tooMuch = (UInt64(status.f_blocks) + 1) * UInt64(status.f_frsize) + 4096
  let name = "/dev/shm/cairn-\(UUID().uuidString)"
  #expect(throws: FileStorage.Failure.noSpace) {
    _ = try FileStorage.create(at: fixedPath(name), byteCount: tooMuch, mode: 0o600)
  }
  #expect(!FileManager.default.fileExists(atPath: name))
  #expect(!FileManager.default.fileExists(atPath: name + ".new"))
}

/// In a process of its own: the limit would hold for all other tests too.
@Test func aProcessThatMayNotWriteSoMuchIsToldSoBeforeAnythingIsPromised() async {
  await #expect(processExitsWith: .success) {
    signal(SIGXFSZ, SIG_IGN)
    var limit = rlimit(rlim_cur: 65536, rlim_max: 65536)
    guard setrlimit(__rlimit_resource_t(1), &limit) == 0 else { exit(2) }
    let folder = try TemporaryFolder()
    do throws(FileStorage.Failure) {
      _ = try FileStorage.create(at: folder.path("spool"), byteCount: 100_000, mode: 0o600)
      exit(3)
    } catch {
      guard error == .noSpace else { exit(4) }
    }
    guard try folder.names.isEmpty else { exit(5) }
    _ = try FileStorage.create(at: folder.path("spool"), byteCount: 60_000, mode: 0o600)
  }
}

@Test func aWriteThatFindsNoSpaceSaysSo() async {
  await #expect(processExitsWith: .success) {
    signal(SIGXFSZ, SIG_IGN)
    let folder = try TemporaryFolder()
    var storage = try FileStorage.create(
      at: folder.path("spool"), byteCount: 8192, mode: 0o600)
    var limit = rlimit(rlim_cur: 4096, rlim_max: 4096)
    guard setrlimit(__rlimit_resource_t(1), &limit) == 0 else { exit(2) }
    do throws(StorageError) {
      // The first part fits, the rest does not: a partial write is followed up until the reason shows.
      try storage.write([UInt8](repeating: 1, count: 200).span, at: 4000)
      exit(3)
    } catch {
      guard error == .noSpace else { exit(4) }
    }
  }
}
