import Archive
import FixedMemory
import Foundation
import Identity
import Proofs
import Records
import Signers
import Testing

@testable import GatewayStore

/// What an auditor recomputes from an archive, and how each forgery is found.
@Suite struct ArchiveVerifyTests {
  private let folder: ArchiveFolder
  private let scenario: ArchiveScenario

  init() throws {
    folder = try ArchiveFolder()
    scenario = try ArchiveScenario()
    try scenario.export(folder)
  }

  private func open() throws -> OpenArchive { try OpenArchive(folder) }

  /// Leaf of the receipt for the batch that holds the challenge.
  private func receiptBehindChallenge(_ archive: OpenArchive) throws -> Int {
    try archive.index(of: .challenge) + 1
  }

  private func receipt(
    _ archive: OpenArchive, _ index: Int, by number: UInt8 = 1, _ change: (inout Receipt) -> Void
  ) throws -> [UInt8] {
    let before = try archive.message(index)
    var receipt = try Receipt(decoding: before.span)
    change(&receipt)
    let message = try signed(receipt, by: number)
    return OpenArchive.leaf(.receipt, message, utc: try archive.utc(index))
  }

  private func severity(_ report: ArchiveReport, _ name: Finding.Name) -> Finding.Severity? {
    report.findings.first { $0.name == name }?.severity
  }

  // MARK: - What is right

  @Test func anHonestArchiveOfEveryKindOfLeafHasNoFinding() throws {
    let archive = try open()
    let kinds = Set(try archive.leaves.indices.map { try archive.kind($0).rawValue })
    #expect(kinds == Set(0...7))
    let heads = [archive.head]
    let first = try ArchiveScenario.gatewayKey(1)
    let report = try archive.report(folder, heads: heads, key: first.publicKey)
    #expect(report.findings == [])
    #expect(report.isGood && report.isLogSigned && report.isKeyTrusted == true)
    #expect(report.counts.batches == 7 && report.counts.receipts == 7)
    #expect(report.counts.agreeingHeads == 1)
    #expect(report.counts.nodes == 3 && report.counts.enrolments == 5)
    #expect(report.gatewayKeys.count == 2)
    let fork = try #require(report.forks.first)
    #expect(fork.deviceKeyHash == scenario.plain.publicKey.hash && fork.held != fork.sent)
  }

  @Test func twoExportsOfOneStateAreTheSameInEveryByte() throws {
    try scenario.export(folder, "second")
    for file in ArchiveFormat.File.allCases {
      let (first, second) = (try folder.bytes("archive", file), try folder.bytes("second", file))
      #expect(first == second && !first.isEmpty, "\(file)")
    }
  }

  @Test func anExportNeitherOverwritesNorLeavesHalfAnArchive() throws {
    var failures: [ArchiveFailure] = []
    do throws(ArchiveFailure) { _ = try ArchiveWriter(to: folder.path + "/archive") } catch {
      failures.append(error)
    }
    #expect(failures.count == 1)
    var stranger = try ArchiveScenario.gatewayKey(9)
    func exportWithOtherKey() throws {
      let writer = try ArchiveWriter(to: folder.path + "/none")
      try scenario.gateway.store.export(to: writer, signingWith: &stranger)
    }
    #expect(throws: ExportFailure.otherKey) { try exportWithOtherKey() }
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(left == ["archive"])
  }

  @Test func headsThatWereKeptOnTheWayAgree() throws {
    let archive = try open()
    var heads: [[UInt8]] = []
    for size in 1...archive.leaves.count {
      var part = archive
      part.leaves = Array(archive.leaves.prefix(size))
      let change = try archive.index(of: .keyChange)
      heads.append(try part.signedHead(try ArchiveScenario.gatewayKey(size > change ? 2 : 1)))
    }
    let report = try archive.report(folder, heads: heads)
    #expect(report.isGood && report.counts.agreeingHeads == heads.count)
  }

  // MARK: - By somebody without a key

