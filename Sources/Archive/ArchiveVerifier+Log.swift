import CBOR
import FixedMemory
import HostCryptography
import Identity
import Proofs
import Records
import Verifier

/// The second reading: leaf by leaf, as the gateway wrote them.
extension ArchiveVerifier {
  /// A leaf on its way through the checks.
  struct LeafPlace {
    let index: UInt64
    let offset: UInt64
    let utcMilliseconds: Int64

    var place: Finding.Place {
      Finding.Place(file: ArchiveFormat.File.log.rawValue, offset: offset, leaf: index)
    }
  }

  func readLog() throws(ArchiveFailure) {
    let reader = try SequenceReader(.log, in: folder)
    while true {
      switch try reader.step() {
      case .end:
        progress(reader.byteCount, reader.byteCount)
        return
      case .damage(let offset, let why, let isTooLong):
        tellDamage(.logDamaged, .log, offset, why, isTooLong)
        return
      case .item(let bytes, let offset):
        if frontier.size.isMultiple(of: 4096) { progress(offset, reader.byteCount) }
        let index = frontier.size
        do throws(CBORDecoder.Failure) {
          try take(bytes, index, offset)
        } catch {
          findings.add(
            .logDamaged, "leaf \(index) is no leaf: \(error.words)",
            at: place(.log, offset, leaf: index))
        }
        frontier.append(
          subtree: OpenSSLTreeHash.leafHash(bytes.span), count: 1, by: OpenSSLTreeHash.self)
        keepRoot()
      }
    }
  }

  /// Keeps the root where somebody has a head.
  private func keepRoot() {
    guard nextWanted < wantedSizes.count, wantedSizes[nextWanted] == frontier.size else { return }
    roots[frontier.size] = frontier.root(by: OpenSSLTreeHash.self)
    nextWanted += 1
  }

  private func take(_ bytes: [UInt8], _ index: UInt64, _ offset: UInt64)
    throws(CBORDecoder.Failure)
  {
    let leaf = try GatewayLogLeaf(decoding: bytes.span)
    let at = LeafPlace(index: index, offset: offset, utcMilliseconds: leaf.utcMilliseconds)
    if index == 0 {
      firstUTC = leaf.utcMilliseconds
    } else if leaf.utcMilliseconds < lastUTC {
      findings.add(
        .timeBackwards,
        "leaf \(index) is \(lastUTC - leaf.utcMilliseconds) ms before the one in front of it",
        at: at.place)
    }
    lastUTC = max(lastUTC, leaf.utcMilliseconds)
    if index == 0, leaf.kind != .firstKey {
      findings.add(.firstLeaf, "leaf 0 is another document", at: at.place)
    }
    switch leaf.document {
    case .firstKey(let key): takeFirst(PublicKey(ed25519: key), at)
    case .message(let message): take(leaf.kind, message, at)
    case .operatorRevocation(let deviceKeyHash, _): takeRevocation(of: deviceKeyHash, at)
    case .fork(let held, let sent): takeFork(held, sent, at)
    }
  }

  private func take(_ kind: GatewayLogLeaf.Kind, _ message: Span<UInt8>, _ at: LeafPlace) {
    switch kind {
    case .receipt: takeReceipt(message, at)
    case .challenge: takeChallenge(message, at)
    case .enrolment: takeEnrolment(message, at)
    case .revocation: takeRevocation(message, at)
    case .keyChange: takeKeyChange(message, at)
    // Not messages by themselves.
    case .firstKey, .operatorRevocation, .fork: break
    }
  }

  // MARK: - The gateway's keys

  /// The key that signs at the log's present size.
  var keyInForce: PublicKey? { chain.last?.key }

  private func takeFirst(_ key: PublicKey, _ at: LeafPlace) {
    guard at.index == 0 else {
      findings.add(.firstLeaf, "leaf \(at.index) is a first key too", at: at.place)
      return
    }
    if !SignatureCheck.isPossibleKey(key) {
      findings.add(.firstLeaf, "nobody can hold the key of leaf 0", at: at.place)
    }
    chain = [(key, 1)]
  }

