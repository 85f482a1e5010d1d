import Foundation
import Records
import TestSupport
import Testing

private func specification() throws -> String {
  var root = URL(filePath: #filePath)
  for _ in 0..<3 { root.deleteLastPathComponent() }
  return try String(contentsOf: root.appending(path: "docs/proof-format.md"), encoding: .utf8)
}

@Test func everyLeafOfTheSpecificationIsOne() throws {
  let leaves = try specification().split(separator: "\n").compactMap { line -> [UInt8]? in
    let words = line.split(separator: " ")
    return line.hasPrefix("    leaf:") && words.count > 1 ? hex(words[1]) : nil
  }
  #expect(leaves.count == 13)
  for leaf in leaves { #expect(try acceptedAndReencoded(leaf) == leaf, "\(leaf)") }
}

/// The first column of the table with this head.
private func numbers(under head: String) throws -> [String] {
  let lines = try specification().split(separator: "\n", omittingEmptySubsequences: false)
  let start = try #require(lines.firstIndex { $0 == head })
  let table = lines[start...].dropFirst(2).prefix { $0.hasPrefix("|") }
  return table.map { String($0.split(separator: "|")[0].trimmingCharacters(in: .whitespaces)) }
}

@Test func theSpecificationHasEveryNumberThatTheCodeHas() throws {
  let all = UInt8.min...UInt8.max
  #expect(
    try numbers(under: "| code | arguments | meaning |")
      == all.compactMap { EventCode(rawValue: $0) }.map { "\($0.rawValue)" })
  #expect(
    try numbers(under: "| why | meaning |")
      == all.compactMap { GapReason(rawValue: $0) }.map { "\($0.rawValue)" })
  #expect(
    try numbers(under: "| source | meaning |")
      == all.compactMap { FixSource(rawValue: $0) }.map { "\($0.rawValue)" })
  #expect(
    try numbers(under: "| code | meaning |")
      == all.compactMap { FaultCode(rawValue: $0) }.map { "\($0.rawValue)" })
}
