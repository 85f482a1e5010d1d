/// What a gateway says of one beacon, read from `/v1/verdicts/ID` (docs/gateway.md, "Coverage").
public struct DemoVerdict: Equatable, Sendable {
  public struct Witness: Equatable, Sendable {
    /// SHA-256 of its key.
    public let key: String
    public let counts: Bool
    public let reason: String?
    public let weightPermille: Int64
    public let distanceMetres: Int64?
    public let rssiCentidecibelMilliwatts: Int64?
    public let snrCentidecibels: Int64?
    public let signalCentidecibelMilliwatts: Int64?
    public let freeSpaceCentidecibelMilliwatts: Int64?
  }

  /// Where and how it was to be sent.
  public struct Derived: Equatable, Sendable {
    public let slot: Int64
    public let frequencyHertz: Int64
    public let spreadingFactor: Int64
    public let powerCentidecibelMilliwatts: Int64
  }

  /// Key and number.
  public let id: String
  public let number: UInt64
  public let key: String
  /// "sound", "refused" or "pending".
  public let outcome: String
  public let reason: String?
  /// What the check that decided was about.
  public let failedCheck: String?
  public let checkCount: Int
  public let isSimulated: Bool
  public let derived: Derived?
  public let witnesses: [Witness]
  /// Keys of those who listened there, and have no witness leaf.
  public let silentListeners: [String]

  public init(_ json: DemoJSON) throws(DemoEvent.Failure) {
    id = try json.needed("id")
    guard let verdict = json["verdict"] else { throw .missing("verdict") }
    number = try verdict.needed("number")
    key = try verdict.needed("key")
    outcome = try verdict.needed("outcome")
    reason = verdict["reason"]?.string
    isSimulated = verdict["isSimulated"]?.isTrue ?? false
    let checks = verdict["checks"]?.elements ?? []
    checkCount = checks.count
    failedCheck = checks.first { $0["outcome"]?.string == "failed" }?["name"]?.string
    if let found = verdict["derived"], case .object = found {
      derived = Derived(
        slot: try found.needed("slot"), frequencyHertz: try found.needed("frequencyHertz"),
        spreadingFactor: try found.needed("spreadingFactor"),
        powerCentidecibelMilliwatts: try found.needed("powerCentidecibelMilliwatts"))
    } else {
      derived = nil
    }
    var witnesses: [Witness] = []
    for witness in verdict["witnesses"]?.elements ?? [] {
      witnesses.append(try Witness(witness))
    }
    self.witnesses = witnesses
    silentListeners = verdict["silentListeners"]?.elements.compactMap(\.string) ?? []
  }
}

extension DemoVerdict.Witness {
  init(_ json: DemoJSON) throws(DemoEvent.Failure) {
    key = try json.needed("key")
    counts = json["counts"]?.isTrue ?? false
    reason = json["reason"]?.string
    weightPermille = try json.needed("weightPermille")
    distanceMetres = json["distanceMetres"]?.integer
    signalCentidecibelMilliwatts = json["signalCentidecibelMilliwatts"]?.integer
    freeSpaceCentidecibelMilliwatts = json["freeSpaceCentidecibelMilliwatts"]?.integer
    // The radio's figures stand in the checks that they were put to.
    let figures = json["checks"]?.elements.flatMap { $0["figures"]?.elements ?? [] } ?? []
    func figure(_ name: String) -> Int64? {
      figures.first { $0["name"]?.string == name }?["value"]?.integer
    }
    rssiCentidecibelMilliwatts = figure("rssi")
    snrCentidecibels = figure("snr")
  }
}

/// One entry of `/v1/coverage`.
public struct DemoBeaconState: Equatable, Sendable {
  public let id: String
  /// "sound", "refused", "pending", or "not-due" as long as nothing is shown.
  public let outcome: String
  /// Of witnesses that count, by how many this one was heard.
  public let witnessCount: Int64

  public init(_ json: DemoJSON) throws(DemoEvent.Failure) {
    id = try json.needed("id")
    outcome = try json.needed("outcome")
    witnessCount = json["witnesses"]?.integer ?? 0
  }
}

/// Figures as people read them.
public enum DemoFigures {
  /// "−93.5 dBm" without its unit; a minus sign that is as wide as a digit.
  public static func decibels(_ hundredths: some BinaryInteger) -> String {
    let value = Int64(hundredths)
    let tenths = (value.magnitude + 5) / 10
    let digits = tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    return value < 0 && tenths > 0 ? "−" + digits : digits
  }

  public static func kilometres(_ metres: some BinaryInteger) -> String {
    let tenths = (Int64(metres) + 50) / 100
    return "\(tenths / 10).\(tenths % 10) km"
  }

  /// "868.1 MHz", as many digits as it needs.
  public static func megahertz(_ hertz: some BinaryInteger) -> String {
    let kilohertz = Int64(hertz) / 1_000
    var rest = String(kilohertz % 1_000 + 1_000).dropFirst()
    while rest.count > 1, rest.last == "0" { rest.removeLast() }
    return "\(kilohertz / 1_000).\(rest) MHz"
  }
}
