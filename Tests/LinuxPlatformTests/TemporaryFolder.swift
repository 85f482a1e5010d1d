import CLinux
import Foundation
import LinuxPlatform

/// A folder of a test's own, removed at its end.
final class TemporaryFolder {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "cairn-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit {
    do { try FileManager.default.removeItem(at: url) } catch { print("not removed: \(url)") }
  }

  func path(_ name: String) -> FixedPath { fixedPath(url.appending(path: name).path) }

  func contents(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: url.appending(path: name)))
  }

  var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() }
  }
}

func fixedPath(_ text: String) -> FixedPath {
  guard let path = FixedPath(Array(text.utf8).span) else { preconditionFailure("path: \(text)") }
  return path
}

func string(_ bytes: Span<UInt8>) -> String {
  String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
}

func text(of path: FixedPath) -> String {
  let span = path.span
  return string(span)
}
