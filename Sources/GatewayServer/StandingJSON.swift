import CoverageStatistics
import CoverageVerifier
import GatewayStore

/// Standings of nodes and what they rest on, as JSON objects of the API.
enum StandingJSON {
  static func period(_ standings: PeriodStandings) -> [(String, JSONText)] {
    let (name, judged) = (standings.due.name, standings.judged)
    return [
      ("region", .text(name.region)), ("windowSeconds", .unsigned(UInt64(name.windowSeconds))),
      ("fromUTC", DeviceJSON.utc(name.fromUTCMilliseconds)),
      ("toUTC", DeviceJSON.utc(name.toUTCMilliseconds)),
      ("completeUTC", DeviceJSON.utc(standings.due.completeUTCMilliseconds)),
      ("complete", .boolean(standings.isComplete)),
      ("asOfUTC", DeviceJSON.utc(standings.asOfUTCMilliseconds)),
      ("logSize", .unsigned(standings.logSize)), ("tooLarge", .boolean(judged.isTooLarge)),
      ("nodeCount", .integer(Int64(judged.nodes.count))),
      ("loweredCount", .integer(Int64(judged.nodes.count(where: \.isLowered)))),
    ]
  }

  /// In the newest period that has the node; null where none has. Of one of its region that is too large nobody knows
  /// what the node weighs in it.
  static func standing(of node: String?, region: String?, in periods: [PeriodStandings])
    -> JSONText
  {
    for found in periods {
      guard let own = found.judged.nodes.first(where: { $0.node == node }) else { continue }
      return .object([("period", .object(period(found)))] + standing(own))
    }
    let large = periods.first { $0.judged.isTooLarge && $0.due.name.region == region }
    return large.map {
      .object([("period", .object(period($0))), ("weightPermille", .null)])
    } ?? .null
  }

  /// With everything that led to it; nil when nothing of the node is known in the period, unless nothing of anybody is.
  static func whole(_ node: String?, in found: PeriodStandings) -> JSONText? {
    let place = found.judged.nodes.firstIndex { $0.node == node }
    guard place != nil || found.judged.isTooLarge else { return nil }
    return .object([
      ("period", .object(period(found))),
      ("standing", place.map { .object(standing(found.judged.nodes[$0])) } ?? .null),
      ("inputs", place.map { inputs(of: $0, in: found.judged) } ?? .null),
    ])
  }

  static func standing(_ standing: NodeStanding) -> [(String, JSONText)] {
    let counts = standing.counts
    func integer(_ value: Int) -> JSONText { .integer(Int64(value)) }
    return [
      ("node", .text(standing.node)), ("devices", .array(standing.keys.map { .text($0) })),
      ("owner", standing.owner.map { .text($0) } ?? .null), ("place", place(standing)),
      ("gain", .decimal(ScaledInteger(Int64(standing.gainCentidecibels), powerOfTen: -2))),
      ("weightPermille", integer(standing.weightPermille)),
      ("lowered", .boolean(standing.isLowered)),
      (
        "failed",
        .array(standing.checks.filter { $0.outcome == .failed }.map { .text($0.name) })
      ),
      ("beacons", integer(counts.beacons)), ("sound", integer(counts.sound)),
      ("listeners", integer(counts.listeners)), ("hearers", integer(counts.hearers)),
      ("listened", integer(counts.listened)), ("heard", integer(counts.heard)),
      ("windows", integer(counts.windows)), ("skipped", integer(counts.skipped)),
      ("checks", .array(standing.checks.map(check))),
    ]
  }

  private static func place(_ standing: NodeStanding) -> JSONText {
    guard let latitude = standing.latitudeE7, let longitude = standing.longitudeE7 else {
      return .null
    }
    return .object([
      ("latitude", .decimal(ScaledInteger(Int64(latitude), powerOfTen: -7))),
      ("longitude", .decimal(ScaledInteger(Int64(longitude), powerOfTen: -7))),
    ])
  }

  static func check(_ check: VerdictCheck) -> JSONText {
    .object([
      ("name", .text(check.name)), ("outcome", .text(check.outcome.rawValue)),
      ("words", .text(StatisticWords.sentence(check))),
      ("figures", .object(check.figures.map { ($0.name, value($0.value)) })),
    ])
  }

  private static func value(_ value: VerdictCheck.Value) -> JSONText {
    switch value {
    case .number(let number): .integer(number)
    case .text(let text): .text(text)
    case .none: .null
    }
  }

  /// All that a node's own links and draws brought in; what an area has besides is in the archive.
  static func inputs(of node: Int, in judged: JudgedPeriod) -> JSONText {
    var sent: [Int: [CoveragePeriod.Observation]] = [:]
    var heard: [Int: [CoveragePeriod.Observation]] = [:]
    for observation in judged.input.observations {
      let (sender, witness) = (Int(observation.sender), Int(observation.witness))
      if sender == node { sent[witness, default: []].append(observation) }
      if witness == node { heard[sender, default: []].append(observation) }
    }
    func links(_ links: [Int: [CoveragePeriod.Observation]]) -> JSONText {
      .array(
        links.sorted { $0.key < $1.key }.map { other, observations in
          .object([
            ("node", .text(judged.nodes[other].node)),
            ("metres", metres(node, other, judged)),
            (
              "observations",
              .array(observations.sorted { $0.number < $1.number }.map(observation))
            ),
          ])
        })
    }
    let draws = judged.input.draws.filter { $0.node == node }.sorted { $0.number < $1.number }
    return .object([
      ("asSender", links(sent)), ("asWitness", links(heard)),
      (
        "draws",
        .array(
          draws.map { draw in
            .object([
              ("number", .unsigned(UInt64(draw.number))),
              ("powerStep", .integer(Int64(draw.powerStep))),
              ("spreadingFactor", .unsigned(UInt64(draw.spreadingFactor))),
              ("sent", .boolean(draw.wasSent)),
            ])
          })
      ),
    ])
  }

  private static func metres(_ node: Int, _ other: Int, _ judged: JudgedPeriod) -> JSONText {
    guard let from = judged.input.nodes[node].place, let to = judged.input.nodes[other].place
    else { return .null }
    return .integer(Geometry.distanceMetres(from, to))
  }

  /// Powers in dBm, ratios in dB, errors in Hz.
  private static func observation(_ observation: CoveragePeriod.Observation) -> JSONText {
    func decibels(_ value: Int32?) -> JSONText {
      .optional(value.map { ScaledInteger(Int64($0), powerOfTen: -2) })
    }
    let reception = observation.reception
    return .object([
      ("number", .unsigned(UInt64(observation.number))),
      ("power", decibels(observation.powerCentidecibelMilliwatts)),
      ("spreadingFactor", .unsigned(UInt64(observation.spreadingFactor))),
      ("frequency", .unsigned(UInt64(observation.frequencyHertz))),
      ("heard", .boolean(reception != nil)),
      ("signal", decibels(reception?.signalCentidecibelMilliwatts)),
      ("snr", decibels(reception?.snrCentidecibels)),
      ("frequencyError", reception?.frequencyErrorHertz.map { .integer(Int64($0)) } ?? .null),
    ])
  }
}
