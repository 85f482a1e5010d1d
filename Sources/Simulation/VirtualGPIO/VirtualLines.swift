import CLinux

/// What hangs on the virtual board's GPIO chip: a rain gauge, a lid with a contact, an LED. Nothing of it was
/// measured: tips and openings come from the seed.
public final class VirtualLines {
  public static let label = "gpio.sock"
  public static let rainGauge = 5
  public static let lid = 6
  public static let led = 7

  public let chip = VirtualGPIOChip(label: VirtualLines.label, lineCount: 8)
  private var seeds: SplitMix64
  private var nextTip: Int64
  private var nextLid: Int64
  private var isLidOpen = false

  public init(seed: UInt64, now: Int64) {
    seeds = SplitMix64(seed: seed ^ 0x6770_696f)
    nextTip = now + 1500
    nextLid = now + 4000
  }

  /// When something happens next.
  public var nextMilliseconds: Int64 { min(nextTip, nextLid) }

  /// A tip every half second to two and a half; the lid opens or closes every six to sixteen.
  public func perform(now: Int64) {
    let nanoseconds = UInt64(max(0, cairn_gpio_monotonic())) * 1_000_000
    if now >= nextTip {
      chip.pulse(Self.rainGauge, nanoseconds: nanoseconds)
      nextTip = now + 500 + Int64(seeds.next() % 2000)
    }
    if now >= nextLid {
      isLidOpen.toggle()
      chip.drive(Self.lid, high: isLidOpen, nanoseconds: nanoseconds)
      nextLid = now + 6000 + Int64(seeds.next() % 10_000)
    }
  }
}
