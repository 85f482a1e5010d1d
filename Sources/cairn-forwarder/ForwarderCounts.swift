import FixedMemory
import LinuxPlatform

/// What went past and what did not, told in the status line once a minute. Every count wraps.
struct ForwarderCounts {
  static var intervalMilliseconds: Int64 { 60_000 }

  /// Handed to the agent, or would have been.
  var frames: UInt32 = 0
  /// Packets and datagrams that can't be read.
  var unusable: UInt32 = 0
  /// Not of this protocol.
  var refused: UInt32 = 0
  /// Could not be sent, or found nobody.
  var unreachable: UInt32 = 0
  /// Not passed to the server: too many sockets of gateways.
  var notPassed: UInt32 = 0
  /// Datagrams of gateways that found no place.
  var gatewaysTooMany: UInt32 = 0
  private var nextMilliseconds: Int64 = 0

  init() {}

  mutating func tellIfDue(_ now: Int64) {
    guard now >= nextMilliseconds else { return }
    let isFirst = nextMilliseconds == 0
    nextMilliseconds = now + Self.intervalMilliseconds
    if isFirst { return }
    var text = TextBuilder<256>()
    text.append("frames ")
    text.append(frames)
    text.append(", unusable ")
    text.append(unusable)
    text.append(", not GWMP ")
    text.append(refused)
    text.append(", not sent ")
    text.append(unreachable)
    text.append(", sockets too many ")
    text.append(notPassed)
    text.append(", gateways too many ")
    text.append(gatewaysTooMany)
    ServiceManager.tell(status: text)
  }
}