  @Test func aLeafThatIsDroppedChangedOrMovedGivesAnotherRoot() throws {
    let archive = try open()
    for index in archive.leaves.indices {
      var forged = archive
      forged.leaves.remove(at: index)
      #expect(try forged.report(folder).findingCounts[.headMismatch] == 1, "without leaf \(index)")
    }
    for index in archive.leaves.indices.dropLast() {
      var forged = archive
      forged.leaves.swapAt(index, index + 1)
      #expect(try forged.report(folder).findingCounts[.headMismatch] == 1, "leaf \(index) moved")
    }
    var forged = archive
    let index = try archive.index(of: .receipt, last: true)
    forged.leaves[index] = OpenArchive.leaf(
      .receipt, try archive.message(index), utc: try archive.utc(index) + 1)
    let report = try forged.report(folder)
    #expect(report.names == ["head-mismatch"] && severity(report, .headMismatch) == .damage)
  }

  @Test func whatALogThatNobodySignedSaysIsNotHeldAgainstTheGateway() throws {
    var forged = try open()
    forged.leaves.swapAt(2, 6)
    let report = try forged.report(folder)
    #expect(!report.isGood && report.count(of: .gateway) == 0)
  }

  @Test func aBatchThatIsMissingOrHasNoReceiptIsNamed() throws {
    let archive = try open()
    for index in archive.batches.indices {
      var forged = archive
      forged.batches.remove(at: index)
      #expect(try forged.report(folder).findingCounts[.batchMissing] == 1, "batch \(index)")
      forged = archive
      forged.batches.append(archive.batches[index])
      #expect(try forged.report(folder).findingCounts[.receiptMissing] == 1, "batch \(index)")
    }
  }

  @Test func batchesOutOfOrderAreNamed() throws {
    var forged = try open()
    forged.batches[3].leaf = 2
    #expect(try forged.report(folder).names == ["batch-misplaced"])
  }

  @Test func aChangedReadingIsDamageAndWhatFollowsCantBeRecomputed() throws {
    var forged = try open()
    let last = forged.batches.count - 2
    let end = forged.batches[last].bytes.count - 1
    forged.batches[last].bytes[end] ^= 1
    let report = try forged.report(folder)
    #expect(report.names == ["batch-damaged", "batch-unchecked"])
  }

  @Test func aKeyThatIsMissingOrNobodysIsNamed() throws {
    let archive = try open()
    for index in archive.keys.indices {
      var forged = archive
      forged.keys.remove(at: index)
      #expect(try forged.report(folder).findingCounts[.keyMissing] != nil, "key \(index)")
    }
    var forged = archive
    let stranger = try TestDevice(seed: 99)
    forged.keys = (archive.keys + [ArchiveFormat.item(of: stranger.publicKey)])
    #expect(try forged.report(folder).findingCounts[.keyUnused] == 1)
  }

  @Test func aHeadOfAnotherKeyBindsNobody() throws {
    var forged = try open()
    // The key that was given up signs no longer.
    for number: UInt8 in [1, 9] {
      forged.head = try forged.signedHead(try ArchiveScenario.gatewayKey(number))
      let report = try forged.report(folder)
      #expect(report.names == ["head-unsigned"] && !report.isLogSigned, "key \(number)")
    }
    let key = try ArchiveScenario.gatewayKey(9)
    let report = try open().report(folder, key: key.publicKey)
    #expect(report.names == ["gateway-foreign"] && report.isKeyTrusted == false)
  }

  // MARK: - By a gateway that lies

  @Test func aReceiptBackdatedBehindAChallengeIsProofAgainstTheGateway() throws {
    var forged = try open()
    let index = try receiptBehindChallenge(forged)
    forged.leaves[index] = try receipt(forged, index) { $0.receivedUTCMilliseconds -= 3_600_000 }
    try forged.sign()
    let report = try forged.report(folder)
    #expect(report.names == ["backdated", "receipt-before-clock", "receipt-early"])
    let finding = try #require(report.findings.first { $0.name == .backdated })
    #expect(finding.severity == .gateway && finding.place.leaf == UInt64(index))
    #expect(finding.evidence.map(\.what) == ["receipt", "challenge", "checkpoint"])
    #expect(finding.evidence[1].bytes == scenario.challenge)
  }

