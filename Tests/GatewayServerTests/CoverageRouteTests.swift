import CoverageVerifier
import FixedMemory
import Foundation
import GatewayStore
import HTTPTypes
import HummingbirdTesting
import Identity
import Proofs
import Records
import Testing

@testable import GatewayServer

@Suite struct CoverageRouteTests {
  private func intent(_ number: UInt32, of node: TestNode) throws -> [UInt8] {
    let record = BeaconIntent(number: number, frameHash: Digest())
    var bytes = [UInt8](repeating: 0, count: 100)
    let count = LeafEncoding.intent(milliseconds: 5, record, into: bytes.mutableSpan)
    return try node.sealed([Array(bytes.prefix(count))])
  }

  @Test func aBeaconIsShownWithItsInputsAndNotBeforeItsReveal() async throws {
    let server = try TestServer(
      challengeRules: ChallengeRules(coverage: ["EU868": CoveragePolicy()]))
    let node = try TestNode(seed: 1)
    let gateway = server.gateway
    _ = try gateway.enrol(try node.enrolment(), utcMilliseconds: TestServer.now)
    let region = try #require(ChallengeRegion("EU868"))
    let challenge = try gateway.challenge(for: region, utcMilliseconds: TestServer.now)
    #expect(challenge.challenge.number == 1)
    for number: UInt32 in [1, 77] {
      let answer = gateway.receive(
        try intent(number, of: node), utcMilliseconds: TestServer.now)
      guard case .stored = answer else {
        Issue.record("\(answer)")
        return
      }
    }
    let id = node.id
    try await server.application.test(.router) { client in
      #expect(try await client.get("/v1/verdicts/\(id).1").status == .conflict)
      #expect(try await client.get("/v1/verdicts/\(id).2").status == .notFound)
      #expect(try await client.get("/v1/verdicts/\(id)").status == .badRequest)
      let answer = try await client.get("/v1/verdicts/\(id).77")
      #expect(answer.status == .ok)
      let json = try answer.json()
      let verdict = json["verdict"] as? [String: Any] ?? [:]
      #expect(verdict["outcome"] as? String == "refused")
      #expect(verdict["reason"] as? String == "challenge-unknown")
      #expect((verdict["checks"] as? [[String: Any]])?.count == 1)
      let inputs = json["inputs"] as? [String: Any] ?? [:]
      let leaves = inputs["leaves"] as? [[String: Any]] ?? []
      #expect(leaves.compactMap { $0["kind"] as? String } == ["intent"])

      let page = try await client.get("/v1/coverage?device=\(id)").json()
      let beacons = page["beacons"] as? [[String: Any]] ?? []
      #expect(beacons.compactMap { $0["outcome"] as? String } == ["not-due", "refused"])
      let nodes = page["nodes"] as? [[String: Any]] ?? []
      #expect(nodes.compactMap { $0["notDue"] as? Int } == [1])
      #expect(nodes.compactMap { $0["refused"] as? Int } == [1])
      let first = try await client.get("/v1/coverage?limit=1").json()
      #expect(first["next"] as? String == "\(id).1")
      let second = try await client.get("/v1/coverage?limit=1&after=\(id).1").json()
      #expect((second["beacons"] as? [[String: Any]])?.first?["id"] as? String == "\(id).77")
      #expect(second["next"] is NSNull)
    }
  }

  @Test func thePageSaysWhyABeaconDoesNotCount() async throws {
    let server = try TestServer(
      challengeRules: ChallengeRules(coverage: ["EU868": CoveragePolicy()]))
    let node = try TestNode(seed: 1)
    let region = try #require(ChallengeRegion("EU868"))
    // Seven hours ago: window and reveal are over.
    let then = TestServer.now - 7 * 3_600_000
    _ = try server.gateway.enrol(try node.enrolment(), utcMilliseconds: then)
    _ = try server.gateway.challenge(for: region, utcMilliseconds: then)
    _ = server.gateway.receive(try intent(1, of: node), utcMilliseconds: then)
    let id = node.id
    try await server.application.test(.router) { client in
      let page = try await client.get("/", accept: "text/html").text
      #expect(page.contains("Radio coverage"))
      #expect(page.contains("/v1/verdicts/\(id).1"))
      #expect(page.contains("the challenge does not stand in the node&#39;s log before the intent"))
      let list = try await client.get("/v1/coverage?order=newest&device=\(id)").json()
      let beacons = list["beacons"] as? [[String: Any]] ?? []
      #expect(beacons.compactMap { $0["reason"] as? String } == ["challenge-not-logged"])
      #expect(beacons.compactMap { $0["words"] as? String }.count == 1)
      #expect((beacons.first?["heard"] as? [Any])?.isEmpty == true)
      #expect(try await client.get("/v1/coverage?order=sideways").status == .badRequest)
    }
  }

  @Test func aPageWithoutBeaconsSaysNothingOfCoverage() async throws {
    let server = try TestServer()
    try await server.application.test(.router) { client in
      let page = try await client.get("/", accept: "text/html").text
      #expect(!page.contains("Radio coverage"))
    }
  }
}
