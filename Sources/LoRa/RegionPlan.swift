import FixedMemory

/// What may be sent where: channels, datarates, power and the shares of time of one region. Data; the sources
/// stand beside the figures in RegionPlan+Plans.swift.
public struct RegionPlan: Sendable {
  public enum Region: UInt8, Sendable {
    case eu868 = 1
    case us915, au915, as923Group1, as923Group2, as923Group3, as923Group4, in865, kr920, eu433,
      cn470
    /// AS923-1 as Japan's law has it.
    case as923Group1Japan

    /// As the site file and enrolments write it: a name of RP002-1.0.4.
    public var name: StaticString {
      switch self {
      case .eu868: "EU868"
      case .us915: "US915"
      case .au915: "AU915"
      case .as923Group1: "AS923-1"
      case .as923Group2: "AS923-2"
      case .as923Group3: "AS923-3"
      case .as923Group4: "AS923-4"
      case .in865: "IN865"
      case .kr920: "KR920"
      case .eu433: "EU433"
      case .cn470: "CN470"
      case .as923Group1Japan: "AS923-1-JP"
      }
    }

    /// Nil for what is no region's name, to the letter.
    public init?(name: Span<UInt8>) {
      for raw in UInt8(1)...12 {
        if let region = Region(rawValue: raw), name.equals(region.name) {
          self = region
          return
        }
      }
      return nil
    }
  }

  /// Channels of 125 kHz at equal steps.
  public struct ChannelGroup: Equatable, Sendable {
    public let firstHertz: UInt32
    public let stepHertz: UInt32
    public let count: UInt16
  }

  /// A part of the band with a share of time and a power of its own. What reaches over its edge is outside.
  public struct SubBand: Equatable, Sendable {
    public let fromHertz: UInt32
    public let toHertz: UInt32
    /// Of an hour, in thousandths; nil: no such limit.
    public let dutyCyclePermille: UInt16?
    public let maximumEIRPCentidecibelMilliwatts: Int32
  }

  public enum Transmission: UInt8, Sendable {
    case allowed
    /// The law asks for listen-before-talk, which this version does not do.
    case needsListenBeforeTalk
  }

  public let region: Region
  public let groups: FixedArray<3, ChannelGroup>
  public let subBands: FixedArray<6, SubBand>
  /// The spreading factors at 125 kHz that devices of the region send with.
  public let spreadingFactors: ClosedRange<UInt8>
  /// The longest single transmission; nil: no such limit.
  public let maximumDwellMicroseconds: UInt32?
  public let transmission: Transmission
  /// Into the antenna's cable, where the law limits that apart from what is radiated.
  public let maximumConductedCentidecibelMilliwatts: Int32?

  public var channelCount: Int {
    var count = 0
    for index in groups.indices { count += Int(groups[index].count) }
    return count
  }

  /// The channel's centre, or nil behind the last one.
  public func frequencyHertz(channel: Int) -> UInt32? {
    var rest = channel
    guard rest >= 0 else { return nil }
    for index in groups.indices {
      let group = groups[index]
      if rest < Int(group.count) { return group.firstHertz + UInt32(rest) * group.stepHertz }
      rest -= Int(group.count)
    }
    return nil
  }

  /// The sub-band that the whole of a signal lies in, or nil.
  public func subBand(frequencyHertz: UInt32, bandwidth: Modulation.Bandwidth) -> Int? {
    let half = bandwidth.hertz / 2
    guard frequencyHertz > half, frequencyHertz < UInt32.max - half else { return nil }
    for index in subBands.indices
    where frequencyHertz - half >= subBands[index].fromHertz
      && frequencyHertz + half <= subBands[index].toHertz
    {
      return index
    }
    return nil
  }

  /// Why a transmission is refused; in the order in which they are looked for.
  public enum Refusal: UInt8, Error, Sendable {
    case needsListenBeforeTalk = 1
    case outsideTheBand
    case datarateNotInThePlan
    case powerTooHigh
    case dwellTooLong
    /// The share of the hour is spent: it may be sent later.
    case dutyCycleSpent
    /// No clock has run on long enough to say what was sent in the last hour.
    case airtimeUnknown

    /// For an operator.
    public var explanation: StaticString {
      switch self {
      case .needsListenBeforeTalk:
        "this region asks for listen-before-talk, which is not built: the radio only receives"
      case .outsideTheBand: "the signal does not lie in one sub-band of the region's plan"
      case .datarateNotInThePlan: "the region's plan has no such datarate"
      case .powerTooHigh:
        "the transmitter's power, or what this antenna makes of it, is above the limit"
      case .dwellTooLong: "the frame lasts longer than one transmission of the region may"
      case .dutyCycleSpent: "the sub-band's share of this hour is spent"
      case .airtimeUnknown: "what was sent in the last hour is not known"
      }
    }
  }

  /// Whether a frame may be sent at all, whatever was sent before: the sub-band, or the first reason against it.
  public func check(
    frequencyHertz: UInt32, modulation: Modulation, payloadByteCount: UInt8,
    conductedCentidecibelMilliwatts: Int32, eirpCentidecibelMilliwatts: Int32
  ) throws(Refusal) -> Int {
    guard transmission == .allowed else { throw .needsListenBeforeTalk }
    guard let index = subBand(frequencyHertz: frequencyHertz, bandwidth: modulation.bandwidth)
    else { throw .outsideTheBand }
    guard modulation.bandwidth == .khz125, spreadingFactors.contains(modulation.spreadingFactor)
    else { throw .datarateNotInThePlan }
    guard eirpCentidecibelMilliwatts <= subBands[index].maximumEIRPCentidecibelMilliwatts
    else { throw .powerTooHigh }
    if let limit = maximumConductedCentidecibelMilliwatts, conductedCentidecibelMilliwatts > limit {
      throw .powerTooHigh
    }
    if let limit = maximumDwellMicroseconds,
      modulation.timeOnAirMicroseconds(payloadByteCount: payloadByteCount) > limit
    {
      throw .dwellTooLong
    }
    return index
  }
}
