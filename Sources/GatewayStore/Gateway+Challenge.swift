import Coverage
import FixedMemory
import Foundation
import GRDB
import Proofs
import Signers

/// How long a challenge is good, and how often there is another (docs/gateway.md, "Challenges").
///
///     issued ──────── interval ────────▶ a new one is made when somebody asks
///        └─────────── valid: 2 × interval ───────────────────────────▶ not in force any more
///
/// One that asks for beacons is followed by the next as soon as its window has begun: a node that asks once in a window
/// has each window's challenge before it begins.
public struct ChallengeRules: Equatable, Sendable {
  public static let intervalRange: ClosedRange<UInt32> = 10...86_400
  /// Regions with a challenge in force: each costs a leaf for each interval.
  public static let maximumRegionCount = 64
  /// A clock may go back so far without a new challenge for each who asks.
  static let clockStepMilliseconds: Int64 = 10_000

  /// Seconds. `intervalRange` is the caller's to check.
  public let intervalSeconds: UInt32
  public var validSeconds: UInt32 { 2 * intervalSeconds }
  /// Rules for beacons that go into the challenges of a region (docs/coverage-protocol.md); none: nobody is asked
  /// for one.
  public let coverage: [String: CoveragePolicy]

  /// Each policy is a possible one, with a window of at most the interval.
  public init(intervalSeconds: UInt32 = 900, coverage: [String: CoveragePolicy] = [:]) {
    precondition(Self.intervalRange.contains(intervalSeconds), "an interval out of its range")
    precondition(
      coverage.values.allSatisfy { $0.isPossible && $0.windowSeconds <= intervalSeconds },
      "rules for beacons that no challenge can have")
    self.intervalSeconds = intervalSeconds
    self.coverage = coverage
  }
}

/// For whom a challenge is: nobody in particular, or a region of radio rules.
public struct ChallengeRegion: Equatable, Sendable {
  public static let maximumByteCount = 24
  /// Nobody in particular.
  public static let everybody = ChallengeRegion()

  public let text: String
  let bytes: FixedText<24>

  private init() {
    text = ""
    bytes = FixedText()
  }

  /// Nil for what is longer than 24 bytes, or has other characters than letters and digits of ASCII,
  /// `-`, `_` and `.`.
  public init?(_ text: String) {
    let utf8 = Array(text.utf8)
    guard utf8.count <= Self.maximumByteCount, utf8.allSatisfy(Self.isAllowed),
      let bytes = FixedText<24>(utf8.span)
    else { return nil }
    self.text = text
    self.bytes = bytes
  }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
      UInt8(ascii: "."):
      true
    default: false
    }
  }

  public static func == (left: Self, right: Self) -> Bool { left.text == right.text }
}

/// A challenge that the gateway has issued.
public struct IssuedChallenge: Equatable, Sendable {
  public let challenge: Challenge
  public let message: [UInt8]
  /// The leaf of the gateway's log that it is.
  public let leaf: UInt64
  /// False when it was issued to somebody before.
  public let isNew: Bool
}

extension Gateway {
  /// The challenge in force for `region`, which is a leaf of the log and durable when this returns.
  public func challenge(for region: ChallengeRegion, utcMilliseconds now: Int64) throws(Problem)
    -> IssuedChallenge
  {
    let held: IssuedChallenge?
    do {
      held = try store.database.read { try heldChallenge(for: region, now, $0) }
    } catch { throw Problem(storageError: error) }
    if let held { return held }
    return try writing(now) { database throws in
      // Somebody else may have been first.
      if let held = try heldChallenge(for: region, now, database) {
        return (value: held, closed: nil)
      }
      return (value: try issue(for: region, now, database), closed: nil)
    }
  }

