import FixedMemory
import Foundation
import LinuxPlatform
import NodeFiles
import Records
import Signers
import TestSupport
import Testing

@testable import cairn

/// Clock, key, disk and permissions.
@Suite struct DoctorFileTests {
  // MARK: Clock

  @Test func aClockBeforeAFilesDateIsWrong() throws {
    let node = try DoctorNode()
    #expect(try node.run().state("clock.time") == "ok")
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: 40 * 86_400)],
      ofItemAtPath: node.node.path("agent/device.pub"))
    let rows = try node.run()
    #expect(rows.state("clock.time") == "failed")
    #expect(rows.reason("clock.time").contains("before the date of device.pub"))
  }

  @Test func aClockBeforeTheLogsLastLeafIsWrong() throws {
    let node = try DoctorNode()
    let now = Int64(Date().timeIntervalSince1970 * 1000)
    try node.node.write { log, key in
      try log.append(at: 5000) {
        LeafEncoding.clock(
          milliseconds: 5000, source: .networkTime, utcMilliseconds: now + 3 * 86_400_000,
          uncertaintyMilliseconds: 10, into: $0.mutableSpan)
      }
      _ = try log.seal(with: &key)
    }
    let rows = try node.run()
    #expect(rows.state("clock.time") == "failed")
    #expect(rows.reason("clock.time").contains("before the log's last leaf"))
  }

  // MARK: Key

  @Test func aMissingKeyIsTold() throws {
    let node = try DoctorNode()
    try node.remove("agent/agent.key")
    let rows = try node.run()
    #expect(rows.state("key.file") == "failed")
    #expect(rows.list.first { $0.id == "key.file" }?.remedy?.contains("key restore") == true)
  }

  @Test func aKeyThatOthersCanReadIsTold() throws {
    let node = try DoctorNode()
    #expect(try node.run().state("key.access") == "ok")
    try node.setMode(0o644, of: "agent/agent.key")
    let rows = try node.run()
    #expect(rows.state("key.access") == "failed")
    #expect(rows.reason("key.access").contains("mode 0644"))
    #expect(rows.state("key.content") == "not-checked")
  }

  @Test func aDamagedKeyIsTold() throws {
    let node = try DoctorNode()
    try node.write("agent/agent.key", "cairn-key 1\nalgorithm ed25519\nseed 00\n")
    try node.setMode(0o600, of: "agent/agent.key")
    #expect(try node.run().state("key.content") == "failed")
  }

  @Test func aKeyOnOtherHardwareIsTold() throws {
    let node = try DoctorNode()
    try node.write("serial", "10000000abcdef01\n")
    try node.writeProfile(board: node.node.path("serial"))
    let path = Array(node.node.path("agent/agent.key").utf8)
    try TestNode.key().restore(
      to: path.span, epoch: 0,
      hardware: HardwareIdentity(board: Array("10000000abcdef01".utf8).span, card: Span()))
    #expect(try node.run().state("key.hardware") == "ok")
    try node.write("serial", "10000000abcdef02\n")
    let rows = try node.run()
    #expect(rows.state("key.hardware") == "failed")
    #expect(rows.reason("key.hardware").contains("and this one is 10000000abcdef02"))
  }

  @Test func aKeyThatIsNotDevicePubsIsTold() throws {
    let node = try DoctorNode()
    try Data(repeating: 3, count: 32).write(to: URL(filePath: node.node.path("agent/device.pub")))
    #expect(try node.run().reason("key.content").contains("device.pub is another key's"))
  }

  // MARK: Disk

  @Test func aFullDiskIsTold() throws {
    // A file system of 64 KiB where one may be mounted; else one that has room for nothing at all.
    let node = try DoctorNode()
    let mounting = try Self.run(
      "/usr/bin/unshare", ["-r", "-m", "sh", "-c", Self.script(node, size: "64k")])
    let ending =
      mounting.output.isEmpty
      ? try Tool.run(["doctor", "--json", "--state", "/proc/self", "--run", "/proc/self"])
      : mounting
    let rows = try DoctorNode.Rows(ending)
    #expect(rows.state("disk.space") == "failed", "\(rows.reason("disk.space"))")
  }

  @Test func roomIsJudgedByWhatTheSpoolNeeds() {
    let mebibyte = UInt64(1) << 20
    func state(_ available: UInt64, spool: UInt64) -> RowState {
      let row = Checkup.spaceRow(
        FileSystemSpace(byteCount: 1000 * mebibyte, availableByteCount: available),
        spoolByteCount: spool)
      return row.state
    }
    #expect(state(mebibyte - 1, spool: 0) == .failed)
    #expect(state(mebibyte, spool: 0) == .warning)
    #expect(state(64 * mebibyte, spool: 0) == .ok)
    #expect(state(63 * mebibyte, spool: 64 * mebibyte) == .failed)
    #expect(state(64 * mebibyte, spool: 64 * mebibyte) == .warning)
    #expect(state(128 * mebibyte, spool: 64 * mebibyte) == .ok)
  }

  @Test func filesAndMountsAreJudged() {
    var space = FileSystemSpace(
      byteCount: 1, availableByteCount: 1, fileCount: 5000, availableFileCount: 15)
    #expect(Checkup.inodeRow(space).state == .failed)
    space.availableFileCount = 16
    #expect(Checkup.inodeRow(space).state == .warning)
    space.availableFileCount = 1000
    #expect(Checkup.inodeRow(space).state == .ok)
    space.fileCount = 0
    #expect(Checkup.inodeRow(space).state == .ok)
    #expect(Checkup.mountRow(space).state == .ok)
    space.isReadOnly = true
    #expect(Checkup.mountRow(space).state == .failed)
  }

  @Test func wearIsJudgedByTheWorseNumber() {
    func state(_ text: String) -> RowState { Checkup.wearRow(Array(text.utf8).span).state }
    #expect(state("0x01 0x02\n") == .ok)
    #expect(state("0x01 0x08\n") == .warning)
    #expect(state("0x0b 0x01\n") == .failed)
    #expect(state("0x0a 0x01\n") == .failed)
    #expect(state("0x00 0x00\n") == .notChecked)
    #expect(state("") == .notChecked)
  }

  @Test func mountsAndLocksAreReadByTheKernelsForm() throws {
    let facts = try FileFacts(at: FixedPath("/"))
    let number = "\(facts.deviceMajor):\(facts.deviceMinor)"
    let list =
      "1 0 99:99 / /x rw - xfs /dev/sda1 rw\n"
      + "36 35 \(number) / / rw,nosuid,noatime shared:1 master:2 - ext4 /dev/mmcblk0p2 rw\n"
    func entry(_ list: String, _ path: String = "/") -> MountEntry? {
      MountEntry(of: facts, at: Array(path.utf8).span, in: Array(list.utf8).span)
    }
    func isLocked(_ list: String) -> Bool { LockTable.has(facts, in: Array(list.utf8).span) }
    let mount = try #require(entry(list))
    #expect(mount.has("noatime") && !mount.has("atime"))
    #expect(entry("1 0 99:99 / /x rw - xfs a rw\n") == nil)
    for cut in 0..<list.utf8.count {
      _ = entry(String(decoding: list.utf8.prefix(cut), as: UTF8.self))
    }
    // One device at several places: the folder's own counts, and not what was bound last.
    let places =
      "1 0 \(number) / /data rw,noatime - ext4 /dev/a rw\n"
      + "2 0 \(number) /c /var/lib/cairn rw,relatime - ext4 /dev/a rw\n"
      + "3 0 \(number) /c /var/lib/ca rw,sync - ext4 /dev/a rw\n"
      + "4 0 \(number) /id /etc/machine-id ro,noatime - ext4 /dev/a rw\n"
    #expect(entry(places, "/var/lib/cairn/agent")?.has("relatime") == true)
    #expect(entry(places, "/var/lib/cairn")?.has("relatime") == true)
    #expect(entry(places, "/data/x")?.has("rw") == true)
    #expect(entry(places, "/elsewhere")?.has("ro") == true)
    func hex(_ number: UInt32) -> String {
      let digits = String(number, radix: 16)
      return digits.count < 2 ? "0" + digits : digits
    }
    let place = "\(hex(facts.deviceMajor)):\(hex(facts.deviceMinor)):\(facts.inode)"
    let lock = "1: FLOCK  ADVISORY  WRITE 1234 \(place) 0 EOF\n"
    #expect(isLocked(lock))
    #expect(!isLocked(lock.replacing("FLOCK", with: "-> FLOCK")))
    #expect(!isLocked(lock.replacing("FLOCK", with: "POSIX")))
    #expect(!isLocked(lock.replacing(" 0 EOF", with: "1 0 EOF")))
  }

  // MARK: Permissions

  @Test func aFolderThatItsOwnerMayNotWriteIsTold() throws {
    let node = try DoctorNode()
    #expect(try node.run().state("folder.agent") == "ok")
    try node.setMode(0o550, of: "agent")
    defer { do { try node.setMode(0o750, of: "agent") } catch {} }
    let rows = try node.run()
    #expect(rows.state("folder.agent") == "failed")
    #expect(rows.reason("folder.agent").contains("its owner may not write"))
  }

  @Test func aFolderThatOthersMayWriteIsTold() throws {
    let node = try DoctorNode()
    try node.setMode(0o777, of: "uplink")
    #expect(try node.run().state("folder.uplink") == "failed")
  }

  @Test func aServiceIsJudgedByWhatSystemdSays() {
    func state(_ text: String) -> RowState {
      let row = ServiceState(reading: Array(text.utf8).span).row(.agentService)
      return row.state
    }
    let well = "NRestarts=0\nExecMainStatus=0\nActiveState=active\nUnitFileState=enabled\n"
    #expect(state(well) == .ok)
    #expect(state(well.replacing("enabled", with: "disabled")) == .warning)
    #expect(state(well.replacing("NRestarts=0", with: "NRestarts=12")) == .warning)
    #expect(state(well.replacing("=active", with: "=failed")) == .failed)
    #expect(state("") == .warning)
  }

  private static func script(_ node: DoctorNode, size: String) -> String {
    let folder = node.node.path("agent")
    return """
      mount -t tmpfs -o size=\(size) tmpfs \(folder) 2>/dev/null || exit 0
      \(Tool.url.path) doctor --json \(node.node.options.joined(separator: " "))
      """
  }

  private static func run(_ program: String, _ arguments: [String]) throws -> Ending {
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    try Tool.spawning.withLock { try process.run() }
    let said = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Ending(
      status: process.terminationStatus, output: String(decoding: said, as: UTF8.self), error: "")
  }
}
