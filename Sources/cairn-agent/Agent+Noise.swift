import AgentMessages
import FixedMemory
import LoRa
import RadioDuties
import Radios

/// The noise that the radio has measured, for whoever asks (docs/agent-socket.md).
extension Agent {
  mutating func noiseLevels() -> NoiseLevels {
    var levels = NoiseLevels()
    levels.uptimeMilliseconds = now
    guard let duty = radio.take() else {
      guard concentrator != nil else { return levels }
      levels.kindNumber = RadioKind.concentrator.rawValue
      levels.sourceNumber = NoiseLevels.Source.forwarder.rawValue
      return levels
    }
    levels.kindNumber = duty.identity?.kind.rawValue ?? 0
    let source: NoiseLevels.Source =
      duty.tellsNoise.map { $0 ? .measured : .module } ?? .notKnown
    levels.sourceNumber = source.rawValue
    levels.planChannelCount = UInt8(clamping: duty.plan.channelCount)
    for index in 0..<min(duty.plan.channelCount, NoiseLevels.capacity) {
      guard let known = duty.noise(channel: index),
        let hertz = duty.plan.frequencyHertz(channel: index)
      else { continue }
      var channel = NoiseLevels.Channel()
      channel.index = UInt8(clamping: index)
      channel.frequencyHertz = hertz
      channel.count = known.count
      channel.milliseconds = max(0, known.milliseconds)
      channel.lastCentidecibelMilliwatts = known.last
      channel.medianCentidecibelMilliwatts = known.median
      channel.lowestCentidecibelMilliwatts = known.lowest
      channel.highestCentidecibelMilliwatts = known.highest
      levels.channels.append(channel)
    }
    radio = consume duty
    return levels
  }
}
