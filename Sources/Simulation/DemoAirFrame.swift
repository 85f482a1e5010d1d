import Air

/// A frame on a run's air, and what became of it at each other board: told when it is over.
public struct DemoAirFrame: Equatable, Sendable {
  public enum Fate: Equatable, Sendable {
    case heard(rssi: Int32, snr: Int32?)
    /// Heard by the radio, and not told by its module.
    case lost
    case missed(AirMiss.Reason, snr: Int?)
    /// It listened to something else, or not at all.
    case elsewhere
  }

  /// How often a board has heard another, of the frames that were for it to hear.
  public struct Receiver: Equatable, Sendable {
    public let name: String
    public let distanceMetres: Int64
    public var fate: Fate
  }

  public let number: Int
  public let sender: String
  public let transmission: AirTransmission
  public private(set) var receivers: [Receiver]

  /// A beacon by its form (docs/coverage-protocol.md, "Frame").
  public var isBeacon: Bool {
    transmission.bytes.count == 24 && transmission.bytes.starts(with: [0xe0, 0x01])
  }

  public init(
    number: Int, sender: String, transmission: AirTransmission,
    receivers: [(name: String, distanceMetres: Int64)]
  ) {
    self.number = number
    self.sender = sender
    self.transmission = transmission
    self.receivers = receivers.map {
      Receiver(name: $0.name, distanceMetres: $0.distanceMetres, fate: .elsewhere)
    }
  }

  public mutating func take(_ told: ModuleAir.Told, at receiver: String) {
    guard let index = receivers.firstIndex(where: { $0.name == receiver }) else { return }
    switch told.event {
    case .heard(let reception):
      receivers[index].fate =
        told.isTaken
        ? .heard(
          rssi: reception.rssiCentidecibelMilliwatts, snr: reception.snrCentidecibels) : .lost
    case .missed(let miss):
      receivers[index].fate = .missed(
        miss.reason, snr: Int((miss.trueSNRDecibels * 100).rounded()))
    }
  }

  /// Who sent meanwhile has not listened.
  public mutating func take(sending other: DemoAirFrame) {
    let (own, theirs) = (transmission, other.transmission)
    guard own.startMicroseconds < theirs.endMicroseconds,
      theirs.startMicroseconds < own.endMicroseconds,
      let index = receivers.firstIndex(where: { $0.name == other.sender }),
      receivers[index].fate == .elsewhere
    else { return }
    receivers[index].fate = .missed(.sending, snr: nil)
  }

  // MARK: - For a person

  /// "north   903.9 MHz SF9 11 dBm · east −93 dBm, SNR 12 · far too weak: SNR −17.2".
  public func lines() -> [DemoLine] {
    let channel = transmission.channel
    var line = DemoLine(label: "on air")
    line.append(sender, .strong)
    line.append(
      isBeacon ? " sends a beacon: " : " sends \(transmission.bytes.count) bytes: ", .quiet)
    line.append(
      "\(DemoFigures.megahertz(channel.frequencyHertz)), SF\(channel.spreadingFactor), "
        + "\(DemoFigures.decibels(transmission.powerCentidecibelMilliwatts)) dBm")
    var lines = [line]
    for receiver in receivers {
      var line = DemoLine(label: "")
      line.append("→ ", .quiet)
      line.append(receiver.name)
      line.pad(to: 22)
      line.append(Self.column(DemoFigures.kilometres(receiver.distanceMetres), 8), .quiet)
      line.pad(to: 33)
      switch receiver.fate {
      case .heard(let rssi, let snr):
        line.append("heard", .good)
        line.append("  RSSI \(Self.column(DemoFigures.decibels(rssi), 6)) dBm")
        if let snr { line.append("  SNR \(Self.column(DemoFigures.decibels(snr), 5)) dB") }
      case .lost: line.append("lost by its module", .warning)
      case .missed(let reason, let snr):
        line.append("not heard", .warning)
        line.append(": " + Self.words(reason, snr: snr, channel.spreadingFactor), .quiet)
      case .elsewhere: line.append("did not listen there", .quiet)
      }
      lines.append(line)
    }
    return lines
  }

  static func column(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  static func words(_ reason: AirMiss.Reason, snr: Int?, _ factor: UInt8) -> String {
    switch reason {
    case .tooWeak:
      "too weak" + (snr.map { ", SNR \(DemoFigures.decibels($0)) dB" } ?? "") + " at SF\(factor)"
    case .notInTime: "it began to listen too late, or left too early"
    case .sending: "it sent at the same time"
    case .busy: "it was busy with another frame"
    case .frequencyError: "the frequencies are too far apart"
    case .drowned: "another frame drowned it"
    }
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { String(UInt16($0) + 0x100, radix: 16).dropFirst() }.joined()
  }

  /// For a program.
  public var members: [DemoJSON.Member] {
    let channel = transmission.channel
    return [
      .init("from", .text(sender)), .init("beacon", .boolean(isBeacon)),
      .init("bytes", .text(Self.hexadecimal(transmission.bytes))),
      .init("frequency", .number("\(channel.frequencyHertz)")),
      .init("spreadingFactor", .number("\(channel.spreadingFactor)")),
      .init("powerCentidBm", .number("\(transmission.powerCentidecibelMilliwatts)")),
      .init(
        "receivers",
        .array(
          receivers.map { receiver in
            var members: [DemoJSON.Member] = [
              .init("name", .text(receiver.name)),
              .init("metres", .number("\(receiver.distanceMetres)")),
            ]
            switch receiver.fate {
            case .heard(let rssi, let snr):
              members.append(.init("fate", .text("heard")))
              members.append(.init("rssiCentidBm", .number("\(rssi)")))
              members.append(.init("snrCentidB", snr.map { .number("\($0)") } ?? .null))
            case .lost: members.append(.init("fate", .text("lost")))
            case .missed(let reason, let snr):
              members.append(.init("fate", .text("\(reason)")))
              members.append(.init("snrCentidB", snr.map { .number("\($0)") } ?? .null))
            case .elsewhere: members.append(.init("fate", .text("elsewhere")))
            }
            return .object(members)
          })),
    ]
  }
}
