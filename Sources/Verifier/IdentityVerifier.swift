import CBOR
import FixedMemory
import Identity
import Proofs
import Records

/// What an owner signs, against the owner's key that stands in the document: form, key, signature. It says
/// that nobody has changed it, not that this owner has a say here: `EnrolmentRules` tells.
extension Invite {
  /// Reads an invite strictly and checks its owner's signature.
  public init(verifying message: Span<UInt8>) throws(Refusal) {
    let invite: Invite
    do throws(CBORDecoder.Failure) { invite = try Invite(decoding: message) } catch {
      throw Refusal(error)
    }
    try invite.ownerKey.checkOwn(message)
    self = invite
  }
}

extension Succession {
  /// Reads a succession strictly and checks its owner's signature.
  public init(verifying message: Span<UInt8>) throws(Refusal) {
    let succession: Succession
    do throws(CBORDecoder.Failure) { succession = try Succession(decoding: message) } catch {
      throw Refusal(error)
    }
    try succession.ownerKey.checkOwn(message)
    self = succession
  }
}

extension Revocation {
  /// Reads a revocation strictly and checks its owner's signature.
  public init(verifying message: Span<UInt8>) throws(Refusal) {
    let revocation: Revocation
    do throws(CBORDecoder.Failure) { revocation = try Revocation(decoding: message) } catch {
      throw Refusal(error)
    }
    try revocation.ownerKey.checkOwn(message)
    self = revocation
  }
}

extension PublicKey {
  /// Checks a message, read already, that holds the key of its signer. Returns the document's name.
  @discardableResult
  fileprivate func checkOwn(
    _ message: Span<UInt8>, es256: some ES256Verifying = WithoutES256()
  ) throws(Refusal) -> Digest {
    // Nobody holds such a key, and everybody could sign under it.
    if algorithm == .ed25519 {
      guard SignatureCheck.isPossibleKey(self) else { throw Refusal(.malformed) }
    }
    return try DocumentHeader(of: self).check(message, by: self, es256: es256)
  }
}

/// An enrolment whose signature has been checked, and that of the owner's document in it.
public struct VerifiedEnrolment: Equatable, Sendable {
  public let enrolment: Enrolment
  /// SHA-256 of what was signed: the enrolment's name, and the node's when it is the first.
  public let hash: Digest
  public let authorization: EnrolmentMessage.Authorization
  /// SHA-256 of what the owner signed: the name of the invite or succession; nil without one.
  public let authorizationHash: Digest?

  /// Reads an enrolment message strictly and checks both signatures: the device's under the key that is
  /// enrolled, the owner's under the key that the invite or succession names.
  public init(
    verifying message: Span<UInt8>, es256: some ES256Verifying = WithoutES256()
  ) throws(Refusal) {
    guard message.count <= Enrolment.maximumMessageByteCount else { throw Refusal(.tooLarge) }
    let view = try Self.decoded(message)
    let enrolment = view.enrolment
    hash = try enrolment.deviceKey.checkOwn(message, es256: es256)
    self.enrolment = enrolment
    authorization = view.authorization
    switch view.authorization {
    case .none:
      authorizationHash = nil
    case .invite(let invite):
      authorizationHash = try invite.ownerKey.checkOwn(view.authorizationMessage)
    case .succession(let succession):
      authorizationHash = try succession.ownerKey.checkOwn(view.authorizationMessage)
    }
  }

  @_lifetime(copy message)
  private static func decoded(_ message: Span<UInt8>) throws(Refusal) -> EnrolmentMessage {
    do throws(CBORDecoder.Failure) { return try EnrolmentMessage(decoding: message) } catch {
      throw Refusal(error)
    }
  }

  /// The node that the owner's document names; nil when it names none, or there is none.
  public var namedNode: Digest? {
    switch authorization {
    case .none: nil
    case .invite(let invite): invite.node
    case .succession(let succession): succession.node
    }
  }
}
