import CBOR
import FixedMemory
import Foundation
import GatewayStore
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Identity
import Proofs
import Records
import Signers
import Testing
import Verifier

@testable import GatewayServer

/// The gateway's own log, its keys and challenges over HTTP.
@Suite struct LogRouteTests {
  private let path = "/v1/devices/" + WorkedExample.device
  private let cose = "application/cose; cose-type=\"cose-sign1\""
  private let device = "application/cose, application/concise-problem-details+cbor"

  private func withExample(
    _ test: @escaping @Sendable (any TestClientProtocol, TestServer) async throws -> Void
  ) async throws {
    let server = try TestServer()
    try await server.application.test(.router) { client in
      try await client.deliverExample()
      try await test(client, server)
    }
  }

  @Test func headProofAndReceiptVerifyAsTheyCome() async throws {
    try await withExample { client, server in
      let key = server.gateway.publicKey
      let response = try await client.get("/v1/log/head")
      #expect(response.headers[.contentType] == cose)
      let first = try GatewayHead(verifying: response.bytes.span, gatewayKey: key)
      // Key, enrolment, two receipts.
      #expect(first.size == 4)
      let json = try await client.get("/v1/log/head", accept: "application/json").json()
      #expect(json["size"] as? Int == 4)
      #expect(json["root"] as? String == first.root.hexadecimal)
      #expect(json["publicKey"] as? String == key.bytes.hexadecimal)

      _ = try await client.get("/v1/challenge")
      let later = try await client.get("/v1/log/head")
      let newest = try GatewayHead(verifying: later.bytes.span, gatewayKey: key)
      #expect(newest.size == 5)
      for path in ["/v1/log/proof?first=4&second=5", "/v1/log/proof?first=4"] {
        let proof = try await client.get(path)
        #expect(proof.headers[.contentType] == cose)
        let proven = try GatewayLogVerifier.verifyConsistency(
          receipt: proof.bytes.span, olderSize: 4, olderRoot: first.root, gatewayKey: key)
        #expect(proven.root == newest.root)
      }
      for index in 0..<5 {
        let leaf = try await client.get("/v1/log/leaves/\(index)")
        #expect(leaf.headers[.contentType] == "application/cbor")
        for size in [5, index + 1] {
          let receipt = try await client.get("/v1/log/receipts/\(index)?size=\(size)")
          let proven = try GatewayLogVerifier.verifyInclusion(
            receipt: receipt.bytes.span, leafHash: MerkleTree.leafHash(leaf.bytes.span),
            gatewayKey: key)
          #expect(proven.index == UInt64(index) && proven.head.size == UInt64(size))
        }
      }
    }
  }

  @Test func leavesAreListedWithTheirKindsAndAsTheyAreHashed() async throws {
    try await withExample { client, _ in
      let all = try await client.get("/v1/log").json()
      let leaves = all["leaves"] as? [[String: Any]] ?? []
      #expect(
        leaves.map { $0["kind"] as? String } == ["first-key", "enrolment", "receipt", "receipt"])
      #expect(leaves.map { $0["index"] as? Int } == [0, 1, 2, 3])
      #expect(
        leaves[1]["document"] as? String == (try WorkedExample.enrolment).hexadecimal)
      #expect(all["next"] is NSNull)
      let page = try await client.get("/v1/log?after=0&limit=2").json()
      #expect((page["leaves"] as? [[String: Any]])?.map { $0["index"] as? Int } == [1, 2])
      #expect(page["next"] as? Int == 2)

