import Buses

/// A Sensirion SCD4x, after the datasheet "SCD4x", version 1.3: periodic measurement every 5 s,
/// serial number, reinit. Not modelled: calibration and compensation commands, low-power and
/// single-shot modes, the chip's own warming; their commands are not acknowledged.
public final class SCD4xModel: ChipModel {
  public let name = "scd4x"
  public let hasChecksums = true
  public var serialNumber: String { hexadecimal(serial, digitCount: 12) }
  public var fault = ChipFault.none

  /// Section 3.5.1.
  public static let signalUpdateIntervalMilliseconds: Int64 = 5_000
  /// Section 3.1.
  public static let powerUpMilliseconds: Int64 = 1_000

  private let serial: UInt64
  private let surroundings: any Surroundings
  private var noise: SeededNoise

  /// Neither reads nor writes are acknowledged before this time.
  private var busyUntil: Int64
  private var reply: [UInt16] = []
  /// When periodic measurement began; nil while idle.
  private var startedAt: Int64?
  /// How many results of this periodic measurement have been made.
  private var resultCount: Int64 = 0
  /// The latest result, until it is read.
  private var unread: [UInt16]?
  private var lastWords: [UInt16]?

  /// Powers the chip up at `now`, as if it had been on long enough to answer.
  public init(surroundings: any Surroundings, seed: UInt64, now: Int64) {
    noise = SeededNoise(seed: seed)
    serial = noise.next() >> 16
    self.surroundings = surroundings
    busyUntil = now
  }

  public func powerCycle(now: Int64) {
    reply = []
    startedAt = nil
    unread = nil
    busyUntil = now + Self.powerUpMilliseconds
  }

  public func write(_ bytes: [UInt8], now: Int64) throws(BusError) {
    update(now: now)
    guard now >= busyUntil else { throw .notAcknowledged }
    guard !bytes.isEmpty else { return }
    reply = []
    guard bytes.count == 2 else { throw .notAcknowledged }
    // Table 9, and its column of commands that are taken while measuring.
    switch (UInt16(bytes[0]) << 8 | UInt16(bytes[1]), startedAt != nil) {
    case (0x21b1, false):
      startedAt = now
      resultCount = 0
      unread = nil
    case (0x3f86, _):
      startedAt = nil
      unread = nil
      busyUntil = now + 500
    case (0xe4b8, _):
      reply = [unread == nil ? 0x8000 : 0x8006]
      busyUntil = now + 1
    case (0xec05, _):
      // The buffer is emptied by the read; without data the read is not acknowledged.
      reply = unread ?? []
      unread = nil
      busyUntil = now + 1
    case (0x3682, false):
      reply = [
        UInt16(serial >> 32), UInt16(serial >> 16 & 0xffff), UInt16(serial & 0xffff),
      ]
      busyUntil = now + 1
    case (0x3646, false): busyUntil = now + 20
    default: throw .notAcknowledged
    }
  }

  public func read(count: Int, now: Int64) throws(BusError) -> [UInt8] {
    update(now: now)
    guard now >= busyUntil, !reply.isEmpty else { throw .notAcknowledged }
    let bytes = SensirionWire.reply(reply, fault: fault)
    reply = []
    return SensirionWire.padded(bytes, count: count)
  }

  /// Makes the latest result that is due; those before it were never read and are gone.
  private func update(now: Int64) {
    guard let startedAt else { return }
    let dueCount = (now - startedAt) / Self.signalUpdateIntervalMilliseconds
    guard dueCount > resultCount else { return }
    resultCount = dueCount
    let time = startedAt + dueCount * Self.signalUpdateIntervalMilliseconds
    if fault != .frozen || lastWords == nil {
      let conditions = surroundings.conditions(atMilliseconds: time)
      let carbonDioxide = conditions.carbonDioxidePPM + noise.leastBit()
      lastWords = [
        UInt16(min(max(carbonDioxide, 0), 40_000)),
        SensirionWire.temperatureWord(conditions, noise: noise.leastBit()),
        SensirionWire.humidityWord(conditions, noise: noise.leastBit()),
      ]
    }
    unread = lastWords
  }
}
