import Delivery
import FixedMemory
import LinuxPlatform
import NodeFiles

/// What `cairn status` shows of delivery while nobody can ask the gateway.
extension Uplink where Transport: ~Copyable {
  mutating func noteHindrance() {
    guard case .waiting(_, let hindrance) = machine.state else { return }
    note(.waiting(hindrance))
  }

  /// Writes the notice when it says something new; the next attempt is the timer's.
  mutating func note(_ standing: DeliveryNotice.Standing) {
    let notice = DeliveryNotice(standing, dueMilliseconds: standing == .free ? 0 : timer ?? 0)
    guard notice != lastNotice else { return }
    lastNotice = notice
    var bytes = InlineArray<33, UInt8>(repeating: 0)
    let count = notice.encode(into: bytes.mutableSpan)
    // Delivery does not hang on it, and the journal has the same.
    do throws(FileFailure) {
      try atomicReplace(
        paths.deliveryNotice, with: bytes.span.extracting(0..<count), mode: 0o644)
    } catch {}
  }
}
