import Records

/// What the gateway says that it did, read from one line of `--events` (docs/gateway.md, "Events").
public enum DemoEvent: Equatable, Sendable {
  /// It listens; its public key signs receipts.
  case started(address: String, publicKey: String)
  case device(DemoEnrolment)
  case batch(DemoBatch)
  /// Had before; answered with the first receipt.
  case repeated(device: String, epoch: UInt64, batch: UInt64)
  /// A fork, and what goes on in a closed epoch, too.
  case refused(DemoRefusal)
  /// A challenge was issued; an empty region is everybody.
  case challenge(number: UInt64, region: String)
  /// Lines that the gateway left out because they were not read fast enough.
  case omitted(lines: UInt64)
  /// A kind of a later version.
  case unknown(String)

  public enum Failure: Error, Equatable {
    case notJSON
    /// The member that is missing or not of its kind.
    case missing(String)
  }

  public init(line: String) throws(Failure) {
    let json: DemoJSON
    do throws(DemoJSON.Failure) { json = try DemoJSON(line) } catch { throw .notJSON }
    switch try json.needed("event") as String {
    case "started":
      self = .started(
        address: try json.needed("address"), publicKey: try json.needed("publicKey"))
    case "device": self = .device(try DemoEnrolment(json))
    case "batch": self = .batch(try DemoBatch(json))
    case "repeat":
      self = .repeated(
        device: try json.needed("device"), epoch: try json.needed("epoch"),
        batch: try json.needed("batch"))
    case "refused", "fork", "closedEpoch": self = .refused(try DemoRefusal(json))
    case "challenge":
      self = .challenge(number: try json.needed("number"), region: try json.needed("region"))
    case "omitted": self = .omitted(lines: try json.needed("lines"))
    case let other: self = .unknown(other)
    }
  }
}

/// An enrolment that the gateway has taken. Hashes and keys are in hexadecimal.
public struct DemoEnrolment: Equatable, Sendable {
  /// SHA-256 of the device's key.
  public var device: String
  /// False when it was held before.
  public var isNew: Bool
  public var node: String
  public var version: UInt64
  /// The public key of the node's owner; nil when nobody owns it.
  public var owner: String?

  init(_ json: DemoJSON) throws(DemoEvent.Failure) {
    device = try json.needed("device")
    isNew = json["new"]?.isTrue ?? false
    node = try json.needed("node")
    version = try json.needed("version")
    owner = json["owner"]?.string
  }
}

/// A batch that the gateway has verified and stored.
public struct DemoBatch: Equatable, Sendable {
  /// SHA-256 of the device's key.
  public var device: String
  public var epoch: UInt64
  public var batch: UInt64
  /// Index of its first leaf, and of the one after its last: the tree's size.
  public var first: UInt64
  public var size: UInt64
  public var boot: UInt64
  public var isSimulated: Bool
  /// Hexadecimal.
  public var root: String
  public var signature: String
  public var receivedUTCMilliseconds: Int64
  public var verdict: String
  public var readings: [DemoReading]
  public var faults: [DemoFault]
  public var gaps: [DemoGap]
  public var others: [DemoJSON]
  public var clock: DemoClock?
  public var position: DemoPosition?
  /// What came over the network, when the gateway tells it.
  public var byteCount: UInt64?

  public var leafCount: UInt64 { size &- first }

  init(_ json: DemoJSON) throws(DemoEvent.Failure) {
    device = try json.needed("device")
    epoch = try json.needed("epoch")
    batch = try json.needed("batch")
    first = try json.needed("first")
    size = try json.needed("size")
    boot = try json.needed("boot")
    guard size > first else { throw .missing("size") }
    isSimulated = json["simulated"]?.isTrue ?? false
    root = try json.needed("root")
    signature = try json.needed("signature")
    receivedUTCMilliseconds = try json.needed("receivedUTC")
    verdict = try json.needed("verdict")
    readings = try (json["readings"]?.elements ?? []).map(DemoReading.init)
    faults = try (json["faults"]?.elements ?? []).map(DemoFault.init)
    gaps = try (json["gaps"]?.elements ?? []).map(DemoGap.init)
    others = json["others"]?.elements ?? []
    clock = try json["clock"].map(DemoClock.init)
    position = try json["position"].map(DemoPosition.init)
    byteCount = json["bytes"]?.unsigned
  }
}

