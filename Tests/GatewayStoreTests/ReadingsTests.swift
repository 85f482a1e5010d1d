import Foundation
import Proofs
import Records
import Testing

@testable import GatewayStore

/// Readings as they are decoded from the signed bytes.
@Suite struct ReadingsTests {
  let gateway: Gateway
  let device: TestDevice

  init() throws {
    gateway = try TestGateway.make()
    device = try TestDevice()
    try gateway.enrol(device)
  }

  private func send(_ leaves: [[UInt8]]) throws {
    #expect(gateway.receive(try device.seal(leaves)).isStored)
  }

  private var known: Device {
    get throws {
      guard
        case .found(let found) = try gateway.store.device(
          named: device.publicKey.hash.hexadecimal)
      else { throw StoreDamage() }
      return found
    }
  }

  private func readings(_ change: (inout ReadingsQuery) -> Void = { _ in }) throws -> [DecodedLeaf]
  {
    var query = ReadingsQuery()
    change(&query)
    return try gateway.store.readings(of: known, query).leaves
  }

  private func values(_ leaf: DecodedLeaf) -> [String?] {
    guard case .reading(_, let values) = leaf.content else { return [] }
    return values.map { $0.value?.description }
  }

  @Test func valuesKeepExactlyTheDigitsThatWereSigned() {
    let cases: [(Int64, Int8, String)] = [
      (2143, -2, "21.43"), (3900, -3, "3.900"), (-5, -2, "-0.05"), (-2143, -2, "-21.43"),
      (99_210, 1, "992100"), (0, 3, "0"), (0, -2, "0.00"), (7, 0, "7"), (-7, 0, "-7"),
      (5, -1, "0.5"), (10, -1, "1.0"), (.max, -18, "9.223372036854775807"),
      (.min, 0, "-9223372036854775808"), (.min, -19, "-0.9223372036854775808"),
      (1, -3, "0.001"),
    ]
    for (integer, power, text) in cases {
      #expect(ScaledInteger(integer, powerOfTen: power).description == text)
    }
    #expect(ScaledInteger(1, powerOfTen: 127).description.count == 128)
    #expect(ScaledInteger(1, powerOfTen: -128).description.count == 130)
  }

  @Test func aSchemaOfAnEarlierBatchOfTheBootDecodesALaterOne() throws {
    try send([TestLeaf.boot(), TestLeaf.schema()])
    try send([TestLeaf.reading([2143, nil], at: 5)])
    let leaf = try #require(try readings().first)
    #expect(values(leaf) == ["21.43", nil])
    guard case .reading(let sensor, let measurements) = leaf.content else { return }
    #expect(sensor.chip == "BMP180")
    #expect(sensor.bus == "i2c-1")
    #expect(measurements.map(\.name) == ["temperature", "pressure"])
    #expect(measurements.map(\.unit) == ["Cel", "Pa"])
    #expect(leaf.isSimulated)
  }

