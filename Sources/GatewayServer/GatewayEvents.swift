import Foundation
import GatewayStore
import Proofs
import Records
import Synchronization
import Verifier

/// Tells what the gateway does, one JSON object a line (docs/gateway.md, "Events"). Lines are made and
/// written on a queue of their own: a slow reader delays neither receipts nor the store. When it is too
/// slow, lines are left out, and a line says how many.
public final class GatewayEvents: Sendable {
  /// Lines that may wait for a reader: at 4 KiB each, 16 MiB.
  public static let maximumWaitingCount = 4096

  private let queue = DispatchQueue(label: "cairn-gateway.events")
  private let write: @Sendable (String) -> Void
  private let counts = Mutex((waiting: 0, omitted: 0))

  /// `write` takes one line at a time, without its end, and may block.
  public init(write: @escaping @Sendable (String) -> Void) { self.write = write }

  private func tell(_ line: @escaping @Sendable () -> JSONText) {
    let isTaken = counts.withLock { counts in
      guard counts.waiting < Self.maximumWaitingCount else {
        counts.omitted += 1
        return false
      }
      counts.waiting += 1
      return true
    }
    guard isTaken else { return }
    queue.async {
      self.write(line().line)
      let omitted = self.counts.withLock { counts in
        counts.waiting -= 1
        defer { counts.omitted = 0 }
        return counts.omitted
      }
      if omitted > 0 {
        self.write(
          JSONText.object([("event", .text("omitted")), ("lines", .integer(Int64(omitted)))]).line)
      }
    }
  }

  /// Returns when every line so far has been written.
  public func flush() { queue.sync {} }

  func started(address: String, publicKey: PublicKey) {
    tell {
      .object([
        ("event", .text("started")), ("address", .text(address)),
        ("publicKey", .text(publicKey.bytes.hexadecimal)),
      ])
    }
  }

  func broker(isConnected: Bool, _ why: String) {
    tell {
      .object([
        ("event", .text("broker")), ("connected", .boolean(isConnected)),
        (isConnected ? "address" : "reason", .text(why)),
      ])
    }
  }

  /// The line that says that the gateway has another key.
  public static func keyChange(from former: PublicKey, to key: PublicKey, leaf: UInt64) -> String {
    JSONText.object([
      ("event", .text("keyChange")), ("former", .text(former.bytes.hexadecimal)),
      ("publicKey", .text(key.bytes.hexadecimal)), ("leaf", .unsigned(leaf)),
    ]).line
  }

  func device(_ enrolled: Gateway.Enrolled) {
    tell {
      .object([
        ("event", .text("device")), ("device", .text(enrolled.keyHash.hexadecimal)),
        ("new", .boolean(enrolled.isNew)), ("node", .text(enrolled.node.hexadecimal)),
        ("version", .unsigned(enrolled.version)),
        ("owner", enrolled.owner.map { .text($0.bytes.hexadecimal) } ?? .null),
      ])
    }
  }

  func challenge(_ issued: IssuedChallenge) {
    tell {
      do {
        return .object([("event", .text("challenge"))] + (try LogJSON.challengeMembers(issued)))
      } catch {
        return .object([("event", .text("challenge")), ("unreadable", .text("\(error)"))])
      }
    }
  }

  func revoked(_ revoked: Gateway.Revoked) {
    tell {
      .object([
        ("event", .text("revoked")), ("device", .text(revoked.keyHash.hexadecimal)),
        ("reason", .unsigned(UInt64(revoked.reason.rawValue))), ("new", .boolean(revoked.isNew)),
      ])
    }
  }

