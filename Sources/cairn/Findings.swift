import AgentMessages
import Delivery
import FixedMemory
import NodeFiles
import Proofs
import Records

/// Something that is wrong with a node, as `cairn status` sees it. The lower the number, the worse.
enum Finding: UInt8 {
  case gatewayContradicted
  case keyUnusable
  case keyOfOtherHardware, storageFailed, spoolStopped
  case spoolUnreadable, spoolDamaged
  case agentSilent
  case configurationUnusable
  case enrolmentInvalid, enrolmentRefused
  case gatewayKeyMissing, gatewayKeyForeign
  case deliveryBlocked, uplinkSilent, deliveryWaiting, deliveryNotBegun
  case receiptRefused
  case spoolDropping, spoolNearlyFull
  case agentOther
  case sensorsFail, noSensor
  case clockMissing, clockWeak
  case gatewayHeadInvalid
  case linesFail

  /// Data is lost, or nobody can rely on what is delivered, until somebody acts.
  var isGrave: Bool { rawValue < Finding.configurationUnusable.rawValue }

  var what: StaticString {
    switch self {
    case .gatewayContradicted: "the gateway contradicts itself"
    case .keyUnusable: "the node's public key"
    case .keyOfOtherHardware: "key of other hardware"
    case .storageFailed: "storage failed"
    case .spoolStopped: "measuring has stopped"
    case .spoolUnreadable: "the spool can't be read"
    case .spoolDamaged: "the spool is damaged"
    case .agentSilent: "the agent does not answer"
    case .configurationUnusable: "the site file can't be used"
    case .enrolmentInvalid: "the enrolment is not valid"
    case .enrolmentRefused: "the gateway refused the enrolment"
    case .gatewayKeyMissing: "no gateway's key"
    case .gatewayKeyForeign: "the gateway's keys don't begin at the configured one"
    case .deliveryBlocked: "delivery is blocked"
    case .uplinkSilent: "the uplink is late"
    case .deliveryWaiting: "delivery waits"
    case .deliveryNotBegun: "nothing was delivered yet"
    case .receiptRefused: "a receipt was refused"
    case .spoolDropping: "the oldest readings are lost"
    case .spoolNearlyFull: "the spool is nearly full"
    case .agentOther: "the agent has a problem"
    case .sensorsFail: "sensors fail"
    case .noSensor: "no sensor"
    case .clockMissing: "no clock"
    case .clockWeak: "the clock is the gateway's"
    case .gatewayHeadInvalid: "the gateway's head kept here is not valid"
    case .linesFail: "GPIO lines fail"
    }
  }

  /// One word for programs.
  var name: StaticString {
    switch self {
    case .gatewayContradicted: "gateway-contradicted"
    case .keyUnusable: "key-unusable"
    case .keyOfOtherHardware: "key-of-other-hardware"
    case .storageFailed: "storage-failed"
    case .spoolStopped: "spool-stopped"
    case .spoolUnreadable: "spool-unreadable"
    case .spoolDamaged: "spool-damaged"
    case .agentSilent: "agent-silent"
    case .configurationUnusable: "configuration-unusable"
    case .enrolmentInvalid: "enrolment-invalid"
    case .enrolmentRefused: "enrolment-refused"
    case .gatewayKeyMissing: "gateway-key-missing"
    case .gatewayKeyForeign: "gateway-key-foreign"
    case .deliveryBlocked: "delivery-blocked"
    case .uplinkSilent: "uplink-silent"
    case .deliveryWaiting: "delivery-waiting"
    case .deliveryNotBegun: "delivery-not-begun"
    case .receiptRefused: "receipt-refused"
    case .spoolDropping: "spool-dropping"
    case .spoolNearlyFull: "spool-nearly-full"
    case .agentOther: "agent-problem"
    case .sensorsFail: "sensors-fail"
    case .noSensor: "no-sensor"
    case .clockMissing: "clock-missing"
    case .clockWeak: "clock-weak"
    case .gatewayHeadInvalid: "gateway-head-invalid"
    case .linesFail: "lines-fail"
    }
  }
}

/// All that is wrong, the worst first.
///
/// Invariant: no finding stands in the list twice.
struct Findings {
  /// More than a screen has room for help nobody: what is worst comes first.
  static var maximumCount: Int { 6 }

