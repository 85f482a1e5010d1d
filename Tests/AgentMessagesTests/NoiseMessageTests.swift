import CBOR
import Testing

@testable import AgentMessages

/// Every second channel of a plan, with figures that differ.
func levels(_ count: Int) -> NoiseLevels {
  var levels = NoiseLevels()
  levels.uptimeMilliseconds = .max
  levels.kindNumber = 255
  levels.sourceNumber = UInt8(count)
  levels.planChannelCount = 96
  for index in 0..<count {
    var channel = NoiseLevels.Channel()
    channel.index = UInt8(count > 48 ? index + 160 : index * 2)
    channel.frequencyHertz = .max - UInt32(index)
    channel.count = .max - UInt32(index)
    channel.milliseconds = .max - Int64(index)
    channel.lastCentidecibelMilliwatts = -12_000 + Int16(index)
    channel.medianCentidecibelMilliwatts = -11_000
    channel.lowestCentidecibelMilliwatts = .min
    channel.highestCentidecibelMilliwatts = .max
    levels.channels.append(channel)
  }
  return levels
}

var exampleLevels: NoiseLevels {
  var levels = NoiseLevels()
  levels.uptimeMilliseconds = 300_000
  (levels.kindNumber, levels.sourceNumber, levels.planChannelCount) = (7, 2, 8)
  var channel = NoiseLevels.Channel()
  channel.frequencyHertz = 868_100_000
  (channel.count, channel.milliseconds) = (4, 258_000)
  channel.lastCentidecibelMilliwatts = -11_250
  channel.medianCentidecibelMilliwatts = -11_250
  channel.lowestCentidecibelMilliwatts = -11_300
  channel.highestCentidecibelMilliwatts = -10_850
  levels.channels.append(channel)
  return levels
}

let exampleChannel = "88 00 1a33be27a0 04 1a0003efd0 392bf1 392bf1 392c23 392a61"

@Suite struct NoiseMessageTests {
  @Test func everyChannelOfTheLargestPlanFitsAPacket() throws {
    let whole = Copied.noise(levels(96))
    let bytes = whole.encoded()
    #expect(bytes.count > 3_000 && bytes.count <= AgentMessage.maximumByteCount)
    #expect(try decoded(bytes) == whole)
  }

  /// One place each that no agent writes.
  @Test(arguments: [
    // One field less, and one more.
    "86 01 181a 00 07 02 08", "88 01 181a 00 07 02 08 80 00",
    // Before the start; a number of more than a byte.
    "87 01 181a 20 07 02 08 80", "87 01 181a 00 190100 02 08 80", "87 01 181a 00 07 190100 08 80",
    "87 01 181a 00 07 02 190100 80",
    // Never measured; before the start; no array of eight.
    "87 01 181a 00 07 02 08 81 88 00 00 00 00 20 20 20 20",
    "87 01 181a 00 07 02 08 81 88 00 00 01 20 20 20 20 20",
    "87 01 181a 00 07 02 08 81 87 00 00 01 00 20 20 20",
    "87 01 181a 00 07 02 08 81 89 00 00 01 00 20 20 20 20 00", "87 01 181a 00 07 02 08 81 00",
    // Outside of its range: last, median, and a range from behind.
    "87 01 181a 00 07 02 08 81 88 00 00 01 00 22 20 21 20",
    "87 01 181a 00 07 02 08 81 88 00 00 01 00 20 22 21 20",
    "87 01 181a 00 07 02 08 81 88 00 00 01 00 20 20 20 21",
    // More than 16 bits.
    "87 01 181a 00 07 02 08 81 88 00 00 01 00 398000 20 398000 20",
    // The same channel twice, and one that falls.
    "87 01 181a 00 07 02 08 82 88 01 00 01 00 20 20 20 20 88 01 00 01 00 20 20 20 20",
    "87 01 181a 00 07 02 08 82 88 01 00 01 00 20 20 20 20 88 00 00 01 00 20 20 20 20",
    // More channels than any plan has, and more than there are.
    "87 01 181a 00 07 02 08 9861", "87 01 181a 00 07 02 08 9b7fffffffffffffff",
    "87 01 181a 00 07 02 08 82 88 01 00 01 00 20 20 20 20",
  ])
  func whatNoAgentMeasuresIsRefused(hex: String) {
    #expect(throws: AgentMessage.Failure.self) { try decoded(bytes(hex)) }
  }

  @Test func ninetySevenChannelsAreRefusedAndNotCutShort() {
    var packet = bytes("87 01 181a 00 07 02 08 9861")
    for index in UInt8(0)..<97 {
      packet += [0x88] + (index < 24 ? [index] : [0x18, index]) + bytes("00 01 00 20 20 20 20")
    }
    #expect(throws: AgentMessage.Failure.malformed(.outOfRange)) { try decoded(packet) }
  }

  @Test func aSourceOfANewerAgentIsReadAndNamedUnknown() throws {
    guard case .noise(let levels) = try decoded(bytes("87 01 181a 00 07 18c8 08 80")) else {
      Issue.record("no noise message")
      return
    }
    #expect(levels.sourceNumber == 200 && levels.source == nil)
  }
}
