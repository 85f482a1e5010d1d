import AgentMessages
import Delivery
import DeviceLog
import FixedMemory
import NodeConfiguration
import NodeFiles
import Proofs
import Records
import Spool

/// `cairn status --json`. A member that has no value is null, and a word beside it says why.
extension Output {
  mutating func status(_ report: borrowing NodeReport, _ findings: borrowing Findings) {
    beginObject()
    if let key = report.publicKey {
      beginObject("identity")
      members(of: key)
      endObject()
    } else {
      member(null: "identity")
    }
    if let isSimulated = report.isSimulated {
      member("simulated", isSimulated)
    } else {
      member(null: "simulated")
    }
    enrolment(report.identity)
    agent(report)
    if let problem = report.spoolProblem {
      member(null: "log")
      var text = TextBuilder<512>()
      problem.explain(&text)
      member("logProblem", text: text.span)
    } else {
      log(report)
      sensors(report)
      times(report)
      spool(report.spool)
    }
    delivery(report)
    budget(report)
    hindrance(report)
    gateway(report)
    toDo(findings)
    member("configurationProblems", UInt64(report.site.problemCount))
    endDocument()
  }

  private mutating func agent(_ report: borrowing NodeReport) {
    beginObject("agent")
    switch report.agent {
    case .status(let live):
      member("running", true)
      var version = FixedText<32>()
      for index in live.agentVersion.indices { version.write(byte: live.agentVersion[index]) }
      member("version", text: version.span)
      member("boot", live.boot)
      member("uptimeMilliseconds", live.uptimeMilliseconds)
      member("sensors", UInt64(live.sensorCount))
      member("failingSensors", UInt64(live.failingSensorCount))
      member("leaves", live.leafCount)
      failingLines(live.failingLines, report.site)
      radio(live.radio)
      member("problem", UInt64(live.problem))
      if let problem = AgentProblem(rawValue: live.problem) {
        member("explanation", text: problem.explanation)
      }
    case .silent(let reason):
      member("running", false)
      member("reason", text: reason.name)
      member("explanation", text: reason.explanation)
    }
    endObject()
  }

  private mutating func log(_ report: borrowing NodeReport) {
    beginObject("log")
    if let last = report.spool.last {
      batch(last, deliveredThrough: report.spool.deliveredThrough, "lastBatch")
      if let age = report.age(of: last.checkpoint.lastLeafMilliseconds) {
        member("lastBatchAgeMilliseconds", age)
      } else {
        member(null: "lastBatchAgeMilliseconds")
      }
    } else {
      member(null: "lastBatch")
    }
    member("openLeaves", report.spool.openLeafCount)
    member("losses", UInt64(report.spool.lossCount))
    endObject()
  }

  /// A batch, as an element of an array or as a member.
  mutating func batch(
    _ batch: LogBatch, deliveredThrough delivered: UInt64, _ name: StaticString? = nil
  ) {
    let checkpoint = batch.checkpoint
    beginObject(name)
    member("epoch", checkpoint.epoch)
    member("batch", checkpoint.batch)
    member("boot", checkpoint.boot)
    member("first", checkpoint.first)
    member("size", checkpoint.size)
    member("firstLeafMilliseconds", checkpoint.firstLeafMilliseconds)
    member("lastLeafMilliseconds", checkpoint.lastLeafMilliseconds)
    member("simulated", checkpoint.isSimulated)
    member("root", hex: checkpoint.root.span)
    member("previous", hex: checkpoint.previous.span)
    member("whole", batch.isWhole)
    member("delivered", batch.sequence <= delivered)
    endObject()
  }

  private mutating func sensors(_ report: borrowing NodeReport) {
    let survey = report.spool.survey
    beginArray("sensors")
    for index in 0..<survey.sensorCount {
      let sensor = survey.sensors[index]
      beginObject()
      member("sensor", UInt64(sensor.schema))
      if let name = report.name(of: sensor) { member("name", text: name.span) }
      if sensor.hasSchema {
        member("chip", text: sensor.chip.span)
        member("bus", text: sensor.bus.span)
        member("address", sensor.address)
        member("serialNumber", text: sensor.serialNumber.span)
      }
      member("failing", sensor.isFailing)
      reading(sensor)
      fault(sensor)
      member("missed", sensor.missedCount)
      endObject()
    }
    endArray()
  }

