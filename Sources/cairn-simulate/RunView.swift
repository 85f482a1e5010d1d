import Foundation
import Simulation

/// What a run shows besides its batches.
extension RunCourse {
  func showHeader() {
    var title = DemoLine("━━ Cairn ", .strong)
    title.append("on simulated hardware, on this machine alone ")
    title.append(
      String(repeating: "━", count: DemoLine.columnLimit - 4 - title.columnCount), .quiet)
    let state =
      folder.isContinued
      ? "continued: the same key, the next boot" : "new: a new key, the first boot"
    let end = options.seconds.map { "by itself after \($0) s, or with Ctrl-C" } ?? "with Ctrl-C"
    var lines = [DemoLine(), title]
    lines += DemoLine.wrapped(label: "folder", "\(folder.path) (\(state))")
    lines += DemoLine.wrapped(
      label: "weather", "\(options.weather), \(options.speed) s of it in one second")
    if hasCoverage {
      lines += DemoLine.wrapped(
        label: "radio",
        "\(DemoNode.region), models of \(DemoNode.radioModels) in a simulated air; beacons by the "
          + "gateway's rules, in windows of seconds")
    }
    lines += DemoLine.wrapped(label: "ends", end + ", in order: sealed and delivered first")
    output.show(lines + [DemoLine()])
    output.tell(
      "run",
      [
        .init("folder", .text(folder.path)), .init("continued", .boolean(folder.isContinued)),
        .init("simulated", .boolean(true)), .init("speed", .number(String(options.speed))),
      ])
  }

  /// A step of the start that is done.
  func step(_ name: String, _ text: String) {
    var lines = DemoLine.wrapped(label: "✔ " + name, text, labelStyle: .good)
    if lines.count == 1 {
      lines[0].pad(to: 84)
      lines[0].append(DemoTime.seconds(milliseconds: elapsedMilliseconds), .quiet)
    }
    output.show(lines)
    output.tell(
      "step",
      [
        .init("step", .text(name)), .init("text", .text(text)),
        .init("milliseconds", .number(String(elapsedMilliseconds))),
      ])
  }

  func note(_ label: String, _ text: String, _ style: DemoLine.Style) {
    output.show(DemoLine.wrapped(label: label, text, labelStyle: style, style))
    output.tell("note", [.init("about", .text(label)), .init("text", .text(text))])
  }

  /// The line at the bottom, while nothing else is to be told.
  func showStatus() {
    var line = DemoLine("  \(DemoTime.elapsed(milliseconds: elapsedMilliseconds))  ", .strong)
    let newest = nodes.compactMap { $0.status.newest }
    guard !newest.isEmpty else { return }
    line.append("\(tally.verifiedCount) verified", .good)
    line.append(" · ", .quiet)
    line.append("\(tally.refusedCount) refused", tally.refusedCount > 0 ? .bad : .plain)
    line.append(" · ", .quiet)
    line.append("\(tally.readingCount) readings")
    line.append(" · ", .quiet)
    let failing = newest.reduce(0) { $0 + Int($1.failingSensorCount) }
    let sensors = newest.reduce(0) { $0 + Int($1.sensorCount) }
    line.append(
      failing == 0 ? "\(sensors) sensors well" : "\(failing) of \(sensors) sensors fail",
      failing == 0 ? .plain : .warning)
    if hasCoverage {
      line.append(" · ", .quiet)
      let sound = coverageTally.outcomeCount("sound")
      line.append("beacons \(coverageTally.sentCount) sent, \(sound) sound")
    } else if let hardware {
      line.append(" · ", .quiet)
      line.append("weather of \(DemoTime.minutes(hardware.weatherNow))", .quiet)
    }
    output.status(line)
  }

  /// Says why a run ends, and returns the exit status that goes with it.
  func show(_ failure: Failure) -> Int32 {
    switch failure {
    case .step(let name, let reason):
      output.show(
        DemoLine.wrapped(label: "✘ " + name, reason, labelStyle: .bad, .bad))
      output.tell("failed", [.init("step", .text(name)), .init("reason", .text(reason))])
      return RunExit.unavailable
    case .ended(let name, let exit, let tail):
      let words = exit.words
      output.show(
        DemoLine.wrapped(label: "✘ " + name, words, labelStyle: .bad, .bad))
      for line in tail {
        output.show(DemoLine.wrapped(label: "", "said: " + line, .warning))
      }
      output.tell(
        "failed",
        [
          .init("step", .text(name)), .init("reason", .text(words)),
          .init("tail", .array(tail.map { .text($0) })),
        ])
      return RunExit.bad
    case .forced(let signal):
      output.show(
        DemoLine.wrapped(label: "✘ ended", "at once, as asked twice: everything is killed", .bad))
      output.tell(
        "failed", [.init("step", .text("end")), .init("reason", .text("signal \(signal)"))])
      return 128 + signal
    }
  }

  func showCount() {
    output.show(
      tally.lines(
        milliseconds: elapsedMilliseconds, beacons: hasCoverage ? coverageTally.rows() : []))
    guard case .object(let members) = tally.json(milliseconds: elapsedMilliseconds) else { return }
    output.tell(
      "end",
      members.filter { $0.name != "event" } + [.init("boards", .number("\(nodes.count)"))]
        + (hasCoverage ? coverageTally.members : []))
  }

  func showExport() {
    // `make outside` prepares a Python that has their packages.
    let python = "build/outside/bin/python"
    let isPrepared = FileManager.default.isExecutableFile(atPath: python)
    let command =
      (isPrepared ? "" : "make outside && ")
      + "\(python) Tests/Outside/verify_export.py \(folder.export)"
    output.show(DemoLine.wrapped(label: "export", folder.export))
    var line = DemoLine(label: "check it")
    line.append(command, .strong)
    output.show([line])
    output.tell(
      "export", [.init("folder", .text(folder.export)), .init("command", .text(command))])
  }
}

/// What the agent says when it has begun.
enum RunAnnouncement {
  /// "cairn-agent 0.1.0: boot 3, …" without the name.
  static func words(_ line: String) -> String {
    line.hasPrefix("cairn-agent ") ? String(line.dropFirst("cairn-agent ".count)) : line
  }
}
