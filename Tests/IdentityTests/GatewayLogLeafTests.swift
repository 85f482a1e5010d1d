import CBOR
import FixedMemory
import Identity
import Proofs
import TestSupport
import Testing

/// What a leaf says, in a form that tests can compare; nil when it is refused.
func told(_ leaf: [UInt8]) -> String? {
  do throws(CBORDecoder.Failure) {
    let view = try GatewayLogLeaf(decoding: leaf.span)
    let start = "\(view.kind.rawValue) \(view.utcMilliseconds)"
    switch view.document {
    case .firstKey(let key): return "\(start) key \(key[0])"
    case .message(let message): return "\(start) message \(message.count)"
    case .operatorRevocation(let hash, let reason): return "\(start) \(hash[0]) \(reason)"
    case .fork(let held, let sent): return "\(start) \(held.count) \(sent.count)"
    }
  } catch { return nil }
}

struct NotAFork: Error {}

func forkMessages(_ leaf: [UInt8]) throws -> (held: [UInt8], sent: [UInt8]) {
  let view = try GatewayLogLeaf(decoding: leaf.span)
  guard case .fork(let held, let sent) = view.document else { throw NotAFork() }
  var (first, second): ([UInt8], [UInt8]) = ([], [])
  for index in 0..<held.count { first.append(held[index]) }
  for index in 0..<sent.count { second.append(sent[index]) }
  return (first, second)
}

private let start: Int64 = 1_743_638_400_000

@Test func everyLeafOfTheExampleIsReadForWhatItIs() throws {
  let example = try IdentityExample()
  let expected = [
    "key 252", "message 184", "message 158", "message 399", "message 216",
    "33 compromised", "message 181", "185 185",
  ]
  for (kind, words) in expected.enumerated() {
    let leaf = try example.bytes("leaf \(kind)")
    #expect(told(leaf) == "\(kind) \(start + Int64(kind) * 1000) \(words)")
  }
}

@Test func aLeafThatIsCutOrLongerOrOfAnotherVersionIsRefused() throws {
  let example = try IdentityExample()
  for kind in 0..<8 {
    let leaf = try example.bytes("leaf \(kind)")
    for count in leaf.indices { #expect(told(Array(leaf[..<count])) == nil, "\(kind) \(count)") }
    #expect(told(leaf + [0]) == nil)
    var other = leaf
    other[1] = 2
    #expect(throws: CBORDecoder.Failure.unknownVersion) {
      _ = try GatewayLogLeaf(decoding: other.span).kind
    }
    other = leaf
    other[0] = 0x85
    #expect(told(other + [0]) == nil)
    // Every kind has its document, and no other has it.
    for otherKind in UInt8(0)...9 where Int(otherKind) != kind {
      other = leaf
      other[2] = otherKind
      #expect(told(other) == nil, "\(kind) as \(otherKind)")
    }
  }
}

@Test func aMessageThatIsLongerThanItsTypeMayBeIsRefusedInALeaf() throws {
  // A receipt whose payload is longer: a COSE_Sign1 of the type, and no receipt.
  let (protected, payload) = try content(IdentityExample().message("receipt"))
  for (extra, isTaken) in [(32, true), (33, false), (500, false)] {
    let long = message(protected: protected, payload: payload + [UInt8](repeating: 0, count: extra))
    let leaf = written {
      GatewayLogLeaf.encode(
        .receipt, message: long.span, utcMilliseconds: 1, into: $0.mutableSpan)
    }
    #expect((told(leaf) != nil) == isTaken, "\(long.count) bytes")
  }
}

@Test func aTimeBefore1970IsRefusedInALeaf() {
  let leaf = written {
    GatewayLogLeaf.encode(
      operatorRevocationOf: Digest(), reason: .notSaid, utcMilliseconds: -1, into: $0.mutableSpan)
  }
  #expect(told(leaf) == nil)
}

@Test func theLargestLeafHasItsNamedLimit() {
  let message = [UInt8](repeating: 0, count: Enrolment.maximumMessageByteCount)
  let leaf = written {
    GatewayLogLeaf.encode(
      .enrolment, message: message.span, utcMilliseconds: .max, into: $0.mutableSpan)
  }
  #expect(leaf.count == GatewayLogLeaf.maximumByteCount)
  let checkpoint = [UInt8](repeating: 0, count: Checkpoint.maximumMessageByteCount)
  let fork = written {
    GatewayLogLeaf.encode(
      forkHeld: checkpoint.span, sent: checkpoint.span, utcMilliseconds: .max,
      into: $0.mutableSpan)
  }
  #expect(fork.count <= GatewayLogLeaf.maximumByteCount)
}
