import Synchronization

/// Batches that came before the ones in front of them: signed, not yet judged. When the gap closes they are
/// judged and stored in the same transaction, so that what comes over a second way, or out of order, need
/// not come twice.
///
/// In memory: the answer to each was `gap`, no receipt was given, and the device keeps it until there is one.
/// What a restart loses is a head start.
///
/// Invariants: `byteCount` is the sum over all that is held; no device has more than its share.
final class EarlyBatches: Sendable {
  /// Batches ahead of the expected one, and so many of a device: an hour of a device that seals each minute.
  static let maximumCountAhead: UInt64 = 64
  /// Of one device.
  static let maximumByteCountOfDevice = 1 << 20
  /// Of all devices: when it is full, later ones are not held.
  static let maximumByteCount = 64 << 20
  /// The longest pause of an uplink: what has not been joined by then comes again by itself.
  static let maximumMilliseconds: Int64 = 15 * 60_000

  private struct Position: Hashable {
    let epoch: UInt64
    let batch: UInt64
  }

  private struct State {
    var devices: [Int64: [Position: Gateway.CheckedBatch]] = [:]
    var byteCount = 0
  }

  private let state = Mutex(State())

  /// How many are held.
  var count: Int { state.withLock { $0.devices.values.reduce(0) { $0 + $1.count } } }

  /// Holds a batch that is ahead of `expected` in the same epoch; the first one of a position stays.
  func hold(_ batch: Gateway.CheckedBatch, expected: Problem.Expected) {
    let checkpoint = batch.checkpoint
    guard checkpoint.epoch == expected.epoch, checkpoint.batch > expected.batch,
      checkpoint.batch - expected.batch <= Self.maximumCountAhead,
      // A resumed batch closes the gap itself, or never will.
      batch.start == checkpoint.first
    else { return }
    let position = Position(epoch: checkpoint.epoch, batch: checkpoint.batch)
    state.withLock { state in
      var held = state.devices[batch.device.id] ?? [:]
      // What lies elsewhere now, or has waited too long, makes room.
      for (other, early) in held
      where other.epoch != expected.epoch || other.batch <= expected.batch || isOld(early, batch) {
        state.byteCount -= early.bytes.count
        held[other] = nil
      }
      let byteCountOfDevice = held.values.reduce(0) { $0 + $1.bytes.count }
      if held[position] == nil,
        byteCountOfDevice + batch.bytes.count <= Self.maximumByteCountOfDevice
      {
        if state.byteCount + batch.bytes.count > Self.maximumByteCount {
          dropOld(before: batch, &state)
        }
        if state.byteCount + batch.bytes.count <= Self.maximumByteCount {
          held[position] = batch
          state.byteCount += batch.bytes.count
        }
      }
      state.devices[batch.device.id] = held.isEmpty ? nil : held
    }
  }

  /// Takes out the batch that follows the one just stored; nil when it is not held, or has waited too long.
  func takeSuccessor(of batch: Gateway.CheckedBatch) -> Gateway.CheckedBatch? {
    let checkpoint = batch.checkpoint
    let position = Position(epoch: checkpoint.epoch, batch: checkpoint.batch + 1)
    return state.withLock { state in
      guard var held = state.devices[batch.device.id],
        let early = held.removeValue(forKey: position)
      else { return nil }
      state.byteCount -= early.bytes.count
      state.devices[batch.device.id] = held.isEmpty ? nil : held
      guard !isOld(early, batch) else { return nil }
      // It is had from now on: its receipt says when it was stored, not when it knocked.
      var joined = early
      joined.receivedUTCMilliseconds = batch.receivedUTCMilliseconds
      return joined
    }
  }

  private func dropOld(before batch: Gateway.CheckedBatch, _ state: inout State) {
    for (device, held) in state.devices where device != batch.device.id {
      let kept = held.filter { !isOld($0.value, batch) }
      guard kept.count < held.count else { continue }
      let freed = held.values.reduce(0) { $0 + $1.bytes.count }
      state.byteCount -= freed - kept.values.reduce(0) { $0 + $1.bytes.count }
      state.devices[device] = kept.isEmpty ? nil : kept
    }
  }

  private func isOld(_ early: Gateway.CheckedBatch, _ now: Gateway.CheckedBatch) -> Bool {
    now.receivedUTCMilliseconds - early.receivedUTCMilliseconds > Self.maximumMilliseconds
  }
}
