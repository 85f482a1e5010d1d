import FixedMemory
import Proofs
import Records
import Signers
import TestSupport
import Testing

@testable import HeliumFormats

/// Vectors of that network's own tests, and one of ours that protoc has read back.
@Suite struct HeliumFormatsTests {
  static let remote = hex("b6aa3f80d9355f139d998626b8d1ff1776cda36ae11a10006a8d516546276b09")
  static let local = hex("e94619b0")

  private func beacon() throws -> HeliumBeacon {
    try #require(
      HeliumBeacon(remote: Self.remote, remoteSeconds: 1_677_163_710, local: Self.local))
  }

  private func key() throws -> FileKey {
    let seed = hex("f8374ea8637b16cb24fa88566e77c6aaf8374ea8637b16cb24fa88566e77c6aa")
    return try FileKey(seed: try fixed(seed))
  }

  @Test func seedPayloadAndChannelAreTheirs() throws {
    let beacon = try beacon()
    #expect(
      beacon.seed == hex("621ae546cdbc0295e491f889798f9a086a6b6d465e19c7e46cef91062cb93e8f"))
    #expect(
      beacon.payload
        == hex(
          "1c99124160e83b92867d630caf4c9ed21cfd923bbbcb7a9231f19c944af6441108d43006983add9eba6525"
            + "3b877e1248f441ae"))
    #expect(beacon.channel(of: 8) == 4)
  }

  @Test func theDatarateIsTheFirstThatCarriesTheBytes() {
    let plan: [(spreadingFactor: UInt8, maximumByteCount: Int)] = [
      (12, 65), (9, 129), (8, 238),
    ]
    #expect(HeliumBeacon.spreadingFactor(for: 30, in: plan) == 12)
    #expect(HeliumBeacon.spreadingFactor(for: 90, in: plan) == 9)
    #expect(HeliumBeacon.spreadingFactor(for: 130, in: plan) == 8)
    #expect(HeliumBeacon.spreadingFactor(for: 300, in: plan) == nil)
  }

  @Test func aBeaconsReportAndItsSignatureAreTheVectors() throws {
    var key = try key()
    let bytes = key.publicKey.bytes
    let publicKey: FixedBytes<32> = try fixed((0..<32).map { bytes[$0] })
    #expect(
      HeliumKey.text(publicKey) == "14MRZY2jc2ABDq1faCCMmXrkm2PXY9UBRTP1j9PWnFTKnCb7Hyn")
    let report = HeliumBeaconReport(
      key: publicKey, localEntropy: Self.local, remoteEntropy: Self.remote,
      data: try beacon().payload, frequencyHertz: 867_900_000, datarate: 0, powerDBM: 8,
      timestampNanoseconds: 1_677_163_770_000_000_000)
    let unsigned = hex(
      "122101b97656ba0883b2e86793f6c1ba4847e819f4b231239d59481c11d43f48362a091a04e94619b02220b6aa3f"
        + "80d9355f139d998626b8d1ff1776cda36ae11a10006a8d516546276b092a331c99124160e83b92867d630caf"
        + "4c9ed21cfd923bbbcb7a9231f19c944af6441108d43006983add9eba65253b877e1248f441ae30e0b4ec9d03"
        + "480850808885a881f29ea317")
    #expect(report.encoded == unsigned)
    let signature = try key.sign(unsigned.span)
    #expect(
      (0..<64).map { signature[$0] }
        == hex(
          "59033344eec01edd00f6d150cd7efadcef1cb80fe7d02230d62739c8d1e7a2c9e487228b8ba8d6273cc9a9a0"
            + "364da332f7c9bb8b141ebffc3ae4dc26d698620c"))
  }

  @Test func aWitnessLeafBecomesItsReport() throws {
    var frame = FixedBytes<24>()
    for index in 0..<24 { frame[index] = UInt8(index) }
    frame[0] = 0xe0
    let reception = try #require(
      Reception(
        endMilliseconds: 5, uncertaintyMilliseconds: 2, frequencyHertz: 868_100_000,
        spreadingFactor: 9, bandwidthHertz: 125_000, codingRateDenominator: 5,
        rssiCentidecibelMilliwatts: -11_250, signalCentidecibelMilliwatts: nil,
        snrCentidecibels: -575, frequencyErrorHertz: nil))
    let report = try #require(
      HeliumWitnessReport(
        key: FixedBytes<32>(), witness: BeaconWitness(frame: frame, reception: reception),
        endUTCMilliseconds: 1))
    // Key, 23 bytes of data, 1 000 000 ns, -1125 as 2249, -57 in ten bytes, frequency, datarate 3.
    #expect(
      report.encoded
        == hex("122101") + Array(repeating: 0, count: 32) + hex("1a17")
        + (1..<24).map { UInt8($0) } + hex("20c0843d30c91138c7ffffffffffffffff0140a0cff89d035003"))
  }
}
