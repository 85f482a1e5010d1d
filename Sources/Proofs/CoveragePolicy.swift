import CBOR
import FixedMemory

/// The rules for beacons that a challenge carries, under its signature: a verdict needs no others
/// (docs/coverage-protocol.md, "Policy").
///
///     [1, flags, window s, slot ms, slots, reserve, reveal delay s, uncertainty ms, channels, factors,
///      power step, power steps, free-space margin, SNR margin, minimum m, maximum m, tolerance ppm]
///
/// Powers and margins are hundredths of a decibel.
public struct CoveragePolicy: Equatable, Sendable {
  /// Array 1, version 1, flags 1, window 5, slot 3, slots 3, reserve 3, delay 5, uncertainty 3, channels 13,
  /// factors 3, step 3, steps 1, margins 3 + 3, distances 5 + 5, tolerance 2.
  public static var maximumByteCount: Int { 63 }
  static var fieldCount: Int { 17 }
  /// The first number of the array: the policy's own version, and the challenge's `policy`.
  public static var version: UInt64 { 1 }
  /// Reveals that a device keeps in mind: a window's reveal comes at most so many windows after it.
  public static var maximumRevealWindows: UInt32 { 30 }

  /// Beacons of simulated hardware are refused here; elsewhere they are only marked.
  public var refusesSimulated = false
  public var windowSeconds: UInt32 = 900
  public var slotMilliseconds: UInt16 = 2_000
  /// At most 1 024.
  public var slotCount: UInt16 = 400
  /// The last of the slots, in which nothing is sent but what failed in its own.
  public var reserveSlotCount: UInt16 = 50
  /// From the end of the window to when the device reveals.
  public var revealDelaySeconds: UInt32 = 21_600
  /// The largest clock uncertainty of a sender or a counted witness.
  public var maximumUncertaintyMilliseconds: UInt16 = 300
  /// Channels of the region's plan: bit i mod 8 of byte i / 8.
  public var channels = FixedBytes<12>()
  /// Bit n: spreading factor n, 5 to 12.
  public var spreadingFactors: UInt16 = 0b1111_1000_0000
  public var powerStepCentidecibels: UInt16 = 300
  /// 1 to 16: the highest power, and as many steps below it.
  public var powerStepCount: UInt8 = 4
  public var freeSpaceMarginCentidecibels: UInt16 = 600
  public var snrMarginCentidecibels: UInt16 = 300
  public var minimumDistanceMetres: UInt32 = 300
  public var maximumDistanceMetres: UInt32 = 100_000
  /// How far two oscillators may lie apart, in millionths: beyond a quarter of 125 kHz nothing is demodulated.
  public var frequencyTolerancePPM: UInt8 = 36

  /// The defaults, on all channels of any plan.
  public init() {
    for index in 0..<12 { channels[index] = 0xff }
  }

  /// False for rules that no node could follow; they are not signed, and refused when they are read.
  public var isPossible: Bool {
    guard (1...86_400).contains(windowSeconds), (50...60_000).contains(slotMilliseconds),
      (1...1_024).contains(slotCount), reserveSlotCount < slotCount,
      UInt64(slotCount) * UInt64(slotMilliseconds) <= UInt64(windowSeconds) * 1_000,
      revealDelaySeconds <= Self.maximumRevealWindows * windowSeconds
    else { return false }
    guard spreadingFactors != 0, spreadingFactors & ~0b1_1111_1110_0000 == 0, !channels.isZero,
      (1...1_000).contains(powerStepCentidecibels), (1...16).contains(powerStepCount)
    else { return false }
    return freeSpaceMarginCentidecibels <= 10_000 && snrMarginCentidecibels <= 10_000
      && minimumDistanceMetres < maximumDistanceMetres && maximumDistanceMetres <= 20_100_000
  }

  public func hasChannel(_ channel: Int) -> Bool {
    guard channel >= 0, channel < 96 else { return false }
    return channels[channel / 8] & 1 << UInt8(channel % 8) != 0
  }

  public func hasSpreadingFactor(_ factor: UInt8) -> Bool {
    factor < 16 && spreadingFactors & 1 << UInt16(factor) != 0
  }

  func encode(into encoder: inout CBOREncoder) {
    precondition(isPossible, "a policy that no node could follow")
    encoder.arrayHead(count: Self.fieldCount)
    encoder.unsigned(Self.version)
    encoder.unsigned(refusesSimulated ? 1 : 0)
    encoder.unsigned(UInt64(windowSeconds))
    encoder.unsigned(UInt64(slotMilliseconds))
    encoder.unsigned(UInt64(slotCount))
    encoder.unsigned(UInt64(reserveSlotCount))
    encoder.unsigned(UInt64(revealDelaySeconds))
    encoder.unsigned(UInt64(maximumUncertaintyMilliseconds))
    var used = 12
    while channels[used - 1] == 0 { used -= 1 }
    encoder.byteString(channels.span.extracting(0..<used))
    encoder.unsigned(UInt64(spreadingFactors))
    encoder.unsigned(UInt64(powerStepCentidecibels))
    encoder.unsigned(UInt64(powerStepCount))
    encoder.unsigned(UInt64(freeSpaceMarginCentidecibels))
    encoder.unsigned(UInt64(snrMarginCentidecibels))
    encoder.unsigned(UInt64(minimumDistanceMetres))
    encoder.unsigned(UInt64(maximumDistanceMetres))
    encoder.unsigned(UInt64(frequencyTolerancePPM))
  }

  init(from decoder: inout CBORDecoder) throws(CBORDecoder.Failure) {
    self.init()
    try decoder.expectArray(count: Self.fieldCount)
    guard try decoder.unsigned() == Self.version else { throw .unknownVersion }
    let flags = try decoder.unsigned()
    guard flags <= 1 else { throw .outOfRange }
    refusesSimulated = flags == 1
    windowSeconds = try decoder.unsigned(as: UInt32.self)
    slotMilliseconds = try decoder.unsigned(as: UInt16.self)
    slotCount = try decoder.unsigned(as: UInt16.self)
    reserveSlotCount = try decoder.unsigned(as: UInt16.self)
    revealDelaySeconds = try decoder.unsigned(as: UInt32.self)
    maximumUncertaintyMilliseconds = try decoder.unsigned(as: UInt16.self)
    let mask = try decoder.byteString()
    guard (1...12).contains(mask.count), mask[mask.count - 1] != 0 else { throw .outsideFormat }
    channels = FixedBytes()
    for index in mask.indices { channels[index] = mask[index] }
    spreadingFactors = try decoder.unsigned(as: UInt16.self)
    powerStepCentidecibels = try decoder.unsigned(as: UInt16.self)
    powerStepCount = try decoder.unsigned(as: UInt8.self)
    freeSpaceMarginCentidecibels = try decoder.unsigned(as: UInt16.self)
    snrMarginCentidecibels = try decoder.unsigned(as: UInt16.self)
    minimumDistanceMetres = try decoder.unsigned(as: UInt32.self)
    maximumDistanceMetres = try decoder.unsigned(as: UInt32.self)
    frequencyTolerancePPM = try decoder.unsigned(as: UInt8.self)
    guard isPossible else { throw .outOfRange }
  }
}
