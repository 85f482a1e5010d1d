import FixedMemory
import Foundation
import GatewayStore
import Hummingbird
import HummingbirdTesting
import Proofs
import Records
import Testing
import Verifier

@testable import GatewayServer

/// POST /v1/batches and POST /v1/devices as docs/delivery-protocol.md has them.
@Suite struct DeliveryRouteTests {
  private let concise = "application/concise-problem-details+cbor"
  private let uplinkAccepts =
    "application/cose; cose-type=\"cose-sign1\", application/concise-problem-details+cbor"

  /// The reason code of a problem without detail and position.
  private func code(_ response: TestResponse) -> UInt8? {
    guard response.headers[.contentType] == concise else { return nil }
    let key = Array("cairn:refusal".utf8)
    let bytes = response.bytes
    guard let start = bytes.indices.first(where: { bytes[$0...].starts(with: key) }) else {
      return nil
    }
    let value = start + key.count + 2
    return bytes[value] == 0x18 ? bytes[value + 1] : bytes[value]
  }

  @Test func aDeviceIsLedFromUnknownKeyToReceipts() async throws {
    let server = try TestServer()
    try await server.application.test(.router) { client in
      let unknown = try await client.post(
        "/v1/batches", WorkedExample.batch0, accept: uplinkAccepts)
      #expect(unknown.status.code == 422)
      #expect(code(unknown) == 20)
      for status in [201, 200] {
        let enrolled = try await client.post(
          "/v1/devices", WorkedExample.enrolment,
          accept: "application/cbor, application/concise-problem-details+cbor")
        #expect(enrolled.status.code == status)
        #expect(enrolled.headers[.contentType] == "application/cbor")
        #expect(enrolled.bytes.hexadecimal == "82015820" + WorkedExample.device)
      }
      var receipts: [[UInt8]] = []
      for batch in [WorkedExample.batch0, WorkedExample.batch1, WorkedExample.batch0] {
        let response = try await client.post("/v1/batches", batch, accept: uplinkAccepts)
        #expect(response.status.code == 200)
        #expect(response.headers[.contentType] == "application/cose; cose-type=\"cose-sign1\"")
        receipts.append(response.bytes)
      }
      #expect(receipts[2] == receipts[0])
      let second = receipts[1]
      let receipt = try Receipt(verifying: second.span, gatewayKey: server.gateway.publicKey)
      #expect(receipt.size == 7)
      #expect(receipt.receivedUTCMilliseconds == TestServer.now)
    }
  }

