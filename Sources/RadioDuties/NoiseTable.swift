import FixedMemory

/// The noise of each channel of a region's plan, as this radio has measured it.
///
/// Invariants: a channel keeps its last measurements, the oldest first, and how many there were; only the last
/// measurement of all can be taken back, and once.
public struct NoiseTable: Sendable {
  /// CN470 has most channels: 96.
  public static var channelLimit: Int { 96 }
  /// A median of five is right with two that were disturbed.
  public static var keptCount: Int { 5 }

  /// One channel, in hundredths of dBm.
  public struct Channel: Equatable, Sendable {
    /// Measurements since the radio came; stays at its largest value.
    public fileprivate(set) var count: UInt32 = 0
    /// When the last one ended.
    public fileprivate(set) var milliseconds: Int64 = 0
    fileprivate var kept = FixedArray<5, Int16>(filler: 0)

    init() {}

    /// Of what is kept; zero without any.
    public var last: Int16 { kept.isEmpty ? 0 : kept[kept.count - 1] }
    public var lowest: Int16 { rising.isEmpty ? 0 : rising[0] }
    public var highest: Int16 { rising.isEmpty ? 0 : rising[rising.count - 1] }
    /// The middle one; of an even number the lower.
    public var median: Int16 { rising.isEmpty ? 0 : rising[(rising.count - 1) / 2] }

    private var rising: FixedArray<5, Int16> {
      var sorted = kept
      for index in sorted.indices {
        var place = index
        while place > 0, sorted[place - 1] > sorted[place] {
          let smaller = sorted[place]
          sorted[place] = sorted[place - 1]
          sorted[place - 1] = smaller
          place -= 1
        }
      }
      return sorted
    }

    fileprivate mutating func add(_ centidecibelMilliwatts: Int16, at now: Int64) {
      if count < .max { count += 1 }
      milliseconds = now
      if kept.isFull {
        for index in 1..<kept.count { kept[index - 1] = kept[index] }
        _ = kept.removeLast()
      }
      kept.append(centidecibelMilliwatts)
    }
  }

  private var channels = InlineArray<96, Channel>(repeating: Channel())
  private var before: (channel: Int, was: Channel)?

  init() {}

  /// Nil: not measured, or no channel of any plan.
  public func channel(_ index: Int) -> Channel? {
    guard index >= 0, index < Self.channelLimit, channels[index].count > 0 else { return nil }
    return channels[index]
  }

  mutating func add(channel index: Int, centidecibelMilliwatts: Int32, at now: Int64) {
    guard index >= 0, index < Self.channelLimit else { return }
    before = (index, channels[index])
    channels[index].add(Int16(clamping: centidecibelMilliwatts), at: now)
  }

  /// The last measurement was none of noise.
  mutating func takeBack() {
    guard let before else { return }
    channels[before.channel] = before.was
    self.before = nil
  }
}

/// Some readings of one channel, in a row, of which one measurement comes.
struct NoiseSampling: Sendable {
  /// One reading may be far off: a receiver settles, a converter slips.
  static var sampleCount: Int { 8 }
  /// From one reading to the next.
  static var pauseMilliseconds: Int64 { 10 }
  /// Readings that took longer belong to two moments, and are dropped.
  static var limitMilliseconds: Int64 { 1_000 }

  let channel: Int
  let beganMilliseconds: Int64
  private var samples = FixedArray<8, Int32>(filler: 0)

  init(channel: Int, at now: Int64) {
    self.channel = channel
    beganMilliseconds = now
  }

  /// Takes a reading; with the last one the second lowest of all. What is on the air only adds to a reading, and the
  /// lowest may be a slip.
  mutating func take(_ centidecibelMilliwatts: Int32) -> Int32? {
    guard samples.offer(centidecibelMilliwatts), samples.isFull else { return nil }
    var (lowest, second) = (Int32.max, Int32.max)
    for index in samples.indices {
      let sample = samples[index]
      if sample < lowest {
        (lowest, second) = (sample, lowest)
      } else if sample < second {
        second = sample
      }
    }
    return second
  }
}
