import CBOR
import FixedMemory
import Foundation
import GRDB
import Identity
import Proofs
import Records
import Verifier

extension Gateway {
  /// What came of an enrolment that was posted.
  public struct Enrolled: Equatable, Sendable {
    public let keyHash: Digest
    /// The id of the node that the key is now.
    public let node: Digest
    public let version: UInt64
    /// The key of the node's owner; nil when nobody owns it.
    public let owner: PublicKey?
    /// False when this enrolment was held already: nothing has changed.
    public let isNew: Bool

    /// Array 1, version 1, two hashes of 34, a number of at most 9.
    static var maximumAnswerByteCount: Int { 79 }

    /// [1, SHA-256 of the public key, node, version], the body of the answer.
    public var answer: [UInt8] {
      var bytes = [UInt8](repeating: 0, count: Self.maximumAnswerByteCount)
      let count = encode(into: bytes.mutableSpan)
      bytes.removeLast(bytes.count - count)
      return bytes
    }

    private func encode(into bytes: consuming MutableSpan<UInt8>) -> Int {
      var encoder = CBOREncoder(bytes)
      encoder.arrayHead(count: 4)
      encoder.integer(1)
      encoder.byteString(keyHash.span)
      encoder.byteString(node.span)
      encoder.unsigned(version)
      return encoder.byteCount
    }
  }

  /// An enrolment has at most 572 bytes; what is longer is read as far as this, so that it is refused with
  /// its reason.
  public static var maximumEnrolmentByteCount: Int { 1024 }

  /// Takes an enrolment message (docs/identity.md): a new node, the next version of one, or a node's new
  /// key. The same enrolment again changes nothing.
  public func enrol(_ message: [UInt8], utcMilliseconds: Int64) throws(Problem) -> Enrolled {
    guard message.count <= Self.maximumEnrolmentByteCount else { throw Problem(.tooLarge) }
    let enrolment: VerifiedEnrolment
    do throws(Refusal) {
      enrolment = try VerifiedEnrolment(verifying: message.span, es256: ES256())
    } catch {
      throw Problem(error.code, detail: Self.detailOfKey(error.code, message))
    }
    return try writing(utcMilliseconds) { database throws in
      try take(enrolment, message, utcMilliseconds: utcMilliseconds, database)
    }
  }

  /// What an operator reads when nobody can hold the private half of a key that was posted.
  static let impossibleKeyDetail =
    "The bytes that stand for the device's key are not a public key: all zero, of small order, or no "
    + "point of the curve. Look at the key file of the device."

  private static func detailOfKey(_ code: RefusalCode, _ message: [UInt8]) -> String? {
    guard code == .malformed || code == .badSignature else { return nil }
    do throws(CBORDecoder.Failure) {
      let key = try EnrolmentMessage(decoding: message.span).enrolment.deviceKey
      return SignatureCheck.isPossibleKey(key, es256: ES256()) ? nil : impossibleKeyDetail
    } catch {
      return nil
    }
  }

  /// One transaction, on the disk when this returns. A problem or a failure undoes it; keys that it closes
  /// are closed when it has ended well.
  func writing<Value>(
    _ utcMilliseconds: Int64,
    _ work: (Database) throws -> (value: Value, closed: (device: Int64, reason: ClosedKeys.Reason)?)
  ) throws(Problem) -> Value {
    do {
      return try store.database.writeWithoutTransaction { database in
        var result: (value: Value, closed: (device: Int64, reason: ClosedKeys.Reason)?)?
        try database.inTransaction(.immediate) {
          try log.beginIfEmpty(utcMilliseconds: utcMilliseconds, in: database)
          result = try work(database)
          return .commit
        }
        guard let result else { throw Problem(.unavailable) }
        if let closed = result.closed { store.closedKeys.close(closed.device, as: closed.reason) }
        return result.value
      }
    } catch let problem as Problem {
      throw problem
    } catch {
      throw Problem(storageError: error)
    }
  }

