import FixedMemory
import Proofs
import Signers
import TestSupport
import Testing

private func didKey(_ key: PublicKey) -> String {
  let text = key.didKey
  return String(decoding: (0..<text.count).map { text.span[$0] }, as: UTF8.self)
}

private func key(_ text: String) -> PublicKey? { PublicKey(didKey: Array(text.utf8).span) }

/// The seeds are 32 zero bytes, which the did:key specification's own vectors use, and RFC 8032's test 1.
private let vectors = [
  (
    "0000000000000000000000000000000000000000000000000000000000000000",
    "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"
  ),
  (
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw"
  ),
]

@Test(arguments: vectors)
func aKeyHasTheDIDThatOthersGiveIt(seed: String, did: String) throws {
  let publicKey = try FileKey(seed: fixed(hex(seed))).publicKey
  #expect(didKey(publicKey) == did)
  #expect(key(did) == publicKey)
}

@Test func theLeastAndTheGreatestKeyHaveAsManyLettersAsAnyOther() throws {
  for byte in [UInt8(0), 1, 127, 128, 255] {
    let publicKey = PublicKey(ed25519: try fixed([UInt8](repeating: byte, count: 32)))
    #expect(didKey(publicKey).utf8.count == 56)
    #expect(key(didKey(publicKey)) == publicKey)
  }
}

@Test func aDIDThatIsNotAnEd25519KeysIsRefused() throws {
  let (_, did) = vectors[0]
  // Letters that base58 leaves out, other lengths, other prefixes.
  for letter in ["0", "O", "I", "l", " ", "é"] {
    #expect(key(did.dropLast() + letter) == nil)
  }
  for cut in 0..<did.utf8.count { #expect(key(String(did.prefix(cut))) == nil) }
  #expect(key(did + "1") == nil)
  #expect(key("did:web:" + did.dropFirst(8)) == nil)
  // A P-256 key's multicodec is 0x1200, an X25519 key's 0xec: the same length, another beginning.
  #expect(key("did:key:z" + String(repeating: "z", count: 47)) == nil)
  #expect(key("did:key:z" + String(repeating: "1", count: 47)) == nil)
  #expect(key("did:key:z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc") == nil)
}
