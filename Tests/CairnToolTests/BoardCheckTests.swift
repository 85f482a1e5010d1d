import Foundation
import LinuxPlatform
import Testing

@testable import cairn

private let pi4 = "raspberrypi,4-model-b\0brcm,bcm2711\0"
private let header = "[board]\nname = test\ncompatible = raspberrypi,4-model-b maker,board\n"
private let unnamed = "[board]\nname = test\n"
private let gateway = "[gateway]\nurl = https://gateway.example\n"

private func site(bus: String, optional: Bool = false) -> String {
  gateway + "[sensor.air]\nchip = bme280\nbus = \(bus)\noptional = \(optional ? "yes" : "no")\n"
}

@Suite struct BoardCheckTests {
  @Test func aBoardWithAllItsPartsIsGood() throws {
    let machine = try EmulatedMachine(tree: pi4)
    for name in ["i2c-1", "ttyS0", "spidev0.0"] { try machine.addDevice("dev/\(name)") }
    try machine.addDevice("dev/serial0", leadingTo: "ttyS0")
    try machine.addChip("gpiochip0", label: "pinctrl-bcm2711", lineCount: 58)
    try machine.write("10000000abcdef01\0", to: "proc/device-tree/serial-number")
    try machine.write("0353", to: "cid")
    let found = try machine.check(
      header + """
        card_file = /cid
        [i2c.i2c-1]
        device = /dev/i2c-1
        [serial.serial0]
        device = /dev/serial0
        [spi.s]
        device = /dev/spidev0.0
        [gpio.lamp]
        chip = other pinctrl-bcm2711
        line = 57
        [led]
        line = lamp
        """, site: site(bus: "i2c-1"))
    #expect(found.rows.map(\.state) == Array(repeating: .good, count: 7), "\(found.rows)")
    #expect(found.status == 0)
    #expect(found.row("profile test")?.reason == "is for this machine: raspberrypi,4-model-b")
    #expect(found.row("GPIO line lamp (LED)")?.reason == "pinctrl-bcm2711 line 57, free")
  }

  @Test func theProfileOfAnotherBoardIsRefusedAndNothingElseLookedAt() throws {
    let profile = header + "[i2c.a]\ndevice = /dev/i2c-1\n"
    let other = try EmulatedMachine(tree: "pine64,rock64\0rockchip,rk3328\0")
    let found = try other.check(profile)
    #expect(found.rows.count == 1 && found.status == 78 && found.isOfAnotherBoard)
    #expect(found.rows.first?.reason.hasSuffix("this machine is pine64,rock64") == true)
    try FileManager.default.createDirectory(
      at: other.folder.appending(path: "usr/share/cairn/boards"), withIntermediateDirectories: true)
    try other.write(
      "[board]\nname = r\ncompatible = pine64,rock64\n", to: "usr/share/cairn/boards/rock64.ini")
    #expect(try other.check(profile).rows.first?.remedy.contains("rock64.ini") == true)
    let none = try EmulatedMachine().check(profile)
    #expect(none.status == 78 && none.rows.first?.reason.contains("no device tree") == true)
  }

  @Test func aProfileWithoutDeviceTreeIsForWhoeverNamesIt() throws {
    let found = try EmulatedMachine().check(unnamed)
    #expect(found.status == 0 && !found.isOfAnotherBoard)
    #expect(found.row("profile test")?.state == .good)
  }

  @Test func aBusThatIsMissingFailsOnlyForASensorThatNeedsIt() throws {
    let machine = try EmulatedMachine(tree: pi4)
    let profile = header + "[i2c.i2c-1]\ndevice = /dev/i2c-1\n"
    let unused = try machine.check(profile)
    #expect(unused.row("I2C bus i2c-1")?.state == .unused && unused.status == 0)
    let optional = try machine.check(profile, site: site(bus: "i2c-1", optional: true))
    #expect(optional.row("I2C bus i2c-1")?.state == .warning && optional.status == 1)
    let needed = try machine.check(profile, site: site(bus: "i2c-1"))
    #expect(needed.row("I2C bus i2c-1")?.state == .failed && needed.status == 69)
    #expect(needed.row("I2C bus i2c-1")?.remedy.contains("dtparam=i2c_arm=on") == true)
  }