  private func take(
    _ verified: VerifiedEnrolment, _ message: [UInt8], utcMilliseconds: Int64, _ database: Database
  ) throws -> (value: Enrolled, closed: (device: Int64, reason: ClosedKeys.Reason)?) {
    let key = verified.enrolment.deviceKey
    let known = try Device.find(database, keyID: key.keyID)
    if let known, known.key != key { throw Problem(.keyMismatch) }
    let own = try known.flatMap { try StoredNode.find(database, ofDevice: $0.id) }
    var named: StoredNode?
    if case .succession(let succession) = verified.authorization {
      named = try StoredNode.find(database, hash: succession.node)
    }
    func enrolled(_ node: EnrolmentRules.Node, isNew: Bool) -> Enrolled {
      Enrolled(
        keyHash: key.hash, node: node.id, version: verified.enrolment.version,
        owner: node.ownerKey, isNew: isNew)
    }
    let circumstances = try circumstances(
      of: verified, known: known, own: own, named: named, utcMilliseconds, database)
    if let known, let own, own.device == known.id, !circumstances.isKeyRevoked,
      try database.holdsEnrolment(verified.hash)
    {
      // Also an earlier version than the newest: whoever posts it again has missed nothing.
      return (enrolled(own.rules, isNew: false), nil)
    }
    let decision: EnrolmentRules.Admission
    do throws(Refusal) {
      decision = try EnrolmentRules.admission(of: verified, in: circumstances)
    } catch {
      throw Problem(
        error.code, detail: detail(of: error.code, verified, own?.rules, utcMilliseconds))
    }
    if case .newNode = decision { try checkPolicy(key, isKnown: known != nil) }
    let device = try known?.id ?? database.insertDevice(key, utcMilliseconds: utcMilliseconds)
    let node = try database.write(decision, device: device, own: own, named: named)
    try database.insertEnrolment(
      verified, message, node: node, device: device, usesInvite: decision.usesInvite,
      utcMilliseconds: utcMilliseconds)
    try log.append(
      .message(.enrolment, message), utcMilliseconds: utcMilliseconds, in: database)
    var closed: (device: Int64, reason: ClosedKeys.Reason)?
    if case .succeeded = decision, let named { closed = (named.device, .succeeded) }
    return (enrolled(decision.node, isNew: true), closed)
  }

  /// An invite alone makes no node where the operator names the keys, or takes nobody.
  private func checkPolicy(_ key: PublicKey, isKnown: Bool) throws(Problem) {
    switch admission.policy {
    case .open, .invite: return
    case .list:
      guard isKnown || admission.keys.contains(key) else { throw Problem(.enrolmentRequired) }
    case .closed:
      guard isKnown else { throw Problem(.enrolmentRequired) }
    }
  }

  private func circumstances(
    of verified: VerifiedEnrolment, known: Device?, own: StoredNode?, named: StoredNode?,
    _ utcMilliseconds: Int64, _ database: Database
  ) throws -> EnrolmentRules.Circumstances {
    let key = verified.enrolment.deviceKey
    let isListed = admission.policy == .list && admission.keys.contains(key)
    var isInviteToGateway = false
    var isOwnerKnown = true
    var usedBy: Digest?
    if case .invite(let invite) = verified.authorization, let hash = verified.authorizationHash {
      isInviteToGateway = keyChain.has(keyWithHash: invite.gatewayKeyHash)
      isOwnerKnown = admission.owners?.contains(invite.ownerKey) ?? true
      let user = try Data.fetchOne(
        database, sql: "SELECT enrolment FROM used_invite WHERE hash = ?", arguments: [hash.data])
      usedBy = user.flatMap { Digest($0) }
    }
    return EnrolmentRules.Circumstances(
      isInviteToGateway: isInviteToGateway, nowUTCMilliseconds: utcMilliseconds,
      // A device from before there were enrolments is known, and owned by nobody.
      takesNodesWithoutOwner: admission.policy == .open || isListed || known != nil,
      isOwnerKnown: isOwnerKnown, inviteUsedBy: usedBy,
      isKeyRevoked: known.map { store.closedKeys[$0.id] == .revoked } ?? false,
      nodeOfKey: own?.rules, nodeSucceeded: named?.rules)
  }

