import FixedMemory
import Foundation
import Testing

@testable import NodeConfiguration

private func profile(_ text: String, _ problems: inout ProblemList) -> BoardProfile {
  BoardProfile(
    parsing: Array(text.utf8).span, runFolder: FixedText("/run/cairn"), problems: &problems)
}

/// A board with two lines, an SPI bus, and what a test appends.
private let wired =
  smallestBoard + """
    [gpio.a]
    chip = pinctrl-rp1 gpiochip0
    line = 17
    [gpio.b]
    chip = pinctrl-rp1
    line = 18
    [gpio.input]
    chip = pinctrl-rp1
    line = 19
    bias = pull-up
    [spi.s]
    device = /dev/spidev0.0

    """

private func refusals(_ more: String) -> [String] {
  let firstLine = wired.split(separator: "\n", omittingEmptySubsequences: false).count
  return boardRefusals(wired + more).map { "\($0.line - firstLine + 1) \($0.reason)" }
}

@Suite struct BoardWiringTests {
  @Test func linesBusesAndRadiosAreReadAsTheyAreWritten() throws {
    var problems = ProblemList()
    let board = profile(
      wired + """
        speed = 8 MHz
        [spi.u]
        usb = ch341-spi.sock
        [i2c.u]
        usb = ch341.sock
        [led]
        line = a
        [button]
        line = input
        [lora.hat]
        chip = sx1262
        spi = s
        reset = a
        busy = b
        interrupt = input
        tcxo = 1.8 V
        dc_dc = no
        dio2_switch = no
        [spi.v]
        virtual = spi-0.sock
        """, &problems)
    #expect(list(problems) == [])
    let a = board.gpioLine(named: Name("a"))
    #expect(a?.offset == 17 && a?.chips.count == 2 && a?.chips[0].string == "pinctrl-rp1")
    #expect(a?.isActiveLow == false && a?.bias == .asIs)
    #expect(a?.isOn(chipLabelled: Array("gpiochip0".utf8).span) == true)
    #expect(a?.isOn(chipLabelled: Array("gpiochip".utf8).span) == false)
    let input = board.gpioLine(named: Name("input"))
    #expect(input?.bias == .pullUp && input?.offset == 19)
    let led = board.led
    let button = board.button
    #expect(led == Name("a") && button == Name("input"))
    let spi = board.spiBus(named: Name("s"))
    #expect(spi?.clockHertz == 8_000_000 && spi?.path.string == "/dev/spidev0.0")
    let usb = board.spiBus(named: Name("u"))
    #expect(usb?.place == .usb && usb?.path.string == "/run/cairn/ch341-spi.sock")
    #expect(usb?.clockHertz == 2_000_000)
    let bus = board.bus(named: Name("u"))
    #expect(bus?.place == .usb && bus?.path.string == "/run/cairn/ch341.sock")
    let radio = board.loRaWiring(named: Name("hat"))
    #expect(radio?.chip == .sx1262 && radio?.spi == Name("s") && radio?.reset == Name("a"))
    #expect(radio?.busy == Name("b") && radio?.interrupt == Name("input"))
    #expect(radio?.oscillatorNumber == 3 && radio?.usesBoostPin == true)
    #expect(radio?.hasConverter == false && radio?.switchesAntennaByDIO2 == false)
    let virtual = board.spiBus(named: Name("v"))
    #expect(virtual?.place == .virtual && virtual?.path.string == "/run/cairn/spi-0.sock")
  }

  @Test func aBoardWithoutLEDAndButtonHasNone() {
    var problems = ProblemList()
    let board = profile(wired, &problems)
    let (led, button) = (board.led, board.button)
    #expect(led == nil && button == nil)
    #expect(list(problems) == [])
  }

