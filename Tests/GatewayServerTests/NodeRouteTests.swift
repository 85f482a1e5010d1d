import FixedMemory
import Foundation
import GatewayStore
import HTTPTypes
import HummingbirdTesting
import Identity
import Proofs
import Testing

@testable import GatewayServer

/// Nodes as people see them: over all their keys, with owner and place, and with the right reproach or none.
@Suite struct NodeRouteTests {
  private let server: TestServer
  private let owner: TestNode
  private let old: TestNode
  private let new: TestNode
  private let node: Digest

  private static let place = Place(
    latitudeE7: 488_584_000, longitudeE7: -22_945_000, altitudeCentimetres: 3550,
    heightAboveGroundCentimetres: nil)

  /// An owned node that has gone on under another key.
  init() throws {
    server = try TestServer()
    (owner, old, new) = (
      try TestNode(seed: 200), try TestNode(seed: 1), try TestNode(seed: 2)
    )
    let gateway = server.gateway
    let invite = try owner.invite(to: gateway)
    node = try gateway.enrol(
      try old.enrolment(place: Self.place, invite), utcMilliseconds: TestServer.now
    ).node
    for values: [Int64] in [[1, 2], [3]] { try take(try old.batch(values)) }
    let succession = try owner.succession(of: node, from: old.publicKey, to: new.publicKey)
    _ = try gateway.enrol(
      try new.enrolment(place: Self.place, succession), utcMilliseconds: TestServer.now)
    try take(try new.batch([4, 5]))
  }

  private func take(_ batch: [UInt8]) throws {
    guard case .stored = server.gateway.receive(batch, utcMilliseconds: TestServer.now) else {
      throw RequestProblem(.badRequest, "a batch was not taken")
    }
  }

  private func withClient(
    _ test: @escaping @Sendable (any TestClientProtocol) async throws -> Void
  ) async throws {
    try await server.application.test(.router) { try await test($0) }
  }

  @Test func askedByItsIdANodeShowsReadingsOfAllItsKeysAndEachSaysWhose() async throws {
    let (node, old, new) = (node.hexadecimal, old.kid, new.kid)
    let newId = self.new.id
    try await withClient { client in
      var kids: [String] = []
      var path = "/v1/devices/\(node)/readings?limit=2&name=temperature"
      for _ in 0..<5 {
        let page = try await client.get(path).json()
        #expect(page["node"] as? String == node && page["device"] as? String == newId)
        let records = page["records"] as? [[String: Any]] ?? []
        kids += records.compactMap { $0["kid"] as? String }
        #expect(records.allSatisfy { $0["epoch"] as? Int == 0 })
        guard let next = page["next"] as? String else { break }
        path = "/v1/devices/\(node)/readings?limit=2&name=temperature&after=\(next)"
      }
      #expect(kids == [old, old, old, new, new])
      let byKey = try await client.get("/v1/devices/\(newId)/readings").json()
      #expect(byKey["node"] == nil && (byKey["records"] as? [Any])?.count == 2)
    }
  }

  @Test func aNodesLogIsOneListOverItsKeys() async throws {
    let (node, old, new) = (node.hexadecimal, old.kid, new.kid)
    try await withClient { client in
      let first = try await client.get("/v1/devices/\(node)/log?limit=2").json()
      let next = try #require(first["next"] as? String)
      #expect(next == "0.0.1")
      let second = try await client.get("/v1/devices/\(node)/log?limit=2&after=\(next)").json()
      let kids = [first, second].flatMap { $0["batches"] as? [[String: Any]] ?? [] }
        .compactMap { $0["kid"] as? String }
      #expect(kids == [old, old, new])
      #expect(second["next"] is NSNull)
    }
  }