  @Test func aBusThatIsOnWithoutItsModuleAsksForTheModule() throws {
    let machine = try EmulatedMachine(tree: pi4)
    try FileManager.default.createDirectory(
      at: machine.folder.appending(path: "sys/bus/i2c/devices/i2c-1"),
      withIntermediateDirectories: true)
    let found = try machine.check(
      header + "[i2c.i2c-1]\ndevice = /dev/i2c-1\n", site: site(bus: "i2c-1"))
    #expect(found.row("I2C bus i2c-1")?.remedy.contains("modprobe i2c-dev") == true)
  }

  @Test func boardsThatAreNoRaspberryPiAreNotToldAboutConfigTxt() throws {
    let machine = try EmulatedMachine(tree: "maker,board\0")
    let found = try machine.check(
      header + "[i2c.i2c-1]\ndevice = /dev/i2c-1\n", site: site(bus: "i2c-1"))
    #expect(found.status == 69)
    #expect(found.rows.allSatisfy { !$0.remedy.contains("config.txt") }, "\(found.rows)")
  }

  @Test func whatIsNoDeviceIsNotTakenForOne() throws {
    let machine = try EmulatedMachine(tree: pi4)
    try machine.write("", to: "dev/i2c-1")
    let found = try machine.check(
      header + "[i2c.i2c-1]\ndevice = /dev/i2c-1\n", site: site(bus: "i2c-1"))
    #expect(found.row("I2C bus i2c-1")?.reason == "/dev/i2c-1 is no device")
    #expect(found.status == 69)
  }

  @Test func aSocketOfAnAdapterIsASocket() throws {
    let machine = try EmulatedMachine()
    let profile =
      unnamed
      + "[i2c.usb]\nusb = ch341.sock\n[i2c.sim]\nvirtual = sim.sock\n[spi.usb]\nusb = spi.sock\n"
    let site = site(bus: "usb") + "[sensor.b]\nchip = sht3x\nbus = sim\n"
    let missing = try machine.check(profile, site: site)
    #expect(missing.row("I2C bus usb")?.remedy.contains("cairn-usb@") == true)
    #expect(missing.row("I2C bus sim")?.remedy.contains("cairn-simulate") == true)
    #expect(missing.row("SPI bus usb")?.state == .unused && missing.status == 69)
    try machine.addDevice("run/cairn/spi.sock")
    var listeners: [Listener] = []
    for name in ["ch341.sock", "sim.sock"] {
      listeners.append(try Listener(machine.folder.path + "/run/cairn/" + name))
    }
    let there = try machine.check(profile, site: site)
    #expect(there.row("I2C bus usb")?.state == .good && there.row("I2C bus sim")?.state == .good)
    #expect(there.row("SPI bus usb")?.reason == "/run/cairn/spi.sock is no socket")
    #expect(there.status == 0 && listeners.count == 2)
  }

