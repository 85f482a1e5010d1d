/// Where a batch stands in a device's log. Ordered by epoch, then by batch.
public struct BatchPosition: Equatable, Comparable, Sendable {
  public let epoch: UInt64
  public let batch: UInt64

  public init(epoch: UInt64, batch: UInt64) {
    self.epoch = epoch
    self.batch = batch
  }

  /// The next batch of the same epoch. The last one that can be numbered has itself as next: a device
  /// would need longer than the sun to get there, and a forged position must not trap.
  public var next: BatchPosition {
    BatchPosition(epoch: epoch, batch: batch == .max ? .max : batch + 1)
  }

  public static func < (left: BatchPosition, right: BatchPosition) -> Bool {
    left.epoch != right.epoch ? left.epoch < right.epoch : left.batch < right.batch
  }
}
