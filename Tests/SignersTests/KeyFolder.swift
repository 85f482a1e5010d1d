import FixedMemory
import Foundation
import Proofs
import Signers
import TestSupport

/// A folder of its own for a test, removed with everything in it.
final class KeyFolder {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "cairn-key-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit {
    do {
      try FileManager.default.removeItem(at: url)
    } catch {
      // A folder more in the temporary folder; the test has said what it had to say.
    }
  }

  func path(_ name: String = "key") -> String { url.appending(path: name).path }

  var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() }
  }

  func write(_ bytes: [UInt8], mode: Int = 0o600, to name: String = "key") throws {
    try Data(bytes).write(to: url.appending(path: name))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path(name))
  }

  func read(_ name: String = "key") throws -> [UInt8] {
    Array(try Data(contentsOf: url.appending(path: name)))
  }

  func mode(_ name: String = "key") throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path(name))[.posixPermissions] as? Int
  }
}

func open(_ path: String) throws(FileKey.Failure) -> FileKey {
  try FileKey(opening: Array(path.utf8).span)
}

func create(_ path: String) throws(FileKey.Failure) -> FileKey {
  try FileKey(creatingAt: Array(path.utf8).span)
}

/// Why a key can't be opened; nil when it can.
func failure(opening path: String) -> FileKey.Failure? {
  do throws(FileKey.Failure) {
    _ = try open(path)
    return nil
  } catch { return error }
}

/// The six lines of docs/key-file.md.
func keyFile(
  head: String = "cairn-key 1", algorithm: String = "algorithm ed25519",
  seed: String = "seed 9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
  epoch: String = "epoch 0", hardware: String = "board 10000000abcdef01\ncard -",
  end: String = "\n"
) -> [UInt8] {
  Array("\(head)\n\(algorithm)\n\(seed)\n\(epoch)\n\(hardware)\(end)".utf8)
}