  @Test func tablesAndSenMLOfANodeGoOverItsKeysUnderTheNodesName() async throws {
    let (node, old, new) = (node.hexadecimal, old.kid, new.kid)
    try await withClient { client in
      let path = "/v1/devices/\(node)/readings?format="
      let table = try await client.get(path + "csv")
      let lines = table.text.split(separator: "\r\n").map(String.init)
      #expect(
        lines[0] == "epoch,leaf,boot,t_ms,utc,utc_uncertainty_ms,kind,chip,bus,name,unit,"
          + "value,simulated,note,kid")
      #expect(
        lines.dropFirst().compactMap { $0.split(separator: ",").last.map(String.init) }
          == [old, old, old, new, new])
      for name in [node, String(node.prefix(16))] {
        let pack = try await client.get("/v1/devices/\(name)/readings?format=senml")
        #expect(pack.text.hasPrefix("[{\"bn\":\"\(node):\","))
        #expect(pack.text.components(separatedBy: "\"n\":").count == 6)
      }
      let field = try #require(HTTPField.Name("Cairn-Next"))
      let part = try await client.get(path + "csv&limit=3")
      let next = try #require(part.headers[field])
      let rest = try await client.get(path + "csv&after=\(next)")
      let header = ReadingsCSV.header
      #expect(rest.text.hasPrefix(header))
      #expect(part.text + String(rest.text.dropFirst(header.count)) == table.text)
      #expect(rest.headers[field] == nil)
    }
  }

  @Test func aPlaceInOneListIsNoneInAnother() async throws {
    let (node, key) = (node.hexadecimal, new.id)
    try await withClient { client in
      for (path, status) in [
        ("\(node)/readings?after=0.0", 400), ("\(node)/log?after=0.0", 400),
        ("\(key)/readings?after=0.0.0", 400), ("\(key)/log?after=1.0.0", 400),
        ("\(node)/readings?after=9.0.0", 200), ("\(node)/readings?after=1.0.1", 200),
      ] {
        let response = try await client.get("/v1/devices/\(path)")
        #expect(response.status.code == status, "\(path)")
      }
    }
  }

  @Test func thePageShowsANodeOnceWithPlaceOwnerAndKeys() async throws {
    let page = try FleetPage(server.gateway, counts: VerdictCounts()) { TestServer.now }.page()
    #expect(page.components(separatedBy: "<article>").count == 2)
    let id = node.hexadecimal
    for wanted in [
      "Node <code>\(id.prefix(16))</code>", "48.8584000° N, 2.2945000° W, 35.50 m",
      "owner <code title=\"\(owner.publicKey.bytes.hexadecimal)\">", "before it <a",
      new.kid, old.kid, "<strong>0</strong><span>with a problem</span>",
      "/v1/devices/\(id)/readings?format=csv", "<a href=\"/v1/log/head\">signed head</a>",
      "<a href=\"/v1/log\">6 leaves</a>", "key</a> has never changed",
    ] { #expect(page.contains(wanted), "\(wanted)") }
  }

  @Test func whatGoesOnInAClosedEpochIsToldAsThatAndNoForkAnywhere() async throws {
    let card = new.log
    new.log = TestNode.Log(epoch: 1, previous: card.previous)
    try take(try new.batch([6]))
    new.log = card
    let late = try new.batch([7])
    let key = new.id
    let server = server
    try await withClient { client in
      #expect(try await client.post("/v1/batches", late).status.code == 409)
      let device = try await client.get("/v1/devices/\(key)").json()
      #expect(device["forks"] as? Int == 0 && device["closedEpoch"] as? Int == 1)
      let forks = try await client.get("/v1/devices/\(key)/forks").json()
      #expect((forks["forks"] as? [Any])?.isEmpty == true)
      let kept = try await client.get("/v1/devices/\(key)/closed-epoch").json()
      let pair = try #require((kept["closedEpoch"] as? [[String: Any]])?.first)
      #expect(pair["name"] as? String == "closed-epoch" && pair["follows"] as? Bool == true)
      let health = try await client.get("/healthz").json()
      #expect(health["forks"] as? Int == 0 && health["closedEpoch"] as? Int == 1)
      let metrics = try await client.get("/metrics").text
      #expect(metrics.contains("\ncairn_gateway_forks 0\n"))
      #expect(metrics.contains("\ncairn_gateway_closed_epoch 1\n"))
      let page = try await client.get("/").text
      #expect(page.contains("goes on in a closed epoch</a>: switch it off"))
      #expect(!page.contains("Two histories"))
      let last = try #require(server.lines.last)
      #expect(last.hasPrefix("{\"event\":\"closedEpoch\"") && last.contains("\"evidence\""))
    }
  }

  @Test func aForkUnderAnEarlierKeyIsAProblemOfItsNode() async throws {
    let other = try TestNode(seed: 1)
    _ = server.gateway.receive(try other.batch([99]), utcMilliseconds: TestServer.now)
    let page = try FleetPage(server.gateway, counts: VerdictCounts()) { TestServer.now }.page()
    #expect(
      page.contains(
        "<a href=\"/v1/devices/\(old.id)/forks\">Two histories</a> are signed with an earlier key"))
  }

  @Test func aRevokedKeyIsToldWithReasonAndNotAsSilence() async throws {
    _ = try server.gateway.revoke(
      try owner.revocation(of: new.publicKey, node: node), utcMilliseconds: TestServer.now)
    let later = TestServer.now + 10 * FleetCard.silentAfterMilliseconds
    let page = try FleetPage(server.gateway, counts: VerdictCounts()) { later }.page()
    #expect(page.contains("Its key is revoked as lost or stolen, by its owner"))
    #expect(!page.contains("Silent for"))
  }
}
