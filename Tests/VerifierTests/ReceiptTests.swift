import CBOR
import FixedMemory
import Proofs
import Records
import Signers
import TestSupport
import Testing
import Verifier

private func receipt(by key: inout FileKey) throws -> (receipt: Receipt, bytes: [UInt8]) {
  let receipt = Receipt(
    algorithm: .ed25519, keyID: key.publicKey.keyID, deviceKeyHash: SHA256.hash([2].span),
    epoch: 1, batch: 7, size: 300, receivedUTCMilliseconds: 1_356_998_400_000,
    result: Receipt.resultStored, checkpointHash: SHA256.hash([1].span))
  return (receipt, try written { try receipt.sign(with: &key, into: $0.mutableSpan) })
}

private func refusal(_ bytes: [UInt8], gatewayKey: PublicKey) -> RefusalCode? {
  do throws(Refusal) {
    _ = try Receipt(verifying: bytes.span, gatewayKey: gatewayKey)
    return nil
  } catch { return error.code }
}

@Test func aGatewaysReceiptIsTakenUnderItsKeyOnly() throws {
  var key = try deviceKey(9)
  let (publicKey, foreign) = (key.publicKey, try deviceKey(8).publicKey)
  let (receipt, bytes) = try receipt(by: &key)
  let verified = try Receipt(verifying: bytes.span, gatewayKey: publicKey)
  #expect(verified == receipt)
  #expect(refusal(bytes, gatewayKey: foreign) == .unknownKey)
  // Names one gateway, and another has signed it.
  var forged = receipt
  forged.keyID = foreign.keyID
  let forgedBytes = try written { try forged.sign(with: &key, into: $0.mutableSpan) }
  #expect(refusal(forgedBytes, gatewayKey: foreign) == .badSignature)
}

@Test func everyFlippedBitAndCutOfAGatewaysReceiptIsRefused() throws {
  var key = try deviceKey(9)
  let publicKey = key.publicKey
  let (_, whole) = try receipt(by: &key)
  for position in whole.indices {
    #expect(refusal(Array(whole[..<position]), gatewayKey: publicKey) != nil)
    for bit in 0..<8 {
      var flipped = whole
      flipped[position] ^= 1 << bit
      if refusal(flipped, gatewayKey: publicKey) == nil {
        Issue.record("byte \(position) bit \(bit) is not noticed")
      }
    }
  }
  #expect(refusal(whole + [0], gatewayKey: publicKey) == .malformed)
}

/// A message signed by the key, whatever stands in it.
private func message(_ protected: [UInt8], payload: [UInt8], by key: inout FileKey) throws
  -> [UInt8]
{
  let structure = written {
    COSESign1.encodeSigStructure(
      protected: protected.span, externalData: Span(), payload: payload.span,
      into: $0.mutableSpan)
  }
  let signature = try key.sign(structure.span)
  return written {
    COSESign1.encodeMessage(
      protected: protected.span, payload: payload.span, signature: signature,
      into: $0.mutableSpan)
  }
}

@Test func anotherDocumentOfTheGatewayIsNoReceipt() throws {
  var key = try deviceKey(9)
  let publicKey = key.publicKey
  let (receipt, bytes) = try receipt(by: &key)
  let parts = try COSESign1(decoding: bytes.span)
  let protected = Array(bytes[parts.protected])
  let payload = (0..<32).map { receipt.checkpointHash[$0] }
  #expect(try message(protected, payload: payload, by: &key) == bytes)
  // "cairn-rcpt" stands behind map 1, alg 2, kid 10, label 1, text head 1.
  for type in ["cairn-head", "cairn-ckpt", "cairn-chal", "Cairn-rcpt"] {
    var other = protected
    other.replaceSubrange(15..<25, with: Array(type.utf8))
    #expect(
      refusal(try message(other, payload: payload, by: &key), gatewayKey: publicKey)
        == .malformed, "\(type)")
  }
  // The version is the first field: array head and version stand behind the label -65537.
  var later = protected
  #expect(later[31] == 0x01)
  later[31] = 0x02
  #expect(
    refusal(try message(later, payload: payload, by: &key), gatewayKey: publicKey)
      == .unsupportedVersion)
  #expect(
    refusal(try message(protected, payload: payload + [0], by: &key), gatewayKey: publicKey)
      == .malformed)
  var otherAlgorithm = protected
  otherAlgorithm[2] = 0x26
  #expect(
    refusal(try message(otherAlgorithm, payload: payload, by: &key), gatewayKey: publicKey)
      == .unknownAlgorithm)
  otherAlgorithm[2] = 0x32
  #expect(
    refusal(try message(otherAlgorithm, payload: payload, by: &key), gatewayKey: publicKey) == nil)
}

