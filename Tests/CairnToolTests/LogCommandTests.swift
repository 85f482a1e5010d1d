import FixedMemory
import Foundation
import Proofs
import Records
import TestSupport
import Testing
import Verifier

func hexadecimal<let count: Int>(_ bytes: FixedBytes<count>) -> String {
  hexadecimal(bytes.span)
}

func hexadecimal(_ bytes: Span<UInt8>) -> String {
  bytes.indices.map { byte in
    let text = String(bytes[byte], radix: 16)
    return text.count == 1 ? "0" + text : text
  }.joined()
}

/// A log over several segments, boots and epochs, so that batches span segments and searches have
/// work.
private func longNode(batchCount: Int = 120) throws -> TestNode {
  let node = try TestNode()
  try node.makeSpool(segmentCount: 24, segmentByteCount: 8192)
  try node.write { log, key in
    var time: Int64 = 0
    for batch in 0..<batchCount {
      if batch % 40 == 0 {
        time = 0
        try log.beginBoot(UInt64(batch / 40 + 1))
        try log.appendSchema(1, at: 0)
      }
      for reading in 0..<(3 + batch % 9) {
        time += 1000
        try log.appendReading(1, at: time, [Int64(batch * 100 + reading), 2, 3])
        if reading % 4 == 3 { try log.commit() }
      }
      _ = try log.seal(with: &key)
    }
  }
  return node
}

@Test func theListHasEveryBatchOnce() throws {
  let node = try longNode()
  let batches = try #require(
    try node.run("log", "list", "--json").json()["batches"] as? [[String: Any]])
  #expect(batches.compactMap { $0["batch"] as? Int } == Array(0..<120))
  for (before, after) in zip(batches, batches.dropFirst()) {
    #expect(before["size"] as? Int == after["first"] as? Int)
  }
  // One line each, below one line of headings.
  let lines = try node.run("log", "list").lines.filter { !$0.isEmpty }
  #expect(lines.count == 121)
}

@Test(arguments: [1, 2, 3, 7, 39, 119, 120, 121, 4_294_967_295])
func theLastBatchesAreTheNewest(count: Int) throws {
  let node = try longNode()
  let ending = try node.run("log", "list", "--last", "\(count)", "--json")
  let batches = try #require(try ending.json()["batches"] as? [[String: Any]])
  let expected = Array(max(0, 120 - count)..<120)
  #expect(batches.compactMap { $0["batch"] as? Int } == expected)
  #expect(batches.allSatisfy { $0["whole"] as? Bool == true })
}

@Test func everyBatchIsFoundWholeAndItsReadingsHaveNames() throws {
  let node = try longNode()
  for batch in 0..<120 {
    let json = try node.run("log", "show", "0/\(batch)", "--json").json()
    let found = try #require(json["batch"] as? [String: Any])
    #expect(found["batch"] as? Int == batch && found["whole"] as? Bool == true)
    let leaves = try #require(json["leaves"] as? [[String: Any]])
    let readings = leaves.filter { $0["kind"] as? String == "reading" }
    #expect(readings.count == 3 + batch % 9)
    for (index, reading) in readings.enumerated() {
      let values = try #require(reading["values"] as? [[String: Any]])
      #expect(values[0]["name"] as? String == "temperature")
      #expect(values[0]["integer"] as? Int == batch * 100 + index)
    }
    #expect(leaves.first?["index"] as? Int == found["first"] as? Int)
  }
}

@Test func aBatchIsShownInWords() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  let words = try node.run("log", "show", "0/0").words
  #expect(words.contains("boot 1, agent 0.1.0, board bench"))
  #expect(words.contains("sensor 1 is BME280 at 0x76 on i2c-1, serial cal-1"))
  #expect(words.contains("sensor 1: temperature 21.34 °C, pressure -0.5 Pa, light none"))
  let next = try node.run("log", "show", "0/1").words
  #expect(next.contains("sensor 1: temperature 21.35 °C"))
  #expect(next.contains("sensor 2: FAULT, 12 times: nothing answers"))
}

@Test func whatTheRingHasOverwrittenIsToldAsGone() throws {
  let node = try longNode(batchCount: 1500)
  let batches = try #require(
    try node.run("log", "list", "--json").json()["batches"] as? [[String: Any]])
  let numbers = batches.compactMap { $0["batch"] as? Int }
  let oldest = try #require(numbers.first)
  #expect(oldest > 0 && numbers == Array(oldest..<1500))
  let gone = try node.run("log", "show", "0/\(oldest - 1)")
  #expect(gone.status == 69 && gone.words.contains("no such batch"))
  // A reading whose schema has gone is shown as the integers that it is.
  let first = try node.run("log", "show", "0/\(oldest + 1)").words
  #expect(first.contains("sensor 1: \((oldest + 1) * 100), 2, 3"))
  #expect(try node.run("status").status == 0)
  // What is left can still be checked alone.
  let export = try node.run("log", "export", "0/\(oldest)", "--to", node.path("oldest"))
  #expect(export.status == 0, "\(export.error)")
  #expect(
    try node.run("verify", node.path("oldest/batch.cbor"), "--key", node.path("agent/device.pub"))
      .status == 0)
}

@Test func tornEntriesDoNotHideTheOthers() throws {
  let node = try longNode()
  let handle = try FileHandle(forUpdating: node.spool)
  // In the fourth of 24 segments.
  try handle.seek(toOffset: 32_768 + 3 * 8192 + 5000)
  try handle.write(contentsOf: [UInt8](repeating: 0xa5, count: 40))
  try handle.close()
  let ending = try node.run("log", "list", "--json")
  #expect(ending.status == 0)
  let json = try ending.json()
  let batches = try #require(json["batches"] as? [[String: Any]])
  #expect(batches.count > 80 && batches.count < 120)
  #expect(json["losses"] as? Int ?? 0 > 0)
  #expect(try node.run("log", "list").words.contains("damage"))
  let status = try node.run("status")
  #expect(status.status == 0)
}

