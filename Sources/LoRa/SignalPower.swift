/// Figures of a reception, in hundredths of a decibel. Whole numbers throughout, so that whoever computes a verdict
/// anew gets the same one, on any processor.
public enum SignalPower {
  /// The lowest SNR at which a spreading factor is demodulated: −7.5 dB at SF7, and 2.5 dB less with each
  /// factor (SX1261/2 data sheet rev. 2.1, table 6-1; SX1276 rev. 7, table 13).
  public static func lowestSNRCentidecibels(spreadingFactor: UInt8) -> Int32 {
    -250 * (Int32(spreadingFactor) - 4)
  }

  /// The signal's own power, from the power in the channel and the ratio of signal to noise:
  /// RSSI − 10·log10(1 + 10^(−SNR/10)). Below the noise floor the power in the channel says nothing of the
  /// signal. Exact to 0.01 dB; `rssi` of any radio and an SNR of any value are taken.
  public static func centidecibelMilliwatts(rssi: Int32, snrCentidecibels: Int32) -> Int32 {
    let clamped = max(-20_000, min(20_000, snrCentidecibels))
    return max(-100_000, min(100_000, rssi)) - noiseShareCentidecibels(snr: clamped)
  }

  /// 10·log10(1 + 10^(−SNR/10)): a straight line below −30 dB, nothing above +30 dB, between them a table in
  /// steps of half a decibel with straight lines between its points, 0.002 dB from the curve at most.
  private static func noiseShareCentidecibels(snr: Int32) -> Int32 {
    guard snr > -3_000 else { return -snr }
    guard snr < 3_000 else { return 0 }
    let (index, rest) = (Int(snr + 3_000) / 50, (snr + 3_000) % 50)
    let (low, high) = (Int32(noiseShare[index]), Int32(noiseShare[index + 1]))
    // The curve falls, so the difference is rounded as a positive number.
    return low - ((low - high) * rest + 25) / 50
  }

  /// Points from −30 to +30 dB, in hundredths of a decibel.
  private static var noiseShare: InlineArray<121, UInt16> {
    [
      3000, 2950, 2901, 2851, 2801, 2751, 2701, 2651, 2601, 2551, 2501, 2452, 2402, 2352, 2302,
      2252, 2203, 2153, 2103, 2054, 2004, 1955, 1905, 1856, 1807, 1758, 1709, 1660, 1611, 1562,
      1514, 1465, 1417, 1369, 1321, 1274, 1227, 1180, 1133, 1087, 1041, 996, 951, 907, 864,
      821, 779, 738, 697, 658, 619, 582, 546, 510, 476, 444, 412, 382, 354, 327,
      301, 277, 254, 232, 212, 194, 176, 160, 146, 132, 119, 108, 97, 88, 79,
      71, 64, 57, 51, 46, 41, 37, 33, 30, 27, 24, 21, 19, 17, 15,
      14, 12, 11, 10, 9, 8, 7, 6, 5, 5, 4, 4, 3, 3, 3,
      2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0,
      0,
    ]
  }
}
