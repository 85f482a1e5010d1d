import FixedMemory
import Identity
import Proofs
import Records
import Verifier

/// Enrolments and revocations, replayed by the gateway's own rules with the log's time.
extension ArchiveVerifier {
  func takeEnrolment(_ message: Span<UInt8>, _ at: LeafPlace) {
    report.counts.enrolments += 1
    do throws(Refusal) {
      let verified = try VerifiedEnrolment(verifying: message, es256: es256)
      let key = verified.enrolment.deviceKey
      guard let index = device(of: key, at) else { throw Refusal(.keyMismatch) }
      let named = verified.namedNode.flatMap { nodeIndex[HashName($0)] }
      let decision = try EnrolmentRules.admission(
        of: verified, in: circumstances(of: verified, index, named: named, at))
      if case .repeated = decision {
        findings.add(.enrolmentRepeated, "leaf \(at.index)", at: at.place)
      }
      apply(decision, of: verified, to: index, named: named)
      book.add(verified.enrolment, loggedUTCMilliseconds: at.utcMilliseconds)
    } catch {
      findings.add(
        .enrolmentRefused, "leaf \(at.index): \(error.words)", at: at.place,
        evidence(message, "enrolment"))
    }
  }

  /// The device with this key; nil when another one has its identifier.
  private func device(of key: PublicKey, _ at: LeafPlace) -> Int? {
    if let index = devices.index(ofHash: key.hash) { return index }
    guard let index = devices.add(key, isListed: false) else { return nil }
    findings.add(
      .keyMissing, "key \(key.hash.short), enrolled by leaf \(at.index), is not in keys.cbor-seq",
      at: at.place)
    return index
  }

  private func circumstances(
    of verified: VerifiedEnrolment, _ index: Int, named: Int?, _ at: LeafPlace
  ) -> EnrolmentRules.Circumstances {
    var isInviteToGateway = false
    var usedBy: Digest?
    if case .invite(let invite) = verified.authorization, let hash = verified.authorizationHash {
      // An invite to a key that the gateway had is one to this gateway.
      isInviteToGateway = chain.contains { $0.key.hash == invite.gatewayKeyHash }
      usedBy = usedInvites[HashName(hash)]
    }
    var succeeded: EnrolmentRules.Node?
    if case .succession = verified.authorization { succeeded = named.map { nodes[$0] } }
    // Whom an operator takes without an owner, and of which owners, no archive tells.
    return EnrolmentRules.Circumstances(
      isInviteToGateway: isInviteToGateway, nowUTCMilliseconds: at.utcMilliseconds,
      takesNodesWithoutOwner: true, isOwnerKnown: true, inviteUsedBy: usedBy,
      isKeyRevoked: devices[index].isRevoked, nodeOfKey: devices[index].node.map { nodes[$0] },
      nodeSucceeded: succeeded)
  }

  private func apply(
    _ decision: EnrolmentRules.Admission, of verified: VerifiedEnrolment, to index: Int, named: Int?
  ) {
    devices[index].isEnrolled = true
    if decision.usesInvite, case .invite(let invite) = verified.authorization,
      invite.uses == .once, let hash = verified.authorizationHash
    {
      if usedInvites[HashName(hash)] == nil { usedInvites[HashName(hash)] = verified.hash }
    }
    switch decision {
    case .newNode(let node):
      nodeIndex[HashName(node.id)] = nodes.count
      devices[index].node = nodes.count
      nodes.append(node)
    case .repeated(let node), .nextVersion(let node), .moved(let node), .gainedOwner(let node):
      if let own = devices[index].node { nodes[own] = node }
    case .succeeded(let node):
      guard let named else { return }
      if let old = devices.index(ofHash: nodes[named].keyHash) { devices[old].isSucceeded = true }
      nodes[named] = node
      devices[index].node = named
    }
  }

  func takeRevocation(_ message: Span<UInt8>, _ at: LeafPlace) {
    report.counts.revocations += 1
    do throws(Refusal) {
      let revocation = try Revocation(verifying: message)
      guard let index = devices.index(ofHash: revocation.deviceKeyHash) else {
        throw Refusal(.unknownKey)
      }
      guard let node = devices[index].node else { throw Refusal(.revocationForeign) }
      try EnrolmentRules.check(revocation, of: nodes[node], isKeyOfNode: true)
      revoke(index, at)
    } catch {
      findings.add(
        .revocationRefused, "leaf \(at.index): \(error.words)", at: at.place,
        evidence(message, "revocation"))
    }
  }

  /// The operator's own.
  func takeRevocation(of deviceKeyHash: Digest, _ at: LeafPlace) {
    report.counts.revocations += 1
    guard let index = devices.index(ofHash: deviceKeyHash) else {
      findings.add(
        .keyMissing,
        "key \(deviceKeyHash.short), revoked by leaf \(at.index), is not in keys.cbor-seq",
        at: at.place)
      return
    }
    revoke(index, at)
  }

  private func revoke(_ index: Int, _ at: LeafPlace) {
    if devices[index].isRevoked {
      findings.add(.revocationRepeated, "key \(devices[index].keyHash.short)", at: at.place)
    }
    devices[index].isRevoked = true
    book.revoke(devices[index].keyHash, utcMilliseconds: at.utcMilliseconds)
  }
}
