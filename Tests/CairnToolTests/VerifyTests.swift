import FixedMemory
import Foundation
import Proofs
import TestSupport
import Testing
import Verifier

@testable import cairn

/// Two batches, the second exported.
private func exportedNode() throws -> TestNode {
  let node = try TestNode()
  try node.writeSmallLog()
  let ending = try node.run("log", "export", "--to", node.path("export"))
  #expect(ending.status == 0, "\(ending.error)")
  return node
}

private func bytes(_ node: TestNode, _ name: String) throws -> [UInt8] {
  [UInt8](try Data(contentsOf: node.folder.appending(path: "export/\(name)")))
}

/// The verdict that the program would give, without a process for each.
private func refusal(of document: [UInt8], batch: [UInt8], _ key: PublicKey) -> Refusal? {
  let kind = DocumentKind(document.span)
  var verdict = Verdict(kind: kind, key: key)
  do throws(Refusal) {
    switch kind {
    case .batch: try verdict.take(batch: document.span)
    case .inclusion: try verdict.take(inclusion: document.span, batch: batch.span)
    default: try verdict.take(document: document.span)
    }
    return nil
  } catch { return error }
}

@Test(arguments: ["batch.cbor", "checkpoint.cose", "receipt.cose"])
func everyFlippedBitMakesADocumentInvalid(name: String) throws {
  let node = try exportedNode()
  let (whole, batch) = (try bytes(node, name), try bytes(node, "batch.cbor"))
  #expect(refusal(of: whole, batch: batch, node.publicKey) == nil)
  for bit in 0..<whole.count * 8 {
    var flipped = whole
    flipped[bit / 8] ^= 1 << UInt8(bit % 8)
    #expect(refusal(of: flipped, batch: batch, node.publicKey) != nil, "\(name), bit \(bit)")
  }
}

@Test func everyFlippedByteOfABatchEndsWithStatusOneAndAReason() throws {
  let node = try exportedNode()
  let whole = try bytes(node, "batch.cbor")
  let file = node.folder.appending(path: "flipped.cbor")
  for index in whole.indices {
    var flipped = whole
    flipped[index] ^= 1 << UInt8(index % 8)
    try Data(flipped).write(to: file)
    let ending = try Tool.run(["verify", file.path, "--key", node.path("export/device.pub")])
    #expect(ending.status == 1 && ending.output.hasPrefix("not valid: "), "byte \(index)")
  }
}

@Test func everyCutMakesADocumentInvalid() throws {
  let node = try exportedNode()
  let batch = try bytes(node, "batch.cbor")
  for name in ["batch.cbor", "checkpoint.cose", "receipt.cose"] {
    let whole = try bytes(node, name)
    for count in 0..<whole.count {
      #expect(refusal(of: Array(whole.prefix(count)), batch: batch, node.publicKey) != nil)
    }
    #expect(refusal(of: whole + [0], batch: batch, node.publicKey) != nil)
  }
}

@Test func aKeyIsTakenInEachOfItsForms() throws {
  let node = try exportedNode()
  let digits = hexadecimal(node.publicKey.bytes.span)
  let did = node.publicKey.didKey
  let didText = String(decoding: (0..<did.count).map { did.span[$0] }, as: UTF8.self)
  try Data((digits.uppercased() + "\n").utf8).write(to: node.folder.appending(path: "hex"))
  for key in [node.path("export/device.pub"), node.path("hex"), digits, didText] {
    let ending = try Tool.run(["verify", node.path("export/batch.cbor"), "--key", key])
    #expect(ending.status == 0, "\(key): \(ending.words)")
  }
  for key in [node.path("export/batch.cbor"), digits.dropLast() + "g", "/dev/null", "nowhere"] {
    let ending = try Tool.run(["verify", node.path("export/batch.cbor"), "--key", String(key)])
    #expect(ending.status == 2, "\(key): \(ending.words)")
  }
}

@Test func anotherKeyIsNamedAsTheReason() throws {
  let node = try exportedNode()
  let ending = try Tool.run([
    "verify", node.path("export/checkpoint.cose"), "--key",
    hexadecimal(try TestNode.owner().publicKey.bytes.span), "--json",
  ])
  #expect(ending.status == 1)
  let refusal = try #require(try ending.json()["refusal"] as? [String: Any])
  #expect(refusal["name"] as? String == "unknown-key")
}

