import LoRa
import Testing

@testable import Air

/// Stations at given distances from the first one, which is at the origin, all on one channel from the beginning.
struct MediumBench {
  var medium: Medium
  static let channel = AirChannel(frequencyHertz: 868_100_000, spreadingFactor: 7)

  /// Distances to the east in free space; a station each.
  init(
    eastMetres: [Double], seed: UInt64 = 1, pathLoss: PathLoss = .freeSpace,
    channel: AirChannel = MediumBench.channel, figures: AirFigureStyle = .sx126x
  ) throws {
    medium = Medium(seed: seed, pathLoss: pathLoss)
    medium.tellsMisses = true
    for metres in eastMetres {
      // At the equator, so that the distances between them are differences.
      let place = AirPlace(latitudeDegrees: 0, longitudeDegrees: 0).moved(
        metres: metres, bearingDegrees: 90)
      let number = medium.add(
        AirStation(place: place, antennaGainDecibels: 0, figures: figures))
      try medium.tune(number, to: .one(channel), atMicroseconds: 0)
    }
  }

  static func frame(
    from sender: Int, at microseconds: Int64, power: Int32 = 1_400,
    channel: AirChannel = MediumBench.channel, byteCount: Int = 24
  ) throws -> AirTransmission {
    try #require(
      AirTransmission(
        sender: sender, bytes: [UInt8](repeating: UInt8(sender), count: byteCount),
        channel: channel, powerCentidecibelMilliwatts: power, startMicroseconds: microseconds))
  }

  mutating func send(_ frame: AirTransmission) throws {
    try medium.transmit(frame)
    medium.checkInvariants()
  }

  /// Everything until the end, one moment after the other.
  mutating func finish() -> [AirEvent] {
    var events: [AirEvent] = []
    while let next = medium.nextMicroseconds {
      events += medium.advance(toMicroseconds: next)
      medium.checkInvariants()
    }
    return events
  }
}

extension [AirEvent] {
  func heard(by receiver: Int) -> [AirReception] {
    compactMap {
      guard case .heard(let reception) = $0, reception.receiver == receiver else { return nil }
      return reception
    }
  }

  func missed(by receiver: Int) -> [AirMiss.Reason] {
    compactMap {
      guard case .missed(let miss) = $0, miss.receiver == receiver else { return nil }
      return miss.reason
    }
  }
}
