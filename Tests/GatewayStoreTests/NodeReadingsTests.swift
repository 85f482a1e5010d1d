import FixedMemory
import Foundation
import Identity
import Proofs
import Records
import Testing

@testable import GatewayStore

/// A node that has had three keys: its readings are one list over all of them.
@Suite struct NodeReadingsTests {
  private let gateway: Gateway
  private let devices: [TestDevice]
  private let node: Digest
  /// Clock, schema and these readings are in each batch; the second key has sent nothing.
  private static let counts = [[2, 3, 1], [], [1, 4]]

  init() throws {
    let gateway = try TestGateway.make()
    let owner = try TestOwner()
    // Key hashes and rows are in no order that the succession has.
    let devices = try [40, 8, 21].map { try TestDevice(seed: $0) }
    // Seen before the first, as the device of somebody else would be.
    try gateway.enrol(try TestDevice(seed: 99))
    let invite = try owner.invite(to: gateway)
    let node = try gateway.enrol(
      try devices[0].signedEnrolment(invite), utcMilliseconds: TestGateway.now
    ).node
    var time: Int64 = 0
    for (index, device) in devices.enumerated() {
      if index > 0 {
        let succession = try owner.succession(
          of: node, from: devices[index - 1].publicKey, to: device.publicKey)
        _ = try gateway.enrol(
          try device.signedEnrolment(succession), utcMilliseconds: TestGateway.now)
      }
      for (batch, count) in Self.counts[index].enumerated() {
        // The first key has begun a second epoch.
        if batch == 2 { device.log = TestDevice.Log(epoch: 1, previous: device.log.previous) }
        var leaves = [TestLeaf.clock(.gnss, utc: time, at: time), TestLeaf.schema(at: time)]
        for _ in 0..<count {
          time += 1
          leaves.append(TestLeaf.reading([time, nil], at: time))
        }
        #expect(gateway.receive(try device.seal(leaves)).isStored)
      }
    }
    (self.gateway, self.devices, self.node) = (gateway, devices, node)
  }

  private func keys(_ name: String) throws -> AskedKeys {
    guard case .found(let found) = try gateway.store.device(named: name) else {
      throw StoreDamage()
    }
    return try gateway.store.keys(of: found, askedAs: name)
  }

  /// Which key, epoch and leaf.
  private func places(_ page: KeyedReadingsPage) -> [String] {
    page.parts.flatMap { part in
      part.leaves.map { "\(part.device.keyHash.hexadecimal) \($0.epoch) \($0.index)" }
    }
  }

  private func all(_ asked: AskedKeys, _ first: ReadingsQuery) throws -> [String] {
    var query = first
    var found: [String] = []
    for _ in 0..<100 {
      let page = try gateway.store.readings(of: asked, query)
      #expect(page.leaves.count <= query.limit)
      found += places(page)
      guard let next = page.next else { return found }
      // As it goes over the wire.
      query.after = LogCursor(next.description)
      #expect(query.after == next)
    }
    Issue.record("the list has no end")
    return found
  }

  @Test func aNodesReadingsAreThoseOfAllItsKeysOldestFirst() throws {
    let hex = node.hexadecimal
    for name in [hex, String(hex.prefix(16)), hex.uppercased()] {
      let asked = try keys(name)
      #expect(asked.node == node)
      #expect(asked.devices.map(\.keyHash) == devices.map(\.publicKey.hash))
      let page = try gateway.store.readings(of: asked, ReadingsQuery())
      #expect(page.next == nil)
      #expect(page.parts.map(\.leaves.count) == [6, 0, 5])
      let values = page.leaves.map { leaf -> String? in
        guard case .reading(_, let values) = leaf.content else { return nil }
        return values[0].value?.description
      }
      #expect(values == (1...11).map { ScaledInteger(Int64($0), powerOfTen: -2).description })
    }
    let overview = try gateway.store.overview(of: keys(hex).newest)
    #expect(overview.node?.allKeyHashes == devices.map(\.publicKey.hash))
  }

