import Foundation
import LinuxPlatform
import Testing

/// What the radio hangs on, while no agent says how it is.
@Suite struct DoctorRadioPartTests {
  private func node(_ radio: String, _ parts: String = "") throws -> DoctorNode {
    let node = try DoctorNode(
      sensors: DoctorNode.air + """

        [radio]
        region = EU868
        transmit_power = 14 dBm
        antenna_gain = 2.15 dBi
        \(radio)

        """)
    let profile = try String(contentsOfFile: node.node.path("profile.ini"), encoding: .utf8)
    try node.write("profile.ini", "\(profile)\n\(parts)\n")
    return node
  }

  private static let chip = "model = sx1262\nwiring = hat"

  static var virtualHat: String {
    wiring(spi: "virtual = spi-0.sock", gpio: "spi-0-lines.sock")
  }

  private static func wiring(spi: String, gpio: String) -> String {
    """
    [spi.spi0]
    \(spi)
    [gpio.reset]
    chip = \(gpio)
    line = 0
    [gpio.busy]
    chip = \(gpio)
    line = 1
    [gpio.dio]
    chip = \(gpio)
    line = 2
    [lora.hat]
    chip = sx1262
    spi = spi0
    reset = reset
    busy = busy
    interrupt = dio
    """
  }

  private func socket(_ node: DoctorNode, _ name: String) throws -> UnixListener {
    try UnixListener(
      at: node.node.fixedPath(node.node.folder.appending(path: name)), mode: 0o660)
  }

  private func device(_ rows: DoctorNode.Rows) throws -> DoctorNode.Rows.Row {
    let found = rows.list.filter { $0.id == "radio.device" }
    #expect(found.count == 1)
    return try #require(found.first)
  }

  @Test func aChipWhoseBusIsNotThereFailsAndSaysWhatToDo() throws {
    let node = try node(
      Self.chip, Self.wiring(spi: "device = /nowhere/spidev0.0", gpio: "spi-0-lines.sock"))
    let rows = try node.run()
    let row = try device(rows)
    #expect(row.state == "failed" && row.subject == "hat", "\(rows.list)")
    #expect(row.reason == "SPI bus spi0: /nowhere/spidev0.0 is not there")
    #expect(row.remedy?.isEmpty == false)
    #expect(rows.state("radio.region") == "ok")
  }

  @Test func aChipWhoseLinesNoGPIOChipHasFails() throws {
    let node = try node(Self.chip, Self.wiring(spi: "virtual = spi-0.sock", gpio: "nowhere-gpio"))
    let listener = try socket(node, "spi-0.sock")
    let row = try device(try node.run())
    #expect(row.state == "failed")
    #expect(row.reason.hasPrefix("GPIO chip nowhere-gpio: "), "\(row.reason)")
    #expect(row.remedy?.isEmpty == false)
    _ = consume listener
  }

  @Test func aChipWhosePartsAreThereIsNotJudged() throws {
    let node = try node(
      Self.chip, Self.wiring(spi: "virtual = spi-0.sock", gpio: "spi-0-lines.sock"))
    let listener = try socket(node, "spi-0.sock")
    let row = try device(try node.run())
    #expect(row.state == "not-checked")
    #expect(row.reason.hasPrefix("SPI bus spi0: \(node.node.path("spi-0.sock"))"), "\(row.reason)")
    #expect(row.reason.hasSuffix("the agent has it, and does not answer; see above"))
    _ = consume listener
  }

  @Test func aForwarderThatDoesNotRunFailsAndOneThatDoesIsNotJudged() throws {
    let node = try node("model = RAK2287\nforwarder = yes")
    let path = node.node.path("forwarder.sock")
    let gone = try device(try node.run())
    #expect(gone.state == "failed" && gone.subject == "forwarder")
    #expect(gone.reason == "\(path) is not there: cairn-forwarder does not run")
    #expect(gone.remedy?.contains("systemctl status cairn-forwarder") ?? false)
    try node.write("forwarder.sock", "")
    let file = try device(try node.run())
    #expect(file.state == "failed" && file.reason == "\(path) is no socket")
    try node.remove("forwarder.sock")
    let listener = try socket(node, "forwarder.sock")
    let there = try device(try node.run())
    #expect(there.state == "not-checked")
    #expect(there.reason.hasPrefix("\(path) is there; the agent has it"), "\(there.reason)")
    _ = consume listener
  }
}
