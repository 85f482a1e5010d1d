import CBOR
import FixedMemory
import Proofs

/// An enrolment as it was sent, with the owner's document that it carries. Borrows the bytes of the message.
public struct EnrolmentMessage: ~Escapable {
  /// What allows an enrolment.
  public enum Authorization: Equatable, Sendable {
    /// Nothing: for a gateway that takes everybody, and for versions that change neither place nor radio.
    case none
    /// A new node, or a move.
    case invite(Invite)
    case succession(Succession)
  }

  public let enrolment: Enrolment
  public let authorization: Authorization
  /// The owner's message, as it was signed; empty when there is none.
  public let authorizationMessage: Span<UInt8>

  /// Reads an enrolment and what it carries strictly. The signatures are the caller's to check.
  @_lifetime(copy message)
  public init(decoding message: Span<UInt8>) throws(CBORDecoder.Failure) {
    let (protected, payload) = try COSESign1.document(message)
    enrolment = try Enrolment(decodingProtected: message.extracting(protected))
    authorizationMessage = message.extracting(payload)
    authorization = try Self.authorization(authorizationMessage)
  }

  private static func authorization(_ message: Span<UInt8>) throws(CBORDecoder.Failure)
    -> Authorization
  {
    if message.isEmpty { return .none }
    switch try DocumentType(of: message) {
    case .invite: return .invite(try Invite(decoding: message))
    case .succession: return .succession(try Succession(decoding: message))
    case .checkpoint, .receipt, .revocation, .enrolment, .deviceHead, .challenge, .gatewayHead,
      .gatewayKeyChange:
      throw .outsideFormat
    }
  }
}
