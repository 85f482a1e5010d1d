import Foundation
import GRDB
import Proofs
import Records
import Signers
import Synchronization
import Verifier

/// Judges batches: the heart of the gateway, without clocks and sockets.
///
///     bytes ─check→ who signed, and whether ─store→ position → leaves → one transaction → receipt
///
/// `check` may run on many threads at once; `store` decides and writes, many batches in one
/// transaction, and answers only when they are on the disk.
public final class Gateway: Sendable {
  public let store: GatewayStore
  public let publicKey: PublicKey
  /// What this gateway answered for, in order.
  public let log: GatewayLog
  let key: Mutex<FileKey>
  private let knownDevices = KnownDevices()
  let early = EarlyBatches()
  let admission: Admission
  /// The keys that this gateway has had, the one that signs now as the last.
  public let keyChain: OwnKeyChain
  let heads = SignedHeads()
  /// The key has named another one, and signs nothing more.
  let isRetired = Mutex(false)
  let challengeRules: ChallengeRules

  /// `key` signs the receipts; `admission` says who may become known. A key that is not the newest of the
  /// store's log is refused: it would begin a second history.
  public init(
    store: GatewayStore, key: consuming sending FileKey, admission: Admission = .open,
    challengeRules: ChallengeRules = ChallengeRules()
  ) throws {
    let publicKey = key.publicKey
    let chain = try store.keyChain() ?? OwnKeyChain(firstKey: publicKey)
    guard chain.newestKey == publicKey else {
      throw Failure.keyIsNotTheNewest(expected: chain.newestKey)
    }
    self.store = store
    self.admission = admission
    self.challengeRules = challengeRules
    self.publicKey = publicKey
    keyChain = chain
    log = GatewayLog(firstKey: chain.firstKey)
    self.key = Mutex(key)
  }

  /// A batch whose form and signature are right. What it says about the log is not decided yet.
  public struct CheckedBatch: Sendable {
    public let bytes: [UInt8]
    public let device: Device
    public let verified: VerifiedCheckpoint
    /// Index of the first leaf that the items speak of.
    let start: UInt64?
    let reachesAcross: Bool
    let checkpointRange: Range<Int>
    var receivedUTCMilliseconds: Int64

    /// The checkpoint as it was sent.
    public var message: [UInt8] { Array(bytes[checkpointRange]) }
    var checkpoint: Checkpoint { verified.checkpoint }
  }

  public enum Answer: Sendable {
    /// New, verified, and durable.
    case stored(receipt: [UInt8], BatchSummary)
    /// Had before: the receipt that was given then, byte for byte.
    case repeated(receipt: [UInt8], BatchSummary)
    /// Had before with hashes in place of leaves, some of which this one has brought. The receipt is the one
    /// that was given then.
    case filled(receipt: [UInt8], BatchSummary)
    case refused(Problem, Subject?)
  }

  /// Batches that wait for the one before them.
  public var earlyCount: Int { early.count }

  /// What was decided about one batch.
  public struct Decision: Sendable {
    public let batch: CheckedBatch
    public let answer: Answer
    /// Came before its time, and was held until the one before it had come: nobody waits for this answer.
    public let wasHeld: Bool
  }

  /// Whom a refusal is about, as far as a signature says so.
  public struct Subject: Equatable, Sendable {
    public let deviceKeyHash: Digest
    public let epoch: UInt64
    public let batch: UInt64
  }

  /// Judges one batch from its first byte to its receipt.
  public func receive(_ batch: [UInt8], utcMilliseconds: Int64) -> Answer {
    do throws(Problem) {
      let checked = try check(batch, utcMilliseconds: utcMilliseconds)
      return store([checked])[0]
    } catch {
      return .refused(error, nil)
    }
  }

  /// Form, key and signature: all that can be said before the log is looked at.
  public func check(_ batch: [UInt8], utcMilliseconds: Int64) throws(Problem) -> CheckedBatch {
    let outline = try BatchOutline(batch.span)
    guard let device = try device(withKeyID: outline.head.keyID) else {
      throw Problem(.unknownKey)
    }
    if store.closedKeys[device.id] == .revoked { throw Problem(.keyRevoked) }
    do throws(Refusal) {
      let verified = try VerifiedCheckpoint(
        verifying: batch.span.extracting(outline.head.checkpointRange), key: device.key,
        es256: ES256())
      return CheckedBatch(
        bytes: batch, device: device, verified: verified, start: outline.start,
        reachesAcross: outline.reachesAcross, checkpointRange: outline.head.checkpointRange,
        receivedUTCMilliseconds: utcMilliseconds)
    } catch {
      throw Problem(error)
    }
  }

  private func device(withKeyID keyID: KeyID) throws(Problem) -> Device? {
    if let device = knownDevices[keyID] { return device }
    do {
      let device = try store.database.read { try Device.find($0, keyID: keyID) }
      if let device { knownDevices.add(device) }
      return device
    } catch {
      throw Problem(storageError: error)
    }
  }

  /// The answers to `batches`, one for each: see `decide`.
  public func store(_ batches: [CheckedBatch]) -> [Answer] {
    decide(batches).filter { !$0.wasHeld }.map(\.answer)
  }

  /// Decides for each batch, in the order given, and for those that were held for them, and writes all that is
  /// accepted in one transaction. When the disk refuses, all are refusals and nothing of them is stored.
  public func decide(_ batches: [CheckedBatch]) -> [Decision] {
    do {
      return try store.database.writeWithoutTransaction { database in
        var decisions: [Decision] = []
        try database.inTransaction(.immediate) {
          if let first = batches.first {
            try log.beginIfEmpty(utcMilliseconds: first.receivedUTCMilliseconds, in: database)
          }
          for batch in batches { try decide(batch, into: &decisions, database) }
          return .commit
        }
        return decisions
      }
    } catch {
      let problem = Problem(storageError: error)
      return batches.map {
        Decision(batch: $0, answer: .refused(problem, $0.subject), wasHeld: false)
      }
    }
  }

