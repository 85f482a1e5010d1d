import CBOR
import FixedMemory
import Testing

@testable import GWMP

/// From an array, for expectations: a span can't leave its scope.
func decode(_ bytes: [UInt8]) throws -> ForwarderMessage.Decoded {
  try ForwarderMessage.decode(bytes.span)
}

func array(_ packet: borrowing ForwarderMessage.Packet) -> [UInt8] {
  var bytes: [UInt8] = []
  for index in 0..<packet.byteCount { bytes.append(packet.bytes[index]) }
  return bytes
}

@Suite struct ForwarderMessageTests {
  func frame() throws -> ForwarderMessage.Frame {
    ForwarderMessage.Frame(
      gateway: 0xb827_ebff_fe12_3456, receivedMilliseconds: 1000,
      packet: try #require(read("{\"rxpk\":[\(example)]}").frames.first))
  }

  func hex(_ bytes: [UInt8]) -> String {
    bytes.indices.map { (bytes[$0] < 16 ? "0" : "") + String(bytes[$0], radix: 16) }.joined()
  }

  @Test func aFrameIsWhatTheDocumentSays() throws {
    let packet = array(ForwarderMessage.encode(try frame()))
    #expect(
      hex(packet) == "9001" + "01" + "48b827ebfffe123456" + "1903e8" + "1ad15a2fc3"
        + "1a33a372f4" + "07" + "1a0001e848" + "06" + "390dab" + "f6" + "1901fe" + "f6" + "f6"
        + "01"
        + "58202df4475261f72a562735171833c9e6c8f04b806067bd30df4cf0194ee8835891")
    #expect(try decode(packet) == .frame(frame()))
  }

  @Test func everyMessageIsDecodedAsItWasEncoded() throws {
    let packet = try #require(transmitPacket())
    let transmit = ForwarderMessage.Transmit(number: 7, gateway: 0, packet: packet)
    let first = array(ForwarderMessage.encode(transmit))
    #expect(try decode(first) == .transmit(transmit))
    let outcome = ForwarderMessage.Outcome(
      number: 7, outcome: .sentWithOtherPower, powerDecibelMilliwatts: -2)
    let second = array(ForwarderMessage.encode(outcome))
    #expect(try decode(second) == .outcome(outcome))
    // Powers that no concentrator has are not known, whoever tells them.
    for power: Int32 in [.min, -2, -1, 37, 101, .max] {
      let told = ForwarderMessage.Outcome(
        number: 7, outcome: .sentWithOtherPower, powerDecibelMilliwatts: power)
      #expect(told.powerDecibelMilliwatts == nil, "\(power) dBm")
    }
    for power: Int32 in [0, 36] {
      let told = ForwarderMessage.Outcome(
        number: 7, outcome: .sentWithOtherPower, powerDecibelMilliwatts: power)
      #expect(told.powerDecibelMilliwatts == power)
      #expect(try decode(array(ForwarderMessage.encode(told))) == .outcome(told))
    }
    let gateway = ForwarderMessage.Gateway(identifier: 1, version: 2, isPresent: true)
    let third = array(ForwarderMessage.encode(gateway))
    #expect(hex(third) == "850104" + "480000000000000001" + "02f5")
    #expect(try decode(third) == .gateway(gateway))
    let fourth = array(ForwarderMessage.encode(lost: 3))
    #expect(try decode(fourth) == .lost(3))
    let sending = ForwarderMessage.Sending(
      gateway: 1, fromMilliseconds: 1000, toMilliseconds: 1256)
    let fifth = array(ForwarderMessage.encode(sending))
    #expect(hex(fifth) == "850106" + "480000000000000001" + "1903e8" + "1904e8")
    #expect(try decode(fifth) == .sending(sending))
    // It ends before it begins.
    let wrong = ForwarderMessage.Sending(gateway: 1, fromMilliseconds: 2, toMilliseconds: 1)
    #expect(throws: CBORDecoder.Failure.outOfRange) {
      try decode(array(ForwarderMessage.encode(wrong)))
    }
  }

  @Test func everyCutAndEveryChangedByteIsRefusedOrAnotherMessage() throws {
    let original = array(ForwarderMessage.encode(try frame()))
    let bytes = original
    for count in bytes.indices {
      let cut = Array(bytes[..<count])
      #expect(throws: CBORDecoder.Failure.self) { try decode(cut) }
    }
    for index in bytes.indices {
      for bit in 0..<8 {
        var changed = bytes
        changed[index] ^= 1 << UInt8(bit)
        var decoded: ForwarderMessage.Decoded?
        do throws(CBORDecoder.Failure) { decoded = try ForwarderMessage.decode(changed.span) } catch
        {}
        #expect(try decoded != .frame(frame()))
      }
    }
  }

  @Test func aRequestWithAValueThatNoRadioHasKeepsItsNumber() throws {
    let packet = try #require(transmitPacket())
    let encoded = array(
      ForwarderMessage.encode(
        ForwarderMessage.Transmit(number: 9, gateway: 0, packet: packet)))
    var bytes = encoded
    // The spreading factor stands behind head, version, type, number, gateway and frequency.
    let place = 3 + 1 + 9 + 5
    #expect(bytes[place] == 9)
    bytes[place] = 4
    #expect(try decode(bytes) == .invalidTransmit(number: 9))
  }
}
