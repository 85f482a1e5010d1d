import Testing

@testable import MQTTTransport

private func refusal(_ text: String, allowsPlain: Bool = false) -> MQTTAddress.Failure? {
  let bytes = Array(text.utf8)
  do throws(MQTTAddress.Failure) {
    _ = try MQTTAddress(bytes.span, allowsPlain: allowsPlain)
    return nil
  } catch { return error }
}

private func text(_ bytes: Span<UInt8>) -> String {
  String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
}

@Suite struct MQTTAddressTests {
  @Test(arguments: [
    ("mqtts://broker.example.net", "broker.example.net", 8883, true),
    ("mqtts://broker.example.net:443/", "broker.example.net", 443, true),
    ("mqtt://127.0.0.1", "127.0.0.1", 1883, false), ("mqtt://localhost:9", "localhost", 9, false),
    ("mqtt://[::1]:1884", "::1", 1884, false), ("mqtts://[2001:db8::1]", "2001:db8::1", 8883, true),
  ])
  func anAddressIsTakenApart(_ url: String, _ host: String, _ port: Int32, _ isEncrypted: Bool)
    throws
  {
    let bytes = Array(url.utf8)
    let address = try MQTTAddress(bytes.span, allowsPlain: false)
    #expect(text(address.host.span) == host)
    #expect(address.port == port)
    #expect(address.isEncrypted == isEncrypted)
  }

  @Test(arguments: ["https://a", "http://127.0.0.1", "mqtt:/a", "", "MQTT://127.0.0.1", "a"])
  func anotherSchemeIsRefused(_ url: String) { #expect(refusal(url) == .notMQTT) }

  @Test(arguments: [
    "mqtts://", "mqtts:///", "mqtts://:1", "mqtts://a:", "mqtts://a:0", "mqtts://a:65536",
    "mqtts://a:123456", "mqtts://a:1x", "mqtts://u@a", "mqtts://a/b", "mqtts://a b", "mqtts://[::1",
    "mqtts://[]", "mqtts://[::1]x", "mqtts://a?b", "mqtts://a#b", "mqtts://a%41", "mqtts://ä",
    "mqtts://" + String(repeating: "a", count: 254),
  ])
  func aMalformedAddressIsRefused(_ url: String) { #expect(refusal(url) == .malformed) }

  @Test(arguments: [
    "mqtt://192.0.2.1", "mqtt://broker", "mqtt://128.0.0.1", "mqtt://127.0.0", "mqtt://127.0.0.1.2",
    "mqtt://127.0.0.256", "mqtt://12.7.0.1", "mqtt://[::2]", "mqtt://localhost.example",
    "mqtt://0127.0.0.1", "mqtt://1.127.0.0",
  ])
  func plainDeliveryOffThisBoardIsRefusedUnlessAllowed(_ url: String) {
    #expect(refusal(url) == .plainNotAllowed)
    #expect(refusal(url, allowsPlain: true) == nil)
  }
}
