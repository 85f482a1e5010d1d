import Foundation
import Signers
import Testing

private func failure(_ folder: KeyFolder, _ name: String = "key") -> Passphrase.Failure? {
  do throws(Passphrase.Failure) {
    _ = try Passphrase(file: Array(folder.path(name).utf8).span)
    return nil
  } catch { return error }
}

@Test func aPassphraseHasEightToTwoHundredAndFiftySixBytesOnOneLine() throws {
  let folder = try KeyFolder()
  let cases: [(String, Passphrase.Failure?)] = [
    ("", .tooShort), ("1234567", .tooShort), ("1234567\n", .tooShort), ("12345678", nil),
    ("12345678\n", nil), ("12345678\r\n", nil), ("a passphrase of ümläuts", nil),
    (String(repeating: "x", count: 256) + "\r\n", nil),
    (String(repeating: "x", count: 257), .tooLong), (String(repeating: "x", count: 900), .tooLong),
    ("12345678\n\n", .notOneLine), ("12345678\nx\n", .notOneLine), ("1234\t5678", .notOneLine),
    ("1234\u{0}5678", .notOneLine), ("12345678\u{7f}", .notOneLine), ("12345678\r", .notOneLine),
  ]
  for (text, wanted) in cases {
    try folder.write(Array(text.utf8))
    #expect(failure(folder) == wanted, "\(text.count) characters")
  }
}

@Test func aPassphraseFileThatOthersCanReadIsRefused() throws {
  let folder = try KeyFolder()
  for mode in 0..<512 where mode & 0o400 != 0 {
    try folder.write(Array("correct horse".utf8), mode: mode)
    let found = failure(folder)
    if mode & 0o077 == 0 {
      #expect(found == nil, "\(mode)")
    } else {
      #expect(found == .readableByOthers(mode: UInt32(mode), owner: getuid()), "\(mode)")
    }
    try FileManager.default.removeItem(atPath: folder.path())
  }
}

@Test func aPassphraseFileIsAFileOfItsOwn() throws {
  let folder = try KeyFolder()
  #expect(failure(folder) == .missingFile)
  #expect(failure(folder, "no/such") == .missingFile)
  try folder.write(Array("correct horse".utf8), to: "file")
  try FileManager.default.createSymbolicLink(
    atPath: folder.path("link"), withDestinationPath: folder.path("file"))
  #expect(failure(folder, "link") == .notAFile)
  #expect(failure(folder, ".") == .notAFile)
  #expect(mkfifo(folder.path("pipe"), 0o600) == 0)
  #expect(failure(folder, "pipe") == .notAFile)
  #expect(failure(folder, String(repeating: "x", count: 600)) == .pathTooLong)
}
