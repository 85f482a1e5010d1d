import Buses
import CLinux
import Foundation
import LinuxPlatform
import Sensors
import Simulation
import Testing

private let recordings = ["quectel-l76k-nmea", "ublox-8", "ublox-neo-m9n-nmea"]

private func bytes(_ name: String) throws -> [UInt8] {
  let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Data/gnss")
  return [UInt8](try Data(contentsOf: folder.appending(path: name + ".log")))
}

private func linkPath() -> String {
  FileManager.default.temporaryDirectory.appending(path: "cairn-gnss-\(UUID().uuidString)").path
}

private func openPort(_ path: String) throws -> TerminalSerialPort {
  let path = try #require(FixedPath(Array(path.utf8).span) as FixedPath?)
  return try TerminalSerialPort(path: path, baudRate: .baud115200)
}

private func fixes(_ bytes: [UInt8], by receiver: inout GNSSReceiver) -> [GNSSFix] {
  var fixes: [GNSSFix] = []
  for byte in bytes {
    if let fix = receiver.receive(byte, atMilliseconds: 0) { fixes.append(fix) }
  }
  return fixes
}

/// Reads until so many bytes have come, or the line is quiet for 5 s.
private func receive(_ port: inout TerminalSerialPort, _ count: Int) throws -> [UInt8] {
  var received: [UInt8] = []
  while received.count < count {
    var poller = Poller()
    _ = poller.watch(port.pollDescriptor)
    guard try poller.wait(milliseconds: 5000) > 0 else { break }
    var bytes = [UInt8](repeating: 0, count: 300)
    var span = bytes.mutableSpan
    let read = try port.read(into: &span)
    received += bytes.prefix(read)
  }
  return received
}

@Test(arguments: recordings)
func fixesComeThroughTheLineAsTheyWereRecorded(name: String) throws {
  let recorded = try bytes(name)
  let recording = GNSSRecording(recorded)
  let path = linkPath()
  var replay = try GNSSReplay(recording: recording, path: path)
  var port = try openPort(path)
  var receiver = GNSSReceiver()
  var heard: [GNSSFix] = []
  for epoch in recording.epochs {
    _ = try replay.playEpoch()
    heard += fixes(try receive(&port, epoch.lines.map(\.count).reduce(0, +)), by: &receiver)
  }
  var direct = GNSSReceiver()
  let expected = fixes(recorded, by: &direct)
  #expect(heard == expected)
  #expect(heard.count >= 60)
  let lost = replay.lostByteCount
  #expect(lost == 0)
  let (counts, directCounts) = (receiver.counts, direct.counts)
  #expect(counts == directCounts)
}

@Test func epochsKeepTheirRecordedSpacing() throws {
  let slow = GNSSRecording(try bytes("ublox-8"))
  // 72 whole ones; the last line has no checksum, but its time begins another.
  #expect(slow.epochs.count == 73)
  #expect(slow.epochs.allSatisfy { $0.millisecondsAfterPrevious == 1000 })
  let fast = GNSSRecording(try bytes("quectel-l76k-nmea"))
  #expect(fast.epochs.count == 151)
  #expect(fast.epochs.dropFirst().allSatisfy { $0.millisecondsAfterPrevious == 200 })
}

@Test func everySentenceOfARecordingIsInOneEpoch() throws {
  for name in recordings {
    let recording = GNSSRecording(try bytes(name))
    let lines = recording.epochs.flatMap(\.lines)
    let dollars = try bytes(name).filter { $0 == UInt8(ascii: "$") }.count
    #expect(lines.count == dollars)
    #expect(lines.allSatisfy { $0.first == UInt8(ascii: "$") && $0.last == 0x0a })
  }
}

@Test func midnightIsNoPause() {
  let text =
    "$GPGGA,235959.50,,,,,0*00\r\n$GPGGA,000000.25,,,,,0*00\n$GPGGA,120000,,,,,0*00\n$GPGGA"
  let recording = GNSSRecording(Array(text.utf8))
  #expect(recording.epochs.map(\.millisecondsAfterPrevious) == [1000, 750, 1000])
}

@Test func aRecordingStartsAgainWhenItIsOver() throws {
  let text = "$GPGGA,120000,,,,,0*00\n$GPGGA,120001,,,,,0*00\n"
  let path = linkPath()
  var replay = try GNSSReplay(recording: GNSSRecording(Array(text.utf8)), path: path)
  var port = try openPort(path)
  for _ in 0..<4 { _ = try replay.playEpoch() }
  #expect(try receive(&port, 2 * text.utf8.count) == Array((text + text).utf8))
}

