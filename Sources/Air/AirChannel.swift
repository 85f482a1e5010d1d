import LoRa

/// What a LoRa receiver must be set to for a frame: all but its length.
public struct AirChannel: Equatable, Hashable, Sendable {
  public var frequencyHertz: UInt32
  public var spreadingFactor: UInt8
  public var bandwidthHertz: UInt32
  /// As SX127x writes it: 0x34 in LoRaWAN.
  public var syncWord: UInt8
  public var hasInvertedIQ: Bool

  public init(
    frequencyHertz: UInt32, spreadingFactor: UInt8, bandwidthHertz: UInt32 = 125_000,
    syncWord: UInt8 = 0x34, hasInvertedIQ: Bool = false
  ) {
    self.frequencyHertz = frequencyHertz
    self.spreadingFactor = spreadingFactor
    self.bandwidthHertz = bandwidthHertz
    self.syncWord = syncWord
    self.hasInvertedIQ = hasInvertedIQ
  }

  /// Chirps of one slope look like each other's; others are noise to each other.
  func hasChirps(of other: AirChannel) -> Bool {
    spreadingFactor == other.spreadingFactor && bandwidthHertz == other.bandwidthHertz
      && hasInvertedIQ == other.hasInvertedIQ
  }

  /// The spectra touch.
  func overlaps(_ other: AirChannel) -> Bool {
    let distance = Int64(frequencyHertz) - Int64(other.frequencyHertz)
    return distance.magnitude < UInt64(bandwidthHertz / 2 + other.bandwidthHertz / 2)
  }

  /// A receiver set to this one looks for the other's frames.
  func looksFor(_ other: AirChannel) -> Bool {
    hasChirps(of: other) && syncWord == other.syncWord && overlaps(other)
  }

  public var symbolMicroseconds: Double {
    Double(1 << UInt32(spreadingFactor)) * 1_000_000 / Double(bandwidthHertz)
  }
}

/// What a station listens to.
public enum AirListening: Equatable, Sendable {
  /// One frequency and one datarate, one frame at a time: a node's radio.
  case one(AirChannel)
  /// Every spreading factor from 7 to 12 at 125 kHz on these frequencies, so many frames at a time: a concentrator.
  case every(frequenciesHertz: [UInt32], syncWord: UInt8 = 0x34, demodulatorCount: Int = 8)

  public var demodulatorCount: Int {
    switch self {
    case .one: 1
    case .every(_, _, let count): count
    }
  }

  /// What its receiver is set to for a frame of this channel; nil when it does not look for such frames.
  func receiver(for channel: AirChannel) -> AirChannel? {
    switch self {
    case .one(let own): return own.looksFor(channel) ? own : nil
    case .every(let frequencies, let word, _):
      guard (7...12).contains(channel.spreadingFactor), channel.bandwidthHertz == 125_000 else {
        return nil
      }
      for frequency in frequencies {
        let own = AirChannel(
          frequencyHertz: frequency, spreadingFactor: channel.spreadingFactor, syncWord: word)
        if own.looksFor(channel) { return own }
      }
      return nil
    }
  }
}
