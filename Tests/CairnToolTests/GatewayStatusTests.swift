import CBOR
import Delivery
import FixedMemory
import Foundation
import LinuxPlatform
import Proofs
import Records
import TestSupport
import Testing

@testable import cairn

extension TestNode {
  /// A site file with the gateway of the tests.
  func writeSite(_ more: String = "") throws {
    let key = hexadecimal(try Self.gateway().publicKey.bytes.span)
    try Data(
      "[gateway]\nurl = https://gateway.example\npublic_key = \(key)\n\(more)".utf8
    ).write(to: folder.appending(path: "site.ini"))
  }

  fileprivate func head(size: UInt64, root: UInt8 = 1, utcMilliseconds: Int64) throws -> [UInt8] {
    var key = try Self.gateway()
    return try written { buffer in
      try GatewayHead(
        algorithm: .ed25519, keyID: key.publicKey.keyID, size: size,
        nowUTCMilliseconds: utcMilliseconds, root: fixed([UInt8](repeating: root, count: 32))
      ).sign(with: &key, into: buffer.mutableSpan).byteCount
    }
  }

  fileprivate func note(_ notice: DeliveryNotice) throws {
    try write(written { notice.encode(into: $0.mutableSpan) }, "delivery.cbor")
  }
}

private func toDo(_ node: TestNode) throws -> [String] {
  let list = try #require(try node.run("status", "--json").json()["toDo"] as? [[String: Any]])
  return list.compactMap { $0["name"] as? String }
}

@Test func theGatewaysHeadIsShownWithItsAge() throws {
  let node = try TestNode()
  try node.writeSite()
  #expect(try node.run("status").words.contains("its own log: no head kept yet"))
  let then = SystemClock().utcMilliseconds() - 7_230_000
  try node.write(node.head(size: 12_345, utcMilliseconds: then), "uplink/gateway-head.cose")
  let words = try node.run("status").words
  #expect(words.contains("https://gateway.example, key"))
  #expect(words.contains("as in the site file"))
  #expect(words.contains("12345 leaves, newest head kept here 2 h"))
  let gateway = try #require(try node.run("status", "--json").json()["gateway"] as? [String: Any])
  #expect((gateway["head"] as? [String: Any])?["size"] as? Int == 12_345)
}

@Test func aHeadThatIsNotTheGatewaysIsCalledNotValid() throws {
  let node = try TestNode()
  try node.writeSite()
  let whole = try node.head(size: 5, utcMilliseconds: 1_700_000_000_000)
  var flipped = whole
  flipped[whole.count - 1] ^= 1
  for bytes in [[], Array(whole.dropLast()), flipped, [UInt8](repeating: 0xd2, count: 4096)] {
    try node.write(bytes, "uplink/gateway-head.cose")
    #expect(try node.run("status").words.contains("the head kept here is not valid"))
    #expect(try toDo(node).contains("gateway-head-invalid"))
  }
}

