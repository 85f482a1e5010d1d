/// Why a gateway refuses what a device sent, or an agent refuses a receipt. Numbers and names stand in
/// problem details and in exported verdicts and never change their meaning (docs/delivery-protocol.md).
public enum RefusalCode: UInt16, Sendable {
  // Form.
  /// Not a batch of this format, or not a key.
  case malformed = 1
  /// CBOR that is not deterministic (RFC 8949 section 4.2.1).
  case notDeterministic = 2
  /// More bytes or leaves than the limits.
  case tooLarge = 3
  /// A format version that the gateway does not know.
  case unsupportedVersion = 4
  /// Another content type than `application/cbor`.
  case unsupportedMediaType = 5
  /// A leaf that is not of the record format.
  case leafMalformed = 6

  // Keys and signatures.
  /// No device with this key identifier.
  case unknownKey = 20
  /// This key identifier belongs to another key.
  case keyMismatch = 21
  /// An algorithm that is not this key's, or one that nobody here knows.
  case unknownAlgorithm = 22
  /// The signature does not verify.
  case badSignature = 23
  /// This gateway takes no key without an invite.
  case enrolmentRequired = 24
  /// The owner or the operator has revoked this key.
  case keyRevoked = 25

  // Enrolment.
  /// The invite's time is over.
  case inviteExpired = 26
  /// Another enrolment has used this invite, and it is good for one.
  case inviteUsed = 27
  /// The invite names another gateway.
  case inviteForeign = 28
  /// This gateway takes no nodes of this owner.
  case ownerUnknown = 29
  /// The enrolment does not follow the newest that the gateway has of this key.
  case enrolmentOutdated = 30
  /// A succession that is not the node's owner's, or names another node or key.
  case successionForeign = 31
  /// Place or radio are others, and the node's owner has not signed a move.
  case moveRequired = 32
  /// A move for another node, or an invite that is not of the node's owner.
  case moveForeign = 33
  /// A revocation that is not the node's owner's, or names another node or key.
  case revocationForeign = 34

  // The log.
  /// An earlier batch is missing.
  case gap = 40
  /// Another checkpoint stands at this position: two histories are signed with one key.
  case fork = 41
  /// This epoch was closed by a later one.
  case closedEpoch = 42
  /// The checkpoint does not name the one before it.
  case wrongPrev = 43
  /// First, size and the number of leaves disagree.
  case sizeMismatch = 44
  /// The leaves do not give the signed root.
  case rootMismatch = 45
  /// Times of leaves run backwards, or lie outside the checkpoint's.
  case timeDisorder = 46
  /// A receipt for a position that this device never signed.
  case unknownPosition = 47
  /// A challenge whose number is not above the last one's.
  case challengeReplayed = 48

  // The service.
  /// More than this device's share.
  case rateLimited = 60
  /// The gateway cannot store now.
  case storageFull = 61
  /// The gateway is starting, stopping or overloaded.
  case unavailable = 62
}

extension RefusalCode {
  /// The stable name, in kebab case: the title of a problem.
  public var name: StaticString {
    switch self {
    case .malformed: "malformed"
    case .notDeterministic: "not-deterministic"
    case .tooLarge: "too-large"
    case .unsupportedVersion: "unsupported-version"
    case .unsupportedMediaType: "unsupported-media-type"
    case .leafMalformed: "leaf-malformed"
    case .unknownKey: "unknown-key"
    case .keyMismatch: "key-mismatch"
    case .unknownAlgorithm: "unknown-algorithm"
    case .badSignature: "bad-signature"
    case .enrolmentRequired: "enrolment-required"
    case .keyRevoked: "key-revoked"
    case .inviteExpired: "invite-expired"
    case .inviteUsed: "invite-used"
    case .inviteForeign: "invite-foreign"
    case .ownerUnknown: "owner-unknown"
    case .enrolmentOutdated: "enrolment-outdated"
    case .successionForeign: "succession-foreign"
    case .moveRequired: "move-required"
    case .moveForeign: "move-foreign"
    case .revocationForeign: "revocation-foreign"
    case .gap: "gap"
    case .fork: "fork"
    case .closedEpoch: "closed-epoch"
    case .wrongPrev: "wrong-prev"
    case .sizeMismatch: "size-mismatch"
    case .rootMismatch: "root-mismatch"
    case .timeDisorder: "time-disorder"
    case .unknownPosition: "unknown-position"
    case .challengeReplayed: "challenge-replayed"
    case .rateLimited: "rate-limited"
    case .storageFull: "storage-full"
    case .unavailable: "unavailable"
    }
  }

