import CLinux
import FixedMemory

/// Whoever started this program and wants to hear from it: systemd, by sd_notify(3). Without one nothing is
/// told, and a message that does not get through is no failure of the program: a watchdog that has asked for
/// it starts the program anew.
public enum ServiceManager {
  /// It has begun, and does its work from here on.
  public static func tellReady() { tell("READY=1") }

  /// It is alive: to be said more often than the unit's `WatchdogSec`.
  public static func tellAlive() { tell("WATCHDOG=1") }

  /// It ends, as asked.
  public static func tellStopping() { tell("STOPPING=1") }

  /// How long this program may be silent, in place of the unit's `WatchdogSec`.
  public static func allowSilence(seconds: UInt32) {
    var text = TextBuilder<64>()
    text.append("WATCHDOG_USEC=")
    text.append(UInt64(seconds) * 1_000_000)
    tell(text.span)
  }

  /// One line about what it is at, for `systemctl status`.
  public static func tell<let capacity: Int>(status: borrowing TextBuilder<capacity>) {
    var text = TextBuilder<512>()
    text.append("STATUS=")
    text.append(untrusted: status.span)
    tell(text.span)
  }

  private static func tell(_ literal: StaticString) {
    unsafe tell(Span(_unsafeStart: literal.utf8Start, count: literal.utf8CodeUnitCount))
  }

  private static func tell(_ state: Span<UInt8>) {
    // See above: whoever has to know will see the silence.
    _ = unsafe state.withUnsafeBufferPointer {
      unsafe cairn_service_notify($0.baseAddress, Int64($0.count))
    }
  }
}
