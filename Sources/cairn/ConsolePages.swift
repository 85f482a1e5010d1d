import CBOR
import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs
import Records

/// The pages of the console that `cairn status` does not have as a whole; the rows are the same ones.
enum ConsolePages {
  static func help(isUnlocked: Bool, _ output: inout Output) {
    for raw in 0..<ConsoleWord.count {
      guard let word = ConsoleWord(rawValue: raw) else { continue }
      if word == .unlock { output.newLine() }
      output.write("  ")
      output.write(word.text, .heading)
      output.pad(to: 16)
      output.write(word.meaning)
      output.newLine()
      guard word.hasLivePage else { continue }
      output.write("  ")
      output.write(word == .sensors ? "sensors live" : "radios live", .heading)
      output.pad(to: 16)
      output.write("the same, again and again until a key is pressed")
      output.newLine()
    }
    output.newLine()
    output.paragraph(
      "TAB completes, arrows go through what was typed before, ^C drops a line, ^D ends.",
      indentation: 0)
    output.newLine()
    output.write("State is ")
    output.write(isUnlocked ? "unlocked" : "locked", isUnlocked ? .warning : .good)
    output.write(
      isUnlocked ? ": `adopt` and `test` are heard." : ": nothing here changes the node.")
    output.newLine()
  }

  static func delivery(_ arguments: borrowing Arguments, _ output: inout Output) {
    let report = NodeReport(arguments)
    StatusPage.writeAgent(report, &output)
    StatusPage.writeEnrolment(report, &output)
    if let problem = report.spoolProblem {
      StatusPage.writeProblem(problem, report.paths, &output)
    } else {
      StatusPage.writeSpool(report, &output)
    }
    StatusPage.writeDelivery(report, &output)
    StatusPage.writeBudget(report, &output)
    StatusPage.writeGateway(report, &output)
  }

  static func clock(_ arguments: borrowing Arguments, _ output: inout Output) {
    let report = NodeReport(arguments)
    if let problem = report.spoolProblem {
      StatusPage.writeProblem(problem, report.paths, &output)
    } else {
      StatusPage.writeClock(report, &output)
      StatusPage.writePosition(report, &output)
    }
    output.row("system")
    output.write(utc: report.wallMilliseconds / 1000 * 1000)
    output.write(", ")
    do throws(SystemError) {
      let state = try SystemClock().synchronisation()
      if state.isSynchronised {
        output.write("kept by NTP, ")
        output.writePlusMinus()
        output.write(duration: state.maximumErrorMilliseconds)
        output.write(" at most")
      } else {
        output.write("kept by nobody", .warning)
        output.write(": NTP has not set it")
      }
    } catch { output.write("how it is kept the kernel does not tell this program") }
    output.newLine()
    output.row("up")
    output.write(duration: report.bootMilliseconds)
    output.write(" since the kernel started")
    output.newLine()
  }

  static func key(_ arguments: borrowing Arguments, _ output: inout Output) {
    let paths = nodePaths(arguments)
    do throws(KeyProblem) {
      let key = try readPublicKey(paths.publicKey)
      output.lines(of: key)
      if output.console.isTerminal { output.write(qrCode: key.didKey.span) }
    } catch {
      var text = TextBuilder<512>()
      text.append(untrusted: paths.publicKey.span)
      text.append(": ")
      error.explain(&text)
      output.row("key")
      output.paragraph(text.span, indentation: Output.indentation)
      output.newLine()
    }
  }

  static func log(_ arguments: borrowing Arguments, _ output: inout Output) {
    let report = NodeReport(arguments)
    if let problem = report.spoolProblem {
      return StatusPage.writeProblem(problem, report.paths, &output)
    }
    StatusPage.writeLog(report, &output)
    ConsoleLeaves.write(last: 12, of: .all, report, &output)
  }

  static func errors(_ arguments: borrowing Arguments, _ output: inout Output) {
    let report = NodeReport(arguments)
    if let problem = report.spoolProblem {
      StatusPage.writeProblem(problem, report.paths, &output)
    } else {
      ConsoleLeaves.write(last: 10, of: .troubles, report, &output)
      StatusPage.writeGaps(report, &output)
    }
    StatusPage.writeAgent(report, &output)
    StatusPage.writeDelivery(report, &output)
    StatusPage.write(Findings(report), report, &output)
  }
}

/// The newest leaves of the log, one line each.
enum ConsoleLeaves {
  enum Choice { case all, troubles }

  /// Entries that are looked through: two hours at the usual intervals.
  private static var entryCount: UInt64 { 1024 }
  private static var indentation: Int { 14 }

  static func write(
    last count: Int, of choice: Choice, _ report: borrowing NodeReport, _ output: inout Output
  ) {
    output.row(choice == .all ? "newest" : "lately")
    do throws(SpoolProblem) {
      // Twice: what is last is known at the end only, and a leaf is kept nowhere else than in the spool.
      let found = try walk(report, choice, skipping: .max, &output)
      guard found > 0 else {
        output.write(
          choice == .all ? "nothing yet" : "no fault, no gap and nothing else that is wrong")
        output.newLine()
        return
      }
      let shown = min(found, count)
      output.write(UInt64(shown), "leaf", "leaves")
      output.write(found > shown ? ", the oldest first; log time:" : "; log time:")
      output.newLine()
      _ = try walk(report, choice, skipping: found - shown, &output)
    } catch {
      var text = TextBuilder<512>()
      error.explain(&text)
      output.paragraph(text.span, indentation: Output.indentation)
      output.newLine()
    }
  }

  /// Goes through the newest entries; writes the leaves of the choice behind the first so many, and returns how many
  /// there were.
  private static func walk(
    _ report: borrowing NodeReport, _ choice: Choice, skipping skipped: Int,
    _ output: inout Output
  ) throws(SpoolProblem) -> Int {
    var walk = try LogWalk(report.paths)
    let end = walk.reader.releasedThrough
    try walk.seek(toSequence: end - min(entryCount, end))
    var count = 0
    while try walk.next() != nil {
      take(walk.reader.items, report, choice, skipped, &count, &output)
    }
    // What is durable and not sealed.
    take(walk.reader.items, report, choice, skipped, &count, &output)
    return count
  }

  private static func take(
    _ items: Span<UInt8>, _ report: borrowing NodeReport, _ choice: Choice, _ skipped: Int,
    _ count: inout Int, _ output: inout Output
  ) {
    var decoder = CBORDecoder(items)
    while !decoder.isAtEnd {
      do throws(CBORDecoder.Failure) {
        let leaf = try decoder.byteString()
        guard choice == .all || isTrouble(leaf) else { continue }
        count += 1
        guard count > skipped else { continue }
        output.write(" ")
        output.describe(leaf: leaf, report.spool.survey, indentation: indentation)
        output.newLine()
      } catch { return }
    }
  }

  /// Faults, gaps, devices that went, consoles that refused.
  private static func isTrouble(_ bytes: Span<UInt8>) -> Bool {
    do throws(CBORDecoder.Failure) {
      let leaf = try Leaf(decoding: bytes)
      switch leaf.kind {
      case .fault: return true
      case .event:
        switch try leaf.event().code {
        case .measurementsMissed, .leavesDropped, .olderLeavesDropped, .deviceDetached,
          .sensorReplaced, .consoleRefused:
          return true
        default: return false
        }
      default: return false
      }
    } catch { return true }
  }
}
