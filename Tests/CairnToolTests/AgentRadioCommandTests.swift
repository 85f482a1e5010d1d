import AgentMessages
import Foundation
import Testing

private func frame(_ milliseconds: Int64, first: UInt8 = 0x40, count: UInt8 = 20)
  -> HeardFrames.Frame
{
  var frame = HeardFrames.Frame()
  frame.milliseconds = milliseconds
  frame.frequencyHertz = 868_100_000
  frame.spreadingFactor = 9
  frame.byteCount = count
  frame.firstByte = first
  frame.rssiCentidecibelMilliwatts = -10_100
  frame.snrCentidecibels = -325
  return frame
}

private func heard(_ count: UInt64, _ frames: [HeardFrames.Frame]) -> [UInt8] {
  var heard = HeardFrames()
  heard.count = count
  for frame in frames { heard.frames.append(frame) }
  return AgentByHand.packet(.heard(heard))
}

/// `cairn radio watch`, ended as a person ends it once the agent was asked so often.
private func watch(
  _ answers: [[UInt8]], asked times: Int, _ words: [String] = ["--json"]
) throws -> Ending {
  let node = try TestNode()
  let agent = try AgentByHand(node, answers)
  defer { agent.end() }
  let process = Process()
  process.executableURL = Tool.url
  process.arguments = ["radio", "watch"] + words + node.options
  let (output, errors) = (Pipe(), Pipe())
  process.standardInput = FileHandle.nullDevice
  process.standardOutput = output
  process.standardError = errors
  try Tool.spawning.withLock { try process.run() }
  for _ in 0..<60_000 where agent.questions.count < times && process.isRunning { usleep(1000) }
  if process.isRunning { process.terminate() }
  let said = output.fileHandleForReading.readDataToEndOfFile()
  let complained = errors.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  let asked = agent.questions
  #expect(asked.count >= times && asked.allSatisfy { $0 == AgentByHand.packet(.heardRequest) })
  let isKilled = process.terminationReason == .uncaughtSignal
  return Ending(
    status: process.terminationStatus + (isKilled ? 128 : 0),
    output: String(decoding: said, as: UTF8.self),
    error: String(decoding: complained, as: UTF8.self))
}

@Suite struct AgentRadioCommandTests {
  @Test func watchShowsEachFrameOnce() throws {
    let frames = [frame(1000), frame(2000), frame(63_500)]
    let ending = try watch(
      [heard(2, Array(frames[..<2])), heard(3, frames), heard(3, frames)], asked: 4)
    #expect(ending.status == 0, "\(ending.error)")
    let json = try ending.json()
    let shown = try #require(json["frames"] as? [[String: Any]])
    #expect(shown.compactMap { $0["milliseconds"] as? Int } == [1000, 2000, 63_500])
    #expect(shown.first?["rssi"] as? Int == -10_100 && shown.first?["snr"] as? Int == -325)
    #expect(shown.first?["frequencyHertz"] as? Int == 868_100_000)
    #expect(json["heard"] as? Int == 3)
  }

  @Test func framesThatWereNotInTheAnswerAreCountedAndNotInvented() throws {
    // Twelve came between two questions; the agent keeps eight.
    let frames = (0..<8).map { frame(Int64(10_000 + $0)) }
    let ending = try watch([heard(1, [frame(1000)]), heard(13, frames)], asked: 3)
    let json = try ending.json()
    let shown = try #require(json["frames"] as? [[String: Any]])
    #expect(shown.count == 9 && json["heard"] as? Int == 13)
  }

  @Test func anAgentThatBeganAnewIsWatchedFromItsFirstFrame() throws {
    let ending = try watch(
      [heard(3, [frame(1000), frame(2000), frame(3000)]), heard(1, [frame(50)])], asked: 3)
    let json = try ending.json()
    let shown = try #require(json["frames"] as? [[String: Any]])
    #expect(shown.compactMap { $0["milliseconds"] as? Int } == [1000, 2000, 3000, 50])
    #expect(json["heard"] as? Int == 1)
  }

