import CLinux
import FixedMemory
import LinuxPlatform
import LinuxUSB
import USBBridges

/// The version that `--version` gives.
var bridgeVersion: StaticString { "0.1.0" }

/// How the program ends (docs/architecture.md): systemd decides by it whether to start it anew.
enum BridgeExit: Int32 {
  case success = 0
  case usage = 2
  /// This machine has no USB, or libusb can't be started.
  case unavailable = 69
  case refused = 77
}

/// Writes one line to standard error, if there is one, and ends the program.
func endProgram(_ status: BridgeExit, _ message: Span<UInt8> = Span()) -> Never {
  if !message.isEmpty {
    var text = TextBuilder<512>()
    text.append("cairn-usb: ")
    text.append(message)
    text.append("\n")
    // The status says it too, when nobody reads the line.
    do throws(SystemError) { try StandardStream.error.write(text) } catch {}
  }
  exit(status.rawValue)
}

/// What the program was started with.
struct BridgeOptions {
  var selector: USBSelector
  var name = FixedText<32>("usb")
  var runFolder = FixedText<80>("/run/cairn")
  var speed = CH341Speed.kilohertz100

  /// RUN/NAME.sock; nil when that is too long.
  var socketPath: FixedPath? {
    FixedPath(runFolder.span)?.appending(name: name.span)?.appending(suffix: ".sock")
  }

  private enum Word { case device, name, run, speed }

  /// Reads the command line, or ends the program.
  static func read() -> BridgeOptions {
    var options = BridgeOptions(selector: standardSelector)
    var awaited: Word?
    do throws(FileFailure) {
      let arguments = try ProgramArguments()
      for index in 1..<max(1, arguments.count) {
        if let word = awaited {
          guard options.set(word, arguments[index]) else { usage(arguments[index], word) }
          awaited = nil
        } else {
          awaited = word(arguments[index])
        }
      }
    } catch { usage("the command line can't be read, or is longer than 4096 bytes") }
    if awaited != nil { usage("the last option needs a value; see --help") }
    return options
  }

  /// A CH341 in I2C and SPI mode, if it is the only one.
  private static var standardSelector: USBSelector {
    let text = FixedText<16>("1a86:5512")
    guard let selector = USBSelector(text.span) else { stop("the usual ids are no selector") }
    return selector
  }

  private static func word(_ text: Span<UInt8>) -> Word {
    if text.equals("--device") { return .device }
    if text.equals("--name") { return .name }
    if text.equals("--run") { return .run }
    if text.equals("--speed") { return .speed }
    if text.equals("--help") { show(help) }
    if text.equals("--version") { show("cairn-usb ", bridgeVersion) }
    var message = TextBuilder<256>()
    message.append("unknown argument ")
    message.append(untrusted: text)
    message.append("; see --help")
    endProgram(.usage, message.span)
  }

  private mutating func set(_ word: Word, _ value: Span<UInt8>) -> Bool {
    switch word {
    case .device:
      guard let selector = USBSelector(value) else { return false }
      self.selector = selector
    case .name:
      guard let name = FixedText<32>(value), !value.isEmpty else { return false }
      for index in value.indices where !Self.isOfName(value[index]) { return false }
      guard value[0] != UInt8(ascii: "."), value[0] != UInt8(ascii: "-") else { return false }
      self.name = name
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

  private static func usage(_ value: Span<UInt8>, _ word: Word) -> Never {
    var message = TextBuilder<384>()
    switch word {
    case .device:
      message.append("--device: VENDOR:PRODUCT or VENDOR:PRODUCT@WHICH, such as 1a86:5512@1-1.2")
    case .name: message.append("--name: up to 32 letters, digits, '.', '-' and '_'")
    case .run: message.append("--run: a folder of up to 80 bytes")
    case .speed: message.append("--speed: 20, 100, 400 or 750 kHz")
    }
    message.append(", not ")
    message.append(untrusted: value)
    endProgram(.usage, message.span)
  }

  private static func usage(_ why: StaticString) -> Never {
    var message = TextBuilder<128>()
    message.append(why)
    endProgram(.usage, message.span)
  }

  private static func show(_ first: StaticString, _ second: StaticString = "") -> Never {
    // Nothing is left to do when standard output is closed.
    do throws(SystemError) {
      try StandardStream.output.write(first)
      try StandardStream.output.write(second)
      try StandardStream.output.write("\n")
    } catch {}
    endProgram(.success)
  }

  private static var help: StaticString {
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