  @Test(arguments: [
    ("proc/consoles", "tty0    -WU (EC  p  )    4:1\nttyS0   -W- (E  p a)    4:64\n", true),
    ("proc/consoles", "ttyS00  -W- (E  p a)    4:64\n", false), ("proc/consoles", "", false),
    ("proc/cmdline", "quiet console=tty1 console=ttyS0,115200 root=/dev/x\n", true),
    ("proc/cmdline", "console=ttyS0\n", true), ("proc/cmdline", "console=serial0,115200\n", true),
    ("proc/cmdline", "console=ttyS01 xconsole=ttyS0\n", false),
  ])
  func aSerialLineWithAConsoleIsToldWhetherOrNotItIsALink(
    file: String, text: String, isConsole: Bool
  ) throws {
    let machine = try EmulatedMachine(tree: pi4)
    try machine.addDevice("dev/ttyS0")
    try machine.addDevice("dev/serial0", leadingTo: "ttyS0")
    try machine.write(text, to: file)
    let profile = header + "[serial.gnss]\ndevice = /dev/serial0\n"
    let used = try machine.check(profile, site: gateway + "[gnss]\nport = gnss\n")
    #expect(used.row("serial line gnss")?.state == (isConsole ? .warning : .good), "\(used.rows)")
    #expect(used.status == (isConsole ? 1 : 0))
    if isConsole {
      #expect(used.row("serial line gnss")?.remedy.contains("cmdline.txt") == true)
      #expect(try machine.check(profile).row("serial line gnss")?.state == .unused)
    }
  }

