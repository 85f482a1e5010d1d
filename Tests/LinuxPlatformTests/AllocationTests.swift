import CLinux
import Foundation
import Testing

/// musl's posix_fallocate leaves it to its caller where the file system has no such call.
@Test(arguments: [0, 1, 5000, 12_288])
func aFileThatIsAllocatedByWritingKeepsWhatItHeldAndHasABlockEverywhere(held: Int) throws {
  let folder = try TemporaryFolder()
  let path = folder.url.appending(path: "spool").path
  let content = Data((0..<held).map { UInt8($0 % 251) })
  #expect(FileManager.default.createFile(atPath: path, contents: content))
  let descriptor = open(path, O_RDWR)
  defer { close(descriptor) }
  // A hole in what it holds, of which no block is on the disk.
  #expect(ftruncate(descriptor, off_t(held + 20_000)) == 0)

  let count: UInt64 = 100_001
  #expect(cairn_file_allocate_by_writing(descriptor, count) == 0)

  var status = stat()
  #expect(fstat(descriptor, &status) == 0)
  #expect(status.st_size == 100_001)
  #expect(status.st_blocks * 512 >= 100_001)
  let now = try Data(contentsOf: URL(filePath: path))
  #expect(now.prefix(held) == content)
  #expect(now.dropFirst(held).allSatisfy { $0 == 0 })
}

@Test func allocatingByWritingShortensNoFile() throws {
  let folder = try TemporaryFolder()
  let path = folder.url.appending(path: "spool").path
  let content = Data(repeating: 7, count: 9000)
  #expect(FileManager.default.createFile(atPath: path, contents: content))
  let descriptor = open(path, O_RDWR)
  defer { close(descriptor) }
  #expect(cairn_file_allocate_by_writing(descriptor, 100) == 0)
  #expect(try Data(contentsOf: URL(filePath: path)) == content)
}

@Test func anErrorOfAllocatingByWritingIsTold() throws {
  let folder = try TemporaryFolder()
  let path = folder.url.appending(path: "spool").path
  #expect(FileManager.default.createFile(atPath: path, contents: nil))
  let descriptor = open(path, O_RDONLY)
  defer { close(descriptor) }
  #expect(cairn_file_allocate_by_writing(descriptor, 100) == -EBADF)
}
