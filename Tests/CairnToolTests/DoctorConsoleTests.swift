import FixedMemory
import Foundation
import LinuxPlatform
import Testing

@testable import cairn

/// Console, and the uplink's program for a broker.
@Suite struct DoctorConsoleTests {
  private static let hash =
    "$argon2id$v=19$m=65536,t=3,p=1$" + String(repeating: "A", count: 22) + "$"
    + String(repeating: "A", count: 43) + "\n"

  @Test func thePassphraseOfTheConsoleIsLookedAt() throws {
    let node = try DoctorNode()
    let none = try node.run()
    #expect(none.state("console.passphrase") == "ok")
    #expect(none.reason("console.passphrase").contains("none is set"))
    try node.write("console.pass", Self.hash)
    try node.setMode(0o640, of: "console.pass")
    #expect(try node.run().reason("console.passphrase").hasSuffix(": set"))
    try node.setMode(0o644, of: "console.pass")
    #expect(try node.run().state("console.passphrase") == "warning")
    try node.setMode(0o660, of: "console.pass")
    #expect(try node.run().state("console.passphrase") == "failed")
    try node.write("console.pass", "secret\n")
    try node.setMode(0o640, of: "console.pass")
    let damaged = try node.run()
    #expect(damaged.state("console.passphrase") == "failed")
    #expect(damaged.reason("console.passphrase").contains("nothing can be unlocked"))
  }

  @Test(arguments: [
    ("cairn-console@ttyS0.service loaded active running Cairn console", "ttyS0", "ok"),
    ("cairn-console@ttyS0.service loaded failed failed Cairn console", "ttyS0", "failed"),
    ("cairn-console@ttyGS0.service loaded inactive dead Cairn console", "ttyGS0", "warning"),
  ])
  func eachConsoleOfSystemdIsARow(line: String, subject: String, state: String) throws {
    let bytes = Array(line.utf8)
    let row = DoctorConsole.row(bytes.span)
    #expect(row == "\(subject) \(state)")
  }

  @Test(arguments: ["", "cairn-console@.service loaded active", "ssh.service loaded active x", "x"])
  func whatIsNoConsoleIsNoRow(line: String) {
    let bytes = Array(line.utf8)
    #expect(DoctorConsole.row(bytes.span) == nil)
  }

  @Test func aBrokersNodeIsCheckedByTheUplinkForBrokers() throws {
    let node = try DoctorNode()
    try node.write("site.ini", "[gateway]\nurl = mqtt://127.0.0.1:9\n\(DoctorNode.air)")
    let rows = try node.run()
    #expect(rows.state("network.connect") == "failed", "\(rows.list)")
    #expect(rows.reason("network.connect").contains("broker"))
    let uplink = rows.list.first { $0.id == "uplink.running" }
    #expect(uplink?.remedy?.contains("systemctl start cairn-uplink-mqtt") == true)
  }
}

/// A row in words, since it can't be copied.
private enum DoctorConsole {
  static func row(_ line: Span<UInt8>) -> String? {
    guard let row = Checkup.consoleRow(line) else { return nil }
    let subject = row.subject.span.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    return "\(subject) \(row.state.name)"
  }
}
