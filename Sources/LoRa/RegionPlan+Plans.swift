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
    RegionPlan(
      .eu868,
      [
        .init(firstHertz: 868_100_000, stepHertz: 200_000, count: 3),
        .init(firstHertz: 867_100_000, stepHertz: 200_000, count: 5),
      ],
      [
        band(863_000, 865_000, permille: 1, eirp: 1_615),
        band(865_000, 868_000, permille: 10, eirp: 1_615),
        band(868_000, 868_600, permille: 10, eirp: 1_615),
        band(868_700, 869_200, permille: 1, eirp: 1_615),
        band(869_400, 869_650, permille: 100, eirp: 2_915),
        band(869_700, 870_000, permille: 10, eirp: 1_615),
      ])
  }

  /// RP002-1.0.4 section 2.6; 47 CFR 15.247 (a)(1)(i) and (b)(2), (b)(4): 0.4 s on a channel, 1 W into an
  /// antenna of at most 6 dBi, for systems that hop over 50 channels or more.
  private static var us915: RegionPlan {
    RegionPlan(
      .us915, [.init(firstHertz: 902_300_000, stepHertz: 200_000, count: 64)],
      [band(902_000, 928_000, permille: nil, eirp: 3_600)], spreadingFactors: 7...10,
      dwellMicroseconds: 400_000, conducted: 3_000)
  }

  /// RP002-1.0.4 section 2.8, with its dwell time switched on, as it is until a network says otherwise.
  private static var au915: RegionPlan {
    RegionPlan(
      .au915, [.init(firstHertz: 915_200_000, stepHertz: 200_000, count: 64)],
      [band(915_000, 928_000, permille: nil, eirp: 3_000)], dwellMicroseconds: 400_000)
  }

  /// RP002-1.0.4 section 2.10: two channels, 16 dBm, 1 % of the time, 400 ms.
  private static func as923(
    _ region: Region, offsetKilohertz: Int32, fromMegahertz: UInt32, to: UInt32,
    _ transmission: Transmission = .allowed
  ) -> RegionPlan {
    RegionPlan(
      region,
      [.init(firstHertz: UInt32(923_200 + offsetKilohertz) * 1_000, stepHertz: 200_000, count: 2)],
      [band(fromMegahertz * 1_000, to * 1_000, permille: 10, eirp: 1_600)],
      dwellMicroseconds: 400_000, transmission)
  }

  /// RP002-1.0.4 section 2.12; India, GSR 564(E) of 2005: 865 to 867 MHz.
  private static var in865: RegionPlan {
    RegionPlan(
      .in865,
      [
        .init(firstHertz: 865_062_500, stepHertz: 0, count: 1),
        .init(firstHertz: 865_402_500, stepHertz: 0, count: 1),
        .init(firstHertz: 865_985_000, stepHertz: 0, count: 1),
      ],
      [band(865_000, 867_000, permille: nil, eirp: 3_000)])
  }

  /// RP002-1.0.4 section 2.11: 10 dBm below 922 MHz, 14 dBm above; carrier sense before each transmission.
  private static var kr920: RegionPlan {
    RegionPlan(
      .kr920, [.init(firstHertz: 922_100_000, stepHertz: 200_000, count: 3)],
      [
        band(920_900, 922_000, permille: nil, eirp: 1_000),
        band(922_000, 923_300, permille: nil, eirp: 1_400),
      ], .needsListenBeforeTalk)
  }

  /// RP002-1.0.4 section 2.7; ERC/REC 70-03 annex 1, band f1: 10 mW ERP, 10 %.
  private static var eu433: RegionPlan {
    RegionPlan(
      .eu433, [.init(firstHertz: 433_175_000, stepHertz: 200_000, count: 3)],
      [band(433_050, 434_790, permille: 100, eirp: 1_215)])
  }

  /// RP002-1.0.4 section 2.9: 96 channels. Its rules are not built: the radio only receives.
  private static var cn470: RegionPlan {
    RegionPlan(
      .cn470, [.init(firstHertz: 470_300_000, stepHertz: 200_000, count: 96)],
      [band(470_000, 510_000, permille: nil, eirp: 1_915)], dwellMicroseconds: 1_000_000,
      .needsListenBeforeTalk)
  }

  /// A plan of so many channels and sub-bands; what most regions have in common is not written for each.
  ///
  /// - `conducted`: of the transmitter's power, in hundredths of a dBm.
  private init<let groupCount: Int, let bandCount: Int>(
    _ region: Region, _ groups: InlineArray<groupCount, ChannelGroup>,
    _ subBands: InlineArray<bandCount, SubBand>, spreadingFactors: ClosedRange<UInt8> = 7...12,
    dwellMicroseconds: UInt32? = nil, _ transmission: Transmission = .allowed,
    conducted: Int32? = nil
  ) {
    var filledGroups = FixedArray<3, ChannelGroup>(filler: groups[0])
    for index in groups.indices { filledGroups.append(groups[index]) }
    var filledBands = FixedArray<6, SubBand>(filler: subBands[0])
    for index in subBands.indices { filledBands.append(subBands[index]) }
    self.init(
      region: region, groups: filledGroups, subBands: filledBands,
      spreadingFactors: spreadingFactors, maximumDwellMicroseconds: dwellMicroseconds,
      transmission: transmission, maximumConductedCentidecibelMilliwatts: conducted)
  }

  private static func band(
    _ fromKilohertz: UInt32, _ toKilohertz: UInt32, permille: UInt16?, eirp: Int32
  ) -> SubBand {
    SubBand(
      fromHertz: fromKilohertz * 1_000, toHertz: toKilohertz * 1_000,
      dutyCyclePermille: permille, maximumEIRPCentidecibelMilliwatts: eirp)
  }
}
