import CBOR
import Delivery
import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs
import Spool

/// Delivers batch after batch, and waits in between. The state machine says what to do; this does it.
///
/// Invariants: one request at a time; one timer; the cursor is durable before the next batch is sent.
public struct Uplink<Transport: GatewayTransport & ~Copyable>: ~Copyable {
  typealias Reader = LogReader<FileStorage>

  let paths: NodePaths
  /// Nobody else moves the cursor, or delivers the same batches beside.
  private let lock: FolderLock
  var deviceKey: PublicKey
  let clock = SystemClock()
  let signals: TerminationSignals
  var reader: Reader
  /// The file that `reader` has open: the agent may make a new one under its name.
  var spoolFile: FileIdentity?
  /// The open file says that it holds another spool now.
  var isSpoolReplaced = false
  var machine = DeliveryStateMachine()
  var cursor: DeliveryCursor

  var agent: UnixConnection?
  /// It was connected at the last look.
  var wasAgentThere = false
  var nextAgentAttempt: Int64 = 0
  /// The agent waits for the gateway's head of its log.
  var isHeadWanted = false
  var nextChallenge: Int64 = 0
  let challengePath: FixedText<128>
  let hasRadio: Bool
  /// The configured one; nil: then nothing that the gateway signs can be checked here.
  let gatewayKey: PublicKey?
  /// The gateway may have another key by now.
  var areKeysWanted = true
  /// The agent did not know the key of the head that it was handed.
  var isHeadUnknown = false
  var nextHead: Int64
  /// Nil: the line is not paid by the byte.
  var budget: MonthlyBudget?
  /// What the transport had sent and received when it was last counted.
  var meteredByteCount: UInt64 = 0
  /// Readings of batches before the cursor are still here.
  var isBacklogged = false
  /// Up to before this entry everything is whole at the gateway.
  var fillSequence: UInt64 = 1
  var nextFill: Int64 = 0
  /// The gateway is asked where this log stands before the next batch is sent.
  var isPlaceOwed = true
  /// Nothing before it is sent: the gateway has it, or has another continuation.
  var floor = BatchPosition(epoch: 0, batch: 0)
  /// Where the epoch begins that followed one that the gateway has otherwise: nothing before it is ever sent.
  var firstOfOwnHistory = BatchPosition(epoch: 0, batch: 0)
  /// From here on the agent has no receipts: a gateway that has more is sent it once more all the same.
  var redeliveryStart: BatchPosition?
  /// The enrolment that the gateway has answered for, with yes or no.
  var settledEnrolment: Digest?
  var nextEnrolment: Int64 = 0
  /// The gateway has a later enrolment of this key than the agent.
  var isEnrolmentWanted = false
  /// SIGTERM or SIGINT has come.
  private var wasAsked = false
  /// When the one timer goes off; nil: it does not run.
  var timer: Int64?
  /// The last receipt, until the cursor has it.
  var receipt = FixedArray<512, UInt8>(filler: 0)
  /// What was last said in the journal, so that nothing is said twice in a row.
  var lastSaid: StaticString?
  /// What `cairn status` was last told.
  var lastNotice: DeliveryNotice?
  /// Last: how large it is decides where nothing else lies.
  var transport: Transport

  /// Waits for the agent's key and spool. Nil when the program is asked to end before.
  init?(
    paths: NodePaths, region: Span<UInt8>, gatewayKey: PublicKey?, monthlyBudget: UInt64?,
    lock: consuming FolderLock,
    transport: consuming Transport, signals: consuming TerminationSignals
  ) {
    var file: FileIdentity?
    guard let deviceKey = Self.awaitKey(paths, signals) else { return nil }
    transport.use(deviceKey.keyID)
    guard
      let reader = Self.awaitSpool(
        paths, deviceKey, gatewayKey, &transport, signals, file: &file)
    else { return nil }
    self.paths = paths
    challengePath = Self.challengePath(region: region)
    self.gatewayKey = gatewayKey
    nextHead = Self.firstLook(clock)
    self.lock = lock
    self.deviceKey = deviceKey
    self.signals = signals
    self.transport = transport
    spoolFile = file
    self.reader = reader
    cursor = Self.readCursor(paths, deviceKey)
    hasRadio = !region.isEmpty
    budget = Self.readBudget(paths, limit: monthlyBudget)
    // Held back by this budget, or by one that is gone since.
    if !cursor.isReceiptUnanswered {
      findBacklog(behind: self.reader.deliveredThrough)
    }
  }

