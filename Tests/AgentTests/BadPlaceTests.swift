import AgentMessages
import Foundation
import Proofs
import Records
import TestSupport
import Testing

/// Places where a board's agent has it bad: no clock, a card that takes nothing, a bus that is held, a line of noise.
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct BadPlaceTests {
  /// A library that the agent is started with: the wall clock says 1970, and the kernel that it is kept or not.
  private func deadClock(_ node: AgentNode, isKept: Bool) throws -> String {
    try node.write(
      """
      #define _GNU_SOURCE
      #include <sys/syscall.h>
      #include <sys/timex.h>
      #include <time.h>
      #include <unistd.h>
      int adjtimex(struct timex *state) {
        state->status = \(isKept ? "0" : "STA_UNSYNC");
        state->maxerror = 1000;
        return \(isKept ? "TIME_OK" : "TIME_ERROR");
      }
      int clock_gettime(clockid_t clock, struct timespec *now) {
        int result = (int)syscall(SYS_clock_gettime, clock, now);
        if (clock == CLOCK_REALTIME) now->tv_sec = 60;
        return result;
      }

      """, to: "clock.c")
    let library = node.path("clock.so")
    let compiler = Process()
    compiler.executableURL = URL(filePath: "/usr/bin/env")
    compiler.arguments = ["clang", "-shared", "-fPIC", "-o", library, node.path("clock.c")]
    try compiler.run()
    compiler.waitUntilExit()
    #expect(compiler.terminationStatus == 0)
    return library
  }

  /// The battery of its clock is empty, and whoever should keep it says nothing or a falsehood.
  @Test(arguments: [false, true])
  func aClockOf1970IsNotUsedAndIsSaidAndMeasuringGoesOn(isKept: Bool) throws {
    let node = try AgentNode(
      site: "[sensor.air]\nchip = bme280\nbus = i2c-1\ninterval = 100 ms\n[clock]\ninterval = 1 s")
    try node.startBoard()
    let library = try deadClock(node, isKept: isKept)
    let agent = try node.startAgent(environment: ["LD_PRELOAD": library])
    _ = agent.words(until: "wall clock, so it is not used")
    #expect(try eventually { try node.leaves().contains { $0.kind == .reading } })
    #expect(try agent.end().status == 0)
    #expect(try !node.leaves().contains { $0.kind == .clock })
  }

  /// A shell that lets files grow to so many blocks of 512 bytes, and then is the agent: what it writes beyond
  /// fails, as on a full disk.
  private func full(blocks: Int) -> [String] {
    ["/bin/sh", "-c", "trap '' XFSZ; ulimit -f \(blocks); exec \"$0\" \"$@\""]
  }

  @Test func aDiskWithoutRoomForTheSpoolIsSaidAndAStartWithRoomGoesOn() throws {
    let node = try AgentNode()
    let refused = try node.startAgent(through: full(blocks: 64)).end()
    #expect(refused.status == 74)
    #expect(refused.said.contains("the disk has no room for the spool"), "\(refused.said)")
    let key = try node.bytes(of: "agent/agent.key")
    #expect(try node.runAgent().status == 0)
    let bytes = try node.bytes(of: "agent/device.pub")
    #expect(bytes.count == 32)
    // The key that was made then signs now, in an epoch of its own after the spool that never was.
    let seed = { (text: [UInt8]) in
      String(decoding: text, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("seed") }
    }
    #expect(try seed(node.bytes(of: "agent/agent.key")) == seed(key))
    try expectNothingIsSignedTwice(node)
  }

  /// Not even a key: what systemd starts anew is what may go on by itself when there is room.
  @Test func aFirstStartWithoutRoomForTheKeyIsTriedAgainAndGoesOn() throws {
    let node = try AgentNode()
    let failed = try node.startAgent(through: full(blocks: 0)).end()
    #expect(failed.status == 74, "\(failed.said)")
    #expect(failed.said.contains("agent.key"), "\(failed.said)")
    #expect(try node.runAgent().status == 0)
    #expect(try node.checkpoints().first?.checkpoint.epoch == 0)
  }

  /// The disk is full in the midst of its work: it ends with the reason, and no place of the log is signed twice.
  @Test func aLogThatCannotBeWrittenEndsTheAgentAndTheNextStartSignsNothingAnew() throws {
    let node = try AgentNode()
    for _ in 0..<3 { #expect(try node.runAgent().status == 0) }
    let before = try node.checkpoints()
    for blocks in [0, 8, 64, 300] {
      let ending = try node.startAgent(through: full(blocks: blocks)).end()
      #expect(ending.status == 74 || ending.status == 0, "\(blocks): \(ending.said)")
      if ending.status == 74 { #expect(ending.said.contains("spool"), "\(ending.said)") }
      let now = try node.checkpoints()
      #expect(Array(now.prefix(before.count)) == before)
    }
    #expect(try node.startAgent(through: full(blocks: 0)).end().status == 74)
    #expect(try node.runAgent().status == 0)
    try expectNothingIsSignedTwice(node)
  }

  /// A hole of a terabyte: looking for what may stand in it would not end.
  @Test func aFileLargerThanAnySpoolIsRefusedWithoutReadingIt() throws {
    let node = try AgentNode()
    #expect(try node.runAgent().status == 0)
    let spool = node.path("agent/spool")
    #expect(truncate(spool, 0) == 0 && truncate(spool, 1 << 40) == 0)
    let ending = try node.startAgent().end()
    #expect(ending.status == 77)
    #expect(ending.said.contains("is no spool"), "\(ending.said)")
  }

  private func expectNothingIsSignedTwice(_ node: AgentNode) throws {
    let signed = try node.checkpoints().map { "\($0.checkpoint.epoch)/\($0.checkpoint.batch)" }
    #expect(Set(signed).count == signed.count && !signed.isEmpty, "\(signed)")
  }

  /// As another user where this one may write everywhere.
  @Test func aStateFolderThatCannotBeWrittenIsSaid() throws {
    let node = try AgentNode()
    let wrapper =
      geteuid() == 0
      ? ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : []
    #expect(chmod(node.path("agent"), 0o555) == 0)
    #expect(chmod(node.folder.path, 0o777) == 0)
    let ending = try node.startAgent(through: wrapper).end()
    #expect(ending.status == 77)
    #expect(ending.said.contains("agent.key: permission denied"), "\(ending.said)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: node.path("agent")).isEmpty)
    #expect(chmod(node.path("agent"), 0o755) == 0)
  }

  @Test func aBusThatIsHeldIsAFewFaultsAndTheOtherBusGoesOn() throws {
    let node = try AgentNode(
      site: """
        [sensor.held]
        chip = sht3x
        bus = i2c-2
        interval = 500 ms
        optional = yes
        [sensor.air]
        chip = bme280
        bus = i2c-1
        interval = 500 ms
        """)
    try node.writeBoard(
      """
      [i2c.i2c-1]
      virtual = i2c-1.sock
      [i2c.i2c-2]
      virtual = i2c-2.sock
      timeout = 10 ms
      """)
    try node.startBoard()
    let held = try node.heldBoard()
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    #expect(try eventually { try readingCount(node) >= 20 })
    #expect(try connection.failingSensorCount() == 1)
    #expect(try agent.end().status == 0)
    held.terminate()
    held.waitUntilExit()
    let faults = try node.leaves().compactMap(\.fault)
    #expect(faults.allSatisfy { $0.schema == 1 })
    #expect(faults.allSatisfy { $0.codeNumber == UInt64(FaultCode.timedOut.rawValue) })
    // At once, a minute later and so on, and at the end what was counted.
    #expect((1...8).contains(faults.count), "\(faults)")
    #expect(faults.map(\.count).reduce(0, +) >= 5)
  }

  private func readingCount(_ node: AgentNode) throws -> Int {
    try node.leaves().filter { $0.kind == .reading }.count
  }

  /// Two mebibytes of it, as fast as the line takes them.
  @Test func aLineOfNoiseIsReadAtABoundedPaceAndNothingOfItIsALeaf() throws {
    let node = try AgentNode(site: "[gnss]\nport = usb0")
    let terminal = try PseudoTerminal()
    try node.writeBoard("[serial.usb0]\ndevice = \(terminal.path)\nbaud = 921600")
    let agent = try node.startAgent()
    _ = agent.words()
    #expect(try eventually { try agent.descriptors().contains(terminal.path) })
    var generator = SystemRandomNumberGenerator()
    let noise = (0..<65_536).map { _ in UInt8.random(in: 0...255, using: &generator) }
    var sent = 0
    for _ in 0..<600_000 where sent < 2 << 20 {
      sent += terminal.write(noise[(sent % 61_440)..<(sent % 61_440 + 4096)])
      usleep(100)
    }
    #expect(sent >= 2 << 20)
    // It answers meanwhile.
    let connection = try node.connect()
    #expect(try connection.failingSensorCount() == 0)
    #expect(try agent.end().status == 0)
    let kinds = try node.leaves().map(\.kind)
    #expect(kinds.filter { $0 == .position }.isEmpty)
    #expect(kinds.count <= 12, "\(kinds)")
  }

  private func eventually(_ isSo: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<60_000 {
      if try isSo() { return true }
      usleep(1000)
    }
    return false
  }
}
