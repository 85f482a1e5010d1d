import CBOR
import FixedMemory
import Foundation
import Identity
import Proofs
import Signers
import TestSupport
import Testing
import Verifier

@testable import cairn

/// Who has signed a document of the examples: nil where it holds its signer's key.
private func signer(of type: DocumentType, _ example: IdentityExample) throws -> PublicKey? {
  switch type {
  case .receipt, .deviceHead, .challenge, .gatewayHead, .gatewayKeyChange:
    try example.gateway().publicKey
  case .invite, .succession, .revocation, .enrolment, .checkpoint: nil
  }
}

private func refusal(of message: [UInt8], _ key: PublicKey?) -> Refusal? {
  var verdict = Verdict(kind: DocumentKind(message.span), key: key)
  do throws(Refusal) {
    try verdict.take(document: message.span)
    return nil
  } catch { return error }
}

private func text(_ key: PublicKey) -> String { hexadecimal(key.bytes.span) }

@Test(arguments: IdentityExample.documents.map(\.name))
func everyDocumentOfTheExamplesIsVerifiedAndNamed(name: String) throws {
  let example = try IdentityExample()
  let type = try #require(IdentityExample.documents.first { $0.name == name }?.type)
  let node = try TestNode()
  let file = node.path("document")
  try Data(example.message(name)).write(to: URL(filePath: file))
  let key = try signer(of: type, example)
  let words = ["verify", file] + (key.map { ["--key", text($0)] } ?? [])
  let ending = try Tool.run(words)
  #expect(ending.status == 0 && ending.output.hasPrefix("valid: "), "\(ending.words)")
  #expect(ending.words.contains(hexadecimal(try example.hash(name).span)))
  for line in ending.lines { #expect(line.count <= 80, "\(line)") }
  let json = try Tool.run(words + ["--json"]).json()
  #expect(json["valid"] as? Bool == true)
  #expect(json["name"] as? String == hexadecimal(try example.hash(name).span))
  #expect(json["keyGiven"] as? Bool == (key != nil))
}

@Test(arguments: IdentityExample.documents.map(\.name))
func everyFlippedBitAndEveryCutOfADocumentIsRefused(name: String) throws {
  let example = try IdentityExample()
  let type = try #require(IdentityExample.documents.first { $0.name == name }?.type)
  let (message, key) = (try example.message(name), try signer(of: type, example))
  #expect(refusal(of: message, key) == nil)
  for bit in 0..<message.count * 8 {
    var flipped = message
    flipped[bit / 8] ^= 1 << UInt8(bit % 8)
    #expect(refusal(of: flipped, key) != nil, "\(name), bit \(bit)")
  }
  for count in 0..<message.count { #expect(refusal(of: Array(message.prefix(count)), key) != nil) }
  #expect(refusal(of: message + [0], key) != nil)
}

@Test func aDocumentThatHoldsItsKeyIsHeldAgainstTheKeyThatIsGiven() throws {
  let example = try IdentityExample()
  let invite = try example.message("invite")
  #expect(refusal(of: invite, try example.owner().publicKey) == nil)
  #expect(refusal(of: invite, try example.device().publicKey) == Refusal(.unknownKey))
}

@Test func aGatewaysDocumentWithoutAKeyIsAskedForOne() throws {
  let (example, node) = (try IdentityExample(), try TestNode())
  let file = node.path("head")
  try Data(example.message("head of the log")).write(to: URL(filePath: file))
  let ending = try Tool.run(["verify", file])
  #expect(ending.status == 2 && ending.error.contains("a gateway's: verify needs its public key"))
}

@Test func aDamagedMessageSaysWhatToDo() throws {
  let (example, node) = (try IdentityExample(), try TestNode())
  let file = node.path("cut")
  try Data(example.message("enrolment").prefix(100)).write(to: URL(filePath: file))
  let ending = try Tool.run(["verify", file])
  #expect(ending.status == 1 && ending.words.contains("get it again from where it came"))
}

@Test func anEnrolmentOnP256IsVerifiedInItsLowHalfOnly() throws {
  let example = try IdentityExample()
  let message = try example.message("enrolment after a succession")
  #expect(refusal(of: message, try example.newDevice()) == nil)
  // (r, n - s) in place of (r, s).
  let order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
  var (twin, borrow) = (message, 0)
  for index in (0..<32).reversed() {
    let place = message.count - 32 + index
    let difference = Int(order[index]) - Int(message[place]) - borrow
    borrow = difference < 0 ? 1 : 0
    twin[place] = UInt8(truncatingIfNeeded: difference)
  }
  #expect(refusal(of: twin, try example.newDevice()) == Refusal(.badSignature))
}

@Test func aPointThatNobodyHoldsIsNoKey() throws {
  let (example, node) = (try IdentityExample(), try TestNode())
  let file = node.path("document")
  try Data(example.message("enrolment after a succession")).write(to: URL(filePath: file))
  let digits = text(try example.newDevice())
  for key in [digits, node.path("raw"), node.path("did")] {
    try Data(hex(digits)).write(to: URL(filePath: node.path("raw")))
    let did = try example.newDevice().didKey
    try Data((0..<did.count).map { did.span[$0] }).write(to: URL(filePath: node.path("did")))
    #expect(try Tool.run(["verify", file, "--key", key]).status == 0, "\(key)")
  }
  let none = "02" + String(repeating: "f", count: 64)
  let ending = try Tool.run(["verify", file, "--key", none])
  #expect(ending.status == 2 && ending.error.contains("nobody can hold this key"))
}

/// A gateway's log of the examples' eight leaves, and what it signs of it.
private struct GatewayLog {
  let example: IdentityExample
  let leaves: [[UInt8]]

  init() throws {
    example = try IdentityExample()
    leaves = try (0..<8).map { [example] in try example.bytes("leaf \($0)") }
  }

  private func root(_ size: Int) -> Digest {
    var frontier = MerkleFrontier()
    for leaf in leaves.prefix(size) { frontier.append(leafHash: MerkleTree.leafHash(leaf.span)) }
    return frontier.root()
  }

  func head(_ size: Int) throws -> [UInt8] {
    var key = try example.gateway()
    return try written { buffer in
      try GatewayHead(
        algorithm: .ed25519, keyID: key.publicKey.keyID, size: UInt64(size),
        nowUTCMilliseconds: IdentityExample.time(days: 93), root: root(size)
      ).sign(with: &key, into: buffer.mutableSpan).byteCount
    }
  }

  private func receipt(of size: Int, _ label: Int64, _ proof: [UInt8]) throws -> [UInt8] {
    let message = try head(size)
    let parts = try COSESign1(decoding: message.span)
    return written { buffer in
      COSESign1.encodeReceipt(
        protected: message.span.extracting(parts.protected), signature: parts.signature,
        proofLabel: label, proof: proof.span, into: buffer.mutableSpan)
    }
  }

  func inclusion(_ index: Int, in size: Int) throws -> [UInt8] {
    var builder = try PathBuilder(
      inclusionOf: UInt64(index), size: UInt64(size), start: MerkleFrontier())
    for leaf in leaves.prefix(size) { builder.offer(leafHash: MerkleTree.leafHash(leaf.span)) }
    let path = try #require(builder.finished())
    let proof = written { buffer in
      InclusionProof(size: UInt64(size), index: UInt64(index), path: path).encode(
        into: buffer.mutableSpan)
    }
    return try receipt(of: size, COSESign1.Label.inclusion, proof)
  }

  func consistency(from older: Int, to newer: Int) throws -> [UInt8] {
    var builder = try PathBuilder(
      consistencyFrom: UInt64(older), to: UInt64(newer), start: MerkleFrontier())
    for leaf in leaves.prefix(newer) { builder.offer(leafHash: MerkleTree.leafHash(leaf.span)) }
    let path = try #require(builder.finished())
    let proof = written { buffer in
      ConsistencyProof(olderSize: UInt64(older), newerSize: UInt64(newer), path: path).encode(
        into: buffer.mutableSpan)
    }
    return try receipt(of: newer, COSESign1.Label.consistency, proof)
  }

  func refusal(inclusion receipt: [UInt8], leaf: [UInt8]) throws -> Refusal? {
    let key = try example.gateway().publicKey
    var verdict = Verdict(kind: DocumentKind(receipt.span), key: key)
    do throws(Refusal) {
      try verdict.take(inclusion: receipt.span, leaf: leaf.span)
      return nil
    } catch { return error }
  }

  func refusal(consistency receipt: [UInt8], older: [UInt8]) throws -> Refusal? {
    let key = try example.gateway().publicKey
    var verdict = Verdict(kind: DocumentKind(receipt.span), key: key)
    do throws(Refusal) {
      try verdict.take(consistency: receipt.span, older: older.span)
      return nil
    } catch { return error }
  }
}

@Test func everyLeafOfAGatewaysLogIsProvedAndNoOther() throws {
  let log = try GatewayLog()
  for size in 1...8 {
    for index in 0..<size {
      let receipt = try log.inclusion(index, in: size)
      for (other, leaf) in log.leaves.enumerated() {
        let refusal = try log.refusal(inclusion: receipt, leaf: leaf)
        #expect((refusal == nil) == (other == index), "\(other) for \(index) of \(size)")
      }
    }
  }
}

@Test func everyOlderHeadOfAGatewaysLogIsProvedAndNoOther() throws {
  let log = try GatewayLog()
  for newer in 1...8 {
    for older in 1...newer {
      let receipt = try log.consistency(from: older, to: newer)
      for other in 1...8 {
        let refusal = try log.refusal(consistency: receipt, older: log.head(other))
        #expect((refusal == nil) == (other == older), "\(other) for \(older) to \(newer)")
      }
    }
  }
}

@Test func everyFlippedBitOfAGatewaysProofIsRefused() throws {
  let log = try GatewayLog()
  let (inclusion, consistency) = (try log.inclusion(5, in: 7), try log.consistency(from: 3, to: 7))
  let head = try log.head(3)
  for bit in 0..<inclusion.count * 8 {
    var flipped = inclusion
    flipped[bit / 8] ^= 1 << UInt8(bit % 8)
    #expect(try log.refusal(inclusion: flipped, leaf: log.leaves[5]) != nil, "bit \(bit)")
  }
  for bit in 0..<consistency.count * 8 {
    var flipped = consistency
    flipped[bit / 8] ^= 1 << UInt8(bit % 8)
    #expect(try log.refusal(consistency: flipped, older: head) != nil, "bit \(bit)")
  }
}

@Test func proofsOfAGatewaysLogAreToldInWords() throws {
  let (log, node) = (try GatewayLog(), try TestNode())
  let key = text(try log.example.gateway().publicKey)
  func file(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Data(bytes).write(to: URL(filePath: node.path(name)))
    return node.path(name)
  }
  let inclusion = try file("inclusion", log.inclusion(3, in: 8))
  let consistency = try file("consistency", log.consistency(from: 5, to: 8))
  let leaf = try file("leaf", log.leaves[3])
  let (older, other) = (try file("older", log.head(5)), try file("other", log.head(4)))
  let included = try Tool.run(["verify", inclusion, "--key", key, "--leaf", leaf])
  #expect(included.status == 0, "\(included.words)")
  #expect(
    included.words.contains("leaf 3 is in the tree") && included.words.contains("an enrolment"))
  let grown = try Tool.run(["verify", consistency, "--key", key, "--from", older])
  #expect(grown.status == 0 && grown.words.contains("begins with the older one of 5 leaves"))
  let wrong = try Tool.run(["verify", consistency, "--key", key, "--from", other])
  #expect(wrong.status == 1 && wrong.words.contains("ask for one from that size"))
  let noHead = try Tool.run(["verify", consistency, "--key", key, "--from", leaf])
  #expect(noHead.status == 1 && noHead.words.contains("what --from names is not an older head"))
  #expect(try Tool.run(["verify", consistency, "--key", key]).error.contains("--from FILE"))
  #expect(try Tool.run(["verify", inclusion, "--key", key]).error.contains("--leaf FILE"))
}
