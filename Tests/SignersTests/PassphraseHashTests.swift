import FixedMemory
import Foundation
import Signers
import Testing

/// Made by OpenSSL's Argon2id (`cryptography`, derive_phc_encoded): 8 MiB, three passes, salt 00 01 … 0f.
private let foreign =
  "$argon2id$v=19$m=8192,t=3,p=1$AAECAwQFBgcICQoLDA0ODw$QJ0zxyWFZlTFnqJ4cTSgCRzwa79yFNhhVYeSxS3N7EI"

private func hash(_ text: String) throws(PassphraseHash.Failure) -> PassphraseHash {
  try PassphraseHash(decoding: Array(text.utf8).span)
}

/// The passphrase of a line that somebody read.
private func passphrase(_ text: String) throws -> Passphrase {
  try Passphrase { bytes, count in
    let line = Array(text.utf8.prefix(count))
    for index in line.indices { bytes[index] = line[index] }
    return Int64(line.count)
  }
}

@Test func aHashThatOthersMadeKnowsItsPassphraseAndNoOther() throws {
  let hash = try hash(foreign)
  #expect(hash.matches(try passphrase("correct horse battery")))
  #expect(!hash.matches(try passphrase("correct horse batterz")))
  #expect(throws: Never.self) { try PassphraseHash(decoding: Array((foreign + "\n").utf8).span) }
}

@Test func aNewHashComesBackAsItStandsWithANewSaltEachTime() throws {
  let cost = try #require(SealedKey.Cost(passes: 1, kibibytes: 1024))
  let one = try PassphraseHash(of: passphrase("correct horse"), cost: cost)
  let other = try PassphraseHash(of: passphrase("correct horse"), cost: cost)
  let texts = [one, other].map { hash in
    String(decoding: hash.span.indices.map { hash.span[$0] }, as: UTF8.self)
  }
  #expect(texts[0] != texts[1] && texts[0].hasPrefix("$argon2id$v=19$m=1024,t=1,p=1$"))
  #expect(try hash(texts[0]).matches(passphrase("correct horse")))
}

@Test func everyCutOrSpoiltHashIsRefusedOrOfAnotherPassphrase() throws {
  let whole = Array(foreign.utf8)
  for count in 0..<whole.count {
    #expect(throws: PassphraseHash.Failure.malformed) {
      try PassphraseHash(decoding: Array(whole[0..<count]).span)
    }
  }
  for index in whole.indices {
    var spoilt = whole
    spoilt[index] = 0x2d
    #expect(throws: PassphraseHash.Failure.self, "\(index)") {
      try PassphraseHash(decoding: spoilt.span)
    }
  }
  #expect(throws: PassphraseHash.Failure.malformed) { try hash(foreign + "x") }
  #expect(throws: PassphraseHash.Failure.malformed) { try hash(foreign + "\n\n") }
}

@Test func aHashThatAsksForTooMuchWorkIsRefused() {
  for cost in ["m=1023,t=3", "m=262145,t=3", "m=8192,t=11", "m=999999999,t=1"] {
    let text = foreign.replacingOccurrences(of: "m=8192,t=3", with: cost)
    #expect(throws: PassphraseHash.Failure.costOutOfBounds, "\(cost)") { try hash(text) }
  }
  for cost in ["m=08192,t=3", "m=8192,t=0", "m=,t=3", "m=9999999999,t=3", "m=8192,t=3,x=1"] {
    let text = foreign.replacingOccurrences(of: "m=8192,t=3", with: cost)
    #expect(throws: PassphraseHash.Failure.malformed, "\(cost)") { try hash(text) }
  }
}