  /// What is wrong, as one sentence for the operator.
  public var meaning: StaticString {
    switch self {
    case .malformed: "What was sent is not of this format."
    case .notDeterministic: "What was sent is CBOR, but not deterministic."
    case .tooLarge: "There are more bytes or leaves than is allowed."
    case .unsupportedVersion: "The gateway does not know this format version."
    case .unsupportedMediaType: "The content type is not the one that the gateway takes here."
    case .leafMalformed: "A leaf of the batch is not of the record format."
    case .unknownKey: "The gateway does not know this device's key."
    case .keyMismatch: "This key identifier belongs to another key."
    case .unknownAlgorithm: "The signature's algorithm is not the one of this key."
    case .badSignature: "The signature does not verify."
    case .enrolmentRequired: "This gateway takes no device without an invite."
    case .keyRevoked: "This device's key is revoked, or another key has succeeded it."
    case .inviteExpired: "The invite's time is over."
    case .inviteUsed: "The invite is good for one enrolment, and another one has used it."
    case .inviteForeign: "The invite is for another gateway."
    case .ownerUnknown: "The gateway takes no nodes of this owner."
    case .enrolmentOutdated: "The enrolment does not follow the newest that the gateway has."
    case .successionForeign: "The succession is not for this node and key, or not by its owner."
    case .moveRequired: "Place or radio have changed, and the owner has signed no move."
    case .moveForeign: "The invite or move is not for this node, or not by its owner."
    case .revocationForeign: "The revocation is not for this node and key, or not by its owner."
    case .gap: "An earlier batch is missing."
    case .fork: "Another checkpoint stands at this position: two histories are signed."
    case .closedEpoch: "A later epoch has closed the one of this batch."
    case .wrongPrev: "The checkpoint does not name the one before it."
    case .sizeMismatch: "The tree's size and the number of leaves disagree."
    case .rootMismatch: "The leaves do not give the signed root."
    case .timeDisorder: "The times of the leaves run backwards, or outside the checkpoint's."
    case .unknownPosition: "The receipt is for a position that this device never signed."
    case .challengeReplayed: "This challenge, or a later one, has been taken already."
    case .rateLimited: "This device sends more than its share."
    case .storageFull: "The gateway has no room."
    case .unavailable: "The gateway is starting, stopping or overloaded."
    }
  }

  /// What the operator can do about it.
  public var remedy: StaticString {
    switch self {
    case .malformed, .notDeterministic, .leafMalformed, .sizeMismatch, .rootMismatch, .wrongPrev,
      .timeDisorder:
      """
      A fault of the agent or of the gateway: keep the spool, run `cairn verify`, report both \
      versions.
      """
    case .tooLarge:
      "Look for a size limit of a proxy in front of the gateway: batches of 73728 bytes must pass."
    case .unsupportedVersion, .unsupportedMediaType, .unknownAlgorithm:
      "Bring the gateway to a version that is not older than the agent's."
    case .unknownKey:
      "The key is sent by itself; if this stays, the gateway does not keep it: look at its store."
    case .keyMismatch: "Make a new device key, and tell the gateway's operator."
    case .badSignature: "Look whether the spool and the key file belong to one device."
    case .enrolmentRequired: "Put an invite of this gateway's operator into site.ini."
    case .keyRevoked: "Ask the owner; a new key needs a new enrolment."
    case .inviteExpired, .inviteUsed, .inviteForeign:
      """
      Let the owner make a new invite for this gateway, or a new move when place or radio are others, and put \
      it into site.ini.
      """
    case .ownerUnknown: "Tell the gateway's operator the owner's public key."
    case .enrolmentOutdated:
      "Look for a second card or copy of this key, or a gateway that was reset."
    case .successionForeign:
      "Let the owner make a succession from this node's newest key to this device's, and put it into site.ini."
    case .moveRequired, .moveForeign:
      "Let the owner make a move for this node, or put the former place and radio back into site.ini."
    case .revocationForeign: "Look at the owner's key, the node and the key that were given."
    case .gap: "Nothing: delivery goes to the position that the gateway expects."
    case .closedEpoch:
      """
      Another card or board signs with this key: switch it off, or give it a key of its own. Or an old \
      backup runs: end the agent and move its spool away.
      """
    case .fork:
      """
      Find the second card or copy of this key and stop it; or a backup of the whole card was restored. \
      Then end the agent and move its spool away: a new epoch begins.
      """
    case .unknownPosition:
      "The receipt is another device's or forged: look at the gateway's address."
    case .challengeReplayed: "Nothing: the next challenge is taken."
    case .rateLimited: "Nothing, or longer intervals."
    case .storageFull: "The gateway's operator makes room; the spool keeps what is not delivered."
    case .unavailable: "Nothing: delivery tries again."
    }
  }

  /// The HTTP status that a gateway answers with; 0 where the code is never an HTTP answer.
  public var httpStatus: UInt16 {
    switch self {
    case .malformed, .notDeterministic, .unsupportedVersion, .leafMalformed, .unknownKey,
      .unknownAlgorithm, .badSignature, .wrongPrev, .sizeMismatch, .rootMismatch, .timeDisorder:
      422
    case .tooLarge: 413
    case .unsupportedMediaType: 415
    case .keyMismatch, .gap, .fork, .closedEpoch, .enrolmentOutdated: 409
    case .enrolmentRequired, .keyRevoked, .inviteExpired, .inviteUsed, .inviteForeign,
      .ownerUnknown, .successionForeign, .moveRequired, .moveForeign, .revocationForeign:
      403
    case .rateLimited: 429
    case .storageFull, .unavailable: 503
    case .unknownPosition, .challengeReplayed: 0
    }
  }
}
