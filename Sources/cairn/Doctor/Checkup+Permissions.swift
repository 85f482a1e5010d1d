import CLinux
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles

/// Users, folders and modes as the packages make them. Of a node in another folder only what holds for any.
extension Checkup {
  mutating func checkPermissions(_ sink: inout some DoctorSink & ~Copyable) {
    if isInstalled { checkUsers(&sink) }
    checkFolder(.agentFolder, paths.agentFolder, &sink)
    checkFolder(.uplinkFolder, paths.uplinkFolder, &sink)
    checkRunFolder(&sink)
    checkSocket(&sink)
    if isInstalled {
      checkRules(&sink)
      checkOwnGroups(&sink)
    }
  }

  private func checkUsers(_ sink: inout some DoctorSink & ~Copyable) {
    var row = DoctorRow(.users, .ok)
    var (user, group) = (UInt32(0), UInt32(0))
    let hasAgent = unsafe cairn_user_find(Self.agentUser.utf8Start, &user, &group) == 0
    let hasUplink = unsafe cairn_user_find(Self.uplinkUserName.utf8Start, &user, &group) == 0
    let hasGroup = unsafe cairn_group_find(Self.groupName.utf8Start) >= 0
    if hasAgent, hasUplink, hasGroup {
      row.reason.append("cairn-agent, cairn-uplink and the group cairn are there")
    } else {
      if !hasAgent { row.reason.append("no user cairn-agent. ") }
      if !hasUplink { row.reason.append("no user cairn-uplink. ") }
      if !hasGroup { row.reason.append("no group cairn. ") }
      row.judge(.failed, do: "`systemd-sysusers`, or install the package cairn-common again.")
    }
    sink.take(row)
  }

  static var agentUser: StaticString { "cairn-agent\0" }
  static var uplinkUserName: StaticString { "cairn-uplink\0" }
  static var groupName: StaticString { "cairn\0" }

  /// Its owner can write, the group can't, others have nothing to look for.
  private func checkFolder(
    _ check: Check, _ path: FixedPath, _ sink: inout some DoctorSink & ~Copyable
  ) {
    var row = DoctorRow(check, .ok)
    let facts: FileFacts
    do throws(SystemError) { facts = try FileFacts(at: path) } catch {
      row.reason.append(error)
      if error.isForbidden {
        row.judge(.notChecked, do: Self.asWhom)
      } else {
        row.judge(
          .failed,
          do: """
            `systemd-tmpfiles --create`, or make \
            it, owned by the program's user.
            """)
      }
      return sink.take(row)
    }
    row.reason.append("mode ")
    row.reason.append(mode: facts.mode)
    row.reason.append(", owner ")
    row.reason.append(facts.ownerID)
    if facts.kind != .folder {
      row.reason.append(": no folder")
      row.judge(.failed, do: "Move away what stands there; `systemd-tmpfiles --create` makes it.")
    } else if facts.mode & 0o700 != 0o700 {
      row.reason.append(": its owner may not write")
      row.judge(.failed, do: "`chmod 750` it.")
    } else if facts.mode & 0o022 != 0 {
      row.reason.append(": others may put files into it")
      row.judge(.failed, do: "`chmod 750` it.")
    } else if isInstalled, !isOwner(facts, of: check) {
      row.reason.append(": another user's")
      row.judge(
        .failed, do: "`chown cairn-agent:cairn` it; the uplink's is cairn-uplink:cairn.")
    }
    sink.take(row)
  }

  private func isOwner(_ facts: FileFacts, of check: Check) -> Bool {
    var (user, group) = (UInt32(0), UInt32(0))
    let name = check == .uplinkFolder ? Self.uplinkUserName : Self.agentUser
    // Without such a user the row above says so.
    guard unsafe cairn_user_find(name.utf8Start, &user, &group) == 0 else { return true }
    return facts.ownerID == user
  }

  private func checkRunFolder(_ sink: inout some DoctorSink & ~Copyable) {
    let path = paths.agentSocket.directory
    var row = DoctorRow(.runFolder, .ok)
    let facts: FileFacts
    do throws(SystemError) { facts = try FileFacts(at: path) } catch {
      row.reason.append(error)
      if error.isForbidden {
        row.judge(.notChecked, do: Self.asWhom)
      } else {
        row.judge(.failed, do: "`systemd-tmpfiles --create`, or mend --run.")
      }
      return sink.take(row)
    }
    row.reason.append("mode ")
    row.reason.append(mode: facts.mode)
    if facts.kind != .folder || facts.mode & 0o300 != 0o300 {
      row.reason.append(": its owner may not write")
      row.judge(.failed, do: "`systemd-tmpfiles --create` puts it right.")
    } else if facts.mode & 0o002 != 0, facts.mode & 0o1000 == 0 {
      row.reason.append(": anybody may put a socket into it")
      row.judge(.failed, do: "`chmod 1770` it.")
    }
    sink.take(row)
  }