  /// Runs until SIGTERM or SIGINT.
  mutating func run() {
    say("delivers to the configured gateway")
    ServiceManager.tellReady()
    goToCursor()
    while !isAsked() {
      ServiceManager.tellAlive()
      meter()
      let isAgentNew = connectToAgent()
      followSpool()
      if isAgentNew { greetAgent() }
      if isHeadWanted { fetchHead() }
      postChangedEnrolment()
      learnEnrolment()
      if areKeysWanted { followChangedKeys() }
      fetchChallenge()
      lookAtGateway()
      let isStuck = machine.state == .idle && !offerNextBatch()
      if isStuck { fillOldest() }
      if let due = timer, clock.bootMilliseconds() >= due {
        timer = nil
        report(.retryDue)
      }
      // The signal may have been read within a transfer: then nothing would wake the wait.
      if !wasAsked { wait(isStuck: isStuck) }
    }
    closeBudget()
  }

  /// A signal is read once and remembered: whoever asks first must not be the only one to know.
  mutating func isAsked() -> Bool {
    if !wasAsked {
      do throws(SystemError) { wasAsked = try signals.next() != nil } catch { wasAsked = true }
    }
    return wasAsked
  }

  /// Gives an event to the machine and performs what it answers, until there is nothing to do at once.
  /// Asked to end, it begins nothing new; but what the gateway has taken is still written down.
  mutating func report(_ event: DeliveryStateMachine.Event) {
    var next: DeliveryStateMachine.Event? = event
    while let event = next {
      let action = machine.handle(event, randomWord: randomWord())
      next = isAsked() ? performLast(action) : perform(action)
    }
  }

  private mutating func performLast(_ action: DeliveryStateMachine.Action)
    -> DeliveryStateMachine.Event?
  {
    switch action {
    case .handReceiptToAgent: return keepsReceiptBack() ? .receiptConfirmed : .agentAway
    case .advanceCursor, .moveCursor: return perform(action)
    case .nothing, .send, .sendResumed, .sendKey, .seek, .startTimer, .block: return nil
    }
  }

  private mutating func perform(_ action: DeliveryStateMachine.Action)
    -> DeliveryStateMachine.Event?
  {
    switch action {
    case .nothing: return nil
    case .send(let position): return send(position, resumedFrom: nil)
    case .sendResumed(let position, let size): return send(position, resumedFrom: size)
    case .sendKey: return sendKey()
    case .seek(let position): return seek(position)
    case .handReceiptToAgent(let position): return handReceipt(for: position)
    case .advanceCursor(let position, let agentWasAway):
      advanceCursor(past: position, agentWasAway: agentWasAway)
      note(.free)
      return nil
    case .moveCursor(let position):
      cursor.move(to: position, spoolSequence: reader.nextSequence)
      storeCursor()
      return nil
    case .startTimer(let milliseconds):
      timer = clock.bootMilliseconds() + Int64(milliseconds)
      sayWhyWaiting()
      noteHindrance()
      return nil
    case .block(let reason, let milliseconds):
      timer = clock.bootMilliseconds() + Int64(milliseconds)
      sayWhyBlocked(reason)
      note(.blocked(reason))
      return nil
    }
  }

  /// Sleeps until the agent says that more is released, the timer goes off, or a signal comes.
  /// `isStuck`: nothing could be read although there is something, so looking again at once is of no use.
  private mutating func wait(isStuck: Bool) {
    let now = clock.bootMilliseconds()
    // Without the agent nobody says that the spool has grown: look now and then.
    var wake = now + (agent == nil ? 5000 : 60_000)
    if let timer { wake = min(wake, timer) }
    if agent != nil { wake = min(wake, min(nextChallenge, nextEnrolment)) }
    if gatewayKey != nil { wake = min(wake, nextHead) }
    if isBacklogged, agent != nil, machine.state == .idle { wake = min(wake, nextFill) }
    if machine.state == .idle, hasMore, !isStuck { return }
    var poller = Poller()
    _ = poller.watch(signals.pollDescriptor)
    var slot: Int?
    if let descriptor = agent?.pollDescriptor { slot = poller.watch(descriptor) }
    if let descriptor = transport.idleDescriptor { _ = poller.watch(descriptor) }
    if let idle = transport.idleMilliseconds { wake = min(wake, now + idle) }
    do throws(SystemError) {
      _ = try poller.wait(milliseconds: max(0, wake - now))
    } catch {
      SystemDelay().sleep(milliseconds: 100)
    }
    transport.tend()
    if let slot, poller.isReadable(slot) { readAgent() }
  }

  // MARK: the journal

  /// One line, unless it was the last one too.
  mutating func say(_ text: StaticString, detail: Span<UInt8> = Span()) {
    if let lastSaid, unsafe lastSaid.utf8Start == text.utf8Start { return }
    lastSaid = text
    var line = TextBuilder<1024>()
    line.append(Transport.programName)
    line.append(": ")
    line.append(text)
    if !detail.isEmpty { line.append(" ") }
    line.append(untrusted: detail)
    line.append("\n")
    // Without a reader of standard output delivery goes on.
    do throws(SystemError) { try StandardStream.output.write(line) } catch {}
  }
}
