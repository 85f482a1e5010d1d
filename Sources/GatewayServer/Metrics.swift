import GatewayStore
import HTTPTypes
import Hummingbird
import Records

/// GET /metrics: counts and sizes as Prometheus reads them (text format 0.0.4). Counts begin at zero with the
/// process; what is in the store is a gauge.
struct Metrics: Sendable {
  static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

  private let gateway: Gateway
  private let counts: VerdictCounts
  private let broker: BrokerCounts?
  private let now: @Sendable () -> Int64
  private let startedUTCMilliseconds: Int64

  init(
    _ gateway: Gateway, counts: VerdictCounts, broker: BrokerCounts?,
    now: @escaping @Sendable () -> Int64
  ) {
    self.gateway = gateway
    self.counts = counts
    self.broker = broker
    self.now = now
    startedUTCMilliseconds = now()
  }

  func add(to router: Router<GatewayRequestContext>) {
    router.refuseOthers(at: "/metrics", than: [.get], "This is only read.")
    router.get("/metrics") { _, _ in
      Response.text(try self.text(), type: Self.mediaType)
    }
  }

  func text() throws -> String {
    let (verdicts, held, early) = (counts.snapshot, try gateway.store.sizes(), gateway.earlyCount)
    var text = ""
    func family(_ name: String, _ type: String, _ help: String, _ lines: [(String, Int)]) {
      text += "# HELP cairn_gateway_\(name) \(help)\n# TYPE cairn_gateway_\(name) \(type)\n"
      for (labels, value) in lines { text += "cairn_gateway_\(name)\(labels) \(value)\n" }
    }
    family(
      "batches_total", "counter", "Batches that were verified, by what became of them.",
      [
        ("{result=\"stored\"}", verdicts.stored), ("{result=\"repeated\"}", verdicts.repeated),
        ("{result=\"filled\"}", verdicts.filled),
      ])
    family(
      "refused_total", "counter", "Batches, enrolments and revocations that were refused.",
      verdicts.refused.sorted { $0.key.rawValue < $1.key.rawValue }.map {
        ("{reason=\"\($0.key.name)\"}", $0.value)
      })
    family(
      "enrolments_total", "counter", "Enrolments that were posted and taken.",
      [("{result=\"new\"}", verdicts.enrolled), ("{result=\"repeated\"}", verdicts.enrolledBefore)])
    family("devices", "gauge", "Device keys that are known.", [("", held.devices)])
    family("nodes", "gauge", "Nodes that are known.", [("", held.nodes)])
    family("enrolments", "gauge", "Enrolments that are held.", [("", held.enrolments)])
    family("revoked_keys", "gauge", "Device keys that are revoked.", [("", held.revocations)])
    family("batches", "gauge", "Batches that are held.", [("", held.batches)])
    family("forks", "gauge", "Proofs of two histories that are held.", [("", held.forks)])
    family(
      "closed_epoch", "gauge", "Checkpoints that are kept since they go on in a closed epoch.",
      [("", held.closedEpoch)])
    family("early_batches", "gauge", "Batches that wait for the one before them.", [("", early)])
    family(
      "challenges_total", "counter", "Challenges that were issued.", [("", verdicts.challenges)])
    family(
      "log_heads_total", "counter", "Heads of the gateway's own log that were signed.",
      [("", gateway.signedHeadCount)])
    family(
      "log_leaves", "gauge", "Leaves of the gateway's own log.",
      [("", Int(try gateway.logSize()))])
    family("keys", "gauge", "Keys that the gateway has had.", [("", gateway.keyChain.keys.count)])
    if let broker = broker?.snapshot {
      family(
        "broker_connected", "gauge", "1 while the MQTT broker is there.",
        [("", broker.isConnected ? 1 : 0)])
      family(
        "broker_connections_total", "counter", "Connections to the broker that were made.",
        [("", broker.connections)])
      family(
        "broker_requests_total", "counter", "Requests that came through the broker.",
        ["batch", "device", "get"].map { ("{topic=\"\($0)\"}", broker.requests[$0] ?? 0) })
      family(
        "broker_ignored_total", "counter", "Messages that were no request.",
        BrokerCounts.Ignored.allCases.map {
          ("{reason=\"\($0.rawValue)\"}", broker.ignored[$0] ?? 0)
        })
      family(
        "broker_answers_total", "counter", "Answers, by whether the broker could be given them.",
        [("{result=\"given\"}", broker.answers), ("{result=\"lost\"}", broker.lost)])
    }
    family(
      "store_bytes", "gauge", "Bytes of the database, without its log.", [("", held.byteCount)])
    family(
      "uptime_seconds", "gauge", "Seconds since the process started.",
      [("", Int(max(0, now() - startedUTCMilliseconds) / 1000))])
    return text
  }
}
