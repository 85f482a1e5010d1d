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
    add("reveal", sender, evidence.reveals)
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
