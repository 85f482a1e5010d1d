import Delivery
import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs
import Spool

/// Reading: the public key, the spool, the cursor.
extension Uplink where Transport: ~Copyable {
  /// The agent makes key and spool at its first start, which may come after this program's.
  static func awaitKey(_ paths: NodePaths, _ signals: borrowing TerminationSignals) -> PublicKey? {
    var isSaid = false
    while true {
      if let key = readKey(paths) { return key }
      guard waitForAgent(&isSaid, signals) else { return nil }
    }
  }

  static func awaitSpool(
    _ paths: NodePaths, _ deviceKey: PublicKey, _ gatewayKey: PublicKey?,
    _ transport: inout Transport, _ signals: borrowing TerminationSignals,
    file: inout FileIdentity?
  ) -> Reader? {
    var isSaid = false
    while true {
      if let reader = openSpool(paths, file: &file) { return reader }
      lookForWaitingAgent(
        paths, deviceKey, gatewayKey, &transport, stop: signals.pollDescriptor)
      guard waitForAgent(&isSaid, signals) else { return nil }
    }
  }

  /// Nil while the agent has not made it. What does not get better by waiting ends the program.
  private static func readKey(_ paths: NodePaths) -> PublicKey? {
    var bytes = FixedBytes<32>()
    var span = bytes.mutableSpan
    do throws(FileFailure) {
      guard try readFile(paths.publicKey, into: &span) == 32 else {
        endForState(
          paths.publicKey, ": is not a key of 32 bytes; start the agent, which says what to do")
      }
      return PublicKey(ed25519: bytes)
    } catch {
      if error == .notFound { return nil }
      endForState(
        paths.publicKey,
        ": can't be read as a key of 32 bytes; look at its mode, or start the agent, which writes it anew"
      )
    }
  }

  /// Nil while the agent has not made it, or has not ended formatting it. What does not get better by
  /// waiting ends the program. `file` is then which file it is.
  ///
  /// The two are not one value: a struct around the reader's 80 KB is taken apart byte by byte when it is
  /// moved, which Swift 6.3.1 spends minutes on.
  private static func openSpool(_ paths: NodePaths, file: inout FileIdentity?) -> Reader? {
    do throws(FileStorage.Failure) {
      let storage = try FileStorage.open(at: paths.spool, access: .readOnly)
      file = storage.identity
      do throws(Reader.Failure) {
        return try Reader(opening: storage)
      } catch {
        if error == .spool(.notASpool) { return nil }
        endForSpool(paths, error)
      }
    } catch {
      if error == .notFound { return nil }
      endForState(
        paths.spool,
        ": can't be opened for reading; is the uplink's user in the agent's group?")
    }
  }

  /// The agent makes a new spool, and perhaps a new key, when the operator took the old one away. What is
  /// open is then a file without a name, which nothing is added to: delivery goes on in the new one.
  ///
  /// Called between two errands only: what waits, or is blocked, was about a batch of the old spool.
  mutating func followSpool() {
    do throws(FileFailure) {
      let present = try FileIdentity(at: paths.spool)
      guard isSpoolReplaced || present != spoolFile else { return }
    } catch { return }  // Not made yet: what is open may still be delivered.
    guard let key = Self.readKey(paths) else { return }
    var file: FileIdentity?
    guard let found = Self.openSpool(paths, file: &file) else { return }
    spoolFile = file
    reader = found
    isSpoolReplaced = false
    isPlaceOwed = true
    (isBacklogged, fillSequence, nextFill) = (false, 1, 0)
    floor = BatchPosition(epoch: 0, batch: 0)
    firstOfOwnHistory = floor
    redeliveryStart = nil
    if key.hash == deviceKey.hash {
      cursor.move(to: cursor.next, spoolSequence: 1)
    } else {
      deviceKey = key
      transport.use(key.keyID)
      cursor = Self.fresh(key.hash)
    }
    machine = DeliveryStateMachine()
    timer = nil
    say("the agent has made a new spool; delivery goes on there")
    storeCursor()
    goToCursor()
  }

