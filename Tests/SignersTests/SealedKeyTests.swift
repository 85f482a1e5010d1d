import FixedMemory
import Foundation
import Proofs
import TestSupport
import Testing

@testable import Signers

/// The least that a reader takes: tests open a sealed key some hundred times.
private func cheap() throws -> SealedKey.Cost {
  try #require(SealedKey.Cost(passes: 1, kibibytes: 1024))
}

private func passphrase(_ text: String = "correct horse", in folder: KeyFolder) throws -> Passphrase
{
  let name = "passphrase-\(UUID().uuidString)"
  try folder.write(Array(text.utf8), to: name)
  return try Passphrase(file: Array(folder.path(name).utf8).span)
}

private func text(_ sealed: SealedKey) -> [UInt8] {
  var builder = TextBuilder<548>()
  sealed.write(to: &builder)
  return (0..<builder.span.count).map { builder.span[$0] }
}

private func failure(decoding bytes: [UInt8]) -> SealedKey.Failure? {
  do throws(SealedKey.Failure) {
    _ = try SealedKey(decoding: bytes.span)
    return nil
  } catch { return error }
}

private func failure(opening sealed: SealedKey, _ passphrase: borrowing Passphrase)
  -> SealedKey.Failure?
{
  do throws(SealedKey.Failure) {
    _ = try FileKey(opening: sealed, with: passphrase)
    return nil
  } catch { return error }
}

private func device() throws -> FileKey {
  let seed: FixedBytes<32> = try fixed(
    hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
  return try FileKey(
    format: KeyFileFormat(
      seed: seed, epoch: 7,
      hardware: HardwareIdentity(
        board: Array("10000000abcdef01".utf8).span, card: Array("0xe4f2".utf8).span)),
    path: KeyPath())
}

/// The text with its check made right again: what somebody does who means to change it.
private func rechecked(_ lines: [String]) -> [UInt8] {
  let body = Array((lines.joined(separator: "\n") + "\n").utf8)
  let digits = String(CRC32C.checksum(body.span), radix: 16)
  let check = String(repeating: "0", count: 8 - digits.count) + digits
  return body + Array("check \(check)\n".utf8)
}

private func lines(_ bytes: [UInt8]) -> [String] {
  String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
}

@Test func everyKindComesBackWithWhatBelongsToIt() throws {
  let folder = try KeyFolder()
  let secret = try passphrase(in: folder)
  let key = try device()
  for kind in [SealedKey.Kind.owner, .device, .gateway] {
    let bytes = text(try key.seal(as: kind, with: secret, cost: cheap()))
    #expect(bytes.count <= SealedKey.maximumByteCount)
    #expect(lines(bytes).allSatisfy { $0.utf8.count <= 72 })
    let sealed = try SealedKey(decoding: bytes.span)
    #expect(sealed.kind == kind && sealed.publicKey == key.publicKey)
    let opened = try FileKey(opening: sealed, with: secret)
    #expect(opened.publicKey == key.publicKey)
    #expect(opened.epoch == (kind == .device ? 7 : 0))
    #expect(opened.hardware.board.isEmpty == (kind != .device))
    let same = opened.hardware.board == key.hardware.board
    #expect(same == (kind == .device))
  }
}

@Test func aLaterSealingOfOneKeySharesNoSaltAndNoNonce() throws {
  let folder = try KeyFolder()
  let secret = try passphrase(in: folder)
  let key = try device()
  let first = try key.seal(as: .device, with: secret, cost: cheap())
  let second = try key.seal(as: .device, with: secret, cost: cheap())
  #expect(first.salt != second.salt && first.nonce != second.nonce && first.sealed != second.sealed)
}

@Test func everyFlippedBitAndEveryCutIsRefusedWithoutThePassphrase() throws {
  let folder = try KeyFolder()
  let bytes = text(
    try device().seal(as: .device, with: passphrase(in: folder), cost: cheap()))
  for place in bytes.indices {
    for bit in 0..<8 {
      var spoilt = bytes
      spoilt[place] ^= 1 << UInt8(bit)
      #expect(failure(decoding: spoilt) != nil, "byte \(place), bit \(bit)")
    }
    // All but the last line end, which mail may take away.
    if place < bytes.count - 1 {
      #expect(failure(decoding: Array(bytes[..<place])) != nil, "cut at \(place)")
    }
  }
  #expect(
    failure(decoding: bytes + bytes) == .tooLarge || failure(decoding: bytes + bytes) == .damaged)
  #expect(failure(decoding: [UInt8](repeating: 0x20, count: 1025)) == .tooLarge)
  #expect(failure(decoding: []) == .notSealed)
}

