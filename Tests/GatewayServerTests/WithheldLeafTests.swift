import Coverage
import FixedMemory
import Foundation
import GatewayStore
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Identity
import Proofs
import Records
import Testing
import Verifier

@testable import GatewayServer

/// What a beacon's leaves say is nobody's before its reveal is due, by whatever way.
@Suite struct WithheldLeafTests {
  /// Figures that are in no other byte of the batch.
  private static let frequency: UInt32 = 867_135_791
  private static let intended = SHA256.hash(Array("intended".utf8).span)
  private static let link = SHA256.hash(Array("link".utf8).span)
  private static let tag = SHA256.hash(Array("tag".utf8).span)

  private func leaf(_ encode: (consuming MutableSpan<UInt8>) -> Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = encode(bytes.mutableSpan)
    return Array(bytes.prefix(count))
  }

  /// Every kind from 8 to 12, of challenge `number`, between a clock and a fault.
  private func leaves(_ number: UInt32, _ node: TestNode) throws -> [[UInt8]] {
    var frame = FixedBytes<24>()
    frame[0] = 0xe0
    frame[1] = 1
    for index in 0..<4 { frame[2 + index] = node.publicKey.hash[index] }
    frame[6] = UInt8(truncatingIfNeeded: number >> 8)
    frame[7] = UInt8(truncatingIfNeeded: number)
    for index in 0..<16 { frame[8 + index] = Self.tag[index] }
    let reception = Reception(
      endMilliseconds: 20, uncertaintyMilliseconds: 2, frequencyHertz: Self.frequency,
      spreadingFactor: 8, bandwidthHertz: 125_000, codingRateDenominator: 5,
      rssiCentidecibelMilliwatts: -9_000, signalCentidecibelMilliwatts: nil, snrCentidecibels: 100,
      frequencyErrorHertz: nil)
    let witness = BeaconWitness(frame: frame, reception: try #require(reception))
    let listen = ListenRecord(
      number: number, mode: .fixed, frequencyHertz: Self.frequency, spreadingFactor: 8,
      slots: SlotSet(), noiseCentidecibelMilliwatts: nil)
    let listened = try #require(listen)
    let sent = SentBeacon(
      number: number, isRetry: false, startMilliseconds: 10, timeOnAirMicroseconds: 1_000,
      frequencyHertz: Self.frequency, spreadingFactor: 8, isConfirmed: true)
    return [
      leaf {
        LeafEncoding.clock(
          milliseconds: 0, source: .gnss, utcMilliseconds: TestServer.now,
          uncertaintyMilliseconds: 25, into: $0)
      },
      leaf {
        LeafEncoding.intent(
          milliseconds: 5, BeaconIntent(number: number, frameHash: Self.intended), into: $0)
      },
      leaf { LeafEncoding.sent(schema: 33, milliseconds: 12, sent, into: $0) },
      leaf { LeafEncoding.witness(schema: 33, milliseconds: 21, witness, into: $0) },
      leaf { LeafEncoding.listen(schema: 33, milliseconds: 30, listened, into: $0) },
      leaf {
        LeafEncoding.reveal(
          milliseconds: 40,
          BeaconReveal(number: number, link: Self.link, powerCentidecibelMilliwatts: nil), into: $0)
      },
      leaf {
        LeafEncoding.fault(schema: 1, milliseconds: 50, code: .timedOut, count: 3, into: $0)
      },
    ]
  }

  /// A gateway that has had all of it `ago` milliseconds before its present time, of its own challenge 1 or of another
  /// number.
  private func server(ago: Int64, number: UInt32 = 1) throws -> (TestServer, TestNode, [UInt8]) {
    let server = try TestServer(
      challengeRules: ChallengeRules(coverage: ["EU868": CoveragePolicy()]))
    let node = try TestNode(seed: 9)
    let then = TestServer.now - ago
    _ = try server.gateway.enrol(try node.enrolment(), utcMilliseconds: then)
    let region = try #require(ChallengeRegion("EU868"))
    _ = try server.gateway.challenge(for: region, utcMilliseconds: then)
    let batch = try node.sealed(try leaves(number, node))
    guard case .stored = server.gateway.receive(batch, utcMilliseconds: then) else {
      throw RequestProblem(.conflict, "The batch was not taken.")
    }
    return (server, node, batch)
  }

  private static let raw: [[UInt8]] = [
    intended.array, link.array, Array(tag.array.prefix(16)),
    (0..<4).map { UInt8(truncatingIfNeeded: frequency >> UInt32(24 - 8 * $0)) },
  ]
  /// The bytes, and how they are written.
  private static let secrets =
    raw + raw.map { Array($0.hexadecimal.utf8) } + [Array("\(frequency)".utf8)]

  /// Every path that is read, with what stands for its variables.
  private func paths(_ server: TestServer, _ node: TestNode) throws -> [String] {
    let router = GatewayApplication(
      server.gateway, settings: .init(host: "127.0.0.1", port: 0), events: nil,
      now: { TestServer.now }
    ).router()
    let values = ["epoch": "0", "batch": "0", "index": "3"]
    return try router.routes.filter { $0.method == .get }.map { route in
      let path = String(describing: route.path)
      return try path.split(separator: "/").reduce(into: "") { result, part in
        guard part.hasPrefix("{") else {
          result += "/\(part)"
          return
        }
        let name = String(part.dropFirst().dropLast())
        if name == "id" {
          result += path.hasPrefix("/v1/verdicts") ? "/\(node.id).1" : "/\(node.id)"
        } else {
          result += "/" + (try #require(values[name], "a variable without a value: \(name)"))
        }
      }
    }.map { $0.isEmpty ? "/" : $0 }
  }

  @Test func noPathShowsABeaconsLeavesBeforeItsRevealIsDue() async throws {
    // One due hour later, and one of a number that this gateway never gave.
    for number: UInt32 in [1, 40_000] {
      let (server, node, batch) = try server(ago: 3_600_000, number: number)
      // The test can see: they are all in what came.
      for secret in Self.raw { #expect(Data(batch).range(of: Data(secret)) != nil) }
      let paths = try paths(server, node)
      #expect(paths.count > 20)
      let types = [
        nil, "application/json", "application/cbor", "application/cose", "application/cbor-seq",
        "text/csv", "text/html", "application/senml+json", "application/senml+cbor",
      ]
      let queries = ["?limit=1000", "?format=csv", "?format=senml-cbor", "?region=EU868"]
      try await server.application.test(.router) { client in
        for path in paths {
          for (type, query) in types.map({ ($0, "") }) + queries.map({ (nil, $0) }) {
            let answer = try await client.get(path + query, accept: type)
            let data = Data(answer.bytes)
            let found = Self.secrets.contains { data.range(of: Data($0)) != nil }
            #expect(!found, "\(path)\(query) as \(type ?? "")")
          }
        }
      }
      for line in server.lines {
        for secret in Self.secrets {
          #expect(Data(line.utf8).range(of: Data(secret)) == nil, "\(line)")
        }
      }
    }
  }

  @Test func aBatchWithHashesInTheirPlaceGivesTheSignedRoot() async throws {
    let (server, node, batch) = try server(ago: 3_600_000)
    let (id, key) = (node.id, node.publicKey)
    try await server.application.test(.router) { client in
      let answer = try await client.get("/v1/devices/\(id)/batches/0/0")
      #expect(answer.status == .ok)
      #expect(answer.headers[try #require(HTTPField.Name("Cairn-Withheld"))] == "5")
      let shown = answer.bytes
      #expect(shown != batch)
      #expect(Data(shown).range(of: Data(Self.tag.array.prefix(16))) == nil)
      let head = try BatchVerifier.head(of: shown.span)
      let verified = try VerifiedCheckpoint(
        verifying: shown.span.extracting(head.checkpointRange), key: key,
        es256: ES256())
      let content = try BatchVerifier.content(
        of: shown.span, checkpoint: verified.checkpoint, known: MerkleFrontier(),
        hash: OpenSSLTreeHash.self)
      // The clock and the fault; the root is right, or this would have been refused.
      #expect(content.leafCount == 2)
      #expect(content.withheldCount == 5)
    }
  }

  @Test func theSameBatchIsShownWholeOnceItsRevealIsDue() async throws {
    // Window 15 minutes, reveal 6 hours after it.
    let (server, node, batch) = try server(ago: 7 * 3_600_000)
    let id = node.id
    try await server.application.test(.router) { client in
      let answer = try await client.get("/v1/devices/\(id)/batches/0/0")
      #expect(answer.bytes == batch)
      #expect(answer.headers[try #require(HTTPField.Name("Cairn-Withheld"))] == nil)
      #expect(try await client.get("/v1/verdicts/\(id).1").status == .ok)
    }
  }

  @Test func aNumberOfAnotherGatewayIsWithheldForTheLongestTime() async throws {
    let day: Int64 = 86_400_000
    for (ago, isWhole) in [(31 * day, false), (33 * day, true)] {
      let (server, node, batch) = try server(ago: ago, number: 40_000)
      let id = node.id
      try await server.application.test(.router) { client in
        let answer = try await client.get("/v1/devices/\(id)/batches/0/0")
        #expect((answer.bytes == batch) == isWhole)
      }
    }
  }
}
