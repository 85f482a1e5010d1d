import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs
import Signers
import Spool

typealias AgentLog = DeviceLog<FileStorage>

/// Opens the key, or makes it at the first start. Whatever is wrong with it ends the program: a key that
/// others could read may be known, and a new one would be another node.
///
/// - `isNew`: set when it was made.
func openKey(_ paths: NodePaths, hardware: HardwareIdentity, isNew: inout Bool) -> FileKey {
  do throws(FileKey.Failure) {
    let key = try openOrMakeKey(paths, hardware, isNew: &isNew)
    if !isPublicKey(key.publicKey, of: paths) {
      try key.writePublicKey(to: paths.publicKey.span)
    }
    return key
  } catch {
    var text = TextBuilder<512>()
    text.append("cairn-agent: ")
    text.append(paths.key.span)
    text.append(": ")
    describe(error, paths, &text)
    end(status(of: error), text.span)
  }
}

/// A disk that is full or fails is no reason to give up for good: the next start may find it well.
private func status(of failure: FileKey.Failure) -> ExitStatus {
  if case .system(let errno) = failure, SystemError(errno: errno).isOfStorage {
    return .storageFailed
  }
  return .refused
}

/// True when device.pub stands there and is this key's. The log of one key is never continued with another:
/// a seed that was changed, by accident or not, is another node.
private func isPublicKey(_ publicKey: PublicKey, of paths: NodePaths) -> Bool {
  var bytes = InlineArray<33, UInt8>(repeating: 0)
  var span = bytes.mutableSpan
  do throws(FileFailure) {
    let count = try readFile(paths.publicKey, into: &span)
    if span.span.extracting(0..<count).equals(publicKey.bytes.span) { return true }
    // Cut short or empty: the key itself says what belongs there, and the log whether it is its key.
    if count < 32 { return false }
  } catch {
    if error == .notFound { return false }
    var text = TextBuilder<512>()
    text.append("cairn-agent: ")
    text.append(paths.publicKey.span)
    text.append(
      ": can't be read as a public key; move away what stands there, and it is written anew")
    end(.refused, text.span)
  }
  guard isFormatted(paths) else { return false }
  var text = TextBuilder<512>()
  text.append("cairn-agent: ")
  text.append(paths.key.span)
  text.append(": is not the key of device.pub and of the spool beside it: it was exchanged or is ")
  text.append("damaged. Restore it; to begin as another node, move spool and device.pub away")
  end(.refused, text.span)
}

private func openOrMakeKey(
  _ paths: NodePaths, _ hardware: HardwareIdentity, isNew: inout Bool
) throws(FileKey.Failure) -> FileKey {
  do throws(FileKey.Failure) {
    return try FileKey(opening: paths.key.span)
  } catch {
    guard error == .missing else { throw error }
    if isFormatted(paths) {
      var text = TextBuilder<512>()
      text.append("cairn-agent: ")
      text.append(paths.key.span)
      text.append(": there is a spool and no key for it: restore the key, or mend [key] address; ")
      text.append("to begin as another node, move the spool away")
      end(.refused, text.span)
    }
    isNew = true
    return try FileKey(creatingAt: paths.key.span, hardware: hardware)
  }
}

/// Binds the key to the hardware that it is on.
func bind(_ key: inout FileKey, to hardware: HardwareIdentity, _ paths: NodePaths) {
  do throws(FileKey.Failure) { try key.bind(to: hardware) } catch { endForKey(paths, error) }
}

/// The next epoch. A number that nobody counts to comes from a damaged key file.
func nextEpoch(after last: UInt64) -> UInt64 {
  guard last < 1 << 62 else {
    end(.refused, "cairn-agent: the key names an impossible epoch: restore it from a backup")
  }
  return last + 1
}