  @Test func aLineThatSomebodyHoldsIsToldWithItsHolder() throws {
    let machine = try EmulatedMachine(tree: pi4)
    try machine.addChip("gpiochip4", label: "pinctrl-rp1", lineCount: 54)
    let profile =
      header + "[gpio.a]\nchip = pinctrl-rp1\nline = 17\n[gpio.b]\nchip = pinctrl-rp1\nline = 54\n"
    let led = profile + "[led]\nline = a\n"
    machine.gpio.holders = ["gpiochip4 17": "spi0 CS0"]
    #expect(try machine.check(profile).row("GPIO line a")?.state == .unused)
    let held = try machine.check(led)
    #expect(held.row("GPIO line a (LED)")?.state == .warning && held.status == 1)
    #expect(held.row("GPIO line a (LED)")?.reason == "pinctrl-rp1 line 17, held by spi0 CS0")
    #expect(held.row("GPIO line b")?.reason.contains("has only 54") == true)
    machine.gpio.holders = ["gpiochip4 17": "cairn-agent"]
    #expect(try machine.check(led).row("GPIO line a (LED)")?.state == .good)
    machine.gpio.holders = ["gpiochip4 17": ""]
    #expect(
      try machine.check(led).row("GPIO line a (LED)")?.reason.hasSuffix("held by the kernel")
        == true)
    machine.gpio.holders = ["gpiochip4 17": "refused"]
    #expect(try machine.check(led).row("GPIO line a (LED)")?.state == .unknown)
  }

  @Test func theRadiosChipAsksForItsBusAndItsLines() throws {
    let machine = try EmulatedMachine(tree: pi4)
    try machine.addChip("gpiochip4", label: "pinctrl-rp1", lineCount: 54)
    machine.gpio.holders = ["gpiochip4 17": "spi0 CS0"]
    let profile =
      header + "[spi.s]\ndevice = /dev/spidev0.0\n[gpio.a]\nchip = pinctrl-rp1\nline = 17\n"
      + "[lora.hat]\nchip = sx1262\nspi = s\nbusy = a\n"
    let radio =
      gateway + "[radio]\nmodel = sx1262\nregion = EU868\ntransmit_power = 14 dBm\n"
      + "antenna_gain = 2 dBi\n"
    let unused = try machine.check(profile, site: radio)
    #expect(unused.row("SPI bus s")?.state == .unused && unused.status == 0)
    #expect(unused.row("GPIO line a")?.state == .unused)
    let used = try machine.check(profile, site: radio + "wiring = hat\n")
    #expect(used.row("SPI bus s")?.state == .warning && used.status == 1)
    #expect(used.row("SPI bus s")?.remedy.contains("dtparam=spi=on") == true)
    #expect(used.row("GPIO line a")?.state == .warning)
    #expect(used.row("GPIO line a")?.reason == "pinctrl-rp1 line 17, held by spi0 CS0")
  }

  @Test func whatAChipOrAHolderCallsItselfNeverCommandsTheTerminal() throws {
    let machine = try EmulatedMachine(tree: pi4)
    try machine.addChip("gpiochip4", label: "p\u{1b}[2J", lineCount: 54)
    try machine.addChip("gpiochip5", label: "pinctrl-rp1", lineCount: 54)
    machine.gpio.holders = ["gpiochip5 17": "\u{1b}]0;x\u{7}\u{9b}31m\n"]
    let found = try machine.check(
      header + "[gpio.a]\nchip = pinctrl-rp1\nline = 17\n[gpio.b]\nchip = other\nline = 1\n"
        + "[led]\nline = a\n")
    let words = found.rows.map { $0.reason + $0.remedy }.joined()
    #expect(words.contains("held by .]0;x") && words.contains("p.[2J"), "\(found.rows)")
    #expect(words.utf8.allSatisfy { (0x20...0x7e).contains($0) }, "\(found.rows)")
  }

  @Test func aChipWithoutItsLabelIsToldOnceWithTheLabelsThatAreThere() throws {
    let machine = try EmulatedMachine(tree: pi4)
    let profile =
      header
      + "[gpio.a]\nchip = pinctrl-rp1 rp1\nline = 1\n[gpio.b]\nchip = pinctrl-rp1\nline = 2\n"
    let none = try machine.check(profile)
    #expect(none.row("GPIO chip pinctrl-rp1")?.reason.contains("no /dev/gpiochip") == true)
    try machine.addChip("gpiochip0", label: "raspberrypi-exp-gpio", lineCount: 8)
    try machine.addChip("gpiochip1", label: "pinctrl-bcm2711", lineCount: 58)
    let found = try machine.check(profile)
    #expect(found.rows.filter { $0.subject.hasPrefix("GPIO") }.count == 1 && found.status == 1)
    #expect(
      found.row("GPIO chip pinctrl-rp1")?.remedy.hasSuffix(
        "This kernel has: raspberrypi-exp-gpio pinctrl-bcm2711") == true, "\(found.rows)")
    // A chip that may not be asked could be the one.
    try machine.addDevice("dev/gpiochip2")
    machine.gpio.chips["gpiochip2"] = .failure(SystemError(errno: 13))
    #expect(try machine.check(profile).row("GPIO chip pinctrl-rp1")?.state == .unknown)
  }

  @Test(.enabled(if: getuid() != 0, "root may open everything"))
  func whatThisUserMayNotOpenIsUnknownAndSaysWhoMay() throws {
    let machine = try EmulatedMachine()
    let listener = try Listener(machine.folder.path + "/run/cairn/a.sock")
    try FileManager.default.setAttributes(
      [.posixPermissions: 0], ofItemAtPath: machine.folder.path + "/run/cairn/a.sock")
    let found = try machine.check(unnamed + "[i2c.a]\nusb = a.sock\n", site: site(bus: "a"))
    #expect(found.row("I2C bus a")?.state == .unknown && found.status == 1)
    #expect(found.row("I2C bus a")?.remedy.contains("sudo -u cairn-agent") == true)
    withExtendedLifetime(listener) {}
  }

  @Test func rowsThatDoNotFitAreCountedAndTheirStateCounts() {
    var list = CheckList()
    for _ in 0..<96 { list.add(CheckRow()) }
    var last = CheckRow()
    last.state = .failed
    list.add(last)
    let (missing, worst, status) = (list.missingCount, list.worst, list.exitStatus)
    #expect(missing == 1 && worst == .failed && status == .unavailable)
    let good = list.count(of: .good)
    #expect(good == 96)
  }
}

/// A socket that listens, for as long as it is held.
private final class Listener {
  private let listener: UnixListener
  struct PathTooLong: Error {}

  init(_ path: String) throws {
    guard let fixed = FixedPath(Array(path.utf8).span) else { throw PathTooLong() }
    listener = try UnixListener(at: fixed, mode: 0o600)
  }
}
