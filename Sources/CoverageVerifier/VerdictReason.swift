/// Why a beacon or witness does not count. Closed; the names stand in verdicts and never change their meaning.
public enum VerdictReason: String, Codable, CaseIterable, Sendable {
  case unknownNode = "unknown-node"
  case revokedKey = "revoked-key"
  case closedEpoch = "closed-epoch"
  case selfWitness = "self-witness"
  case duplicate

  case badSignature = "bad-signature"
  case notIncluded = "not-included"
  case fork
  case gapAround = "gap-around"

  case challengeUnknown = "challenge-unknown"
  case challengeExpired = "challenge-expired"
  case numberReused = "number-reused"
  case challengeNotLogged = "challenge-not-logged"
  case chainNotValid = "chain-not-valid"

  case noIntent = "no-intent"
  case noSent = "no-sent"
  case noReveal = "no-reveal"
  case chainMismatch = "chain-mismatch"
  case tagMismatch = "tag-mismatch"
  case channelMismatch = "channel-mismatch"
  case datarateMismatch = "datarate-mismatch"
  case powerMismatch = "power-mismatch"

  case outsidePlan = "outside-plan"
  case powerAboveLimit = "power-above-limit"
  case dwellExceeded = "dwell-exceeded"
  case dutyCycleExceeded = "duty-cycle-exceeded"

  case positionUnknown = "position-unknown"
  case implausibleSpeed = "implausible-speed"
  case positionMoved = "position-moved"
  case tooNear = "too-near"
  case tooFar = "too-far"

  case datarateDiffers = "datarate-differs"
  case frequencyError = "frequency-error"
  case snrTooLow = "snr-too-low"
  case aboveFreeSpace = "above-free-space"
  case impossibleNoise = "impossible-noise"

  case clockUnknown = "clock-unknown"
  case outsideSlot = "outside-slot"
  case afterReveal = "after-reveal"

  /// Simulated hardware, under rules that take real beacons only.
  case simulated
  /// Of a witness: the beacon does not count.
  case beaconRefused = "beacon-refused"
}
