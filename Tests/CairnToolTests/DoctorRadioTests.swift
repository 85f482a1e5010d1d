import AgentMessages
import Foundation
import Records
import Testing

private func site(region: String = "EU868", transmits: Bool = true) -> String {
  """
  [radio]
  model = RAK3172
  region = \(region)
  transmit_power = 14 dBm
  antenna_gain = 2.15 dBi
  port = usb0
  \(transmits ? "transmit = yes" : "")
  [gnss]
  port = usb1

  """
}

private func node(_ text: String = site()) throws -> DoctorNode {
  let node = try DoctorNode(sensors: DoctorNode.air + text)
  let profile = try String(contentsOfFile: node.node.path("profile.ini"), encoding: .utf8)
  try node.write(
    "profile.ini",
    profile + """

      [serial.usb0]
      device = /nowhere/radio
      baud = 115200
      [serial.usb1]
      device = /nowhere/receiver
      baud = 9600

      """)
  return node
}

private func well() -> RadioStatus {
  var radio = RadioStatus()
  radio.isAttached = true
  radio.kindNumber = 1
  radio.stateNumber = 4
  radio.frequencyHertz = 868_100_000
  radio.spreadingFactor = 10
  radio.transmits = true
  radio.sentCount = 3
  radio.airtimeLeftMicroseconds = 35_250_000
  radio.clockErrorMilliseconds = 31
  radio.clockLimitMilliseconds = 300
  return radio
}

private func rows(
  _ text: String = site(), _ change: (inout RadioStatus) -> Void = { _ in }
) throws -> DoctorNode.Rows {
  let node = try node(text)
  var radio = well()
  change(&radio)
  return try node.withAgent(radio: radio) { try node.run() }
}

@Suite struct DoctorRadioTests {
  @Test func aRadioThatSendsIsWellInEachRow() throws {
    let found = try rows()
    let expected = [
      "radio.device": "RAK3172, listening at 868.100 MHz, SF10", "radio.region": "EU868",
      "radio.sending": "3 beacons sent in this boot",
      "radio.clock": "within 31 ms, and beacons need 300 ms",
      "radio.airtime": "35.250 s of this hour left in its sub-band",
    ]
    for (id, reason) in expected {
      #expect(found.state(id) == "ok" && found.reason(id) == reason, "\(found.reason(id))")
    }
    #expect(found.list.first { $0.id == "radio.device" }?.subject == "usb0")
  }

  @Test func aNodeWithoutARadioHasNoRowsOfOne() throws {
    let node = try DoctorNode()
    let found = try node.withAgent { try node.run() }
    #expect(!found.list.contains { $0.id.hasPrefix("radio.") })
  }

  @Test func aLineThatIsGoneAndARadioThatFailsAreFailures() throws {
    let gone = try rows { $0.isAttached = false }
    #expect(gone.state("radio.device") == "failed")
    #expect(gone.reason("radio.device").contains("its line is not there"))
    let failing = try rows { radio in
      radio.stateNumber = 7
      radio.lastFaultNumber = UInt16(FaultCode.radioDeaf.rawValue)
    }
    #expect(failing.state("radio.device") == "failed")
    #expect(failing.reason("radio.device").contains("last fault: "))
    // It recovered: the fault is told, and the radio is well.
    let recovered = try rows { $0.lastFaultNumber = UInt16(FaultCode.radioDeaf.rawValue) }
    #expect(recovered.state("radio.device") == "ok")
    #expect(recovered.reason("radio.device").contains("last fault: "))
  }

  @Test func aChipIsToldOfItsBusAndWiringAndNotOfALine() throws {
    func row(_ change: (inout RadioStatus) -> Void) throws -> DoctorNode.Rows.Row {
      let text = site().replacing("port = usb0", with: "wiring = hat")
        .replacing("model = RAK3172", with: "model = sx1262")
      let node = try node(text)
      let profile = try String(contentsOfFile: node.node.path("profile.ini"), encoding: .utf8)
      try node.write("profile.ini", "\(profile)\n\(DoctorRadioPartTests.virtualHat)\n")
      var radio = well()
      change(&radio)
      let found = try node.withAgent(radio: radio) { try node.run() }
      return try #require(found.list.first { $0.id == "radio.device" })
    }
    let gone = try row { radio in
      (radio.isAttached, radio.kindNumber) = (false, 0)
      radio.lastFaultNumber = UInt16(FaultCode.lineInUse.rawValue)
    }
    #expect(gone.state == "failed" && gone.subject == "hat", "\(gone)")
    #expect(gone.reason.hasPrefix("its SPI bus or its lines are not there; last fault: "))
    let silent = try row { radio in
      (radio.kindNumber, radio.stateNumber) = (7, 7)
      radio.lastFaultNumber = UInt16(FaultCode.noAnswer.rawValue)
    }
    #expect(silent.state == "failed" && silent.reason.hasPrefix("SX1262, "))
    for remedy in [gone.remedy, silent.remedy] {
      let words = try #require(remedy)
      #expect(words.contains("[radio] wiring") && words.contains("[lora.NAME]"), "\(words)")
      #expect(!words.contains("port") && !words.contains("speed") && !words.contains("radio show"))
    }
    // A module is told of its line, and of its speed.
    let module = try rows { $0.stateNumber = 7 }.list.first { $0.id == "radio.device" }
    #expect(module?.remedy?.contains("the line's speed") ?? false)
  }