  /// A second. False when the program is asked to end.
  private static func waitForAgent(_ isSaid: inout Bool, _ signals: borrowing TerminationSignals)
    -> Bool
  {
    if !isSaid {
      isSaid = true
      tell("waits for key and spool, which the agent makes at its first start; does it run?")
    }
    var poller = Poller()
    _ = poller.watch(signals.pollDescriptor)
    do throws(SystemError) {
      _ = try poller.wait(milliseconds: 1000)
      return try signals.next() == nil
    } catch { return false }
  }

  private static func endForSpool(_ paths: NodePaths, _ failure: Reader.Failure) -> Never {
    switch failure {
    case .spool(.unsupportedVersion):
      endForState(
        paths.spool, ": has another format version; install the uplink that fits the agent")
    case .spool(.storage):
      endForState(
        paths.spool, ": can't be read; look at the card and at `dmesg`", .storageFailed)
    case .spool, .foreignContent, .noBatch, .cannotResume:
      endForState(
        paths.spool, ": is damaged or cut; start the agent, which says what to do about it")
    }
  }

  private static func endForState(
    _ path: FixedPath, _ what: StaticString, _ status: ExitStatus = .refused
  )
    -> Never
  {
    var text = TextBuilder<512>()
    text.append(Transport.programName)
    text.append(": ")
    text.append(path.span)
    text.append(what)
    NodeFiles.end(status, text.span)
  }

  // MARK: cursor

  static func readCursor(_ paths: NodePaths, _ key: PublicKey) -> DeliveryCursor {
    var bytes = FixedBytes<1024>()
    var span = bytes.mutableSpan
    let keyHash = key.hash
    do throws(FileFailure) {
      let count = try readFile(paths.cursor, into: &span)
      do throws(DeliveryCursor.Failure) {
        let cursor = try DeliveryCursor(decoding: span.span.extracting(0..<count))
        if cursor.keyHash == keyHash { return cursor }
      } catch {}
    } catch {
      // The first start.
      if error == .notFound { return fresh(keyHash) }
    }
    tell(
      "the cursor is damaged or another device's: delivery begins at the oldest batch, and repeats are harmless"
    )
    return fresh(keyHash)
  }

  private static func fresh(_ keyHash: Digest) -> DeliveryCursor {
    DeliveryCursor(keyHash: keyHash, next: BatchPosition(epoch: 0, batch: 0), spoolSequence: 1)
  }

  mutating func storeCursor() {
    var bytes = InlineArray<584, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    cursor.encode(into: &span)
    do throws(FileFailure) {
      try atomicReplace(paths.cursor, with: span.span, mode: 0o640)
    } catch {
      // Only repeats are at stake; delivery goes on.
      say(
        "the cursor can't be stored: look at the state folder's owner and at the disk. A restart sends again what is delivered now, which is harmless"
      )
    }
  }

  mutating func advanceCursor(past position: BatchPosition, agentWasAway: Bool) {
    let sequence = reader.batch.map { $0.sequence + 1 } ?? reader.nextSequence
    var bytes = FixedBytes<512>()
    for index in receipt.indices { bytes[index] = receipt[index] }
    cursor.advance(
      past: position, spoolSequence: sequence,
      receipt: bytes.span.extracting(0..<receipt.count), agentWasAway: agentWasAway)
    storeCursor()
    var text = TextBuilder<128>()
    text.append("delivered batch ")
    text.append(position.epoch)
    text.append("/")
    text.append(position.batch)
    text.append(agentWasAway ? ", receipt kept until the agent is back\n" : "\n")
    lastSaid = nil
    do throws(SystemError) { try StandardStream.output.write(text) } catch {}
  }

  // MARK: batches

  mutating func sayUnreadable() {
    say("the spool can't be read: look at the card and at `dmesg`; delivery looks again later")
  }