  /// The newest one of the region, when it need not be replaced yet.
  private func heldChallenge(
    for region: ChallengeRegion, _ now: Int64, _ database: Database
  ) throws -> IssuedChallenge? {
    let row = try Row.fetchOne(
      database,
      sql: """
        SELECT challenge.leaf, log.bytes FROM challenge JOIN log ON log.id = challenge.leaf
        WHERE challenge.region = ? ORDER BY challenge.number DESC LIMIT 1
        """, arguments: [region.text])
    guard let row else { return nil }
    guard let leaf = UInt64(exactly: row[0] as Int64) else { throw StoreDamage() }
    let message = try LogLeaf(index: leaf, bytes: Array(row[1] as Data)).document
    let challenge = try Challenge(decoding: message.span)
    // The key of before is out of use.
    guard challenge.keyID == publicKey.keyID else { return nil }
    // The operator has changed the rules since.
    guard challenge.coverage == challengeRules.coverage[region.text] else { return nil }
    let (age, overflow) = now.subtractingReportingOverflow(challenge.issuedUTCMilliseconds)
    let interval = min(challengeRules.intervalSeconds, challenge.validSeconds / 2)
    guard !overflow, age > -ChallengeRules.clockStepMilliseconds, age < Int64(interval) * 1000
    else { return nil }
    // Once its window has begun it is too late for it, and time for the next.
    if let order = BeaconOrder(challenge), now >= order.window.startUTCMilliseconds { return nil }
    return IssuedChallenge(challenge: challenge, message: message, leaf: leaf, isNew: false)
  }

  private func issue(for region: ChallengeRegion, _ now: Int64, _ database: Database) throws
    -> IssuedChallenge
  {
    try checkRegionCount(with: region, now, database)
    let last = try Int64.fetchOne(database, sql: "SELECT max(number) FROM challenge") ?? 0
    guard let number = UInt64(exactly: last), number < UInt64(Int64.max) else {
      throw StoreDamage()
    }
    let challenge = Challenge(
      algorithm: publicKey.algorithm, keyID: publicKey.keyID, number: number + 1,
      issuedUTCMilliseconds: max(now, 0), validSeconds: challengeRules.validSeconds,
      region: region.bytes, coverage: challengeRules.coverage[region.text],
      nonce: Self.randomNonce())
    let message = signed(maximumByteCount: Challenge.maximumMessageByteCount) {
      (signer: inout FileKey, bytes) throws(SigningFailure) in
      try challenge.sign(with: &signer, into: bytes).byteCount
    }
    guard let message else { throw Problem(signingFailed: ()) }
    let place = try log.append(.message(.challenge, message), utcMilliseconds: now, in: database)
    try database.execute(
      sql: """
        INSERT INTO challenge (number, region, issued_utc, valid_seconds, leaf, reveal_utc)
        VALUES (?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        Int64(challenge.number), region.text, challenge.issuedUTCMilliseconds,
        Int64(challenge.validSeconds), Int64(place.index), challenge.revealUTCMilliseconds,
      ])
    return IssuedChallenge(
      challenge: challenge, message: message, leaf: place.index, isNew: true)
  }

  /// Everybody's challenge is always made; strangers can't fill the log with regions.
  private func checkRegionCount(
    with region: ChallengeRegion, _ now: Int64, _ database: Database
  ) throws {
    guard region != .everybody else { return }
    let oldest = now - Int64(challengeRules.validSeconds) * 1000
    let others = try Int.fetchOne(
      database,
      sql: """
        SELECT count(DISTINCT region) FROM challenge
        WHERE issued_utc > ? AND region NOT IN ('', ?)
        """, arguments: [oldest, region.text])
    guard let others, others < ChallengeRules.maximumRegionCount else {
      throw Problem(
        .rateLimited,
        detail: "Challenges of \(ChallengeRules.maximumRegionCount) regions are in force, which is "
          + "all that a gateway has at once; the one without a region is for everybody.",
        retryAfterSeconds: UInt64(challengeRules.validSeconds))
    }
  }

  private static func randomNonce() -> Digest {
    var generator = SystemRandomNumberGenerator()
    var nonce = Digest()
    for index in 0..<32 { nonce[index] = UInt8.random(in: 0...255, using: &generator) }
    return nonce
  }
}

extension GatewayStore {
  /// Challenges that were issued, by this store's gateway at any time.
  public func challengeCount() throws -> Int {
    try database.read { try Int.fetchOne($0, sql: "SELECT max(number) FROM challenge") ?? 0 }
  }
}
