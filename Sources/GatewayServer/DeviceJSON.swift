import FixedMemory
import GatewayStore
import Identity
import Proofs
import Records

/// Devices, batches and forks as JSON objects of the API.
enum DeviceJSON {
  static func overview(_ overview: DeviceOverview) -> JSONText {
    let device = overview.device
    return .object([
      ("device", .text(device.keyHash.hexadecimal)),
      ("publicKey", .text(device.key.bytes.hexadecimal)),
      ("algorithm", .integer(device.key.algorithm.coseNumber)),
      ("enrolledUTC", utc(device.enrolledUTCMilliseconds)),
      ("node", overview.node.map { node($0) } ?? .null),
      ("closed", overview.closed.map { closed($0) } ?? .null),
      ("batches", .integer(Int64(overview.batchCount))),
      ("forks", .integer(Int64(overview.forkCount))),
      ("closedEpoch", .integer(Int64(overview.closedEpochCount))),
      ("head", overview.newest.map { head($0) } ?? .null),
    ])
  }

  /// What the node said of itself last.
  static func node(_ node: NodeOverview) -> JSONText {
    let newest = node.newest
    return .object([
      ("id", .text(node.node.hexadecimal)), ("version", .unsigned(newest.version)),
      ("device", .text(node.deviceKeyHash.hexadecimal)),
      ("devices", .array(node.allKeyHashes.map { .text($0.hexadecimal) })),
      ("owner", node.owner.map { .text($0.bytes.hexadecimal) } ?? .null),
      ("place", newest.place.map { self.place($0) } ?? .null),
      ("validFromUTC", newest.validFromUTCMilliseconds.map { utc($0) } ?? .null),
    ])
  }

  static func place(_ place: Place) -> JSONText {
    .object([
      ("latitude", .decimal(ScaledInteger(Int64(place.latitudeE7), powerOfTen: -7))),
      ("longitude", .decimal(ScaledInteger(Int64(place.longitudeE7), powerOfTen: -7))),
      ("altitudeMetres", metres(place.altitudeCentimetres)),
      ("heightAboveGroundMetres", metres(place.heightAboveGroundCentimetres)),
    ])
  }

  private static func metres(_ centimetres: Int32?) -> JSONText {
    .optional(centimetres.map { ScaledInteger(Int64($0), powerOfTen: -2) })
  }

  /// Why nothing more is taken under a key.
  private static func closed(_ closed: ClosedKey) -> JSONText {
    switch closed {
    case .succeeded: .object([("why", .text("succeeded"))])
    case .revoked(let reason, let byOwner, let utcMilliseconds):
      .object([
        ("why", .text("revoked")), ("by", .text(byOwner ? "owner" : "operator")),
        ("reason", .unsigned(UInt64(reason.rawValue))), ("receivedUTC", utc(utcMilliseconds)),
      ])
    }
  }

  /// The end of the log, as far as the gateway has it.
  static func head(_ newest: DeviceOverview.NewestBatch) -> JSONText {
    .object(
      checkpoint(newest.checkpoint, newest.message)
        + [
          ("receivedUTC", utc(newest.summary.receivedUTCMilliseconds)),
          ("receipt", .text(newest.receipt.hexadecimal)),
        ])
  }

  /// What the device signed, field by field, and the message itself.
  static func checkpoint(_ checkpoint: Checkpoint, _ message: [UInt8]) -> [(String, JSONText)] {
    var signature: JSONText = .null
    do {
      signature = .text(try COSESign1(decoding: message.span).signature.hexadecimal)
    } catch {
      // It was read when it was verified; null shows that the store's bytes have changed since.
    }
    return [
      ("epoch", .unsigned(checkpoint.epoch)), ("batch", .unsigned(checkpoint.batch)),
      ("first", .unsigned(checkpoint.first)), ("size", .unsigned(checkpoint.size)),
      ("boot", .unsigned(checkpoint.boot)), ("t0", .integer(checkpoint.firstLeafMilliseconds)),
      ("t1", .integer(checkpoint.lastLeafMilliseconds)), ("flags", .unsigned(checkpoint.flags)),
      ("simulated", .boolean(checkpoint.isSimulated)),
      ("prev", .text(checkpoint.previous.hexadecimal)),
      ("root", .text(checkpoint.root.hexadecimal)), ("signature", signature),
      ("checkpoint", .text(message.hexadecimal)),
    ]
  }

  static func logEntry(_ batch: ArchivedBatch, of device: Device) -> JSONText {
    let summary = batch.summary
    return .object(
      [("kid", .text(device.key.keyID.hexadecimal))] + checkpoint(batch.checkpoint, batch.message)
        + [
          ("verdict", .text("verified")),
          // Below `first`: earlier batches are missing, and stand there as hashes only.
          ("itemsFrom", .unsigned(summary.start)),
          ("readings", .integer(Int64(summary.readingCount))),
          ("faults", .integer(Int64(summary.faultCount))),
          ("gaps", .integer(Int64(summary.gapCount))),
          ("withheld", .unsigned(summary.withheldCount)),
          ("receivedUTC", utc(summary.receivedUTCMilliseconds)),
          ("receipt", .text(batch.receipt.hexadecimal)),
        ])
  }

  /// Two checkpoint messages that are kept together, and why.
  static func pair(_ pair: SignedPair) -> [(String, JSONText)] {
    [
      ("epoch", .unsigned(pair.epoch)), ("batch", .unsigned(pair.batch)),
      ("code", .unsigned(UInt64(pair.code.rawValue))), ("name", .text("\(pair.code.name)")),
      ("held", .text(pair.held.hexadecimal)), ("sent", .text(pair.sent.hexadecimal)),
      ("seenUTC", utc(pair.seenUTCMilliseconds)),
    ]
  }

  static func utc(_ milliseconds: Int64) -> JSONText {
    CalendarTime.text(utcMilliseconds: milliseconds).map { .text($0) } ?? .integer(milliseconds)
  }
}
