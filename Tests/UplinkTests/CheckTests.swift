import Foundation
import Testing

/// `cairn-uplink-https --check`: the way to the gateway, step by step, as docs/doctor.md has its lines.
@Suite(.serialized) struct CheckTests {
  let gateway: ScriptedGateway
  let paper: PaperGateway
  let node: Node

  init() throws {
    gateway = try ScriptedGateway()
    paper = try PaperGateway()
    node = try Node(port: gateway.port, gatewayKey: paper.publicKey)
  }

  /// The lines between head and end, as identifier and state.
  private func rows(of uplink: UplinkProcess) throws -> [String] {
    #expect(try uplink.end() == 0, "\(uplink.words)")
    // Warnings of the site file stand before them, on standard error.
    let lines = uplink.words.split(separator: "\n").drop { $0 != "cairn-check 1 0.1.0" }
    #expect(lines.first == "cairn-check 1 0.1.0" && lines.last == "end", "\(uplink.words)")
    return lines.dropFirst().dropLast().map { line in
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
      guard fields.count > 1 else { return "\(line)" }
      // What failed says what to do.
      #expect(fields.count == (["failed", "warning"].contains(fields[1]) ? 4 : 3), "\(line)")
      return "\(fields[0]) \(fields[1])"
    }
  }

  private func begin() throws -> UplinkProcess {
    try UplinkProcess(arguments: ["--check", "--config", node.path("site.ini")])
  }

  private static let reached = ["network.name ok", "network.connect ok", "network.tls ok"]
  private static let cose = "application/cose; cose-type=\"cose-sign1\""

  @Test func theConfiguredGatewayIsFoundWell() throws {
    let uplink = try begin()
    #expect(try gateway.nextGet("/v1/keys").path.hasPrefix("/v1/keys?from="))
    try gateway.answer("200 OK", "application/cbor", paper.keyList([]))
    _ = try gateway.nextGet("/v1/log/head")
    try gateway.answer("200 OK", Self.cose, paper.head(3))
    #expect(
      try rows(of: uplink)
        == Self.reached + ["network.gateway ok", "network.key ok", "network.time ok"])
  }

  @Test func aKeyThatFollowsTheConfiguredOneIsWell() throws {
    let successor = try PaperGateway(seed: 32)
    let uplink = try begin()
    _ = try gateway.nextGet("/v1/keys")
    let change = try paper.change(to: successor.publicKey)
    try gateway.answer("200 OK", "application/cbor", paper.keyList([change]))
    _ = try gateway.nextGet("/v1/log/head")
    try gateway.answer("200 OK", Self.cose, successor.head(3))
    #expect(try rows(of: uplink).contains("network.key ok"))
    #expect(uplink.words.contains("a key that follows the configured one"))
  }

  @Test func aGatewayThatNeverHadTheKeyIsTold() throws {
    let uplink = try begin()
    _ = try gateway.nextGet("/v1/keys")
    try gateway.refuse(code: 20)
    #expect(try rows(of: uplink).last == "network.gateway failed")
    let other = try begin()
    _ = try gateway.nextGet("/v1/keys")
    try gateway.answer(
      "404 Not Found", "application/concise-problem-details+cbor", [0xa1, 0x38, 0x18, 0x61, 0x78])
    #expect(try rows(of: other) == Self.reached + ["network.gateway ok", "network.key failed"])
  }

  @Test func aHeadByAnotherKeyIsTold() throws {
    let uplink = try begin()
    _ = try gateway.nextGet("/v1/keys")
    try gateway.answer("200 OK", "application/cbor", paper.keyList([]))
    _ = try gateway.nextGet("/v1/log/head")
    try gateway.answer("200 OK", Self.cose, PaperGateway(seed: 77).head(3))
    #expect(try rows(of: uplink).last == "network.key failed")
  }

  @Test func aGatewayWhoseClockIsFarAwayIsTold() throws {
    let uplink = try begin()
    _ = try gateway.nextGet("/v1/keys")
    try gateway.answer("200 OK", "application/cbor", paper.keyList([]))
    _ = try gateway.nextGet("/v1/log/head")
    try gateway.answer("200 OK", Self.cose, paper.head(3, after: 3_600_000))
    #expect(try rows(of: uplink).last == "network.time warning")
    #expect(uplink.words.contains("behind the gateway's"))
  }

  @Test func whatIsNoGatewayIsTold() throws {
    let uplink = try begin()
    _ = try gateway.nextGet("/v1/keys")
    try gateway.answer("200 OK", "text/html", Array("<html>log in".utf8))
    #expect(try rows(of: uplink) == Self.reached + ["network.gateway failed"])
    #expect(uplink.words.contains("whether the network wants a login"))
  }

  @Test func aSiteFileWithoutAKeyIsAWarning() throws {
    let keyless = try Node(port: gateway.port)
    let uplink = try UplinkProcess(arguments: ["--check", "--config", keyless.path("site.ini")])
    #expect(try gateway.nextGet("/v1/keys").path == "/v1/keys")
    try gateway.answer("200 OK", "application/cbor", paper.keyList([]))
    // It warns on standard error too, which is gathered here.
    try uplink.awaitWords("network.key\twarning")
    #expect(try uplink.end() == 0)
  }

  @Test func aPortWhereNobodyListensIsTold() throws {
    try """
    [gateway]
    url = http://127.0.0.1:1
    public_key = \(String(repeating: "ab", count: 32))
    """.write(toFile: node.path("site.ini"), atomically: true, encoding: .utf8)
    #expect(try rows(of: begin()) == ["network.name ok", "network.connect failed"])
  }

  @Test func aNameThatNobodyKnowsIsTold() throws {
    try """
    [gateway]
    url = https://gateway.invalid
    public_key = \(String(repeating: "ab", count: 32))
    """.write(toFile: node.path("site.ini"), atomically: true, encoding: .utf8)
    #expect(try rows(of: begin()) == ["network.name failed"])
  }

  @Test func aPortThatSpeaksNoTLSIsTold() throws {
    try """
    [gateway]
    url = https://127.0.0.1:\(gateway.port)
    public_key = \(String(repeating: "ab", count: 32))
    """.write(toFile: node.path("site.ini"), atomically: true, encoding: .utf8)
    let uplink = try begin()
    try gateway.answerWithPlainText()
    #expect(
      try rows(of: uplink) == ["network.name ok", "network.connect ok", "network.tls failed"])
  }

  @Test func aGatewayThatNeverAnswersEnds() throws {
    let uplink = try begin()
    try gateway.awaitConnection()
    #expect(try rows(of: uplink) == Self.reached + ["network.gateway failed"])
  }
}
