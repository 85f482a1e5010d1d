import Records
import Testing

/// Numbers stand in signed leaves and in exported verdicts. This list is frozen: it may get longer, and no
/// line of it may change.
@Test func numbersNeverChangeTheirMeaning() {
  let kinds: [(UInt8, LeafKind)] = [
    (0, .boot), (1, .reading), (2, .schema), (3, .fault), (4, .event), (5, .clock), (6, .position),
    (7, .challenge), (8, .intent), (9, .sent), (10, .reveal), (11, .witness), (12, .listen),
    (13, .frame), (14, .health),
  ]
  for number in UInt8.min...UInt8.max {
    #expect(LeafKind(rawValue: number) == kinds.first { $0.0 == number }?.1, "kind \(number)")
  }
  let faults: [(UInt8, FaultCode)] = [
    (1, .notAcknowledged), (2, .checksumMismatch), (3, .timedOut), (4, .wrongChip), (5, .notReady),
    (6, .outOfRange), (7, .frozen), (8, .disconnected), (9, .busError), (10, .calibrationInvalid),
    (11, .chipFault), (12, .unintelligible), (13, .edgesLost), (14, .lineInUse), (15, .noAnswer),
    (16, .commandRefused), (17, .radioBusy), (18, .wrongRadio), (19, .settingLost),
    (20, .oscillatorFault), (21, .transmissionUnfinished), (22, .transmissionFailed),
    (23, .radioDeaf), (24, .busyLineStuck), (25, .interruptLineDead), (26, .radioRestarted),
    (27, .nothingOnTheBus),
    (28, .bridgeAbsent), (29, .bridgeForeign), (30, .stickFailing),
  ]
  for number in UInt8.min...UInt8.max {
    #expect(FaultCode(rawValue: number) == faults.first { $0.0 == number }?.1, "fault \(number)")
  }
  let events: [(UInt8, EventCode)] = [
    (1, .measurementsMissed), (2, .leavesDropped), (3, .deviceAttached), (4, .deviceDetached),
    (5, .sensorReplaced), (6, .olderLeavesDropped), (7, .contactChanged),
    (8, .consoleUnlocked), (9, .consoleRefused), (11, .buttonPressed), (12, .beaconNotSent),
    (13, .framesRefused), (14, .airtimeSpent), (15, .radioDeaf), (16, .radioReset),
  ]
  for number in UInt8.min...UInt8.max {
    #expect(EventCode(rawValue: number) == events.first { $0.0 == number }?.1, "event \(number)")
  }
  let reasons: [(UInt8, GapReason)] = [
    (1, .late), (2, .suspended), (3, .spoolFull), (4, .restart), (5, .storageLost),
    (6, .restoredCopy),
  ]
  for number in UInt8.min...UInt8.max {
    #expect(GapReason(rawValue: number) == reasons.first { $0.0 == number }?.1, "reason \(number)")
  }
  let sources: [(UInt8, FixSource)] = [
    (0, .none), (1, .realTimeClock), (2, .networkTime), (3, .gnss), (4, .gateway), (5, .configured),
  ]
  for number in UInt8.min...UInt8.max {
    #expect(FixSource(rawValue: number) == sources.first { $0.0 == number }?.1, "source \(number)")
  }
}

