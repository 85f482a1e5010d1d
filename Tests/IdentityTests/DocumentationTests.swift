import Foundation
import Identity
import Proofs
import TestSupport
import Testing

private func text(_ path: String) throws -> String {
  var root = URL(filePath: #filePath)
  for _ in 0..<3 { root.deleteLastPathComponent() }
  return try String(contentsOf: root.appending(path: path), encoding: .utf8)
}

@Test func whatTheSpecificationAbbreviatesStandsInTheExamples() throws {
  let examples = try text("Tests/Vectors/identity-examples.txt").split(separator: "\n")
  var count = 0
  for match in try text("docs/identity.md").matches(of: /([0-9a-f]{8})…([0-9a-f]{8})/) {
    count += 1
    let isThere = examples.contains { line in
      line.firstRange(of: match.1).map { line[$0.upperBound...].contains(match.2) } == true
    }
    #expect(isThere, "\(match.0)")
  }
  #expect(count >= 15)
}

@Test func theLeavesOfTheSpecificationAreThoseOfTheExamples() throws {
  var count = 0
  for match in try text("docs/identity.md").matches(of: /leaf ([0-7]): ([0-9a-f]+)/) {
    count += 1
    #expect(try hex(match.2) == IdentityExample().bytes("leaf \(match.1)"))
  }
  #expect(count == 2)
}

@Test func theSpecificationHasEveryTypeAndEveryKindOfLeaf() throws {
  let identity = try text("docs/identity.md")
  for number in 0..<DocumentType.count {
    let type = try #require(DocumentType(rawValue: number))
    guard type != .checkpoint, type != .receipt else { continue }
    #expect(identity.contains("\n| `\(type.name)` "), "\(type)")
  }
  let start = try #require(identity.range(of: "| kind | document |\n|---|---|\n"))
  let rows = identity[start.upperBound...].split(separator: "\n").prefix { $0.hasPrefix("|") }
  let kinds = (UInt8.min...255).compactMap { GatewayLogLeaf.Kind(rawValue: $0) }
  #expect(rows.count == kinds.count)
  for (row, kind) in zip(rows, kinds) { #expect(row.hasPrefix("| \(kind.rawValue) |")) }
}

@Test func theSpecificationHasTheLimitsOfTheCode() throws {
  let identity = try text("docs/identity.md")
  let limits = [
    ("invite", Invite.maximumProtectedByteCount, Invite.maximumMessageByteCount),
    ("succession", Succession.maximumProtectedByteCount, Succession.maximumMessageByteCount),
    ("revocation", Revocation.maximumProtectedByteCount, Revocation.maximumMessageByteCount),
    ("enrolment", Enrolment.maximumProtectedByteCount, Enrolment.maximumMessageByteCount),
    ("head of a device", DeviceHead.maximumProtectedByteCount, DeviceHead.maximumMessageByteCount),
    ("challenge", Challenge.maximumProtectedByteCount, Challenge.maximumMessageByteCount),
    (
      "head of the gateway's log", GatewayHead.maximumProtectedByteCount,
      GatewayHead.maximumMessageByteCount
    ),
    (
      "change of the gateway's key", GatewayKeyChange.maximumProtectedByteCount,
      GatewayKeyChange.maximumMessageByteCount
    ),
  ]
  for (name, protected, message) in limits {
    let row = identity.split(separator: "\n").first { $0.hasPrefix("| \(name) | \(protected) | ") }
    #expect(row?.hasSuffix(" | \(message) |") == true, "\(name)")
  }
  #expect(identity.contains("string head 3, enrolment 572 | \(GatewayLogLeaf.maximumByteCount) |"))
}