  private func takeKeyChange(_ message: Span<UInt8>, _ at: LeafPlace) {
    report.counts.keyChanges += 1
    guard let old = keyInForce else { return }
    do throws(Refusal) {
      let change = try GatewayKeyChange(verifying: message, gatewayKey: old)
      guard SignatureCheck.isPossibleKey(change.newKey) else { throw Refusal(.malformed) }
      guard !chain.contains(where: { $0.key == change.newKey }) else {
        throw Refusal(.keyMismatch)
      }
      if change.nowUTCMilliseconds > at.utcMilliseconds {
        findings.add(
          .keyChangeRefused, "leaf \(at.index): said at a later time than it stands in the log",
          at: at.place, evidence(message, "key change"))
      }
      chain.append((change.newKey, at.index + 1))
    } catch {
      findings.add(
        .keyChangeRefused, "leaf \(at.index): \(error.words)", at: at.place,
        evidence(message, "key change"))
    }
  }

  // MARK: - Challenges and forks

  private func takeChallenge(_ message: Span<UInt8>, _ at: LeafPlace) {
    report.counts.challenges += 1
    guard let key = keyInForce else { return }
    let challenge: Challenge
    do throws(Refusal) {
      challenge = try Challenge(verifying: message, gatewayKey: key)
    } catch {
      findings.add(
        .challengeUnsigned, "leaf \(at.index): \(error.words)", at: at.place,
        evidence(message, "challenge"))
      return
    }
    if let last = lastChallenge, challenge.number <= last {
      findings.add(
        .challengeNumber, "number \(challenge.number) comes after \(last)", at: at.place,
        evidence(message, "challenge"))
    }
    lastChallenge = max(lastChallenge ?? 0, challenge.number)
    gatherChallenge(message, at.index)
    if challenge.issuedUTCMilliseconds > at.utcMilliseconds {
      findings.add(
        .challengeAhead,
        "number \(challenge.number) is of \(challenge.issuedUTCMilliseconds - at.utcMilliseconds) ms later",
        at: at.place, evidence(message, "challenge"))
    } else if !challenge.isInForce(atUTCMilliseconds: at.utcMilliseconds) {
      findings.add(.challengeStale, "number \(challenge.number)", at: at.place)
    }
  }

  private func takeFork(_ held: Span<UInt8>, _ sent: Span<UInt8>, _ at: LeafPlace) {
    report.counts.forks += 1
    let both = evidence(held, "held checkpoint") + evidence(sent, "sent checkpoint")
    do throws(Refusal) {
      let keyID: KeyID
      do throws(CBORDecoder.Failure) { keyID = try Checkpoint(decoding: held).keyID } catch {
        throw Refusal(error)
      }
      guard let index = devices.index(ofKeyID: keyID) else { throw Refusal(.unknownKey) }
      devices[index].isUsed = true
      let key = devices[index].key
      let first = try VerifiedCheckpoint(verifying: held, key: key, es256: es256)
      let second = try VerifiedCheckpoint(verifying: sent, key: key, es256: es256)
      guard first.checkpoint.epoch == second.checkpoint.epoch,
        first.checkpoint.batch == second.checkpoint.batch,
        first.sigStructureHash != second.sigStructureHash
      else { throw Refusal(.sizeMismatch) }
      book.addFork(
        of: devices[index].keyHash, epoch: first.checkpoint.epoch, batch: first.checkpoint.batch)
      guard report.forks.count < FindingList.maximumKeptOfName else { return }
      report.forks.append(
        ArchiveReport.Fork(
          leaf: at.index, deviceKeyHash: devices[index].keyHash, epoch: first.checkpoint.epoch,
          batch: first.checkpoint.batch, held: both[0].bytes, sent: both[1].bytes))
    } catch {
      let why =
        error.code == .sizeMismatch
        ? "the two are not of one position, or are the same" : error.words
      findings.add(.forkUnproved, "leaf \(at.index): \(why)", at: at.place, both)
    }
  }

  func evidence(_ message: Span<UInt8>, _ what: String) -> [Finding.Evidence] {
    [Finding.Evidence(what: what, bytes: message.withUnsafeBufferPointer { Array($0) })]
  }
}

extension Refusal {
  /// The reason's name and what it means, for people.
  var words: String {
    let leaf = leafIndex.map { " (leaf \($0) of the device)" } ?? ""
    return "\(code.name.text): \(code.meaning.text)\(leaf)"
  }
}