  private(set) var list = FixedArray<6, Finding>(filler: .agentOther)
  /// There were more.
  private(set) var isFull = false
  private var enrolmentCode: UInt16 = 0
  private var blockReason: DeliveryStateMachine.BlockReason = .notResumable
  private var hindrance: DeliveryStateMachine.Hindrance = .unreachable

  init(_ report: borrowing NodeReport) {
    // By severity: the bit of a finding is its number.
    var found: UInt64 = 0
    func note(_ finding: Finding, _ isSo: Bool, _ found: inout UInt64) {
      if isSo { found |= 1 << UInt64(finding.rawValue) }
    }
    note(.gatewayContradicted, report.gateway.isContradicted, &found)
    note(.keyUnusable, report.publicKey == nil, &found)
    note(.spoolUnreadable, report.spoolProblem != nil, &found)
    note(.spoolDamaged, report.spool.lossCount > 0, &found)
    note(.agentSilent, report.live == nil, &found)
    note(.configurationUnusable, !report.site.isUsable, &found)
    note(
      .gatewayKeyMissing, report.site.isUsable && !report.site.canVerifyReceipts, &found)
    note(.gatewayKeyForeign, !report.gateway.isChainOfConfiguredKey, &found)
    note(.spoolNearlyFull, report.spool.undeliveredPercent >= 80, &found)
    if case .damaged = report.gateway.head { note(.gatewayHeadInvalid, true, &found) }
    if let live = report.live { note(.linesFail, !live.failingLines.isEmpty, &found) }
    noteAgent(report, &found)
    noteIdentity(report, &found)
    noteDelivery(report, &found)
    noteSurvey(report, &found)
    for number in 0..<UInt8(64) where found & (1 << UInt64(number)) != 0 {
      guard let finding = Finding(rawValue: number) else { break }
      if !list.offer(finding) { isFull = true }
    }
  }

  private func noteAgent(_ report: borrowing NodeReport, _ found: inout UInt64) {
    guard let live = report.live, live.problem != 0 else { return }
    let finding: Finding =
      switch AgentProblem(rawValue: live.problem) {
      case .storageFailed: .storageFailed
      case .keyOfOtherHardware: .keyOfOtherHardware
      case .spoolStopped: .spoolStopped
      case .spoolDropping: .spoolDropping
      case .noSensor: .noSensor
      case .receiptRefused: .receiptRefused
      case nil: .agentOther
      }
    found |= 1 << UInt64(finding.rawValue)
  }

  private mutating func noteIdentity(_ report: borrowing NodeReport, _ found: inout UInt64) {
    if case .damaged = report.identity.enrolment {
      found |= 1 << UInt64(Finding.enrolmentInvalid.rawValue)
    }
    if !report.identity.isOfThisKey { found |= 1 << UInt64(Finding.enrolmentInvalid.rawValue) }
    if case .refused(let code, _, true) = report.identity.standing {
      enrolmentCode = code
      found |= 1 << UInt64(Finding.enrolmentRefused.rawValue)
    }
  }

  private mutating func noteDelivery(_ report: borrowing NodeReport, _ found: inout UInt64) {
    // An uplink that says what holds it up runs, and has said more than that nothing was delivered.
    guard case .notice(let notice) = report.notice, notice.standing != .free else {
      if case .missing = report.cursor, report.spool.last != nil {
        found |= 1 << UInt64(Finding.deliveryNotBegun.rawValue)
      }
      return
    }
    switch notice.standing {
    case .free: return
    case .waiting(let hindrance):
      self.hindrance = hindrance
      found |= 1 << UInt64(Finding.deliveryWaiting.rawValue)
    case .blocked(let reason):
      blockReason = reason
      found |= 1 << UInt64(Finding.deliveryBlocked.rawValue)
    }
    // A request may take its whole timeout, an hour at most by the site file; three minutes as a rule.
    if report.bootMilliseconds - notice.dueMilliseconds > 600_000 {
      found |= 1 << UInt64(Finding.uplinkSilent.rawValue)
    }
  }