      var bare: [UInt8] = []
      for index in 0..<4 { bare += try await client.get("/v1/log/leaves/\(index)").bytes }
      let next = try #require(HTTPField.Name("Cairn-Next"))
      let sequence = try await client.get("/v1/log", accept: "application/cbor-seq")
      #expect(sequence.headers[.contentType] == "application/cbor-seq")
      #expect(sequence.bytes == bare && sequence.headers[next] == nil)
      let part = try await client.get("/v1/log?limit=3&format=cbor-seq")
      #expect(part.headers[next] == "2" && bare.starts(with: part.bytes))
      for end in ["3", "18446744073709551615", "9223372036854775807"] {
        let behind = try await client.get("/v1/log?after=" + end).json()
        #expect((behind["leaves"] as? [Any])?.isEmpty == true)
      }
    }
  }

  @Test func aLeafIsFoundByTheHashesOfItAndItsDocument() async throws {
    try await withExample { client, _ in
      for index in 0..<4 {
        let leaf = try await client.get("/v1/log/leaves/\(index)", accept: "application/json")
        let json = try leaf.json()
        let hashes = [json["hash"] as? String ?? ""] + (json["documentHashes"] as? [String] ?? [])
        #expect(hashes.count == 2)
        for hash in hashes {
          let found = try await client.get("/v1/log/find?hash=" + hash).json()
          #expect(found["index"] as? Int == index)
        }
      }
      let unknown = String(repeating: "00", count: 32)
      #expect(try await client.get("/v1/log/find?hash=" + unknown).status.code == 404)
    }
  }

  @Test func aChallengeIsToldOnceAndServedUntilTheNext() async throws {
    try await withExample { client, server in
      let first = try await client.get("/v1/challenge?region=EU868", accept: device)
      #expect(first.headers[.contentType] == cose)
      let challenge = try Challenge(
        verifying: first.bytes.span, gatewayKey: server.gateway.publicKey)
      #expect(challenge.region.span.array == Array("EU868".utf8))
      let again = try await client.get("/v1/challenge?region=EU868")
      #expect(again.bytes == first.bytes)
      let everybody = try await client.get("/v1/challenge", accept: "application/json").json()
      #expect(everybody["number"] as? Int == 2 && everybody["region"] as? String == "")
      #expect(everybody["validSeconds"] as? Int == 1800)
      let lines = server.lines.filter { $0.contains("\"event\":\"challenge\"") }
      #expect(lines.count == 2)
      #expect(lines.first?.contains("\"number\":1,\"region\":\"EU868\"") == true)
      let metrics = try await client.get("/metrics").text
      #expect(metrics.contains("\ncairn_gateway_challenges_total 2\n"))
      #expect(metrics.contains("\ncairn_gateway_log_leaves 6\n"))
      #expect(metrics.contains("\ncairn_gateway_keys 1\n"))
    }
  }

  @Test func tooManyRegionsAreRefusedWithAReasonCodeAndATime() async throws {
    try await withExample { client, _ in
      for number in 1...ChallengeRules.maximumRegionCount {
        let response = try await client.get("/v1/challenge?region=r\(number)")
        #expect(response.status.code == 200)
      }
      let refused = try await client.get("/v1/challenge?region=one-more", accept: device)
      #expect(refused.status.code == 429)
      #expect(refused.headers[.retryAfter] == "1800")
      #expect(refused.headers[.contentType] == "application/concise-problem-details+cbor")
      #expect(try await client.get("/v1/challenge").status.code == 200)
    }
  }

  @Test func theKeyChainIsHandedOutAsDeterministicCBOR() async throws {
    try await withExample { client, server in
      let key = server.gateway.publicKey
      let response = try await client.get("/v1/keys", accept: "application/cbor")
      #expect(response.headers[.contentType] == "application/cbor")
      #expect(response.bytes == [0x83, 0x01, 0x58, 0x20] + key.bytes.array + [0x80])
      let part = try await client.get("/v1/keys?from=" + key.hash.hexadecimal)
      #expect(part.bytes == response.bytes)
      let json = try await client.get("/v1/keys", accept: "application/json").json()
      #expect(
        (json["keys"] as? [[String: Any]])?.first?["publicKey"] as? String
          == key.bytes.hexadecimal)
      let unknown = String(repeating: "00", count: 32)
      #expect(try await client.get("/v1/keys?from=" + unknown).status.code == 404)
      #expect(try await client.get("/v1/keys?from=00").status.code == 400)
    }
  }

  @Test func anEnrolmentIsHandedBackAsItCameAndListedWithItsFigures() async throws {
    try await withExample { client, _ in
      let message = try WorkedExample.enrolment
      let response = try await client.get(path + "/enrolment", accept: device)
      #expect(response.bytes == message && response.headers[.contentType] == cose)
      let list = try await client.get(path + "/enrolments").json()
      let one = try #require((list["enrolments"] as? [[String: Any]])?.first)
      #expect(one["version"] as? Int == 1)
      #expect(one["message"] as? String == message.hexadecimal)
      #expect(one["hash"] as? String == list["node"] as? String)
      #expect(list["owner"] is NSNull && one["place"] is NSNull && list["next"] is NSNull)
      let unknown = "/v1/devices/" + String(repeating: "0", count: 64) + "/enrolment"
      let missing = try await client.get(unknown, accept: device)
      #expect(missing.status.code == 404)
      #expect(missing.headers[.contentType] == "application/concise-problem-details+cbor")
    }
  }

  @Test func aDevicesLogIsProvenToHaveGrownOnly() async throws {
    try await withExample { client, _ in
      let log = try await client.get(path + "/log").json()["batches"] as? [[String: Any]] ?? []
      let roots = try log.map {
        let bytes = [UInt8](hexadecimal: $0["root"] as? String ?? "") ?? []
        let root = Digest(bytes.span)
        return try #require(root)
      }
      let bytes = WorkedExample.publicKey
      let found = FixedBytes<32>(bytes.span)
      let key = try #require(found)
      for query in ["?first=4&second=7", "?first=4", "?epoch=0&first=4"] {
        let proof = try await client.get(path + "/proof" + query)
        let verified = try LogReceiptVerifier.verifyConsistency(
          receipt: proof.bytes.span, olderSize: 4, olderRoot: roots[0], root: roots[1],
          key: PublicKey(ed25519: key))
        #expect(verified.checkpoint.size == 7)
      }
      let cases = [
        ("?first=7&second=4", 400), ("?first=0", 400), ("", 400), ("?first=5", 404),
        ("?first=4&second=8", 404), ("?first=4&epoch=1", 404), ("?first=4&third=5", 400),
        ("?first=18446744073709551615", 400),
      ]
      for (query, status) in cases {
        #expect(try await client.get(path + "/proof" + query).status.code == status, "\(query)")
      }
    }
  }

  @Test func whatCantBeAnsweredIsRefusedWithAReason() async throws {
    try await withExample { client, _ in
      let long = String(repeating: "9", count: 3000)
      let cases = [
        ("/v1/log/head?size=0", 400), ("/v1/log/head?size=9", 404), ("/v1/log/head?sice=1", 400),
        ("/v1/log/head?size=-1", 400), ("/v1/log/proof", 400), ("/v1/log/proof?first=0", 400),
        ("/v1/log/proof?first=3&second=2", 400), ("/v1/log/proof?first=1&second=5", 404),
        ("/v1/log/proof?first=\(long)", 400), ("/v1/log/proof?first=1&first=1", 400),
        ("/v1/log/proof?first=18446744073709551615&second=18446744073709551615", 404),
        ("/v1/log/receipts/4", 404), ("/v1/log/receipts/0?size=5", 404),
        ("/v1/log/receipts/2?size=2", 404), ("/v1/log/receipts/x", 400),
        ("/v1/log/receipts/-1", 400), ("/v1/log/receipts/\(long)", 400),
        ("/v1/log/receipts/18446744073709551615", 404), ("/v1/log/leaves/4", 404),
        ("/v1/log/leaves/18446744073709551615", 404), ("/v1/log/leaves/0?x=1", 400),
        ("/v1/log?limit=0", 400), ("/v1/log?limit=1001", 400), ("/v1/log?after=x", 400),
        ("/v1/log?format=xml", 400), ("/v1/log/find", 400), ("/v1/log/find?hash=00", 400),
        ("/v1/log/find?hash=\(long)", 400), ("/v1/challenge?region=a&region=b", 400),
        ("/v1/challenge?region=%FF%FE", 400), ("/v1/challenge?region=%C3%A9", 400),
        ("/v1/challenge?region=%00", 400), ("/v1/challenge?region=EU%20868", 400),
        ("/v1/challenge?region=\(String(repeating: "x", count: 25))", 400),
        ("/v1/challenge?regoin=EU868", 400), ("/v1/keys?x=1", 400),
        (path + "/enrolments?limit=501", 400), (path + "/enrolments?after=-1", 400),
        (path + "/enrolment?version=1", 400), ("/v1/devices/xyz/enrolment", 400),
      ]
      for (path, status) in cases {
        let response = try await client.get(path)
        #expect(response.status.code == status, "\(path.prefix(80))")
        #expect(response.headers[.contentType] == "application/problem+json")
        #expect(try response.json()["detail"] as? String != nil)
      }
      // Nothing of it is a leaf.
      #expect(
        try await client.get("/v1/log/head", accept: "application/json").json()["size"] as? Int == 4
      )
    }
  }

  @Test func onlyGETAndHEADAreTaken() async throws {
    try await withExample { client, _ in
      let paths = [
        "/v1/log", "/v1/log/head", "/v1/log/proof", "/v1/log/receipts/0", "/v1/log/leaves/0",
        "/v1/log/find", "/v1/keys", "/v1/challenge", path + "/enrolment", path + "/enrolments",
        path + "/proof",
      ]
      // A body that is nested as deep as it is long is not looked at.
      let nested = [UInt8](repeating: 0x81, count: 4000)
      for path in paths {
        for method in [.post, .put, .delete, .patch] as [HTTPRequest.Method] {
          let response = try await client.execute(
            uri: path, method: method, body: ByteBuffer(bytes: nested))
          #expect(response.status.code == 405)
          #expect(response.headers[.allow] == "GET, HEAD")
        }
      }
      let whole = try await client.get("/v1/log/head")
      let head = try await client.execute(uri: "/v1/log/head", method: .head)
      #expect(head.status.code == 200 && head.bytes.isEmpty)
      #expect(head.headers[.contentLength] == String(whole.bytes.count))
      #expect(head.headers[.contentType] == cose)
    }
  }

  @Test func nestedBodiesAreRefusedWhereBodiesAreTaken() async throws {
    try await withExample { client, _ in
      let bodies = [
        [UInt8](repeating: 0x81, count: 200), [UInt8](repeating: UInt8(ascii: "["), count: 900),
        [0xd2, 0x84] + [UInt8](repeating: 0xa1, count: 200),
        [UInt8](repeating: 0x9f, count: 200),
      ]
      for body in bodies {
        for path in ["/v1/devices", "/v1/revocations"] {
          let response = try await client.post(path, body, type: "application/cose")
          #expect([413, 422].contains(response.status.code))
        }
        #expect([413, 422].contains(try await client.post("/v1/batches", body).status.code))
      }
    }
  }
}
