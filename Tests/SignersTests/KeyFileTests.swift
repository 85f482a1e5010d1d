import FixedMemory
import Foundation
import Proofs
import TestSupport
import Testing

@testable import Signers

@Test func aNewKeyIsReadableByItsOwnerAloneAndOpensAsTheSameKey() throws {
  let folder = try KeyFolder()
  let made = try create(folder.path())
  let opened = try open(folder.path())
  let (first, second) = (made.publicKey, opened.publicKey)
  #expect(first == second)
  #expect(try folder.mode() == 0o600)
  #expect(try folder.names == ["key"])
  let epoch = opened.epoch
  #expect(epoch == 0)
}

@Test func twoNewKeysAreDifferent() throws {
  let folder = try KeyFolder()
  let one = try create(folder.path("one"))
  let other = try create(folder.path("other"))
  let (first, second) = (one.publicKey, other.publicKey)
  #expect(first != second)
}

@Test func theFileOfAKnownSeedHasTheBytesOfTheSpecification() throws {
  let folder = try KeyFolder()
  try folder.write(keyFile())
  let opened = try open(folder.path())
  let publicKey = opened.publicKey
  #expect(
    publicKey
      == PublicKey(
        ed25519: try fixed(
          hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))))
  var bytes = [UInt8](repeating: 0, count: KeyFileFormat.maximumByteCount + 1)
  var span = bytes.mutableSpan
  let count = KeyFileFormat(
    seed: try fixed(hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")),
    epoch: 0
  ).encode(into: &span)
  #expect(Array(bytes[..<count]) == keyFile())
}

@Test(arguments: [0, 1, 9, 10, 99, 100, UInt64.max - 1, UInt64.max])
func everyEpochComesBackAndFitsTheFile(epoch: UInt64) throws {
  var bytes = [UInt8](repeating: 0, count: KeyFileFormat.maximumByteCount)
  var span = bytes.mutableSpan
  let format = KeyFileFormat(seed: FixedBytes(), epoch: epoch)
  let count = format.encode(into: &span)
  #expect(count <= KeyFileFormat.maximumByteCount)
  #expect(count == KeyFileFormat.maximumByteCount || epoch < UInt64.max - 1)
  let read = try KeyFileFormat(decoding: bytes.span.extracting(0..<count))
  #expect(read.epoch == epoch)
}

@Test(arguments: [0o640, 0o604, 0o644, 0o660, 0o601, 0o610, 0o606, 0o666, 0o777])
func aKeyThatOthersMayTouchIsRefused(mode: Int) throws {
  let folder = try KeyFolder()
  try folder.write(keyFile(), mode: mode)
  #expect(
    failure(opening: folder.path())
      == .readableByOthers(mode: UInt32(mode), owner: UInt32(geteuid())))
}

@Test(arguments: [0o600, 0o400, 0o700])
func aKeyThatOnlyItsOwnerMayTouchIsTaken(mode: Int) throws {
  let folder = try KeyFolder()
  try folder.write(keyFile(), mode: mode)
  #expect(failure(opening: folder.path()) == nil)
}

@Test(.enabled(if: geteuid() == 0, "only root can give a file away"))
func aKeyOfAnotherUserIsRefused() throws {
  let folder = try KeyFolder()
  try folder.write(keyFile())
  try FileManager.default.setAttributes(
    [.ownerAccountID: 12_345], ofItemAtPath: folder.path())
  #expect(
    failure(opening: folder.path()) == .readableByOthers(mode: 0o600, owner: 12_345))
}

@Test func aLinkIsNotFollowed() throws {
  let folder = try KeyFolder()
  try folder.write(keyFile(), to: "real")
  try FileManager.default.createSymbolicLink(
    atPath: folder.path(), withDestinationPath: folder.path("real"))
  #expect(failure(opening: folder.path()) == .notAFile)
}

@Test func aFolderIsNoKey() throws {
  let folder = try KeyFolder()
  try FileManager.default.createDirectory(
    atPath: folder.path(), withIntermediateDirectories: false)
  #expect(failure(opening: folder.path()) == .notAFile)
}

