import FixedMemory

/// How a bridge is, for people: told when it changes, and by `systemctl status`.
public enum BridgeReason: Equatable, Sendable {
  case starting
  case working
  case failing(USBFailure)
  case garbage(expected: Int, received: Int)
  case hung(resets: UInt64)
  case lost
  case resting

  /// One line without its end: what, to which stick, why, what to do.
  public func describe<let capacity: Int>(
    place: FixedText<160>, kernelDriver: FixedText<32>, to text: inout TextBuilder<capacity>
  ) {
    text.append(place.span)
    switch self {
    case .starting: text.append(": looking for it")
    case .working: text.append(": open, its buses are served")
    case .failing(let failure): Self.describe(failure, kernelDriver, to: &text)
    case .garbage(let expected, let received):
      text.append(": garbage: ")
      text.append(received)
      text.append(" bytes came where ")
      text.append(expected)
      text.append(" were due; nothing of it is used")
    case .hung(let resets):
      text.append(": hung: its port was reset, for the ")
      text.append(resets)
      text.append(". time since the start. Look at cable, hub and power supply")
    case .lost: text.append(": unplugged; looked for until it is back")
    case .resting:
      text.append(
        ": hangs even after resets: left alone for 30 s. Unplug it, or give it another hub")
    }
  }

  private static func describe<let capacity: Int>(
    _ failure: USBFailure, _ driver: FixedText<32>, to text: inout TextBuilder<capacity>
  ) {
    switch failure {
    case .absent: text.append(": no such stick is plugged in; looked for every 2 s")
    case .ambiguous:
      text.append(": several are plugged in: say which with --device ID@PORT or ID@SERIAL")
    case .busy:
      if driver.isEmpty {
        text.append(": busy: another program has it; end that one")
      } else {
        text.append(": busy: the kernel driver ")
        text.append(untrusted: driver.span)
        text.append(" has it. Keep that out: `blacklist ")
        text.append(untrusted: driver.span)
        text.append("` in /etc/modprobe.d/cairn.conf, then plug the stick in again")
      }
    case .denied:
      text.append(": permission denied: the udev rule of Cairn gives it to the user cairn-usb")
    case .timedOut: text.append(": no answer in time")
    case .stalled: text.append(": it refused a packet (stall)")
    case .overflowed: text.append(": garbage: more bytes came than a packet has")
    case .disconnected: text.append(": it went while it was used")
    case .system(let code):
      text.append(": libusb says ")
      text.append(code)
      text.append(code == -99 ? "; is there USB on this machine?" : "; look at `dmesg`")
    }
  }
}
