import Coverage

/// What a node's chain drew for a window, and whether it sent: what it skipped is known in the end.
public struct WindowDraw: Equatable, Sendable {
  public let powerStep: Int
  /// Of the drawn slot's rendezvous.
  public let spreadingFactor: UInt8
  /// A sent leaf of the number stands in the log.
  public let wasSent: Bool
}

extension CoverageVerdict {
  /// Nil while no reveal leads to the link, and of a window that the node's chain does not serve.
  public static func draw(
    _ evidence: BeaconEvidence, links: VerifiedLinks = VerifiedLinks()
  ) -> WindowDraw? {
    var sender = SenderJudgement(evidence, links)
    guard let (order, draw) = sender.drawn(),
      let rendezvous = Rendezvous(
        nonce: order.nonce, plan: evidence.plan, policy: order.policy)
    else { return nil }
    return WindowDraw(
      powerStep: draw.powerStep,
      spreadingFactor: rendezvous.place(slot: draw.slot).spreadingFactor,
      wasSent: evidence.sents.contains {
        $0.value.number == order.number && $0.standing == .sound
      })
  }
}
