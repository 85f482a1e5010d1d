import CLinux
import FixedMemory
import Foundation
import Testing

@testable import LinuxPlatform

@Suite struct FolderNamesTests {
  private func names(_ folder: FixedPath) throws(SystemError) -> [String] {
    var names = FolderNames(of: folder)
    var found: [String] = []
    while try names.next() { found.append(string(names.span)) }
    return found
  }

  @Test func everyNameComesOnceInTheOrderOfItsBytes() throws {
    let folder = try TemporaryFolder()
    let longest = String(repeating: "n", count: FolderNames.maximumNameByteCount)
    let made = ["b", "a", "Z", ".hidden", "äöü", "a b", longest]
    for name in made { try Data().write(to: folder.url.appending(path: name)) }
    let sorted = (made + [".", ".."]).sorted { Array($0.utf8).lexicographicallyPrecedes($1.utf8) }
    #expect(try names(fixedPath(folder.url.path)) == sorted)
  }

  @Test func aFolderThatIsNoneIsAFailure() throws {
    let folder = try TemporaryFolder()
    #expect(throws: SystemError(errno: ENOENT)) { try names(folder.path("none")) }
    try Data().write(to: folder.url.appending(path: "file"))
    #expect(throws: SystemError(errno: ENOTDIR)) { try names(folder.path("file")) }
  }
}