/// False when there is no spool, or formatting it was cut short.
func isFormatted(_ paths: NodePaths) -> Bool {
  let storage: FileStorage
  do throws(FileStorage.Failure) {
    storage = try FileStorage.open(at: paths.spool, access: .readOnly)
  } catch {
    if error == .notFound { return false }
    endForSpool(paths, error)
  }
  do throws(SpoolFailure) {
    _ = try SpoolReader(opening: storage)
    return true
  } catch {
    guard error == .notASpool else { endForLog(paths, .spool(error)) }
    if isBlank(paths) { return false }
    var text = TextBuilder<512>()
    text.append("cairn-agent: ")
    text.append(paths.spool.span)
    text.append(": is no spool, or its beginning is damaged. What it holds may be undelivered: ")
    text.append("look at it, then move it away; a new epoch begins")
    end(.refused, text.span)
  }
}

/// True for a file that was made and whose formatting was cut short: its first block is all zero, and no
/// segment was ever begun in it. An erased first block alone is damage, with a log behind it.
private func isBlank(_ paths: NodePaths) -> Bool {
  var block = InlineArray<4096, UInt8>(repeating: 1)
  var span = block.mutableSpan
  do throws(FileStorage.Failure) {
    var storage = try FileStorage.open(at: paths.spool, access: .readOnly)
    // No spool is larger, and the look would not end.
    let largest =
      SpoolLayout.segmentsOffset
      + UInt64(SpoolLayout.maximumSegmentByteCount) * UInt64(SpoolLayout.maximumSegmentCount)
    guard storage.byteCount <= largest else { return false }
    do throws(StorageError) {
      try storage.read(into: &span, at: 0)
      for index in span.indices where span[index] != 0 { return false }
      // Wherever segments of any size begin.
      var offset = SpoolLayout.segmentsOffset
      while offset + 4096 <= storage.byteCount {
        try storage.read(into: &span, at: offset)
        if span.span.extracting(0..<4).equals("CSEG") { return false }
        offset += 4096
      }
    } catch { return false }
  } catch { return false }
  return true
}

private func describe(
  _ failure: FileKey.Failure, _ paths: NodePaths, _ text: inout TextBuilder<512>
) {
  describe(failure, &text)
  guard paths.isKeyNamed, case .system = failure else { return }
  text.append(". [key] address names it: its folder must be the agent's user's, ")
  text.append("and stand in ReadWritePaths= of cairn-agent.service")
}

private func describe(_ failure: FileKey.Failure, _ text: inout TextBuilder<512>) {
  switch failure {
  case .missing: text.append("no such folder: make it, owned by the agent's user")
  case .readableByOthers(let mode, let owner):
    text.append("mode ")
    text.append(UInt64(mode >> 6 & 7), digits: 1)
    text.append(UInt64(mode >> 3 & 7), digits: 1)
    text.append(UInt64(mode & 7), digits: 1)
    text.append(", owner ")
    text.append(owner)
    text.append(
      ": others can read or replace this key, so it may be known. If nobody did: chmod 600, chown")
  case .notAFile: text.append("is not a file")
  case .malformed: text.append("is not a key file, or damaged: restore it from a backup")
  case .unsupportedVersion: text.append("was written by a later version of Cairn")
  case .pathTooLong: text.append("the path is too long")
  case .noRandomness: text.append("the kernel gives no random bytes")
  case .noSecureMemory: text.append("no locked memory left: raise RLIMIT_MEMLOCK (LimitMEMLOCK=)")
  case .noFolder:
    text.append("its folder is not there: make it, owned by the agent's user, or look at --state")
  case .system(let errno): text.append(SystemError(errno: errno))
  }
}

/// How a log is opened.
struct LogStart {
  /// The key was made a moment ago: nothing was ever signed with it.
  var isKeyNew = false
  /// The key came from other hardware, where it may have signed more than this spool knows.
  var isAdopted = false
  /// What the gateway has of this key's log.
  var head: DeviceHead?
}

/// A new epoch that is durable with the key, and begins in the log when there is room.
struct OwedEpoch {
  let number: UInt64
  /// The last checkpoint known, when it is not the log's own.
  let previous: Digest?
}