@Test func noFlippedByteOfTheSpoolEndsTheToolBadly() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  let whole = try Data(contentsOf: node.spool)
  // Superblock, marks, notes, the first segment's header and its entries.
  let places =
    Array(0..<48) + Array(stride(from: 4096, to: 4144, by: 3))
    + Array(stride(from: 8192, to: 8240, by: 3)) + Array(stride(from: 32_768, to: 32_900, by: 5))
    + Array(stride(from: 36_864, to: 37_700, by: 17))
  for place in places {
    var torn = whole
    torn[place] ^= 0xff
    try torn.write(to: node.spool)
    let ending = try node.run("status", "--json")
    #expect([0, 69, 74, 77].contains(ending.status), "byte \(place): \(ending.status)")
    _ = try ending.json()
  }
}

@Test func theLastBatchIsExportedAndVerifies() throws {
  let node = try longNode()
  let ending = try node.run("log", "export", "--to", node.path("export"), "--json")
  #expect(ending.status == 0, "\(ending.error)")
  let batch = try #require(try ending.json()["batch"] as? [String: Any])
  #expect(batch["batch"] as? Int == 119)
  for name in ["batch.cbor", "checkpoint.cose", "receipt.cose"] {
    let verdict = try Tool.run([
      "verify", node.path("export/\(name)"), "--key", node.path("export/device.pub"),
    ])
    #expect(verdict.status == 0, "\(name): \(verdict.words)")
    #expect(verdict.output.hasPrefix("valid: "))
  }
}

@Test func anExportIsReplacedWhole() throws {
  let node = try longNode()
  for batch in [3, 117, 4] {
    #expect(try node.run("log", "export", "0/\(batch)", "--to", node.path("e")).status == 0)
  }
  let names = try FileManager.default.contentsOfDirectory(atPath: node.path("e"))
  #expect(names.sorted() == ["batch.cbor", "checkpoint.cose", "device.pub", "receipt.cose"])
  let verdict = try node.run(
    "verify", node.path("e/batch.cbor"), "--key", node.path("e/device.pub"), "--json")
  let checkpoint = try #require(try verdict.json()["checkpoint"] as? [String: Any])
  #expect(checkpoint["batch"] as? Int == 4)
}

@Test func anotherKeysSpoolIsNotExported() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  try Data([UInt8](repeating: 9, count: 32)).write(
    to: node.folder.appending(path: "agent/device.pub"))
  let ending = try node.run("log", "export", "--to", node.path("export"))
  #expect(ending.status == 1 && ending.words.contains("nothing was written"))
  #expect(!FileManager.default.fileExists(atPath: node.path("export")))
}

@Test func aSensorThatCameLateIsKnownInBatchesLongAfter() throws {
  let node = try TestNode()
  try node.makeSpool(segmentCount: 40, segmentByteCount: 8192)
  try node.write { log, key in
    try log.beginBoot(1)
    for batch in 1...60 {
      if batch == 30 { try log.appendSchema(2, at: 30_000) }
      try log.appendReading(2, at: Int64(batch) * 1000, [Int64(batch)])
      _ = try log.seal(with: &key)
    }
  }
  #expect(try node.run("log", "show", "0/28").words.contains("sensor 2: 29 (what it means"))
  for batch in [29, 30, 59] {
    let words = try node.run("log", "show", "0/\(batch)").words
    #expect(words.contains("sensor 2: temperature 0.\(batch + 1) °C"), "\(words)")
  }
}

@Test func aFrameThatWasHeardIsShownInWordsAndAsJSON() throws {
  let node = try TestNode()
  try node.makeSpool()
  let reception = Reception(
    endMilliseconds: 900, uncertaintyMilliseconds: 150, frequencyHertz: 868_300_000,
    spreadingFactor: 9, bandwidthHertz: 125_000, codingRateDenominator: 5,
    rssiCentidecibelMilliwatts: -10_150, signalCentidecibelMilliwatts: nil, snrCentidecibels: -225,
    frequencyErrorHertz: nil, correctionNumber: 2)
  let frame = ForwardedFrame(
    hash: SHA256.hash([7].span), byteCount: 23, reception: try #require(reception))
  var numbers = FixedArray<3, UInt64>(filler: 0)
  numbers.append(4)
  numbers.append(12)
  try node.write { log, key in
    try log.beginBoot(1)
    try log.append(at: 1000) {
      LeafEncoding.frame(
        schema: 33, milliseconds: 1000, frame, receipt: Span(), into: $0.mutableSpan)
    }
    try log.append(at: 1001) {
      LeafEncoding.radioEvent(
        .framesRefused, schema: 33, milliseconds: 1001, numbers, into: $0.mutableSpan)
    }
    _ = try log.seal(with: &key)
  }
  let words = try node.run("log", "show", "0/0").words
  #expect(words.contains("LoRaWAN frame, 23 bytes at 868.300 MHz, SF9: -101.50 dBm, SNR -2.25 dB"))
  #expect(words.contains("no receipt"))
  #expect(words.contains("12 frames not kept: not taken from the forwarder in time"))
  let leaves = try #require(
    try node.run("log", "show", "0/0", "--json").json()["leaves"] as? [[String: Any]])
  let shown = try #require(leaves.first { $0["kind"] as? String == "frame" })
  #expect(shown["sha256"] as? String == hexadecimal(frame.hash))
  #expect(shown["byteCount"] as? Int == 23 && shown["rssi"] as? Double == -101.5)
  #expect(shown["receipt"] is NSNull)
}
