import DeviceLog
import FixedMemory
import LogInMemory
import Signers

enum BenchFailure: Error {
  case log(MemoryLog.Failure)
  case reader(LogReader<MemoryStorage>.Failure)
  case key
  /// A figure that was counted on two ways is not the same on both.
  case miscounted
}

/// A ring of default segments: 32 KiB in front, then 32 × 256 KiB.
var ringByteCount: Int { 32_768 + 32 * 262_144 }

/// A new log, its first epoch and boot begun.
func beginBenchLog(on storage: MemoryStorage) throws(BenchFailure) -> MemoryLog {
  do throws(MemoryLog.Failure) { return try beginLog(on: storage) } catch { throw .log(error) }
}

/// Always the same key: what is signed does not leave this process.
func benchKey() throws(BenchFailure) -> FileKey {
  do throws(FileKey.Failure) {
    return try FileKey(seed: FixedBytes<32>())
  } catch { throw .key }
}

extension DeviceLog where Storage == MemoryStorage {
  /// Seals, and says that the gateway has it, as a receipt would: the ring goes round for ever.
  mutating func sealAndDeliver(with key: inout FileKey) throws(BenchFailure) {
    do throws(Failure) {
      _ = try seal(with: &key)
      try markDelivered(
        epoch: state.epoch, size: state.size, throughSequence: lastCheckpointSequence)
    } catch { throw .log(error) }
  }
}

extension DeviceLog where Storage == MemoryStorage {
  /// Encodes a reading and appends it; answers the leaf's length.
  @discardableResult
  mutating func append(readingNumber number: Int, isWide: Bool = false)
    throws(BenchFailure) -> Int
  {
    let reading = Reading(number: number, isWide: isWide)
    var buffer = InlineArray<96, UInt8>(repeating: 0)
    let count = reading.encode(into: buffer.mutableSpan)
    do throws(Failure) {
      try append(leaf: buffer.span.extracting(0..<count), milliseconds: reading.milliseconds)
    } catch { throw .log(error) }
    return count
  }
}