@Test func aCheckpointIsNoReceiptAndAReceiptNoCheckpoint() throws {
  var key = try deviceKey(9)
  let publicKey = key.publicKey
  let checkpoint = try written {
    try Draft(log(2), key: key).checkpoint.sign(with: &key, into: $0.mutableSpan).byteCount
  }
  #expect(refusal(checkpoint, gatewayKey: publicKey) == .malformed)
  let (_, bytes) = try receipt(by: &key)
  #expect(throws: Refusal(.malformed)) {
    _ = try VerifiedCheckpoint(verifying: bytes.span, key: publicKey)
  }
}

// MARK: RFC 9942 receipts of a log

/// The receipt for a proof under the checkpoint of a log's leaves.
private func logReceipt(
  _ leaves: [TimedLeaf], _ label: Int64, _ proof: [UInt8], by key: inout FileKey
) throws -> [UInt8] {
  let message = try written {
    try Draft(leaves, key: key).checkpoint.sign(with: &key, into: $0.mutableSpan).byteCount
  }
  let parts = try COSESign1(decoding: message.span)
  return written {
    COSESign1.encodeReceipt(
      protected: Array(message[parts.protected]).span, signature: parts.signature,
      proofLabel: label, proof: proof.span, into: $0.mutableSpan)
  }
}

private func path(inclusionOf index: Int, _ leaves: [TimedLeaf]) throws -> MerklePath {
  var builder = try PathBuilder(
    inclusionOf: UInt64(index), size: UInt64(leaves.count), start: MerkleFrontier())
  for leaf in leaves { builder.offer(leafHash: leafHash(leaf)) }
  return try #require(builder.finished())
}

private func path(consistencyFrom size: Int, _ leaves: [TimedLeaf]) throws -> MerklePath {
  var builder = try PathBuilder(
    consistencyFrom: UInt64(size), to: UInt64(leaves.count), start: MerkleFrontier())
  for leaf in leaves { builder.offer(leafHash: leafHash(leaf)) }
  return try #require(builder.finished())
}

@Test func everyLeafOfEverySmallTreeIsProvedByAReceiptAndNoOtherLeafIs() throws {
  var key = try deviceKey()
  let publicKey = key.publicKey
  for size in 1...12 {
    let leaves = log(size)
    let root = frontier(leaves).root()
    for index in 0..<size {
      let proof = written {
        do {
          let path = try path(inclusionOf: index, leaves)
          return InclusionProof(size: UInt64(size), index: UInt64(index), path: path)
            .encode(into: $0.mutableSpan)
        } catch { return 0 }
      }
      let bytes = try logReceipt(leaves, COSESign1.Label.inclusion, proof, by: &key)
      for other in 0..<size {
        let hash = leafHash(leaves[other])
        var found: UInt64?
        do throws(Refusal) {
          found = try LogReceiptVerifier.verifyInclusion(
            receipt: bytes.span, leafHash: hash, root: root, key: publicKey
          ).index
        } catch { #expect(error == Refusal(.rootMismatch, leafIndex: UInt64(index))) }
        #expect(found == (other == index ? UInt64(index) : nil))
      }
    }
  }
}

@Test func aSizeThatIsNotTheSignedOneIsRefusedInReceipts() throws {
  var key = try deviceKey()
  let publicKey = key.publicKey
  let leaves = log(7)
  let root = frontier(leaves).root()
  let inclusion = try path(inclusionOf: 3, leaves)
  let consistency = try path(consistencyFrom: 4, leaves)
  for size: UInt64 in [0, 1, 4, 6, 8, 1 << 63, .max] {
    let proof = written {
      InclusionProof(size: size, index: 3, path: inclusion).encode(into: $0.mutableSpan)
    }
    let bytes = try logReceipt(leaves, COSESign1.Label.inclusion, proof, by: &key)
    #expect(throws: Refusal(.sizeMismatch)) {
      _ = try LogReceiptVerifier.verifyInclusion(
        receipt: bytes.span, leafHash: leafHash(leaves[3]), root: root,
        key: publicKey)
    }
    let other = written {
      ConsistencyProof(olderSize: 4, newerSize: size, path: consistency)
        .encode(into: $0.mutableSpan)
    }
    let consistencyBytes = try logReceipt(leaves, COSESign1.Label.consistency, other, by: &key)
    #expect(throws: Refusal(.sizeMismatch)) {
      _ = try LogReceiptVerifier.verifyConsistency(
        receipt: consistencyBytes.span, olderSize: 4, olderRoot: frontier(leaves[..<4]).root(),
        root: root, key: publicKey)
    }
  }
}

