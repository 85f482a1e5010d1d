import FixedMemory
import GatewayStore
import Identity
import Proofs

/// The gateway's own log as JSON objects of the API.
enum LogJSON {
  static func head(_ head: LogHead) -> JSONText {
    .object([
      ("size", .unsigned(head.size)), ("root", .text(head.root.hexadecimal)),
      ("utc", DeviceJSON.utc(head.utcMilliseconds)),
      ("publicKey", .text(head.key.bytes.hexadecimal)),
      ("head", .text(head.message.hexadecimal)),
    ])
  }

  static func leaf(_ leaf: LogLeaf) throws -> JSONText {
    .object([
      ("index", .unsigned(leaf.index)), ("kind", .text(leaf.kind.name)),
      ("utc", DeviceJSON.utc(leaf.utcMilliseconds)), ("hash", .text(leaf.hash.hexadecimal)),
      ("document", .text(leaf.document.hexadecimal)),
      ("documentHashes", .array(try leaf.documentHashes.map { .text($0.hexadecimal) })),
    ])
  }

  static func keys(_ chain: OwnKeyChain) -> JSONText {
    let first = JSONText.object([("publicKey", .text(chain.firstKey.bytes.hexadecimal))])
    let others = chain.changes.map { change in
      JSONText.object([
        ("publicKey", .text(change.key.bytes.hexadecimal)), ("leaf", .unsigned(change.index)),
        ("utc", DeviceJSON.utc(change.utcMilliseconds)),
        ("change", .text(change.message.hexadecimal)),
      ])
    }
    return .object([("keys", .array([first] + others))])
  }

  static func challenge(_ issued: IssuedChallenge) throws -> JSONText {
    .object(
      try challengeMembers(issued) + [("challenge", .text(issued.message.hexadecimal))])
  }

  /// What the answer and the event have in common.
  static func challengeMembers(_ issued: IssuedChallenge) throws -> [(String, JSONText)] {
    let challenge = issued.challenge
    return [
      ("number", .unsigned(challenge.number)),
      ("region", .text(String(decoding: challenge.region.span.array, as: UTF8.self))),
      ("issuedUTC", DeviceJSON.utc(challenge.issuedUTCMilliseconds)),
      ("validSeconds", .unsigned(UInt64(challenge.validSeconds))),
      ("nonce", .text(challenge.nonce.hexadecimal)), ("leaf", .unsigned(issued.leaf)),
      ("hash", .text(try COSESign1.hash(of: issued.message.span).hexadecimal)),
    ]
  }

  /// One version of a node, as it came.
  static func enrolment(_ held: HeldEnrolment) -> JSONText {
    let enrolment = held.enrolment
    return .object([
      ("version", .unsigned(enrolment.version)), ("hash", .text(held.hash.hexadecimal)),
      ("device", .text(held.keyHash.hexadecimal)),
      ("receivedUTC", DeviceJSON.utc(held.receivedUTCMilliseconds)),
      ("owner", held.owner.map { .text($0.bytes.hexadecimal) } ?? .null),
      ("place", enrolment.place.map { DeviceJSON.place($0) } ?? .null),
      ("radio", enrolment.radio.map { radio($0) } ?? .null),
      ("validFromUTC", enrolment.validFromUTCMilliseconds.map { DeviceJSON.utc($0) } ?? .null),
      ("message", .text(held.message.hexadecimal)),
    ])
  }

  static func radio(_ radio: RadioSetup) -> JSONText {
    func hundredths(_ number: Int16) -> JSONText {
      .decimal(ScaledInteger(Int64(number), powerOfTen: -2))
    }
    return .object([
      ("model", .text(String(decoding: radio.model.span.array, as: UTF8.self))),
      ("region", .text(String(decoding: radio.region.span.array, as: UTF8.self))),
      ("transmitPowerDBm", hundredths(radio.transmitPowerHundredthsDBm)),
      ("antennaGainDBi", hundredths(radio.antennaGainHundredthsDBi)),
      ("cableLossDB", hundredths(radio.cableLossHundredthsDB)),
    ])
  }
}
