import Coverage
import CoverageVerifier
import FixedMemory
import GatewayStore
import Identity
import Proofs

/// Beacons and what they are judged by, as JSON objects of the API.
enum CoverageJSON {
  /// A verdict with all that led to it.
  static func verdict(_ judged: JudgedBeacon) throws -> JSONText {
    .object([
      ("id", .text(judged.name.text)), ("due", due(judged)),
      ("verdict", .encoded(String(decoding: try judged.verdict.json, as: UTF8.self))),
      ("inputs", inputs(judged)),
    ])
  }

  /// A beacon in a list; before its reveal is due no more than that there is one.
  static func beacon(_ judged: JudgedBeacon, isOpen: Bool) -> JSONText {
    guard isOpen else {
      return .object([
        ("id", .text(judged.name.text)), ("due", due(judged)), ("outcome", .text("not-due")),
      ])
    }
    let verdict = judged.verdict
    let counted = verdict.witnesses.filter(\.counts)
    return .object([
      ("id", .text(judged.name.text)), ("due", due(judged)),
      ("outcome", .text(verdict.outcome.rawValue)),
      ("reason", verdict.reason.map { .text($0.rawValue) } ?? .null),
      ("words", verdict.reason.map { .text($0.words) } ?? .null),
      ("simulated", .boolean(verdict.isSimulated)),
      ("witnesses", .integer(Int64(counted.count))),
      ("weightPermille", .integer(Int64(counted.reduce(0) { $0 + $1.weightPermille }))),
      ("refusedWitnesses", counts(verdict.witnesses.compactMap { $0.reason?.rawValue })),
      ("silentListeners", .integer(Int64(verdict.silentListeners.count))),
      ("heard", .array(judged.heard.map { heard($0) })),
    ])
  }

  static func counts(_ reasons: [String]) -> JSONText {
    let counted = Dictionary(grouping: reasons) { $0 }.mapValues(\.count)
    return .object(counted.sorted { $0.key < $1.key }.map { ($0.key, .integer(Int64($0.value))) })
  }

  /// Powers in dBm, ratios in dB, as decimals.
  private static func heard(_ heard: HeardBeacon) -> JSONText {
    func decibels(_ value: Int32?) -> JSONText {
      .optional(value.map { ScaledInteger(Int64($0), powerOfTen: -2) })
    }
    let witness = heard.witness
    return .object([
      ("device", .text(witness.key)), ("node", witness.node.map { .text($0) } ?? .null),
      ("rssi", decibels(heard.reception.rssiCentidecibelMilliwatts)),
      ("snr", decibels(heard.reception.snrCentidecibels)),
      ("frequencyError", heard.reception.frequencyErrorHertz.map { .integer(Int64($0)) } ?? .null),
      ("metres", witness.distanceMetres.map { .integer($0) } ?? .null),
      ("signal", decibels(witness.signalCentidecibelMilliwatts)),
      ("freeSpace", decibels(witness.freeSpaceCentidecibelMilliwatts)),
      ("counts", .boolean(witness.counts)),
      ("weightPermille", .integer(Int64(witness.weightPermille))),
      ("reason", witness.reason.map { .text($0.rawValue) } ?? .null),
      ("words", witness.reason.map { .text($0.words) } ?? .null),
      ("simulated", .boolean(witness.isSimulated)),
    ])
  }

  static func due(_ judged: JudgedBeacon) -> JSONText {
    judged.window.map { DeviceJSON.utc($0.revealUTCMilliseconds) } ?? .null
  }

