import DeviceLog
import FixedMemory
import NodeFiles
import Proofs

/// `cairn log list`.
enum LogListCommand {
  private static var columns:
    (boot: Int, leaves: Int, count: Int, time: Int, root: Int, delivered: Int)
  {
    (16, 18, 43, 45, 60, 73)
  }

  static func run(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    let paths = nodePaths(arguments)
    do throws(SpoolProblem) {
      var walk = try LogWalk(paths)
      if let last = arguments.last {
        try write(&walk, last: last, isJSON: arguments.isJSON, &output)
      } else {
        try walk.seek(toSequence: 1)
        try write(&walk, skipping: 0, isJSON: arguments.isJSON, &output)
      }
      return .success
    } catch {
      endForSpool(paths, error)
    }
  }

  /// The newest `last` batches. How many entries they take is not known beforehand: looks ever
  /// further back.
  private static func write(
    _ walk: inout LogWalk, last: UInt64, isJSON: Bool, _ output: inout Output
  ) throws(SpoolProblem) {
    let end = walk.reader.releasedThrough
    var reach = last * 4
    while true {
      let start = end - min(reach, end)
      try walk.seek(toSequence: start)
      var count: UInt64 = 0
      var isFirstCut = false
      while let found = try walk.next() {
        if count == 0 { isFirstCut = !found.isWhole }
        count += 1
      }
      // The first one after a seek may have begun in the segment before.
      if count > last || count == last && !isFirstCut || start == 0 {
        try walk.seek(toSequence: start)
        return try write(&walk, skipping: count - min(last, count), isJSON: isJSON, &output)
      }
      reach *= 4
    }
  }

  private static func write(
    _ walk: inout LogWalk, skipping skipped: UInt64, isJSON: Bool, _ output: inout Output
  ) throws(SpoolProblem) {
    let delivered = walk.reader.deliveredThrough
    var count: UInt64 = 0
    if isJSON {
      output.beginObject()
      output.beginArray("batches")
    }
    while let found = try walk.next(), !output.isGone {
      count += 1
      guard count > skipped else { continue }
      if isJSON {
        output.batch(found, deliveredThrough: delivered)
      } else {
        if count == skipped + 1 { writeHead(&output) }
        write(found, delivered: found.sequence <= delivered, &output)
      }
    }
    if isJSON {
      output.endArray()
      output.member("losses", UInt64(walk.lossCount))
      output.endDocument()
      return
    }
    if count == 0 {
      output.write("nothing has been sealed yet")
      output.newLine()
    }
    if walk.lossCount > 0 {
      output.write("damage: not all of the spool can be read", .bad)
      output.newLine()
    }
  }

  private static func writeHead(_ output: inout Output) {
    output.emphasise(.heading)
    output.write("batch")
    output.pad(to: columns.boot - 4)
    output.write("boot")
    output.pad(to: columns.leaves)
    output.write("leaves")
    output.pad(to: columns.count - 5)
    output.write("count")
    output.pad(to: columns.time)
    output.write("log time")
    output.pad(to: columns.root)
    output.write("root")
    output.pad(to: columns.delivered)
    output.write("gateway")
    output.plain()
    output.newLine()
  }

  private static func write(_ found: LogBatch, delivered: Bool, _ output: inout Output) {
    let checkpoint = found.checkpoint
    output.write(checkpoint.epoch)
    output.write("/")
    output.write(checkpoint.batch)
    output.write(checkpoint.boot, endingAt: columns.boot)
    output.pad(to: columns.leaves)
    output.write(checkpoint.first)
    output.write("..<")
    output.write(checkpoint.size)
    output.write(checkpoint.size - checkpoint.first, endingAt: columns.count)
    output.pad(to: columns.time)
    output.write(logTime: checkpoint.lastLeafMilliseconds)
    output.pad(to: columns.root)
    output.write(short: checkpoint.root)
    output.pad(to: columns.delivered)
    if delivered {
      output.write("has it", .good)
    } else {
      output.write("not yet")
    }
    if !found.isWhole {
      output.newLine()
      output.pad(to: columns.leaves)
      output.write("leaves before ")
      output.write(found.itemsStart)
      output.write(" are gone from the spool")
      if !delivered { output.write("; the rest is not delivered") }
    }
    output.newLine()
  }
}