  /// What became of a batch.
  func answer(_ answer: Gateway.Answer, to batch: Gateway.CheckedBatch?, store: GatewayStore) {
    tell {
      switch answer {
      case .stored(_, let summary):
        guard let batch else { return .null }
        return Self.stored(batch, summary, store, as: "batch")
      case .filled(_, let summary):
        guard let batch else { return .null }
        return Self.stored(batch, summary, store, as: "filled")
      case .repeated(_, let summary):
        return .object(
          [("event", .text("repeat"))]
            + Self.position(
              batch?.device.keyHash.hexadecimal ?? "", summary.epoch, summary.batch))
      case .refused(let problem, let subject): return Self.refused(problem, subject)
      }
    }
  }

  private static func position(_ device: String, _ epoch: UInt64, _ batch: UInt64)
    -> [(String, JSONText)]
  {
    [("device", .text(device)), ("epoch", .unsigned(epoch)), ("batch", .unsigned(batch))]
  }

  static func refused(_ problem: Problem, _ subject: Gateway.Subject?) -> JSONText {
    var event = "refused"
    if problem.code == .fork { event = "fork" }
    if problem.code == .closedEpoch, problem.evidence != nil { event = "closedEpoch" }
    var members: [(String, JSONText)] = [("event", .text(event))]
    if let subject {
      members += position(subject.deviceKeyHash.hexadecimal, subject.epoch, subject.batch)
    }
    members += problem.jsonMembers
    return .object(members)
  }

  private static func stored(
    _ batch: Gateway.CheckedBatch, _ summary: BatchSummary, _ store: GatewayStore,
    as event: String
  ) -> JSONText {
    var members: [(String, JSONText)] = [("event", .text(event))]
    members += position(batch.device.keyHash.hexadecimal, summary.epoch, summary.batch)
    members += [
      ("first", .unsigned(summary.first)), ("size", .unsigned(summary.size)),
      ("boot", .unsigned(summary.boot)), ("simulated", .boolean(summary.isSimulated)),
      ("bytes", .unsigned(UInt64(batch.bytes.count))),
      ("root", .text(batch.verified.checkpoint.root.hexadecimal)),
      ("signature", .text(batch.verified.signature.hexadecimal)),
      ("receivedUTC", .integer(summary.receivedUTCMilliseconds)),
      ("verdict", .text("verified")),
    ]
    do {
      members += contents(try store.leaves(of: summary))
    } catch {
      members += [("unreadable", .text("the leaves could not be read back: \(error)"))]
    }
    return .object(members)
  }

  /// The leaves of a batch, sorted into what a viewer shows.
  private static func contents(_ leaves: [DecodedLeaf]) -> [(String, JSONText)] {
    var readings: [JSONText] = []
    var faults: [JSONText] = []
    var gaps: [JSONText] = []
    var others: [JSONText] = []
    var clock: JSONText?
    var position: JSONText?
    for leaf in leaves {
      let content = LeafJSON.content(leaf.content)
      switch leaf.content {
      case .reading(let sensor, let values):
        for value in values {
          readings.append(
            .object(
              LeafJSON.measurement(value) + [
                ("t", .integer(leaf.milliseconds)), ("chip", .text(sensor.chip)),
                ("leaf", .unsigned(leaf.index)),
              ] + LeafJSON.time(leaf.time)))
        }
      case .fault: faults.append(.object(content + [("t", .integer(leaf.milliseconds))]))
      case .gap: gaps.append(.object(content + [("t", .integer(leaf.milliseconds))]))
      case .clock: clock = .object(content + [("t", .integer(leaf.milliseconds))])
      case .position: position = .object(content + [("t", .integer(leaf.milliseconds))])
      case .boot, .schema, .event, .contact, .button, .unreadable, .frame, .framesRefused, .other:
        others.append(.object(content + [("t", .integer(leaf.milliseconds))]))
      }
    }
    var members: [(String, JSONText)] = [
      ("readings", .array(readings)), ("faults", .array(faults)), ("gaps", .array(gaps)),
      ("others", .array(others)),
    ]
    if let clock { members.append(("clock", clock)) }
    if let position { members.append(("position", position)) }
    return members
  }
}
