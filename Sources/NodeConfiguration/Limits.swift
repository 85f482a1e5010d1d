import FixedMemory

/// How much a configuration can hold. Relations between these are tested.
public enum Limits {
  /// A site file with every sensor and a comment for every key takes about 9 KiB.
  public static var fileByteCount: Int { 16 * 1024 }
  /// libinih reads lines into 200 bytes and splits longer ones without a word: 200 less CR, LF and
  /// NUL.
  public static var lineByteCount: Int { 197 }
  /// libinih cuts section names after 49 bytes.
  public static var headingByteCount: Int { 48 }
  /// A line of 197 less `compatible = `.
  public static var valueByteCount: Int { 184 }
  /// A line of 197 less `url = ` and a path of 30 that the transport adds.
  public static var urlByteCount: Int { 160 }
  /// Names of nodes, buses and sensors: one line of a status screen of 80 columns holds two.
  public static var nameByteCount: Int { 24 }
  /// `sockaddr_un.sun_path` holds 108 bytes, the last of them zero.
  public static var socketPathByteCount: Int { 107 }
  /// `/`, a socket's name of at most 26, and this fit `socketPathByteCount`.
  public static var runFolderByteCount: Int { 80 }
  public static var pathByteCount: Int { 184 }
  /// A Raspberry Pi has few pins and addresses: 16 sensors fill four grove hats.
  public static var sensorCount: Int { 16 }
  /// A Raspberry Pi 4 has six I2C controllers outside; the rest is for bridges on USB.
  public static var i2cBusCount: Int { 8 }
  public static var serialLineCount: Int { 8 }
  /// The 40-pin header of a Raspberry Pi has 28 lines; half of them have buses on them.
  public static var gpioLineCount: Int { 16 }
  /// Two buses with two chip selects each.
  public static var spiBusCount: Int { 4 }
  /// The radio hats that one header is known to be used with.
  public static var loRaWiringCount: Int { 6 }
  /// A frame of 255 bytes takes 21 ms then; a step of a radio has 100.
  public static var radioClockHertz: Int64 { 100_000 }
  /// `gpiochip_info.label` of linux/gpio.h: 32 bytes, the last of them zero.
  public static var chipLabelByteCount: Int { 31 }
  /// A weather station has a rain gauge and an anemometer, a meter cabinet two meters.
  public static var pulseCount: Int { 4 }
  /// A lid, a door, a mast.
  public static var contactCount: Int { 4 }
  /// Lines that say something: 16 sensors of a heading and 6 keys, 4 pulses of 8, 4 contacts of 4, and 9
  /// other sections with fewer than 10 keys each, are 250.
  public static var entryCount: Int { 256 }
  /// More than fit a screen help nobody; those that are not kept are counted.
  public static var problemCount: Int { 16 }
}

/// The name of a node, a bus or a sensor.
public typealias Name = FixedText<24>
/// A path of a file or folder.
public typealias PathText = FixedText<184>
/// A path that fits a Unix socket's address.
public typealias SocketPathText = FixedText<107>
/// A gateway's address.
public typealias URLText = FixedText<160>