@Test func whatMailAddsToLinesPasses() throws {
  let folder = try KeyFolder()
  let bytes = text(try device().seal(as: .owner, with: passphrase(in: folder), cost: cheap()))
  let plain = String(decoding: bytes, as: UTF8.self)
  for mailed in [
    plain.replacingOccurrences(of: "\n", with: "\r\n"),
    plain.replacingOccurrences(of: "\n", with: "  \n"), String(plain.dropLast()),
    plain + "\n \r\n\n",
  ] {
    #expect(failure(decoding: Array(mailed.utf8)) == nil)
  }
  for wrong in [
    "\n" + plain, " " + plain, "> " + plain, plain.uppercased(), plain + "x",
    plain.replacingOccurrences(of: "\nsalt", with: "\n\nsalt"),
    plain.replacingOccurrences(of: "\n", with: "\r"),
  ] {
    #expect(failure(decoding: Array(wrong.utf8)) != nil, "\(wrong.prefix(20))")
  }
}

@Test func aFlippedBitUnderARightCheckIsRefusedByTheSeal() throws {
  let folder = try KeyFolder()
  let secret = try passphrase(in: folder)
  let whole = lines(text(try device().seal(as: .device, with: secret, cost: cheap())))
  let body = Array(whole.dropLast())
  #expect(failure(decoding: rechecked(body)) == nil)
  // Each hexadecimal digit of public key, salt, nonce and seal.
  for line in body.indices where line == 3 || line >= 5 && line != 7 {
    let start = body[line].lastIndex(of: " ").map { body[line].index(after: $0) }
    for place in body[line].indices where place >= start ?? body[line].startIndex {
      var changed = body
      let digit = try #require(Int(String(body[line][place]), radix: 16))
      changed[line].replaceSubrange(place...place, with: String(digit ^ 1, radix: 16))
      let sealed = try SealedKey(decoding: rechecked(changed).span)
      #expect(failure(opening: sealed, secret) == .wrongPassphrase, "\(changed[line])")
    }
  }
  for (line, other) in [(1, "kind owner"), (1, "kind gateway"), (4, "argon2id 2 1024")] {
    var changed = body
    changed[line] = other
    let sealed = try SealedKey(decoding: rechecked(changed).span)
    #expect(failure(opening: sealed, secret) == .wrongPassphrase, "\(other)")
  }
}

@Test func aFormThatNoWriterMakesIsRefusedUnderARightCheck() throws {
  let folder = try KeyFolder()
  let body = Array(
    lines(text(try device().seal(as: .device, with: passphrase(in: folder), cost: cheap())))
      .dropLast())
  let cases: [(Int, String, SealedKey.Failure)] = [
    (0, "cairn-sealed-key 2", .unsupportedVersion), (0, "cairn-key 1", .notSealed),
    (1, "kind", .damaged), (1, "kind Owner", .damaged), (1, "kind owner2", .damaged),
    (2, "algorithm es256", .damaged), (4, "argon2id 0 1024", .costOutOfBounds),
    (4, "argon2id 11 1024", .costOutOfBounds), (4, "argon2id 1 1023", .costOutOfBounds),
    (4, "argon2id 1 262145", .costOutOfBounds), (4, "argon2id 3 104857600", .costOutOfBounds),
    (4, "argon2id 18446744073709551615 18446744073709551615", .costOutOfBounds),
    (4, "argon2id 01 1024", .damaged), (4, "argon2id 1 18446744073709551616", .damaged),
    (4, "argon2i 1 1024", .damaged), (7, "sealed ", .damaged), (7, "sealed\nsealed", .damaged),
    (11, "", .damaged), (11, body[11] + "00", .damaged), (11, body[11].uppercased(), .damaged),
  ]
  for (line, other, wanted) in cases where other != "sealed " {
    var changed = body
    changed[line] = other
    #expect(failure(decoding: rechecked(changed)) == wanted, "\(other)")
  }
}