  @Test func aKeyThatNobodyCanHoldIsRefusedInWords() async throws {
    let server = try TestServer()
    let zero = Array(WorkedExample.enrolment.prefix(5)) + [UInt8](repeating: 0, count: 32)
    try await server.application.test(.router) { client in
      let response = try await client.post("/v1/devices", zero, accept: "application/problem+json")
      #expect(response.status.code == 422)
      let problem = try response.json()
      #expect(problem["code"] as? Int == 1)
      #expect(
        (problem["detail"] as? String)?.hasPrefix("These bytes are not a public key")
          == true)
    }
    #expect(try server.gateway.store.counts().devices == 0)
  }

  @Test func aGapSaysWhereToGoOn() async throws {
    let server = try TestServer()
    try await server.application.test(.router) { client in
      _ = try await client.post("/v1/devices", WorkedExample.enrolment)
      let response = try await client.post("/v1/batches", WorkedExample.batch1)
      #expect(response.status.code == 409)
      #expect(code(response) == 40)
      // 0: 40, 1: epoch 0, 2: batch 0, 3: size 0.
      #expect(response.bytes.hexadecimal.hasSuffix("a40018280100" + "0200" + "0300"))
    }
  }

  @Test func sizeComesBeforeMediaTypeAndMediaTypeBeforeForm() async throws {
    let server = try TestServer()
    let limit = Batch.maximumByteCountWithSubtrees
    try await server.application.test(.router) { client in
      let cases: [(Int, String?, UInt, UInt8)] = [
        (limit + 1, "text/plain", 413, 3), (limit + 1, "application/cbor", 413, 3),
        (limit, "text/plain", 415, 5), (limit, nil, 415, 5), (limit, "application/cborx", 415, 5),
        (limit, "application/cbor", 422, 1), (0, "Application/CBOR; a=b", 422, 1),
      ]
      for (count, type, status, reason) in cases {
        let body = [UInt8](repeating: 0, count: count)
        let response = try await client.post("/v1/batches", body, type: type)
        #expect(response.status.code == Int(status))
        #expect(code(response) == reason)
      }
      let key = try await client.post("/v1/devices", [UInt8](repeating: 0, count: 257))
      #expect(code(key) == 3)
    }
  }

  @Test func peopleWhoAskForJSONGetTheProblemAsJSON() async throws {
    let server = try TestServer()
    try await server.application.test(.router) { client in
      _ = try await client.post("/v1/devices", WorkedExample.enrolment)
      let response = try await client.post(
        "/v1/batches", WorkedExample.batch1, accept: "application/problem+json")
      #expect(response.status.code == 409)
      #expect(response.headers[.contentType] == "application/problem+json")
      let problem = try response.json()
      #expect(problem["title"] as? String == "gap")
      #expect(problem["status"] as? Int == 409)
      #expect(problem["code"] as? Int == 40)
      #expect((problem["expected"] as? [String: Int]) == ["epoch": 0, "batch": 0, "size": 0])
    }
  }

  @Test func batchesThatComeTogetherAllGetTheirReceipt() async throws {
    let server = try TestServer()
    try await server.application.test(.router) { client in
      _ = try await client.post("/v1/devices", WorkedExample.enrolment)
      let receipts = try await withThrowingTaskGroup(of: [UInt8].self) { group in
        for _ in 0..<100 {
          group.addTask { try await client.post("/v1/batches", WorkedExample.batch0).bytes }
        }
        return try await group.reduce(into: Set<[UInt8]>()) { $0.insert($1) }
      }
      #expect(receipts.count == 1)
      #expect(try server.gateway.store.counts().batches == 1)
    }
  }

  @Test func everyVerdictIsToldInItsOrder() async throws {
    let server = try TestServer()
    try await server.application.test(.router) { client in
      _ = try await client.post("/v1/batches", WorkedExample.batch0)
      try await client.deliverExample()
      _ = try await client.post("/v1/batches", WorkedExample.batch0)
    }
    let events = try server.lines.map { line in
      try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
    }
    #expect(
      events.map { $0["event"] as? String } == ["refused", "device", "batch", "batch", "repeat"])
    #expect(events[0]["name"] as? String == "unknown-key")
    #expect(events[1]["device"] as? String == WorkedExample.device)
    let batch = events[3]
    #expect(batch["verdict"] as? String == "verified")
    #expect(batch["simulated"] as? Bool == true)
    #expect((batch["readings"] as? [Any])?.count == 6)
    #expect((batch["faults"] as? [Any])?.count == 1)
    #expect(
      batch["root"] as? String
        == "4a466d2ceff9295d513823596dfda10cd116eed48661b870f4bfe618033ea167")
    #expect((batch["signature"] as? String)?.hasPrefix("7571c8c95d1a3208") == true)
    // The digits that were signed, not a binary fraction near them.
    #expect(server.lines[3].contains("\"name\":\"temperature\",\"unit\":\"Cel\",\"value\":3.910,"))
  }

  @Test func aReaderThatIsTooSlowIsToldHowMuchItMissed() throws {
    let gate = DispatchSemaphore(value: 0)
    let lines = Lines()
    let events = GatewayEvents { line in
      if lines.append(line) == 1 { gate.wait() }
    }
    let enrolled = try TestServer().gateway.enrol(WorkedExample.enrolment, utcMilliseconds: 0)
    for _ in 0..<GatewayEvents.maximumWaitingCount + 5 { events.device(enrolled) }
    gate.signal()
    events.flush()
    #expect(lines.all.contains("{\"event\":\"omitted\",\"lines\":5}"))
    #expect(lines.all.count == GatewayEvents.maximumWaitingCount + 1)
  }

  private final class Lines: @unchecked Sendable {
    // Written by the queue of the events alone; read after it has been flushed.
    private(set) var all: [String] = []

    func append(_ line: String) -> Int {
      all.append(line)
      return all.count
    }
  }
}
