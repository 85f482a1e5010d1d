import CLinux
import Foundation
import LinuxPlatform
import Testing

private func receive(_ connection: borrowing UnixConnection, wait: Int64 = 5000) throws -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: 64)
  var span = bytes.mutableSpan
  let count = try connection.receive(into: &span, timeoutMilliseconds: wait)
  return Array(bytes.prefix(count))
}

private struct Missing: Error {}

private func accepted(by listener: borrowing UnixListener) throws -> UnixConnection {
  guard let connection = try listener.accept() else { throw Missing() }
  return connection
}

private func slot(_ slot: Int?) throws -> Int { try #require(slot) }

@Test func packetsArriveWholeAndInOrder() throws {
  let folder = try TemporaryFolder()
  let listener = try UnixListener(at: folder.path("s"), mode: 0o600)
  let client = try UnixConnection(connectingTo: folder.path("s"))
  let server = try accepted(by: listener)
  try client.send([1, 2, 3].span, timeoutMilliseconds: 100)
  try client.send([4].span, timeoutMilliseconds: 100)
  #expect(try receive(server) == [1, 2, 3])
  try server.send([5, 6].span, timeoutMilliseconds: 100)
  #expect(try receive(server) == [4])
  #expect(try receive(client) == [5, 6])
}

@Test func thePeerIsWhoTheKernelSays() throws {
  let folder = try TemporaryFolder()
  let listener = try UnixListener(at: folder.path("s"), mode: 0o600)
  let client = try UnixConnection(connectingTo: folder.path("s"))
  let server = try accepted(by: listener)
  let expected = (UInt32(getpid()), UInt32(geteuid()), UInt32(getegid()))
  for peer in [try client.peer(), try server.peer()] {
    #expect((peer.processID, peer.userID, peer.groupID) == expected)
  }
}

@Test func nobodyWaitingIsNotAConnection() throws {
  let folder = try TemporaryFolder()
  let listener = try UnixListener(at: folder.path("s"), mode: 0o600)
  #expect(throws: Missing.self) { _ = try accepted(by: listener) }
}

@Test func aPacketThatIsTooLongIsAnErrorAndTheNextOneArrives() throws {
  let folder = try TemporaryFolder()
  let listener = try UnixListener(at: folder.path("s"), mode: 0o600)
  let client = try UnixConnection(connectingTo: folder.path("s"))
  let server = try accepted(by: listener)
  try client.send([UInt8](repeating: 1, count: 65).span, timeoutMilliseconds: 100)
  try client.send([2].span, timeoutMilliseconds: 100)
  #expect(throws: SocketFailure.messageTooLong) { _ = try receive(server) }
  #expect(try receive(server) == [2])
}

@Test func waitingForAPacketEnds() throws {
  let folder = try TemporaryFolder()
  let listener = try UnixListener(at: folder.path("s"), mode: 0o600)
  let client = try UnixConnection(connectingTo: folder.path("s"))
  #expect(throws: SocketFailure.timedOut) { _ = try receive(client, wait: 0) }
  #expect(throws: SocketFailure.timedOut) { _ = try receive(client, wait: 5) }
  // Nor does sending to somebody who does not read wait for ever.
  let server = try accepted(by: listener)
  #expect(throws: SocketFailure.timedOut) {
    for _ in 0..<100_000 { try client.send([1].span, timeoutMilliseconds: 1) }
  }
  _ = server.pollDescriptor
}

@Test func theEndOfTheOtherSideIsTold() throws {
  let folder = try TemporaryFolder()
  let listener = try UnixListener(at: folder.path("s"), mode: 0o600)
  let client = try UnixConnection(connectingTo: folder.path("s"))
  do {
    let server = try accepted(by: listener)
    try server.send([7].span, timeoutMilliseconds: 100)
  }
  #expect(try receive(client) == [7])
  #expect(throws: SocketFailure.closed) { _ = try receive(client) }
  #expect(throws: SocketFailure.closed) { try client.send([1].span, timeoutMilliseconds: 100) }
}

@Test func aPathThatIsTooLongIsNamed() throws {
  let path = fixedPath("/tmp/" + String(repeating: "a", count: 103))
  #expect(throws: SocketFailure.pathTooLong) { _ = try UnixListener(at: path, mode: 0o600) }
  #expect(throws: SocketFailure.pathTooLong) { _ = try UnixConnection(connectingTo: path) }
}

@Test func nobodyListensWhereThereIsNoSocket() throws {
  let folder = try TemporaryFolder()
  #expect(throws: SocketFailure.nobodyListens) {
    _ = try UnixConnection(connectingTo: folder.path("s"))
  }
  try Data().write(to: folder.url.appending(path: "file"))
  #expect(throws: SocketFailure.nobodyListens) {
    _ = try UnixConnection(connectingTo: folder.path("file"))
  }
}

