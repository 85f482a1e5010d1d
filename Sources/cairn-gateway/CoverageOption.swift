import Coverage
import FixedMemory
import GatewayStore
import LoRa
import Proofs

/// Rules for beacons as an operator writes them: `EU868` for the protocol's defaults, `EU868:window=60,delay=30` for
/// others, several regions with `;` between them.
enum CoverageOption {
  static func policies(_ text: String?, intervalSeconds: UInt32) throws(OperatorError)
    -> [String: CoveragePolicy]
  {
    guard let text else { return [:] }
    var policies: [String: CoveragePolicy] = [:]
    for part in text.split(separator: ";") {
      let words = part.split(separator: ":", maxSplits: 1)
      let name = trimmed(words.first ?? "")
      guard let region = RegionPlan.Region(name: Array(name.utf8).span) else {
        throw OperatorError(
          .configuration, "coverage: \(name) is no region that there is a plan for, as EU868 is")
      }
      var policy = CoveragePolicy()
      var keys: Set<String> = []
      if words.count > 1 {
        for setting in words[1].split(separator: ",") {
          let key = try set(setting, of: &policy, name)
          guard keys.insert(key).inserted else {
            throw OperatorError(.configuration, "coverage: \(key) of \(name) is there twice")
          }
        }
      }
      derive(&policy, told: keys)
      guard policy.isPossible else {
        throw OperatorError(
          .configuration,
          "coverage: nobody can follow these rules of \(name): slots × slot fit into the window, the "
            + "reserve is less than the slots, the delay is 30 windows at most, and the minimum is "
            + "below the maximum")
      }
      guard
        Rendezvous(nonce: Digest(), plan: RegionPlan(region), policy: policy) != nil
      else {
        throw OperatorError(
          .configuration,
          "coverage: no beacon of \(name) fits into a slot of \(policy.slotMilliseconds) ms with a clock that "
            + "is \(policy.maximumUncertaintyMilliseconds) ms off either way: a frame lasts 62 ms at least"
        )
      }
      guard policy.windowSeconds <= intervalSeconds else {
        throw OperatorError(
          .configuration,
          "coverage: the window of \(name), \(policy.windowSeconds) s, is longer than "
            + "challenge-interval, \(intervalSeconds) s: each window has a challenge of its own")
      }
      guard policies.updateValue(policy, forKey: name) == nil else {
        throw OperatorError(.configuration, "coverage: \(name) is there twice")
      }
    }
    return policies
  }

  /// What was not told follows the window and the slot as the protocol's defaults do those of 900 s and 2 s: 400 of 450
  /// slots, 50 of them in reserve, a reveal 24 windows later.
  private static func derive(_ policy: inout CoveragePolicy, told: Set<String>) {
    if !told.contains("slots") {
      let fitting =
        UInt64(policy.windowSeconds) * 1_000 / UInt64(max(1, policy.slotMilliseconds))
      policy.slotCount = UInt16(clamping: max(1, min(1_024, fitting * 8 / 9)))
    }
    if !told.contains("reserve") { policy.reserveSlotCount = policy.slotCount / 8 }
    if !told.contains("delay") {
      policy.revealDelaySeconds = UInt32(
        clamping: min(2_592_000, 24 * UInt64(policy.windowSeconds)))
    }
  }

  private static func trimmed(_ text: Substring) -> String {
    String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }

  /// Gives the rule's name.
  private static func set(
    _ setting: Substring, of policy: inout CoveragePolicy, _ region: String
  ) throws(OperatorError) -> String {
    let parts = setting.split(separator: "=", maxSplits: 1)
    let key = trimmed(parts.first ?? "")
    let value = parts.count == 2 ? trimmed(parts[1]) : ""
    func number<Value: FixedWidthInteger>(_ range: ClosedRange<Value>) throws(OperatorError)
      -> Value
    {
      guard let number = Value(value), range.contains(number) else {
        throw OperatorError(
          .configuration,
          "coverage: \(key) of \(region) is a number from \(range.lowerBound) to "
            + "\(range.upperBound), not \(value)")
      }
      return number
    }
    switch key {
    case "window": policy.windowSeconds = try number(1...86_400)
    case "slot": policy.slotMilliseconds = try number(50...60_000)
    case "slots": policy.slotCount = try number(1...1_024)
    case "reserve": policy.reserveSlotCount = try number(0...1_023)
    case "delay": policy.revealDelaySeconds = try number(0...2_592_000)
    case "uncertainty": policy.maximumUncertaintyMilliseconds = try number(0...65_535)
    case "power-step": policy.powerStepCentidecibels = try number(1...1_000)
    case "power-steps": policy.powerStepCount = try number(1...16)
    case "free-space-margin": policy.freeSpaceMarginCentidecibels = try number(0...10_000)
    case "snr-margin": policy.snrMarginCentidecibels = try number(0...10_000)
    case "minimum": policy.minimumDistanceMetres = try number(0...20_100_000)
    case "maximum": policy.maximumDistanceMetres = try number(1...20_100_000)
    case "tolerance": policy.frequencyTolerancePPM = try number(0...255)
    case "real": policy.refusesSimulated = try number(0...1 as ClosedRange<UInt8>) == 1
    default:
      throw OperatorError(.configuration, "coverage: \(key) is no rule of \(region)")
    }
    return key
  }
}