/// Opens the log, or makes it. No position is ever signed twice:
///
///     key new, no spool           → a spool in the key's epoch, 0
///     no spool                    → it is lost, or was cut at its first start: the epoch behind the key's and the
///                                   gateway's is durable with the key before a spool is made
///     adopted from other hardware → the epoch behind the key's, the spool's and the gateway's
///     spool new                   → the key's epoch, which nothing was signed in
///     spool older than the key    → it is a copy from before: the key's epoch + 1
///     spool newer than the key    → the key comes from a backup: it learns the spool's epoch
///     spool lost what was durable → epoch + 1
func openLog(
  _ paths: NodePaths, _ site: borrowing SiteConfiguration, _ start: LogStart, key: inout FileKey,
  owed: inout OwedEpoch?
) -> AgentLog {
  let headEpoch = start.head?.epoch ?? 0
  if !isFormatted(paths) {
    if !start.isKeyNew { recordEpoch(nextEpoch(after: max(key.epoch, headEpoch)), &key, paths) }
    makeSpool(paths, site)
  }
  do throws(AgentLog.Failure) {
    let storage: FileStorage
    do throws(FileStorage.Failure) {
      storage = try FileStorage.open(at: paths.spool, access: .readWrite)
    } catch { endForSpool(paths, error) }
    var log = try AgentLog.recover(
      storage, policy: site.spool.whenFull == .stop ? .stop : .dropOldest)
    if let signer = log.lastKeyID, signer != key.publicKey.keyID { endForForeignLog(paths) }
    switch log.recovery {
    case .new: try log.begin(epoch: key.epoch, after: start.head?.checkpointHash)
    case .resumed where start.isAdopted:
      let known = log.state
      recordEpoch(nextEpoch(after: max(max(key.epoch, headEpoch), known.epoch)), &key, paths)
      // The later of what the gateway has and what this spool has.
      let isGatewayAhead =
        headEpoch > known.epoch
        || (headEpoch == known.epoch && (start.head?.batch ?? 0) >= known.batch)
      owed = OwedEpoch(
        number: key.epoch, previous: isGatewayAhead ? start.head?.checkpointHash : nil)
    case .resumed:
      if log.state.epoch < key.epoch {
        recordEpoch(nextEpoch(after: key.epoch), &key, paths)
        owed = OwedEpoch(number: key.epoch, previous: nil)
      } else if log.state.epoch > key.epoch {
        recordEpoch(log.state.epoch, &key, paths)
      }
    case .epochNeeded:
      recordEpoch(nextEpoch(after: max(max(key.epoch, headEpoch), log.state.epoch)), &key, paths)
      owed = OwedEpoch(number: key.epoch, previous: nil)
    }
    // What was durable and unsigned when the agent ended, in a batch of its old boot. Before a new epoch it
    // is void.
    if owed == nil { _ = try log.seal(with: &key) }
    return log
  } catch {
    endForLog(paths, error)
  }
}

/// Makes an epoch durable with the key, before anything is signed in it.
func recordEpoch(_ epoch: UInt64, _ key: inout FileKey, _ paths: NodePaths) {
  do throws(FileKey.Failure) { try key.record(epoch: epoch) } catch { endForKey(paths, error) }
}

private func endForKey(_ paths: NodePaths, _ failure: FileKey.Failure) -> Never {
  var text = TextBuilder<512>()
  text.append("cairn-agent: ")
  text.append(paths.key.span)
  text.append(": ")
  describe(failure, paths, &text)
  end(.storageFailed, text.span)
}

