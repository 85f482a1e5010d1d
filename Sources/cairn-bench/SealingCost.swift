import DeviceLog
import FixedMemory
import LogInMemory
import Proofs
import Signers

/// The log's own work beside the bare calls, in turns, so that a machine that gets slower slows both.
struct SealingCost {
  static var readingsPerBatch: Int { 60 }
  private static var batchesPerRound: Int { 40 }
  private static var roundCount: Int { 201 }

  /// Medians over the rounds.
  var ratio: Int64 = 0
  var ratioWithEncoding: Int64 = 0
  var lowestRatio: Int64 = 0
  var highestRatio: Int64 = 0
  var nanosecondsPerReading: Int64 = 0
  var bareNanosecondsPerReading: Int64 = 0
  var nodeHashes: Int64 = 0
  var leafHashes: Int64 = 0

  /// Ratios in thousandths.
  static func measure() throws(BenchFailure) -> SealingCost {
    let storage = MemoryStorage(byteCount: ringByteCount)
    let leaves = LeafList(count: readingsPerBatch * batchesPerRound)
    let bare = BareCalls()
    defer {
      storage.release()
      leaves.release()
      bare.release()
    }
    var key = try benchKey()
    var log = try beginBenchLog(on: storage)
    var rounds = Rounds()
    var cost = SealingCost()
    var number = 0
    for _ in 0..<roundCount {
      leaves.fill(from: number)
      let size = log.state.size
      let start = processorNanoseconds()
      let counts = bare.seal(leaves, perBatch: readingsPerBatch, size: size)
      let afterBare = processorNanoseconds()
      try seal(leaves, from: number, into: &log, key: &key)
      let afterSealing = processorNanoseconds()
      number += leaves.count
      try encodeAndSeal(from: number, count: leaves.count, into: &log, key: &key)
      let afterEncoding = processorNanoseconds()
      number += leaves.count
      guard log.state.size == size + 2 * UInt64(leaves.count) else { throw .miscounted }
      rounds.append(
        bare: afterBare - start, sealing: afterSealing - afterBare,
        encoding: afterEncoding - afterSealing)
      cost.nodeHashes += counts.nodeHashes
      cost.leafHashes += counts.leafHashes
    }
    rounds.summarise(&cost, readingsPerRound: Int64(leaves.count))
    return cost
  }

  private static func seal(
    _ leaves: LeafList, from number: Int, into log: inout MemoryLog, key: inout FileKey
  ) throws(BenchFailure) {
    for index in 0..<leaves.count {
      let leaf = UnsafeBufferPointer(
        start: leaves.hashInput(at: index) + 1, count: leaves.byteCount(at: index))
      do throws(MemoryLog.Failure) {
        try log.append(
          leaf: leaf.span, milliseconds: Reading.milliseconds(ofNumber: number + index))
      } catch { throw .log(error) }
      if (index + 1) % readingsPerBatch == 0 { try log.sealAndDeliver(with: &key) }
    }
  }

  private static func encodeAndSeal(
    from number: Int, count: Int, into log: inout MemoryLog, key: inout FileKey
  ) throws(BenchFailure) {
    for index in 0..<count {
      try log.append(readingNumber: number + index)
      if (index + 1) % readingsPerBatch == 0 { try log.sealAndDeliver(with: &key) }
    }
  }

  /// What each round took.
  private struct Rounds {
    private var bare = FixedArray<201, Int64>(filler: 0)
    private var sealing = FixedArray<201, Int64>(filler: 0)
    private var ratios = FixedArray<201, Int64>(filler: 0)
    private var encodingRatios = FixedArray<201, Int64>(filler: 0)

    mutating func append(bare: Int64, sealing: Int64, encoding: Int64) {
      self.bare.append(bare)
      self.sealing.append(sealing)
      ratios.append(sealing * 1000 / max(1, bare))
      encodingRatios.append(encoding * 1000 / max(1, bare))
    }

    mutating func summarise(_ cost: inout SealingCost, readingsPerRound: Int64) {
      bare.sort()
      sealing.sort()
      ratios.sort()
      encodingRatios.sort()
      let middle = ratios.count / 2
      cost.ratio = ratios[middle]
      cost.ratioWithEncoding = encodingRatios[middle]
      cost.lowestRatio = ratios[0]
      cost.highestRatio = ratios[ratios.count - 1]
      cost.bareNanosecondsPerReading = bare[middle] / readingsPerRound
      cost.nanosecondsPerReading = sealing[middle] / readingsPerRound
    }
  }
}

extension FixedArray where Element == Int64 {
  /// Insertion sort: a few hundred figures, once.
  fileprivate mutating func sort() {
    for end in indices {
      var place = end
      while place > 0, self[place - 1] > self[place] {
        let larger = self[place - 1]
        self[place - 1] = self[place]
        self[place] = larger
        place -= 1
      }
    }
  }
}
