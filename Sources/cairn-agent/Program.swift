import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs
import Signers

/// The version that boot leaves and `--version` give.
var agentVersion: StaticString { "0.1.0" }

@main
struct Program {
  static func main() {
    let program = BoardProgram(
      name: "cairn-agent", version: agentVersion, help: help, requiresBoard: true)
    let options = program.start()
    let files = program.configuration(options)
    let paths = program.paths(options, files.site)
    let signals: TerminationSignals
    do throws(SystemError) { signals = try TerminationSignals() } catch {
      end(.refused, "cairn-agent: the kernel gives no signal descriptor")
    }
    let lock = lockFolder(paths.agentFolder)
    // Two agents with one key in two state folders would each sign with it.
    let keyLock = paths.otherKeyFolder.map { lockFolder($0) }
    let hardware = hardwareIdentity(files.board)
    var start = LogStart()
    var key = openKey(paths, hardware: hardware, isNew: &start.isKeyNew)
    var room = WaitingRoom(
      paths, publicKey: key.publicKey, epoch: key.epoch,
      gatewayKeys: GatewayKeys(paths, configured: files.site.gateway.publicKey),
      isSimulated: Agent.isSimulated(files))
    let finding = key.hardware.compare(found: hardware)
    switch finding {
    case .same: break
    case .moreKnown: bind(&key, to: hardware, paths)
    case .otherBoard, .otherCard:
      tellOtherHardware(finding, expected: key.hardware, found: hardware)
      guard room.waitForAdoption(signals) else { end(.success) }
      bind(&key, to: hardware, paths)
      start.isAdopted = true
    }
    if start.isAdopted || (!start.isKeyNew && !isFormatted(paths)) {
      start.head = room.waitForHead(signals)
    }
    let beacons = openBeacons(paths, files.site, keyHash: key.publicKey.hash)
    keepEnrolment(paths, files.site, key: &key, anchor: beacons.anchor)
    let gatewayKeys = room.gatewayKeys
    var owed: OwedEpoch?
    let log = openLog(paths, files.site, start, key: &key, owed: &owed)
    var agent = Agent(
      files: files, paths: paths, key: key, log: log, owedEpoch: owed, gatewayKeys: gatewayKeys,
      beacons: beacons, socket: room.leave())
    agent.run(signals)
    keyLock?.release()
    lock.release()
    end(.success)
  }

  /// `cairn doctor` has the folder while it looks at the buses; who has it longer is another agent.
  private static var lockPatienceMilliseconds: Int64 { 5000 }

  private static func awaitLock(_ folder: FixedPath) throws(FolderLock.Failure) -> FolderLock {
    let end = SystemClock().bootMilliseconds() + lockPatienceMilliseconds
    while true {
      do throws(FolderLock.Failure) { return try FolderLock(of: folder) } catch {
        guard error == .locked, SystemClock().bootMilliseconds() < end else { throw error }
      }
      SystemDelay().sleep(milliseconds: 100)
    }
  }

  /// One agent for a folder: two at a first start would each make a key.
  private static func lockFolder(_ folder: FixedPath) -> FolderLock {
    do throws(FolderLock.Failure) {
      return try awaitLock(folder)
    } catch {
      var text = TextBuilder<512>()
      text.append("cairn-agent: ")
      text.append(folder.span)
      var status = ExitStatus.refused
      switch error {
      case .notFound: text.append(": no such folder: make it, owned by the agent's user")
      case .locked:
        text.append(": another agent runs here; end that one first, or leave it the work")
      case .system(let errno):
        text.append(": can't be opened and locked: ")
        text.append(SystemError(errno: errno))
        if SystemError(errno: errno).isOfStorage { status = .storageFailed }
      }
      end(status, text.span)
    }
  }

  private static var help: StaticString {
    """
    cairn-agent: measures, signs, and keeps a log that anyone can check

      --board FILE    board profile: buses and serial lines (Boards/)      found
      --config FILE   site file: sensors, intervals, gateway               /etc/cairn/site.ini
      --state FOLDER  holds agent/ with key and log                        /var/lib/cairn
      --run FOLDER    sockets, and what relative virtual buses stand below /run/cairn
      --key-address file:/PATH     the private key             STATE/agent/agent.key
      --version, --help

    It runs until SIGTERM. Exit status: 0 asked to end, 2 command line, 69 a needed sensor is
    missing, 74 storage failed (a new start recovers), 77 key or spool refused, 78 configuration.
    """
  }
}
