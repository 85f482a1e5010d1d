import DeviceLog
import FixedMemory
import LogInMemory
import Signers
import Spool

/// Counts bytes: what the log hands to the storage's writes, and what the uplink would deliver.
struct LogBytes {
  var leafBytes: UInt64 = 0
  var writtenBytes: UInt64 = 0
  var deliveredBytes: UInt64 = 0
  var readings: Int64 = 0

  /// Thousandths of a byte.
  var writtenPerLeafByte: Int64 { Int64(writtenBytes * 1000 / max(1, leafBytes)) }
  var deliveredPerReading: Int64 { Int64(deliveredBytes) * 1000 / max(1, readings) }
  var leafPerReading: Int64 { Int64(leafBytes) * 1000 / max(1, readings) }

  /// Seals `batchCount` batches of `readingCount` readings, with a commit after every `commitInterval`
  /// readings, and reads each one back as the uplink does. The start of the log does not count.
  static func count(
    batches batchCount: Int, of readingCount: Int, commitInterval: Int, isWide: Bool
  )
    throws(BenchFailure) -> LogBytes
  {
    let storage = MemoryStorage(byteCount: ringByteCount)
    defer { storage.release() }
    var key = try benchKey()
    var log = try beginBenchLog(on: storage)
    // A leaf of the start, so that the reader finds the batches that count from here on.
    try log.append(readingNumber: 0)
    try log.sealAndDeliver(with: &key)
    let before = log.bytesWritten
    var bytes = LogBytes()
    var number = 1
    var reader = try LogReader<MemoryStorage>.passingFirstBatch(of: storage)
    for _ in 0..<batchCount {
      for index in 1...readingCount {
        bytes.leafBytes += UInt64(try log.append(readingNumber: number, isWide: isWide))
        number += 1
        if index % commitInterval == 0, index < readingCount { try log.commitNow() }
      }
      try log.sealAndDeliver(with: &key)
      bytes.readings += Int64(readingCount)
      bytes.deliveredBytes += try reader.nextByteCount(of: readingCount)
    }
    bytes.writtenBytes = log.bytesWritten - before
    return bytes
  }
}

extension DeviceLog where Storage == MemoryStorage {
  fileprivate mutating func commitNow() throws(BenchFailure) {
    do throws(Failure) { try commit() } catch { throw .log(error) }
  }
}

extension LogReader where Storage == MemoryStorage {
  /// A reader that has passed the log's first batch.
  fileprivate static func passingFirstBatch(of storage: MemoryStorage)
    throws(BenchFailure) -> LogReader
  {
    do throws(Failure) {
      var reader = try LogReader(opening: storage)
      try reader.rewind()
      _ = try reader.next()
      return reader
    } catch { throw .reader(error) }
  }

  /// Length of the next batch as it travels, without what HTTP adds.
  fileprivate mutating func nextByteCount(of readingCount: Int) throws(BenchFailure) -> UInt64 {
    let found: LogBatch?
    do throws(Failure) {
      try refresh()
      found = try next()
      try assemble()
    } catch { throw .reader(error) }
    guard let found, found.itemCount == readingCount else { throw .miscounted }
    return UInt64(bytes.count)
  }
}
