import FixedMemory
import Identity
import Proofs
import Records

/// Who may enrol what, as docs/identity.md has it: one set of rules for the gateway that admits and for the
/// auditor who looks at it later. Pure: clock and store come in as arguments.
///
///     key new here, nothing or an invite      →  a node that is new
///     key new here, a succession              →  a node goes on under another key
///     key known, a later version              →  a node's next version under the same key
///     … of a node without owner, an invite    →  from here on it has that owner
///
/// A gateway need not have seen every version: a device has been at other gateways, or this one has begun
/// anew. Whatever version comes first here makes the node.
public enum EnrolmentRules {
  /// What is known of a node before an enrolment.
  public struct Node: Equatable, Sendable {
    /// Hash of its first enrolment.
    public var id: Digest
    /// Who signed the invite in its first enrolment; nil for a node without an owner.
    public var ownerKey: PublicKey?
    /// Of the device key that it has now.
    public var keyHash: Digest
    /// Of the newest enrolment under that key: version, hash, place and radio.
    public var version: UInt64
    public var enrolmentHash: Digest
    public var place: Place?
    public var radio: RadioSetup?

    public init(
      id: Digest, ownerKey: PublicKey?, keyHash: Digest, version: UInt64, enrolmentHash: Digest,
      place: Place?, radio: RadioSetup?
    ) {
      self.id = id
      self.ownerKey = ownerKey
      self.keyHash = keyHash
      self.version = version
      self.enrolmentHash = enrolmentHash
      self.place = place
      self.radio = radio
    }

    /// The node as it is after an enrolment that was admitted to it, or that made it.
    public init(after enrolment: VerifiedEnrolment, of node: Node?, owner: PublicKey?) {
      self.init(
        id: node?.id ?? enrolment.hash, ownerKey: owner,
        keyHash: enrolment.enrolment.deviceKey.hash, version: enrolment.enrolment.version,
        enrolmentHash: enrolment.hash, place: enrolment.enrolment.place,
        radio: enrolment.enrolment.radio)
    }
  }

  /// What a gateway knows when an enrolment comes.
  public struct Circumstances: Sendable {
    /// The invite in this enrolment names a key of the gateway, the one that it has now or one that it had.
    public var isInviteToGateway: Bool
    /// The gateway's clock: milliseconds of UTC.
    public var nowUTCMilliseconds: Int64
    /// The gateway makes nodes without an invite.
    public var takesNodesWithoutOwner: Bool
    /// The gateway takes invites of the owner whose document is in the enrolment.
    public var isOwnerKnown: Bool
    /// Hash of the enrolment that the invite in this one (by its hash) was used for; nil when it is unused.
    public var inviteUsedBy: Digest?
    /// The owner or the operator has revoked the key that is enrolled.
    public var isKeyRevoked: Bool
    /// The node that has the enrolled key now, or had it before.
    public var nodeOfKey: Node?
    /// The node that a succession in the enrolment names, when it is known here.
    public var nodeSucceeded: Node?

    public init(
      isInviteToGateway: Bool, nowUTCMilliseconds: Int64, takesNodesWithoutOwner: Bool,
      isOwnerKnown: Bool, inviteUsedBy: Digest? = nil, isKeyRevoked: Bool = false,
      nodeOfKey: Node? = nil, nodeSucceeded: Node? = nil
    ) {
      self.isInviteToGateway = isInviteToGateway
      self.nowUTCMilliseconds = nowUTCMilliseconds
      self.takesNodesWithoutOwner = takesNodesWithoutOwner
      self.isOwnerKnown = isOwnerKnown
      self.inviteUsedBy = inviteUsedBy
      self.isKeyRevoked = isKeyRevoked
      self.nodeOfKey = nodeOfKey
      self.nodeSucceeded = nodeSucceeded
    }
  }

  /// What an enrolment does. With it stands the node as it is afterwards.
  public enum Admission: Equatable, Sendable {
    /// Had before, as the node's newest: nothing changes.
    case repeated(Node)
    case newNode(Node)
    /// Nothing that takes an owner's word has changed.
    case nextVersion(Node)
    /// Another version, with a move of the node's owner, which has been used by it.
    case moved(Node)
    /// Another version, with an invite by which a node that nobody owned has an owner from here on.
    case gainedOwner(Node)
    /// The node's key is another one from here on, and the old one is refused as a revoked one is.
    case succeeded(Node)

    public var node: Node {
      switch self {
      case .repeated(let node), .newNode(let node), .nextVersion(let node), .moved(let node),
        .gainedOwner(let node), .succeeded(let node):
        node
      }
    }

    /// True when an invite for one enrolment is used up by it, if the enrolment has one.
    public var usesInvite: Bool {
      switch self {
      case .newNode, .moved, .gainedOwner: true
      // The document by which the node came may still be there, and allows nothing more.
      case .repeated, .nextVersion, .succeeded: false
      }
    }
  }

