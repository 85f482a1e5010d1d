import FixedMemory
import Foundation
import Testing

@testable import NodeConfiguration

private let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
private let keyBase64url = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

@Suite struct SiteConfigurationTests {
  @Test func keysThatAreNotWrittenHaveTheirDefaults() {
    var problems = ProblemList()
    let site = SiteConfiguration(parsing: Array(smallestSite.utf8).span, problems: &problems)
    #expect(problems.isUsable == true)
    #expect(site.gateway.url.string == "https://gateway.example")
    #expect(!site.canVerifyReceipts && site.gateway.caFile.isEmpty)
    #expect(site.gateway.allowsPlainHTTP == false)
    #expect(site.nodeName.isEmpty == true)
    #expect(site.batchIntervalMilliseconds == 60_000 && site.batchMaximumLeafCount == 512)
    #expect(site.commitIntervalMilliseconds == 10_000)
    #expect(site.delivery.connectTimeoutMilliseconds == 30_000)
    #expect(site.delivery.timeoutMilliseconds == 180_000)
    #expect(site.spool.byteCount == 64 << 20 && site.spool.segmentByteCount == 256 << 10)
    #expect(site.spool.whenFull == .stop)
    #expect(site.clock.intervalMilliseconds == 10_000)
    #expect(site.clock.toleranceMilliseconds == 500)
    #expect(site.clock.repeatIntervalMilliseconds == 3_600_000)
    #expect(site.gnss == nil && site.sensors.isEmpty)
  }

  @Test func everyKeyReachesItsPlace() {
    let text = """
      [gateway]
      url = http://[::1]:8080/cairn/
      public_key = \(key)
      ca_file = /etc/ssl/a.pem
      allow_plain_http = yes
      [node]
      name = Dächer 1
      [batch]
      interval = 500 ms
      max_leaves = 7
      [commit]
      interval = 200ms
      [delivery]
      timeout = 2 min
      connect_timeout = 2 s
      [spool]
      size = 1 GiB
      segment = 1 MiB
      when_full = drop-oldest
      [clock]
      interval = 20 s
      tolerance = 50 ms
      repeat_interval = 1 d
      [gnss]
      port = usb0
      position_interval = 5 s
      [sensor.roof]
      chip = scd4x
      bus = i2c-1
      address = 0x63
      interval = 5 s
      frozen_after = never
      optional = yes
      [sensor.cellar]
      chip = sht3x
      bus = i2c-1
      """
    var problems = ProblemList()
    let site = SiteConfiguration(parsing: Array(text.utf8).span, problems: &problems)
    #expect(list(problems) == [])
    #expect(site.gateway.url.string == "http://[::1]:8080/cairn")
    #expect(site.gateway.publicKey?[0] == 0xd7)
    #expect(site.gateway.caFile.string == "/etc/ssl/a.pem" && site.gateway.allowsPlainHTTP)
    #expect(site.nodeName.string == "Dächer 1")
    #expect(site.batchIntervalMilliseconds == 500 && site.batchMaximumLeafCount == 7)
    #expect(site.commitIntervalMilliseconds == 200)
    #expect(site.delivery.timeoutMilliseconds == 120_000)
    #expect(site.delivery.connectTimeoutMilliseconds == 2000)
    #expect(site.spool.byteCount == 1 << 30 && site.spool.segmentByteCount == 1 << 20)
    #expect(site.spool.whenFull == .dropOldest)
    #expect(site.clock.intervalMilliseconds == 20_000)
    #expect(site.clock.toleranceMilliseconds == 50)
    #expect(site.clock.repeatIntervalMilliseconds == 86_400_000)
    #expect(site.gnss?.port.string == "usb0")
    #expect(site.gnss?.positionIntervalMilliseconds == 5000)
    #expect(site.sensors.count == 2)
    let roof = site.sensors[0]
    #expect(roof.name.string == "roof" && roof.chip == .scd4x && roof.bus.string == "i2c-1")
    #expect(roof.address == 0x63 && roof.intervalMilliseconds == 5000 && roof.isOptional)
    #expect(roof.frozenAfterMeasurementCount == 0)
    let cellar = site.sensors[1]
    #expect(cellar.chip == .sht3x && cellar.address == 0x44 && !cellar.isOptional)
    #expect(cellar.intervalMilliseconds == 60_000 && cellar.frozenAfterMeasurementCount == 16)
  }

