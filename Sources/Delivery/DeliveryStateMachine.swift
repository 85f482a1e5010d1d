import FixedMemory
import Records

/// Decides what the uplink does next. Pure: no clock, no socket, no file, no dice. The program performs
/// the returned action and reports back with an event. docs/delivery-protocol.md has the picture.
///
///     idle ──batchReady──▶ sending ──accepted──▶ confirming ──▶ idle
///                         ▲ │ │ └──gap──▶ seeking ──▶ sending, or idle
///                         │ │ └──unknownKey──▶ enrolling ──▶ sending
///                         │ ├──failed, tryLater──▶ waiting ──retryDue──▶ sending
///                         │ └──refused, forked──▶ blocked ──retryDue──▶ sending
///
/// Invariants:
/// - One request, one look-up or one timer is under way in every state but idle, so that there is always
///   an event to come: nothing is stuck.
/// - From `sending` no event leads back to `sending` more than `maximumGapCount` times without a timer,
///   and every `notHeld` moves forward: nothing spins.
/// - The cursor moves only after a receipt, or to a position that the gateway itself named.
/// - What is refused for good is never skipped and never forgotten: the state is `blocked`, and it retries.
public struct DeliveryStateMachine: ~Copyable {
  /// A gateway's answer to a gap, kept while what is sent has to cover it.
  public struct Resumption: Equatable, Sendable {
    /// The position that the gateway asked for and the spool no longer holds.
    public let expected: BatchPosition
    /// Leaves that the gateway holds: the subtree hashes begin here.
    public let size: UInt64

    public init(expected: BatchPosition, size: UInt64) {
      self.expected = expected
      self.size = size
    }
  }

  /// One batch on its way, from the first attempt to the receipt.
  public struct Errand: Equatable, Sendable {
    public let position: BatchPosition
    /// Not nil: the batch goes out as a resumed batch.
    public var resumption: Resumption?
    /// From 1; stays at 255.
    public var attempt: UInt8 = 1
    /// Gaps answered since the last pause.
    public var gapCount: UInt8 = 0
    /// The gateway took the key since the last pause.
    public var isKeySent = false

    public init(position: BatchPosition) { self.position = position }
  }

  /// Why delivery pauses; what `status` shows while it does.
  public enum Hindrance: Equatable, Sendable {
    /// No answer: name, connection, certificate, time. The transport knows more.
    case unreachable
    /// Something answered that is not a gateway: captive portal, wrong address. The HTTP status.
    case notAGateway(status: UInt16)
    /// The gateway, or a proxy before it, failed. The HTTP status.
    case gatewayError(status: UInt16)
    /// The gateway asked for a pause.
    case askedToWait
    /// The gateway contradicts itself: it asks for what it was just sent, or for one gap after another.
    case contradiction
    /// The spool, the public key or the cursor could not be read.
    case spoolUnreadable
    /// Nothing more may be sent in this month.
    case budgetSpent
  }

  /// Why delivery stops until somebody mends something.
  public enum BlockReason: Equatable, Sendable {
    /// A `RefusalCode`, or a number of a newer gateway's.
    case refused(code: UInt16)
    case forked
    /// The agent does not take the gateway's receipt: not the configured gateway, or a forgery.
    case receiptRefused(code: UInt16)
    /// The gateway has more of this log than the device: another board signs with this key, or the card is an
    /// old backup.
    case gatewayAhead(expected: BatchPosition)
    /// The gateway does not take what the device can still prove.
    case notResumable
  }

  public enum State: Equatable, Sendable {
    case idle
    case sending(Errand)
    case enrolling(Errand)
    case seeking(Errand, Resumption)
    case confirming(Errand)
    case waiting(Errand, Hindrance)
    case blocked(Errand, BlockReason)
  }

  public enum Event: Equatable, Sendable {
    /// The spool holds a released batch at the cursor, or, when the cursor's is gone, this oldest one.
    case batchReady(BatchPosition)

    // Answers of the gateway to a batch: `GatewayAnswer` makes them.
    /// A receipt came, for the first time or again; it is in the reply buffer.
    case accepted
    case gap(expected: BatchPosition, size: UInt64)
    case closedEpoch(expected: BatchPosition, size: UInt64)
    case forked
    case refused(code: UInt16)
    case unknownKey
    case tryLater(afterSeconds: UInt32?)
    case failed(Hindrance)
    /// The gateway has this device's key now.
    case enrolled
    /// Nothing was sent: the gateway's head of this log lies where this log does not lead, and the agent has
    /// not begun an epoch behind it yet.
    case gatewayAhead(expected: BatchPosition)

    // Answers of the agent to a receipt.
    case receiptConfirmed
    case receiptRefused(code: UInt16)
    /// The agent does not run, or did not answer in time.
    case agentAway

