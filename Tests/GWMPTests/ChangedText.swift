import FixedMemory
import Foundation

@testable import GWMP

/// The oracle for a text of one packet: Foundation's JSON, and the members looked up by name, slow and obvious.
enum ChangedText {
  /// The object at the beginning; what stands behind it is nobody's business.
  static func object(_ bytes: [UInt8]) -> [String: Any]? {
    for end in bytes.indices where bytes[end] == UInt8(ascii: "}") {
      do {
        let read = try JSONSerialization.jsonObject(with: Data(bytes[...end]))
        return hasStrayComma(bytes[...end]) ? nil : read as? [String: Any]
      } catch { continue }
    }
    return nil
  }

  /// Foundation takes a comma behind the last member or element, which RFC 8259 does not know. No text of the packet
  /// has one of its own.
  private static func hasStrayComma(_ bytes: ArraySlice<UInt8>) -> Bool {
    var last = UInt8(ascii: "{")
    for byte in bytes where byte != UInt8(ascii: " ") {
      if last == UInt8(ascii: ","), byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
        return true
      }
      last = byte
    }
    return false
  }

  /// The frame that the first packet is; nil when there is none, or it can't be used.
  static func frame(_ object: [String: Any]) -> ReceivedPacket? {
    guard let packets = object["rxpk"] as? [Any], let members = packets.first as? [String: Any],
      packets.count == 1
    else { return nil }
    var packet = ReceivedPacket()
    if let modulation = members["modu"] as? String, modulation != "LORA", modulation != "LoRa" {
      return nil
    }
    guard let hertz = whole(members["freq"], 1e6), hertz > 0, hertz <= UInt32.max,
      let rate = members["datr"] as? String, let (factor, bandwidth) = dataRate(rate)
    else { return nil }
    packet.frequencyHertz = UInt32(hertz)
    (packet.spreadingFactor, packet.bandwidthHertz) = (factor, bandwidth)
    if let coding = members["codr"] as? String {
      guard let denominator = codings.first(where: { coding.hasPrefix("4/\($0)") }) else {
        return nil
      }
      packet.codingRateDenominator = denominator
    }
    guard let text = members["data"] as? String, let data = Data(base64Encoded: padded(text)),
      (1...255).contains(data.count)
    else { return nil }
    if let size = whole(members["size"], 1), size != data.count { return nil }
    for (index, byte) in data.enumerated() { packet.storage[index] = byte }
    packet.byteCount = UInt8(data.count)
    packet.concentratorMicroseconds = whole(members["tmst"], 1).flatMap { UInt32(exactly: $0) }
    packet.checksum = [1: 1, -1: 2, 0: 3][whole(members["stat"], 1) ?? 9] ?? 4
    packet.packetRSSICentidecibelMilliwatts = figure(members["rssi"], 30_000)
    packet.snrCentidecibels = figure(members["lsnr"], 10_000)
    return packet
  }

  private static let codings: [UInt8] = [5, 6, 7, 8]

  private static func dataRate(_ text: String) -> (UInt8, UInt32)? {
    for factor in 5...12 as ClosedRange<UInt8> {
      for bandwidth: UInt32 in [125, 250, 500] where text == "SF\(factor)BW\(bandwidth)" {
        return (factor, bandwidth * 1000)
      }
    }
    return nil
  }

  private static func whole(_ value: Any?, _ scale: Double) -> Int64? {
    guard let number = value as? NSNumber else { return nil }
    return Int64(exactly: (number.doubleValue * scale).rounded())
  }

  private static func figure(_ value: Any?, _ bound: Int64) -> Int32? {
    guard let hundredths = whole(value, 100), abs(hundredths) <= bound else { return nil }
    return Int32(hundredths)
  }

  private static func padded(_ text: String) -> String {
    text + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
  }
}
