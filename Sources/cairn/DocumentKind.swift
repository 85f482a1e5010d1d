import CBOR
import FixedMemory
import Proofs

/// What a file turned out to be.
enum DocumentKind {
  case batch, checkpoint, inclusion, consistency
  case gatewayReceipt, deviceHead, challenge, gatewayHead, keyChange
  case gatewayInclusion, gatewayConsistency
  case invite, succession, revocation, enrolment
  /// A COSE_Sign1 message by its first byte, and no document of ours.
  case damaged
  case unknown

  var name: StaticString {
    switch self {
    case .batch: "batch"
    case .checkpoint: "checkpoint"
    case .inclusion: "inclusion proof"
    case .consistency: "consistency proof"
    case .gatewayReceipt: "gateway's receipt"
    case .deviceHead: "gateway's head of a device's log"
    case .challenge: "gateway's challenge"
    case .gatewayHead: "head of a gateway's log"
    case .keyChange: "change of a gateway's key"
    case .gatewayInclusion: "inclusion proof of a gateway's log"
    case .gatewayConsistency: "consistency proof of a gateway's log"
    case .invite: "invite"
    case .succession: "succession"
    case .revocation: "revocation"
    case .enrolment: "enrolment"
    case .damaged, .unknown: "document"
    }
  }

  /// The signer's key stands in the document; what others expect is another question.
  var holdsItsKey: Bool {
    switch self {
    case .invite, .succession, .revocation, .enrolment: true
    case .batch, .checkpoint, .inclusion, .consistency, .gatewayReceipt, .deviceHead, .challenge,
      .gatewayHead, .keyChange, .gatewayInclusion, .gatewayConsistency, .damaged, .unknown:
      false
    }
  }

  /// A gateway signs it.
  var isOfGateway: Bool {
    switch self {
    case .gatewayReceipt, .deviceHead, .challenge, .gatewayHead, .keyChange, .gatewayInclusion,
      .gatewayConsistency:
      true
    case .batch, .checkpoint, .inclusion, .consistency, .invite, .succession, .revocation,
      .enrolment, .damaged, .unknown:
      false
    }
  }

  /// Told apart by how it begins: an array of two is a batch, tag 18 a COSE_Sign1, which says its type.
  init(_ bytes: Span<UInt8>) {
    guard bytes.count > 0 else {
      self = .unknown
      return
    }
    switch bytes[0] {
    case 0x82: self = .batch
    case 0xd2:
      do throws(CBORDecoder.Failure) { self = try Self(message: bytes) } catch { self = .damaged }
    default: self = .unknown
    }
  }

  private init(message bytes: Span<UInt8>) throws(CBORDecoder.Failure) {
    let parts = try COSESign1(decoding: bytes)
    let isConsistency =
      if case .consistencyProof = parts.unprotected { true } else { false }
    switch try DocumentType(of: bytes) {
    case .checkpoint where parts.payload == nil: self = isConsistency ? .consistency : .inclusion
    case .checkpoint: self = .checkpoint
    case .gatewayHead where parts.payload == nil:
      self = isConsistency ? .gatewayConsistency : .gatewayInclusion
    case .gatewayHead: self = .gatewayHead
    case .receipt: self = .gatewayReceipt
    case .invite: self = .invite
    case .succession: self = .succession
    case .revocation: self = .revocation
    case .enrolment: self = .enrolment
    case .deviceHead: self = .deviceHead
    case .challenge: self = .challenge
    case .gatewayKeyChange: self = .keyChange
    }
  }
}