    // Answers of the spool to `send` and `seek`.
    case found
    /// The position is gone, or damaged on the medium; the oldest readable batch after it, if there is any.
    case notHeld(oldest: BatchPosition?)
    /// The position lies beyond the newest released batch; `next` comes after that one.
    case beyondEnd(next: BatchPosition)

    /// The timer went off; or something happened after which it is worth trying at once: the network
    /// came up, the operator asks.
    case retryDue
  }

  public enum Action: Equatable, Sendable {
    case nothing
    /// Post this batch; answer with the gateway's event, or `notHeld`.
    case send(BatchPosition)
    /// Post this batch with subtree hashes in front, from leaf `from` (or from 0 when the device has no
    /// hashes that begin there) to the batch's first leaf.
    case sendResumed(BatchPosition, from: UInt64)
    /// Post the public key to /v1/devices.
    case sendKey
    /// Look the position up: `found`, `notHeld`, `beyondEnd` or `failed(.spoolUnreadable)`.
    case seek(BatchPosition)
    /// Give the receipt to the agent; without an answer within `agentAnswerMilliseconds` it is away.
    case handReceiptToAgent(BatchPosition)
    /// Store the cursor behind this batch, with its receipt; when the agent was away, flagged as not
    /// yet answered for. Then look for the next batch.
    case advanceCursor(past: BatchPosition, agentWasAway: Bool)
    /// Store the cursor at this position: the gateway has all before it.
    case moveCursor(to: BatchPosition)
    case startTimer(milliseconds: UInt32)
    /// Say why, start the timer, keep everything.
    case block(BlockReason, retryMilliseconds: UInt32)
  }

  /// Gaps in a row without a receipt or a pause. Two are natural (cursor lost, then the spool's end), a
  /// third when the gateway loses its store between them; a fourth means that it contradicts itself.
  public static var maximumGapCount: UInt8 { 4 }

  /// To verify a receipt takes an agent milliseconds; a busy card may hold it up for seconds.
  public static var agentAnswerMilliseconds: UInt32 { 10_000 }

  public private(set) var state = State.idle

  public init() {}

  /// What to do because of `event`. `randomWord` spreads pauses. An event that cannot happen in this
  /// state is a bug of the program and stops it; late answers of agent and timer are passed over.
  public mutating func handle(_ event: Event, randomWord: UInt64) -> Action {
    guard let action = transition(event, randomWord) else {
      stop("delivery: event does not belong to this state")
    }
    return action
  }

  mutating func enter(_ next: State) { state = next }

