import Foundation
import Testing

/// What an owner has on a desk: a folder with a passphrase's file and a sealed key.
final class DeskFolder {
  static let gatewayKey = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
  static let deviceKey = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
  static let deviceHash = "21fe31dfa154a261626bf854046fd2271b7bed4b6abe45aa58877ef47f9721b9"
  static let node = String(repeating: "5a", count: 32)

  let folder = URL(filePath: "/tmp/cairn-desk-\(UUID().uuidString.prefix(8))")

  init() throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try write("correct horse battery\n", to: "passphrase")
  }

  deinit {
    // What stays behind in /tmp is no failure of what was tested.
    do { try FileManager.default.removeItem(at: folder) } catch {}
  }

  func path(_ name: String) -> String { folder.appending(path: name).path }

  func write(_ text: String, mode: Int = 0o600, to name: String) throws {
    try Data(text.utf8).write(to: folder.appending(path: name))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path(name))
  }

  func bytes(_ name: String) throws -> Data {
    try Data(contentsOf: folder.appending(path: name))
  }

  /// With the passphrase of this desk.
  func run(_ words: [String], passphrase: String = "passphrase") throws -> Ending {
    try Tool.run(words + ["--passphrase-file", path(passphrase)])
  }

  /// Makes the owner's key and answers what the tool says of it.
  func makeOwner() throws -> [String: Any] {
    let made = try run(["owner", "new", path("owner"), "--json"])
    #expect(made.status == 0, "\(made.error)")
    return try made.json()
  }
}
