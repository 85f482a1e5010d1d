import FixedMemory
import Foundation
import GatewayStore
import Hummingbird
import HummingbirdTesting
import Proofs
import Records
import Testing

@testable import GatewayServer

/// LoRaWAN frames, as people and their programs are shown them.
@Suite struct FrameRouteTests {
  private func leaf(_ encode: (consuming MutableSpan<UInt8>) -> Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = encode(bytes.mutableSpan)
    return Array(bytes.prefix(count))
  }

  private func leaves(frames: Int) throws -> [[UInt8]] {
    let made = Reception(
      endMilliseconds: 10, uncertaintyMilliseconds: 150, frequencyHertz: 868_300_000,
      spreadingFactor: 9, bandwidthHertz: 125_000, codingRateDenominator: 5,
      rssiCentidecibelMilliwatts: -10_150, signalCentidecibelMilliwatts: nil,
      snrCentidecibels: nil, frequencyErrorHertz: nil, correctionNumber: 2)
    let reception = try #require(made)
    var numbers = FixedArray<3, UInt64>(filler: 0)
    numbers.append(3)
    numbers.append(40)
    let frame = ForwardedFrame(hash: SHA256.hash([7].span), byteCount: 23, reception: reception)
    let schema = leaf {
      LeafEncoding.schema(
        schema: 33, milliseconds: 0,
        quantities: Quantities(filler: Quantity(name: "", unit: "", powerOfTen: 0)),
        chip: "concentrator", bus: Array("forwarder".utf8).span, address: 0,
        serialNumber: Span(), into: $0)
    }
    let heard = leaf {
      LeafEncoding.frame(schema: 33, milliseconds: 11, frame, receipt: Span(), into: $0)
    }
    let refused = leaf {
      LeafEncoding.radioEvent(.framesRefused, schema: 33, milliseconds: 12, numbers, into: $0)
    }
    return [schema] + Array(repeating: heard, count: frames) + [refused]
  }

  private func server(frames: Int) throws -> (TestServer, TestNode) {
    let server = try TestServer()
    let node = try TestNode(seed: 9)
    _ = try server.gateway.enrol(try node.enrolment(), utcMilliseconds: TestServer.now)
    let batch = try node.sealed(try leaves(frames: frames))
    guard case .stored = server.gateway.receive(batch, utcMilliseconds: TestServer.now) else {
      throw RequestProblem(.conflict, "The batch was not taken.")
    }
    return (server, node)
  }

  @Test func framesAreRecordsOfTheirOwnWithTheirFigures() async throws {
    let (server, node) = try server(frames: 2)
    let path = "/v1/devices/\(node.id)/readings"
    try await server.application.test(.router) { client in
      let records = try await client.get(path).json()["records"] as? [[String: Any]] ?? []
      #expect(records.map { $0["kind"] as? String } == ["frame", "frame", "event"])
      let frame = try #require(records.first)
      #expect(frame["hash"] as? String == SHA256.hash([7].span).hexadecimal)
      #expect(frame["bytes"] as? Int == 23 && frame["frequencyHertz"] as? Int == 868_300_000)
      #expect(frame["rssi"] as? Double == -101.5 && frame["snr"] is NSNull)
      #expect(frame["receipt"] as? Bool == false && frame["chip"] as? String == "concentrator")
      #expect(records[2]["reason"] as? String == "rate-limited")
      #expect(records[2]["count"] as? Int == 40)
      let csv = try await client.get(path + "?format=csv").text
      let note = "23 bytes at 868300000 Hz SF9 RSSI -101.50"
      #expect(csv.contains(",frame,concentrator,forwarder,,,,0,\(note)"), "\(csv)")
    }
  }

  @Test func thePageSaysHowManyCameAndHowManyWereNotKept() async throws {
    for (frames, words) in [(2, "<strong>2, 40 more not kept</strong>"), (0, "40 not kept")] {
      let (server, _) = try server(frames: frames)
      try await server.application.test(.router) { client in
        let page = try await client.get("/", accept: "text/html").text
        #expect(page.contains("LoRaWAN frames") && page.contains(words), "\(page)")
        #expect(page.contains("-101.50 dBm") == (frames > 0))
      }
    }
  }
}
