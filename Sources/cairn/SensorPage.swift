import FixedMemory
import NodeConfiguration
import NodeFiles
import Records

/// The sensors of `cairn status`: one block each, a line for each quantity.
///
///     1 air       bme280 at 0x76 on i2c-1, serial cal-f150c403
///                 temperature      21.34 °C     2 s ago
enum SensorPage {
  /// Where a quantity's number ends, so that numbers of all sensors end alike.
  private static var numberEnd: Int { 38 }

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
    if sensor.hasSchema {
      output.write(untrusted: sensor.chip.span)
      output.write(" at ")
      output.write(address: sensor.address)
      output.write(" on ")
      output.write(untrusted: sensor.bus.span)
      output.write(", serial ")
      output.write(untrusted: sensor.serialNumber.span)
    } else {
      output.write("chip not identified in what was read")
    }
    output.newLine()
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
    for index in values.indices {
      output.pad(to: Output.indentation)
      if index < sensor.quantityCount {
        output.write(untrusted: sensor.quantities[index].name.span)
      } else {
        output.write("value ")
        output.write(index + 1)
      }
      var number = TextBuilder<160>()
      var unitOfNone = false
      if let value = values[index] {
        number.append(
          fixedPoint: value,
          powerOfTen: index < sensor.quantityCount ? sensor.quantities[index].powerOfTen : 0)
      } else {
        number.append("none")
        unitOfNone = true
      }
      output.pad(to: numberEnd - number.byteCount)
      output.write(number.span)
      output.write(" ")
      if index < sensor.quantityCount, !unitOfNone {
        output.write(unit: sensor.quantities[index].unit.span)
      }
      if index == 0 {
        output.pad(to: numberEnd + 6)
        if sensor.isFailing { output.write("the last one, ") }
        StatusCommand.writeTime(sensor.readingMilliseconds, report, &output)
      }
      output.newLine()
    }
  }

  private static func writeFault(
    _ sensor: SensorRecord, _ report: borrowing NodeReport, _ output: inout Output
  ) {
    guard let number = sensor.faultNumber else { return }
    output.pad(to: Output.indentation)
    if sensor.isFailing { output.write("FAULT", .bad) } else { output.write("last fault") }
    output.write(" ")
    StatusCommand.writeTime(sensor.faultMilliseconds, report, &output)
    output.write(", ")
    output.write(sensor.faultCount)
    output.write(report.spool.isExcerpt ? " counted lately: " : " counted in this boot: ")
    if let code = UInt8(exactly: number).flatMap({ FaultCode(rawValue: $0) }) {
      output.paragraph(code.explanation)
    } else {
      output.write("code ")
      output.write(number)
      output.write(", which a newer `cairn` can explain")
    }
    output.newLine()
  }
}