  /// The table: nil where the pair is a bug.
  mutating func transition(_ event: Event, _ randomWord: UInt64) -> Action? {
    switch (state, event) {
    case (.idle, .batchReady(let position)):
      return send(Errand(position: position))

    // The spool keeps the batch; it is offered again when this one is done.
    case (.sending, .batchReady), (.enrolling, .batchReady), (.seeking, .batchReady),
      (.confirming, .batchReady), (.waiting, .batchReady), (.blocked, .batchReady):
      return .nothing

    case (.sending(let errand), .accepted):
      state = .confirming(errand)
      return .handReceiptToAgent(errand.position)

    case (.sending(let errand), .gap(let expected, let size)):
      return answerGap(errand, Resumption(expected: expected, size: size), randomWord)

    case (.sending(let errand), .closedEpoch(let expected, let size)):
      guard expected.epoch > errand.position.epoch else {
        return block(errand, .refused(code: RefusalCode.closedEpoch.rawValue), randomWord)
      }
      return answerGap(errand, Resumption(expected: expected, size: size), randomWord)

    case (.sending(let errand), .gatewayAhead(let expected)):
      return block(errand, .gatewayAhead(expected: expected), randomWord)

    case (.sending(let errand), .forked):
      return block(errand, .forked, randomWord)

    case (.sending(let errand), .refused(let code)), (.enrolling(let errand), .refused(let code)):
      return block(errand, .refused(code: code), randomWord)

    case (.sending(let errand), .unknownKey):
      return answerUnknownKey(errand, randomWord)

    case (.enrolling(var errand), .enrolled):
      errand.isKeySent = true
      return send(errand)

    case (.sending(let errand), .tryLater(let seconds)),
      (.enrolling(let errand), .tryLater(let seconds)):
      return wait(errand, .askedToWait, afterSeconds: seconds, randomWord)

    case (.sending(let errand), .failed(let hindrance)),
      (.enrolling(let errand), .failed(let hindrance)),
      (.seeking(let errand, _), .failed(let hindrance)):
      return wait(errand, hindrance, afterSeconds: nil, randomWord)

    case (.confirming(let errand), .receiptConfirmed):
      state = .idle
      return .advanceCursor(past: errand.position, agentWasAway: false)

    case (.confirming(let errand), .agentAway):
      state = .idle
      return .advanceCursor(past: errand.position, agentWasAway: true)

    case (.confirming(let errand), .receiptRefused(let code)):
      return block(errand, .receiptRefused(code: code), randomWord)

    // The agent's answer to a receipt that was handed over again, or that came after the time.
    case (.idle, .receiptConfirmed), (.sending, .receiptConfirmed), (.enrolling, .receiptConfirmed),
      (.seeking, .receiptConfirmed), (.waiting, .receiptConfirmed), (.blocked, .receiptConfirmed),
      (.idle, .receiptRefused), (.sending, .receiptRefused), (.enrolling, .receiptRefused),
      (.seeking, .receiptRefused), (.waiting, .receiptRefused), (.blocked, .receiptRefused),
      (.idle, .agentAway), (.sending, .agentAway), (.enrolling, .agentAway),
      (.seeking, .agentAway), (.waiting, .agentAway), (.blocked, .agentAway):
      return .nothing

    case (.seeking(let errand, let resumption), .found):
      return send(errand.moved(to: resumption.expected, resumption: nil))

    case (.seeking(let errand, let resumption), .notHeld(let oldest)):
      return resume(errand, resumption, oldest, randomWord)

    case (.seeking(let errand, let resumption), .beyondEnd(let next)):
      guard resumption.expected <= next else {
        return block(errand, .gatewayAhead(expected: resumption.expected), randomWord)
      }
      state = .idle
      return .moveCursor(to: resumption.expected)

    // The spool was written over while the batch waited.
    case (.sending(let errand), .notHeld(let oldest)):
      return skip(errand, to: oldest, randomWord)

    case (.waiting(let errand, _), .retryDue):
      return send(errand.retried())

    // Asked anew: whatever the operator mended, the gateway says what it expects now.
    case (.blocked(let errand, _), .retryDue):
      return send(Errand(position: errand.position))

    // A timer that went off while it was stopped.
    case (.idle, .retryDue), (.sending, .retryDue), (.enrolling, .retryDue), (.seeking, .retryDue),
      (.confirming, .retryDue):
      return .nothing

    // No batch is under way, so that nobody can have answered for one.
    case (.idle, .accepted), (.idle, .gap), (.idle, .closedEpoch), (.idle, .forked),
      (.idle, .refused), (.idle, .unknownKey), (.idle, .tryLater), (.idle, .failed),
      (.idle, .enrolled), (.idle, .found), (.idle, .notHeld), (.idle, .beyondEnd),
      (.idle, .gatewayAhead), (.waiting, .gatewayAhead), (.blocked, .gatewayAhead),
      (.confirming, .gatewayAhead),
      (.waiting, .accepted), (.waiting, .gap), (.waiting, .closedEpoch), (.waiting, .forked),
      (.waiting, .refused), (.waiting, .unknownKey), (.waiting, .tryLater), (.waiting, .failed),
      (.waiting, .enrolled), (.waiting, .found), (.waiting, .notHeld), (.waiting, .beyondEnd),
      (.blocked, .accepted), (.blocked, .gap), (.blocked, .closedEpoch), (.blocked, .forked),
      (.blocked, .refused), (.blocked, .unknownKey), (.blocked, .tryLater), (.blocked, .failed),
      (.blocked, .enrolled), (.blocked, .found), (.blocked, .notHeld), (.blocked, .beyondEnd),
      (.confirming, .accepted), (.confirming, .gap), (.confirming, .closedEpoch),
      (.confirming, .forked), (.confirming, .refused), (.confirming, .unknownKey),
      (.confirming, .tryLater), (.confirming, .failed), (.confirming, .enrolled),
      (.confirming, .found), (.confirming, .notHeld), (.confirming, .beyondEnd):
      return nil

    // The spool is asked, not the gateway.
    case (.seeking, .accepted), (.seeking, .gap), (.seeking, .closedEpoch), (.seeking, .forked),
      (.seeking, .refused), (.seeking, .unknownKey), (.seeking, .tryLater), (.seeking, .enrolled),
      (.seeking, .gatewayAhead):
      return nil

    // The answer to a key is none to a batch, and the other way round; nothing was looked up.
    case (.enrolling, .accepted), (.enrolling, .gap), (.enrolling, .closedEpoch),
      (.enrolling, .forked), (.enrolling, .unknownKey), (.enrolling, .found),
      (.enrolling, .notHeld), (.enrolling, .beyondEnd), (.enrolling, .gatewayAhead),
      (.sending, .enrolled), (.sending, .found), (.sending, .beyondEnd):
      return nil
    }
  }
}