  private func noteSurvey(_ report: borrowing NodeReport, _ found: inout UInt64) {
    guard report.spoolProblem == nil, report.spool.last != nil else { return }
    let survey = report.spool.survey
    for index in 0..<survey.sensorCount where survey.sensors[index].isFailing {
      found |= 1 << UInt64(Finding.sensorsFail.rawValue)
    }
    if survey.sensorCount == 0, report.site.isUsable, report.site.sensors.isEmpty {
      found |= 1 << UInt64(Finding.noSensor.rawValue)
    }
    if let clock = survey.clock {
      if clock.sourceNumber == UInt64(FixSource.gateway.rawValue) {
        found |= 1 << UInt64(Finding.clockWeak.rawValue)
      }
    } else if survey.boot != nil {
      found |= 1 << UInt64(Finding.clockMissing.rawValue)
    }
  }

  /// What to do about it.
  func remedy(of finding: Finding) -> StaticString {
    switch finding {
    case .gatewayContradicted:
      """
      Keep the evidence, give it to whoever relies on this gateway, and ask its operator. Until \
      that is answered deliver to another gateway too.
      """
    case .keyUnusable:
      "Start the agent, which makes it from the private key; or look at --state and permissions."
    case .keyOfOtherHardware: AgentProblem.keyOfOtherHardware.explanation
    case .storageFailed: AgentProblem.storageFailed.explanation
    case .spoolStopped: "Mend delivery, or allow `when_full = drop-oldest` in [spool]."
    case .spoolUnreadable: "Read the log row: it says what the spool is and what to do."
    case .spoolDamaged:
      "Save what is there (`cairn log export`), look at `dmesg`, and replace a worn card."
    case .agentSilent: "Look at `systemctl status cairn-agent` and `journalctl -u cairn-agent`."
    case .configurationUnusable: "Run `cairn config check`: it names file, line and what is right."
    case .enrolmentInvalid:
      "Restart the agent, which makes it anew; nothing of it is in the log."
    case .enrolmentRefused:
      RefusalCode(rawValue: enrolmentCode)?.remedy ?? "Bring this node's programs up to date."
    case .gatewayKeyMissing:
      "Put the gateway's public key into [gateway]; its operator has it, and `/healthz` shows it."
    case .gatewayKeyForeign:
      "Compare public_key in [gateway] with what the gateway's operator says, then restart the agent."
    case .deliveryBlocked: blockReason.remedy
    case .uplinkSilent:
      "Look at `systemctl status 'cairn-uplink-*'` and its journal: it should have tried again."
    case .deliveryWaiting: hindrance.remedy
    case .deliveryNotBegun:
      "Look whether the uplink runs: `systemctl status 'cairn-uplink-*'`."
    case .receiptRefused: AgentProblem.receiptRefused.explanation
    case .spoolDropping: AgentProblem.spoolDropping.explanation
    case .spoolNearlyFull: "Mend delivery, or make the spool larger."
    case .agentOther: "Take the `cairn` that came with the agent: it knows the number."
    case .sensorsFail: "Read the fault beside the sensor; look at power, wiring and address."
    case .noSensor: "Describe a sensor in [sensor.NAME] of the site file, or look at its wiring."
    case .clockMissing:
      "Let NTP keep the clock (`timedatectl`), or give the receiver a view of the sky."
    case .clockWeak:
      "Let NTP keep the clock, or connect a receiver: both are better than the gateway."
    case .linesFail:
      "Run `cairn board check`: it says who has a line, or that no chip has its label."
    case .gatewayHeadInvalid: "Remove uplink/gateway-head.cose: the uplink fetches the next one."
    }
  }
}

extension DeliveryStateMachine.Hindrance {
  var remedy: StaticString {
    switch self {
    case .unreachable:
      """
      Look at the network and at `journalctl -u 'cairn-uplink-*'`. Nothing is lost: it tries \
      again by itself.
      """
    case .notAGateway: "Look at url in [gateway], and whether the network wants a login."
    case .gatewayError, .contradiction: "Tell the gateway's operator if it lasts."
    case .askedToWait: "Nothing: it goes on by itself."
    case .spoolUnreadable: "Look at the permissions of agent/ and uplink/ below --state."
    case .budgetSpent:
      "Wait for the next month, or raise monthly_budget in [delivery], or seal fewer batches: [batch] interval."
    }
  }
}
