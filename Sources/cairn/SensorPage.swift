import FixedMemory
import NodeConfiguration
import NodeFiles
import Records

/// The sensors of `cairn status`: two lines each.
///
///     1 air     bme280 at 0x76 on i2c-1, serial cal-f150c403, 2 s ago
///               temperature 21.34 °C, pressure 101325.0 Pa
enum SensorPage {
  static func write(_ report: borrowing NodeReport, _ output: inout Output) {
    let survey = report.spool.survey
    output.row("sensors")
    guard survey.sensorCount > 0 else {
      output.paragraph(
        report.site.isUsable && report.site.sensors.isEmpty
          ? "none: the site file has no [sensor.NAME]" : "none has been heard of in this boot")
      output.newLine()
      return
    }
    var failing: UInt64 = 0
    for index in 0..<survey.sensorCount where survey.sensors[index].isFailing { failing += 1 }
    if failing == 0 {
      output.write("all ")
      output.write(UInt64(survey.sensorCount))
      if case .status = report.agent {
        output.write(survey.sensorCount == 1 ? " answers" : " answer")
      } else {
        // The spool alone tells what was; nobody measures now.
        output.write(" answered")
      }
    } else {
      output.emphasise(.bad)
      output.write(failing)
      output.write(" of ")
      output.write(UInt64(survey.sensorCount))
      output.write(failing == 1 ? " fails" : " fail")
      output.plain()
    }
    output.newLine()
    for index in 0..<survey.sensorCount { write(survey.sensors[index], report, &output) }
    if survey.hasMoreSensors {
      output.pad(to: Output.indentation)
      output.write("and more than this program shows")
      output.newLine()
    }
  }

  private static func write(
    _ sensor: SensorRecord, _ report: borrowing NodeReport, _ output: inout Output
  ) {
    output.write("  ")
    output.write(UInt64(sensor.schema))
    output.pad(to: 5)
    if let name = report.name(of: sensor) {
      output.emphasise(.heading)
      output.write(untrusted: name.span)
      output.plain()
      output.pad(to: Output.indentation)
    }
    output.pad(to: Output.indentation)
    var text = RowText()
    if sensor.hasSchema {
      text.append(untrusted: sensor.chip.span)
      text.append(" at ")
      text.append("0x")
      text.append(hex: sensor.address, digits: 2)
      text.append(" on ")
      text.append(untrusted: sensor.bus.span)
      text.append(", serial ")
      text.append(untrusted: sensor.serialNumber.span)
    } else {
      text.append("chip not identified in what was read")
    }
    if sensor.reading != nil, !sensor.isFailing {
      text.append(", ")
      StatusPage.append(time: sensor.readingMilliseconds, report, &text)
    }
    output.finishRow(text)
    if sensor.isFailing { writeFault(sensor, report, &output) }
    writeReading(sensor, report, &output)
    if !sensor.isFailing, sensor.faultNumber != nil { writeFault(sensor, report, &output) }
  }

  private static func writeReading(
    _ sensor: SensorRecord, _ report: borrowing NodeReport, _ output: inout Output
  ) {
    guard let values = sensor.reading else {
      output.pad(to: Output.indentation)
      output.write("no reading in this boot")
      output.newLine()
      return
    }
    // 16 quantities of 24 bytes of name, 16 of unit and, in all but strange logs, 20 of digits.
    var text = TextBuilder<1280>()
    if sensor.isFailing {
      var when = RowText()
      StatusPage.append(time: sensor.readingMilliseconds, report, &when)
      text.append("the last one, ")
      text.append(when.span)
      text.append(": ")
    }
    for index in values.indices {
      if index > 0 { text.append(", ") }
      let isKnown = index < sensor.quantityCount
      if isKnown {
        text.append(untrusted: sensor.quantities[index].name.span)
      } else {
        text.append("value\u{1f}")
        text.append(UInt64(index + 1))
      }
      text.append(byte: glue)
      guard let value = values[index] else {
        text.append("none")
        continue
      }
      text.append(
        fixedPoint: value, powerOfTen: isKnown ? sensor.quantities[index].powerOfTen : 0)
      guard isKnown else { continue }
      text.append(byte: glue)
      text.append(
        unit: sensor.quantities[index].unit.span, isUnicode: output.console.hasUnicode)
    }
    output.pad(to: Output.indentation)
    output.paragraph(text.span, indentation: Output.indentation)
    output.newLine()
  }

  private static func writeFault(
    _ sensor: SensorRecord, _ report: borrowing NodeReport, _ output: inout Output
  ) {
    guard let number = sensor.faultNumber else { return }
    output.pad(to: Output.indentation)
    if sensor.isFailing { output.write("FAULT", .bad) } else { output.write("last fault") }
    var text = RowText()
    text.append(" ")
    StatusPage.append(time: sensor.faultMilliseconds, report, &text)
    text.append(", ")
    text.append(sensor.faultCount)
    text.append(report.spool.isExcerpt ? " counted lately: " : " counted in this boot: ")
    if let code = UInt8(exactly: number).flatMap({ FaultCode(rawValue: $0) }) {
      text.append(code.explanation)
    } else {
      text.append("code ")
      text.append(number)
      text.append(", which a newer `cairn` can explain")
    }
    output.finishRow(text)
  }
}
