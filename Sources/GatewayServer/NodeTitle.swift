import FixedMemory
import GatewayStore
import Identity
import Proofs

/// Who a card of the page is about: the node, where it is, whose it is, and the keys that it has had.
struct NodeTitle {
  private let overview: DeviceOverview
  private let id: String

  init(_ overview: DeviceOverview) {
    self.overview = overview
    id = (overview.node?.node ?? overview.device.keyHash).hexadecimal
  }

  private var path: String { "/v1/devices/\(id)" }

  var html: String {
    let kind = overview.node == nil ? "Device" : "Node"
    var html = "<h2><a href=\"\(path)\">\(kind) <code>\(id.prefix(16))</code></a>"
    if overview.newest?.summary.isSimulated == true {
      html += " <span class=\"badge\">simulated</span>"
    }
    return html + "</h2><p class=\"who\">\(parts.joined(separator: " · "))</p>"
  }

  private var parts: [String] {
    var parts = [place, owner].compactMap { $0 }
    let key = overview.device.keyHash.hexadecimal
    parts.append("key <a href=\"/v1/devices/\(key)\"><code>\(key.prefix(16))</code></a>")
    let earlier = overview.node?.allKeyHashes.filter { $0 != overview.device.keyHash } ?? []
    if !earlier.isEmpty {
      let links = earlier.suffix(4).map { hash in
        "<a href=\"/v1/devices/\(hash.hexadecimal)\"><code>\(hash.hexadecimal.prefix(16))</code></a>"
      }
      parts.append(
        (earlier.count > links.count ? "\(earlier.count) keys before, at last " : "before it ")
          + links.joined(separator: ", "))
    }
    return parts
  }

  /// "48.8584000° N, 2.2945000° W, 35.50 m"
  private var place: String? {
    guard let node = overview.node else { return nil }
    guard let place = node.newest.place else { return "no place told" }
    func degrees(_ e7: Int32, _ positive: String, _ negative: String) -> String {
      let size = ScaledInteger(Int64(e7.magnitude), powerOfTen: -7)
      return "\(size)° \(e7 < 0 ? negative : positive)"
    }
    var text =
      degrees(place.latitudeE7, "N", "S") + ", " + degrees(place.longitudeE7, "E", "W")
    if let altitude = place.altitudeCentimetres {
      text += ", \(ScaledInteger(Int64(altitude), powerOfTen: -2)) m"
    }
    return text
  }

  private var owner: String? {
    guard let node = overview.node else { return nil }
    guard let owner = node.owner?.bytes.hexadecimal else { return "no owner" }
    return "owner <code title=\"\(owner)\">\(owner.prefix(16))</code>"
  }

  /// Of a node the readings under all its keys.
  func links(_ newest: BatchSummary) -> String {
    var html = "<nav aria-label=\"Data of \(id.prefix(16))\">"
    html += "<a href=\"\(path)/readings?format=csv\">readings as CSV</a> "
    html += "<a href=\"\(path)/readings\">as JSON</a> <a href=\"\(path)/log\">log</a> "
    let key = "/v1/devices/\(overview.device.keyHash.hexadecimal)"
    html += "<a href=\"\(key)/batches/\(newest.epoch)/\(newest.batch)\">signed bytes</a>"
    if overview.node != nil { html += " <a href=\"\(path)/enrolments\">enrolments</a>" }
    return html + "</nav>"
  }
}

/// What is wrong with a node's keys, as sentences for its operator.
struct KeyProblems {
  private(set) var sentences: [String] = []

  init(_ overview: DeviceOverview, store: GatewayStore) throws {
    if let closed = overview.closed { sentences.append(Self.closed(closed)) }
    add("its key", overview.device, overview.forkCount, overview.closedEpochCount)
    guard let node = overview.node, node.deviceKeyHash == overview.device.keyHash,
      node.allKeyHashes.count > 1
    else { return }
    let keys = try store.keys(of: overview.device, askedAs: node.node.hexadecimal)
    for earlier in keys.devices where earlier != overview.device {
      add(
        "an earlier key of it", earlier, try store.forks(of: earlier).count,
        try store.closedEpochPairs(of: earlier).count)
    }
  }

  private mutating func add(
    _ key: String, _ device: Device, _ forkCount: Int, _ closedEpochCount: Int
  ) {
    let path = "/v1/devices/\(device.keyHash.hexadecimal)"
    if forkCount > 0 {
      sentences.append(
        "<a href=\"\(path)/forks\">Two histories</a> are signed with \(key): find the second card "
          + "or copy of the key, and stop it; or a backup of the whole card was restored.")
    }
    if closedEpochCount > 0 {
      sentences.append(
        "Another card or board with \(key) <a href=\"\(path)/closed-epoch\">goes on in a closed "
          + "epoch</a>: switch it off, or give it a key of its own; or an old backup runs. Nothing of it "
          + "is in this log, and it is no second history.")
    }
  }

  private static func closed(_ closed: ClosedKey) -> String {
    switch closed {
    case .succeeded: return "Its node has another key: nothing more is taken under this one."
    case .revoked(let reason, let byOwner, let utcMilliseconds):
      let why =
        switch reason {
        case .notSaid: ""
        case .lostOrStolen: " as lost or stolen"
        case .retired: " as retired"
        case .compromised: " as compromised"
        }
      return "Its key is revoked\(why), by \(byOwner ? "its owner" : "this gateway's operator"), "
        + "\(FleetPage.clock(utcMilliseconds)): nothing more is taken until the owner gives it another."
    }
  }
}