  var hasMore: Bool { reader.nextSequence <= reader.releasedThrough }

  /// The reader stands where the cursor says, or at the oldest.
  mutating func goToCursor() {
    do throws(Reader.Failure) { try reader.seek(toSequence: cursor.spoolSequence) } catch {
      sayUnreadable()
    }
  }

  /// Offers the machine the next released batch at or after the cursor. False when none could be read.
  mutating func offerNextBatch() -> Bool {
    guard refresh(), var batch = readBatch(from: cursor.next) else { return false }
    if batch.position > cursor.next {
      // Where to read on is a hint, and may be another spool's: is it really gone, or does it lie before?
      do throws(Reader.Failure) { try reader.rewind() } catch { return false }
      guard let oldest = readBatch(from: cursor.next) else { return false }
      batch = oldest
    }
    report(.batchReady(batch.position))
    return true
  }

  private mutating func refresh() -> Bool {
    do throws(Reader.Failure) {
      try reader.refresh()
      return true
    } catch {
      isSpoolReplaced = error == .spool(.replaced)
      if !isSpoolReplaced { sayUnreadable() }
      return false
    }
  }

  /// The first whole batch at or after a position, reading on from where the reader stands. One that lost its first
  /// leaves can't be delivered, and counts as gone: the agent's gap leaf has all of it.
  mutating func readBatch(from position: BatchPosition) -> LogBatch? {
    while let batch = readAnyBatch(from: position) {
      if batch.isWhole { return batch }
    }
    return nil
  }

  private mutating func readAnyBatch(from position: BatchPosition) -> LogBatch? {
    // Damage and overtaking are passed over, each at most once per segment of the ring.
    for _ in 0...reader.geometry.segmentCount {
      do throws(Reader.Failure) {
        while let batch = try reader.next() {
          if batch.position >= position { return batch }
        }
        return nil
      } catch {
        if case .spool(.storage) = error {
          sayUnreadable()
          return nil
        }
        say("part of the spool is gone or damaged; delivery goes on behind it")
      }
    }
    return nil
  }

  /// Stands at exactly this batch, which may lie before where the reader is. Nil when it is not held; then
  /// the reader's batch is the oldest after it.
  mutating func find(_ position: BatchPosition) -> LogBatch? {
    // What is in memory counts only while the spool still has it: the agent looks the receipt's place up.
    if let batch = reader.batch, batch.position == position, reader.withheldCount == 0,
      isHeld(batch)
    {
      return batch
    }
    do throws(Reader.Failure) { try reader.rewind() } catch { return nil }
    guard let batch = readBatch(from: position), batch.position == position else { return nil }
    return batch
  }

  private mutating func isHeld(_ batch: LogBatch) -> Bool {
    do throws(Reader.Failure) { return try reader.oldestSequence() <= batch.sequence } catch {
      return false
    }
  }

  /// Looks a position up.
  mutating func seek(_ position: BatchPosition) -> DeliveryStateMachine.Event {
    guard refresh() else { return .failed(.spoolUnreadable) }
    if find(position) != nil { return .found }
    if let oldest = reader.batch { return .notHeld(oldest: oldest.position) }
    // Nothing at or after it: what comes after the newest?
    guard let newest = newestPosition() else { return .notHeld(oldest: nil) }
    return .beyondEnd(next: newest.next)
  }

  private mutating func newestPosition() -> BatchPosition? {
    do throws(Reader.Failure) { try reader.rewind() } catch { return nil }
    var newest: BatchPosition?
    // A cut one too: it says where the log ends.
    while let batch = readAnyBatch(from: BatchPosition(epoch: 0, batch: 0)) {
      newest = batch.position
    }
    return newest
  }
}

extension LogBatch {
  var position: BatchPosition {
    BatchPosition(epoch: checkpoint.epoch, batch: checkpoint.batch)
  }
}