  private static let mistakes: [(String, [String])] = [
    ("[led]\nline = c", ["2 missingBus"]),
    ("[led]\nline = input", ["2 contradiction"]),
    ("[led]\nline = a\n[button]\nline = a", ["4 contradiction"]),
    ("[button]\nline = c", ["2 missingBus"]),
    ("[led]", ["1 missingKey"]),
    // The same line by the chip's other name.
    ("[gpio.c]\nchip = gpiochip0\nline = 17", ["1 contradiction"]),
    ("[gpio.c]\nchip = other\nline = 17", []),
    ("[gpio.c]\nchip = pinctrl-rp1\nline = 20", []),
    ("[gpio.c]\nchip = a b c d\nline = 17", ["2 wrongValue"]),
    ("[gpio.c]\nchip = \(String(repeating: "x", count: 31))\nline = 17", []),
    ("[gpio.c]\nchip = \(String(repeating: "x", count: 32))\nline = 17", ["2 wrongValue"]),
    ("[gpio.c]\nchip = x\nline = 1024", ["3 outOfRange"]),
    ("[gpio.c]\nchip = x\nline = 1023", []),
    ("[gpio.c]\nchip = x\nline = 1\nbias = up", ["4 wrongValue"]),
    ("[gpio.c]\nline = 1", ["1 missingKey"]),
    ("[spi.t]\nspeed = 1 MHz", ["1 missingKey"]),
    ("[spi.t]\ndevice = /dev/x\nusb = y", ["3 contradiction"]),
    ("[spi.t]\ndevice = spidev0.0", ["2 wrongValue"]),
    ("[spi.t]\ndevice = /dev/x\nspeed = 1", ["3 missingUnit"]),
    ("[spi.t]\ndevice = /dev/x\nspeed = 1 GHz", ["3 unknownUnit"]),
    ("[spi.t]\ndevice = /dev/x\nspeed = 51 MHz", ["3 outOfRange"]),
    ("[spi.t]\nvirtual = x", []),
    ("[spi.t]\nvirtual = x\nusb = y", ["3 contradiction"]),
    ("[lora.x]\nchip = sx1276\nspi = s\ntcxo = 1.8 V", ["4 contradiction"]),
    ("[lora.x]\nchip = sx1272\nspi = s\ndc_dc = no", ["4 contradiction"]),
    ("[lora.x]\nchip = sx1276\nspi = s\ndio2_switch = yes", ["4 contradiction"]),
    ("[lora.x]\nchip = sx1276\nspi = s\npa_boost = no", []),
    ("[lora.x]\nchip = sx1262\nspi = s\nbusy = b\npa_boost = no", ["5 contradiction"]),
    ("[lora.x]\nchip = sx1262\nspi = s\nbusy = b\ntcxo = 1.9 V", ["5 wrongValue"]),
    ("[lora.x]\nchip = sx1301\nspi = s\ndc_dc = yes", ["4 contradiction"]),
    ("[i2c.t]\nusb = a\nvirtual = b", ["3 contradiction"]),
    ("[i2c.t]\nusb = \(String(repeating: "x", count: 97))", ["2 outOfRange"]),
    ("[lora.x]\nchip = sx1276\nspi = s", []),
    ("[lora.x]\nchip = sx1276\nspi = t", ["3 missingBus"]),
    ("[lora.x]\nchip = sx1276\nspi = s\nreset = c", ["4 missingBus"]),
    ("[lora.x]\nchip = sx1276\nspi = s\nreset = input", ["4 contradiction"]),
    ("[lora.x]\nchip = sx1276\nspi = s\nbusy = a", ["4 contradiction"]),
    ("[lora.x]\nchip = sx1272\nspi = s\ninterrupt = c", ["4 missingBus"]),
    ("[lora.x]\nchip = sx1276\nspi = s\nreset = a\ninterrupt = a", ["1 contradiction"]),
    ("[lora.x]\nchip = sx1262\nspi = s", ["1 missingKey"]),
    ("[lora.x]\nchip = llcc68\nspi = s", ["1 missingKey"]),
    ("[lora.x]\nchip = sx1261\nspi = s\nbusy = a\ninterrupt = b", []),
    ("[lora.x]\nchip = sx1302\nspi = s\nreset = a", []),
    ("[lora.x]\nchip = sx1301\nspi = s\ninterrupt = a", ["4 contradiction"]),
    ("[lora.x]\nchip = sx1303\nspi = s\nbusy = a", ["4 contradiction"]),
    ("[lora.x]\nchip = sx9999\nspi = s", ["2 wrongValue"]),
    ("[lora.x]\nchip = sx1276", ["1 missingKey"]),
  ]

  @Test(arguments: mistakes)
  func aWiringThatCannotBeIsRefusedInItsLine(more: String, expected: [String]) {
    #expect(refusals(more) == expected, "\(boardRefusals(wired + more))")
  }

  @Test func aMissingLineIsToldWithTheNearest() {
    let found = boardRefusals(wired + "[led]\nline = inputt\n")
    #expect(
      found.map(\.message) == [
        "line: \"inputt\" is not a GPIO line of this profile. Nearest: input"
      ])
    let none = boardRefusals(smallestBoard + "[led]\nline = x\n")
    #expect(
      none.map(\.message) == [
        "line: \"x\" is not a GPIO line of this profile: it has no [gpio.NAME]"
      ])
  }

  @Test func asManySectionsAsThereIsRoomForAreTakenAndOneMoreIsRefused() {
    var text = smallestBoard
    for index in 0..<Limits.i2cBusCount { text += "[i2c.n\(index)]\ndevice = /dev/a\n" }
    for index in 0..<Limits.serialLineCount { text += "[serial.n\(index)]\ndevice = /dev/a\n" }
    for index in 0..<Limits.gpioLineCount {
      text += "[gpio.n\(index)]\nchip = c\nline = \(index)\n"
    }
    for index in 0..<Limits.spiBusCount { text += "[spi.n\(index)]\ndevice = /dev/a\n" }
    for index in 0..<Limits.loRaWiringCount {
      text += "[lora.n\(index)]\nchip = sx1276\nspi = n0\n"
    }
    text += "[led]\nline = n0\n[button]\nline = n1\n"
    #expect(boardRefusals(text) == [])
    var problems = ProblemList()
    let listing = ConfigurationListing(
      of: .board, parsing: Array(text.utf8).span, problems: &problems)
    let (sections, rows) = (listing.sections.count, listing.rows.count)
    #expect(sections == 45 && rows == 210)
    for more in [
      "[gpio.x]\nchip = d\nline = 1\n", "[spi.x]\ndevice = /d\n",
      "[lora.x]\nchip = sx1276\nspi = n0\n",
    ] {
      #expect(boardRefusals(text + more).map(\.reason) == [.tooMany])
    }
  }

  @Test func everyRadioAndEveryBiasIsTheWordThatIsWritten() {
    for index in 0..<RadioChip.count {
      let chip = RadioChip(rawValue: UInt8(index))
      #expect(chip?.text.string == Choice.radioChip.word(index).string)
    }
    #expect(RadioChip(rawValue: UInt8(RadioChip.count)) == nil)
    let biases: [(String, BoardProfile.GPIOLine.Bias)] = [
      ("as-is", .asIs), ("pull-up", .pullUp), ("pull-down", .pullDown), ("disabled", .disabled),
    ]
    for (word, bias) in biases {
      var problems = ProblemList()
      let board = profile(
        smallestBoard + "[gpio.a]\nchip = c\nline = 0\nactive_low = yes\nbias = \(word)\n",
        &problems)
      let line = board.gpioLine(named: Name("a"))
      #expect(line?.bias == bias && line?.isActiveLow == true)
    }
  }
}