  private static func inputs(_ judged: JudgedBeacon) -> JSONText {
    let evidence = judged.evidence
    let sender = evidence.sender.keyHash
    var leaves: [JSONText] = []
    func add<Value>(_ kind: String, _ device: Digest, _ all: [ArchivedLeaf<Value>]) {
      leaves += all.map { leaf(kind, device, $0) }
    }
    add("challenge", sender, evidence.challengeLeaves)
    add("intent", sender, evidence.intents)
    add("sent", sender, evidence.sents)
    add("reveal", sender, evidence.reveals + evidence.earlyReveals)
    for witness in evidence.witnesses { add("witness", witness.node.keyHash, [witness.leaf]) }
    for listener in evidence.listeners { add("listen", listener.keyHash, [listener.leaf]) }
    let airtimes = evidence.airtimes.map { airtime in
      JSONText.object([
        ("startUTC", DeviceJSON.utc(airtime.startUTCMilliseconds)),
        ("frequency", .unsigned(UInt64(airtime.frequencyHertz))),
        ("microseconds", .unsigned(UInt64(airtime.microseconds))),
      ])
    }
    return .object([
      ("challenge", judged.challenge.map { .text($0.message.hexadecimal) } ?? .null),
      ("challengeLeaf", .optional(judged.challenge?.logLeaf)),
      ("plan", .text("\(evidence.plan.region.name)")), ("sender", node(evidence.sender)),
      ("witnesses", .array(evidence.witnesses.map { node($0.node) })),
      ("leaves", .array(leaves)), ("airtimes", .array(airtimes)),
    ])
  }

  private static func leaf<Value>(
    _ kind: String, _ device: Digest, _ leaf: ArchivedLeaf<Value>
  ) -> JSONText {
    .object([
      ("kind", .text(kind)), ("device", .text(device.hexadecimal)),
      ("epoch", .unsigned(leaf.epoch)), ("leaf", .unsigned(leaf.index)),
      ("boot", .unsigned(leaf.boot)), ("t", .integer(leaf.milliseconds)),
      ("standing", .text(standing(leaf.standing))),
      ("receiptUTC", leaf.receiptUTCMilliseconds.map { DeviceJSON.utc($0) } ?? .null),
      ("simulated", .boolean(leaf.isSimulated)),
    ])
  }

  private static func standing(_ standing: LogStanding) -> String {
    switch standing {
    case .sound: "sound"
    case .badSignature: "bad-signature"
    case .notIncluded: "not-included"
    case .forked: "fork"
    case .gapAround: "gap-around"
    }
  }

  private static func node(_ node: NodeEvidence) -> JSONText {
    var members: [(String, JSONText)] = [("device", .text(node.keyHash.hexadecimal))]
    members.append(("node", hash(node.node)))
    members.append(("owner", hash(node.owner)))
    members.append(("revokedUTC", node.revokedUTCMilliseconds.map { DeviceJSON.utc($0) } ?? .null))
    members.append(("place", node.place.map { DeviceJSON.place($0) } ?? .null))
    members.append(("radio", node.radio.map { LogJSON.radio($0) } ?? .null))
    members.append(("anchors", .array(node.anchors.map { anchor($0) })))
    members.append(("clocks", .array(node.clocks.map { clock($0) })))
    members.append(("positions", .array(node.positions.map { position($0) })))
    return .object(members)
  }

  private static func hash(_ hash: Digest?) -> JSONText {
    hash.map { .text($0.hexadecimal) } ?? .null
  }

  private static func anchor(_ entry: EnrolledAnchor) -> JSONText {
    .object([
      ("first", .unsigned(entry.anchor.firstLink)),
      ("anchor", .text(entry.anchor.value.hexadecimal)),
      ("loggedUTC", DeviceJSON.utc(entry.loggedUTCMilliseconds)),
    ])
  }

  private static func clock(_ clock: ClockFix) -> JSONText {
    .object([
      ("epoch", .unsigned(clock.epoch)), ("boot", .unsigned(clock.boot)),
      ("t", .integer(clock.milliseconds)), ("utc", DeviceJSON.utc(clock.utcMilliseconds)),
      ("uncertaintyMilliseconds", .unsigned(clock.uncertaintyMilliseconds)),
    ])
  }

  private static func position(_ fix: PositionFix) -> JSONText {
    .object([
      ("utc", DeviceJSON.utc(fix.utcMilliseconds)),
      ("latitude", .decimal(ScaledInteger(Int64(fix.latitudeE7), powerOfTen: -7))),
      ("longitude", .decimal(ScaledInteger(Int64(fix.longitudeE7), powerOfTen: -7))),
    ])
  }
}
