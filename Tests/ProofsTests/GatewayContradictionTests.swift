import CBOR
import FixedMemory
import Proofs
import Signers
import TestSupport
import Testing

private func head(_ size: UInt64, at time: Int64, root: UInt8) throws -> [UInt8] {
  var key = try IdentityExample().gateway()
  var digest = Digest()
  digest[0] = root
  let head = GatewayHead(
    algorithm: .ed25519, keyID: key.publicKey.keyID, size: size, nowUTCMilliseconds: time,
    root: digest)
  return try written { try head.sign(with: &key, into: $0.mutableSpan).byteCount }
}

/// A proof with as many hashes as there may be.
private func proof(_ older: UInt64, _ newer: UInt64) -> [UInt8] {
  var path = MerklePath()
  for level in 0..<64 {
    var hash = Digest()
    hash[0] = UInt8(level)
    path.append(hash)
  }
  let encoded = written {
    ConsistencyProof(olderSize: older, newerSize: newer, path: path).encode(into: $0.mutableSpan)
  }
  let protected = [UInt8](repeating: 0, count: GatewayHead.maximumProtectedByteCount)
  return written {
    COSESign1.encodeReceipt(
      protected: protected.span, signature: Signature(),
      proofLabel: COSESign1.Label.consistency, proof: encoded.span, into: $0.mutableSpan)
  }
}

private func evidence(
  _ kind: GatewayContradiction.Kind, _ held: [UInt8], _ other: [UInt8], _ proof: [UInt8] = []
) -> [UInt8] {
  written {
    GatewayContradiction.encode(
      kind, held: held.span, other: other.span, proof: proof.span, into: $0.mutableSpan)
  }
}

private func failure(_ bytes: [UInt8]) -> CBORDecoder.Failure? {
  do throws(CBORDecoder.Failure) {
    _ = try GatewayContradiction(decoding: bytes.span)
    return nil
  } catch { return error }
}

@Test func evidenceOfEachKindComesBackAsItWasWritten() throws {
  let held = try head(8, at: 1000, root: 1)
  for (kind, other, proof) in [
    (GatewayContradiction.Kind.otherRoot, try head(8, at: 1000, root: 2), [UInt8]()),
    (.smallerSize, try head(7, at: 1001, root: 3), []),
    (.failedProof, try head(9, at: 1000, root: 4), proof(8, 9)),
  ] {
    let bytes = evidence(kind, held, other, proof)
    let found = try GatewayContradiction(decoding: bytes.span)
    #expect(found.kind == kind)
    #expect(found.held == (try GatewayHead(decoding: held.span)))
    #expect(found.other == (try GatewayHead(decoding: other.span)))
    for count in bytes.indices { #expect(failure(Array(bytes[..<count])) != nil) }
    #expect(failure(bytes + [0]) == .trailingBytes)
  }
}

@Test func twoHeadsThatMayBothBeTrueAreNoEvidence() throws {
  let held = try head(8, at: 1000, root: 1)
  #expect(failure(evidence(.otherRoot, held, held)) == .outsideFormat)
  #expect(failure(evidence(.otherRoot, held, try head(9, at: 1001, root: 2))) == .outsideFormat)
  // An older head that came late says nothing against the newer one.
  #expect(failure(evidence(.smallerSize, held, try head(7, at: 999, root: 2))) == .outsideFormat)
  #expect(failure(evidence(.smallerSize, held, try head(7, at: 1000, root: 2))) == .outsideFormat)
  let larger = try head(9, at: 1000, root: 2)
  #expect(failure(evidence(.failedProof, held, larger)) == .outsideFormat)
  #expect(failure(evidence(.failedProof, held, larger, held)) == .outsideFormat)
  #expect(failure(evidence(.otherRoot, held, try head(8, at: 1, root: 2), held)) == .outsideFormat)
}

@Test func theLargestEvidenceFitsTheLimit() throws {
  let largest = UInt64(Int64.max)
  let held = try head(largest - 1, at: .max, root: 1)
  let other = try head(largest, at: .max, root: 2)
  #expect(held.count == GatewayHead.maximumMessageByteCount)
  let proof = proof(largest - 1, largest)
  #expect(proof.count == GatewayContradiction.maximumProofByteCount)
  let bytes = evidence(.failedProof, held, other, proof)
  #expect(bytes.count == GatewayContradiction.maximumByteCount)
  #expect(failure(bytes) == nil)
}