@Test func keyChangesOfTheGatewayAreFollowedFromTheConfiguredKey() throws {
  let node = try TestNode()
  try node.writeSite()
  var first = try TestNode.gateway()
  let second = try TestNode.owner().publicKey
  let change = try written { buffer in
    try GatewayKeyChange(
      algorithm: .ed25519, keyID: first.publicKey.keyID, newKey: second,
      nowUTCMilliseconds: 1_700_000_000_000
    ).sign(with: &first, into: buffer.mutableSpan).byteCount
  }
  let firstKey: FixedBytes<32> = try fixed((0..<32).map { first.publicKey.bytes[$0] })
  let list: [UInt8] = written { buffer in
    var encoder = CBOREncoder(buffer.mutableSpan)
    GatewayKeyList.encodeHead(firstKey: firstKey, changeCount: 1, into: &encoder)
    encoder.byteString(change.span)
    return encoder.byteCount
  }
  try node.write(list, "agent/gateway-keys.cbor")
  let words = try node.run("status").words
  #expect(words.contains("key \(hexadecimal(second.keyID.span)) after 1 change"), "\(words)")
  let key = hexadecimal(try TestNode.key().publicKey.bytes.span)
  try Data("[gateway]\nurl = https://gateway.example\npublic_key = \(key)\n".utf8).write(
    to: node.folder.appending(path: "site.ini"))
  #expect(try toDo(node).contains("gateway-key-foreign"))
  for count in 0..<list.count {
    try node.write(Array(list.prefix(count)), "agent/gateway-keys.cbor")
    if count % 16 == 0 { #expect(try node.run("status").status == 0) }
  }
}

@Test func aContradictionOfTheGatewayIsSaidInStrongWordsWithItsEvidence() throws {
  let node = try TestNode()
  try node.writeSite()
  let held = try node.head(size: 9, root: 1, utcMilliseconds: 1_700_000_000_000)
  let other = try node.head(size: 9, root: 2, utcMilliseconds: 1_700_000_060_000)
  let evidence = written { buffer in
    GatewayContradiction.encode(
      .otherRoot, held: held.span, other: other.span, proof: Span(), into: buffer.mutableSpan)
  }
  try node.write(evidence, "uplink/gateway-contradiction.cbor")
  let words = try node.run("status").words
  #expect(words.contains("THE GATEWAY HAS CONTRADICTED ITSELF."))
  #expect(words.contains("two different logs of one size"))
  #expect(words.contains("Signed evidence: \(node.path("uplink/gateway-contradiction.cbor"))"))
  #expect(try toDo(node).first == "gateway-contradicted")
  // Damaged evidence is still told of: nobody throws it away unseen.
  try node.write(Array(evidence.dropLast(3)), "uplink/gateway-contradiction.cbor")
  #expect(try node.run("status").words.contains("The evidence is damaged: keep the file as it is."))
  #expect(try toDo(node).first == "gateway-contradicted")
}

@Test func whatHoldsDeliveryUpIsToldWithTheNextAttemptAndTheRemedy() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  try node.writeSite()
  let due = SystemClock().bootMilliseconds() + 600_500
  try node.note(DeliveryNotice(.waiting(.unreachable), dueMilliseconds: due))
  let waiting = try node.run("status").words
  #expect(waiting.contains("waiting: the gateway can't be reached"), "\(waiting)")
  #expect(waiting.contains("next attempt in "))
  #expect(try toDo(node).contains("delivery-waiting"))
  // The uplink runs: nobody is sent to look whether it does.
  #expect(try !toDo(node).contains("delivery-not-begun"))
  try node.note(DeliveryNotice(.blocked(.refused(code: 25)), dueMilliseconds: due))
  let blocked = try node.run("status").words
  #expect(blocked.contains("blocked: This device's key is revoked"))
  #expect(blocked.contains("succeeded it; next attempt in"), "\(blocked)")
  #expect(blocked.contains("delivery is blocked: \(RefusalCode.keyRevoked.remedy)"))
  #expect(try !toDo(node).contains("delivery-not-begun"))
  try node.note(DeliveryNotice(.waiting(.askedToWait), dueMilliseconds: 1))
  #expect(try toDo(node).contains("uplink-silent"))
  let ahead = BatchPosition(epoch: 0, batch: 9)
  try node.note(DeliveryNotice(.blocked(.gatewayAhead(expected: ahead)), dueMilliseconds: due))
  let restored = try node.run("status").words
  #expect(restored.contains("another board with this key, or an old backup; next attempt"))
  #expect(restored.contains("start or restart the agent"), "\(restored)")
  try node.note(DeliveryNotice(.free, dueMilliseconds: 0))
  #expect(try toDo(node).contains("delivery-not-begun"))
  #expect(try node.run("status", "--json").json()["hindrance"] is NSNull)
  try node.write([0x86, 1, 99], "delivery.cbor")
  #expect(try node.run("status").status == 0)
}

@Test func aClockFromTheGatewayIsCalledTheWeakestSource() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  try node.write { log, key in
    try log.append(at: 5000) {
      LeafEncoding.clock(
        milliseconds: 5000, source: .gateway, utcMilliseconds: 1_709_164_800_250,
        uncertaintyMilliseconds: 2000, into: $0.mutableSpan)
    }
    _ = try log.seal(with: &key)
  }
  #expect(try node.run("status").words.contains("the weakest source: the gateway says it"))
  #expect(try toDo(node).contains("clock-weak"))
  let clock = try #require(try node.run("status", "--json").json()["clock"] as? [String: Any])
  #expect(clock["isWeak"] as? Bool == true)
}

