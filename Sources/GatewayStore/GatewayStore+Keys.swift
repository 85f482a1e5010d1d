import Foundation
import GRDB
import Proofs

/// The keys whose logs a question is about, oldest first.
public struct AskedKeys: Sendable {
  /// By a key's hash that key alone; by a node's id every key that the node has had.
  public let devices: [Device]
  /// The node's id; nil when a key was asked for.
  public let node: Digest?

  /// The key that was asked for, or that the node got last.
  public var newest: Device { devices[devices.count - 1] }

  /// One key by itself.
  public init(_ device: Device) {
    devices = [device]
    node = nil
  }

  init(_ devices: [Device], of node: Digest) {
    precondition(!devices.isEmpty, "a node without a key")
    self.devices = devices
    self.node = node
  }
}

/// A part of the readings of one or several keys.
public struct KeyedReadingsPage: Sendable {
  /// What is shown of one key; a page has at least the part of the key at which it began.
  public struct Part: Sendable {
    public let device: Device
    public let leaves: [DecodedLeaf]
  }

  public internal(set) var parts: [Part] = []
  /// Where to go on; nil at the end of the newest key's log. A page may be empty and still have more
  /// behind it.
  public internal(set) var next: LogCursor?

  public var leaves: [DecodedLeaf] { parts.flatMap(\.leaves) }
}

extension GatewayStore {
  /// `device` was found by `name`: the keys that are meant. 16 digits or more of a node's id mean the node.
  public func keys(of device: Device, askedAs name: String) throws -> AskedKeys {
    guard !device.keyHash.hexadecimal.hasPrefix(name.lowercased()) else { return AskedKeys(device) }
    return try database.read { database in
      guard let node = try StoredNode.find(database, ofDevice: device.id) else {
        return AskedKeys(device)
      }
      return AskedKeys(try node.allKeys(database), of: node.rules.id)
    }
  }

  /// The readings under all of `keys`, those of the first key first. One answer looks at no more batches than
  /// that of one key.
  public func readings(of keys: AskedKeys, _ query: ReadingsQuery) throws -> KeyedReadingsPage {
    var page = KeyedReadingsPage()
    guard keys.node != nil else {
      let one = try readings(of: keys.newest, query)
      page.parts = [.init(device: keys.newest, leaves: one.leaves)]
      page.next = one.next
      return page
    }
    var query = query
    var batchCount = ReadingsQuery.maximumBatchCount
    var lookedAt: LogCursor?
    for index in keys.devices.indices.dropFirst(query.after?.key ?? 0) {
      if let after = query.after, after.key != index { query.after = nil }
      guard query.limit > 0, batchCount > 0 else {
        page.next = lookedAt
        return page
      }
      let device = keys.devices[index]
      let part = try readings(of: device, query, maximumBatchCount: batchCount)
      page.parts.append(.init(device: device, leaves: part.leaves))
      if let next = part.next {
        page.next = next.under(key: index)
        return page
      }
      query.limit -= part.leaves.count
      batchCount -= part.batchCount
      lookedAt = part.lookedAt?.under(key: index) ?? lookedAt
    }
    return page
  }

  /// The batches under all of `keys`, those of the first key first, from the one behind `after`.
  public func batches(of keys: AskedKeys, after: LogCursor?, limit: Int) throws
    -> [(device: Device, batch: ArchivedBatch, place: LogCursor)]
  {
    var found: [(device: Device, batch: ArchivedBatch, place: LogCursor)] = []
    for index in keys.devices.indices.dropFirst(after?.key ?? 0) where found.count < limit {
      let device = keys.devices[index]
      let isWithin = keys.node == nil || after?.key == index
      found += try batches(
        of: device, after: isWithin ? after : nil, limit: limit - found.count
      ).map { batch in
        let place = LogCursor(
          epoch: batch.summary.epoch, index: batch.summary.batch,
          key: keys.node == nil ? nil : index)
        return (device, batch, place)
      }
    }
    return found
  }

  /// The newest position that was reported under the newest of `keys` that has reported one.
  public func newestPosition(of keys: AskedKeys) throws -> DecodedLeaf.Position? {
    for device in keys.devices.reversed() {
      if let position = try newestPosition(of: device) { return position }
    }
    return nil
  }
}