  @Test func askedByAKeyOnlyItsOwnReadingsAreShown() throws {
    for (index, count) in [6, 0, 5].enumerated() {
      let hash = devices[index].publicKey.hash.hexadecimal
      for name in [hash, String(hash.prefix(17))] {
        let asked = try keys(name)
        #expect(asked.node == nil && asked.newest.keyHash == devices[index].publicKey.hash)
        let page = try gateway.store.readings(of: asked, ReadingsQuery())
        #expect(page.leaves.count == count)
        #expect(
          try gateway.store.batches(of: asked, after: nil, limit: 100).count
            == Self.counts[index].count)
      }
    }
  }

  @Test func pagesOfAnySizeCrossFromKeyToKeyWithoutLossOrRepeat() throws {
    let asked = try keys(node.hexadecimal)
    var filters: [ReadingsQuery] = [ReadingsQuery(), ReadingsQuery(), ReadingsQuery()]
    filters[1].name = "temperature"
    // Across the border between the keys.
    (filters[2].from, filters[2].to) = (5, 9)
    for (filter, count) in zip(filters, [11, 11, 4]) {
      var query = filter
      query.limit = 5000
      let whole = places(try gateway.store.readings(of: asked, query))
      #expect(whole.count == count && Set(whole).count == count)
      for limit in 1...12 {
        query.limit = limit
        #expect(try all(asked, query) == whole, "pages of \(limit)")
      }
    }
  }

  @Test func anAnswerOverManyKeysLooksAtNoMoreBatchesThanOneOverOne() throws {
    let newest = devices[2]
    for time in 1...Int64(ReadingsQuery.maximumBatchCount) {
      #expect(
        gateway.receive(try newest.seal([TestLeaf.clock(.gnss, utc: time, at: 100 + time)]))
          .isStored)
    }
    let asked = try keys(node.hexadecimal)
    var query = ReadingsQuery()
    let page = try gateway.store.readings(of: asked, query)
    #expect(page.leaves.count == 11)
    let next = try #require(page.next)
    #expect(next.key == 2)
    // Three of the first key and 253 of the third.
    query.after = next
    let rest = try gateway.store.readings(of: asked, query)
    #expect(rest.leaves.isEmpty && rest.next == nil)
  }

  @Test func aNodesBatchesAreOneListOverAllItsKeys() throws {
    let asked = try keys(node.hexadecimal)
    let whole = try gateway.store.batches(of: asked, after: nil, limit: 100)
    #expect(whole.map(\.place.description) == ["0.0.0", "0.0.1", "0.1.0", "2.0.0", "2.0.1"])
    for limit in 1...6 {
      var found: [LogCursor] = []
      while found.count < 5 {
        let part = try gateway.store.batches(of: asked, after: found.last, limit: limit)
        #expect(!part.isEmpty && part.count <= limit)
        if part.isEmpty { break }
        found += part.map(\.place)
      }
      #expect(found == whole.map(\.place))
      #expect(try gateway.store.batches(of: asked, after: found.last, limit: limit).isEmpty)
    }
  }

  @Test func aNodesPositionIsThatOfTheNewestKeyThatReportedOne() throws {
    let asked = try keys(node.hexadecimal)
    #expect(try gateway.store.newestPosition(of: asked) == nil)
    // Under the first key nothing is taken any more: the third reports it.
    #expect(gateway.receive(try devices[2].seal([TestLeaf.position(at: 50)])).isStored)
    #expect(
      try gateway.store.newestPosition(of: asked)?.latitude.description == "48.8584000")
    #expect(
      try gateway.store.newestPosition(of: keys(devices[0].publicKey.hash.hexadecimal)) == nil)
  }

  @Test func aPlaceInAListIsReadBackAndNothingElseIsOne() {
    for text in ["0.0", "5.7", "0.0.0", "4294967295.9223372036854775807.1"] {
      #expect(LogCursor(text)?.description == text)
    }
    for text in ["", "1", "1.", "1.2.3.4", "-1.0.0", "4294967296.0.0", "a.0.0", "0..0"] {
      #expect(LogCursor(text) == nil, "\(text)")
    }
  }
}