  @Test func aReceiptPutInFrontOfTheChallengeIsProofAgainstTheGateway() throws {
    var forged = try open()
    let index = try receiptBehindChallenge(forged)
    let early = try receipt(forged, index) { $0.receivedUTCMilliseconds -= 11_000 }
    forged.leaves[index] = OpenArchive.leaf(
      .receipt, try OpenArchive.message(of: early), utc: try forged.utc(index - 1))
    forged.leaves.swapAt(index, index - 1)
    for batch in forged.batches.indices where forged.batches[batch].leaf == UInt64(index) {
      forged.batches[batch].leaf = UInt64(index - 1)
    }
    try forged.sign()
    let report = try forged.report(folder)
    #expect(report.findingCounts[.backdated] == 1 && report.count(of: .gateway) == 1)
  }

  @Test func aReceiptBackdatedWithoutAChallengeIsAtLeastSuspicious() throws {
    var forged = try open()
    let index = try forged.index(of: .receipt, last: true)
    forged.leaves[index] = try receipt(forged, index, by: 2) {
      $0.receivedUTCMilliseconds -= 3_600_000
    }
    try forged.sign()
    #expect(try forged.report(folder).names == ["receipt-early"])
  }

  @Test func eachLieInASignedLogHasItsName() throws {
    for lie in ArchiveLie.all {
      var forged = try open()
      try lie.tell(&forged)
      try forged.sign()
      let report = try forged.report(folder)
      #expect(report.findingCounts[lie.name] != nil, "\(lie.name): \(report.names)")
      #expect(report.isLogSigned, "\(lie.name)")
      #expect(severity(report, lie.name) == lie.severity, "\(lie.name)")
    }
  }

  @Test func twoHistoriesAreProvedByAHeadThatSomebodyKept() throws {
    let archive = try open()
    // Another history of the same length, of a shorter and of a longer one.
    var other = archive
    let last = archive.leaves.count - 1
    other.leaves[last] = try receipt(archive, last, by: 2) { $0.receivedUTCMilliseconds -= 1 }
    var shorter = other
    shorter.leaves.swapAt(last, last - 1)
    shorter.leaves.removeLast()
    var longer = archive
    longer.leaves.append(other.leaves[last])
    let key = { try ArchiveScenario.newestKey() }
    for head in [
      try other.signedHead(key()), try shorter.signedHead(key()),
      try longer.signedHead(key(), now: TestGateway.now),
    ] {
      let report = try archive.report(folder, heads: [head])
      #expect(report.names == ["two-histories"] && report.count(of: .gateway) == 1)
      #expect(report.findings[0].evidence.map(\.bytes) == [head, archive.head])
    }
    let newer = try longer.signedHead(key(), now: scenario.now + 1)
    #expect(try archive.report(folder, heads: [newer]).names == ["head-beyond"])
    let stranger = try other.signedHead(try ArchiveScenario.gatewayKey(9))
    #expect(try archive.report(folder, heads: [stranger, [1, 2, 3]]).names == ["head-foreign"])
    let stolen = try other.signedHead(try ArchiveScenario.gatewayKey(1))
    #expect(try archive.report(folder, heads: [stolen]).names == ["head-old-key"])
  }

  @Test func aReportIsOneScreenAndOneObject() throws {
    let report = try open().report(folder)
    let lines = report.text(hasColour: false).split(separator: "\n")
    #expect(lines.count <= 24 && lines.allSatisfy { $0.count <= 110 })
    #expect(lines.last == "verdict    good: everything that was recomputed is as the gateway says")
    var forged = try open()
    forged.leaves.swapAt(1, 2)
    for report in [report, try forged.report(folder)] {
      let object = try JSONSerialization.jsonObject(with: Data(report.json.utf8))
      let members = try #require(object as? [String: Any])
      #expect(members["good"] as? Bool == report.isGood)
      #expect((members["findings"] as? [Any])?.count == report.findings.count)
    }
  }
}