/// The numbers of coverage: frozen too.
@Test func numbersOfCoverageNeverChangeTheirMeaning() {
  let beacons: [(UInt8, BeaconReason)] = [
    (1, .noChallenge), (2, .noClock), (3, .airtimeSpent), (4, .listenBeforeTalk), (5, .radioBusy),
    (6, .radioGone), (7, .chainNotValid), (8, .noChannel), (9, .tooLate), (10, .notDurable),
    (11, .radioFailed), (12, .notAllowed), (13, .outcomeUnknown),
    (14, .linkUsed),
  ]
  let frames: [(UInt8, FrameRefusal)] = [
    (1, .copies), (2, .tableFull), (3, .rateLimited), (4, .lostOnTheWay),
  ]
  let resets: [(UInt8, RadioResetReason)] = [
    (1, .deaf), (2, .silent), (3, .wrongState), (4, .restarted),
  ]
  let corrections: [(UInt8, RSSICorrection)] = [
    (0, .none), (1, .sx127xFormula), (2, .boardOffset), (3, .boardOffsetAndTemperature),
    (4, .calibrated),
  ]
  for number in UInt8.min...UInt8.max {
    #expect(BeaconReason(rawValue: number) == beacons.first { $0.0 == number }?.1)
    #expect(FrameRefusal(rawValue: number) == frames.first { $0.0 == number }?.1)
    #expect(RadioResetReason(rawValue: number) == resets.first { $0.0 == number }?.1)
    #expect(RSSICorrection(rawValue: number) == corrections.first { $0.0 == number }?.1)
  }
}

@Test func refusalCodesNeverChangeTheirNumberNameOrStatus() {
  let codes: [(number: UInt16, code: RefusalCode, name: StaticString, status: UInt16)] = [
    (1, .malformed, "malformed", 422), (2, .notDeterministic, "not-deterministic", 422),
    (3, .tooLarge, "too-large", 413), (4, .unsupportedVersion, "unsupported-version", 422),
    (5, .unsupportedMediaType, "unsupported-media-type", 415),
    (6, .leafMalformed, "leaf-malformed", 422), (20, .unknownKey, "unknown-key", 422),
    (21, .keyMismatch, "key-mismatch", 409), (22, .unknownAlgorithm, "unknown-algorithm", 422),
    (23, .badSignature, "bad-signature", 422),
    (24, .enrolmentRequired, "enrolment-required", 403), (25, .keyRevoked, "key-revoked", 403),
    (26, .inviteExpired, "invite-expired", 403), (27, .inviteUsed, "invite-used", 403),
    (28, .inviteForeign, "invite-foreign", 403), (29, .ownerUnknown, "owner-unknown", 403),
    (30, .enrolmentOutdated, "enrolment-outdated", 409),
    (31, .successionForeign, "succession-foreign", 403),
    (32, .moveRequired, "move-required", 403), (33, .moveForeign, "move-foreign", 403),
    (34, .revocationForeign, "revocation-foreign", 403),
    (40, .gap, "gap", 409), (41, .fork, "fork", 409), (42, .closedEpoch, "closed-epoch", 409),
    (43, .wrongPrev, "wrong-prev", 422), (44, .sizeMismatch, "size-mismatch", 422),
    (45, .rootMismatch, "root-mismatch", 422), (46, .timeDisorder, "time-disorder", 422),
    (47, .unknownPosition, "unknown-position", 0),
    (48, .challengeReplayed, "challenge-replayed", 0), (60, .rateLimited, "rate-limited", 429),
    (61, .storageFull, "storage-full", 503), (62, .unavailable, "unavailable", 503),
  ]
  for number: UInt16 in 0...1000 {
    let known = codes.first { $0.number == number }
    let code = RefusalCode(rawValue: number)
    #expect(code == known?.code, "code \(number)")
    #expect(code.map { "\($0.name)" } == known.map { "\($0.name)" }, "code \(number)")
    #expect(code?.httpStatus == known?.status, "code \(number)")
  }
}

@Test func everyRefusalAndFaultIsExplainedInASentenceOfItsOwn() {
  let codes = (UInt16.min...1000).compactMap { RefusalCode(rawValue: $0) }
  #expect(Set(codes.map { "\($0.meaning)" }).count == codes.count)
  for code in codes { #expect("\(code.meaning)".hasSuffix(".") && "\(code.remedy)".hasSuffix(".")) }
  let faults = (UInt8.min...255).compactMap { FaultCode(rawValue: $0) }
  #expect(Set(faults.map { "\($0.explanation)" }).count == faults.count)
}
