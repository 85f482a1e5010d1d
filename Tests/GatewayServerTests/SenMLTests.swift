import CBOR
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Testing

@testable import GatewayServer
@testable import GatewayStore

/// Readings as RFC 8428 has them.
@Suite struct SenMLTests {
  private let path = "/v1/devices/" + WorkedExample.device

  private func withExample(
    _ test: @escaping @Sendable (any TestClientProtocol) async throws -> Void
  ) async throws {
    let server = try TestServer()
    try await server.application.test(.router) { client in
      try await client.deliverExample()
      try await test(client)
    }
  }

  @Test func aPackHasOneBaseNameAndEveryDigitThatWasSigned() async throws {
    try await withExample { client in
      let response = try await client.get(
        path + "/readings?limit=1", accept: "application/senml+json")
      #expect(response.headers[.contentType] == "application/senml+json")
      let next = try #require(HTTPField.Name("Cairn-Next"))
      #expect(response.headers[next] == "0.3")
      #expect(
        response.text
          == "[{\"bn\":\"\(WorkedExample.device):\",\"n\":\"simulated/BME280/1/temperature\","
          + "\"u\":\"Cel\",\"v\":3.900,\"t\":1356998400.940},"
          + "{\"n\":\"simulated/BME280/1/humidity\",\"u\":\"%RH\",\"v\":59.370,\"t\":1356998400.940},"
          + "{\"n\":\"simulated/BME280/1/pressure\",\"u\":\"Pa\",\"v\":101260,\"t\":1356998400.940}]\n"
      )
      let byFormat = try await client.get(path + "/readings?limit=1&format=senml")
      #expect(byFormat.text == response.text)
    }
  }

  @Test func theCBORPackHasTheLabelsOfTheStandard() async throws {
    try await withExample { client in
      let response = try await client.get(path + "/readings?limit=1&format=senml-cbor")
      #expect(response.headers[.contentType] == "application/senml+cbor")
      func text(_ text: String) -> String {
        let count = text.utf8.count
        return (count < 24 ? [UInt8(0x60 + count)] : [0x78, UInt8(count)]).hexadecimal
          + Array(text.utf8).hexadecimal
      }
      // RFC 8428 table 4: bn -2, n 0, u 1, v 2, t 6. Tag 4 is [exponent, mantissa].
      let time = "06c482221b0000013bf3685bac"
      #expect(
        response.bytes.hexadecimal
          == "83a500" + text("simulated/BME280/1/temperature") + "01" + text("Cel")
          + "02c48222190f3c" + time + "21" + text(WorkedExample.device + ":")
          + "a400" + text("simulated/BME280/1/humidity") + "01" + text("%RH")
          + "02c4822219e7ea" + time
          + "a400" + text("simulated/BME280/1/pressure") + "01" + text("Pa")
          + "021a00018b8c" + time)
    }
  }

  @Test func aReadingWithoutAKnownTimeOrValueIsLeftOutAndCounted() {
    let sensor = Sensor(schema: 3, chip: "A B/ü", bus: "i2c-1")
    func leaf(_ time: LeafTime, _ value: ScaledInteger?) -> DecodedLeaf {
      DecodedLeaf(
        epoch: 0, index: 1, boot: 1, milliseconds: 0, time: time, isSimulated: false,
        content: .reading(sensor, [.init(name: "x", unit: "", value: value)]))
    }
    let known = LeafTime.known(
      utcMilliseconds: 1_795_000_000_000, uncertaintyMilliseconds: 1, clockLeaf: 0)
    let (records, count) = SenML.records([
      leaf(.noClock, ScaledInteger(1, powerOfTen: 0)), leaf(known, nil),
      leaf(known, ScaledInteger(-5, powerOfTen: 1)),
      // A clock that stands in 1970 would be read as seconds from now.
      leaf(
        .known(utcMilliseconds: 5, uncertaintyMilliseconds: 1, clockLeaf: 0),
        ScaledInteger(1, powerOfTen: 0)),
    ])
    #expect(count == 2)
    #expect(
      SenML.json(records, baseName: "b:")
        == "[{\"bn\":\"b:\",\"n\":\"A_B__/3/x\",\"v\":-50,\"t\":1795000000}]\n")
    // -5 × 10^1, and no unit.
    #expect(
      SenML.cbor(records, baseName: "b:").hexadecimal
        == "81a40069415f425f5f2f332f78" + "02c4820124" + "061a6afd86c0" + "2162623a")
    #expect(SenML.cbor([], baseName: "b:") == [0x80])
  }
}

/// What Prometheus reads.
@Suite struct MetricsTests {
  @Test func metricsCountWhatHappened() async throws {
    let server = try TestServer()
    try await server.application.test(.router) { client in
      _ = try await client.post("/v1/batches", WorkedExample.batch0)
      try await client.deliverExample()
      _ = try await client.enrolExample()
      _ = try await client.post("/v1/batches", WorkedExample.batch1)
      let response = try await client.get("/metrics")
      #expect(response.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
      let lines = Set(response.text.split(separator: "\n").map(String.init))
      for line in [
        "cairn_gateway_batches_total{result=\"stored\"} 2",
        "cairn_gateway_batches_total{result=\"repeated\"} 1",
        "cairn_gateway_refused_total{reason=\"unknown-key\"} 1",
        "cairn_gateway_enrolments_total{result=\"new\"} 1",
        "cairn_gateway_enrolments_total{result=\"repeated\"} 1", "cairn_gateway_devices 1",
        "cairn_gateway_nodes 1", "cairn_gateway_batches 2", "cairn_gateway_forks 0",
        "cairn_gateway_closed_epoch 0",
        "cairn_gateway_uptime_seconds 0", "# TYPE cairn_gateway_store_bytes gauge",
      ] { #expect(lines.contains(line), "\(line)") }
      // Each family has its help and its type, and each line is one of a family.
      let families = lines.filter { $0.hasPrefix("# TYPE ") }.count
      #expect(lines.filter { $0.hasPrefix("# HELP ") }.count == families)
      #expect(families == 17)
    }
  }
}