  private func checkSocket(_ sink: inout some DoctorSink & ~Copyable) {
    var row = DoctorRow(.agentSocket, .ok)
    let facts: FileFacts
    do throws(SystemError) { facts = try FileFacts(at: paths.agentSocket) } catch {
      row.reason.append(error.isForbidden ? "this user may not look" : "not there: no agent runs")
      row.judge(.notChecked, do: error.isForbidden ? Self.asWhom : "")
      return sink.take(row)
    }
    row.reason.append("mode ")
    row.reason.append(mode: facts.mode)
    if facts.kind != .socket {
      row.reason.append(": no socket")
      row.judge(.failed, do: "Remove what stands there, and restart the agent.")
    } else if facts.mode & 0o006 != 0 {
      row.reason.append(": anybody may ask the agent")
      row.judge(.warning, do: "Restart the agent, which makes it with mode 0660.")
    } else if isInstalled, unsafe cairn_group_find(Self.groupName.utf8Start) != Int64(facts.groupID)
    {
      row.reason.append(": not of the group cairn, so the uplink may not ask")
      row.judge(.failed, do: "Run the agent with Group=cairn, as its service does.")
    }
    sink.take(row)
  }

  private func checkRules(_ sink: inout some DoctorSink & ~Copyable) {
    let places: InlineArray<3, StaticString> = [
      "/usr/lib/udev/rules.d/70-cairn.rules", "/lib/udev/rules.d/70-cairn.rules",
      "/etc/udev/rules.d/70-cairn.rules",
    ]
    for index in places.indices where fileExists(FixedPath(places[index])) {
      var row = DoctorRow(.udevRules, .ok)
      row.reason.append(places[index])
      return sink.take(row)
    }
    sink.take(
      DoctorRow(
        .udevRules, .warning, "not installed: plugged devices get no lasting names",
        do: "Install the package cairn-common."))
  }

  private func checkOwnGroups(_ sink: inout some DoctorSink & ~Copyable) {
    var row = DoctorRow(.ownGroups, .ok)
    if isRoot {
      row.reason.append("root: may look at all")
    } else {
      let group = unsafe cairn_group_find(Self.groupName.utf8Start)
      if let number = UInt32(exactly: group), cairn_is_in_group(number) == 1 {
        row.reason.append("a member of the group cairn: may look at all but the key")
      } else {
        row.reason.append("neither root nor a member of the group cairn")
        row.judge(.notChecked, do: "`adduser USER cairn` and log in anew, or run it as root")
      }
    }
    sink.take(row)
  }
}

/// What `cairn status` says is to do, except what has rows of its own above.
extension Checkup {
  mutating func checkProblems(_ sink: inout some DoctorSink & ~Copyable) {
    let findings = Findings(report)
    var count = 0
    for index in findings.list.indices {
      let finding = findings.list[index]
      if Self.hasOwnRow(finding) { continue }
      count += 1
      var row = DoctorRow(.finding, of: finding.name.bytes)
      row.reason.append(finding.what)
      row.judge(finding.isGrave ? .failed : .warning)
      row.remedy.append(findings.remedy(of: finding))
      sink.take(row)
    }
    if count == 0 {
      sink.take(DoctorRow(.finding, .ok, "`cairn status` has nothing else to do"))
    }
  }

  private static func hasOwnRow(_ finding: Finding) -> Bool {
    switch finding {
    case .keyUnusable, .spoolUnreadable, .spoolDamaged, .agentSilent, .configurationUnusable,
      .gatewayKeyMissing, .spoolNearlyFull, .sensorsFail, .clockMissing:
      true
    case .gatewayContradicted, .keyOfOtherHardware, .storageFailed, .spoolStopped,
      .enrolmentInvalid, .enrolmentRefused, .gatewayKeyForeign, .deliveryBlocked, .uplinkSilent,
      .deliveryWaiting, .deliveryNotBegun, .receiptRefused, .spoolDropping, .agentOther, .noSensor,
      .clockWeak, .gatewayHeadInvalid, .linesFail:
      false
    }
  }
}