@Test func aLogThatOnlyGrewIsProvedByAReceiptAndNoOtherLogIs() throws {
  var key = try deviceKey()
  let publicKey = key.publicKey
  for newer in 1...12 {
    let leaves = log(newer)
    let root = frontier(leaves).root()
    for older in 1...newer {
      let path = try path(consistencyFrom: older, leaves)
      let proof = written {
        ConsistencyProof(olderSize: UInt64(older), newerSize: UInt64(newer), path: path)
          .encode(into: $0.mutableSpan)
      }
      let bytes = try logReceipt(leaves, COSESign1.Label.consistency, proof, by: &key)
      func refusal(_ size: Int, _ olderRoot: Digest) -> Refusal? {
        do throws(Refusal) {
          let found = try LogReceiptVerifier.verifyConsistency(
            receipt: bytes.span, olderSize: UInt64(size), olderRoot: olderRoot, root: root,
            key: publicKey)
          return found.checkpoint.size == UInt64(newer) ? nil : Refusal(.malformed)
        } catch { return error }
      }
      #expect(refusal(older, frontier(leaves[..<older]).root()) == nil)
      #expect(refusal(older, SHA256.hash([1].span)) == Refusal(.rootMismatch))
      // The size is the caller's, not the message's.
      #expect(refusal(older + 1, frontier(leaves[..<older]).root()) == Refusal(.sizeMismatch))
    }
  }
}

@Test func aReceiptOfTheOtherSortIsRefused() throws {
  var key = try deviceKey()
  let publicKey = key.publicKey
  let leaves = log(4)
  let root = frontier(leaves).root()
  let hash = leafHash(leaves[2])
  let inclusion = try path(inclusionOf: 2, leaves)
  let proof = written {
    InclusionProof(size: 4, index: 2, path: inclusion).encode(into: $0.mutableSpan)
  }
  for label: Int64 in [-2, -3, 0, 1] {
    let bytes = try logReceipt(leaves, label, proof, by: &key)
    #expect(throws: Refusal(.malformed)) {
      _ = try LogReceiptVerifier.verifyInclusion(
        receipt: bytes.span, leafHash: hash, root: root, key: publicKey)
    }
  }
  let inclusionBytes = try logReceipt(leaves, -1, proof, by: &key)
  #expect(throws: Refusal(.malformed)) {
    _ = try LogReceiptVerifier.verifyConsistency(
      receipt: inclusionBytes.span, olderSize: 2, olderRoot: frontier(leaves[..<2]).root(),
      root: root, key: publicKey)
  }
}

@Test func theLargestReceiptNeedsItsNamedLimits() throws {
  var key = try deviceKey()
  var path = MerklePath()
  for _ in 0..<64 { path.append(SHA256.hash([1].span)) }
  let proof = written {
    InclusionProof(size: .max, index: .max, path: path).encode(into: $0.mutableSpan)
  }
  #expect(proof.count == InclusionProof.maximumByteCount)
  var checkpoint = Draft(log(1), key: key).checkpoint
  checkpoint.epoch = .max
  checkpoint.batch = .max
  checkpoint.first = UInt64(Int64.max) - 1
  checkpoint.size = UInt64(Int64.max)
  checkpoint.boot = .max
  checkpoint.firstLeafMilliseconds = .max
  checkpoint.lastLeafMilliseconds = .max
  checkpoint.flags = .max
  let protected = written { checkpoint.encodeProtected(into: $0.mutableSpan) }
  let signature = try key.sign(protected.span)
  let receipt = written {
    COSESign1.encodeReceipt(
      protected: protected.span, signature: signature, proofLabel: COSESign1.Label.inclusion,
      proof: proof.span, into: $0.mutableSpan)
  }
  #expect(receipt.count == InclusionProof.maximumReceiptByteCount)
}
