import FixedMemory

/// The plans. Channels and datarates: LoRa Alliance RP002-1.0.4, Regional Parameters. Limits: the laws named beside
/// them. EIRP is ERP and 2.15 dB.
extension RegionPlan {
  public init(_ region: Region) {
    switch region {
    case .eu868: self = .eu868
    case .us915: self = .us915
    case .au915: self = .au915
    case .as923Group1: self = .as923(region, offsetKilohertz: 0, fromMegahertz: 920, to: 925)
    case .as923Group2: self = .as923(region, offsetKilohertz: -1_800, fromMegahertz: 920, to: 923)
    case .as923Group3: self = .as923(region, offsetKilohertz: -6_600, fromMegahertz: 915, to: 921)
    case .as923Group4: self = .as923(region, offsetKilohertz: -5_900, fromMegahertz: 917, to: 920)
    // ARIB STD-T108: carrier sense before each transmission.
    case .as923Group1Japan:
      self = .as923(
        region, offsetKilohertz: 0, fromMegahertz: 920, to: 925, .needsListenBeforeTalk)
    case .in865: self = .in865
    case .kr920: self = .kr920
    case .eu433: self = .eu433
    case .cn470: self = .cn470
    }
  }

  /// RP002-1.0.4 section 2.5; ETSI EN 300 220-2 V3.2.1, table B.1, bands K to R.
  private static var eu868: RegionPlan {
    var groups = noGroups
    groups.append(ChannelGroup(firstHertz: 868_100_000, stepHertz: 200_000, count: 3))
    groups.append(ChannelGroup(firstHertz: 867_100_000, stepHertz: 200_000, count: 5))
    var bands = noBands
    bands.append(band(863_000, 865_000, permille: 1, eirp: 1_615))
    bands.append(band(865_000, 868_000, permille: 10, eirp: 1_615))
    bands.append(band(868_000, 868_600, permille: 10, eirp: 1_615))
    bands.append(band(868_700, 869_200, permille: 1, eirp: 1_615))
    bands.append(band(869_400, 869_650, permille: 100, eirp: 2_915))
    bands.append(band(869_700, 870_000, permille: 10, eirp: 1_615))
    return RegionPlan(
      region: .eu868, groups: groups, subBands: bands, spreadingFactors: 7...12,
      maximumDwellMicroseconds: nil, transmission: .allowed,
      maximumConductedCentidecibelMilliwatts: nil)
  }

  /// RP002-1.0.4 section 2.6; 47 CFR 15.247 (a)(1)(i) and (b)(2), (b)(4): 0.4 s on a channel, 1 W into an
  /// antenna of at most 6 dBi, for systems that hop over 50 channels or more.
  private static var us915: RegionPlan {
    var groups = noGroups
    groups.append(ChannelGroup(firstHertz: 902_300_000, stepHertz: 200_000, count: 64))
    var bands = noBands
    bands.append(band(902_000, 928_000, permille: nil, eirp: 3_600))
    return RegionPlan(
      region: .us915, groups: groups, subBands: bands, spreadingFactors: 7...10,
      maximumDwellMicroseconds: 400_000, transmission: .allowed,
      maximumConductedCentidecibelMilliwatts: 3_000)
  }

  /// RP002-1.0.4 section 2.8, with its dwell time switched on, as it is until a network says otherwise.
  private static var au915: RegionPlan {
    var groups = noGroups
    groups.append(ChannelGroup(firstHertz: 915_200_000, stepHertz: 200_000, count: 64))
    var bands = noBands
    bands.append(band(915_000, 928_000, permille: nil, eirp: 3_000))
    return RegionPlan(
      region: .au915, groups: groups, subBands: bands, spreadingFactors: 7...12,
      maximumDwellMicroseconds: 400_000, transmission: .allowed,
      maximumConductedCentidecibelMilliwatts: nil)
  }

