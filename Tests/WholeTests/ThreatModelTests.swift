import Foundation
import Testing

/// docs/threat-model.md rests on tests: each that it names is there.
@Suite struct ThreatModelTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  @Test func everyTestThatTheThreatModelNamesIsThere() throws {
    let page = try String(
      contentsOf: Self.root.appending(path: "docs/threat-model.md"), encoding: .utf8)
    // A test's name is one word of letters and digits, with capitals within it.
    let named = page.matches(of: /`([a-z][a-z0-9]*[A-Z][A-Za-z0-9]*)`/).map { String($0.1) }
    #expect(named.count > 20)
    let tests = try Self.allTests()
    for name in named { #expect(tests.contains(name), "\(name) is no test") }
  }

  private static func allTests() throws -> Set<String> {
    var tests: Set<String> = []
    let folder = root.appending(path: "Tests")
    let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
    for file in files where file.hasSuffix("Tests.swift") {
      let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
      // The line with @Test, or the one after it.
      for match in text.matches(of: /@Test[^\n]*(?:\n[^\n]*)?func ([A-Za-z0-9]+)\(/) {
        tests.insert(String(match.1))
      }
    }
    return tests
  }
}
