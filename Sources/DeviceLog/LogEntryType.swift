/// The types of spool entries that a device's log writes (docs/spool-format.md, "What the log puts in").
enum LogEntryType {
  /// Leaves, as the byte strings they travel as in a batch, one after the other.
  static var leaves: UInt8 { 1 }
  /// A checkpoint message. It covers the leaves since the checkpoint or epoch before it.
  static var checkpoint: UInt8 { 2 }
  /// [1, epoch, prev]: a new tree begins. Leaves before it that no checkpoint covers are void.
  static var epoch: UInt8 { 3 }
}