  /// RP002-1.0.4 section 2.10: two channels, 16 dBm, 1 % of the time, 400 ms.
  private static func as923(
    _ region: Region, offsetKilohertz: Int32, fromMegahertz: UInt32, to: UInt32,
    _ transmission: Transmission = .allowed
  ) -> RegionPlan {
    var groups = noGroups
    groups.append(
      ChannelGroup(
        firstHertz: UInt32(923_200 + offsetKilohertz) * 1_000, stepHertz: 200_000, count: 2))
    var bands = noBands
    bands.append(band(fromMegahertz * 1_000, to * 1_000, permille: 10, eirp: 1_600))
    return RegionPlan(
      region: region, groups: groups, subBands: bands, spreadingFactors: 7...12,
      maximumDwellMicroseconds: 400_000, transmission: transmission,
      maximumConductedCentidecibelMilliwatts: nil)
  }

  /// RP002-1.0.4 section 2.12; India, GSR 564(E) of 2005: 865 to 867 MHz.
  private static var in865: RegionPlan {
    var groups = noGroups
    groups.append(ChannelGroup(firstHertz: 865_062_500, stepHertz: 0, count: 1))
    groups.append(ChannelGroup(firstHertz: 865_402_500, stepHertz: 0, count: 1))
    groups.append(ChannelGroup(firstHertz: 865_985_000, stepHertz: 0, count: 1))
    var bands = noBands
    bands.append(band(865_000, 867_000, permille: nil, eirp: 3_000))
    return RegionPlan(
      region: .in865, groups: groups, subBands: bands, spreadingFactors: 7...12,
      maximumDwellMicroseconds: nil, transmission: .allowed,
      maximumConductedCentidecibelMilliwatts: nil)
  }

  /// RP002-1.0.4 section 2.11: 10 dBm below 922 MHz, 14 dBm above; carrier sense before each transmission.
  private static var kr920: RegionPlan {
    var groups = noGroups
    groups.append(ChannelGroup(firstHertz: 922_100_000, stepHertz: 200_000, count: 3))
    var bands = noBands
    bands.append(band(920_900, 922_000, permille: nil, eirp: 1_000))
    bands.append(band(922_000, 923_300, permille: nil, eirp: 1_400))
    return RegionPlan(
      region: .kr920, groups: groups, subBands: bands, spreadingFactors: 7...12,
      maximumDwellMicroseconds: nil, transmission: .needsListenBeforeTalk,
      maximumConductedCentidecibelMilliwatts: nil)
  }

  /// RP002-1.0.4 section 2.7; ERC/REC 70-03 annex 1, band f1: 10 mW ERP, 10 %.
  private static var eu433: RegionPlan {
    var groups = noGroups
    groups.append(ChannelGroup(firstHertz: 433_175_000, stepHertz: 200_000, count: 3))
    var bands = noBands
    bands.append(band(433_050, 434_790, permille: 100, eirp: 1_215))
    return RegionPlan(
      region: .eu433, groups: groups, subBands: bands, spreadingFactors: 7...12,
      maximumDwellMicroseconds: nil, transmission: .allowed,
      maximumConductedCentidecibelMilliwatts: nil)
  }

  /// RP002-1.0.4 section 2.9: 96 channels. Its rules are not built: the radio only receives.
  private static var cn470: RegionPlan {
    var groups = noGroups
    groups.append(ChannelGroup(firstHertz: 470_300_000, stepHertz: 200_000, count: 96))
    var bands = noBands
    bands.append(band(470_000, 510_000, permille: nil, eirp: 1_915))
    return RegionPlan(
      region: .cn470, groups: groups, subBands: bands, spreadingFactors: 7...12,
      maximumDwellMicroseconds: 1_000_000, transmission: .needsListenBeforeTalk,
      maximumConductedCentidecibelMilliwatts: nil)
  }

  private static var noGroups: FixedArray<3, ChannelGroup> {
    FixedArray(filler: ChannelGroup(firstHertz: 0, stepHertz: 0, count: 0))
  }

  private static var noBands: FixedArray<6, SubBand> {
    FixedArray(filler: band(0, 0, permille: nil, eirp: 0))
  }

  private static func band(
    _ fromKilohertz: UInt32, _ toKilohertz: UInt32, permille: UInt16?, eirp: Int32
  ) -> SubBand {
    SubBand(
      fromHertz: fromKilohertz * 1_000, toHertz: toKilohertz * 1_000,
      dutyCyclePermille: permille, maximumEIRPCentidecibelMilliwatts: eirp)
  }
}