  @Test func aPublicKeyIsTheSameInBothSpellings() {
    for spelling in [key, key.uppercased(), keyBase64url, keyBase64url + "="] {
      var problems = ProblemList()
      let text = smallestSite + "public_key = \(spelling)\n"
      let site = SiteConfiguration(parsing: Array(text.utf8).span, problems: &problems)
      let bytes = (0..<32).map { site.gateway.publicKey?[$0] ?? 0 }
      #expect(bytes.map { String(format: "%02x", $0) }.joined() == key, "\(spelling)")
    }
  }

  @Test(arguments: [
    "", "d7", key + "0", String(key.dropLast()) + "g", keyBase64url + "==",
    String(keyBase64url.dropLast()) + "p",  // the spare bits are not zero
    String(keyBase64url.dropLast()) + "+",
  ])
  func aWrongPublicKeyIsRefused(spelling: String) {
    let found = siteRefusals(smallestSite + "public_key = \(spelling)\n")
    #expect(found.count == 1 && found.first?.line == 3, "\(found)")
  }

  @Test func withoutAPublicKeyTheOperatorIsTold() {
    var problems = ProblemList()
    _ = SiteConfiguration(parsing: Array(smallestSite.utf8).span, problems: &problems)
    let warning = list(problems).first { $0.reason == .unverifiedGateway }
    #expect(warning?.line == 1 && warning?.severity == .warning)
    #expect(warning?.message.contains("nothing is ever treated as delivered") == true)
    #expect(problems.isUsable == true)
  }

  @Test(arguments: [
    "https://g.example", "https://g.example/", "https://g.example:8443/a/b_c~d%20",
    "https://10.0.0.1:1", "https://[2001:db8::1]:65535/x", "mqtts://b.example",
    "mqtts://b.example:8883/", "mqtt://127.0.0.1:1883", "mqtt://[::1]",
  ])
  func aGatewayURLIsTaken(url: String) {
    #expect(siteRefusals("[gateway]\nurl = \(url)\n") == [])
  }

  @Test(arguments: [
    "g.example", "ftp://g.example", "https://", "https:///path", "https://g.example:",
    "https://g.example:0", "https://g.example:65536", "https://g.example:123456",
    "https://u@g.example", "https://g.example/?q=1", "https://g.example/#f",
    "https://g ample", "https://[]", "https://[::1", "https://g.example:80a", "HTTPS://g.example",
    "https://g.example/a b", "mqtts://b.example/path", "mqtts://", "mqtts://u@b.example",
    "mqtts://b.example:0", "MQTTS://b.example",
  ])
  func aWrongGatewayURLIsRefused(url: String) {
    let found = siteRefusals("[gateway]\nurl = \(url)\n")
    #expect(found.map(\.reason) == [.wrongValue] && found.first?.line == 2, "\(found)")
  }

  @Test func plainHTTPIsRefusedUntilItIsAllowed() {
    let text = "[gateway]\nurl = http://g.example\n"
    let found = siteRefusals(text)
    #expect(found.map(\.reason) == [.contradiction] && found.first?.line == 2)
    #expect(siteRefusals(text + "allow_plain_http = yes\n") == [])
  }

  @Test func plainMQTTOffThisBoardIsRefusedUntilItIsAllowed() {
    let text = "[gateway]\nurl = mqtt://b.example\n"
    let found = siteRefusals(text)
    #expect(found.map(\.reason) == [.contradiction] && found.first?.line == 2)
    #expect(siteRefusals(text + "allow_plain_http = yes\n") == [])
  }

  @Test(arguments: [
    ("mqtts://b.example", "user = roof\n", true),
    ("mqtts://b.example", "user = roof\npassword_file = /etc/cairn/word\n", true),
    ("mqtts://b.example", "password_file = /etc/cairn/word\n", false),
    // It is not asked for there, and does no harm.
    ("https://g.example", "user = roof\n", true),
  ])
  func aPasswordIsAUsers(url: String, lines: String, isTaken: Bool) {
    let found = siteRefusals("[gateway]\nurl = \(url)\n" + lines)
    #expect(found.map(\.reason) == (isTaken ? [] : [.contradiction]))
  }

  @Test(arguments: [
    ("localhost", true), ("localhost:80/x", true), ("[::1]", true), ("[::1]:8080", true),
    ("127.0.0.1", true), ("127.255.0.255:1/", true), ("128.0.0.1", false), ("127.0.0", false),
    ("127.0.0.1.2", false), ("127.0.0.256", false), ("127.0.0.1.example", false),
    ("localhost.example", false), ("[::2]", false), ("127..0.1", false), ("127.0.0.", false),
    ("10.127.0.1", false),
  ])
  func plainHTTPNeedsNoPermissionToThisBoardOnly(host: String, isLoopback: Bool) {
    #expect(siteRefusals("[gateway]\nurl = http://\(host)\n").isEmpty == isLoopback, "\(host)")
  }