private func makeSpool(_ paths: NodePaths, _ site: borrowing SiteConfiguration) {
  var spoolID = FixedBytes<16>()
  let words: InlineArray<2, UInt64> = [randomWord(), randomWord()]
  for index in 0..<16 {
    spoolID[index] = UInt8(truncatingIfNeeded: words[index / 8] >> UInt64(index % 8 * 8))
  }
  do throws(FileStorage.Failure) {
    var storage: FileStorage
    do throws(FileStorage.Failure) {
      // What formatting left when it was cut short.
      storage = try FileStorage.open(at: paths.spool, access: .readWrite)
    } catch {
      guard error == .notFound else { throw error }
      storage = try FileStorage.create(
        at: paths.spool,
        byteCount: SpoolLayout.segmentsOffset + UInt64(site.spool.byteCount), mode: 0o640)
    }
    do throws(SpoolFailure) {
      try SpoolWriter<FileStorage>.format(
        &storage, spoolID: spoolID, segmentByteCount: UInt32(site.spool.segmentByteCount))
    } catch { endForLog(paths, .spool(error)) }
  } catch {
    endForSpool(paths, error)
  }
}

func endForSpool(_ paths: NodePaths, _ failure: FileStorage.Failure) -> Never {
  var text = TextBuilder<512>()
  text.append("cairn-agent: ")
  text.append(paths.spool.span)
  text.append(": ")
  switch failure {
  case .notFound: text.append("no such folder; make it, owned by the agent's user")
  case .locked: text.append("another agent has it open")
  case .notAFile: text.append("is not a file")
  case .noSpace:
    text.append("the disk has no room for the spool: free some, or set [spool] size lower")
  case .alreadyExists: text.append("exists already")
  case .pathTooLong: text.append("the path is too long")
  case .system(let errno): text.append(SystemError(errno: errno))
  }
  var status = failure == .noSpace ? ExitStatus.storageFailed : .refused
  if case .system(let errno) = failure, SystemError(errno: errno).isOfStorage {
    status = .storageFailed
  }
  end(status, text.span)
}

private func endForForeignLog(_ paths: NodePaths) -> Never {
  var text = TextBuilder<512>()
  text.append("cairn-agent: ")
  text.append(paths.spool.span)
  text.append(
    ": was signed with another key than this node's. Restore that key; to begin as another node, ")
  text.append("move spool and device.pub away")
  end(.refused, text.span)
}

func endForLog(_ paths: NodePaths, _ failure: AgentLog.Failure) -> Never {
  var text = TextBuilder<512>()
  text.append("cairn-agent: ")
  text.append(paths.spool.span)
  text.append(": ")
  var status = ExitStatus.storageFailed
  switch failure {
  case .batchFull, .full:
    text.append("no room in the ring: deliver something, or set [spool] size higher")
  case .signing: text.append("the key did not sign")
  case .foreignContent:
    text.append("is intact, and its content is not this version's: move it away to begin a new log")
    status = .refused
  case .spool(let failure): describe(failure, &text, &status)
  }
  end(status, text.span)
}

private func describe(
  _ failure: SpoolFailure, _ text: inout TextBuilder<512>, _ status: inout ExitStatus
) {
  switch failure {
  case .unsupportedVersion(let version):
    text.append("has format version ")
    text.append(version)
    text.append(", this program knows 1: install the matching version, or move the file away")
    status = .refused
  case .superblockDamaged:
    text.append("its first block is damaged: restore it, or move it away; then a new epoch begins")
    status = .refused
  case .wrongByteCount(let expected, let found):
    text.append("has ")
    text.append(found)
    text.append(" bytes, not ")
    text.append(expected)
    text.append(": cut or from elsewhere; move it away to begin a new epoch")
    status = .refused
  case .unusableGeometry:
    text.append("[spool] size and segment don't go together")
    status = .configuration
  case .storage(.noSpace): text.append("no space left on the device")
  case .storage(.readOnly):
    text.append("the file system is read-only: look at the card")
  case .storage(.system(let errno)): text.append(SystemError(errno: errno))
  case .damaged, .noteDamaged:
    text.append("part of it is damaged: export what `cairn log list` shows, then move it away")
    status = .refused
  case .incarnationsExhausted, .notesExhausted:
    text.append("was opened more often than its format counts: move it away to begin a new epoch")
    status = .refused
  default: text.append("storage failed; a new start recovers what is durable")
  }
}
