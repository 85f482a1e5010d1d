import FixedMemory
import Foundation
import Testing

@testable import GWMP

func transmitPacket(_ bytes: [UInt8] = [1, 2, 3], frequency: UInt32 = 868_100_000)
  -> TransmitPacket?
{
  TransmitPacket(
    frequencyHertz: frequency, spreadingFactor: 9, bandwidthHertz: 125_000,
    codingRateDenominator: 5,
    powerDecibelMilliwatts: 14, bytes: bytes.span)
}

func head(_ bytes: [UInt8]) -> GWMPDatagram? { GWMPDatagram(bytes.span) }

func array<let capacity: Int>(_ text: borrowing TextBuilder<capacity>) -> [UInt8] {
  var bytes: [UInt8] = []
  for index in 0..<text.byteCount { bytes.append(text.span[index]) }
  return bytes
}

@Suite struct TransmitTests {
  @Test func aPullRespIsReadBySomebodyElsesJSON() throws {
    for count in [1, 2, 3, 255] {
      let data = (0..<count).map { UInt8(truncatingIfNeeded: 255 - $0) }
      var packet = try #require(transmitPacket(data))
      packet.hasChecksum = false
      packet.isInverted = true
      packet.preambleSymbolCount = 65_535
      var text = TextBuilder<640>()
      packet.writePullResp(version: 2, token: 0xabcd, to: &text)
      let overflowed = text.overflowed
      #expect(!overflowed)
      let datagram = array(text)
      #expect(Array(datagram[0..<4]) == [2, 0xab, 0xcd, 3])
      let object = try #require(
        try JSONSerialization.jsonObject(with: Data(datagram[4...])) as? [String: [String: Any]])
      let txpk = try #require(object["txpk"])
      #expect(
        Set(txpk.keys) == [
          "imme", "freq", "rfch", "powe", "modu", "datr", "codr", "ipol", "prea", "ncrc", "size",
          "data",
        ])
      #expect(txpk["imme"] as? Bool == true && txpk["freq"] as? Double == 868.1)
      #expect(txpk["rfch"] as? Int == 0 && txpk["powe"] as? Int == 14)
      #expect(txpk["modu"] as? String == "LORA" && txpk["datr"] as? String == "SF9BW125")
      #expect(txpk["codr"] as? String == "4/5" && txpk["ipol"] as? Bool == true)
      #expect(txpk["prea"] as? Int == 65_535 && txpk["ncrc"] as? Bool == true)
      #expect(txpk["size"] as? Int == count)
      #expect(txpk["data"] as? String == Data(data).base64EncodedString())
      // Some servers and forwarders take no escapes.
      #expect(!datagram.contains(UInt8(ascii: "\\")))
    }
  }

  @Test func whatNoConcentratorSendsIsNoPacket() {
    #expect(transmitPacket([]) == nil)
    #expect(transmitPacket(Array(repeating: 0, count: 256)) == nil)
    #expect(transmitPacket(frequency: 0) == nil)
    for (power, isOne) in [(Int8.min, false), (-1, false), (0, true), (36, true), (37, false)] {
      let bytes: [UInt8] = [1]
      let packet = TransmitPacket(
        frequencyHertz: 868_100_000, spreadingFactor: 9, bandwidthHertz: 125_000,
        codingRateDenominator: 5, powerDecibelMilliwatts: power, bytes: bytes.span)
      #expect((packet != nil) == isOne, "\(power) dBm")
    }
  }

  @Test(arguments: [
    ("", TransmitOutcome.sent, Int32?.none), ("{}", .sent, nil), ("{\"txpk_ack\":{}}", .sent, nil),
    ("{\"txpk_ack\":{\"error\":\"NONE\"}}", .sent, nil),
    ("{\"txpk_ack\":{\"error\":null}}", .sent, nil),
    ("{\"txpk_ack\":{\"error\":\"TOO_LATE\"}}", .tooLate, nil),
    ("{\"txpk_ack\" : {\"error\" : \"TOO_EARLY\"}}", .tooEarly, nil),
    ("{\"txpk_ack\":{\"error\":\"COLLISION_PACKET\"}}", .collisionWithPacket, nil),
    ("{\"txpk_ack\":{\"error\":\"COLLISION_BEACON\"}}", .collisionWithBeacon, nil),
    ("{\"txpk_ack\":{\"error\":\"TX_FREQ\"}}", .frequencyRefused, nil),
    ("{\"txpk_ack\":{\"error\":\"TX_POWER\"}}", .powerRefused, nil),
    ("{\"txpk_ack\":{\"error\":\"GPS_UNLOCKED\"}}", .gpsUnlocked, nil),
    ("{\"txpk_ack\":{\"error\":\"UNKNOWN\"}}", .refused, nil),
    ("{\"txpk_ack\":{\"warn\":\"TX_POWER\",\"value\":12}}", .sentWithOtherPower, 12),
    // No concentrator has such powers: which one was used is not known.
    ("{\"txpk_ack\":{\"warn\":\"TX_POWER\",\"value\":101}}", .sentWithOtherPower, nil),
    ("{\"txpk_ack\":{\"warn\":\"TX_POWER\",\"value\":37}}", .sentWithOtherPower, nil),
    ("{\"txpk_ack\":{\"warn\":\"TX_POWER\",\"value\":36}}", .sentWithOtherPower, 36),
    ("{\"txpk_ack\":{\"warn\":\"TX_POWER\",\"value\":-1}}", .sentWithOtherPower, nil),
    ("{\"txpk_ack\":{\"warn\":\"TX_POWER\",\"value\":4294967308}}", .sentWithOtherPower, nil),
    ("{\"txpk_ack\":{\"warn\":\"TX_POWER\"}}", .sentWithOtherPower, nil),
    (
      "{\"txpk_ack\":{\"value\":12,\"error\":\"NONE\",\"warn\":\"TX_POWER\"}}", .sentWithOtherPower,
      12
    ),
    ("{\"txpk_ack\":{\"warn\":\"TX_POWER\",\"error\":\"TOO_LATE\"}}", .tooLate, nil),
    ("garbage", .refused, nil), ("{\"txpk_ack\":{\"error\":\"TOO", .refused, nil),
  ])
  func everyFormOfATXAckHasItsOutcome(text: String, outcome: TransmitOutcome, power: Int32?) {
    for end in ["", "\0", " \0", "\n"] {
      let datagram = [2, 0, 1, 5, 1, 2, 3, 4, 5, 6, 7, 8] + Array((text + end).utf8)
      let body = Array(datagram[GWMPDatagram.body(of: datagram.span, .txAck)])
      let answer = TransmitAnswer(body.span)
      #expect(answer.outcome == outcome && answer.powerDecibelMilliwatts == power)
    }
  }

  @Test func preambleAndCodingRateOfTheServersFrameAreRead() {
    func read(_ members: String) -> [Int] {
      let text = Array("{\"txpk\":{\"datr\":\"SF12BW125\"\(members)}}".utf8)
      let transmission = ServerTransmission(text.span)
      return [
        Int(transmission.preambleSymbolCount), Int(transmission.codingRateDenominator),
        Int(transmission.spreadingFactor),
      ]
    }
    #expect(read("") == [8, 5, 12])
    #expect(read(",\"prea\":200,\"codr\":\"4/8\"") == [200, 8, 12])
    // Out of range it is the nearest that a radio has; what is none is the longest, or as if it was not there.
    #expect(read(",\"prea\":1000000,\"codr\":\"OFF\"") == [65_535, 8, 12])
    #expect(read(",\"prea\":-3,\"codr\":\"4/6\"") == [6, 6, 12])
    #expect(read(",\"prea\":null,\"codr\":null") == [8, 5, 12])
  }

  @Test func headsAreReadAsTheyAreWritten() throws {
    for version in [UInt8(1), 2] {
      for kind in [GWMPDatagram.Kind.pushData, .pushAck, .pullData, .pullResp, .pullAck, .txAck] {
        let datagram = GWMPDatagram(
          version: version, token: 0x1234, kind: kind,
          gateway: kind.isUp ? 0xb827_ebff_fe12_3456 : 0)
        var text = TextBuilder<16>()
        datagram.write(to: &text)
        let written = array(text)
        #expect(written.count == (kind.isUp ? 12 : 4))
        #expect(head(written) == datagram)
        for count in written.indices { #expect(head(Array(written[..<count])) == nil) }
      }
    }
    for wrong in [[0, 1, 2, 1], [3, 1, 2, 1], [2, 1, 2, 6]] as [[UInt8]] {
      #expect(head(wrong) == nil)
    }
  }
}
