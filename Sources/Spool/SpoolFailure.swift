/// What can go wrong with a spool. Bugs of the caller trap instead (`stop`).
public enum SpoolFailure: Error, Equatable {
  /// The file does not begin with a spool's magic: never formatted, or formatting was cut short.
  case notASpool
  /// A spool of another version of the format.
  case unsupportedVersion(UInt16)
  /// The superblock's checksum or one of its values is wrong.
  case superblockDamaged
  /// The storage has another size than the superblock says.
  case wrongByteCount(expected: UInt64, found: UInt64)
  /// Cannot be formatted: a segment size that is not a multiple of 4 KiB within the limits, or a
  /// number of segments outside the limits.
  case unusableGeometry
  /// Recovered more often than 32 bits can count.
  case incarnationsExhausted

  /// The entry does not fit the rest of the current segment, or no segment can be appended to:
  /// begin one.
  case segmentFull
  /// The payload would not fit even an empty segment.
  case entryTooLarge
  case contextTooLarge
  case noteTooLarge
  /// The next segment holds entries that are not delivered; nothing was changed.
  case undelivered
  /// A write or a synchronize failed before. Nothing is written again until the spool is recovered
  /// anew.
  case storageFailed

  /// The caller's buffer is too small for what stands there; the position is unchanged.
  case bufferTooSmall(needed: Int)
  /// The writer reused the segment being read. The reader stands at the oldest entry that it can
  /// still reach at or after the one it wanted.
  case overtaken
  /// Entries that were released can't be read: the medium decayed, or recovery found it so. The
  /// reader stands behind them.
  case damaged(fromSequence: UInt64, throughSequence: UInt64)
  /// More notes than 31 bits can count.
  case notesExhausted
  /// The newest note was durable and can't be read any more.
  case noteDamaged
  /// Another spool stands where this one was.
  case replaced

  case storage(StorageError)
}
