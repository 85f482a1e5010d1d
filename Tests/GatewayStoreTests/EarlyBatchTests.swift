import Proofs
import Records
import Testing

@testable import GatewayStore

/// Batches that come before the ones in front of them.
@Suite struct EarlyBatchTests {
  private func scene(_ count: Int, leafCount: Int = 1) throws -> (Gateway, TestDevice, [[UInt8]]) {
    let gateway = try TestGateway.make()
    let device = try TestDevice()
    try gateway.enrol(device)
    let batches = try (0..<Int64(count)).map { number in
      try device.seal(
        (0..<Int64(leafCount)).map { TestLeaf.reading([1, $0], at: number * 1000 + $0) })
    }
    return (gateway, device, batches)
  }

  @Test func aBatchBeforeItsTimeIsToldTheGapAndJoinedWhenItCloses() throws {
    let (gateway, _, batches) = try scene(5)
    for index in [2, 4, 1] {
      let answer = gateway.receive(batches[index], utcMilliseconds: 10)
      #expect(answer.code == .gap)
      #expect(answer.problem?.expected == .init(epoch: 0, batch: 0, size: 0))
    }
    #expect(try gateway.rows == [0, 0])
    #expect(gateway.early.count == 3)
    let checked = try gateway.check(batches[0], utcMilliseconds: 20)
    let decisions = gateway.decide([checked])
    #expect(decisions.map(\.wasHeld) == [false, true, true])
    #expect(decisions.allSatisfy { $0.answer.isStored })
    #expect(try gateway.rows == [3, 0])
    // Its own copy is a repeat, whose receipt says when it was stored.
    let receipt = try #require(gateway.receive(batches[2], utcMilliseconds: 30).receipt)
    let read = try Receipt(verifying: receipt.span, gatewayKey: gateway.publicKey)
    #expect(read.receivedUTCMilliseconds == 20)
    // One is missing in front of the last.
    #expect(gateway.early.count == 1)
    #expect(gateway.receive(batches[3], utcMilliseconds: 30).isStored)
    #expect(gateway.receive(batches[4], utcMilliseconds: 30).isRepeated)
    #expect(gateway.early.count == 0)
  }

  @Test func everyOrderOfFiveEndsWithTheWholeLog() throws {
    func orders(_ items: [Int]) -> [[Int]] {
      items.isEmpty
        ? [[]]
        : items.flatMap { item in
          orders(items.filter { $0 != item }).map { [item] + $0 }
        }
    }
    for order in orders([0, 1, 2, 3, 4]) {
      let (gateway, _, batches) = try scene(5)
      for index in order { _ = gateway.receive(batches[index]) }
      #expect(try gateway.rows == [5, 0], "\(order)")
      #expect(gateway.early.count == 0, "\(order)")
    }
  }

  @Test func noMoreThan64AheadAndNoneThatHasWaitedTooLong() throws {
    let (gateway, _, batches) = try scene(67)
    #expect(gateway.receive(batches[65], utcMilliseconds: 0).code == .gap)
    #expect(gateway.early.count == 0)
    #expect(gateway.receive(batches[64], utcMilliseconds: 0).code == .gap)
    #expect(gateway.early.count == 1)
    #expect(gateway.receive(batches[1], utcMilliseconds: 0).code == .gap)
    let late = EarlyBatches.maximumMilliseconds + 1
    #expect(gateway.receive(batches[0], utcMilliseconds: late).isStored)
    #expect(try gateway.rows == [1, 0])
    #expect(gateway.receive(batches[1], utcMilliseconds: late).isStored)
  }

  @Test func aDeviceHasAMebibyteAndAllHaveTheirShare() throws {
    // Leaves of 13 bytes, 512 of them: batches of about 7 KB.
    let (gateway, _, batches) = try scene(40, leafCount: 512)
    let count = EarlyBatches.maximumByteCountOfDevice / batches[1].count
    #expect(count > 0)
    for batch in batches.dropFirst() { _ = gateway.receive(batch) }
    #expect(gateway.early.count == min(39, count))
    for batch in batches { #expect(gateway.receive(batch).receipt != nil) }
    #expect(try gateway.rows == [40, 0])
  }

  @Test func whatIsHeldIsJudgedLikeAnyOther() throws {
    let (gateway, device, batches) = try scene(2)
    let card = device.log
    // Of another history behind the first batch: it names a batch before it that was never here.
    device.log.previous = Digest()
    let stray = try device.seal([TestLeaf.reading([5], at: 9000)])
    device.log = card
    let third = try device.seal([TestLeaf.reading([6], at: 9000)])
    #expect(gateway.receive(stray).code == .gap)
    #expect(gateway.receive(batches[1]).code == .gap)
    let checked = try gateway.check(batches[0], utcMilliseconds: TestGateway.now)
    let decisions = gateway.decide([checked])
    #expect(decisions.map { $0.answer.code } == [nil, nil, .wrongPrev])
    #expect(gateway.receive(third).isStored)
  }
}