  /// Decides about an enrolment, in this order: revoked key, repeat, version, owner's document.
  public static func admission(
    of enrolment: VerifiedEnrolment, in circumstances: Circumstances
  ) throws(Refusal) -> Admission {
    guard !circumstances.isKeyRevoked else { throw Refusal(.keyRevoked) }
    let keyHash = enrolment.enrolment.deviceKey.hash
    if let node = circumstances.nodeOfKey {
      // A key that was succeeded does not come back.
      guard node.keyHash == keyHash else { throw Refusal(.keyRevoked) }
      if node.enrolmentHash == enrolment.hash { return .repeated(node) }
      return try nextVersion(enrolment, of: node, circumstances)
    }
    switch enrolment.authorization {
    case .none:
      guard circumstances.takesNodesWithoutOwner else { throw Refusal(.enrolmentRequired) }
      return .newNode(Node(after: enrolment, of: nil, owner: nil))
    case .invite(let invite):
      // A move is for a node that is there, and has another key.
      guard invite.node == nil else { throw Refusal(.moveForeign) }
      try check(invite, of: enrolment, circumstances)
      return .newNode(Node(after: enrolment, of: nil, owner: invite.ownerKey))
    case .succession(let succession):
      guard let node = circumstances.nodeSucceeded, node.id == succession.node,
        let owner = node.ownerKey, owner == succession.ownerKey,
        node.keyHash == succession.oldKeyHash, enrolment.enrolment.deviceKey == succession.newKey
      else { throw Refusal(.successionForeign) }
      return .succeeded(Node(after: enrolment, of: node, owner: owner))
    }
  }

  private static func nextVersion(
    _ enrolment: VerifiedEnrolment, of node: Node, _ circumstances: Circumstances
  ) throws(Refusal) -> Admission {
    guard follows(enrolment, node) else { throw Refusal(.enrolmentOutdated) }
    guard let owner = node.ownerKey else { return try ofNobody(enrolment, node, circumstances) }
    let after = Node(after: enrolment, of: node, owner: owner)
    if try isMove(enrolment, of: node, owner, circumstances) { return .moved(after) }
    guard enrolment.enrolment.place == node.place, enrolment.enrolment.radio == node.radio else {
      throw Refusal(.moveRequired)
    }
    return .nextVersion(after)
  }

  /// A version that is later than the newest. The one that comes right after it names it; between the two
  /// there may be others, which went elsewhere.
  private static func follows(_ enrolment: VerifiedEnrolment, _ node: Node) -> Bool {
    let version = enrolment.enrolment.version
    guard version > node.version else { return false }
    return version - node.version > 1 || enrolment.enrolment.previous == node.enrolmentHash
  }

  /// Another version of a node without an owner: its key says alone where it stands. With an invite it has
  /// an owner from here on.
  private static func ofNobody(
    _ enrolment: VerifiedEnrolment, _ node: Node, _ circumstances: Circumstances
  ) throws(Refusal) -> Admission {
    switch enrolment.authorization {
    case .none:
      return .nextVersion(Node(after: enrolment, of: node, owner: nil))
    case .invite(let invite):
      if let named = invite.node, named != node.id { throw Refusal(.moveForeign) }
      try check(invite, of: enrolment, circumstances)
      return .gainedOwner(Node(after: enrolment, of: node, owner: invite.ownerKey))
    case .succession:
      throw Refusal(.successionForeign)
    }
  }

  /// True when the owner has signed a move for this version. The document by which the node or its key came
  /// may still be there: it allows nothing more.
  private static func isMove(
    _ enrolment: VerifiedEnrolment, of node: Node, _ owner: PublicKey,
    _ circumstances: Circumstances
  ) throws(Refusal) -> Bool {
    switch enrolment.authorization {
    case .none:
      return false
    case .invite(let invite):
      guard invite.ownerKey == owner else { throw Refusal(.moveForeign) }
      guard let named = invite.node else { return false }
      guard named == node.id else { throw Refusal(.moveForeign) }
      try check(invite, of: enrolment, circumstances)
      return true
    case .succession(let succession):
      guard succession.ownerKey == owner, succession.node == node.id,
        succession.newKey == enrolment.enrolment.deviceKey
      else { throw Refusal(.successionForeign) }
      return false
    }
  }

  /// What holds for every use of an invite: gateway, owner, time, and once.
  private static func check(
    _ invite: Invite, of enrolment: VerifiedEnrolment, _ circumstances: Circumstances
  ) throws(Refusal) {
    guard circumstances.isInviteToGateway else { throw Refusal(.inviteForeign) }
    guard circumstances.isOwnerKnown else { throw Refusal(.ownerUnknown) }
    guard circumstances.nowUTCMilliseconds < invite.expiresUTCMilliseconds else {
      throw Refusal(.inviteExpired)
    }
    if invite.uses == .once, let user = circumstances.inviteUsedBy {
      guard user == enrolment.hash else { throw Refusal(.inviteUsed) }
    }
  }

  /// Checks that a revocation is this node's owner's, for a key that the node has or had.
  ///
  /// - `isKeyOfNode`: the key that it names is or was the node's.
  public static func check(_ revocation: Revocation, of node: Node, isKeyOfNode: Bool)
    throws(Refusal)
  {
    guard let owner = node.ownerKey, owner == revocation.ownerKey, node.id == revocation.node,
      isKeyOfNode
    else { throw Refusal(.revocationForeign) }
  }
}
