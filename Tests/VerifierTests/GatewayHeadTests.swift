import FixedMemory
import Proofs
import Records
import Signers
import TestSupport
import Testing
import Verifier

private let size = 64
private let leaves = (0..<size).map { MerkleTree.leafHash([UInt8($0)].span) }

private func root(_ leaves: ArraySlice<Digest>) -> Digest {
  var frontier = MerkleFrontier()
  for leaf in leaves { frontier.append(leafHash: leaf) }
  return frontier.root()
}

private func head(_ size: Int, root: Digest, key: PublicKey, at time: Int64 = 1000) -> GatewayHead {
  GatewayHead(
    algorithm: .ed25519, keyID: key.keyID, size: UInt64(size), nowUTCMilliseconds: time, root: root)
}

/// The receipt under a head's signature that its tree begins with `older` leaves.
private func receipt(
  _ head: GatewayHead, older: Int, path: MerklePath, by key: inout FileKey,
  newer: UInt64? = nil
) throws -> [UInt8] {
  let message = try written { try head.sign(with: &key, into: $0.mutableSpan).byteCount }
  let parts = try COSESign1(decoding: message.span)
  let proof = written {
    ConsistencyProof(olderSize: UInt64(older), newerSize: newer ?? head.size, path: path)
      .encode(into: $0.mutableSpan)
  }
  return written {
    COSESign1.encodeReceipt(
      protected: message.span.extracting(parts.protected), signature: parts.signature,
      proofLabel: COSESign1.Label.consistency, proof: proof.span, into: $0.mutableSpan)
  }
}

private func path(_ older: Int, _ newer: Int) throws -> MerklePath {
  var builder = try PathBuilder(
    consistencyFrom: UInt64(older), to: UInt64(newer), start: MerkleFrontier())
  for leaf in leaves.prefix(newer) { builder.offer(leafHash: leaf) }
  return try #require(builder.finished())
}

private func refusal(
  _ head: GatewayHead, since held: GatewayHead, _ proof: [UInt8], _ key: PublicKey
) -> RefusalCode? {
  do throws(Refusal) {
    try head.verifyGrowth(since: held, proof: proof.span, key: key)
    return nil
  } catch { return error.code }
}

@Test func everyGrowthUpToSixtyFourLeavesIsProvedAndNoOtherLogIs() throws {
  var key = try deviceKey(9)
  let publicKey = key.publicKey
  for newer in 1...size {
    let new = head(newer, root: root(leaves[..<newer]), key: publicKey)
    for older in 1...newer {
      let held = head(older, root: root(leaves[..<older]), key: publicKey)
      let path = try path(older, newer)
      let proof = try receipt(new, older: older, path: path, by: &key)
      if refusal(new, since: held, proof, publicKey) != nil {
        Issue.record("\(older) to \(newer) is not proved")
      }
      // One leaf of the past was another one.
      var changed = leaves
      changed[older / 2] = Digest()
      let other = head(older, root: root(changed[..<older]), key: publicKey)
      #expect(refusal(new, since: other, proof, publicKey) == .rootMismatch)
      // A hash too many, and each one bent.
      var longer = path
      if longer.offer(Digest()) {
        let bytes = try receipt(new, older: older, path: longer, by: &key)
        #expect(refusal(new, since: held, bytes, publicKey) == .rootMismatch)
      }
      for step in path.indices {
        var bent = path
        bent[step] = Digest()
        let bytes = try receipt(new, older: older, path: bent, by: &key)
        #expect(refusal(new, since: held, bytes, publicKey) == .rootMismatch)
      }
    }
  }
}