  @Test func aConcentratorsAirtimeIsTheLeastOfItsSubBands() throws {
    let text = site().replacing("port = usb0", with: "forwarder = yes")
    func row(_ left: UInt64?) throws -> DoctorNode.Rows {
      try rows(text) { radio in
        radio.kindNumber = 11
        (radio.frequencyHertz, radio.spreadingFactor) = (nil, nil)
        radio.airtimeLeftMicroseconds = left
      }
    }
    #expect(
      try row(35_250_000).reason("radio.airtime")
        == "35.250 s of this hour left in the sub-band that has the least")
    #expect(try row(0).state("radio.airtime") == "warning")
    let free = try row(nil)
    #expect(free.reason("radio.airtime") == "no share of the hour limits its channels")
  }

  @Test func withoutAnAnswerOfTheAgentTheRadioIsNotJudged() throws {
    let node = try node()
    let profile = try String(contentsOfFile: node.node.path("profile.ini"), encoding: .utf8)
    try node.write(
      "profile.ini", profile.replacingOccurrences(of: "/nowhere/radio", with: "/dev/null"))
    let found = try node.run()
    #expect(found.state("radio.device") == "not-checked")
    #expect(found.reason("radio.device").hasPrefix("serial line usb0: /dev/null"))
    #expect(found.reason("radio.device").contains("the agent has it, and does not answer"))
    #expect(found.state("radio.region") == "ok" && found.state("radio.clock") == nil)
    let older = try node.withAgent { try node.run() }
    #expect(older.state("radio.device") == "warning")
    #expect(older.reason("radio.device").contains("began before the site file named one"))
  }

  @Test func aModulesLineThatIsGoneFailsWithoutAnAgentToo() throws {
    let found = try node().run()
    #expect(found.state("radio.device") == "failed" && found.state("radio.region") == "ok")
    #expect(
      found.reason("radio.device") == "serial line usb0: /nowhere/radio is not there",
      "\(found.reason("radio.device"))")
    #expect(found.list.first { $0.id == "radio.device" }?.remedy?.isEmpty == false)
  }

  @Test func aRegionThatIsNoneOrWantsToBeListenedInFirstIsTold() throws {
    let none = try rows(site(region: "EU869"))
    #expect(none.state("radio.region") == "failed")
    let polite = try rows(site(region: "AS923-1-JP", transmits: false)) { $0.transmits = false }
    #expect(polite.state("radio.region") == "ok")
    #expect(polite.reason("radio.region").contains("the radio only receives"))
  }

  @Test func aRadioThatOnlyReceivesSaysWhy() throws {
    let found = try rows(site(transmits: false)) { $0.transmits = false }
    #expect(found.state("radio.sending") == "ok")
    #expect(found.reason("radio.sending").contains("the site file has no `transmit = yes`"))
    #expect(found.state("radio.airtime") == nil)
    let held = try rows { $0.transmits = false }
    #expect(held.state("radio.sending") == "warning")
    #expect(held.reason("radio.sending").contains("though the site file lets it"))
  }

  @Test func whyABeaconWasNotSentIsTold() throws {
    let once = try rows { $0.lastReasonNumber = BeaconReason.radioBusy.rawValue }
    #expect(once.state("radio.sending") == "ok")
    #expect(once.reason("radio.sending").contains("last not sent: the radio was sending"))
    let never = try rows { radio in
      radio.sentCount = 0
      radio.lastReasonNumber = BeaconReason.noClock.rawValue
    }
    #expect(never.state("radio.sending") == "warning")
    #expect(never.reason("radio.sending").contains("the clock is not known well enough"))
    let early = try rows { radio in
      radio.sentCount = 0
      radio.clockLimitMilliseconds = nil
    }
    #expect(early.state("radio.sending") == "ok")
    #expect(early.reason("radio.sending").contains("no challenge with rules for beacons came yet"))
  }

  @Test func aClockThatIsTooFarOffOrUnknownIsAWarningWithWhatToDo() throws {
    let far = try rows { $0.clockErrorMilliseconds = 301 }
    #expect(far.state("radio.clock") == "warning")
    let remedy = far.list.first { $0.id == "radio.clock" }?.remedy
    #expect(remedy?.contains("PollIntervalMaxSec=256") ?? false)
    #expect(try rows { $0.clockErrorMilliseconds = 300 }.state("radio.clock") == "ok")
    let none = try rows { $0.clockErrorMilliseconds = nil }
    #expect(none.state("radio.clock") == "warning")
    #expect(none.reason("radio.clock").contains("nobody has told the agent the time"))
    let unasked = try rows { $0.clockLimitMilliseconds = nil }
    #expect(unasked.state("radio.clock") == "ok")
    #expect(unasked.reason("radio.clock").contains("no challenge has said yet"))
  }

  @Test func airThatIsSpentIsAWarning() throws {
    #expect(try rows { $0.airtimeLeftMicroseconds = 0 }.state("radio.airtime") == "warning")
    let free = try rows { $0.airtimeLeftMicroseconds = nil }
    #expect(free.reason("radio.airtime").contains("no share of the hour"))
  }
}
