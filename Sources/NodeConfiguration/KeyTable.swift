/// What a key's value looks like.
enum ValueKind {
  /// `yes` or `no`.
  case flag
  /// Free text of at most so many bytes.
  case text(limit: Int)
  /// Lower-case letters, digits, `-` and `_`: the name of a bus or port.
  case name
  case path
  /// One to three labels of GPIO chips, each of at most 31 bytes, with blanks between.
  case labels
  case url
  /// An Ed25519 public key: 64 hexadecimal digits, or 43 characters of base64url.
  case publicKey
  /// A whole number and a unit of time; the range is in milliseconds.
  case duration(ClosedRange<Int64>)
  /// A whole number and a unit of size; the range is in bytes.
  case size(ClosedRange<Int64>)
  /// A whole number and a unit of frequency; the range is in hertz.
  case frequency(ClosedRange<Int64>)
  case count(ClosedRange<Int64>)
  /// As `count`, or the word `never`.
  case countOrNever(ClosedRange<Int64>)
  /// A number with at most so many decimals and a unit, empty for a bare number; the value and the range
  /// are in the last decimal.
  case decimal(decimals: Int, ClosedRange<Int64>, unit: StaticString)
  /// Bytes in base64url (RFC 4648 section 5), at most so many characters.
  case base64url(limit: Int)
  /// An address on an I2C bus: `0x` and two digits.
  case address
  /// Where a private key is (`KeyAddress`).
  case keyAddress
  case choice(Choice)
}

/// Closed lists of words.
enum Choice {
  case whenFull, chip, baudRate, bias, radioChip, pulseQuantity, edge, oscillator

  var wordCount: Int {
    switch self {
    case .whenFull: 2
    case .chip: ChipName.count
    case .baudRate: 9
    case .bias: 4
    case .radioChip: RadioChip.count
    case .pulseQuantity: PulseQuantity.count
    case .edge: 2
    case .oscillator: 9
    }
  }

  /// `index` outside 0..<`wordCount` is a bug of the caller.
  func word(_ index: Int) -> StaticString {
    switch self {
    case .whenFull:
      return index == 0 ? "stop" : "drop-oldest"
    case .chip:
      guard let chip = ChipName(rawValue: UInt8(index)) else { preconditionFailure("no such chip") }
      return chip.text
    case .baudRate:
      let words: InlineArray<9, StaticString> = [
        "4800", "9600", "19200", "38400", "57600", "115200", "230400", "460800", "921600",
      ]
      return words[index]
    case .edge: return index == 0 ? "rising" : "falling"
    case .oscillator:
      let words: InlineArray<9, StaticString> = [
        "none", "1.6 V", "1.7 V", "1.8 V", "2.2 V", "2.4 V", "2.7 V", "3.0 V", "3.3 V",
      ]
      return words[index]
    case .pulseQuantity:
      guard let quantity = PulseQuantity(rawValue: UInt8(index)) else {
        preconditionFailure("no such quantity")
      }
      return quantity.text
    case .bias:
      let words: InlineArray<4, StaticString> = ["as-is", "pull-up", "pull-down", "disabled"]
      return words[index]
    case .radioChip:
      guard let chip = RadioChip(rawValue: UInt8(index)) else {
        preconditionFailure("no such radio")
      }
      return chip.text
    }
  }
}

/// What holds when a key is not written.
enum Absence {
  /// The section is refused without it.
  case refused
  /// Nothing: the feature is off, or another key stands for it, or the default depends on another
  /// value.
  case unset
  /// The value that this text stands for; it is read by the same parser as the file.
  case standard(StaticString)
}

/// A row of the table of keys.
struct KeyDefinition {
  let key: Key
  let section: Section
  let name: StaticString
  let kind: ValueKind
  let absence: Absence

  init(_ key: Key, _ section: Section, _ name: StaticString, _ kind: ValueKind, _ absence: Absence)
  {
    self.key = key
    self.section = section
    self.name = name
    self.kind = kind
    self.absence = absence
  }
}

/// The one place where keys, their kinds, ranges and defaults stand. docs/configuration.md and
/// docs/site.ini.sample are checked against it by a test.
enum KeyTable {
  private static let second: Int64 = 1000
  private static let minute: Int64 = 60 * 1000
  private static let hour: Int64 = 60 * 60 * 1000
  private static let day: Int64 = 24 * 60 * 60 * 1000
  private static let kibibyte: Int64 = 1024
  private static let mebibyte: Int64 = 1024 * 1024
  private static let gibibyte: Int64 = 1024 * 1024 * 1024

