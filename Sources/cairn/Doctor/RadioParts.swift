import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles

/// What the radio of the site file hangs on, by the subjects that `cairn board check` has for it: a module's line, or a
/// chip's bus and lines. A stick's pins are the bus's, and a simulator's lines no chip of the kernel has.
struct RadioParts {
  /// A line is one, or two where its chip is not there.
  private var subjects = FixedArray<7, FixedText<48>>(filler: FixedText())

  init(_ site: borrowing SiteConfiguration, _ board: borrowing BoardProfile) {
    guard let radio = site.radio, !radio.isForwarded else { return }
    if !radio.port.isEmpty { add("serial line ", radio.port.span) }
    guard let wiring = board.loRaWiring(named: radio.wiring) else { return }
    add("SPI bus ", wiring.spi.span)
    for index in 0..<3 {
      let name = index == 0 ? wiring.reset : index == 1 ? wiring.busy : wiring.interrupt
      guard let name, let line = board.gpioLine(named: name), line.virtualSocket == nil else {
        continue
      }
      add("GPIO line ", name.span)
      add("GPIO chip ", line.chips[0].span)
    }
  }

  private mutating func add(_ kind: StaticString, _ name: Span<UInt8>) {
    var subject = FixedText<48>()
    subject.write(kind)
    subject.write(name)
    subjects.append(subject)
  }

  func has(_ subject: FixedText<48>) -> Bool {
    for index in subjects.indices where subjects[index] == subject { return true }
    return false
  }
}

extension Checkup {
  /// No agent answers: the radio itself is not asked, but whether the agent could reach it can be seen.
  func checkParts(_ site: SiteConfiguration.Radio, _ sink: inout some DoctorSink & ~Copyable) {
    var row = DoctorRow(.radio, of: site.name.span)
    if site.isForwarded {
      lookAtForwarder(&row)
    } else if let part = radioPart {
      row.reason.append(untrusted: part.subject.span)
      row.reason.append(": ")
      row.reason.append(untrusted: part.reason.span)
      switch part.state {
      case .warning, .failed, .unused:
        row.judge(.failed)
        row.remedy.append(untrusted: part.remedy.span)
        if row.remedy.isEmpty { row.remedy.append("Look at the profile: `cairn board check`.") }
      case .unknown:
        row.judge(.notChecked)
        row.remedy.append(untrusted: part.remedy.span)
      case .good: row.judge(.notChecked)
      }
    } else {
      row.judge(.notChecked)
    }
    if row.state == .notChecked {
      if !row.reason.isEmpty { row.reason.append("; ") }
      row.reason.append("the agent has it, and does not answer; see above")
    }
    sink.take(row)
  }

  private func lookAtForwarder(_ row: inout DoctorRow) {
    row.reason.append(untrusted: paths.forwarderSocket.span)
    switch DevicePresence(at: paths.forwarderSocket) {
    case .socket(mayOpen: true):
      row.reason.append(" is there")
      row.judge(.notChecked)
    case .socket(mayOpen: false):
      row.reason.append(" is there, and not for this user")
      row.judge(.notChecked)
    case .missing:
      row.reason.append(" is not there: cairn-forwarder does not run")
      row.judge(
        .failed,
        do: "`systemctl status cairn-forwarder`: it starts when /etc/cairn/forwarder.conf is there."
      )
    case .device, .notADevice:
      row.reason.append(" is no socket")
      row.judge(.failed, do: "Remove it, then `systemctl restart cairn-forwarder`.")
    case .unknown(let error):
      row.reason.append(": ")
      row.reason.append(error)
      row.judge(.notChecked)
    }
  }
}
