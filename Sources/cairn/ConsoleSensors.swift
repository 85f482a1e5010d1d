import FixedMemory
import NodeConfiguration
import NodeFiles
import Records

/// `sensors` and `sensors live`:
///
///     1 air     bme280 at 0x76 on i2c-1, 2 s ago
///               temperature      21.34 °C    ▁▂▃▅▆▇█▇▆▅▃▂▁▂▃▅   20.91 to 21.60
enum ConsoleSensors {
  /// A new page after so long: the log is looked at, and a reading comes every few seconds at most.
  private static var pauseMilliseconds: Int64 { 2000 }
  /// A terminal that is left alone for so long gets its prompt back.
  private static var longestMilliseconds: Int64 { 3_600_000 }
  private static var valueEnd: Int { 38 }
  private static var lineStart: Int { 46 }
  private static var rangeStart: Int { 64 }

  static func page(_ arguments: borrowing Arguments, _ output: inout Output) {
    let report = NodeReport(arguments)
    write(report, rows: .max, &output)
  }

  /// Until a key is pressed.
  static func live(
    _ arguments: borrowing Arguments, isTerminal: Bool, _ output: inout Output
  ) -> ConsoleTerminal.Wait {
    guard isTerminal else {
      output.write("Live pages need a terminal whose key can end them; this is the page once:")
      output.newLine()
      page(arguments, &output)
      return .over
    }
    let clears = Console.understandsControls()
    // One page that shows, and the line that says how it ends.
    let pages = longestMilliseconds / pauseMilliseconds
    for _ in 0..<pages {
      if clears { output.clearScreen() }
      let report = NodeReport(arguments)
      write(report, rows: clears ? ConsoleTerminal.rows - 3 : .max, &output)
      output.write("live, every 2 s; any key ends it", .dim)
      output.newLine()
      output.flush()
      guard !output.isGone else { return .ended }
      let wait = ConsoleTerminal.waitForKey(milliseconds: pauseMilliseconds)
      guard wait == .over else { return wait }
    }
    return .over
  }

  private static func write(
    _ report: borrowing NodeReport, rows: Int, _ output: inout Output
  ) {
    if let problem = report.spoolProblem {
      StatusPage.writeProblem(problem, report.paths, &output)
      StatusPage.writeAgent(report, &output)
      return
    }
    let survey = report.spool.survey
    guard survey.sensorCount > 0 else {
      SensorPage.write(report, &output)
      return
    }
    if case .silent = report.agent { StatusPage.writeAgent(report, &output) }
    let history = SensorHistory(reading: report.paths)
    var left = rows
    for index in 0..<survey.sensorCount {
      let sensor = survey.sensors[index]
      let needed = 1 + max(1, sensor.reading.map { $0.count } ?? 1)
      guard left > needed else {
        output.write("  and more than this screen shows: `sensors` has them all")
        output.newLine()
        return
      }
      left -= needed
      write(sensor, history, report, &output)
    }
  }

  private static func write(
    _ sensor: SensorRecord, _ history: borrowing SensorHistory, _ report: borrowing NodeReport,
    _ output: inout Output
  ) {
    output.write("  ")
    output.write(UInt64(sensor.schema))
    output.pad(to: 5)
    if let name = report.name(of: sensor) {
      output.emphasise(.heading)
      output.write(untrusted: name.span)
      output.plain()
    }
    output.pad(to: Output.indentation)
    var text = RowText()
    if sensor.hasSchema {
      text.append(untrusted: sensor.chip.span)
      text.append(" at 0x")
      text.append(hex: sensor.address, digits: 2)
      text.append(" on ")
      text.append(untrusted: sensor.bus.span)
    } else {
      text.append("chip not identified in what was read")
    }
    if sensor.reading != nil {
      text.append(sensor.isFailing ? ", the last reading " : ", ")
      StatusPage.append(time: sensor.readingMilliseconds, report, &text)
    }
    output.finishRow(text)
    if sensor.isFailing { writeFault(sensor, &output) }
    guard let values = sensor.reading else { return }
    for index in values.indices { write(values[index], sensor, index, history, &output) }
  }

  private static func writeFault(_ sensor: SensorRecord, _ output: inout Output) {
    output.pad(to: Output.indentation)
    output.write("FAULT", .bad)
    var text = RowText()
    text.append(" ")
    if let code = sensor.faultNumber.flatMap({ UInt8(exactly: $0) }).flatMap({
      FaultCode(rawValue: $0)
    }) {
      text.append(code.explanation)
    } else {
      text.append("of a kind that a newer `cairn` can explain")
    }
    output.finishRow(text)
  }

  private static func write(
    _ value: Int64?, _ sensor: SensorRecord, _ index: Int, _ history: borrowing SensorHistory,
    _ output: inout Output
  ) {
    let isKnown = index < sensor.quantityCount
    let power = isKnown ? sensor.quantities[index].powerOfTen : 0
    output.pad(to: Output.indentation)
    if isKnown {
      output.write(untrusted: sensor.quantities[index].name.span)
    } else {
      output.write("value ")
      output.write(UInt64(index + 1))
    }
    var digits = TextBuilder<160>()
    if let value {
      digits.append(fixedPoint: value, powerOfTen: power)
    } else {
      digits.append("none")
    }
    output.pad(to: max(output.column + 1, valueEnd - digits.byteCount))
    output.write(digits.span)
    if isKnown, value != nil {
      output.write(" ")
      output.write(unit: sensor.quantities[index].unit.span)
    }
    if let column = history.column(sensor.schema, index), let range = column.range {
      output.pad(to: lineStart)
      output.write(line: column, least: range.least, most: range.most)
      var text = TextBuilder<330>()
      text.append(fixedPoint: range.least, powerOfTen: power)
      text.append(" to ")
      text.append(fixedPoint: range.most, powerOfTen: power)
      if rangeStart + text.byteCount <= output.width {
        output.pad(to: rangeStart)
        output.write(text.span)
      }
    }
    output.newLine()
  }
}

extension Output {
  /// The cursor home, and nothing behind it (ECMA-48 8.3.21, 8.3.39).
  mutating func clearScreen() {
    write("\u{1b}[H\u{1b}[2J")
    resetColumn()
  }

  /// Eight heights, U+2581 to U+2588, or ASCII; a blank where the chip gave nothing.
  fileprivate mutating func write(line column: SensorHistory.Column, least: Int64, most: Int64) {
    let signs: StaticString = "_.-:=+*#"
    for place in 0..<column.count {
      guard let value = column.values[place] else {
        write(byte: UInt8(ascii: " "))
        continue
      }
      let level = SensorHistory.Column.level(of: value, least: least, most: most)
      if console.hasUnicode {
        write(byte: 0xe2)
        write(byte: 0x96)
        write(byte: 0x81 + UInt8(level))
      } else {
        write(byte: signs.bytes[level])
      }
    }
  }
}
