import FixedMemory
import Testing

@testable import NodeConfiguration

/// A board with what hats are wired to, and what is wrong with some.
private let board =
  smallestBoard + """
    [gpio.reset]
    chip = c
    line = 1
    [gpio.busy]
    chip = c
    line = 2
    [gpio.dio]
    chip = c
    line = 3
    [gpio.simulated]
    chip = c.sock
    line = 3
    [led]
    line = reset
    [serial.usb0]
    device = /dev/ttyUSB0
    [spi.fast]
    device = /dev/spidev0.0
    [spi.slow]
    device = /dev/spidev0.1
    speed = 99 kHz
    [spi.stick]
    usb = ch341-spi.sock
    [lora.hat]
    chip = sx1262
    spi = fast
    busy = busy
    interrupt = dio
    [lora.led]
    chip = sx1262
    spi = fast
    busy = busy
    reset = reset
    [lora.mixed]
    chip = sx1262
    spi = fast
    busy = busy
    interrupt = simulated
    [lora.slow]
    chip = sx1276
    spi = slow
    [lora.gateway]
    chip = sx1302
    spi = fast

    """

private func found(_ more: String, model: String = "sx1262", board text: String = board)
  -> [String]
{
  var problems = ProblemList()
  let site =
    smallestSite + """
      [radio]
      model = \(model)
      region = EU868
      transmit_power = 14 dBm
      antenna_gain = 2 dBi
      \(more)

      """
  let configuration = SiteConfiguration(parsing: Array(site.utf8).span, problems: &problems)
  let profile = BoardProfile(
    parsing: Array(text.utf8).span, runFolder: FixedText("/run/cairn"), problems: &problems)
  configuration.check(against: profile, problems: &problems)
  return list(problems).filter { $0.severity == .refusal }.map { "\($0.line) \($0.message)" }
}

@Suite struct RadioWiringTests {
  @Test func aWiringThatFitsIsTakenAndIsThePlaceOfTheRadio() {
    #expect(found("wiring = hat\ntransmit = yes") == [])
    #expect(found("wiring = hat", model: "SX1262") == [])
    var problems = ProblemList()
    let text = smallestSite + "[radio]\nwiring = hat\nport = usb0\n"
    let site = SiteConfiguration(parsing: Array(text.utf8).span, problems: &problems)
    #expect(site.radio?.place == Name("hat"))
  }

  private static let mistakes: [(String, String, String)] = [
    (
      "wiring = hut", "sx1262",
      "8 wiring: \"hut\" is missing in the profile of board test. Nearest: hat"
    ),
    (
      "wiring = gateway", "sx1262",
      "8 wiring: [lora.gateway] is a concentrator: the agent drives no such, a packet forwarder does"
    ),
    (
      "wiring = hat", "sx1276",
      "4 model: \"sx1276\" is not what [lora.hat] has. Write sx1262, or name another wiring"
    ),
    (
      "wiring = hat", "RAK3172",
      "4 model: \"RAK3172\" is not what [lora.hat] has. Write sx1262, or name another wiring"
    ),
    (
      "wiring = hat\nport = usb0", "sx1262",
      "9 port and wiring exclude each other: a module has a serial line, a chip a wiring"
    ),
    (
      "wiring = slow", "sx1276",
      "8 wiring: [lora.slow] has an SPI bus slower than 100 kHz: a frame would take too long"
    ),
    (
      "wiring = mixed", "sx1262",
      "8 wiring: [lora.mixed] has lines of several kinds: all of the kernel's chips, or all of one "
        + "simulator's"
    ),
    (
      "wiring = led", "sx1262",
      "8 wiring: [lora.led] needs the line reset, which is the LED's"
    ),
    (
      "wiring = hat\n[pulse.rain]\nline = dio", "sx1262",
      "8 wiring: [lora.hat] needs the line dio, which [pulse.rain] has"
    ),
    (
      "wiring = hat\n[contact.lid]\nline = busy", "sx1262",
      "8 wiring: [lora.hat] needs the line busy, which [contact.lid] has"
    ),
    (
      "transmit = yes", "sx1262",
      "8 transmit: the radio has no line: name one with port or wiring, or leave this away"
    ),
  ]

  @Test(arguments: mistakes)
  func aWiringThatDoesNotFitIsRefusedInItsLine(more: String, model: String, expected: String) {
    #expect(found(more, model: model) == [expected])
  }

  @Test func aBoardWithoutWiringsSaysSo() {
    #expect(
      found("wiring = hat", board: smallestBoard) == [
        "8 wiring: \"hat\" is missing in the profile of board test: it has no [lora.NAME]"
      ])
  }

  @Test func aModuleIsKnownByTheNameThatIsPrintedOnIt() {
    func model(_ name: String) -> RadioModel? { RadioModel(Array(name.utf8).span) }
    for raw in 0..<RadioChip.count {
      let chip = RadioChip(rawValue: UInt8(raw))
      let name = chip?.text.string ?? ""
      #expect(model(name)?.chip == chip && model(name.uppercased())?.chip == chip)
      #expect(model(name)?.band == .any)
    }
    for name in ["SX1278", "RFM96", "RFM96W", "RFM98", "RFM98W"] {
      #expect(model(name)?.chip == .sx1276 && model(name)?.band == .low)
    }
    for name in ["RFM95", "rfm95w"] {
      #expect(model(name)?.chip == .sx1276 && model(name)?.band == .high)
    }
    #expect(model("SX1279")?.chip == .sx1276)
    for name in ["", "SX1277", "sx1276x", "rak3172", "rfm69"] { #expect(model(name) == nil) }
  }
}