  @Test func theNewestSchemaBeforeAReadingIsInForce() throws {
    try send([
      TestLeaf.schema(power: -2), TestLeaf.reading([100, 1], at: 1),
      TestLeaf.schema(at: 2, power: -1), TestLeaf.reading([100, 1], at: 3),
    ])
    try send([TestLeaf.reading([100, 1], at: 4), TestLeaf.schema(at: 5, power: 0)])
    try send([TestLeaf.reading([100, 1], at: 6)])
    #expect(
      try readings().map { values($0)[0] } == ["1.00", "10.0", "10.0", "100"])
  }

  @Test func aSchemaOfAnotherBootDecodesNothing() throws {
    try send([TestLeaf.schema()])
    device.log.boot = 2
    try send([TestLeaf.boot(2), TestLeaf.reading([1, 2], at: 1)])
    let leaf = try #require(try readings().first)
    guard case .unreadable = leaf.content else {
      Issue.record("decoded by a schema of another boot: \(leaf)")
      return
    }
  }

  @Test func aReadingWithAnotherNumberOfValuesIsShownAsUnreadable() throws {
    try send([TestLeaf.schema(), TestLeaf.reading([1], at: 1), TestLeaf.reading([1, 2, 3], at: 2)])
    for leaf in try readings() {
      guard case .unreadable = leaf.content else {
        Issue.record("decoded: \(leaf)")
        return
      }
    }
    #expect(try readings().count == 2)
  }

  @Test func aTimeComesFromTheNewestClockBeforeAndElseFromTheFirstBehind() throws {
    try send([TestLeaf.boot(), TestLeaf.schema(), TestLeaf.reading([1, 1], at: 100)])
    // No clock yet: an absence with a reason.
    #expect(try readings().map(\.time) == [.noClock])
    // That no clock is known is no clock.
    try send([TestLeaf.clock(.none, utc: 5, at: 150), TestLeaf.reading([1, 1], at: 200)])
    #expect(try readings().map(\.time) == [.noClock, .noClock])
    try send([
      TestLeaf.reading([1, 1], at: 300), TestLeaf.clock(.networkTime, utc: 1_000_000, at: 400),
      TestLeaf.reading([1, 1], at: 500),
    ])
    try send([
      TestLeaf.reading([1, 1], at: 600), TestLeaf.clock(.gnss, utc: 9_000_000, at: 700),
      TestLeaf.reading([1, 1], at: 800),
    ])
    // Leaves: 6 is the first clock, 9 the second.
    let expected: [(utc: Int64, clock: UInt64)] = [
      (999_700, 6), (999_800, 6), (999_900, 6), (1_000_100, 6), (1_000_200, 6), (9_000_100, 9),
    ]
    #expect(
      try readings().map(\.time)
        == expected.map {
          .known(utcMilliseconds: $0.utc, uncertaintyMilliseconds: 25, clockLeaf: $0.clock)
        })
    device.log.boot = 2
    try send([TestLeaf.boot(2), TestLeaf.schema(), TestLeaf.reading([1, 1], at: 1)])
    #expect(try readings().last?.time == .noClock)
  }

  @Test func aClockOutsideEveryCalendarIsNoTimeAndNoTrap() throws {
    try send([
      TestLeaf.clock(.networkTime, utc: .max, at: 0), TestLeaf.schema(),
      TestLeaf.reading([1, 1], at: 10),
    ])
    guard case .unknown? = try readings().first?.time else {
      Issue.record("a time past the end of Int64")
      return
    }
  }

  @Test func faultsAndGapsAreShownAsWhatTheyAre() throws {
    try send([
      TestLeaf.schema(), TestLeaf.fault(.checksumMismatch, at: 1), TestLeaf.gap(at: 2),
      TestLeaf.position(at: 3),
    ])
    let leaves = try readings()
    #expect(leaves.count == 2)
    guard case .fault(let sensor, 2, "checksum-mismatch", 3) = leaves[0].content,
      case .gap("measurements-missed", _, 10, 20, 2, "late") = leaves[1].content
    else {
      Issue.record("\(leaves)")
      return
    }
    #expect(sensor.chip == "BMP180")
    let position = try #require(try gateway.store.newestPosition(of: known))
    #expect(position.latitude.description == "48.8584000")
    #expect(position.longitude.description == "-2.2945000")
    #expect(position.altitude?.description == "35.50")
    #expect(position.accuracy == nil)
  }

  @Test func pagesOfAnySizeGiveTheSameLeavesInTheSameOrder() throws {
    var time: Int64 = 0
    for count in [1, 3, 2, 5, 1, 4] {
      var leaves = [TestLeaf.schema(at: time)]
      for _ in 0..<count {
        time += 1
        leaves.append(TestLeaf.reading([time, nil], at: time))
      }
      try send(leaves)
    }
    device.log = TestDevice.Log(epoch: 1)
    try send([TestLeaf.schema(), TestLeaf.reading([99, nil], at: 1)])
    let whole = try readings()
    #expect(whole.count == 17)
    for limit in 1...18 {
      var query = ReadingsQuery()
      query.limit = limit
      var collected: [DecodedLeaf] = []
      var pageCount = 0
      repeat {
        let page = try gateway.store.readings(of: known, query)
        collected += page.leaves
        query.after = page.next
        pageCount += 1
      } while query.after != nil && pageCount < 100
      #expect(collected == whole, "pages of \(limit)")
    }
  }

  @Test func moreBatchesThanOneAnswerLooksAtAreReachedByGoingOn() throws {
    try send([TestLeaf.schema(), TestLeaf.fault(.notReady, at: 0)])
    let batchCount = ReadingsQuery.maximumBatchCount + 3
    for time in 1...Int64(batchCount) {
      try send([TestLeaf.clock(.networkTime, utc: time, at: time)])
    }
    try send([TestLeaf.reading([1, 1], at: 1000)])
    var query = ReadingsQuery()
    let first = try gateway.store.readings(of: known, query)
    #expect(first.leaves.count == 1)
    #expect(first.next != nil)
    query.after = first.next
    let second = try gateway.store.readings(of: known, query)
    #expect(second.leaves.map { values($0) } == [["0.01", "10"]])
    #expect(second.next == nil)
  }

  @Test func aNameShowsOnlyItsValuesAndKeepsWhatIsMissing() throws {
    try send([
      TestLeaf.schema(), TestLeaf.reading([1, 2], at: 1), TestLeaf.fault(.timedOut, at: 2),
    ])
    let leaves = try readings { $0.name = "pressure" }
    #expect(leaves.map { values($0) } == [["20"], []])
    #expect(try readings { $0.name = "speed" }.count == 1)
  }

  @Test func aSpanOfTimeIncludesItsBeginningAndNotItsEnd() throws {
    try send([
      TestLeaf.clock(.gnss, utc: 1000, at: 0), TestLeaf.schema(), TestLeaf.reading([1, 1], at: 1),
      TestLeaf.reading([2, 1], at: 2), TestLeaf.reading([3, 1], at: 3),
    ])
    let leaves = try readings {
      $0.from = 1001
      $0.to = 1003
    }
    #expect(leaves.map { values($0)[0] } == ["0.01", "0.02"])
  }

  @Test func aDeviceIsFoundByItsWholeNameAndByEnoughOfIt() throws {
    let name = device.publicKey.hash.hexadecimal
    for count in 16...64 {
      guard case .found = try gateway.store.device(named: String(name.prefix(count))) else {
        Issue.record("not found by \(count) digits")
        return
      }
    }
    guard case .found = try gateway.store.device(named: name.uppercased()) else {
      Issue.record("not found in upper case")
      return
    }
    for wrong in [String(name.prefix(15)), name + "0", "zz" + name.dropFirst(2), ""] {
      guard case .malformed = try gateway.store.device(named: wrong) else {
        Issue.record("taken for a name: \(wrong)")
        return
      }
    }
    guard case .unknown = try gateway.store.device(named: String(repeating: "0", count: 64)) else {
      Issue.record("found what is not there")
      return
    }
  }
}
