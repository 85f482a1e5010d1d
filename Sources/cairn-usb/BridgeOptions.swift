import FixedMemory
import LinuxPlatform
import LinuxUSB
import SocketPrograms
import USBBridges

/// What the program was started with.
struct BridgeOptions: SocketProgram {
  var selector: USBSelector
  var socketName = FixedText<32>("usb")
  var runFolder = FixedText<80>("/run/cairn")
  var speed = CH341Speed.kilohertz100

  enum Word { case device, name, run, speed }

  static var name: StaticString { "cairn-usb" }
  static var version: StaticString { "0.1.0" }
  static var tooLongForASocket: StaticString {
    "--run and --name together are too long for a socket"
  }
  static var tooLongForTheKernel: StaticString {
    "longer than 107 bytes: choose a shorter --run or --name"
  }
  static var socketInUse: StaticString {
    "another bridge listens there: give this one another --name"
  }

  /// A CH341 in I2C and SPI mode, if it is the only one.
  init() {
    let text = FixedText<16>("1a86:5512")
    guard let selector = USBSelector(text.span) else { stop("the usual ids are no selector") }
    self.selector = selector
  }

  /// RUN/NAME.sock.
  var socketPath: FixedPath? {
    FixedPath(runFolder.span)?.appending(name: socketName.span)?.appending(suffix: ".sock")
  }

  var contradiction: StaticString? { nil }

  static func word(_ text: Span<UInt8>) -> Word? {
    if text.equals("--device") { return .device }
    if text.equals("--name") { return .name }
    if text.equals("--run") { return .run }
    return text.equals("--speed") ? .speed : nil
  }

  mutating func isTaken(_ word: Word) -> Bool { false }

  mutating func set(_ word: Word, _ value: Span<UInt8>) -> Bool {
    switch word {
    case .device:
      guard let selector = USBSelector(value) else { return false }
      self.selector = selector
    case .name:
      guard let name = FixedText<32>(value), !value.isEmpty else { return false }
      for index in value.indices where !Self.isOfName(value[index]) { return false }
      guard value[0] != UInt8(ascii: "."), value[0] != UInt8(ascii: "-") else { return false }
      socketName = name
    case .run:
      guard let folder = FixedText<80>(value), !value.isEmpty else { return false }
      runFolder = folder
    case .speed:
      if value.equals("20") {
        speed = .kilohertz20
      } else if value.equals("100") {
        speed = .kilohertz100
      } else if value.equals("400") {
        speed = .kilohertz400
      } else if value.equals("750") {
        speed = .kilohertz750
      } else {
        return false
      }
    }
    return true
  }

  private static func isOfName(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
      UInt8(ascii: "_"):
      true
    default: false
    }
  }

  static func form(of word: Word) -> StaticString {
    switch word {
    case .device: "--device: VENDOR:PRODUCT or VENDOR:PRODUCT@WHICH, such as 1a86:5512@1-1.2"
    case .name: "--name: up to 32 letters, digits, '.', '-' and '_'"
    case .run: "--run: a folder of up to 80 bytes"
    case .speed: "--speed: 20, 100, 400 or 750 kHz"
    }
  }

  static var help: StaticString {
    """
    cairn-usb: serves the I2C bus, the SPI bus and the pins of a CH341 stick to the agent

      --device VENDOR:PRODUCT[@SERIAL or PORT]   which stick           1a86:5512
      --name NAME       the socket is NAME.sock in the run folder      usb
      --run FOLDER      whose owner is the agent's user                /run/cairn
      --speed KHZ       of the I2C bus: 20, 100, 400 or 750            100
      --version, --help

    It runs until SIGTERM, with or without the stick. Exit status: 0 asked to end, 2 command
    line, 69 no USB on this machine, 77 the socket can't be made.
    """
  }
}
