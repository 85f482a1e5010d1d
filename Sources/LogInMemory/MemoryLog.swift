import DeviceLog
import FixedMemory
import Spool

/// The log as the agent has it, on memory.
public typealias MemoryLog = DeviceLog<MemoryStorage>

/// A new log, its first epoch and boot begun. The spool's id is zero, so that its bytes are the same each time.
public func beginLog(
  on storage: MemoryStorage, policy: MemoryLog.FullPolicy = .stop,
  segmentByteCount: UInt32 = SpoolLayout.defaultSegmentByteCount
) throws(MemoryLog.Failure) -> MemoryLog {
  var storage = storage
  do throws(SpoolFailure) {
    try SpoolWriter<MemoryStorage>.format(
      &storage, spoolID: FixedBytes<16>(), segmentByteCount: segmentByteCount)
  } catch { throw .spool(error) }
  var log = try MemoryLog.recover(storage, policy: policy)
  try log.begin(epoch: 0)
  log.begin(boot: 1, flags: 0)
  return log
}
