import CLinux

/// Ends the program because of a bug, and says which: writes `reason` to descriptor 2, then traps.
/// Embedded builds drop the text of `precondition`; this one stays.
public func stop(_ reason: StaticString) -> Never {
  unsafe cairn_stop(reason.utf8Start, reason.utf8CodeUnitCount)
}