/// One value of a reading leaf.
public struct DemoReading: Equatable, Sendable {
  /// Of SenML.
  public var name: String
  public var unit: String
  /// The digits that were signed; nil where the chip gave none.
  public var value: String?
  /// Since the boot leaf.
  public var milliseconds: Int64
  public var chip: String
  public var leaf: UInt64

  init(_ json: DemoJSON) throws(DemoEvent.Failure) {
    name = try json.needed("name")
    unit = try json.needed("unit")
    value = json["value"]?.decimal
    milliseconds = try json.needed("t")
    chip = try json.needed("chip")
    leaf = try json.needed("leaf")
  }
}

public struct DemoFault: Equatable, Sendable {
  public var chip: String
  public var code: UInt64
  public var name: String
  public var count: UInt64

  init(_ json: DemoJSON) throws(DemoEvent.Failure) {
    chip = try json.needed("chip")
    code = try json.needed("code")
    name = try json.needed("fault")
    count = try json.needed("count")
  }
}

/// Measurements (milliseconds since boot) or leaves (indices) that are missing, and say so.
public struct DemoGap: Equatable, Sendable {
  public var name: String
  public var chip: String
  public var from: UInt64
  public var to: UInt64
  public var count: UInt64
  public var reason: String

  init(_ json: DemoJSON) throws(DemoEvent.Failure) {
    name = try json.needed("gap")
    chip = try json.needed("chip")
    from = try json.needed("from")
    to = try json.needed("to")
    count = try json.needed("count")
    reason = try json.needed("reason")
  }
}

public struct DemoClock: Equatable, Sendable {
  public var source: String
  public var utcMilliseconds: Int64
  public var uncertaintyMilliseconds: UInt64

  init(_ json: DemoJSON) throws(DemoEvent.Failure) {
    source = try json.needed("source")
    utcMilliseconds = try json.needed("utcMilliseconds")
    uncertaintyMilliseconds = try json.needed("uncertaintyMilliseconds")
  }
}

/// Degrees and metres as they were signed.
public struct DemoPosition: Equatable, Sendable {
  public var source: String
  public var latitude: String
  public var longitude: String
  public var altitudeMetres: String?
  public var accuracyMetres: String?

  init(_ json: DemoJSON) throws(DemoEvent.Failure) {
    source = try json.needed("source")
    guard let latitude = json["latitude"]?.decimal else { throw .missing("latitude") }
    guard let longitude = json["longitude"]?.decimal else { throw .missing("longitude") }
    self.latitude = latitude
    self.longitude = longitude
    altitudeMetres = json["altitudeMetres"]?.decimal
    accuracyMetres = json["accuracyMetres"]?.decimal
  }
}

/// Something that the gateway did not take.
public struct DemoRefusal: Equatable, Sendable {
  public var code: UInt64
  public var name: String
  public var meaning: String
  public var detail: String?
  /// Known when the signature was good.
  public var epoch: UInt64?
  public var batch: UInt64?

  init(_ json: DemoJSON) throws(DemoEvent.Failure) {
    code = try json.needed("code")
    name = try json.needed("name")
    meaning = try json.needed("meaning")
    detail = json["detail"]?.string
    epoch = json["epoch"]?.unsigned
    batch = json["batch"]?.unsigned
  }

  /// Nil for a code of a later version.
  public var known: RefusalCode? { UInt16(exactly: code).flatMap { RefusalCode(rawValue: $0) } }

  /// The protocol's own talk: what was refused comes again by itself, in the right order, with the key
  /// before it, or later (docs/delivery-protocol.md). All else is a batch that is not taken.
  public var isTalk: Bool {
    switch known {
    case .unknownKey, .gap, .closedEpoch, .rateLimited, .unavailable: true
    default: false
    }
  }

  /// What can be done about it.
  public var remedy: String {
    known.map { "\($0.remedy)" } ?? "Look the code up in the gateway's documentation."
  }
}

extension DemoJSON {
  func needed(_ name: String) throws(DemoEvent.Failure) -> String {
    guard let value = self[name]?.string else { throw .missing(name) }
    return value
  }

  func needed(_ name: String) throws(DemoEvent.Failure) -> UInt64 {
    guard let value = self[name]?.unsigned else { throw .missing(name) }
    return value
  }

  func needed(_ name: String) throws(DemoEvent.Failure) -> Int64 {
    guard let value = self[name]?.integer else { throw .missing(name) }
    return value
  }
}
