import Simulation

/// Batches, from the gateway's word to the agent's.
extension RunCourse {
  /// Asks the agent how it is, and gives out what its answer decides.
  func lookAtAgent(_ node: RunNode) {
    guard let agent = node.agent, agent.isRunning,
      !expectedToEnd.contains(ObjectIdentifier(agent)), node.announcement != nil
    else { return }
    node.status.readIfReady()
    node.status.ask(everyMilliseconds: 100)
    guard let status = node.status.newest else { return }
    let hasMoved = node.lastDelivered.map { status.deliveredSequence > $0 } ?? false
    node.lastDelivered = status.deliveredSequence
    while let first = node.pending.first {
      if node.status.hasTakenReceipt(epoch: first.batch.epoch, batch: first.batch.batch) {
        flushFirst(of: node, .taken)
      } else if hasMoved {
        // A receipt for this batch, or for a later one, which covers it.
        flushFirst(of: node, .taken)
        break
      } else if now - first.sinceMilliseconds > Bound.receipt {
        flushFirst(of: node, .notSeen)
      } else {
        break
      }
    }
  }

  func flushPending(_ receipt: DemoReceipt) {
    for node in nodes {
      while !node.pending.isEmpty { flushFirst(of: node, receipt) }
    }
    output.show(round.take())
  }

  private func flushFirst(of node: RunNode, _ receipt: DemoReceipt) {
    let batch = node.pending.removeFirst().batch
    if receipt == .taken { tally.countReceipt() }
    let block = DemoBlock(
      batch: batch, gatewayKey: gatewayKey, weather: weather,
      agentStartMilliseconds: node.status.start(ofBoot: batch.boot),
      node: hasCoverage ? node.name : nil)
    show(block, of: node, receipt)
    output.tell(
      "receipt",
      [
        .init("node", .text(node.name)), .init("epoch", .number(String(batch.epoch))),
        .init("batch", .number(String(batch.batch))), .init("agent", .text("\(receipt)")),
      ])
  }
}

extension RunCourse {
  /// One board's batches are shown whole; of several the first of each with readings, that one sees what a batch is.
  private func show(_ block: DemoBlock, of node: RunNode, _ receipt: DemoReceipt) {
    guard hasCoverage, node.hasShownBatch || block.batch.readings.isEmpty else {
      node.hasShownBatch = true
      return output.show(block.lines(receipt: receipt))
    }
    guard DemoRound.takes(block) else {
      return output.show(block.short(node: node.name, receipt: receipt))
    }
    if round.contains(node.name) { output.show(round.take()) }
    round.add(block, of: node.name, receipt)
    if round.count == nodes.count { output.show(round.take()) }
  }
}

extension RunNode {
  /// A batch that the gateway has verified, or not.
  func take(_ batch: DemoBatch, _ now: Int64) {
    if batch.verdict == "verified" { verifiedCount += 1 }
    pending.append((batch, now))
  }
}
