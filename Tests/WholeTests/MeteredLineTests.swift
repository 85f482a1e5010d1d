import Delivery
import Foundation
import Simulation
import TestSupport
import Testing

/// docs/operating.md, "A line that is paid by the byte".
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct MeteredLineTests {
  private static let mebibyte: UInt64 = 1 << 20
  /// January of 2999: no clock has it, so that the month goes on by running time, on whatever day the test runs.
  private static let farMonth: UInt32 = 1029 * 12

  /// A node that has signed twenty hours, a reading a minute, of which nothing is delivered.
  private func node(_ world: World, used: UInt64) throws -> WorldNode {
    let node = try world.node(serial: "one")
    node.whenFull = "drop-oldest"
    node.batchInterval = "3 s"
    node.delivery = "monthly_budget = 1 MiB"
    try node.startAgent().awaitWords(": boot ")
    try node.stop()
    #expect(try node.pass(hours: 20) == 20)
    try node.keepBudget(.init(month: Self.farMonth, used: used, ranMilliseconds: 0))
    return node
  }

  @Test func readingsWaitForTheBudgetAndCheckpointsDoNotAndNothingIsLost() throws {
    let world = try World()
    // The month has just begun: its line is not above nothing.
    let node = try node(world, used: 30_000)
    let hours = try node.batches()
    try node.start()
    try world.awaitAll(of: node)
    let id = try node.id()
    // All checkpoints are there, and of the hours no reading.
    let bare = try world.gateway.withheldCounts(of: id)
    #expect(hours.suffix(20).allSatisfy { (bare[$0.position] ?? 0) > 50 }, "\(bare)")
    // For the agent none of that is delivered: it keeps it.
    #expect(Set(try node.deliveredBatches()).isDisjoint(with: hours.suffix(20)))
    let shown = try node.cairn(["status"])
    #expect(shown.output.contains("of 1 MiB used in 2999-01"), "\(shown)")
    #expect(shown.output.contains("held back: the readings of"), "\(shown)")
    let told = try #require(try node.status()["budget"])
    #expect((told["heldBackBatches"]?.unsigned ?? 0) >= 20, "\(told.line)")
    let used = try #require(told["usedBytes"]?.unsigned)
    #expect(used > 30_000 && used < Self.mebibyte)

    // A power cut gives nothing back of what is used.
    node.kill()
    #expect(try node.budget().used >= used)

    // The operator pays for more, and half of the month is over.
    node.delivery = "monthly_budget = 1 GiB"
    try node.keepBudget(
      .init(month: Self.farMonth, used: used, ranMilliseconds: 15 * 86_400_000))
    try node.start()
    try waitUntil("the readings") {
      try world.gateway.withheldCounts(of: id).values.allSatisfy { $0 == 0 }
    } otherwise: {
      try node.uplink?.lastWords ?? ""
    }
    try waitUntil("the receipts") {
      try Set(hours).isSubset(of: Set(node.deliveredBatches()))
    } otherwise: {
      try node.uplink?.lastWords ?? ""
    }
    try node.awaitUplinkWords("which were held back")
    #expect(try node.status()["budget"]?["heldBackBatches"]?.unsigned == 0)
    #expect(try world.gateway.forks(of: id).isEmpty)
    #expect(try world.gateway.events("refused").isEmpty)
  }

  @Test func whoTakesTheBudgetAwayGetsAllOfIt() throws {
    let world = try World()
    let node = try node(world, used: 30_000)
    let hours = try node.batches()
    try node.start()
    try world.awaitAll(of: node)
    try node.stop()
    node.delivery = ""
    try node.start()
    let id = try node.id()
    try waitUntil("the readings") {
      try world.gateway.withheldCounts(of: id).values.allSatisfy { $0 == 0 }
        && Set(hours).isSubset(of: Set(node.deliveredBatches()))
    } otherwise: {
      try node.uplink?.lastWords ?? ""
    }
  }

  @Test func aBudgetThatIsUsedUpSendsNothingUntilTheMonthIsOver() throws {
    let world = try World()
    let node = try node(world, used: Self.mebibyte)
    try node.start()
    try node.awaitUplinkWords("This month's budget of bytes is used up")
    try waitUntil("the status to say so") {
      try node.status()["hindrance"]?["name"]?.string == "budget-spent"
    }
    let shown = try node.cairn(["status"])
    #expect(shown.output.contains("0 bytes left") && shown.output.contains("used up"), "\(shown)")
    #expect(try world.gateway.device(node.id()) == nil)
    let count = try node.batches().count
    try waitUntil("the board to measure on") { try node.batches().count > count }
    try node.stop()
    #expect(try node.budget().used == Self.mebibyte)

    // It has run for the 31 days that no clock cuts short.
    try node.keepBudget(
      .init(month: Self.farMonth, used: Self.mebibyte, ranMilliseconds: 31 * 86_400_000))
    try node.start()
    try world.awaitAll(of: node)
    #expect(try node.budget().used < Self.mebibyte)
  }

  /// Of a count that can't be read nobody knows that it does not say this.
  @Test(arguments: [("is damaged", 20), ("can't be read", 100)])
  func aCountThatIsLostIsSaidAndSendsNothing(words: String, byteCount: Int) throws {
    let world = try World()
    let node = try node(world, used: 0)
    try Data(repeating: 0x84, count: byteCount).write(to: node.budgetFile)
    try node.start()
    try node.awaitUplinkWords(words + ": all of the budget counts as used")
    try node.awaitUplinkWords("This month's budget of bytes is used up")
    #expect(try world.gateway.device(node.id()) == nil)
    try node.stop()
    #expect(try node.budget().used >= Self.mebibyte)
  }
}

extension WorldNode {
  fileprivate var budgetFile: URL { URL(filePath: folder + "/uplink/budget.cbor") }

  /// As if an uplink had counted so much.
  func keepBudget(_ kept: MonthlyBudget.Kept) throws {
    var bytes = [UInt8](repeating: 0, count: MonthlyBudget.maximumByteCount)
    let count = kept.encode(into: bytes.mutableSpan)
    try Data(bytes[..<count]).write(to: budgetFile)
  }

  func budget() throws -> MonthlyBudget.Kept {
    let bytes = Array(try Data(contentsOf: budgetFile))
    return try MonthlyBudget.Kept(decoding: bytes.span)
  }
}

extension WorldGateway {
  /// Leaves of each batch that are here as hashes only.
  func withheldCounts(of id: String) throws -> [String: UInt64] {
    var counts: [String: UInt64] = [:]
    for batch in try json("/v1/devices/\(id)/log?limit=500")["batches"]?.elements ?? [] {
      guard let position = WorldBatch(batch)?.position else { continue }
      counts[position] = batch["withheld"]?.unsigned
    }
    return counts
  }
}
