/// When a stick that fails is reset, and when it is left alone.
///
///     failures in a row     3 → the port is reset
///     resets in a row       3 → it is let go, and looked for again after 30 s
///     it has gone             → it is looked for again every 2 s, or when hot-plug tells
///
/// Only failures between us and the stick count: a chip that does not answer is the bus's business. A transfer
/// that succeeds ends both rows.
///
/// Invariants: 0 ≤ failuresInARow < 3; 0 ≤ resetsInARow ≤ 3.
public struct BridgeHealth: Sendable, Equatable {
  public static var failureLimit: Int { 3 }
  public static var resetLimit: Int { 3 }
  public static var lookIntervalMilliseconds: Int64 { 2000 }
  public static var restMilliseconds: Int64 { 30_000 }

  public enum Action: Sendable, Equatable {
    case goOn
    case reset
    /// Let go, and look for it again.
    case letGo
    /// Let go, and leave it alone for a while.
    case rest
  }

  public private(set) var failuresInARow = 0
  public private(set) var resetsInARow = 0
  /// Since the start.
  public private(set) var resetCount: UInt64 = 0
  public private(set) var failureCount: UInt64 = 0

  public init() {}

  public mutating func succeeded() {
    failuresInARow = 0
    resetsInARow = 0
  }

  public mutating func failed(hasGone: Bool) -> Action {
    failureCount &+= 1
    if hasGone {
      failuresInARow = 0
      resetsInARow = 0
      return .letGo
    }
    failuresInARow += 1
    guard failuresInARow == Self.failureLimit else { return .goOn }
    failuresInARow = 0
    guard resetsInARow < Self.resetLimit else {
      resetsInARow = 0
      return .rest
    }
    resetsInARow += 1
    resetCount &+= 1
    return .reset
  }

  public func checkInvariants() {
    precondition((0..<Self.failureLimit).contains(failuresInARow), "failures in a row")
    precondition((0...Self.resetLimit).contains(resetsInARow), "resets in a row")
  }
}
