import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs

/// Is the time one that can be, and who keeps it?
extension Checkup {
  mutating func checkClock(_ sink: inout some DoctorSink & ~Copyable) {
    checkTime(&sink)
    let isKept = checkNTP(&sink)
    checkBatteryClock(isKept: isKept, &sink)
    checkReceiver(&sink)
  }

  /// A clock that stands before what was written or signed already is wrong. Ten minutes are forgiven: gateways and
  /// file servers have clocks of their own.
  static var forgivenMilliseconds: Int64 { 600_000 }

  private func checkTime(_ sink: inout some DoctorSink & ~Copyable) {
    let now = report.wallMilliseconds
    var row = DoctorRow(.clockTime, .ok)
    row.reason.append(utc: now, separator: "\u{1f}")
    row.reason.append("\u{1f}UTC")
    if !UTCTime.plausible.contains(now) {
      row.reason.append(", which can't be")
      row.judge(
        .failed, do: "Set the clock (`timedatectl set-time`), or let NTP or a receiver keep it.")
    } else if let (latest, what) = latestKnownTime, latest - now > Self.forgivenMilliseconds {
      row.reason.append(" lies ")
      row.reason.append(duration: latest - now)
      row.reason.append(" before ")
      row.reason.append(what)
      row.judge(
        .failed,
        do: """
          Set the clock; while it is wrong, certificates \
          are refused and times in the log are late.
          """)
    }
    sink.take(row)
  }

  /// The latest time that somebody has left here.
  private var latestKnownTime: (milliseconds: Int64, what: StaticString)? {
    var latest: (milliseconds: Int64, what: StaticString)?
    func consider(
      _ time: Int64?, _ what: StaticString,
      _ latest: inout (milliseconds: Int64, what: StaticString)?
    ) {
      guard let time, UTCTime.plausible.contains(time) else { return }
      if latest.map({ $0.milliseconds < time }) ?? true { latest = (time, what) }
    }
    let survey = report.spool.survey
    consider(
      survey.utcMilliseconds(at: survey.lastMilliseconds), "the log's last leaf", &latest)
    if case .cursor(let cursor) = report.cursor {
      consider(
        cursor.receipt?.receivedUTCMilliseconds, "the gateway's last receipt", &latest)
    }
    consider(date(paths.publicKey), "the date of device.pub", &latest)
    consider(date(paths.spool), "the date of the spool", &latest)
    consider(date(paths.cursor), "the date of the cursor", &latest)
    consider(
      FixedPath(options.configPath.span).flatMap { date($0) }, "the date of the site file", &latest)
    return latest
  }

  private func date(_ path: FixedPath) -> Int64? {
    do throws(SystemError) { return try FileFacts(at: path).modifiedMilliseconds } catch {
      return nil
    }
  }

  private func checkNTP(_ sink: inout some DoctorSink & ~Copyable) -> Bool {
    var row = DoctorRow(.clockNTP, .ok)
    do throws(SystemError) {
      let state = try SystemClock().synchronisation()
      guard state.isSynchronised else {
        row.reason.append("the kernel's clock is kept by nobody")
        row.judge(
          hasReceiver ? .ok : .warning,
          do: hasReceiver ? "" : "Switch NTP on: `timedatectl set-ntp true`, or connect a receiver."
        )
        if hasReceiver { row.reason.append("; the receiver dates readings") }
        sink.take(row)
        return false
      }
      row.reason.append("within ")
      row.reason.append(duration: state.maximumErrorMilliseconds)
      sink.take(row)
      return true
    } catch {
      row.reason.append("can't be asked: ")
      row.reason.append(error)
      row.judge(.notChecked)
      sink.take(row)
      return false
    }
  }

  private var hasReceiver: Bool { setup?.receiver != nil }

  /// Without one, the time after a power cut is that of the last shutdown until the network is there.
  private func checkBatteryClock(isKept: Bool, _ sink: inout some DoctorSink & ~Copyable) {
    var row = DoctorRow(.clockRTC, .ok)
    var name = InlineArray<64, UInt8>(repeating: 0)
    var span = name.mutableSpan
    do throws(FileFailure) {
      let count = try readFile(FixedPath("/sys/class/rtc/rtc0/name"), into: &span)
      row.reason.append("rtc0: ")
      for index in 0..<count where span[index] > 0x20 {
        row.reason.append(untrusted: span.span.extracting(index..<index + 1))
      }
    } catch {
      row.reason.append("none")
      if isKept || hasReceiver {
        row.reason.append(
          """
          ; after a power cut the time is wrong \
          until NTP or a receiver has set it
          """)
      } else {
        row.judge(
          .warning,
          do: """
            Add a clock with a battery, or let NTP \
            or a receiver keep the time.
            """)
      }
    }
    sink.take(row)
  }

  private func checkReceiver(_ sink: inout some DoctorSink & ~Copyable) {
    guard let line = setup?.receiver, let path = FixedPath(line.path.span) else { return }
    var row = DoctorRow(.clockGNSS, of: line.name.span)
    row.reason.append(untrusted: line.path.span)
    do throws(SystemError) {
      try checkAccess(path, writes: true)
      if report.spool.survey.position != nil {
        row.reason.append(", it has had a fix in this boot")
      } else if isAgentThere {
        row.reason.append(", no fix in this boot")
        row.judge(
          .warning,
          do: """
            Give the antenna a view of the sky; \
            the first fix takes minutes.
            """)
      } else {
        row.reason.append(", is there")
      }
    } catch {
      row.reason.append(": ")
      row.reason.append(error)
      if error.isForbidden {
        row.judge(.notChecked, do: "run it as root, or as a member of the group dialout")
      } else {
        row.judge(.failed, do: "Plug the receiver in, or mend [gnss] port and the board profile.")
      }
    }
    sink.take(row)
  }
}
