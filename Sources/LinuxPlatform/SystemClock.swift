import Buses
import CLinux

/// The kernel's clocks.
public struct SystemClock: Sendable {
  public init() {}

  /// Milliseconds since the kernel started, sleep included (CLOCK_BOOTTIME): never goes back.
  public func bootMilliseconds() -> Int64 { cairn_clock_boot() }

  /// The same without sleep (CLOCK_MONOTONIC): what the kernel's times of GPIO edges are by.
  public func monotonicMilliseconds() -> Int64 { cairn_gpio_monotonic() }

  /// What the wall clock says: milliseconds since 1970-01-01 UTC. May be wrong, and may jump.
  public func utcMilliseconds() -> Int64 { cairn_clock_utc() }

  /// How well the wall clock is kept (adjtimex(2)). Fails with EPERM where a sandbox forbids asking,
  /// as systemd's ProtectClock= does.
  public func synchronisation() throws(SystemError) -> ClockSynchronisation {
    var state = cairn_clock_state()
    _ = try checked(unsafe cairn_clock_state(&state))
    return ClockSynchronisation(
      isSynchronised: state.synchronised != 0,
      estimatedErrorMilliseconds: Self.milliseconds(state.estimated_error_microseconds),
      maximumErrorMilliseconds: Self.milliseconds(state.maximum_error_microseconds))
  }

  /// Rounded up: an error is never told smaller than it is.
  private static func milliseconds(_ microseconds: Int64) -> Int64 {
    microseconds <= 0 ? 0 : microseconds / 1000 + (microseconds % 1000 == 0 ? 0 : 1)
  }
}

/// The kernel's opinion of its wall clock, as whoever disciplines it (chrony, systemd-timesyncd) left it.
public struct ClockSynchronisation: Sendable, Equatable {
  /// False until an NTP client has set the clock, and again when its maximum error has grown past 16 s.
  public let isSynchronised: Bool
  /// systemd-timesyncd does not keep this one: rely on the maximum.
  public let estimatedErrorMilliseconds: Int64
  /// Grows by 500 parts per million while nobody disciplines the clock, and holds what is still to be corrected.
  public let maximumErrorMilliseconds: Int64
}

/// Sleeps by the kernel; a signal does not end it early.
public struct SystemDelay: Delay, Sendable {
  public init() {}

  public func sleep(milliseconds: UInt32) { cairn_clock_sleep(milliseconds) }
}