@Test func aProofCountsForItsSizesItsRootAndItsSignerOnly() throws {
  var key = try deviceKey(9)
  var stranger = try deviceKey(8)
  let (publicKey, strangerKey) = (key.publicKey, stranger.publicKey)
  let held = head(5, root: root(leaves[..<5]), key: publicKey)
  let new = head(9, root: root(leaves[..<9]), key: publicKey)
  let good = try receipt(new, older: 5, path: path(5, 9), by: &key)
  #expect(refusal(new, since: held, good, publicKey) == nil)
  // Signed again a moment later: the same root under another time.
  let later = head(9, root: new.root, key: publicKey, at: 2000)
  #expect(
    try refusal(new, since: held, receipt(later, older: 5, path: path(5, 9), by: &key), publicKey)
      == nil)
  let foreign = head(9, root: new.root, key: strangerKey)
  #expect(
    try refusal(
      new, since: held, receipt(foreign, older: 5, path: path(5, 9), by: &stranger), publicKey)
      == .unknownKey)
  // Of another root than the head's: what was signed is not what is looked for.
  let elsewhere = head(9, root: root(leaves[1..<10]), key: publicKey)
  #expect(
    try refusal(
      new, since: held, receipt(elsewhere, older: 5, path: path(5, 9), by: &key), publicKey)
      == .badSignature)
  #expect(
    try refusal(new, since: held, receipt(new, older: 4, path: path(4, 9), by: &key), publicKey)
      == .sizeMismatch)
  #expect(
    try refusal(
      new, since: held, receipt(new, older: 5, path: path(5, 9), by: &key, newer: 10), publicKey)
      == .sizeMismatch)
  for position in good.indices {
    #expect(refusal(new, since: held, Array(good[..<position]), publicKey) != nil)
    for bit in 0..<8 {
      var flipped = good
      flipped[position] ^= 1 << bit
      if refusal(new, since: held, flipped, publicKey) == nil {
        Issue.record("byte \(position) bit \(bit) is not noticed")
      }
    }
  }
}

@Test func twoHeadsOfOneLogSayOfEachOtherWhatTheTableSays() throws {
  let key = try deviceKey(9).publicKey
  func at(_ size: Int, _ time: Int64, _ root: UInt8 = 0) -> GatewayHead {
    var digest = Digest()
    digest[0] = root
    return head(size, root: digest, key: key, at: time)
  }
  let held = at(8, 1000)
  for time in [999, 1000, 1001] as [Int64] {
    #expect(at(8, time).finding(after: held, clock: nil) == .same)
    #expect(at(8, time, 1).finding(after: held, clock: nil) == .contradiction(.otherRoot))
  }
  #expect(at(7, 999).finding(after: held, clock: nil) == .outdated)
  #expect(at(7, 1000).finding(after: held, clock: nil) == .outdated)
  #expect(at(7, 1001).finding(after: held, clock: nil) == .contradiction(.smallerSize))
  #expect(at(9, 999).finding(after: held, clock: nil) == .clockWentBack)
  #expect(at(9, 1000).finding(after: held, clock: nil) == .grown)
  #expect(at(9, 1001).finding(after: held, clock: nil) == .grown)
}

/// A gateway whose clock was years ahead once must not be shut out for years.
@Test func aHeadThatIsAheadOfAKeptClockIsRefusedAndNotHeldAgainstLaterOnes() throws {
  let key = try deviceKey(9).publicKey
  let (day, now) = (GatewayHead.maximumClockLeadMilliseconds, Int64(1_800_000_000_000))
  #expect(!head(9, root: Digest(), key: key, at: now + day).isAhead(of: now))
  #expect(head(9, root: Digest(), key: key, at: now + day + 1).isAhead(of: now))
  #expect(head(9, root: Digest(), key: key, at: .max).isAhead(of: now))
  #expect(!head(9, root: Digest(), key: key, at: 0).isAhead(of: .max))
  let ahead = head(8, root: Digest(), key: key, at: now + 1000 * day)
  let right = head(9, root: Digest(), key: key, at: now)
  #expect(right.finding(after: ahead, clock: now) == .grown)
  #expect(right.finding(after: ahead, clock: nil) == .clockWentBack)
}
