import CLinux
import DeviceLog
import FixedMemory
import LinuxPlatform
import LogInMemory
import Signers

/// Prints one line for each figure: a key, the figure, what it is; tabs between.
@main
struct Program {
  static func main() {
    do throws(BenchFailure) {
      try runCommand()
    } catch {
      tell("cairn-bench: the log, or a count of it, failed\n", to: .error)
      exit(70)
    }
    exit(0)
  }

  private static func runCommand() throws(BenchFailure) {
    var commandWords = InlineArray<2, Bool>(repeating: false)
    var readingCount = 0
    do throws(FileFailure) {
      let arguments = try ProgramArguments()
      if arguments.count == 3, arguments[1].equals("seal") {
        commandWords[0] = true
        readingCount = number(arguments[2]) ?? 0
      }
      commandWords[1] = arguments.count == 1
    } catch {}
    if commandWords[1] {
      try measureAll()
    } else if commandWords[0], readingCount > 0 {
      try sealOnly(readingCount)
    } else {
      tell("usage: cairn-bench [seal COUNT]\n", to: .error)
      exit(64)
    }
  }

  private static func number(_ text: Span<UInt8>) -> Int? {
    guard text.count <= 8 else { return nil }
    var value = 0
    for index in text.indices {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[index]) else { return nil }
      value = value * 10 + Int(text[index] - UInt8(ascii: "0"))
    }
    return value
  }

  /// Seals so many readings, 60 a batch: for a count of heap calls from outside.
  private static func sealOnly(_ readingCount: Int) throws(BenchFailure) {
    let storage = MemoryStorage(byteCount: ringByteCount)
    defer { storage.release() }
    var key = try benchKey()
    var log = try beginBenchLog(on: storage)
    for number in 0..<readingCount {
      try log.append(readingNumber: number)
      if (number + 1) % SealingCost.readingsPerBatch == 0 { try log.sealAndDeliver(with: &key) }
    }
    tell("sealed-readings", Int64(log.state.first), 0, "readings sealed, 60 a batch")
  }

  private static func measureAll() throws(BenchFailure) {
    let cost = try SealingCost.measure()
    tell(
      "sealing-ratio", cost.ratio, -3, "append and seal, as a multiple of the bare calls, median")
    tell("sealing-ratio-lowest", cost.lowestRatio, -3, "the same, lowest round")
    tell("sealing-ratio-highest", cost.highestRatio, -3, "the same, highest round")
    tell(
      "sealing-ratio-with-encoding", cost.ratioWithEncoding, -3,
      "the same with making and encoding the reading, median")
    tell("sealing-nanoseconds", cost.nanosecondsPerReading, 0, "append and seal, ns a reading")
    tell("bare-nanoseconds", cost.bareNanosecondsPerReading, 0, "bare calls, ns a reading")
    tell(
      "node-hashes", cost.nodeHashes * 1000 / max(1, cost.leafHashes), -3,
      "node hashes for each leaf hash")

    try tellBytes("one-commit", batches: 2000, of: 60, commitInterval: 60)
    try tellBytes("wide", batches: 2000, of: 60, commitInterval: 60, isWide: true)
    try tellBytes("six-commits", batches: 2000, of: 60, commitInterval: 10)
    try tellBytes("single", batches: 2000, of: 1, commitInterval: 1)
    try tellBytes("defaults", batches: 2000, of: 3, commitInterval: 2)
    try tellBytes("demonstration", batches: 2000, of: 15, commitInterval: 15)
    try tellBytes("large", batches: 500, of: 500, commitInterval: 500)
  }

  private static func tellBytes(
    _ name: StaticString, batches: Int, of readings: Int, commitInterval: Int, isWide: Bool = false
  ) throws(BenchFailure) {
    let bytes = try LogBytes.count(
      batches: batches, of: readings, commitInterval: commitInterval, isWide: isWide)
    tell("written", name, bytes.writtenPerLeafByte, "bytes written for each leaf byte")
    tell("delivered", name, bytes.deliveredPerReading, "bytes delivered for each reading")
    tell("leaf", name, bytes.leafPerReading, "bytes of a leaf")
  }

  private static func tell(
    _ key: StaticString, _ name: StaticString, _ thousandths: Int64, _ what: StaticString
  ) {
    var text = TextBuilder<256>()
    text.append(key)
    text.append("-")
    text.append(name)
    write(&text, thousandths, -3, what)
  }

  private static func tell(
    _ key: StaticString, _ value: Int64, _ powerOfTen: Int8, _ what: StaticString
  ) {
    var text = TextBuilder<256>()
    text.append(key)
    write(&text, value, powerOfTen, what)
  }

  private static func write(
    _ text: inout TextBuilder<256>, _ value: Int64, _ powerOfTen: Int8, _ what: StaticString
  ) {
    text.append("\t")
    text.append(fixedPoint: value, powerOfTen: powerOfTen)
    text.append("\t")
    text.append(what)
    text.append("\n")
    do throws(SystemError) {
      try StandardStream.output.write(text)
    } catch { exit(74) }
  }

  private static func tell(_ text: StaticString, to stream: StandardStream) {
    // Nothing is left to do for a reader that has gone.
    do throws(SystemError) { try stream.write(text) } catch {}
  }
}