  private func decide(
    _ batch: CheckedBatch, into decisions: inout [Decision], _ database: Database
  ) throws {
    var decision = Decision(batch: batch, answer: try judge(batch, database), wasHeld: false)
    decisions.append(decision)
    // As many as one device may have waiting.
    for _ in 0..<EarlyBatches.maximumCountAhead {
      guard case .stored = decision.answer, let next = early.takeSuccessor(of: decision.batch)
      else { return }
      decision = Decision(batch: next, answer: try judge(next, database), wasHeld: true)
      decisions.append(decision)
    }
  }

  /// A throw is the store's failure and undoes the transaction; a refusal is an answer.
  private func judge(_ batch: CheckedBatch, _ database: Database) throws -> Answer {
    let closed = store.closedKeys[batch.device.id]
    // Revoked since its signature was checked.
    if closed == .revoked { return .refused(Problem(.keyRevoked), batch.subject) }
    let verdict = try LogPosition.verdict(on: batch, database)
    switch verdict {
    case .repeated(let held):
      if let summary = try fill(held, from: batch, database) {
        return .filled(receipt: held.receipt, summary)
      }
      return .repeated(receipt: held.receipt, held.summary)
    case .refused(let problem):
      if closed != nil { return .refused(Problem(.keyRevoked), batch.subject) }
      if problem.code == .gap, let expected = problem.expected {
        early.hold(batch, expected: expected)
      }
      return .refused(problem, batch.subject)
    case .conflict(let code, let held, let expected):
      if try SignedPair.keep(code: code, held: held, batch, database), code == .fork {
        try log.append(
          .fork(held: held, sent: batch.message), utcMilliseconds: batch.receivedUTCMilliseconds,
          in: database)
      }
      let problem = Problem(
        code, detail: code == .fork ? "Two signed checkpoints for one position are kept." : nil,
        expected: expected, evidence: .init(held: held, sent: batch.message))
      return .refused(problem, batch.subject)
    case .continues(let known):
      // Under a succeeded key what is held is answered, and a fork is one; nothing new is taken.
      if closed != nil { return .refused(Problem(.keyRevoked), batch.subject) }
      return try accept(batch, known: known, database)
    }
  }

  private func accept(_ batch: CheckedBatch, known: MerkleFrontier, _ database: Database) throws
    -> Answer
  {
    guard !batch.reachesAcross else {
      // The same tree as with smaller ones; but leaves behind it could never be filled in.
      let detail = "A subtree stands for leaves on both sides of the batch's first."
      return .refused(Problem(.sizeMismatch, detail: detail), batch.subject)
    }
    let content: BatchVerifier.Content
    do throws(Refusal) {
      content = try BatchVerifier.content(
        of: batch.bytes.span, checkpoint: batch.checkpoint, known: known,
        hash: OpenSSLTreeHash.self)
    } catch {
      return .refused(Problem(error), batch.subject)
    }
    guard let receipt = receipt(for: batch) else {
      let problem = Problem(
        .unavailable, detail: "The gateway could not sign the receipt.", retryAfterSeconds: 60)
      return .refused(problem, batch.subject)
    }
    let summary = try database.insert(batch, content: content, receipt: receipt)
    try log.append(
      .message(.receipt, receipt), utcMilliseconds: batch.receivedUTCMilliseconds, in: database)
    return .stored(receipt: receipt, summary)
  }

  private func receipt(for batch: CheckedBatch) -> [UInt8]? {
    let checkpoint = batch.checkpoint
    let receipt = Receipt(
      algorithm: publicKey.algorithm, keyID: publicKey.keyID,
      deviceKeyHash: batch.device.keyHash, epoch: checkpoint.epoch, batch: checkpoint.batch,
      size: checkpoint.size, receivedUTCMilliseconds: batch.receivedUTCMilliseconds,
      result: Receipt.resultStored, checkpointHash: batch.verified.sigStructureHash)
    return signed(maximumByteCount: Receipt.maximumMessageByteCount) {
      (signer: inout FileKey, bytes) throws(SigningFailure) in
      try receipt.sign(with: &signer, into: bytes)
    }
  }

  /// What the gateway's key signs; nil when it does not.
  func signed(
    maximumByteCount: Int,
    _ sign: (inout FileKey, consuming MutableSpan<UInt8>) throws(SigningFailure) -> Int
  ) -> [UInt8]? {
    guard !isRetired.withLock({ $0 }) else { return nil }
    var bytes = [UInt8](repeating: 0, count: maximumByteCount)
    let count: Int? = key.withLock { signer in
      do throws(SigningFailure) {
        return try sign(&signer, bytes.mutableSpan)
      } catch {
        return nil
      }
    }
    guard let count else { return nil }
    bytes.removeLast(bytes.count - count)
    return bytes
  }
}

extension Gateway.CheckedBatch {
  var subject: Gateway.Subject {
    Gateway.Subject(
      deviceKeyHash: device.keyHash, epoch: checkpoint.epoch, batch: checkpoint.batch)
  }
}

extension Problem {
  /// What a device is told when the store fails. It tries again; nothing of its batch was kept.
  init(storageError error: any Error) {
    let code = (error as? DatabaseError)?.resultCode
    switch code {
    case .SQLITE_FULL, .SQLITE_IOERR, .SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_CORRUPT:
      self.init(.storageFull, detail: "The store can't be written.", retryAfterSeconds: 300)
    default:
      self.init(.unavailable, detail: "The store did not answer.", retryAfterSeconds: 15)
    }
  }
}
