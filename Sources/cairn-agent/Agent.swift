import AgentMessages
import Buses
import Coverage
import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs
import RadioDuties
import Radios
import Records
import Sampling
import Sensors
import Signers

typealias AgentSensor = MonitoredSensor<AnyI2CDevice>

/// The agent's loop: measures what is due, keeps and signs it, listens to its receiver and socket.
///
///     wait until something is due or readable
///       ├─ sensors due        measured; reading, fault or gap leaf
///       ├─ receiver readable  clock and position leaves
///       ├─ socket readable    receipts, questions
///       └─ commit or seal due durable, signed, released
///
/// Invariants: `now` never goes back; every leaf's time is `now` of its turn; nothing waits for the network.
struct Agent: ~Copyable {
  let files: NodeConfigurationFiles
  let paths: NodePaths
  let isSimulated: Bool

  var key: FileKey
  var log: AgentLog
  let clock = SystemClock()
  let startBootMilliseconds: Int64
  /// Milliseconds since the boot leaf.
  var now: Int64 = 0

  var sensors: InlineArray<16, AgentSensor?>
  /// What a sensor's schema leaf said last; nil before it was written in this boot.
  var schemaSerialNumbers = InlineArray<16, SerialNumber?>(repeating: nil)
  var nextSchemaRepeat = Self.schemaRepeatMilliseconds
  var schedule = Schedule()
  var faults = FaultCounter()

  var devices: DeviceFolders
  /// By bus of the profile: which device file stands there; nil when none does.
  var busIdentities = InlineArray<8, FileIdentity?>(repeating: nil)
  var busChanges = InlineArray<8, DeviceChanges>(repeating: DeviceChanges())
  /// By sensor: why its bus could not be opened was said.
  var isOpeningTold = InlineArray<16, Bool>(repeating: false)
  var lines: AgentLines
  /// When nothing was left to deliver, last.
  var lastDelivered: Int64 = 0

  var receiverPort: TerminalSerialPort?
  var receiver = GNSSReceiver()
  var receiverChanges = DeviceChanges()
  /// A line that never stops is read again then.
  var nextReceiverRead: Int64 = 0
  var lastFix: GNSSFix?

  /// Nil without a radio of the agent's own.
  var radio: RadioDuty<AgentRadio>?
  var radioLine: RadioLine?
  var nextRadioStep: Int64 = 0
  /// When the radio was looked at last, and how long the agent has waited for it and others since.
  var radioLookedAt: Int64 = 0
  var restedMilliseconds: Int64 = 0
  var radioChanges = DeviceChanges()
  /// Nil unless the site's radio is a concentrator: then `radio` is nil.
  var concentrator: ConcentratorDuty?
  var forwarder: UnixConnection?
  var nextForwarderStep: Int64 = 0
  var nextForwarderAttempt: Int64 = 0
  /// What its schema leaf said in this boot.
  var toldGateway: UInt64?
  var radioOpening = RadioOpening()
  var receiverOpening = ReceiverOpening()
  /// What its schema leaf said in this boot.
  var toldRadio: RadioKind?
  /// Nil where nothing is transmitted; then `airtime` is nil too.
  var beacons: BeaconNode?
  var airtime: AirtimeLedger?
  var anchorWanted: AnchorWanted
  /// False: the chain's file can't be read, and is left alone.
  var mayBeginChain: Bool
  var nextBeaconStep: Int64 = 0
  var sentCount: UInt64 = 0
  var testCount: UInt16 = 0
  /// Why the last beacon was not sent.
  var lastBeaconReason: BeaconReason?
  var mapping: ClockMapping?
  /// The closest of what the kernel has said of its clock.
  var kernelClock: ClockMapping?
  /// What the last challenge with rules for beacons allows a clock; nil before one.
  var clockLimitMilliseconds: UInt32?
  /// The next measurement of the clock becomes a leaf.
  var isClockWanted = false
  var nextClockLook: Int64 = 0
  var isNoClockTold = false
  var nextPosition: Int64 = 0

  var nextCommit: Int64 = 0
  var nextSeal: Int64 = 0
  var isDirty = false
  /// The newest batch, and the time of its last leaf.
  var lastSealed: (batch: UInt64, milliseconds: Int64)?
  /// The first leaf of this boot has found no room yet.
  var isBootLeafOwed = false
  /// This boot's number.
  var boot: UInt64 = 0
  /// Begins when there is room.
  var owedEpoch: OwedEpoch?
  /// A head of the gateway's has begun an epoch in this boot: a second one would be a gateway that lies.
  var hasFollowedHead = false
  /// Leaves of the epoch that was left then, of which no gap leaf tells yet.
  var untoldLeft: OlderLeaves?
  var programHash = Digest()
  /// Since when the ring is full; measurements are missed until something is delivered.
  var fullSince: Int64?
  var missedWhileFull: UInt64 = 0

  /// By sensor: the last measurement was a fault.
  var isFailing = InlineArray<16, Bool>(repeating: false)
  var wasReceiptRefused = false
  var challenges = ChallengeSequence()
  var gatewayKeys: GatewayKeys

