import CoverageVerifier

/// What a statistic found, as one sentence for the node's operator: figures and limits are the check's own.
public enum StatisticWords {
  public static func sentence(_ check: VerdictCheck) -> String {
    let figures = Figures(check)
    return switch check.outcome {
    case .passed: "As it should be: " + basis(check.name, figures)
    case .notMade: "Not measurable: " + missing(check.name, figures)
    case .failed: failed(check.name, figures)
    }
  }

  /// Numbers of a check by their names.
  private struct Figures {
    private let check: VerdictCheck

    init(_ check: VerdictCheck) { self.check = check }

    func text(_ name: String) -> String {
      switch check.figures.first(where: { $0.name == name })?.value {
      case .number(let number): String(number)
      case .text(let text): String(text.prefix(16))
      case nil, .some(.none): "no"
      }
    }

    /// "1 owner has", "3 owners have".
    func owners(_ name: String) -> String {
      let count = text(name)
      return count == "1" ? "1 owner has" : count + " owners have"
    }

    /// Of thousandths or hundredths.
    func decimal(_ name: String, digits: Int) -> String {
      guard case .number(let number) = check.figures.first(where: { $0.name == name })?.value
      else { return "no" }
      let scale: UInt64 = digits == 3 ? 1_000 : 100
      let rest = String(number.magnitude % scale)
      return (number < 0 ? "-" : "") + String(number.magnitude / scale) + "."
        + String(repeating: "0", count: digits - rest.count) + rest
    }
  }

  private static func isPower(_ name: String) -> Bool { name.hasPrefix(PowerFollowing.name) }

  private static func basis(_ name: String, _ figures: Figures) -> String {
    switch name {
    case Distances.name:
      "over \(figures.text("links")) links its bias is \(figures.decimal("bias", digits: 2)) dB, "
        + "and \(figures.text("beyond")) links are out of line."
    case Distances.nearName:
      "of pairs of one who hears and one who does not, \(figures.text("nearerPermille")) of 1000 "
        + "have the nearer one hearing."
    case MissingHearers.name:
      "\(figures.text("missing")) of \(figures.text("links")) neighbours do not hear it."
    case MissingHearers.hearingName:
      "it hears \(figures.text("heard")) beacons of those who hear it, of "
        + "\(figures.text("expected")) that could come in."
    case OtherPlaces.name:
      "the best of all places around saves \(figures.decimal("gainPermille", digits: 3)) over "
        + "\(figures.text("links")) ways, limit \(figures.decimal("limitPermille", digits: 3))."
    case Reciprocity.name:
      "others hear it \(figures.decimal("louder", digits: 2)) dB louder than it hears them, limit "
        + "\(figures.decimal("limit", digits: 2))."
    case Neighbourhoods.name:
      "\(figures.text("hearers")) independent nodes hear it near its place."
    case Oscillators.name:
      "\(figures.text("beyond")) of \(figures.text("links")) frequency errors do not fit."
    case OneRadio.fadingName:
      "most like those of \(figures.text(OneRadio.otherFigure)), with a score of "
        + "\(figures.decimal("scorePermille", digits: 3))."
    case OneRadio.waysName:
      "most like those of \(figures.text(OneRadio.otherFigure)), \(figures.text("alike")) of "
        + "\(figures.text("ways"))."
    case SkippedDraws.name: "\(figures.text("skipped")) windows were skipped, whatever was drawn."
    default:
      isPower(name)
        ? "over \(figures.text("links")) links the score is "
          + "\(figures.decimal("scorePermille", digits: 3))." : "\(name)."
    }
  }

