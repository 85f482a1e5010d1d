import Foundation
import Testing

@testable import NodeConfiguration

private func allowed(_ definition: KeyDefinition) -> String {
  var text = Message()
  definition.kind.writeAllowed(to: &text)
  return text.string
}

private func absence(_ definition: KeyDefinition) -> String {
  switch definition.absence {
  case .refused: "required"
  case .unset: "none"
  case .standard(let text): text.string
  }
}

/// The beginning of the key's row in docs/configuration.md; the meaning follows in words.
private func row(_ definition: KeyDefinition) -> String {
  "| `\(definition.name.string)` | \(allowed(definition)) | \(absence(definition)) | "
}

/// The line above the key in a sample.
private func comment(_ definition: KeyDefinition) -> String {
  switch definition.absence {
  case .refused: "# Required: \(allowed(definition))."
  case .unset: "# Default: none. Allowed: \(allowed(definition))."
  case .standard(let text): "# Default: \(text.string). Allowed: \(allowed(definition))."
  }
}

/// The lines below each heading, up to the next; "[sensor.NAME]" counts as "sensor".
private func sections(of text: String, heading: (Substring) -> String?) -> [String: [String]] {
  var found: [String: [String]] = [:]
  var name: String?
  for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
    if let next = heading(line) { name = next }
    if let name { found[name, default: []].append(String(line)) }
  }
  return found
}

private func definitions() -> [KeyDefinition] { (0..<Key.count).map { KeyTable.rows[$0] } }

@Suite struct DocumentationTests {
  @Test func tableHasEachKeyInTheRowOfItsRawValue() {
    for row in 0..<Key.count { #expect(Int(KeyTable.rows[row].key.rawValue) == row) }
    #expect(Key(rawValue: UInt8(Key.count)) == nil)
    #expect(Section(rawValue: UInt8(Section.count)) == nil)
    #expect(ChipName(rawValue: UInt8(ChipName.count)) == nil)
  }

  @Test func everyDefaultIsAValueOfItsKind() throws {
    for definition in definitions() {
      guard case .standard(let text) = definition.absence else { continue }
      var message = Message()
      _ = try definition.kind.read(text.bytes, message: &message)
      #expect(message.isEmpty)
    }
  }

  @Test func everyKeyHasItsRowInTheDocumentation() throws {
    let parts = sections(of: try shipped("docs/configuration.md")) { line in
      guard line.hasPrefix("### `["), let end = line.firstIndex(where: { $0 == "]" || $0 == "." })
      else { return nil }
      return String(line[line.index(line.startIndex, offsetBy: 6)..<end])
    }
    for definition in definitions() {
      let start = row(definition)
      let isThere = parts[definition.section.name.string, default: []].contains {
        $0.hasPrefix(start) && $0.count > start.count + 10
      }
      #expect(isThere, "docs/configuration.md, \(definition.section.name): \(start)")
    }
    let rowCount = parts.values.joined().count { $0.hasPrefix("| `") }
    #expect(rowCount == Key.count, "rows of keys that are not in the table")
  }

  @Test(arguments: ["docs/site.ini.sample", "docs/board.ini.sample"])
  func everyKeyIsExplainedInTheSample(path: String) throws {
    let source: Problem.Source = path.contains("site") ? .site : .board
    let parts = sections(of: try shipped(path)) { line in
      let plain = line.hasPrefix("#") ? line.dropFirst() : line
      guard plain.hasPrefix("["), let end = plain.firstIndex(where: { $0 == "]" || $0 == "." })
      else { return nil }
      return String(plain[plain.index(after: plain.startIndex)..<end])
    }
    for definition in definitions() where definition.section.source == source {
      let lines = parts[definition.section.name.string, default: []]
      let name = definition.name.string
      let place = lines.firstIndex { $0.hasPrefix("\(name) = ") || $0.hasPrefix("#\(name) = ") }
      guard let place else {
        Issue.record("\(path) lacks \(name) in \(definition.section.name)")
        continue
      }
      #expect(place > 1 && lines[place - 1] == comment(definition), "\(path): \(name)")
      #expect(place > 1 && lines[place - 2].hasPrefix("# "), "\(path): \(name) has no meaning")
    }
  }
}
