import FixedMemory
import Foundation
import GatewayStore
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import Proofs
import Records
import Testing
import Verifier

@testable import GatewayServer

/// What people and their programs are answered.
@Suite struct PeopleRouteTests {
  private let path = "/v1/devices/" + WorkedExample.device

  private func withExample(
    _ test: @escaping @Sendable (any TestClientProtocol, TestServer) async throws -> Void
  ) async throws {
    let server = try TestServer()
    try await server.application.test(.router) { client in
      try await client.deliverExample()
      try await test(client, server)
    }
  }

  @Test func readingsAreCSVWithOneValueALine() async throws {
    try await withExample { client, _ in
      let byFormat = try await client.get(path + "/readings?format=csv")
      let byAccept = try await client.get(path + "/readings", accept: "text/csv")
      #expect(byFormat.bytes == byAccept.bytes)
      #expect(byFormat.headers[.contentType]?.hasPrefix("text/csv") == true)
      let lines = byFormat.text.split(separator: "\r\n").map(String.init)
      #expect(lines.count == 11)
      #expect(
        lines[1]
          == "0,3,1,1000,2013-01-01T00:00:00.940Z,20,reading,BME280,i2c-1,temperature,Cel,3.900,1,,21fe31dfa154a261"
      )
      #expect(
        lines[7]
          == "0,5,1,121000,2013-01-01T00:02:00.940Z,20,fault,BME280,i2c-1,,,,1,checksum-mismatch ×1,21fe31dfa154a261"
      )
      #expect(
        lines[9]
          == "0,6,1,181000,2013-01-01T00:03:00.940Z,20,reading,BME280,i2c-1,humidity,%RH,,1,no value,21fe31dfa154a261"
      )
    }
  }

  @Test func readingsAreJSONUnlessSomethingElseIsAskedFor() async throws {
    try await withExample { client, _ in
      let all = try await client.get(path + "/readings")
      #expect(all.headers[.contentType] == "application/json")
      let records = try all.json()["records"] as? [[String: Any]] ?? []
      #expect(
        records.map { $0["kind"] as? String } == ["reading", "reading", "fault", "reading"])
      let page = try await client.get(path + "/readings?limit=2&name=humidity").json()
      #expect(page["next"] as? String == "0.4")
      let rest = try await client.get(path + "/readings?after=0.4").json()
      #expect((rest["records"] as? [Any])?.count == 2)
      #expect(rest["next"] is NSNull)
    }
  }

  @Test func theArchiveGivesBackTheBytesThatCame() async throws {
    try await withExample { client, _ in
      for (number, bytes) in [WorkedExample.batch0, WorkedExample.batch1].enumerated() {
        let response = try await client.get(path + "/batches/0/\(number)")
        #expect(response.bytes == bytes)
        #expect(response.headers[.contentType] == "application/cbor")
      }
      #expect(try await client.get(path + "/batches/0/2").status.code == 404)
      #expect(try await client.get(path + "/batches/x/0").status.code == 404)
    }
  }

  @Test func aLeafsReceiptVerifiesAgainstTheRootOfTheLog() async throws {
    try await withExample { client, server in
      let log = try await client.get(path + "/log").json()["batches"] as? [[String: Any]] ?? []
      #expect(log.map { $0["size"] as? Int } == [4, 7])
      let rootBytes = [UInt8](hexadecimal: log[1]["root"] as? String ?? "") ?? []
      let found: Digest? = Digest(rootBytes.span)
      let root = try #require(found)
      let response = try await client.get(path + "/receipts/6")
      #expect(response.headers[.contentType] == "application/cose; cose-type=\"cose-sign1\"")
      let leaf = try #require([UInt8](hexadecimal: "8601011a0002c308190f3cf61a00018b83"))
      let keyBytes = WorkedExample.publicKey
      let keyFound: FixedBytes<32>? = FixedBytes(keyBytes.span)
      let key = PublicKey(ed25519: try #require(keyFound))
      let receipt = response.bytes
      let verified = try LogReceiptVerifier.verifyInclusion(
        receipt: receipt.span, leafHash: MerkleTree.leafHash(leaf.span), root: root, key: key)
      #expect(verified.index == 6)
      #expect(try await client.get(path + "/receipts/3?size=4").status.code == 200)
      #expect(try await client.get(path + "/receipts/4?size=4").status.code == 404)
      #expect(try await client.get(path + "/receipts/7").status.code == 404)
    }
  }

  @Test func theHeadIsSignedByTheGatewayForDevicesAndReadableForPeople() async throws {
    try await withExample { client, server in
      let cose = try await client.get(path + "/head", accept: uplinkAccepts)
      #expect(cose.headers[.contentType] == "application/cose; cose-type=\"cose-sign1\"")
      let bytes = cose.bytes
      let head = try DeviceHead(verifying: bytes.span, gatewayKey: server.gateway.publicKey)
      #expect(head.deviceKeyHash.hexadecimal == WorkedExample.device)
      #expect((head.epoch, head.batch, head.size) == (0, 1, 7))
      #expect(head.nowUTCMilliseconds == TestServer.now)
      let message = try await client.get(path + "/checkpoint", accept: "application/cose").bytes
      #expect(try COSESign1.hash(of: message.span) == head.checkpointHash)
      #expect(WorkedExample.batch1.hexadecimal.contains(message.hexadecimal))
      let json = try await client.get(path + "/head").json()
      #expect(json["checkpoint"] as? String == message.hexadecimal)
    }
  }

  private let uplinkAccepts =
    "application/cose; cose-type=\"cose-sign1\", application/concise-problem-details+cbor"

  @Test func aKeyWithoutBatchesHasNoHeadAndTheAnswerIsAProblem() async throws {
    let server = try TestServer()
    try await server.application.test(.router) { client in
      for isKnown in [false, true] {
        if isKnown { _ = try await client.enrolExample() }
        let cbor = try await client.get(path + "/head", accept: uplinkAccepts)
        #expect(cbor.status.code == 404)
        #expect(cbor.headers[.contentType] == "application/concise-problem-details+cbor")
        // A map of title and detail.
        #expect(cbor.bytes.starts(with: [0xa2, 0x20, 0x69] + Array("Not Found".utf8) + [0x21]))
        let json = try await client.get(path + "/head")
        #expect(json.status.code == 404)
        #expect(json.headers[.contentType] == "application/problem+json")
      }
    }
  }

  @Test func aNodesIdLeadsToTheDeviceThatHasItsKey() async throws {
    try await withExample { client, _ in
      let device = try await client.get(path).json()
      let node = try #require(device["node"] as? [String: Any])
      let id = try #require(node["id"] as? String)
      let message = try WorkedExample.enrolment
      #expect(id == (try COSESign1.hash(of: message.span)).hexadecimal)
      for name in [id, String(id.prefix(16)), id.uppercased()] {
        let byNode = try await client.get("/v1/devices/" + name).json()
        #expect(byNode["device"] as? String == WorkedExample.device)
      }
      #expect(try await client.get("/v1/devices/\(id)/readings").status.code == 200)
    }
  }

  @Test func wrongQuestionsGetAProblemAndNotSomethingElse() async throws {
    try await withExample { client, _ in
      let cases: [(String, String?, Int)] = [
        ("/readings?limit=0", nil, 400), ("/readings?limit=5001", nil, 400),
        ("/readings?limt=5", nil, 400), ("/readings?limit=5&limit=6", nil, 400),
        ("/readings?after=5", nil, 400), ("/readings?from=yesterday", nil, 400),
        ("/readings?limit=%2B5", nil, 400), ("/readings?from=%2B5", nil, 400),
        ("/readings?format=xml", nil, 400), ("/readings", "image/png", 406),
        ("/readings", "application/json;q=0", 406), ("/receipts/x", nil, 400),
        ("/nothing", nil, 404),
        ("/log?after=0", nil, 400), ("/head", "text/html", 406),
      ]
      for (question, accept, status) in cases {
        let response = try await client.get(path + question, accept: accept)
        #expect(response.status.code == status, "\(question)")
        #expect(response.headers[.contentType] == "application/problem+json")
      }
      #expect(try await client.get("/v1/devices/21fe").status.code == 400)
      #expect(try await client.get("/v1/devices/0000000000000000").status.code == 404)
      #expect(try await client.get("/v1/devices/21fe31dfa154a261").status.code == 200)
      #expect(try await client.get("/v1/batches").status.code == 405)
    }
  }

  @Test func thePageNeedsNothingFromElsewhereAndNoScript() async throws {
    try await withExample { client, _ in
      let page = try await client.get("/", accept: "text/html,application/xhtml+xml,*/*;q=0.8")
      #expect(page.status.code == 200)
      for wanted in ["21fe31dfa154a261", "3.900", "101251", "checksum-mismatch", "simulated"] {
        #expect(page.text.contains(wanted), "\(wanted)")
      }
      for unwanted in ["<script", "http://", "https://", "src=", "@import", "url("] {
        #expect(!page.text.contains(unwanted), "\(unwanted)")
      }
      #expect(page.headers[.contentSecurityPolicy]?.contains("default-src 'none'") == true)
    }
  }

  @Test func whatNeedsSomebodyStandsFirstWithItsReasonInWords() async throws {
    try await withExample { client, server in
      let page = try await client.get("/").text
      // The example's newest batch has a checksum that was wrong, and is years old by its own clock but
      // was heard just now by the gateway's.
      #expect(page.contains("<strong>1</strong><span>with a problem</span>"))
      #expect(
        page.contains(
          "<b>Problem:</b> BME280 could not measure (checksum-mismatch, once in the newest batch): "
            + "the answer's checksum is wrong"))
      #expect(!page.contains("Silent for"))
      let later = FleetPage(server.gateway, counts: VerdictCounts()) {
        TestServer.now + FleetCard.silentAfterMilliseconds + 1
      }
      #expect(try later.page().contains("<b>Problem:</b> Silent for 2 h: nothing has come since"))
    }
  }

  @Test func leavesThatSomebodyShowedAsHashesOnlyAreAProblemOnThePage() async throws {
    let server = try TestServer()
    let planted = try withheld(WorkedExample.batch0)
    try await server.application.test(.router) { client in
      _ = try await client.enrolExample()
      let first = try await client.post("/v1/batches", planted)
      #expect(first.status.code == 200)
      let problem = "<b>Problem:</b> 4 leaves of its newest batch came only as hashes"
      #expect(try await client.get("/").text.contains(problem))
      // The device's own batch fills them in (docs/gateway.md, "Planted batches").
      let own = try await client.post("/v1/batches", WorkedExample.batch0)
      #expect(own.bytes == first.bytes)
      #expect(!(try await client.get("/").text.contains(problem)))
      #expect(try await client.get(path + "/batches/0/0").bytes == WorkedExample.batch0)
    }
  }

  /// The batch with the hash of each leaf in its place.
  private func withheld(_ batch: [UInt8]) throws -> [UInt8] {
    var reader = try BatchReader(batch.span)
    var items: [UInt8] = []
    while !reader.isAtEnd {
      guard case .leaf(let leaf) = try reader.next() else { continue }
      var item = [UInt8](repeating: 0, count: Batch.maximumSubtreeItemByteCount)
      let count = Batch.encodeItem(
        subtree: MerkleTree.leafHash(leaf), count: 1, into: item.mutableSpan)
      items += item.prefix(count)
    }
    var head = [UInt8](repeating: 0, count: Batch.maximumFrameByteCount)
    let count = Batch.encodeHead(
      checkpoint: batch.span.extracting(reader.checkpoint), itemCount: reader.itemCount,
      into: head.mutableSpan)
    return head.prefix(count) + items
  }

  @Test func whatADeviceWritesIsNeverMarkup() {
    #expect(
      FleetPage.escaped("<script>&\"'\u{0}\u{202e}")
        == "&lt;script&gt;&amp;&quot;&#39;\u{fffd}\u{fffd}")
  }

  @Test func aGatewayWithoutDevicesHasAPageAndEmptyLists() async throws {
    let server = try TestServer()
    try await server.application.test(.router) { client in
      #expect(try await client.get("/").status.code == 200)
      #expect(try await client.get("/v1/devices").text == "{\"devices\":[],\"next\":null}\n")
      let health = try await client.get("/healthz").json()
      #expect(health["status"] as? String == "ok")
      _ = try await client.enrolExample()
      #expect(try await client.get(path + "/head").status.code == 404)
      #expect(try await client.get(path + "/readings").status.code == 200)
      #expect(try await client.get("/").text.contains("has sent nothing yet"))
    }
  }

  @Test(arguments: [
    ("/v1/batches", "POST"), ("/v1/revocations", "POST"), ("/v1/devices", "GET, POST"),
    ("/healthz", "GET"), ("/metrics", "GET"), ("/", "GET"),
  ])
  func whatAPathDoesNotTakeIsRefusedWithWhatItTakes(path: String, allowed: String) async throws {
    try await withExample { client, _ in
      for method in [.get, .post, .put, .delete, .patch] as [HTTPRequest.Method] {
        let response = try await client.execute(
          uri: path, method: method, headers: [:], body: ByteBuffer())
        let isTaken = allowed.split(separator: ", ").contains { $0 == method.rawValue }
        #expect((response.status.code != 405) == isTaken, "\(method) \(path)")
        if !isTaken { #expect(response.headers[.allow] == allowed) }
      }
    }
  }

  @Test(arguments: ["+1", "-1", "%201", "1.0", "0x1", "", "18446744073709551616"])
  func whatIsNoDecimalNumberIsRefused(text: String) async throws {
    try await withExample { client, _ in
      for query in ["/v1/devices?limit=", "/v1/log/head?size="] {
        let response = try await client.get(query + text)
        #expect(response.status.code == 400)
      }
    }
  }
}