@Test func howLongTheSpoolLastsIsToldOnceItsRateIsKnown() throws {
  let node = try TestNode()
  try node.makeSpool(segmentCount: 40, segmentByteCount: 8192)
  try node.write { log, key in
    try log.beginBoot(1)
    try log.appendSchema(1, at: 0)
    for batch in 1...200 {
      try log.appendReading(1, at: Int64(batch) * 10_000, [Int64(batch)])
      _ = try log.seal(with: &key)
    }
  }
  let spool = try #require(try node.run("status", "--json").json()["spool"] as? [String: Any])
  let left = try #require(spool["millisecondsUntilFull"] as? Int)
  let (size, taken) = (40 * 8192, try #require(spool["undeliveredByteCount"] as? Int))
  // 2 000 s have filled what is taken, to a segment.
  let exact = 2_000_000 * (size - taken) / taken
  #expect((exact * 9 / 10...exact * 13 / 10).contains(left), "\(left), \(exact)")
  #expect(try node.run("status").words.contains("without delivery, at the rate of this boot"))
}

@Test func aNodeWhoseProgramsDoNotRunIsToldOnlyThat() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  try node.writeSite("[sensor.air]\nchip = bme280\nbus = i2c-1\n")
  try node.answer(node.enrol(), .taken(node: fixed([UInt8](repeating: 0xab, count: 32))))
  try node.write { log, key in
    try log.append(at: 5000) {
      LeafEncoding.clock(
        milliseconds: 5000, source: .networkTime, utcMilliseconds: 1_709_164_800_250,
        uncertaintyMilliseconds: 20, into: $0.mutableSpan)
    }
    try log.appendReading(2, at: 6000, [1])
    _ = try log.seal(with: &key)
  }
  let ending = try node.run("status")
  #expect(ending.lines.count <= 35, "\(ending.output)")
  for line in ending.lines { #expect(line.count <= 80 && line.last != " ", "\(line)") }
  #expect(try toDo(node) == ["agent-silent", "delivery-not-begun"])
}

@Test func theConfigurationIsShownWithWhereEachValueComesFrom() throws {
  let node = try TestNode()
  #expect(try node.run("config", "show").status == 78)
  try node.writeSite("[batch]\ninterval = 5 s\n[sensor.air]\nchip = bme280\nbus = i2c-1\n")
  let ending = try node.run("config", "show")
  #expect(ending.status == 0)
  #expect(ending.output.hasPrefix(node.path("site.ini")))
  #expect(ending.words.contains("[batch] line 4 interval line 5 5 s max_leaves default 512"))
  #expect(ending.words.contains("[gnss] not written: off"))
  #expect(ending.words.contains("address the chip's usual one"))
  #expect(ending.words.contains(hexadecimal(try TestNode.gateway().publicKey.bytes.span)))
  for line in ending.lines { #expect(line.count <= 80 && line.last != " ", "\(line)") }
  let values = try #require(
    try node.run("config", "show", "--json").json()["values"] as? [[String: Any]])
  func value(_ section: String, _ key: String) -> [String: Any]? {
    values.first { $0["section"] as? String == section && $0["key"] as? String == key }
  }
  #expect(value("batch", "interval")?["line"] as? Int == 5)
  #expect(value("batch", "max_leaves")?["source"] as? String == "default")
  #expect(value("gateway", "ca_file")?["source"] as? String == "none")
  #expect(value("sensor", "chip")?["name"] as? String == "air")
}

@Test func aConfigurationThatCanNotBeUsedIsShownAsFarAsItCanBeRead() throws {
  let node = try TestNode()
  try node.writeSite("[batch]\nintervall = 5 s\n\u{1b}[2J\n[spool]\nsize = 9 MiB\n")
  let ending = try node.run("config", "show")
  #expect(ending.status == 78 && ending.words.contains("`cairn config check` tells why"))
  #expect(ending.words.contains("size line 8 9 MiB"))
  #expect(!ending.output.contains("\u{1b}"))
  for length in stride(from: 0, to: 200, by: 7) {
    try Data([UInt8](repeating: UInt8(length), count: length * 100)).write(
      to: node.folder.appending(path: "site.ini"))
    #expect(try node.run("config", "show").status == 78)
  }
}

@Test func theQRCodeIsShownWhenItIsAskedFor() throws {
  let node = try TestNode()
  #expect(!(try node.run("status").output.contains("\u{2588}")))
  let ending = try node.run("status", "--qr")
  #expect(ending.status == 0 && ending.output.contains("\u{2588}"))
  #expect(try node.run("status", "--qr", "--json").status == 2)
}