/// The test would not end otherwise.
@Test func aReplayNeverWaitsForAReader() throws {
  let path = linkPath()
  var replay = try GNSSReplay(recording: GNSSRecording(try bytes("ublox-8")), path: path)
  for _ in 0..<300 { _ = try replay.playEpoch() }
  let lost = replay.lostByteCount
  #expect(lost > 100_000)
  // Who comes late hears from then on, nothing of before.
  var port = try openPort(path)
  let text = try receive(&port, 0)
  #expect(text.isEmpty)
  _ = try replay.playEpoch()
  let first = try #require(replay.recording.epochs[300 % 73].lines.first)
  #expect(try receive(&port, first.count).prefix(first.count) == first[...])
}

@Test func whatTheReaderSendsIsNotInTheWay() throws {
  let path = linkPath()
  var replay = try GNSSReplay(recording: GNSSRecording(try bytes("ublox-8")), path: path)
  var port = try openPort(path)
  for _ in 0..<40 {
    try port.write([UInt8](repeating: 0x55, count: 1000).span)
    _ = try replay.playEpoch()
  }
}

@Test func theEndOfAReplayUnplugsItsLine() throws {
  let path = linkPath()
  var port: TerminalSerialPort
  do {
    var replay = try GNSSReplay(recording: GNSSRecording(try bytes("ublox-8")), path: path)
    port = try openPort(path)
    _ = try replay.playEpoch()
    #expect(try !receive(&port, 1).isEmpty)
  }
  #expect(throws: BusError.disconnected) {
    // What had arrived may still be read.
    for _ in 0..<1000 { _ = try receive(&port, 1) }
  }
  #expect(throws: BusError.disconnected) { _ = try openPort(path) }
  #expect(throws: (any Error).self) {
    _ = try FileManager.default.destinationOfSymbolicLink(atPath: path)
  }
}

@Test func aReaderThatWasKilledDoesNotKeepTheNextOneOut() throws {
  let path = linkPath()
  var replay = try GNSSReplay(recording: GNSSRecording(try bytes("ublox-8")), path: path)
  let killed = open(path, O_RDWR | O_NOCTTY)
  #expect(cairn_terminal_set_exclusive(killed, 1) == 0)
  close(killed)
  _ = try replay.playEpoch()
  var isExclusive: Int32 = -1
  let descriptor = open(path, O_RDWR | O_NOCTTY)
  #expect(ioctl(descriptor, UInt(0x8004_5440), &isExclusive) == 0)
  close(descriptor)
  #expect(isExclusive == 0)
}

@Test func nothingIsReplacedAtThePathButALinkWithoutAnEnd() throws {
  let recording = GNSSRecording(try bytes("ublox-8"))
  let path = linkPath()
  try Data([1]).write(to: URL(fileURLWithPath: path))
  #expect(throws: VirtualTerminal.Failure.pathInUse) {
    _ = try GNSSReplay(recording: recording, path: path)
  }
  try FileManager.default.removeItem(atPath: path)
  #expect(symlink("/dev/pts/none", path) == 0)
  do {
    let replay = try GNSSReplay(recording: recording, path: path)
    #expect(throws: VirtualTerminal.Failure.pathInUse) {
      _ = try GNSSReplay(recording: recording, path: path)
    }
    #expect(replay.path == path)
  }
  #expect(!FileManager.default.fileExists(atPath: path))
}

@Test func aRecordingWithoutTimesIsRefused() {
  let recording = GNSSRecording(Array("# nothing\n$GPTXT,01*00\n".utf8))
  #expect(throws: GNSSReplay.Failure.noEpochs) {
    _ = try GNSSReplay(recording: recording, path: linkPath())
  }
}

@Test func aSignalEndsAReplayAndItsPath() async {
  await #expect(processExitsWith: .success) {
    let signals = try TerminationSignals()
    let path = linkPath()
    pthread_kill(pthread_self(), SIGTERM)
    do {
      var replay = try GNSSReplay(recording: GNSSRecording(try bytes("ublox-8")), path: path)
      try replay.run(speed: 1, until: signals)
    }
    guard !FileManager.default.fileExists(atPath: path) else { exit(2) }
  }
}
