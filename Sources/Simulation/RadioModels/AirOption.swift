import Air

/// What `cairn-simulate air` is told of one station: `NAME:KIND:PATH@LATITUDE,LONGITUDE[,HEIGHT]`, KIND a module or a
/// chip. Or of a device that only sends: `NAME:every=SECONDS@LATITUDE,LONGITUDE[,HEIGHT]`.
public struct AirOption: Equatable, Sendable {
  public enum Failure: Error, Equatable, CustomStringConvertible {
    case shape
    case unknownModule(String)
    case place(String)
    case interval(String)

    public var description: String {
      switch self {
      case .shape: "a station is NAME:KIND:PATH@LATITUDE,LONGITUDE[,HEIGHT]"
      case .unknownModule(let name):
        "\(name) is none of \(AirOption.kinds)"
      case .place(let text):
        "\(text) is no place: degrees north, degrees east, and metres above the ground"
      case .interval(let text): "\(text) is no number of seconds from 1 to 86400"
      }
    }
  }

  public enum Module: String, CaseIterable, Sendable {
    case rak3172
    case rn2483
    case rn2903
    case loraE5 = "lora-e5"
    case la66

    public func model(seed: UInt64) -> SerialModuleModel {
      switch self {
      case .rak3172: RAK3172Model(seed: seed)
      case .rn2483: RN2483Model(seed: seed)
      case .rn2903: RN2483Model(version: "RN2903 1.0.5 Nov 06 2018 10:45:27", seed: seed)
      case .loraE5: LoRaE5Model(seed: seed)
      case .la66: LA66Model(seed: seed)
      }
    }
  }

  public enum Chip: String, CaseIterable, Sendable {
    case sx1261, sx1262, llcc68, sx1272, sx1276

    public func model(seed: UInt64) -> RadioChipModel {
      switch self {
      case .sx1261, .sx1262: SX126xModel(seed: seed)
      case .llcc68: SX126xModel(version: "LLCC68 V2D 2D02", seed: seed)
      case .sx1272: SX127xModel(version: 0x22, seed: seed)
      case .sx1276: SX127xModel(seed: seed)
      }
    }
  }

  /// Every KIND.
  public static var kinds: String {
    (Module.allCases.map(\.rawValue) + Chip.allCases.map(\.rawValue)).joined(separator: ", ")
  }

  public enum Kind: Equatable, Sendable {
    case module(Module, path: String)
    /// The path is its SPI bus's socket; its lines are beside it (`ChipSockets`).
    case chip(Chip, path: String)
    /// Sends a LoRaWAN frame so often.
    case device(everySeconds: Int64)
  }

  public let name: String
  public let kind: Kind
  public let place: AirPlace

  public init(_ text: String) throws(Failure) {
    guard let at = text.lastIndex(of: "@") else { throw .shape }
    let words = text[..<at].split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
    guard words.count >= 2, !words[0].isEmpty else { throw .shape }
    name = String(words[0])
    if words.count == 2 {
      guard words[1].hasPrefix("every=") else { throw .shape }
      let digits = words[1].dropFirst(6)
      guard let seconds = Int64(digits), (1...86_400).contains(seconds) else {
        throw .interval(String(digits))
      }
      kind = .device(everySeconds: seconds)
    } else {
      guard !words[2].isEmpty else { throw .shape }
      if let module = Module(rawValue: String(words[1])) {
        kind = .module(module, path: String(words[2]))
      } else if let chip = Chip(rawValue: String(words[1])) {
        kind = .chip(chip, path: String(words[2]))
      } else {
        throw .unknownModule(String(words[1]))
      }
    }
    place = try Self.place(String(text[text.index(after: at)...]))
  }

  private static func place(_ text: String) throws(Failure) -> AirPlace {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { Double($0) }
    guard (2...3).contains(parts.count), numbers.count == parts.count,
      (-90...90).contains(numbers[0]), (-180...180).contains(numbers[1]),
      (0...1_000).contains(numbers.count == 3 ? numbers[2] : 0)
    else { throw .place(text) }
    return AirPlace(
      latitudeDegrees: numbers[0], longitudeDegrees: numbers[1],
      antennaHeightMetres: numbers.count == 3 ? numbers[2] : 10)
  }
}

/// Models of path loss, as `cairn-simulate air` is told them.
public enum PathLossOption: String, CaseIterable, Sendable {
  case freeSpace = "free-space"
  /// Exponent 3.2 from 40 m on.
  case logDistance = "log-distance"
  case open
  case suburban
  case urban

  public func pathLoss(shadowingDecibels: Double) -> PathLoss {
    switch self {
    case .freeSpace: .freeSpace
    case .logDistance:
      .logDistance(exponent: 3.2, referenceMetres: 40, shadowingDecibels: shadowingDecibels)
    case .open: .okumuraHata(.open, shadowingDecibels: shadowingDecibels)
    case .suburban: .okumuraHata(.suburban, shadowingDecibels: shadowingDecibels)
    case .urban: .okumuraHata(.urban, shadowingDecibels: shadowingDecibels)
    }
  }
}

/// A device that sends a LoRaWAN frame now and then, on channels and with factors of the seed's choice.
public struct AirDevice {
  public let station: Int
  private let everyMilliseconds: Int64
  private let frequenciesHertz: [UInt32]
  private var seeds: SplitMix64
  private var counter: UInt16 = 0
  public private(set) var nextMilliseconds: Int64

  public init(
    station: Int, everySeconds: Int64, frequenciesHertz: [UInt32], seed: UInt64, now: Int64
  ) {
    self.station = station
    everyMilliseconds = everySeconds * 1_000
    self.frequenciesHertz = frequenciesHertz
    seeds = SplitMix64(seed: seed)
    nextMilliseconds = now + Int64(seeds.next() % UInt64(everyMilliseconds))
  }

  /// An unconfirmed uplink of 8 encrypted bytes, when it is time; its code is the seed's too.
  public mutating func frame(now: Int64) -> AirTransmission? {
    guard now >= nextMilliseconds, !frequenciesHertz.isEmpty else { return nil }
    nextMilliseconds = now + everyMilliseconds
    let address = (0..<4).map { UInt8(truncatingIfNeeded: station >> ($0 * 8)) }
    let header: [UInt8] =
      [0x40] + address + [0x00, UInt8(counter & 0xff), UInt8(counter >> 8), 0x01]
    counter &+= 1
    let rest = (0..<12).map { _ in UInt8(truncatingIfNeeded: seeds.next()) }
    let channel = AirChannel(
      frequencyHertz: frequenciesHertz[Int(seeds.next() % UInt64(frequenciesHertz.count))],
      spreadingFactor: UInt8(7 + seeds.next() % 4))
    return AirTransmission(
      sender: station, bytes: header + rest, channel: channel, powerCentidecibelMilliwatts: 1_400,
      startMicroseconds: now * 1_000)
  }
}