  var socket: AgentSocket

  init(
    files: consuming NodeConfigurationFiles, paths: NodePaths, key: consuming FileKey,
    log: consuming AgentLog, owedEpoch: OwedEpoch?, gatewayKeys: GatewayKeys,
    beacons begun: consuming BeaconStart, socket: consuming AgentSocket
  ) {
    isSimulated = Self.isSimulated(files)
    sensors = InlineArray<16, AgentSensor?> { _ in nil }
    devices = DeviceFolders(files)
    lines = AgentLines(files)
    radio = Self.radioDuty(files, keyHash: key.publicKey.hash)
    let start = clock.bootMilliseconds()
    concentrator = Self.concentratorDuty(
      files, keyHash: key.publicKey.hash, startBootMilliseconds: start)
    anchorWanted = begun.anchor
    mayBeginChain = true
    if case .unchanged = begun.anchor { mayBeginChain = false }
    airtime = begun.airtime
    beacons = begun.node.take()
    self.socket = socket
    self.owedEpoch = owedEpoch
    self.gatewayKeys = gatewayKeys
    startBootMilliseconds = start
    self.files = files
    self.paths = paths
    self.key = key
    self.log = log
  }

  /// Runs until SIGTERM or SIGINT.
  mutating func run(_ signals: borrowing TerminationSignals) {
    beginBoot()
    // The boot itself is signed before anything else: identifying sensors can take a second.
    seal()
    startSensors()
    startLines()
    commit()
    announce()
    ServiceManager.tellReady()
    var poller = Poller()
    while !isAsked(signals) {
      ServiceManager.tellAlive()
      tick()
      followDevices()
      takeReceiver()
      takeRadio()
      takeForwarder()
      followBeacons()
      takeLines()
      measureWhatIsDue()
      lookAtClock()
      tellFaults()
      tellConsoles()
      repeatSchemas()
      keepTheLog()
      wait(&poller, signals)
    }
    ServiceManager.tellStopping()
    closeLog()
  }

  mutating func tick() {
    now = max(now, clock.bootMilliseconds() - startBootMilliseconds)
  }

  private func isAsked(_ signals: borrowing TerminationSignals) -> Bool {
    do throws(SystemError) { return try signals.next() != nil } catch { return true }
  }

  /// Sleeps until something is due or readable. At most a minute, so that no forgotten reason to wake up
  /// lasts for ever.
  private mutating func wait(_ poller: inout Poller, _ signals: borrowing TerminationSignals) {
    var wake = min(now + 60_000, min(nextSeal, nextClockLook))
    if isDirty { wake = min(wake, nextCommit) }
    wake = min(wake, linesWake())
    if let due = schedule.nextDueMilliseconds { wake = min(wake, due) }
    if let due = socket.consoleEvents.nextDueMilliseconds(now) { wake = min(wake, due) }
    if let due = faults.nextDueMilliseconds { wake = min(wake, due) }
    if let due = nextDeviceLeaf { wake = min(wake, due) }
    wake = min(wake, devices.nextLookMilliseconds)
    wake = min(wake, min(nextRadioStep, nextBeaconStep))
    wake = min(wake, forwarderWake())
    if let next = nextOpening { wake = min(wake, next) }
    poller.removeAll()
    _ = poller.watch(signals.pollDescriptor)
    if let descriptor = receiverPort?.pollDescriptor {
      if now >= nextReceiverRead {
        _ = poller.watch(descriptor)
      } else {
        wake = min(wake, nextReceiverRead)
      }
    }
    if let descriptor = radioLine?.descriptor { _ = poller.watch(descriptor) }
    if let descriptor = forwarder?.pollDescriptor { _ = poller.watch(descriptor) }
    devices.watch(&poller)
    watchLines(&poller)
    socket.watch(&poller)
    let current = clock.bootMilliseconds() - startBootMilliseconds
    do throws(SystemError) {
      _ = try poller.wait(milliseconds: max(0, wake - current))
      restedMilliseconds += max(0, clock.bootMilliseconds() - startBootMilliseconds - current)
    } catch {
      // A bad descriptor would make this a busy loop: sleep a little instead.
      SystemDelay().sleep(milliseconds: 100)
    }
    devices.take(poller)
    serveSocket(poller)
  }

  /// One line for the journal, when everything has begun.
  private func announce() {
    var text = TextBuilder<512>()
    text.append("cairn-agent ")
    text.append(agentVersion)
    text.append(": boot ")
    text.append(boot)
    text.append(", epoch ")
    text.append(owedEpoch?.number ?? log.state.epoch)
    text.append(", ")
    text.append(schedule.count)
    text.append(" sensors, kid ")
    text.append(hex: key.publicKey.keyID.span)
    if isSimulated { text.append(", simulated hardware") }
    text.append("\n")
    // Without a reader of standard output the agent measures all the same.
    do throws(SystemError) { try StandardStream.output.write(text) } catch {}
  }
}
