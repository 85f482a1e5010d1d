import Foundation
import GRDB
import Proofs
import Records
import Testing

@testable import GatewayStore

/// What is in the store survives, and what failed leaves nothing.
@Suite struct DurabilityTests {
  private final class Folder {
    let path: String

    init() throws {
      path = NSTemporaryDirectory() + "cairn-gateway-" + UUID().uuidString
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
      do { try FileManager.default.removeItem(atPath: path) } catch { print(error) }
    }

    func open() throws -> GatewayStore { try GatewayStore(path: path + "/gateway.sqlite") }
  }

  @Test func aTransactionIsOnTheDiskWhenItReturns() throws {
    let folder = try Folder()
    let store = try folder.open()
    let (journal, synchronous) = try store.database.writeWithoutTransaction { database in
      (
        try String.fetchOne(database, sql: "PRAGMA journal_mode"),
        try Int.fetchOne(database, sql: "PRAGMA synchronous")
      )
    }
    #expect(journal == "wal")
    // 2 is FULL.
    #expect(synchronous == 2)
  }

  @Test func aRestartBetweenAnyTwoStepsChangesNoAnswer() throws {
    let device = try TestDevice()
    var batches: [[UInt8]] = []
    for time in Int64(1)...4 { batches.append(try device.seal([TestLeaf.reading([1], at: time)])) }
    let card = device.log
    let forked = try device.seal([TestLeaf.reading([2], at: 9)])
    device.log = card
    let fifth = try device.seal([TestLeaf.reading([3], at: 9)])
    device.log = TestDevice.Log(epoch: 1, previous: device.log.previous)
    let epoch1 = try device.seal([TestLeaf.boot()])
    let steps =
      [batches[0], batches[2], batches[1], batches[0], batches[2], batches[3], fifth, forked]
      + [epoch1, batches[3], forked, epoch1]

    let steady = try TestGateway.make()
    try steady.enrol(device)
    let folder = try Folder()
    try TestGateway.make(try folder.open()).enrol(device)
    for (index, step) in steps.enumerated() {
      let now = TestGateway.now + Int64(index)
      let expected = steady.receive(step, utcMilliseconds: now)
      // The process before ended without a word: nothing is closed.
      let gateway = try TestGateway.make(try folder.open())
      let answer = gateway.receive(step, utcMilliseconds: now)
      // A batch that was held until its turn is had from then on; what a restart forgets, from when it came
      // again (docs/gateway.md, "Early batches").
      #expect(
        try undated(answer.receipt) == undated(expected.receipt), "step \(index)")
      #expect(answer.problem == expected.problem, "step \(index)")
    }
    #expect(try TestGateway.make(try folder.open()).rows == steady.rows)
  }

  private func undated(_ message: [UInt8]?) throws -> Receipt? {
    guard let message else { return nil }
    var receipt = try Receipt(decoding: message.span)
    receipt.receivedUTCMilliseconds = 0
    return receipt
  }

  @Test func aTransactionThatFailsMidwayLeavesNothingOfItsBatches() throws {
    let gateway = try TestGateway.make()
    let device = try TestDevice()
    try gateway.enrol(device)
    let batches = try (Int64(0)..<3).map {
      try device.seal([TestLeaf.schema(UInt16($0), at: $0), TestLeaf.reading([1], at: $0)])
    }
    let checked = try batches.map { try gateway.check($0, utcMilliseconds: TestGateway.now) }
    for failing in 0..<3 {
      // The disk gives up in the middle of one batch, behind its first row.
      try gateway.store.database.write {
        try $0.execute(
          sql: """
            CREATE TRIGGER failing BEFORE INSERT ON context WHEN NEW.schema = \(failing)
            BEGIN SELECT RAISE(ABORT, 'the disk is gone'); END
            """)
      }
      let answers = gateway.store(checked)
      #expect(answers.count == 3)
      #expect(answers.allSatisfy { $0.code == .unavailable })
      #expect(try gateway.rows == [0, 0])
      try gateway.store.database.write { try $0.execute(sql: "DROP TRIGGER failing") }
    }
    #expect(gateway.store(checked).allSatisfy { $0.isStored })
  }

  @Test func aFullDiskIsSaidAndLosesNothing() throws {
    let folder = try Folder()
    let gateway = try TestGateway.make(try folder.open())
    let device = try TestDevice()
    try gateway.enrol(device)
    let leaves = (0..<512).map { TestLeaf.reading([$0, $0, $0], at: $0) }
    let first = try device.seal(leaves)
    let second = try device.seal(leaves)
    #expect(gateway.receive(first).isStored)
    let pages = try gateway.store.database.writeWithoutTransaction { database in
      let count = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
      try database.execute(sql: "PRAGMA max_page_count = \(count)")
      return count
    }
    let refused = gateway.receive(second)
    #expect(refused.code == .storageFull)
    #expect((refused.problem?.retryAfterSeconds ?? 0) > 0)
    #expect(gateway.receive(first).isRepeated)
    try gateway.store.database.writeWithoutTransaction {
      try $0.execute(sql: "PRAGMA max_page_count = \(pages + 1000)")
    }
    #expect(gateway.receive(second).isStored)
  }

  @Test func aStoreOfALaterVersionIsNotTouched() throws {
    let folder = try Folder()
    let store = try folder.open()
    try store.database.write {
      try $0.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('later')")
    }
    try store.close()
    #expect(throws: GatewayStore.Failure.newerVersion) { try folder.open() }
  }

  @Test func batchesOfOneGroupBuildOnEachOther() throws {
    let gateway = try TestGateway.make()
    let device = try TestDevice()
    try gateway.enrol(device)
    let batches = try (Int64(0)..<5).map { try device.seal([TestLeaf.reading([1], at: $0)]) }
    let order = [0, 1, 3, 1, 2, 3, 4]
    let checked = try order.map {
      try gateway.check(batches[$0], utcMilliseconds: TestGateway.now)
    }
    let answers = gateway.store(checked)
    #expect(answers.map(\.isStored) == [true, true, false, false, true, false, true])
    #expect(answers[2].code == .gap)
    // It was held, and stored with the one before it.
    #expect(answers[5].isRepeated)
    #expect(answers[3].receipt == answers[1].receipt)
  }

  @Test func aClosedStoreIsWholeInOneFile() throws {
    let folder = try Folder()
    let store = try folder.open()
    let gateway = try TestGateway.make(store)
    let device = try TestDevice()
    try gateway.enrol(device)
    #expect(gateway.receive(try device.seal([TestLeaf.boot()])).isStored)
    try store.close()
    try FileManager.default.copyItem(
      atPath: folder.path + "/gateway.sqlite", toPath: folder.path + "/copy.sqlite")
    let copy = try GatewayStore(path: folder.path + "/copy.sqlite")
    #expect(try TestGateway.make(copy).rows == [1, 0])
  }
}
