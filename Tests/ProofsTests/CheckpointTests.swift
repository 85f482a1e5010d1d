import FixedMemory
import Foundation
import Proofs
import Signers
import TestSupport
import Testing

@Test func theKeyOfTheExampleIsTheOneOfRFC8032() throws {
  let example = try CheckpointExample()
  let key = try example.key()
  let expected = PublicKey(ed25519: try fixed(example.bytes("public key")))
  let publicKey = key.publicKey
  #expect(publicKey == expected)
  #expect(publicKey.keyID == (try fixed(example.bytes("kid")) as KeyID))
}

@Test func theExampleIsReproducedByteForByte() throws {
  let example = try CheckpointExample()
  var key = try example.key()
  var frontier = MerkleFrontier()
  var previous = Digest()
  let batches: [(first: Int, size: Int, from: Int64, to: Int64)] = [
    (0, 4, 12, 1000), (4, 7, 61_000, 181_000),
  ]
  for (number, batch) in batches.enumerated() {
    for index in batch.first..<batch.size {
      let hash = try example.leafHash(index)
      #expect(try hash == example.leafHashInText(index))
      frontier.append(leafHash: hash)
    }
    let checkpoint = Checkpoint(
      algorithm: .ed25519, keyID: key.publicKey.keyID, epoch: 0, batch: UInt64(number),
      first: UInt64(batch.first), size: UInt64(batch.size), boot: 1,
      firstLeafMilliseconds: batch.from, lastLeafMilliseconds: batch.to,
      flags: Checkpoint.simulatedFlag, previous: previous, root: frontier.root())
    #expect(
      try written { checkpoint.encodeProtected(into: $0.mutableSpan) }
        == example.bytes("checkpoint \(number) protected"))
    #expect(try checkpoint.root == example.digest("checkpoint \(number) root"))

    var buffer = [UInt8](repeating: 0, count: Checkpoint.maximumMessageByteCount)
    let signed = try checkpoint.sign(with: &key, into: buffer.mutableSpan)
    let message = Array(buffer.prefix(signed.byteCount))
    #expect(try message == example.bytes("checkpoint \(number) message"))
    #expect(
      try signed.sigStructureHash == example.digest("checkpoint \(number) prev for the next"))
    #expect(try Checkpoint(decoding: message.span) == checkpoint)
    previous = signed.sigStructureHash

    var batchBytes = written {
      Batch.encodeHead(
        checkpoint: message.span, itemCount: batch.size - batch.first, into: $0.mutableSpan)
    }
    for index in batch.first..<batch.size {
      let leaf = try example.bytes("leaf \(index)")
      batchBytes += written { Batch.encodeItem(leaf: leaf.span, into: $0.mutableSpan) }
    }
    #expect(try batchBytes == example.bytes("batch \(number)"))
  }
}

@Test func theInclusionReceiptOfTheExampleIsReproduced() throws {
  let example = try CheckpointExample()
  let message = try example.bytes("checkpoint 1 message")
  let parts = try COSESign1(decoding: message.span)
  var builder = try PathBuilder(inclusionOf: 3, size: 7, start: MerkleFrontier())
  for index in 0..<7 { builder.offer(leafHash: try example.leafHash(index)) }
  let path = try #require(builder.finished())
  let proof = written {
    InclusionProof(size: 7, index: 3, path: path).encode(into: $0.mutableSpan)
  }
  #expect(try InclusionProof(decoding: proof.span).path == path)
  let receipt = written {
    COSESign1.encodeReceipt(
      protected: Array(message[parts.protected]).span, signature: parts.signature,
      proofLabel: COSESign1.Label.inclusion, proof: proof.span, into: $0.mutableSpan)
  }
  #expect(try receipt == example.bytes("inclusion receipt of leaf 3 in size 7"))
}

@Test func theSigStructureIsThatOfTheCOSEExamples() throws {
  let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Vectors/cose")
  for (name, protected) in [
    ("eddsa-sig-01", "a201270300"), ("Appendix_C_2_1", "a10126"),
  ] {
    let json = try JSONSerialization.jsonObject(
      with: Data(contentsOf: folder.appending(path: name + ".json")))
    let root = try #require(json as? [String: Any])
    let intermediates = try #require(root["intermediates"] as? [String: Any])
    let expected = hex(try #require(intermediates["ToBeSign_hex"] as? String))
    let made = written {
      COSESign1.encodeSigStructure(
        protected: hex(protected).span, externalData: Span(),
        payload: Array("This is the content.".utf8).span, into: $0.mutableSpan)
    }
    #expect(made == expected, "\(name)")
  }
}

@Test func theSignatureOfTheCOSEExampleIsReproduced() throws {
  var key = try CheckpointExample().key()
  let signed = hex(
    "846a5369676e61747572653145a2012703004054546869732069732074686520636f6e74656e742e")
  let signature = try key.sign(signed.span)
  let expected = hex(
    "7142fd2ff96d56db85bee905a76ba1d0b7321a95c8c4d3607c5781932b7afb87"
      + "11497dfa751bf40b58b3bcc32300b1487f3db34085eef013bf08f4a44d6fef0d")
  #expect(Signature(expected.span) == signature)
}

@Test func aReceiptComesBack() throws {
  var key = try CheckpointExample().key()
  let receipt = Receipt(
    algorithm: .ed25519, keyID: key.publicKey.keyID, deviceKeyHash: key.publicKey.hash,
    epoch: .max, batch: .max, size: .max, receivedUTCMilliseconds: .max, result: .max,
    checkpointHash: SHA256.hash([1].span))
  var buffer = [UInt8](repeating: 0, count: Receipt.maximumMessageByteCount + 8)
  let count = try receipt.sign(with: &key, into: buffer.mutableSpan)
  // The largest numbers there are: the named limit is exactly what they need.
  #expect(count == Receipt.maximumMessageByteCount)
  #expect(try Receipt(decoding: buffer.span.extracting(0..<count)) == receipt)
}

@Test func theLargestCheckpointNeedsItsNamedLimits() throws {
  var key = try CheckpointExample().key()
  let checkpoint = Checkpoint(
    algorithm: .ed25519, keyID: key.publicKey.keyID, epoch: .max, batch: .max,
    first: UInt64(Int64.max) - 1, size: UInt64(Int64.max), boot: .max,
    firstLeafMilliseconds: .max, lastLeafMilliseconds: .max, flags: .max,
    previous: SHA256.hash([1].span), root: SHA256.hash([2].span))
  #expect(
    written { checkpoint.encodeProtected(into: $0.mutableSpan) }.count
      == Checkpoint.maximumProtectedByteCount)
  var buffer = [UInt8](repeating: 0, count: 300)
  let count = try checkpoint.sign(with: &key, into: buffer.mutableSpan).byteCount
  #expect(count == Checkpoint.maximumMessageByteCount)
  #expect(try Checkpoint(decoding: buffer.span.extracting(0..<count)) == checkpoint)
}
