import Foundation

/// The configuration of the node that a run shows (docs/configuration.md).
public enum DemoSite {
  /// How long a batch is filled.
  public static let batchSeconds = 2

  private static let pieceNames = ["first", "second", "third", "fourth"]

  private static func degrees(_ value: Double) -> String { String(format: "%.7f", value) }

  /// `address` is the gateway's, host and port; `publicKey` its key in hexadecimal; `authorization` what the owner
  /// has signed, in at most four pieces.
  public static func text(
    address: String, publicKey: String, authorization: [String], node: DemoNode,
    transmits: Bool
  ) -> String {
    let pieces = zip(pieceNames, authorization).map { name, piece in
      "authorization_\(name) = \(piece)"
    }
    return """
      # Written by `cairn-simulate run` at each start: changes are lost.

      [gateway]
      url = http://\(address)
      public_key = \(publicKey)

      [node]
      name = \(node.name)

      # What the owner has signed: this gateway may take one node of the owner's.
      [enrolment]
      \(pieces.joined(separator: "\n"))

      # Around JFK airport, where the weather was observed.
      [place]
      latitude = \(degrees(node.place.latitudeDegrees))
      longitude = \(degrees(node.place.longitudeDegrees))
      elevation = \(node.elevationMetres) m
      height = \(Int(node.place.antennaHeightMetres)) m

      [radio]
      model = \(node.radioModel)
      region = \(DemoNode.region)
      transmit_power = \(DemoNode.transmitPower)
      antenna_gain = \(DemoNode.antennaGain)
      \(node.hasChip ? "wiring = chip" : "port = radio")
      transmit = \(transmits ? "yes" : "no")

      # Short, so that there is something to see.
      [batch]
      interval = \(batchSeconds) s

      [commit]
      interval = 1 s

      [delivery]
      connect_timeout = 5 s
      timeout = 10 s

      [spool]
      size = 4 MiB
      segment = 256 KiB

      [clock]
      interval = 1 s

      [gnss]
      port = gnss
      position_interval = 30 s

      [sensor.air]
      chip = bme280
      bus = i2c-1
      interval = 1 s

      [sensor.room]
      chip = sht3x
      bus = i2c-1
      interval = 1 s

      # A result comes every 5 s; asked too early it is not ready, which is a fault leaf and not the last value.
      [sensor.carbon-dioxide]
      chip = scd4x
      bus = i2c-1
      interval = 5 s

      # One tip of the bucket is 0.2794 mm.
      [pulse.rain]
      line = rain-gauge
      quantity = rain
      per_pulse = 0.2794
      interval = 3 s

      [contact.lid]
      line = lid
      tamper = yes

      """
  }
}
