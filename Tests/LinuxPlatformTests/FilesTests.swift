import CLinux
import FixedMemory
import Foundation
import LinuxPlatform
import Testing

private func replace(_ path: FixedPath, with bytes: [UInt8]) throws(FileFailure) {
  try atomicReplace(path, with: bytes.span, mode: 0o600)
}

@Test func replacingPutsAllOfTheNewContentUnderTheName() throws {
  let folder = try TemporaryFolder()
  try atomicReplace(folder.path("cursor"), with: [1, 2, 3].span, mode: 0o640)
  try atomicReplace(folder.path("cursor"), with: [4, 5].span, mode: 0o600)
  #expect(try folder.contents("cursor") == [4, 5])
  #expect(try folder.names == ["cursor"])
  var status = stat()
  #expect(stat(folder.url.appending(path: "cursor").path, &status) == 0)
  #expect(status.st_mode & 0o777 == 0o600)
}

@Test(.enabled(if: geteuid() == 0, "only root can give a file away"))
func whatRootWritesInAnothersFolderCanBeThatOnes() throws {
  let folder = try TemporaryFolder()
  #expect(chown(folder.url.path, 61_234, 61_235) == 0)
  try atomicReplace(folder.path("theirs"), with: [1].span, mode: 0o660, goesToFolder: true)
  try atomicReplace(folder.path("ours"), with: [1].span, mode: 0o660)
  var (theirs, ours) = (stat(), stat())
  #expect(stat(folder.url.appending(path: "theirs").path, &theirs) == 0)
  #expect(stat(folder.url.appending(path: "ours").path, &ours) == 0)
  #expect(theirs.st_uid == 61_234 && theirs.st_gid == 61_235 && ours.st_uid == 0)
}

@Test func aLinkWhereTheNewFileGoesIsNotFollowed() throws {
  let folder = try TemporaryFolder()
  try Data([9]).write(to: folder.url.appending(path: "elsewhere"))
  try FileManager.default.createSymbolicLink(
    at: folder.url.appending(path: "cursor.new"),
    withDestinationURL: folder.url.appending(path: "elsewhere"))
  try atomicReplace(folder.path("cursor"), with: [1].span, mode: 0o600)
  #expect(try folder.contents("elsewhere") == [9])
  #expect(try folder.contents("cursor") == [1])
}

@Test func aReplacementThatFailsLeavesTheOldFile() async {
  await #expect(processExitsWith: .success) {
    signal(SIGXFSZ, SIG_IGN)
    let folder = try TemporaryFolder()
    try atomicReplace(folder.path("cursor"), with: [1].span, mode: 0o600)
    var limit = rlimit(rlim_cur: 100, rlim_max: 100)
    guard setrlimit(__rlimit_resource_t(1), &limit) == 0 else { exit(2) }
    do throws(FileFailure) {
      try replace(folder.path("cursor"), with: [UInt8](repeating: 2, count: 200))
      exit(3)
    } catch {
      guard error == .noSpace else { exit(4) }
    }
    guard try folder.contents("cursor") == [1], try folder.names == ["cursor"] else { exit(5) }
  }
}

@Test(arguments: [0, 1, 9, 10])
func aFileThatFitsIsReadWhole(byteCount: Int) throws {
  let folder = try TemporaryFolder()
  let content = (0..<byteCount).map { UInt8($0) }
  try Data(content).write(to: folder.url.appending(path: "file"))
  var bytes = [UInt8](repeating: 0xff, count: 10)
  var span = bytes.mutableSpan
  let count = try readFile(folder.path("file"), into: &span)
  #expect(count == byteCount)
  #expect(Array(bytes.prefix(byteCount)) == content)
}

@Test func aFileThatDoesNotFitIsRefused() throws {
  let folder = try TemporaryFolder()
  try Data(count: 11).write(to: folder.url.appending(path: "file"))
  var bytes = [UInt8](repeating: 0, count: 10)
  #expect(throws: FileFailure.tooLong) {
    var span = bytes.mutableSpan
    _ = try readFile(folder.path("file"), into: &span)
  }
}

@Test func whatIsNotAFileIsRefusedWithoutWaiting() throws {
  let folder = try TemporaryFolder()
  #expect(mkfifo(folder.url.appending(path: "pipe").path, 0o600) == 0)
  var bytes = [UInt8](repeating: 0, count: 10)
  for name in ["pipe", "."] {
    #expect(throws: FileFailure.notAFile) {
      var span = bytes.mutableSpan
      _ = try readFile(folder.path(name), into: &span)
    }
  }
  #expect(throws: FileFailure.notFound) {
    var span = bytes.mutableSpan
    _ = try readFile(folder.path("none"), into: &span)
  }
}

