import CLinux

/// Waits for several descriptors at once (poll(2)). A program's loop fills it anew in each turn:
///
///     removeAll → watch … → wait → isReadable(slot) …
public struct Poller: ~Copyable {
  /// The agent watches its listener, 8 clients, signals, inotify, a serial line, 4 contacts, a button and 2 radios: 19.
  public static var capacity: Int { CAIRN_POLL_ENTRIES }

  private var entries = InlineArray<32, cairn_poll_entry>(
    repeating: cairn_poll_entry(descriptor: -1, wanted: 0, happened: 0))
  public private(set) var count = 0

  public init() {}

  public mutating func removeAll() { count = 0 }

  /// Watches one more descriptor and returns its slot, or nil when there is no room.
  public mutating func watch(
    _ descriptor: Int32, readable: Bool = true, writable: Bool = false
  ) -> Int? {
    guard count < Self.capacity else { return nil }
    let wanted =
      (readable ? CAIRN_POLL_READABLE : 0) | (writable ? CAIRN_POLL_WRITABLE : 0)
    entries[count] = cairn_poll_entry(
      descriptor: descriptor, wanted: Int16(truncatingIfNeeded: wanted), happened: 0)
    count += 1
    return count - 1
  }

  /// Waits until something happens or the time is over; nil waits for ever. Returns the number of
  /// slots with something to tell.
  public mutating func wait(milliseconds: Int64?) throws(SystemError) -> Int {
    let timeout = milliseconds.map { max(0, $0) } ?? -1
    let watched = Int32(count)
    var span = entries.mutableSpan
    let result = unsafe span.withUnsafeMutableBufferPointer { buffer in
      unsafe cairn_poll(buffer.baseAddress, watched, timeout)
    }
    return Int(try checked(result))
  }

  /// There is something to read, or the other end has gone and a read says so.
  public func isReadable(_ slot: Int) -> Bool {
    happened(slot, CAIRN_POLL_READABLE | CAIRN_POLL_ENDED)
  }

  public func isWritable(_ slot: Int) -> Bool { happened(slot, CAIRN_POLL_WRITABLE) }

  /// The other end has gone, or the descriptor is broken. What arrived before may still be readable.
  public func hasEnded(_ slot: Int) -> Bool { happened(slot, CAIRN_POLL_ENDED) }

  private func happened(_ slot: Int, _ events: Int) -> Bool {
    precondition(slot >= 0 && slot < count, "slot that is not watched")
    return Int(entries[slot].happened) & events != 0
  }
}

/// Waits for one descriptor. False when the time is over first.
func waitFor(_ descriptor: Int32, writable: Bool, milliseconds: Int64) throws(SystemError) -> Bool {
  var entry = cairn_poll_entry(
    descriptor: descriptor,
    wanted: Int16(truncatingIfNeeded: writable ? CAIRN_POLL_WRITABLE : CAIRN_POLL_READABLE),
    happened: 0)
  return try checked(unsafe cairn_poll(&entry, 1, max(0, milliseconds))) > 0
}