  private static func missing(_ name: String, _ figures: Figures) -> String {
    switch name {
    case Distances.name:
      "\(figures.text("links")) links that are well heard, of \(Distances.leastLinks) that it takes."
    case Distances.nearName:
      "\(figures.text("hear")) others hear and \(figures.text("hearNot")) do not; it takes "
        + "\(Distances.leastNear) of each."
    case MissingHearers.name:
      "\(figures.text("links")) neighbours should have heard ten of its beacons, of "
        + "\(MissingHearers.leastLinks) that it takes."
    case MissingHearers.hearingName:
      "\(figures.text("expected")) beacons of \(figures.text("others")) nodes that hear it could "
        + "come in, of \(MissingHearers.leastExpected) that it takes."
    case OtherPlaces.name:
      "it takes \(OtherPlaces.leastLinks) ways that are well heard, and \(OtherPlaces.leastNodes) "
        + "nodes around."
    case Reciprocity.name:
      "\(figures.text("pairs")) nodes hear it well and are heard well by it, of "
        + "\(Reciprocity.leastLinks) that it takes among \(Reciprocity.leastNodes) such nodes."
    case Neighbourhoods.name:
      "\(figures.owners("ownersAround")) nodes there that hear each other, of "
        + "\(Neighbourhoods.leastOwners) that it takes."
    case Oscillators.name:
      "\(figures.text("links")) links with frequency errors, of \(Oscillators.leastLinks) that it "
        + "takes."
    case OneRadio.fadingName:
      "it shares \(OneRadio.leastFrames) receptions with no other node that is "
        + "\(OneRadio.leastMetres) m away."
    case OneRadio.waysName:
      "it shares \(OneRadio.leastWays) hearers with no other node that is "
        + "\(OneRadio.leastMetres) m away."
    case SkippedDraws.name:
      "\(figures.text("skipped")) of \(figures.text("windows")) windows were skipped; it takes "
        + "\(SkippedDraws.leastSkipped) of them, and \(SkippedDraws.leastSent) others."
    default:
      isPower(name)
        ? "\(figures.text("links")) links with enough receptions over "
          + "\(PowerFollowing.leastRange / 100) dB, of \(PowerFollowing.leastLinks) that it takes."
        : "too little is there."
    }
  }

  private static func failed(_ name: String, _ figures: Figures) -> String {
    switch name {
    case Distances.name:
      "Its signals are not as strong as its place says: over \(figures.text("links")) links the bias "
        + "is \(figures.decimal("bias", digits: 2)) dB (limit \(Distances.largestBias / 100)), and "
        + "\(figures.text("beyond")) links are out of line. Look at the enrolled place, antenna and "
        + "cable."
    case Distances.nearName:
      "Those who hear it are not nearer to its place than those who do not: "
        + "\(figures.text("nearerPermille")) of 1000 pairs, at least \(Distances.nearPermille) are "
        + "expected. Look at the enrolled place."
    case MissingHearers.name:
      "\(figures.text("missing")) of \(figures.text("links")) neighbours that it says to hear well do "
        + "not hear it, although they listened. Look at the transmitter and its antenna; or these "
        + "receptions are not its own."
    case MissingHearers.hearingName:
      "Of \(figures.text("expected")) beacons of those who hear it, which could come in, it hears "
        + "\(figures.text("heard")). Look at the receiver: is it deaf?"
    case OtherPlaces.name:
      "A place \(figures.text("betterMetresAway")) m from the enrolled one fits its "
        + "\(figures.text("links")) ways much better: "
        + "\(figures.decimal("gainPermille", digits: 3)), limit "
        + "\(figures.decimal("limitPermille", digits: 3)). Look at the enrolled place."
    case Reciprocity.name:
      "Others hear it \(figures.decimal("louder", digits: 2)) dB louder than it hears them, limit "
        + "\(figures.decimal("limit", digits: 2)) dB. Does it send with the power that it says, "
        + "without an amplifier?"
    case Neighbourhoods.name:
      "\(figures.text("hearers")) independent nodes near its place hear it, "
        + "\(Neighbourhoods.leastHearers) at least are expected where "
        + "\(figures.owners("ownersAround")) nodes. Look at the enrolled place and the "
        + "antenna."
    case Oscillators.name:
      "\(figures.text("beyond")) of \(figures.text("links")) frequency errors that it tells fit no "
        + "oscillator of its own: its figures were not measured by one radio."
    case OneRadio.fadingName:
      "Its receptions rise and fall with those of \(figures.text(OneRadio.otherFigure)), over "
        + "\(figures.text("frames")) frames: two places do not fade alike."
    case OneRadio.waysName:
      "\(figures.text("alike")) of \(figures.text("ways")) hearers have it as far away as "
        + "\(figures.text(OneRadio.otherFigure)): both seem to send from one place."
    case SkippedDraws.name:
      "It skipped \(figures.text("skipped")) windows, and more often with some draws than with "
        + "others: power \(figures.decimal("powerStepScorePermille", digits: 3)), spreading factor "
        + "\(figures.decimal("factorScorePermille", digits: 3)), limit "
        + "\(figures.decimal("limitPermille", digits: 3))."
    default:
      isPower(name)
        ? "What is heard does not follow the power that was drawn: over \(figures.text("links")) "
          + "links the score is \(figures.decimal("scorePermille", digits: 3)), limit "
          + "\(figures.decimal("limitPermille", digits: 3)). "
          + (name.hasSuffix("sender")
            ? "Does the radio send with the power it is told, without an amplifier?"
            : "The figures it tells were not measured at its antenna.")
        : "It does not hold: \(name)."
    }
  }
}