@Test func aWrongPassphraseOpensNothing() throws {
  let folder = try KeyFolder()
  let sealed = try device().seal(as: .owner, with: passphrase(in: folder), cost: cheap())
  for wrong in ["correct hors", "correct horse ", "Correct horse", "correct horsf"] {
    #expect(failure(opening: sealed, try passphrase(wrong, in: folder)) == .wrongPassphrase)
  }
}

@Test func aSealedFileIsReadableByItsOwnerAloneAndNeverOverwritten() throws {
  let folder = try KeyFolder()
  let secret = try passphrase(in: folder)
  let sealed = try device().seal(as: .owner, with: secret, cost: cheap())
  let path = Array(folder.path("owner").utf8)
  try sealed.create(at: path.span)
  #expect(try folder.mode("owner") == 0o600)
  let before = try folder.read("owner")
  #expect(try SealedKey(reading: path.span).publicKey == sealed.publicKey)
  let again = try device().seal(as: .owner, with: secret, cost: cheap())
  #expect(throws: SealedKey.Failure.exists) { try again.create(at: path.span) }
  #expect(try folder.read("owner") == before)
  let link = folder.path("link")
  try FileManager.default.createSymbolicLink(
    atPath: link, withDestinationPath: folder.path("elsewhere"))
  #expect(throws: SealedKey.Failure.exists) { try again.create(at: Array(link.utf8).span) }
  #expect(throws: SealedKey.Failure.noFolder) {
    try again.create(at: Array(folder.path("no/such").utf8).span)
  }
  let full = Array("/dev/full".utf8)
  #expect(throws: SealedKey.Failure.exists) { try again.create(at: full.span) }
  #expect(throws: SealedKey.Failure.missing) {
    _ = try SealedKey(reading: Array(folder.path("none").utf8).span)
  }
  #expect(throws: SealedKey.Failure.notAFile) {
    _ = try SealedKey(reading: Array(folder.url.path.utf8).span)
  }
}

@Test func aRestoredKeyIsTheWholeKeyFile() throws {
  let folder = try KeyFolder()
  let secret = try passphrase(in: folder)
  let sealed = try device().seal(as: .device, with: secret, cost: cheap())
  let opened = try FileKey(opening: sealed, with: secret)
  try opened.restore(
    to: Array(folder.path().utf8).span, epoch: opened.epoch, hardware: opened.hardware)
  #expect(
    try folder.read() == keyFile(epoch: "epoch 7", hardware: "board 10000000abcdef01\ncard 0xe4f2"))
  #expect(try folder.mode() == 0o600)
  #expect(try FileKey(opening: Array(folder.path().utf8).span).publicKey == opened.publicKey)
}

@Test func theWorkedExampleIsSealedAndOpenedAlike() throws {
  let folder = try KeyFolder()
  var root = URL(filePath: #filePath)
  for _ in 0..<2 { root.deleteLastPathComponent() }
  for (name, kind) in [("owner", SealedKey.Kind.owner), ("device", .device)] {
    let bytes = Array(
      try Data(contentsOf: root.appending(path: "Vectors/sealed/\(name).txt")))
    let secret = try passphrase("correct horse battery staple", in: folder)
    let sealed = try SealedKey(decoding: bytes.span)
    #expect(sealed.kind == kind && text(sealed) == bytes)
    let opened = try FileKey(opening: sealed, with: secret)
    let again = try opened.seal(
      as: kind, with: secret, cost: sealed.cost, salt: sealed.salt, nonce: sealed.nonce)
    #expect(text(again) == bytes)
    guard kind == .device else { continue }
    let known = try device()
    #expect(opened.epoch == known.epoch && opened.hardware.card == known.hardware.card)
  }
}
