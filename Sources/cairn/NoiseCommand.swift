import AgentMessages
import FixedMemory
import LinuxPlatform
import NodeFiles
import Radios

/// `cairn radio noise`: the noise in the channels, as the agent's radio has measured it.
enum NoiseCommand {
  /// A page of the console has so many channels, the loudest.
  private static var pageChannelCount: Int { 8 }

  static func show(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    guard
      case .noise(let levels) = AgentRadioCommand.answer(
        to: .noiseRequest, nodePaths(arguments).agentSocket)
    else {
      NodeFiles.end(
        .refused, "cairn: the agent does not say what noise it measures: take its own `cairn`")
    }
    if arguments.isJSON {
      output.document(levels)
    } else {
      output.page(levels, channelLimit: NoiseLevels.capacity)
    }
    return .success
  }

  /// For a page that has more than this.
  static func write(_ socket: FixedPath, _ output: inout Output) {
    do throws(SocketFailure) {
      // An agent of before does not know the question, and says nothing.
      guard case .noise(let levels) = try AgentRadioCommand.ask(.noiseRequest, at: socket) else {
        return
      }
      output.page(levels, channelLimit: pageChannelCount)
    } catch {
      // The row of the agent says that it does not answer.
    }
  }
}

extension NoiseLevels {
  /// From here on a person is told: some 17 dB above what a receiver has of itself in 125 kHz.
  fileprivate static var loudCentidecibelMilliwatts: Int16 { -10_000 }

  fileprivate var sourceName: StaticString {
    switch source {
    case .noRadio: "no-radio"
    case .notKnown: "not-known"
    case .measured: "measured"
    case .module: "module"
    case .forwarder: "forwarder"
    case nil: "unknown"
    }
  }

  /// Why there are no figures; nil: there are.
  fileprivate var absence: StaticString? {
    switch source {
    case .noRadio: "the agent has no radio: [radio] port or wiring names it"
    case .notKnown: "not known: the radio is not there, or is being identified"
    case .measured where !channels.isEmpty: nil
    case .measured:
      "none measured yet: that is done while no beacon is due, and nothing is sent or heard"
    case .module:
      "not told: the module's firmware knows the power of its last frame, and not of silence"
    case .forwarder:
      "not told: a packet forwarder tells the power of frames, and not of silence"
    case nil: "not told, for a reason that this version does not know"
    }
  }

  fileprivate var loudCount: Int {
    var count = 0
    for index in channels.indices
    where channels[index].medianCentidecibelMilliwatts >= Self.loudCentidecibelMilliwatts {
      count += 1
    }
    return count
  }

  /// Whether it is among the `limit` loudest; of equals the first.
  fileprivate func isAmongLoudest(_ place: Int, limit: Int) -> Bool {
    let level = channels[place].medianCentidecibelMilliwatts
    var louder = 0
    for index in channels.indices where index != place {
      let other = channels[index].medianCentidecibelMilliwatts
      if other > level || (other == level && index < place) { louder += 1 }
    }
    return louder < limit
  }
}

extension Output {
  fileprivate mutating func page(_ levels: NoiseLevels, channelLimit: Int) {
    row("noise")
    if let absence = levels.absence {
      paragraph(absence)
      newLine()
      return
    }
    write("MHz        last     median   lowest   highest dBm", .dim)
    newLine()
    var hiddenCount: UInt64 = 0
    for index in levels.channels.indices {
      guard levels.isAmongLoudest(index, limit: channelLimit) else {
        hiddenCount += 1
        continue
      }
      line(levels.channels[index], uptimeMilliseconds: levels.uptimeMilliseconds)
    }
    pad(to: Self.indentation)
    write(UInt64(levels.channels.count))
    write(" of ")
    write(UInt64(levels.planChannelCount), "channel", "channels")
    write(" measured, in 125 kHz; median of the last five")
    newLine()
    if hiddenCount > 0 {
      pad(to: Self.indentation)
      write("the loudest ones; ")
      write(hiddenCount)
      write(" more by `cairn radio noise`")
      newLine()
    }
    guard levels.loudCount > 0 else { return }
    pad(to: Self.indentation)
    emphasise(.warning)
    paragraph(
      """
      loud from -100 dBm on: weak frames are lost in that. Look at antenna and cable, and at USB 3, screens and \
      power supplies beside them
      """)
    plain()
    newLine()
  }

  private mutating func line(_ channel: NoiseLevels.Channel, uptimeMilliseconds: Int64) {
    pad(to: Self.indentation)
    write(Int64(channel.frequencyHertz / 1_000), powerOfTen: -3)
    pad(to: 21)
    write(Int64(channel.lastCentidecibelMilliwatts), powerOfTen: -2)
    pad(to: 30)
    let isLoud =
      channel.medianCentidecibelMilliwatts >= NoiseLevels.loudCentidecibelMilliwatts
    if isLoud { emphasise(.warning) }
    write(Int64(channel.medianCentidecibelMilliwatts), powerOfTen: -2)
    if isLoud { plain() }
    pad(to: 39)
    write(Int64(channel.lowestCentidecibelMilliwatts), powerOfTen: -2)
    pad(to: 48)
    write(Int64(channel.highestCentidecibelMilliwatts), powerOfTen: -2)
    pad(to: 57)
    write(
      duration: max(0, uptimeMilliseconds - min(channel.milliseconds, uptimeMilliseconds)))
    write(isLoud ? " ago, loud" : " ago")
    newLine()
  }

  fileprivate mutating func document(_ levels: NoiseLevels) {
    beginObject()
    member("source", text: levels.sourceName)
    if let absence = levels.absence {
      member("explanation", text: absence)
    } else {
      member(null: "explanation")
    }
    if let kind = RadioKind(rawValue: levels.kindNumber) {
      member("radio", text: kind.name)
    } else {
      member(null: "radio")
    }
    member("uptimeMilliseconds", levels.uptimeMilliseconds)
    member("planChannelCount", UInt64(levels.planChannelCount))
    beginArray("channels")
    for index in levels.channels.indices {
      let channel = levels.channels[index]
      beginObject()
      member("channel", UInt64(channel.index))
      member("frequencyHertz", UInt64(channel.frequencyHertz))
      member("count", UInt64(channel.count))
      member("milliseconds", channel.milliseconds)
      member("lastCentidecibelMilliwatts", Int64(channel.lastCentidecibelMilliwatts))
      member("medianCentidecibelMilliwatts", Int64(channel.medianCentidecibelMilliwatts))
      member("lowestCentidecibelMilliwatts", Int64(channel.lowestCentidecibelMilliwatts))
      member("highestCentidecibelMilliwatts", Int64(channel.highestCentidecibelMilliwatts))
      endObject()
    }
    endArray()
    endDocument()
  }
}