  static let rows: InlineArray<90, KeyDefinition> = [
    .init(.gatewayURL, .gateway, "url", .url, .refused),
    .init(.gatewayPublicKey, .gateway, "public_key", .publicKey, .unset),
    .init(.gatewayCAFile, .gateway, "ca_file", .path, .unset),
    .init(.gatewayAllowPlainHTTP, .gateway, "allow_plain_http", .flag, .standard("no")),
    .init(.gatewayUser, .gateway, "user", .text(limit: 64), .unset),
    .init(.gatewayPasswordFile, .gateway, "password_file", .path, .unset),

    .init(.nodeName, .node, "name", .text(limit: 24), .unset),

    // A succession has about 330 bytes: 440 characters, in lines that libinih takes.
    .init(
      .enrolmentAuthorization1, .enrolment, "authorization_first",
      .base64url(limit: 160), .refused),
    .init(
      .enrolmentAuthorization2, .enrolment, "authorization_second", .base64url(limit: 160), .unset),
    .init(
      .enrolmentAuthorization3, .enrolment, "authorization_third", .base64url(limit: 160), .unset),
    .init(
      .enrolmentAuthorization4, .enrolment, "authorization_fourth", .base64url(limit: 160), .unset),

    .init(
      .placeLatitude, .place, "latitude",
      .decimal(decimals: 7, -900_000_000...900_000_000, unit: ""), .refused),
    .init(
      .placeLongitude, .place, "longitude",
      .decimal(decimals: 7, -1_800_000_000...1_800_000_000, unit: ""), .refused),
    .init(
      .placeAltitude, .place, "elevation",
      .decimal(decimals: 2, -50_000...1_000_000, unit: "m"), .unset),
    .init(
      .placeHeight, .place, "height", .decimal(decimals: 2, 0...100_000, unit: "m"), .unset),

    .init(.radioModel, .radio, "model", .text(limit: 24), .refused),
    .init(.radioRegion, .radio, "region", .text(limit: 24), .refused),
    .init(
      .radioTransmitPower, .radio, "transmit_power",
      .decimal(decimals: 2, -1000...3600, unit: "dBm"), .refused),
    .init(
      .radioAntennaGain, .radio, "antenna_gain",
      .decimal(decimals: 2, -1000...3000, unit: "dBi"), .refused),
    .init(
      .radioCableLoss, .radio, "cable_loss", .decimal(decimals: 2, 0...3000, unit: "dB"),
      .standard("0 dB")),

    // 512 leaves and 64 KiB are the bounds of a batch in the proof format.
    .init(
      .batchInterval, .batch, "interval", .duration(100...hour), .standard("60 s")),
    .init(.batchMaxLeaves, .batch, "max_leaves", .count(1...512), .standard("512")),

    .init(
      .commitInterval, .commit, "interval", .duration(100...(10 * minute)), .standard("10 s")),

    .init(
      .deliveryConnectTimeout, .delivery, "connect_timeout", .duration(second...(5 * minute)),
      .standard("30 s")),
    .init(
      .deliveryTimeout, .delivery, "timeout", .duration(second...hour), .standard("3 min")),
    .init(
      .deliveryMonthlyBudget, .delivery, "monthly_budget",
      .size(mebibyte...(1024 * gibibyte)), .unset),

    .init(
      .spoolSize, .spool, "size", .size(mebibyte...(16 * gibibyte)), .standard("64 MiB")),
    .init(
      .spoolSegment, .spool, "segment", .size((128 * kibibyte)...(16 * mebibyte)),
      .standard("256 KiB")),
    .init(.spoolWhenFull, .spool, "when_full", .choice(.whenFull), .standard("stop")),

    .init(.clockInterval, .clock, "interval", .duration(second...(10 * minute)), .standard("10 s")),
    .init(.clockTolerance, .clock, "tolerance", .duration(10...minute), .standard("500 ms")),
    .init(
      .clockRepeatInterval, .clock, "repeat_interval", .duration(minute...day), .standard("1 h")),

    .init(.gnssPort, .gnss, "port", .name, .refused),
    .init(
      .gnssPositionInterval, .gnss, "position_interval", .duration(second...day),
      .standard("10 min")),

    .init(.sensorChip, .sensor, "chip", .choice(.chip), .refused),
    .init(.sensorBus, .sensor, "bus", .name, .refused),
    .init(.sensorAddress, .sensor, "address", .address, .unset),
    .init(.sensorInterval, .sensor, "interval", .duration(100...day), .standard("60 s")),
    .init(
      .sensorFrozenAfter, .sensor, "frozen_after", .countOrNever(2...100_000), .standard("16")),
    .init(.sensorOptional, .sensor, "optional", .flag, .standard("no")),

    .init(.boardName, .board, "name", .text(limit: 24), .refused),
    .init(.boardCompatible, .board, "compatible", .text(limit: 184), .unset),
    .init(
      .boardSerialFile, .board, "serial_file", .path,
      .standard("/proc/device-tree/serial-number")),
    .init(
      .boardCardFile, .board, "card_file", .path, .standard("/sys/block/mmcblk0/device/cid")),

    .init(.i2cDevice, .i2c, "device", .path, .unset),
    .init(.i2cVirtual, .i2c, "virtual", .path, .unset),
    .init(.i2cTimeout, .i2c, "timeout", .duration(10...(5 * second)), .standard("100 ms")),

    .init(.serialDevice, .serial, "device", .path, .unset),
    .init(.serialVirtual, .serial, "virtual", .path, .unset),
    .init(.serialBaud, .serial, "baud", .choice(.baudRate), .standard("9600")),

    .init(.i2cUSB, .i2c, "usb", .path, .unset),

    .init(.gpioChip, .gpio, "chip", .labels, .refused),
    .init(.gpioLine, .gpio, "line", .count(0...1023), .refused),
    .init(.gpioActiveLow, .gpio, "active_low", .flag, .standard("no")),
    .init(.gpioBias, .gpio, "bias", .choice(.bias), .standard("as-is")),

    .init(.ledLine, .led, "line", .name, .refused),
    .init(.buttonLine, .button, "line", .name, .refused),

    .init(.spiDevice, .spi, "device", .path, .unset),
    .init(.spiUSB, .spi, "usb", .path, .unset),
    .init(.spiSpeed, .spi, "speed", .frequency(10_000...50_000_000), .standard("2 MHz")),

    .init(.loraChip, .lora, "chip", .choice(.radioChip), .refused),
    .init(.loraSPI, .lora, "spi", .name, .refused),
    .init(.loraReset, .lora, "reset", .name, .unset),
    .init(.loraBusy, .lora, "busy", .name, .unset),
    .init(.loraInterrupt, .lora, "interrupt", .name, .unset),

    .init(.pulseLine, .pulse, "line", .name, .refused),
    .init(.pulseQuantity, .pulse, "quantity", .choice(.pulseQuantity), .standard("count")),
    // mm, m/s at 1 Hz, or Wh: up to a kilowatt-hour.
    .init(
      .pulsePerPulse, .pulse, "per_pulse", .decimal(decimals: 4, 1...10_000_000, unit: ""), .unset),
    .init(.pulseEdge, .pulse, "edge", .choice(.edge), .standard("rising")),
    .init(.pulseDebounce, .pulse, "debounce", .duration(0...second), .standard("0 ms")),
    .init(.pulseInterval, .pulse, "interval", .duration(second...hour), .standard("60 s")),
    .init(.pulseOptional, .pulse, "optional", .flag, .standard("no")),

    .init(.contactLine, .contact, "line", .name, .refused),
    .init(.contactDebounce, .contact, "debounce", .duration(0...second), .standard("20 ms")),
    .init(.contactTamper, .contact, "tamper", .flag, .standard("no")),

    .init(.keyAddress, .key, "address", .keyAddress, .unset),

    .init(.radioPort, .radio, "port", .name, .unset),
    .init(.radioTransmit, .radio, "transmit", .flag, .standard("no")),
    .init(.radioWiring, .radio, "wiring", .name, .unset),

    .init(.spiVirtual, .spi, "virtual", .path, .unset),

    .init(.loraOscillator, .lora, "tcxo", .choice(.oscillator), .standard("none")),
    .init(.loraConverter, .lora, "dc_dc", .flag, .standard("yes")),
    .init(.loraAntennaSwitch, .lora, "dio2_switch", .flag, .standard("yes")),
    .init(.loraBoostPin, .lora, "pa_boost", .flag, .standard("yes")),

    .init(.spiSelect, .spi, "select", .count(0...2), .unset),
    .init(.spiTimeout, .spi, "timeout", .duration(50...(5 * second)), .standard("250 ms")),
    .init(.loraReceive, .lora, "receive", .name, .unset),

    .init(.radioForwarder, .radio, "forwarder", .flag, .standard("no")),
    // CN470 has 96 channels.
    .init(.radioFirstChannel, .radio, "first_channel", .count(0...95), .standard("0")),
    .init(.radioFramesPerMinute, .radio, "frames_per_minute", .count(0...6000), .standard("60")),
  ]
}