  @Test func aPersonReadsWhenWhereAndHowWellAFrameCame() throws {
    var figureless = frame(2000)
    figureless.rssiCentidecibelMilliwatts = nil
    figureless.snrCentidecibels = nil
    let ending = try watch(
      [heard(2, [frame(63_500, first: 0xe0, count: 24), figureless])], asked: 1, [])
    #expect(ending.status == 0)
    let beacon = "63.500 s 868.100 MHz SF9 -101.00 dBm SNR -3.25 dB 24 bytes, a beacon"
    #expect(ending.words.contains(beacon), "\(ending.words)")
    #expect(ending.words.contains("2.000 s 868.100 MHz SF9 ? dBm SNR ? dB 20 bytes"))
    #expect(!ending.words.contains("20 bytes, a beacon"))
  }

  @Test func watchEndsByItself() throws {
    let node = try TestNode()
    let agent = try AgentByHand(node, [heard(1, [frame(1000)])])
    defer { agent.end() }
    let ending = try node.run("radio", "watch", "--seconds", "1", "--json")
    #expect(try ending.status == 0 && ending.json()["heard"] as? Int == 1)
    for wrong in ["0", "86401", "x"] {
      #expect(try node.run("radio", "watch", "--seconds", wrong).status == 2)
    }
  }

  @Test func anAgentThatDoesNotSayWhatItHearsIsTold() throws {
    for answer in [
      AgentByHand.packet(.denied(type: 23, reason: .notPermitted)), [0x83, 0x02, 0x18],
    ] {
      let node = try TestNode()
      let agent = try AgentByHand(node, [answer])
      defer { agent.end() }
      let ending = try node.run("radio", "watch", "--seconds", "60")
      #expect(ending.status == 77 && ending.words.contains("does not say what it hears"))
    }
  }

  @Test func withoutAnAgentBothSayWhoHasTheRadio() throws {
    let node = try TestNode()
    for words in [["radio", "watch"], ["radio", "test", "0"]] {
      let ending = try Tool.run(words + node.options)
      #expect(ending.status == 69 && ending.words.contains("start it first"), "\(ending.words)")
    }
  }

  @Test func aTestFrameIsAskedForAsItWasWritten() throws {
    let node = try TestNode()
    let agent = try AgentByHand(node, [AgentByHand.packet(.radioTestAnswer(reason: 0))])
    defer { agent.end() }
    let first = try node.run("radio", "test", "2", "--factor", "7")
    #expect(first.status == 0 && first.words.contains("the radio has the frame"))
    #expect(try node.run("radio", "test", "95").status == 0)
    #expect(
      agent.questions == [
        AgentByHand.packet(.radioTest(channel: 2, spreadingFactor: 7)),
        AgentByHand.packet(.radioTest(channel: 95, spreadingFactor: 9)),
      ])
  }

  @Test func whyATestFrameIsNotSentIsSaid() throws {
    let answers: [([UInt8], Int, String)] = [
      (AgentByHand.packet(.radioTestAnswer(reason: 3)), 3, "the share of the hour is spent"),
      (AgentByHand.packet(.radioTestAnswer(reason: 8)), 8, "no channel or datarate in common"),
      (AgentByHand.packet(.radioTestAnswer(reason: 200)), 200, "does not know"),
      (AgentByHand.packet(.denied(type: 21, reason: .notPermitted)), 255, "only root"),
      (AgentByHand.packet(.denied(type: 21, reason: .notNow)), 254, "no radio to send with now"),
      ([0x83, 0x02, 0x18], 254, "another version"),
    ]
    for (answer, number, words) in answers {
      let node = try TestNode()
      let agent = try AgentByHand(node, [answer])
      defer { agent.end() }
      let ending = try node.run("radio", "test", "0")
      #expect(ending.status == 77 && ending.words.contains(words), "\(ending.words)")
      let json = try node.run("radio", "test", "0", "--json")
      #expect(try json.status == 77 && json.json()["reasonNumber"] as? Int == number)
    }
  }

  @Test func aTestOfNoChannelAsksNobody() throws {
    let node = try TestNode()
    let agent = try AgentByHand(node, [AgentByHand.packet(.radioTestAnswer(reason: 0))])
    defer { agent.end() }
    for words in [["96"], ["-1"], ["x"], ["0", "--factor", "4"], ["0", "--factor", "13"]] {
      #expect(try Tool.run(["radio", "test"] + words + node.options).status == 2, "\(words)")
    }
    #expect(agent.questions.isEmpty)
  }
}
