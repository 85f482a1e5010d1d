import CoverageVerifier

/// Whether the windows that a node skipped have draws like those it used. What a node can't know it can't choose by;
/// its own draw it knows.
enum SkippedDraws {
  static let name = "skipped windows are like the others"
  static let leastSkipped = 5
  static let leastSent = 5
  /// Five standard deviations: once in two million, by chance, for each of both.
  static let limit = 5_000

  static func check(_ draws: [CoveragePeriod.Draw]) -> VerdictCheck {
    let skipped = draws.count { !$0.wasSent }
    let isSent = draws.map { Int32($0.wasSent ? 1 : 0) }
    let power = Ranks.agreement(isSent, draws.map { Int32(clamping: $0.powerStep) }).score
    let factor = Ranks.agreement(isSent, draws.map { Int32($0.spreadingFactor) }).score
    let figures = [
      VerdictCheck.Figure("windows", draws.count), VerdictCheck.Figure("skipped", skipped),
      VerdictCheck.Figure("powerStepScorePermille", power),
      VerdictCheck.Figure("factorScorePermille", factor),
      VerdictCheck.Figure("limitPermille", limit),
    ]
    guard skipped >= leastSkipped, draws.count - skipped >= leastSent else {
      return VerdictCheck(name, .notMade, figures)
    }
    let isChosen = max(power.magnitude, factor.magnitude) >= limit.magnitude
    return VerdictCheck(name, isChosen ? .failed : .passed, figures)
  }
}
