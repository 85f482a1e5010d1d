import CBOR
import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs

/// `cairn log show EPOCH/BATCH`.
enum LogShowCommand {
  static func run(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    guard let position = batchPosition(arguments.operandText) else { endForPosition() }
    let paths = nodePaths(arguments)
    do throws(SpoolProblem) {
      var walk = try LogWalk(paths)
      guard let found = try walk.find(epoch: position.epoch, batch: position.batch) else {
        endForMissing(paths)
      }
      var survey = Survey()
      try learn(before: found, &walk, &survey)
      let delivered = found.sequence <= walk.reader.deliveredThrough
      if arguments.isJSON {
        output.beginObject()
        output.batch(found, deliveredThrough: walk.reader.deliveredThrough, "batch")
        output.member("itemsStart", found.itemsStart)
        output.beginArray("leaves")
      } else {
        writeHead(found, delivered, &output)
      }
      write(walk.reader.items, from: found.itemsStart, &survey, arguments.isJSON, &output)
      if arguments.isJSON {
        output.endArray()
        output.endDocument()
      }
      return .success
    } catch {
      endForSpool(paths, error)
    }
  }

  /// Takes in leaves of the same boot that stand before the batch: they tell what its readings
  /// mean. As a rule the boot's beginning does; a sensor that came late is looked for in all of it.
  /// The walk stands behind the batch again afterwards.
  private static func learn(before found: LogBatch, _ walk: inout LogWalk, _ survey: inout Survey)
    throws(SpoolProblem)
  {
    for limit in 0..<2 {
      survey = Survey()
      try learn(
        before: found, &walk, &survey,
        maximumCount: limit == 0 ? SpoolReport.maximumFirstBatchCount : .max)
      var whole = survey
      whole.take(items: walk.reader.items)
      if whole.knowsAllSchemas { return }
    }
  }

  private static func learn(
    before found: LogBatch, _ walk: inout LogWalk, _ survey: inout Survey, maximumCount: Int
  ) throws(SpoolProblem) {
    let boot = found.checkpoint.boot
    var batch = try walk.find { $0.checkpoint.boot < boot }
    var count = 0
    while let current = batch, current.sequence < found.sequence, count < maximumCount {
      survey.take(items: walk.reader.items)
      batch = try walk.next()
      count += 1
    }
    guard batch?.sequence != found.sequence else { return }
    _ = try walk.find(epoch: found.checkpoint.epoch, batch: found.checkpoint.batch)
  }

  private static func writeHead(_ found: LogBatch, _ isDelivered: Bool, _ output: inout Output) {
    let checkpoint = found.checkpoint
    output.row("batch")
    output.write(checkpoint.epoch)
    output.write("/")
    output.write(checkpoint.batch)
    output.write(", boot ")
    output.write(checkpoint.boot)
    output.write(", ")
    output.write(checkpoint.size - checkpoint.first, "leaf", "leaves")
    output.write(isDelivered ? ", the gateway has it" : ", not delivered yet")
    if checkpoint.isSimulated { output.write(", simulated", .warning) }
    output.newLine()
    output.line("root", hex: checkpoint.root.span)
    output.line("prev", hex: checkpoint.previous.span)
    guard !found.isWhole else { return }
    output.pad(to: Output.indentation)
    output.write("leaves ")
    output.write(checkpoint.first)
    output.write(" to before ")
    output.write(found.itemsStart)
    output.write(" are gone from the spool")
    if !isDelivered { output.write("; the rest is not delivered") }
    output.newLine()
  }

  private static func write(
    _ items: Span<UInt8>, from start: UInt64, _ survey: inout Survey, _ isJSON: Bool,
    _ output: inout Output
  ) {
    var decoder = CBORDecoder(items)
    var index = start
    while !decoder.isAtEnd, !output.isGone {
      do throws(CBORDecoder.Failure) {
        let leaf = try decoder.byteString()
        survey.take(leaf: leaf)
        if isJSON {
          output.object(leaf: leaf, index: index, survey)
        } else {
          output.write(index)
          output.pad(to: Output.indentation)
          output.describe(leaf: leaf, survey, indentation: Output.indentation + 14)
          output.newLine()
        }
      } catch { return }
      index += 1
    }
  }

  static func endForPosition() -> Never {
    end(.usage, "cairn: a batch is named EPOCH/BATCH, such as 0/12: `cairn log list` shows them")
  }

  static func endForMissing(_ paths: NodePaths) -> Never {
    var text = TextBuilder<384>()
    text.append("cairn: ")
    text.append(untrusted: paths.spool.span)
    text.append(": no such batch: `cairn log list` shows those that are there")
    end(.unavailable, text.span)
  }
}