@Test func pathsHaveBounds() throws {
  for text in ["", "a\0b", String(repeating: "a", count: 256)] {
    let path = FixedPath(Array(text.utf8).span)
    #expect(path == nil)
  }
  let longest = fixedPath(String(repeating: "a", count: 255))
  let longer = [longest.appending(suffix: "b"), longest.appending(name: "b" as StaticString)]
  #expect(longer.allSatisfy { $0 == nil })
  let path = try #require(
    FixedPath("/run/cairn").appending(name: "agent.sock") as FixedPath?)
  #expect(text(of: path) == "/run/cairn/agent.sock")
  #expect(FixedPath("/").appending(name: "a").map(text) == "/a")
}

@Test(arguments: [
  ("a", "."), ("/a", "/"), ("a/b", "a"), ("/a/b", "/a"), ("/a//b", "/a"), ("//b", "/"), ("a/", "a"),
])
func theDirectoryIsWhatStandsBeforeTheLastName(path: String, directory: String) {
  #expect(text(of: fixedPath(path).directory) == directory)
}

@Test func argumentsAreThoseOfTheProcess() throws {
  let arguments = try ProgramArguments()
  var given: [String] = []
  for index in 0..<arguments.count { given.append(string(arguments[index])) }
  #expect(given == CommandLine.arguments)
}

@Test func clocksAgreeWithThoseOfFoundation() throws {
  let clock = SystemClock()
  let before = Int64(Date().timeIntervalSince1970 * 1000)
  let utc = clock.utcMilliseconds()
  let after = Int64(Date().timeIntervalSince1970 * 1000)
  #expect(utc >= before - 1 && utc <= after + 1)
  let first = clock.bootMilliseconds()
  SystemDelay().sleep(milliseconds: 3)
  #expect(clock.bootMilliseconds() >= first + 3)
}

@Test func theStateOfTheClockIsTold() throws {
  do throws(SystemError) {
    let state = try SystemClock().synchronisation()
    #expect(state.maximumErrorMilliseconds >= 0 && state.estimatedErrorMilliseconds >= 0)
    // adjtimex(2): at 16 s the kernel itself calls the clock unsynchronised.
    if state.isSynchronised { #expect(state.maximumErrorMilliseconds <= 16_000) }
  } catch {
    #expect(error == SystemError(errno: EPERM))
  }
}

@Test func aClosedDescriptorIsFree() throws {
  let number = open("/dev/null", O_RDONLY)
  let descriptor = FileDescriptor(owning: number)
  try descriptor.close()
  #expect(fcntl(number, F_GETFD) == -1 || number != fcntl(number, F_GETFD))
}

@Suite struct UserNumberTests {
  private func number(_ passwd: String, _ name: StaticString = "cairn-usb") throws -> UInt32? {
    let folder = try TemporaryFolder()
    try Data(passwd.utf8).write(to: folder.url.appending(path: "passwd"))
    return userID(named: name, in: folder.path("passwd"))
  }

  @Test func aUsersNumberIsThatOfItsLine() throws {
    let usual = "root:x:0:0:root:/root:/bin/bash\ncairn-usb:x:987:986:Cairn:/:/usr/sbin/nologin\n"
    #expect(try number(usual) == 987)
    #expect(try number(usual, "root") == 0)
    #expect(try number("cairn-usb:x:4294967294:1::/:") == 4_294_967_294)
    let many = (0..<500).map { "user\($0):x:\($0):1:somebody:/:/bin/sh\n" }.joined()
    #expect(try number(many + "cairn-usb:x:5:5:::\n" + many) == 5)
  }

  @Test(arguments: [
    "", "cairn-usb", "cairn-usb:x", "cairn-usb:x:", "cairn-usb:x::1\n", "cairn-usb:x:-1:1\n",
    "cairn-usb:x:4294967296:1\n", "cairn-usb:x:1a:1\n", "cairn-usb2:x:1:1\n", "cairn-us:x:1:1\n",
    "xcairn-usb:x:1:1\n", "x:cairn-usb:1:1\n", "\ncairn-usbx:x:1\n:x:2:\n",
  ])
  func whatIsNoLineOfTheUserIsNobody(passwd: String) throws {
    #expect(try number(passwd) == nil)
  }

  @Test func withoutTheFileThereIsNobody() {
    #expect(userID(named: "cairn-usb", in: FixedPath("/nonexistent/passwd")) == nil)
  }
}