@Test func aSocketThatSomebodyAnswersIsNotTaken() throws {
  let folder = try TemporaryFolder()
  let listener = try UnixListener(at: folder.path("s"), mode: 0o600)
  #expect(throws: SocketFailure.pathInUse) {
    _ = try UnixListener(at: folder.path("s"), mode: 0o600)
  }
  _ = try UnixConnection(connectingTo: folder.path("s"))
  _ = listener.pollDescriptor
}

@Test func aFileIsNeverRemovedForASocket() throws {
  let folder = try TemporaryFolder()
  try Data([1]).write(to: folder.url.appending(path: "s"))
  #expect(throws: SocketFailure.pathInUse) {
    _ = try UnixListener(at: folder.path("s"), mode: 0o600)
  }
  #expect(try folder.contents("s") == [1])
}

@Test func whatAKilledProgramLeftIsReplacedAndTheRestIsRemovedAtTheEnd() throws {
  let folder = try TemporaryFolder()
  let stale = cairn_socket_new()
  let name = folder.url.appending(path: "s").path
  #expect(
    Array(name.utf8CString.map { UInt8(bitPattern: $0) }).withUnsafeBufferPointer {
      $0.baseAddress.map { cairn_socket_bind(stale, $0) }
    } == 0)
  close(stale)
  #expect(try folder.names == ["s"])
  do {
    let listener = try UnixListener(at: folder.path("s"), mode: 0o620)
    _ = try UnixConnection(connectingTo: folder.path("s"))
    var status = stat()
    #expect(stat(name, &status) == 0)
    #expect(status.st_mode & 0o777 == 0o620)
    _ = listener.pollDescriptor
  }
  #expect(try folder.names.isEmpty)
}

@Test func pollingTellsWhichDescriptorHasSomething() throws {
  let folder = try TemporaryFolder()
  let listener = try UnixListener(at: folder.path("s"), mode: 0o600)
  let client = try UnixConnection(connectingTo: folder.path("s"))
  var poller = Poller()
  let listening = try slot(poller.watch(listener.pollDescriptor))
  let quiet = try slot(poller.watch(client.pollDescriptor))
  let writable = try slot(
    poller.watch(client.pollDescriptor, readable: false, writable: true))
  let count = try poller.wait(milliseconds: 5000)
  #expect(count == 2)
  let readable = [listening, quiet, writable].map { poller.isReadable($0) }
  #expect(readable == [true, false, false])
  let canWrite = [listening, quiet, writable].map { poller.isWritable($0) }
  #expect(canWrite == [false, false, true])
  do { _ = try accepted(by: listener) }
  poller.removeAll()
  let ended = try slot(poller.watch(client.pollDescriptor))
  let countAfterwards = try poller.wait(milliseconds: nil)
  #expect(countAfterwards == 1)
  let (hasEnded, isReadable) = (poller.hasEnded(ended), poller.isReadable(ended))
  #expect(hasEnded && isReadable)
}

@Test func pollingNothingEndsWithItsTime() throws {
  var poller = Poller()
  let counts = [try poller.wait(milliseconds: 1), try poller.wait(milliseconds: -7)]
  #expect(counts == [0, 0])
}

@Test func aFullPollerRefuses() throws {
  var poller = Poller()
  var slots: [Int?] = []
  for _ in 0...Poller.capacity { slots.append(poller.watch(0)) }
  #expect(slots == Array(0..<Poller.capacity) + [nil])
}

@Test func aSignalEndsTheLoopAndNotTheProgram() async {
  await #expect(processExitsWith: .success) {
    let signals = try TerminationSignals()
    guard try signals.next() == nil else { exit(2) }
    // To this thread: the others of a test process have not blocked it.
    pthread_kill(pthread_self(), SIGTERM)
    var poller = Poller()
    guard let slot = poller.watch(signals.pollDescriptor) else { exit(3) }
    guard try poller.wait(milliseconds: 5000) == 1, poller.isReadable(slot) else { exit(4) }
    guard try signals.next() == SIGTERM, try signals.next() == nil else { exit(5) }
  }
}

@Test func aReaderThatHasGoneDoesNotEndTheProgram() async {
  await #expect(processExitsWith: .success) {
    try ignoreBrokenPipes()
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { exit(2) }
    close(ends[0])
    dup2(ends[1], 1)
    do throws(SystemError) {
      try StandardStream.output.write("lost")
      exit(3)
    } catch {
      guard error.errno == EPIPE else { exit(4) }
    }
  }
}
