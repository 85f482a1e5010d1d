import CBOR
import FixedMemory
import Proofs
import Records
import Signers
import TestSupport
import Testing
import Verifier

/// A key change, signed by `old`.
private func change(from old: inout FileKey, to new: PublicKey, at time: Int64 = 1000) throws
  -> [UInt8]
{
  let change = GatewayKeyChange(
    algorithm: .ed25519, keyID: old.publicKey.keyID, newKey: new, nowUTCMilliseconds: time)
  return try written { try change.sign(with: &old, into: $0.mutableSpan).byteCount }
}

private func list(first: PublicKey, _ messages: [[UInt8]]) throws -> [UInt8] {
  let firstKey: FixedBytes<32> = try fixed((0..<32).map { first.bytes[$0] })
  return written {
    var encoder = CBOREncoder($0.mutableSpan)
    GatewayKeyList.encodeHead(
      firstKey: firstKey, changeCount: messages.count, into: &encoder)
    for message in messages { encoder.byteString(message.span) }
    return encoder.byteCount
  }
}

private func refusal(_ bytes: [UInt8]) -> RefusalCode? {
  do throws(Refusal) {
    _ = try GatewayKeyChain(verifyingList: bytes.span)
    return nil
  } catch { return error.code }
}

private func refusal(of message: [UInt8], by chain: GatewayKeyChain) -> RefusalCode? {
  var longer = chain
  do throws(Refusal) {
    try longer.append(verifying: message.span)
    return nil
  } catch {
    #expect(longer == chain, "a refused change has changed the chain")
    return error.code
  }
}

@Test func aChainFollowsEachKeyChangeAndKeepsTheOldKeys() throws {
  var first = try deviceKey(1)
  var second = try deviceKey(2)
  let (firstKey, secondKey) = (first.publicKey, second.publicKey)
  let third = try deviceKey(3).publicKey
  let changes = [
    try change(from: &first, to: secondKey), try change(from: &second, to: third),
  ]
  let bytes = try list(first: firstKey, changes)
  let found = try GatewayKeyChain(verifying: GatewayKeyList(decoding: bytes.span))
  #expect(found.count == 3)
  #expect(found.newest == third)
  for key in [firstKey, secondKey, third] {
    #expect(found.contains(key))
    #expect(found.key(withID: key.keyID) == key)
  }
  #expect(try !found.contains(deviceKey(4).publicKey))
}

@Test func aStrangersBranchingLoopingOrReplayedKeyChangeIsRefused() throws {
  var first = try deviceKey(1)
  var second = try deviceKey(2)
  var stranger = try deviceKey(9)
  let (firstKey, secondKey) = (first.publicKey, second.publicKey)
  let toSecond = try change(from: &first, to: secondKey)
  var chain = GatewayKeyChain(first: firstKey)
  #expect(refusal(of: try change(from: &stranger, to: secondKey), by: chain) == .unknownKey)
  try chain.append(verifying: toSecond.span)
  // The same once more, and another one by the key that signs no more.
  #expect(refusal(of: toSecond, by: chain) == .unknownKey)
  let branch = try change(from: &first, to: deviceKey(5).publicKey)
  #expect(refusal(of: branch, by: chain) == .unknownKey)
  // Back to the first, and to itself.
  #expect(refusal(of: try change(from: &second, to: firstKey), by: chain) == .keyMismatch)
  #expect(refusal(of: try change(from: &second, to: secondKey), by: chain) == .keyMismatch)
  // A key that nobody holds: everybody could sign under it.
  let nobodys = PublicKey(ed25519: FixedBytes())
  #expect(refusal(of: try change(from: &second, to: nobodys), by: chain) == .malformed)
  // In a list, each of them is refused too.
  #expect(refusal(try list(first: firstKey, [toSecond, branch])) == .unknownKey)
  #expect(refusal(try list(first: secondKey, [toSecond])) == .unknownKey)
}

@Test func aChainOfMoreChangesThanTheBoundIsRefused() throws {
  var messages: [[UInt8]] = []
  let first = try deviceKey(1).publicKey
  var chain = GatewayKeyChain(first: first)
  for number in 1...GatewayKeyList.maximumChangeCount {
    var key = try deviceKey(UInt8(number))
    let message = try change(from: &key, to: deviceKey(UInt8(number + 1)).publicKey)
    try chain.append(verifying: message.span)
    messages.append(message)
  }
  let longest = try list(first: first, messages)
  #expect(longest.count <= GatewayKeyList.maximumByteCount)
  #expect(refusal(longest) == nil)
  var last = try deviceKey(UInt8(GatewayKeyList.maximumChangeCount + 1))
  let tooMany = try change(from: &last, to: deviceKey(99).publicKey)
  #expect(refusal(of: tooMany, by: chain) == .tooLarge)
  // The head's count is one byte up to 23.
  var longer = longest
  longer[36] += 1
  longer += [0x58, UInt8(tooMany.count)] + tooMany
  #expect(refusal(longer) == .malformed)
}

@Test func everyFlippedBitAndCutOfAKeyListIsRefused() throws {
  var first = try deviceKey(1)
  let firstKey = first.publicKey
  let whole = try list(
    first: firstKey, [try change(from: &first, to: deviceKey(2).publicKey)])
  #expect(refusal(whole) == nil)
  for position in whole.indices {
    #expect(refusal(Array(whole[..<position])) != nil)
    for bit in 0..<8 {
      var flipped = whole
      flipped[position] ^= 1 << bit
      if refusal(flipped) == nil { Issue.record("byte \(position) bit \(bit) is not noticed") }
    }
  }
  #expect(refusal(whole + [0]) == .malformed)
  var later = whole
  later[1] = 2
  #expect(refusal(later) == .unsupportedVersion)
}