  private mutating func reading(_ sensor: SensorRecord) {
    guard let values = sensor.reading else { return member(null: "reading") }
    beginObject("reading")
    member("milliseconds", sensor.readingMilliseconds)
    beginArray("values")
    for index in values.indices {
      beginObject()
      if index < sensor.quantityCount {
        member("name", text: sensor.quantities[index].name.span)
        member("unit", text: sensor.quantities[index].unit.span)
        if let value = values[index] {
          member("value", value, powerOfTen: sensor.quantities[index].powerOfTen)
        } else {
          member(null: "value")
        }
      } else if let value = values[index] {
        member("integer", value)
      } else {
        member(null: "integer")
      }
      endObject()
    }
    endArray()
    endObject()
  }

  private mutating func fault(_ sensor: SensorRecord) {
    guard let number = sensor.faultNumber else { return member(null: "lastFault") }
    beginObject("lastFault")
    member("code", number)
    if let code = UInt8(exactly: number).flatMap({ FaultCode(rawValue: $0) }) {
      member("explanation", text: code.explanation)
    }
    member("milliseconds", sensor.faultMilliseconds)
    member("count", sensor.faultCount)
    endObject()
  }

  /// Gaps, clock and position.
  private mutating func times(_ report: borrowing NodeReport) {
    let survey = report.spool.survey
    beginObject("gaps")
    member("count", survey.gapCount)
    if let gap = survey.lastGap {
      beginObject("last")
      members(gap: gap.gap)
      member("milliseconds", gap.milliseconds)
      endObject()
    } else {
      member(null: "last")
    }
    endObject()
    if let clock = survey.clock {
      beginObject("clock")
      members(clock: clock)
      member("milliseconds", survey.clockMilliseconds)
      member("isWeak", clock.sourceNumber == UInt64(FixSource.gateway.rawValue))
      if let now = report.now {
        member("now", utc: now.utcMilliseconds)
        member("uncertaintyNowMilliseconds", now.uncertaintyMilliseconds)
      } else {
        member(null: "now")
        member(null: "uncertaintyNowMilliseconds")
      }
      endObject()
    } else {
      member(null: "clock")
    }
    if let position = survey.position {
      beginObject("position")
      members(position: position)
      member("milliseconds", survey.positionMilliseconds)
      endObject()
    } else {
      member(null: "position")
    }
  }

  private mutating func spool(_ spool: SpoolReport) {
    beginObject("spool")
    if spool.geometry != nil { member("byteCount", spool.byteCount) }
    member("undeliveredByteCount", spool.undeliveredByteCount)
    member("releasedThrough", spool.releasedThrough)
    member("deliveredThrough", spool.deliveredThrough)
    if let count = spool.undeliveredBatchCount {
      member("undeliveredBatches", count)
    } else {
      member(null: "undeliveredBatches")
    }
    if let oldest = spool.firstUndelivered {
      beginObject("oldestUndelivered")
      member("epoch", oldest.checkpoint.epoch)
      member("batch", oldest.checkpoint.batch)
      member("boot", oldest.checkpoint.boot)
      member("firstLeafMilliseconds", oldest.checkpoint.firstLeafMilliseconds)
      endObject()
    } else {
      member(null: "oldestUndelivered")
    }
    if let left = spool.millisecondsUntilFull {
      member("millisecondsUntilFull", left)
    } else {
      member(null: "millisecondsUntilFull")
    }
    endObject()
  }

  private mutating func delivery(_ report: borrowing NodeReport) {
    switch report.cursor {
    case .missing:
      member(null: "delivery")
      member("deliveryProblem", text: "missing")
    case .unreadable:
      member(null: "delivery")
      member("deliveryProblem", text: "unreadable")
    case .broken:
      member(null: "delivery")
      member("deliveryProblem", text: "damaged")
    case .cursor(let cursor):
      beginObject("delivery")
      member("epoch", cursor.next.epoch)
      member("batch", cursor.next.batch)
      member("receiptUnanswered", cursor.isReceiptUnanswered)
      if let receipt = cursor.receipt {
        beginObject("lastReceipt")
        member("epoch", receipt.epoch)
        member("batch", receipt.batch)
        member("received", utc: receipt.receivedUTCMilliseconds)
        endObject()
      } else {
        member(null: "lastReceipt")
      }
      endObject()
    }
  }
}