@Test func aDeviceIsNoKey() { #expect(failure(opening: "/dev/null") == .notAFile) }

@Test func aMissingKeyIsNotADamagedOne() throws {
  let folder = try KeyFolder()
  #expect(failure(opening: folder.path()) == .missing)
  #expect(failure(opening: folder.path("absent/key")) == .missing)
}

@Test func aPathThatCannotBeOneIsRefusedBeforeTheDisk() throws {
  let folder = try KeyFolder()
  let room = 507 - folder.path("").utf8.count
  #expect(failure(opening: "") == .pathTooLong)
  #expect(failure(opening: folder.path() + "\0") == .pathTooLong)
  #expect(
    failure(opening: folder.path("") + String(repeating: "k", count: room + 2)) == .pathTooLong)
  // At the limit it is the system that says no: a name has at most 255 bytes.
  let longest = String(repeating: "./", count: 253) + "k"
  #expect(longest.utf8.count == 507)
  #expect(failure(opening: longest) == .missing)
}

@Test(arguments: [
  ("a later version", keyFile(head: "cairn-key 2"), FileKey.Failure.unsupportedVersion),
  ("a version of two digits", keyFile(head: "cairn-key 11"), .unsupportedVersion),
  ("another kind of file", keyFile(head: "cairn-log 1"), .malformed),
  ("another algorithm", keyFile(algorithm: "algorithm es256"), .malformed),
  ("a short seed", keyFile(seed: "seed " + String(repeating: "0", count: 63)), .malformed),
  ("a long seed", keyFile(seed: "seed " + String(repeating: "0", count: 65)), .malformed),
  ("upper case", keyFile(seed: "seed " + String(repeating: "A", count: 64)), .malformed),
  ("no epoch", keyFile(epoch: "epoch "), .malformed),
  ("a leading zero", keyFile(epoch: "epoch 00"), .malformed),
  ("a negative epoch", keyFile(epoch: "epoch -1"), .malformed),
  ("an epoch of 2^64", keyFile(epoch: "epoch 18446744073709551616"), .malformed),
  ("an epoch of 21 digits", keyFile(epoch: "epoch 100000000000000000000"), .malformed),
  ("no line feed at the end", keyFile(end: ""), .malformed),
  ("two line feeds at the end", keyFile(end: "\n\n"), .malformed),
  ("line ends of two bytes", keyFile(end: "\r\n"), .malformed),
  ("a fifth line", keyFile(end: "\nboard 1\n"), .malformed),
  ("longer than any key file", keyFile(end: String(repeating: "\n", count: 100)), .malformed),
  ("nothing", [], .malformed),
])
func whatIsNotExactlyAKeyFileIsRefused(
  what: String, bytes: [UInt8], expected: FileKey.Failure
) throws {
  let folder = try KeyFolder()
  try folder.write(bytes)
  #expect(failure(opening: folder.path()) == expected, "\(what)")
}

@Test func everyCutOfAKeyFileIsRefused() throws {
  let folder = try KeyFolder()
  let whole = keyFile(epoch: "epoch 120")
  for count in 0..<whole.count {
    try folder.write(Array(whole[..<count]))
    let found = failure(opening: folder.path())
    #expect(found == .malformed || found == .unsupportedVersion, "\(count) bytes")
  }
}

