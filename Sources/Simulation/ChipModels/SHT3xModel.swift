import Buses

/// A Sensirion SHT3x, after the datasheet "SHT3x-DIS", version 7: single-shot commands without
/// clock stretching, serial number, status, heater bit, resets. Not modelled: periodic modes and
/// alerts; their commands are not acknowledged.
public final class SHT3xModel: ChipModel {
  public let name = "sht3x"
  public let hasChecksums = true
  public var serialNumber: String { hexadecimal(UInt64(serial), digitCount: 8) }
  public var fault = ChipFault.none

  private let serial: UInt32
  private let surroundings: any Surroundings
  private var noise: SeededNoise

  /// Neither reads nor writes are acknowledged before this time.
  private var busyUntil: Int64
  /// What the next read gives; empty when there is nothing to read.
  private var reply: [UInt16] = []
  private var status = Status.afterReset
  private var lastWords: [UInt16]?

  /// Table 18: alert pending (bit 15) and reset detected (bit 4) are set by a reset.
  private enum Status {
    static let afterReset: UInt16 = 0x8010
    static let heater: UInt16 = 0x2000
    static let commandRefused: UInt16 = 0x0002
  }

  /// Powers the chip up at `now`.
  public init(surroundings: any Surroundings, seed: UInt64, now: Int64) {
    noise = SeededNoise(seed: seed)
    serial = UInt32(truncatingIfNeeded: noise.next())
    self.surroundings = surroundings
    busyUntil = now + 1
  }

  public func powerCycle(now: Int64) {
    reply = []
    status = Status.afterReset
    // Table 5: 1 ms after power-up, 1.5 ms after a soft reset.
    busyUntil = now + 2
  }

  public func write(_ bytes: [UInt8], now: Int64) throws(BusError) {
    guard now >= busyUntil else { throw .notAcknowledged }
    guard !bytes.isEmpty else { return }
    // A new command discards what was not read.
    reply = []
    guard bytes.count == 2 else { throw .notAcknowledged }
    status &= ~Status.commandRefused
    switch UInt16(bytes[0]) << 8 | UInt16(bytes[1]) {
    // Table 4: 15.5, 6.5 and 4.5 ms at the lowest supply voltage.
    case 0x2400: measure(duration: 16, now: now)
    case 0x240b: measure(duration: 7, now: now)
    case 0x2416: measure(duration: 5, now: now)
    case 0x3780, 0x3682: reply = [UInt16(serial >> 16), UInt16(serial & 0xffff)]
    case 0xf32d: reply = [status]
    case 0x3041: status &= ~Status.afterReset
    case 0x306d: status |= Status.heater
    case 0x3066: status &= ~Status.heater
    case 0x3093: busyUntil = now + 1
    case 0x30a2: powerCycle(now: now)
    default:
      status |= Status.commandRefused
      throw .notAcknowledged
    }
  }

  public func read(count: Int, now: Int64) throws(BusError) -> [UInt8] {
    guard now >= busyUntil, !reply.isEmpty else { throw .notAcknowledged }
    let bytes = SensirionWire.reply(reply, fault: fault)
    reply = []
    return SensirionWire.padded(bytes, count: count)
  }

  private func measure(duration: Int64, now: Int64) {
    busyUntil = now + duration
    if fault == .frozen, let lastWords {
      reply = lastWords
    } else {
      let conditions = surroundings.conditions(atMilliseconds: now)
      reply = [
        SensirionWire.temperatureWord(conditions, noise: noise.leastBit()),
        SensirionWire.humidityWord(conditions, noise: noise.leastBit()),
      ]
    }
    lastWords = reply
  }
}

/// `digitCount` lower-case hexadecimal digits.
func hexadecimal(_ number: UInt64, digitCount: Int) -> String {
  let digits = String(number, radix: 16)
  return String(repeating: "0", count: max(0, digitCount - digits.count)) + digits
}
