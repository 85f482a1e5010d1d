import AgentMessages
import Coverage
import Foundation
import LinuxPlatform
import Proofs
import Radios
import Records
import Testing

/// What tests of an agent with a radio chip behind SPI and lines have in common: the node, and questions to it.
protocol ChipBench {}

extension ChipBench {
  /// - `more`: lines of [radio]; `before`: sections of the site file; `buses`: sections of the board profile.
  func node(
    chip: String = "sx1262", model: String? = nil, more: String = "", before: String = "",
    buses: String = ""
  ) throws -> AgentNode {
    let node = try AgentNode(
      site: """
        \(before)
        [radio]
        model = \(model ?? chip)
        region = EU868
        transmit_power = 14 dBm
        antenna_gain = 2.15 dBi
        wiring = hat
        \(more)
        """)
    let busy = chip.hasPrefix("sx127") ? "" : "busy = busy"
    try node.writeBoard(
      """
      \(buses)
      [serial.usb0]
      device = \(node.path("dev/radio"))
      [spi.spi0]
      virtual = spi-0.sock
      [gpio.reset]
      chip = spi-0-lines.sock
      line = 0
      [gpio.busy]
      chip = spi-0-lines.sock
      line = 1
      [gpio.dio]
      chip = spi-0-lines.sock
      line = 2
      [lora.hat]
      chip = \(chip)
      spi = spi0
      reset = reset
      \(busy)
      interrupt = dio
      """)
    return node
  }

  func radio(_ connection: borrowing UnixConnection) throws -> RadioStatus {
    try connection.send(.statusRequest)
    return try #require(try connection.receiveStatus().radio)
  }

  func until(_ isSo: () throws -> Bool) throws -> Bool {
    for _ in 0..<60_000 {
      if try isSo() { return true }
      usleep(1000)
    }
    return false
  }

  func until(
    _ connection: borrowing UnixConnection, _ isSo: (RadioStatus) throws -> Bool
  ) throws -> Bool {
    for _ in 0..<60_000 {
      if try isSo(try radio(connection)) { return true }
      usleep(1000)
    }
    return false
  }

  func untilListening(_ connection: borrowing UnixConnection) throws -> Bool {
    try until(connection) { $0.stateNumber == RadioState.listening.rawValue }
  }

  func beacon(_ key: UInt8) -> [UInt8] {
    let frame = BeaconFrame(
      seed: SHA256.hash([key, 2].span), keyHash: SHA256.hash([key].span), number: 7)
    return (0..<24).map { frame.bytes[$0] }
  }

  func faults(_ node: AgentNode) throws -> [UInt64] {
    try node.leaves().compactMap(\.fault).filter { $0.schema == 33 }.map(\.codeNumber)
  }
}