@Test func anInclusionProofIsHeldAgainstItsLeafOrItsBatch() throws {
  let node = try exportedNode()
  let receipt = node.path("export/receipt.cose")
  let key = node.path("export/device.pub")
  let beside = try Tool.run(["verify", receipt, "--key", key])
  #expect(beside.status == 0 && beside.words.contains("batch.cbor beside"))
  let alone = node.path("receipt-alone.cose")
  try FileManager.default.copyItem(atPath: receipt, toPath: alone)
  #expect(try Tool.run(["verify", alone, "--key", key]).status == 2)
  let batch = try Tool.run([
    "verify", alone, "--key", key, "--batch", node.path("export/batch.cbor"),
  ])
  #expect(batch.status == 0)
  // The last leaf of the small log is the fault.
  let leaves = try #require(
    try node.run("log", "show", "0/1", "--json").json()["leaves"] as? [[String: Any]])
  for (index, leaf) in leaves.enumerated() {
    let file = node.path("leaf-\(index)")
    try Data(hex(try #require(leaf["bytes"] as? String))).write(to: URL(filePath: file))
    let ending = try Tool.run(["verify", alone, "--key", key, "--leaf", file])
    #expect(ending.status == (index == leaves.count - 1 ? 0 : 1), "\(ending.words)")
  }
}

@Test func aBatchWithoutWhatStandsBeforeItSaysWhatIsMissing() throws {
  let node = try exportedNode()
  // The export leads with one subtree for the first batch's three leaves, and one: 2 + 1.
  let whole = try bytes(node, "batch.cbor")
  let reader = try BatchReader(whole.span)
  #expect(reader.itemCount == 4)
  let headCount = reader.checkpoint.upperBound
  // [2, hash] and [1, hash] are 37 bytes each: 82 02 58 20 …
  let delivered = Array(whole[..<headCount]) + [0x82] + Array(whole[(headCount + 1 + 2 * 36)...])
  let file = node.path("delivered.cbor")
  try Data(delivered).write(to: URL(filePath: file))
  let ending = try Tool.run(["verify", file, "--key", node.path("export/device.pub")])
  #expect(ending.status == 1)
  #expect(ending.words.contains("the leaves before it are missing"))
  #expect(ending.words.contains("the checkpoint's signature is valid"))
}

@Test func aGatewaysReceiptIsVerifiedToo() throws {
  let node = try exportedNode()
  var gateway = try TestNode.key()
  let receipt = try written { buffer in
    try Receipt(
      algorithm: .ed25519, keyID: gateway.publicKey.keyID, deviceKeyHash: node.publicKey.hash,
      epoch: 0, batch: 1, size: 5, receivedUTCMilliseconds: 1_700_000_000_000, result: 0,
      checkpointHash: Digest()
    ).sign(with: &gateway, into: buffer.mutableSpan)
  }
  try Data(receipt).write(to: node.folder.appending(path: "r"))
  let ending = try Tool.run([
    "verify", node.path("r"), "--key", hexadecimal(gateway.publicKey.bytes.span),
  ])
  #expect(ending.status == 0 && ending.output.hasPrefix("valid: gateway's receipt"))
}

@Test func aHugeFileIsRefusedWithoutBeingRead() throws {
  let node = try exportedNode()
  let file = node.folder.appending(path: "huge")
  #expect(FileManager.default.createFile(atPath: file.path, contents: nil))
  let handle = try FileHandle(forWritingTo: file)
  // Sparse: no disk holds it.
  try handle.truncate(atOffset: 1 << 30)
  try handle.close()
  let ending = try Tool.run(["verify", file.path, "--key", node.path("export/device.pub")])
  #expect(ending.status == 1 && ending.words.contains("larger than 73728 bytes"))
}

@Test func whatIsNoDocumentIsCalledSo() throws {
  let node = try exportedNode()
  let key = node.path("export/device.pub")
  for content in [Data(), Data("hello".utf8), Data(repeating: 0, count: 70_000)] {
    let file = node.folder.appending(path: "other")
    try content.write(to: file)
    let ending = try Tool.run(["verify", file.path, "--key", key])
    #expect(ending.status == 1 && ending.words.contains("not a document of Cairn's"))
  }
  for path in [node.folder.path, "/dev/zero", node.path("no-such-file")] {
    #expect(try Tool.run(["verify", path, "--key", key]).status == 2)
  }
}
