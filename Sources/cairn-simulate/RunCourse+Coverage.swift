import Simulation

/// Beacons: what is on the air, and what the gateway makes of it. Only in a run of several boards.
extension RunCourse {
  /// Windows of seconds in place of quarters of an hour, so that a beacon's whole life can be watched: a beacon of each
  /// node in ten seconds, its reveal six seconds behind the window's end.
  static var coverageRules: String {
    "window=10,slot=700,slots=14,reserve=3,delay=6,uncertainty=200"
  }
  /// The shortest that a gateway takes.
  private static var challengeSeconds: Int { 10 }
  /// For the gateway's answer after its last batch.
  private static var lastLookMilliseconds: Int64 { 5_000 }

  var hasCoverage: Bool { nodes.count > 1 }

  var coverageArguments: [String] {
    guard hasCoverage else { return [] }
    return [
      "--challenge-interval", "\(Self.challengeSeconds)", "--coverage",
      "\(DemoNode.region):\(Self.coverageRules)",
    ]
  }

  func watchGateway() {
    guard hasCoverage else { return }
    gatewayWatch = RunGatewayWatch(
      address: gatewayAddress,
      sinceUTCMilliseconds: DemoSystem.utcMilliseconds - elapsedMilliseconds)
  }

  /// The node in the words of its step: place, radio, distance to the first.
  func describe(_ node: RunNode) -> String {
    guard let first = nodes.first, first !== node else {
      return "\(node.demo.radioModel) at \(DemoNode.transmitPower)"
    }
    let metres = Int64(first.demo.place.distanceMetres(to: node.demo.place).rounded())
    return "\(node.demo.radioModel), \(DemoFigures.kilometres(metres)) from \(first.name)"
  }

  func node(ofDevice device: String) -> RunNode? { nodes.first { $0.isDevice(device) } }

  private func name(ofKey key: String) -> String? { node(ofDevice: key)?.name }

  /// What has happened on the air.
  func take(_ turn: RunHardware.Turn) {
    guard let hardware else { return }
    for begun in turn.begun { coverage.take(begun, among: hardware.boards) }
    for told in turn.heard { coverage.take(told, among: hardware.boards) }
    for frame in coverage.settled(now: now) {
      coverageTally.count(frame)
      guard hasCoverage else { continue }
      output.show(frame.lines())
      output.tell("air", frame.members)
    }
  }

  func takeVerdicts() {
    guard let found = gatewayWatch?.take() else { return }
    for state in found.states { coverageTally.count(state) }
    for verdict in found.verdicts {
      coverageTally.count(verdict)
      guard coverage.isNews(verdict) else { continue }
      // Until its reveal has come a beacon is pending: that is how each begins.
      if verdict.outcome != "pending" { output.show(verdict.lines { self.name(ofKey: $0) }) }
      output.tell("verdict", verdict.members { self.name(ofKey: $0) })
    }
  }

  /// All that is delivered: what the gateway says of every beacon of this run.
  func askGatewayOnceMore() throws(Failure) {
    guard let watch = gatewayWatch else { return }
    watch.askForLastLook()
    _ = try pump(Self.lastLookMilliseconds) { watch.isDone }
    takeVerdicts()
    watch.stop()
  }

  func showCoverage() {
    guard hasCoverage else { return }
    output.show(coverageTally.lines())
  }
}
