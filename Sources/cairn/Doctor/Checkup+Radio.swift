import AgentMessages
import FixedMemory
import LoRa
import NodeConfiguration
import Radios
import Records

/// Is there a radio, does it answer, does it send, by which clock, and is there air left? The agent has the radio: what
/// it says counts, and nobody else touches the line.
extension Checkup {
  mutating func checkRadio(_ sink: inout some DoctorSink & ~Copyable) {
    let site = setup?.radio
    guard let live = report.live else {
      guard let site, !site.name.isEmpty else { return }
      checkParts(site, &sink)
      checkRegion(site, &sink)
      return
    }
    guard let radio = live.radio else {
      guard let site, !site.name.isEmpty else { return }
      var row = DoctorRow(.radio, of: site.name.span)
      row.reason.append("the agent that runs has none: it began before the site file named one")
      row.judge(.warning, do: "`systemctl restart cairn-agent`.")
      sink.take(row)
      checkRegion(site, &sink)
      return
    }
    checkDevice(radio, site, &sink)
    if let site { checkRegion(site, &sink) }
    checkSending(radio, site, &sink)
    checkRadioClock(radio, &sink)
    checkAirtime(radio, &sink)
  }

  private func checkDevice(
    _ radio: RadioStatus, _ site: SiteConfiguration.Radio?,
    _ sink: inout some DoctorSink & ~Copyable
  ) {
    var row = DoctorRow(.radio, .ok)
    if let site { row.subject.write(site.name.span) }
    let path = radio.path ?? site?.path ?? .serialCommands
    guard radio.isAttached else {
      row.reason.append(RadioStatus.absence(path))
      tellFault(of: radio, &row)
      row.judge(.failed, do: Self.remedy(ofAbsence: path))
      sink.take(row)
      return
    }
    row.reason.append(radio.name)
    row.reason.append(", ")
    row.reason.append(radio.stateWord)
    if let hertz = radio.frequencyHertz, let factor = radio.spreadingFactor {
      row.reason.append(" at ")
      row.reason.append(fixedPoint: Int64(hertz / 1_000), powerOfTen: -3)
      row.reason.append(" MHz, SF")
      row.reason.append(UInt64(factor))
    }
    tellFault(of: radio, &row)
    if radio.state == .failed || radio.kindNumber == 0 && radio.fault != nil {
      row.judge(.failed, do: Self.remedy(ofSilence: path))
    }
    sink.take(row)
  }

  private func tellFault(of radio: RadioStatus, _ row: inout DoctorRow) {
    guard let fault = radio.fault else { return }
    row.reason.append("; last fault: ")
    row.reason.append(radio.explanation(of: fault))
  }

  private static func remedy(ofAbsence path: RadioPath) -> StaticString {
    switch path {
    case .packetForwarder:
      "`systemctl status cairn-forwarder`: it starts when /etc/cairn/forwarder.conf is there."
    case .spi:
      """
      Switch the SPI bus on, or mend [radio] wiring and the profile's [lora.NAME]; `cairn board \
      check` shows bus and lines.
      """
    case .serialCommands: "Plug it in, or mend [radio] port; `cairn board check` shows the lines."
    }
  }

  private static func remedy(ofSilence path: RadioPath) -> StaticString {
    switch path {
    case .packetForwarder: "Look at the packet forwarder: `systemctl status cairn-forwarder`."
    case .spi:
      """
      Look at the chip's power and wiring, and at chip, lines and tcxo of the profile's \
      [lora.NAME] that [radio] wiring names; `cairn board check` shows bus and lines.
      """
    case .serialCommands:
      """
      Look at power, wiring, the line's speed and [radio] model; `cairn radio show` asks it \
      while no agent runs.
      """
    }
  }

  private func checkRegion(
    _ site: SiteConfiguration.Radio, _ sink: inout some DoctorSink & ~Copyable
  ) {
    var row = DoctorRow(.radioRegion, .ok)
    row.reason.append(untrusted: site.region.span)
    guard let region = RegionPlan.Region(name: site.region.span) else {
      row.reason.append(" is no region")
      row.judge(.failed, do: "Write one of docs/radio-regions.md to [radio] region.")
      sink.take(row)
      return
    }
    if RegionPlan(region).transmission == .needsListenBeforeTalk {
      row.reason.append(": ")
      row.reason.append(RegionPlan.Refusal.needsListenBeforeTalk.explanation)
    }
    sink.take(row)
  }

