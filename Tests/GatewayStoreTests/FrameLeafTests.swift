import Archive
import FixedMemory
import Foundation
import Proofs
import Records
import Testing

@testable import GatewayStore

/// LoRaWAN frames that a radio heard, as the store and an archive have them.
@Suite struct FrameLeafTests {
  private func encoded(_ encode: (consuming MutableSpan<UInt8>) -> Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = encode(bytes.mutableSpan)
    return Array(bytes.prefix(count))
  }

  private func frame(_ counter: UInt8, at milliseconds: Int64, _ receipt: [UInt8] = []) throws
    -> [UInt8]
  {
    let made = Reception(
      endMilliseconds: milliseconds, uncertaintyMilliseconds: 150, frequencyHertz: 868_300_000,
      spreadingFactor: 9, bandwidthHertz: 125_000, codingRateDenominator: 5,
      rssiCentidecibelMilliwatts: -10_150, signalCentidecibelMilliwatts: nil,
      snrCentidecibels: -225, frequencyErrorHertz: nil, correctionNumber: 2)
    let reception = try #require(made)
    let frame = ForwardedFrame(
      hash: SHA256.hash([counter].span), byteCount: 23, reception: reception)
    return encoded {
      LeafEncoding.frame(
        schema: 33, milliseconds: milliseconds, frame, receipt: receipt.span, into: $0)
    }
  }

  private func radio() -> [UInt8] {
    encoded {
      LeafEncoding.schema(
        schema: 33, milliseconds: 0,
        quantities: Quantities(filler: Quantity(name: "", unit: "", powerOfTen: 0)),
        chip: "concentrator", bus: Array("forwarder".utf8).span, address: 0,
        serialNumber: Array("b827ebfffe123456".utf8).span, into: $0)
    }
  }

  private func refused(_ reason: UInt64, _ count: UInt64, at milliseconds: Int64) -> [UInt8] {
    var numbers = FixedArray<3, UInt64>(filler: 0)
    numbers.append(reason)
    numbers.append(count)
    return encoded {
      LeafEncoding.radioEvent(
        .framesRefused, schema: 33, milliseconds: milliseconds, numbers, into: $0)
    }
  }

  @Test func framesAreStoredShownAndExported() throws {
    let gateway = try TestGateway.make()
    let device = try TestDevice()
    try gateway.enrol(device)
    let batch = try device.seal([
      TestLeaf.boot(), radio(), try frame(1, at: 5), try frame(2, at: 6, [0xaa, 0xbb]),
      refused(3, 40, at: 7), refused(4, 2, at: 8), refused(99, 1, at: 9),
    ])
    #expect(gateway.receive(batch).isStored)
    guard
      case .found(let known) = try gateway.store.device(named: device.publicKey.hash.hexadecimal)
    else { throw StoreDamage() }
    let contents = try gateway.store.readings(of: known, ReadingsQuery()).leaves.map(\.content)
    let sensor = Sensor(schema: 33, chip: "concentrator", bus: "forwarder")
    let shown = [(UInt8(1), false), (2, true)].map { counter, hasReceipt in
      DecodedLeaf.Content.frame(
        sensor,
        DecodedLeaf.Frame(
          hash: SHA256.hash([counter].span).hexadecimal, byteCount: 23,
          frequencyHertz: 868_300_000, spreadingFactor: 9, bandwidthHertz: 125_000,
          rssi: ScaledInteger(-10_150, powerOfTen: -2), snr: ScaledInteger(-225, powerOfTen: -2),
          hasReceipt: hasReceipt))
    }
    let told = [("rate-limited", UInt64(40)), ("lost-on-the-way", 2), ("reason-99", 1)].map {
      DecodedLeaf.Content.framesRefused(
        code: 13, name: "frames-refused", sensor: sensor, reason: $0, count: $1)
    }
    #expect(contents == shown + told)
    // Who asks for values of one name gets those.
    var query = ReadingsQuery()
    query.name = "temperature"
    #expect(try gateway.store.readings(of: known, query).leaves.isEmpty)

    let folder = try ArchiveFolder()
    var key = try TestGateway.key()
    try gateway.store.export(
      to: ArchiveWriter(to: "\(folder.path)/archive"), signingWith: &key)
    let report = try ArchiveVerifier(folder: folder.path + "/archive").run()
    #expect(report.isGood && report.counts.frames == 2, "\(report.findings)")
    #expect(report.json.contains("\"frames\":2"))
    #expect(report.text(hasColour: false).contains("2 LoRaWAN frames were heard"))
  }

  /// Receipts of no byte, of too many, and none at all where one or null has to stand.
  @Test func aFrameLeafOutsideTheFormatIsRefused() throws {
    // Its last item is null.
    let body = Array(try frame(1, at: 5).dropLast())
    let tooLong = [0x59, 0x01, 0x01] + [UInt8](repeating: 7, count: 257)
    for receipt: [UInt8] in [[0x40], tooLong, [0xf5], [0xf6, 0xf6], []] {
      let gateway = try TestGateway.make()
      let device = try TestDevice()
      try gateway.enrol(device)
      guard let batch = Self.sealed(device, [TestLeaf.boot(), body + receipt]) else { continue }
      #expect(!gateway.receive(batch).isStored, "\(receipt.prefix(4))")
    }
    let longest = [0x59, 0x01, 0x00] + [UInt8](repeating: 7, count: 256)
    let gateway = try TestGateway.make()
    let device = try TestDevice()
    try gateway.enrol(device)
    #expect(gateway.receive(try device.seal([TestLeaf.boot(), body + longest])).isStored)
  }

  /// Nil for what is no leaf at all: no device can sign it here.
  private static func sealed(_ device: TestDevice, _ leaves: [[UInt8]]) -> [UInt8]? {
    do { return try device.seal(leaves) } catch { return nil }
  }
}