  /// What an operator has to know beside a code's meaning.
  private func detail(
    of code: RefusalCode, _ verified: VerifiedEnrolment, _ own: EnrolmentRules.Node?,
    _ utcMilliseconds: Int64
  ) -> String? {
    switch (code, verified.authorization) {
    case (.enrolmentOutdated, _):
      return own.map {
        "Version \($0.version) is held; a later one can follow it, and the next names its hash."
      }
    case (.inviteExpired, .invite(let invite)):
      let seconds = (utcMilliseconds - invite.expiresUTCMilliseconds) / 1000
      return "By this gateway's clock it was good until \(seconds) s ago."
    default: return nil
    }
  }
}

extension Database {
  fileprivate func holdsEnrolment(_ hash: Digest) throws -> Bool {
    try Int.fetchOne(
      self, sql: "SELECT 1 FROM enrolment WHERE hash = ?", arguments: [hash.data]) != nil
  }

  /// The row of a device that becomes known.
  fileprivate func insertDevice(_ key: PublicKey, utcMilliseconds: Int64) throws -> Int64 {
    try execute(
      sql: """
        INSERT INTO device (key_hash, key_id, algorithm, public_key, enrolled_utc)
        VALUES (?, ?, ?, ?, ?)
        """,
      arguments: [
        key.hash.data, key.keyID.data, key.algorithm.coseNumber, key.bytes.data, utcMilliseconds,
      ])
    return lastInsertedRowID
  }

  /// Writes the node as it is after an enrolment; gives its row.
  fileprivate func write(
    _ decision: EnrolmentRules.Admission, device: Int64, own: StoredNode?, named: StoredNode?
  ) throws -> Int64 {
    switch decision {
    case .newNode(let node):
      try execute(
        sql: "INSERT INTO node (hash, owner, device) VALUES (?, ?, ?)",
        arguments: [node.id.data, node.ownerKey?.bytes.data, device])
      let row = lastInsertedRowID
      try execute(sql: "UPDATE device SET node = ? WHERE id = ?", arguments: [row, device])
      return row
    case .nextVersion, .moved, .repeated:
      guard let own else { throw StoreDamage() }
      return own.id
    case .gainedOwner(let node):
      guard let own else { throw StoreDamage() }
      try execute(
        sql: "UPDATE node SET owner = ? WHERE id = ?",
        arguments: [node.ownerKey?.bytes.data, own.id])
      return own.id
    case .succeeded:
      guard let named else { throw StoreDamage() }
      try execute(sql: "UPDATE device SET node = ? WHERE id = ?", arguments: [named.id, device])
      try execute(sql: "UPDATE node SET device = ? WHERE id = ?", arguments: [device, named.id])
      return named.id
    }
  }

  fileprivate func insertEnrolment(
    _ verified: VerifiedEnrolment, _ message: [UInt8], node: Int64, device: Int64,
    usesInvite: Bool, utcMilliseconds: Int64
  ) throws {
    try execute(
      sql: """
        INSERT INTO enrolment (node, device, version, hash, received_utc, message)
        VALUES (?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        node, device, Int64(verified.enrolment.version), verified.hash.data, utcMilliseconds,
        Data(message),
      ])
    if usesInvite, case .invite(let invite) = verified.authorization, invite.uses == .once,
      let hash = verified.authorizationHash
    {
      try execute(
        sql: "INSERT OR IGNORE INTO used_invite (hash, enrolment) VALUES (?, ?)",
        arguments: [hash.data, verified.hash.data])
    }
  }
}