/// A file has no checksum: what a flip in the seed or in the epoch makes of it is another seed, another
/// epoch, or no key file; a flip anywhere else is always noticed.
@Test func aFlippedBitIsRefusedOrGivesAnotherSeedOrEpoch() throws {
  let folder = try KeyFolder()
  let whole = keyFile(epoch: "epoch 120")
  let original = PublicKey(
    ed25519: try fixed(hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")))
  let seed = 35..<99
  let epoch = 106..<109
  for position in whole.indices {
    for bit in 0..<8 {
      var flipped = whole
      flipped[position] ^= 1 << bit
      try folder.write(flipped)
      do throws(FileKey.Failure) {
        let key = try open(folder.path())
        let (publicKey, newEpoch) = (key.publicKey, key.epoch)
        #expect((publicKey != original) == seed.contains(position), "byte \(position) bit \(bit)")
        #expect((newEpoch != 120) == epoch.contains(position), "byte \(position) bit \(bit)")
        #expect(seed.contains(position) || epoch.contains(position))
      } catch {
        #expect(error == .malformed || error == .unsupportedVersion, "byte \(position) bit \(bit)")
      }
    }
  }
}

@Test func anEpochIsThereAfterItWasRecorded() throws {
  let folder = try KeyFolder()
  var key = try create(folder.path())
  let before = key.publicKey
  for epoch in [1, 1, 2, 500, UInt64.max] {
    try key.record(epoch: epoch)
    let held = key.epoch
    #expect(held == epoch)
    let opened = try open(folder.path())
    let (publicKey, found) = (opened.publicKey, opened.epoch)
    #expect(found == epoch)
    #expect(publicKey == before)
    #expect(try folder.mode() == 0o600)
    #expect(try folder.names == ["key"])
  }
}

@Test func anEpochThatCannotBeWrittenIsNotRecorded() throws {
  let folder = try KeyFolder()
  var key = try create(folder.path())
  // A folder at the temporary name is nothing that the key may remove.
  try FileManager.default.createDirectory(
    atPath: folder.path("key.new"), withIntermediateDirectories: false)
  var isRecorded = true
  do throws(FileKey.Failure) { try key.record(epoch: 1) } catch { isRecorded = false }
  let held = key.epoch
  #expect(!isRecorded && held == 0)
  let opened = try open(folder.path())
  let found = opened.epoch
  #expect(found == 0)
}

private func folderOfExitTest(_ process: Int32) -> String {
  FileManager.default.temporaryDirectory.appending(path: "cairn-epoch-\(process)").path
}

@Test func anEpochThatGoesBackEndsTheProgramAndLeavesTheFile() async throws {
  let folder = folderOfExitTest(getpid())
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer {
    do { try FileManager.default.removeItem(atPath: folder) } catch { Issue.record(error) }
  }
  do {
    var key = try create(folder + "/key")
    try key.record(epoch: 3)
  }
  // The body runs in a process of its own, whose parent is this one.
  await #expect(processExitsWith: .failure) {
    var key = try FileKey(opening: Array((folderOfExitTest(getppid()) + "/key").utf8).span)
    guard key.epoch == 3 else { return }
    try key.record(epoch: 2)
  }
  let opened = try open(folder + "/key")
  let epoch = opened.epoch
  #expect(epoch == 3)
}

@Test(arguments: ["", "half a key file", String(repeating: "x", count: 5000)])
func whatAPowerCutLeftBesideTheKeyIsReplaced(stale: String) throws {
  let folder = try KeyFolder()
  try folder.write(Array(stale.utf8), mode: 0o644, to: "key.new")
  let made = try create(folder.path())
  let publicKey = made.publicKey
  #expect(try folder.names == ["key"])
  #expect(try folder.mode() == 0o600)
  let opened = try open(folder.path())
  let found = opened.publicKey
  #expect(found == publicKey)
}

@Test func aLinkBesideTheKeyIsReplacedAndNotFollowed() throws {
  let folder = try KeyFolder()
  try folder.write(Array("precious".utf8), mode: 0o644, to: "other")
  try FileManager.default.createSymbolicLink(
    atPath: folder.path("key.new"), withDestinationPath: folder.path("other"))
  _ = try create(folder.path())
  #expect(try folder.read("other") == Array("precious".utf8))
  #expect(try folder.names == ["key", "other"])
}

@Test func thePublicKeyIsAFileOf32BytesThatEverybodyMayRead() throws {
  let folder = try KeyFolder()
  let key = try create(folder.path())
  // Written anew at every start, over whatever stands there.
  try folder.write([1, 2, 3], mode: 0o600, to: "key.pub")
  for _ in 0..<2 {
    try key.writePublicKey(to: Array(folder.path("key.pub").utf8).span)
    let expected = key.publicKey
    #expect(try PublicKey(ed25519: fixed(folder.read("key.pub"))) == expected)
    #expect(try folder.mode("key.pub") == 0o644)
    #expect(try folder.names == ["key", "key.pub"])
  }
}

@Test func aKeyOfAVectorHasNoFileAndRecordsNoEpoch() throws {
  var key = try FileKey(seed: FixedBytes())
  var isRecorded = true
  do throws(FileKey.Failure) { try key.record(epoch: 1) } catch { isRecorded = false }
  #expect(!isRecorded)
}

@Test func theExampleOfTheSpecificationIsAKeyFile() throws {
  var root = URL(filePath: #filePath)
  for _ in 0..<3 { root.deleteLastPathComponent() }
  let text = try String(contentsOf: root.appending(path: "docs/key-file.md"), encoding: .utf8)
  let lines = text.split(separator: "\n").filter { $0.hasPrefix("    ") }.prefix(4)
  let bytes = lines.flatMap { Array($0.dropFirst(4).utf8) + [UInt8(ascii: "\n")] }
  #expect(bytes == keyFile())
  #expect(text.contains("\(bytes.count) bytes at least, \(KeyFileFormat.maximumByteCount) at most"))
}