  @Test(arguments: [
    ("60", Problem.Reason.missingUnit), ("60 sec", .unknownUnit), ("60 S", .unknownUnit),
    ("1.5 s", .unknownUnit), ("-1 s", .wrongValue), ("s", .wrongValue), ("99 ms", .outOfRange),
    ("3601 s", .outOfRange), ("2 h", .outOfRange), ("0 s", .outOfRange),
    ("9223372036854775807 ms", .outOfRange), ("9223372036854775808 ms", .outOfRange),
    ("99999999999999999999999999 d", .outOfRange), ("106751991168 d", .outOfRange),
    ("60 s s", .unknownUnit), ("60 KiB", .unknownUnit), ("0x10 s", .unknownUnit),
  ])
  func aWrongDurationIsRefusedWithItsReason(text: String, reason: Problem.Reason) {
    let found = siteRefusals(smallestSite + "[batch]\ninterval = \(text)\n")
    #expect(found.map(\.reason) == [reason] && found.first?.line == 4, "\(text): \(found)")
    #expect(found.first?.message.hasPrefix("interval: \"") == true)
  }

  @Test(arguments: [
    ("100 ms", 100), ("1 h", 3_600_000), ("60 min", 3_600_000), ("007 s", 7000), ("5min", 300_000),
    ("5   min", 300_000),
  ])
  func aDurationAtTheEdgeOfItsRangeIsTaken(text: String, milliseconds: Int64) {
    var problems = ProblemList()
    let whole = smallestSite + "[batch]\ninterval = \(text)\n"
    let site = SiteConfiguration(parsing: Array(whole.utf8).span, problems: &problems)
    #expect(problems.isUsable && site.batchIntervalMilliseconds == milliseconds)
  }

  @Test(arguments: [
    ("64 MB", Problem.Reason.unknownUnit), ("64 M", .unknownUnit), ("64", .missingUnit),
    ("1023 KiB", .outOfRange), ("17 GiB", .outOfRange), ("8589934592 GiB", .outOfRange),
    ("17179869185 GiB", .outOfRange),
  ])
  func aWrongSizeIsRefusedWithItsReason(text: String, reason: Problem.Reason) {
    let found = siteRefusals(smallestSite + "[spool]\nsize = \(text)\n")
    #expect(found.map(\.reason) == [reason] && found.first?.line == 4, "\(text): \(found)")
  }

  @Test(arguments: [
    ("size = 1000 KiB\nsegment = 128 KiB\n", 1), ("size = 1025 KiB\nsegment = 256 KiB\n", 1),
    ("size = 1 MiB\nsegment = 512 KiB\n", 1), ("segment = 129 KiB\n", 1),
    ("size = 4 GiB\n", 1), ("size = 1 GiB\n", 0), ("size = 1 MiB\n", 0),
  ])
  func segmentsAreWholeAndNeitherTooFewNorTooMany(text: String, count: Int) {
    #expect(siteRefusals(smallestSite + "[spool]\n" + text).count == count, "\(text)")
  }

  @Test(arguments: ["0x07", "0x78", "76", "0x7", "0x076", "0X76", "118", "0xgg"])
  func anAddressOutsideTheBusIsRefused(text: String) {
    let found = siteRefusals(
      smallestSite + "[sensor.a]\nchip = bme280\nbus = i2c-1\naddress = \(text)\n")
    #expect(found.map(\.reason) == [.wrongValue] && found.first?.line == 6, "\(text): \(found)")
  }

  @Test func twoSensorsAtOnePlaceAreRefused() {
    let first = "[sensor.a]\nchip = bme280\nbus = i2c-1\n"
    let second = "[sensor.b]\nchip = sht3x\nbus = i2c-1\naddress = 0x76\n"
    let found = siteRefusals(smallestSite + first + second)
    #expect(found.map(\.reason) == [.contradiction] && found.first?.line == 6, "\(found)")
    #expect(found.first?.message.contains("[sensor.a]") == true)
    #expect(siteRefusals(smallestSite + first + second.replacing("i2c-1", with: "i2c-2")) == [])
  }

  @Test func timesThatExcludeEachOtherAreRefused() {
    let delivery = siteRefusals(
      smallestSite + "[delivery]\ntimeout = 10 s\nconnect_timeout = 11 s\n")
    #expect(delivery.map(\.reason) == [.contradiction] && delivery.first?.line == 5)
    let clock = siteRefusals(
      smallestSite + "[clock]\ninterval = 2 min\nrepeat_interval = 1 min\n")
    #expect(clock.map(\.reason) == [.contradiction] && clock.first?.line == 5)
  }
}