  private func checkSending(
    _ radio: RadioStatus, _ site: SiteConfiguration.Radio?,
    _ sink: inout some DoctorSink & ~Copyable
  ) {
    var row = DoctorRow(.radioSending, .ok)
    guard radio.transmits else {
      row.reason.append("receives only: ")
      if site?.transmits ?? false {
        row.reason.append("the agent does not send, though the site file lets it")
        row.judge(
          .warning,
          do: """
            Restart the agent when the site file is newer than it; else `journalctl -u cairn-agent` \
            says why.
            """)
      } else {
        row.reason.append("the site file has no `transmit = yes`")
      }
      sink.take(row)
      return
    }
    row.reason.append(radio.sentCount, "beacon sent", "beacons sent")
    row.reason.append(" in this boot")
    if radio.lastReasonNumber > 0 {
      row.reason.append("; last not sent: ")
      row.reason.append(LeafWords.name(ofBeaconReason: UInt64(radio.lastReasonNumber)))
      if radio.sentCount == 0 {
        row.judge(
          .warning,
          do:
            "docs/coverage-protocol.md says what each reason means; the rows here show most of them."
        )
      }
    } else if radio.clockLimitMilliseconds == nil {
      row.reason.append("; no challenge with rules for beacons came yet")
    }
    sink.take(row)
  }

  /// By a clock that may be further off than the rules allow nothing is sent, and no witness counts.
  private func checkRadioClock(_ radio: RadioStatus, _ sink: inout some DoctorSink & ~Copyable) {
    var row = DoctorRow(.radioClock, .ok)
    guard let error = radio.clockErrorMilliseconds else {
      row.reason.append("nobody has told the agent the time in this boot: no beacon is sent by it")
      row.judge(
        .warning,
        do: """
          Let NTP keep the clock (`timedatectl set-ntp true`), or connect a receiver; the rows of \
          the clock say more.
          """)
      sink.take(row)
      return
    }
    row.reason.append("within ")
    row.reason.append(error, unit: "ms")
    guard let limit = radio.clockLimitMilliseconds else {
      row.reason.append("; no challenge has said yet what it must be")
      sink.take(row)
      return
    }
    row.reason.append(", and beacons need ")
    row.reason.append(UInt64(limit), unit: "ms")
    if error > UInt64(limit) {
      row.judge(
        .warning,
        do: """
          Have the time asked for more often: PollIntervalMaxSec=256 for systemd-timesyncd, which \
          the packages bring, or another NTP client, or a receiver.
          """)
    }
    sink.take(row)
  }

  private func checkAirtime(_ radio: RadioStatus, _ sink: inout some DoctorSink & ~Copyable) {
    guard radio.transmits else { return }
    var row = DoctorRow(.radioAirtime, .ok)
    guard let left = radio.airtimeLeftMicroseconds else {
      row.reason.append(
        radio.isConcentrator
          ? "no share of the hour limits its channels"
          : radio.frequencyHertz == nil
            ? "no channel is set yet" : "no share of the hour limits this sub-band")
      sink.take(row)
      return
    }
    row.reason.append(fixedPoint: Int64(min(left, 3_600_000_000) / 1_000), powerOfTen: -3)
    row.reason.append(
      radio.isConcentrator
        ? " s of this hour left in the sub-band that has the least"
        : " s of this hour left in its sub-band")
    if left == 0 {
      row.judge(
        .warning,
        do:
          "Wait: it comes back within the hour. After a lost account of it nothing is sent for one."
      )
    }
    sink.take(row)
  }
}

extension SiteConfiguration.Radio {
  /// The way to it that the site file names.
  fileprivate var path: RadioPath {
    isForwarded ? .packetForwarder : wiring.isEmpty ? .serialCommands : .spi
  }
}
