import CBOR
import FixedMemory
import Identity
import Proofs
import TestSupport

/// What the decoder of this type says to a message; nil when it takes it.
func failure(_ type: DocumentType, _ message: [UInt8]) -> CBORDecoder.Failure? {
  do throws(CBORDecoder.Failure) {
    switch type {
    case .checkpoint: _ = try Checkpoint(decoding: message.span)
    case .receipt: _ = try Receipt(decoding: message.span)
    case .invite: _ = try Invite(decoding: message.span)
    case .succession: _ = try Succession(decoding: message.span)
    case .revocation: _ = try Revocation(decoding: message.span)
    case .enrolment: _ = try EnrolmentMessage(decoding: message.span).enrolment
    case .deviceHead: _ = try DeviceHead(decoding: message.span)
    case .challenge: _ = try Challenge(decoding: message.span)
    case .gatewayHead: _ = try GatewayHead(decoding: message.span)
    case .gatewayKeyChange: _ = try GatewayKeyChange(decoding: message.span)
    }
    return nil
  } catch { return error }
}

/// A message around this content, with a signature of zeros: decoders do not look at it.
func message(protected: [UInt8], payload: [UInt8]) -> [UInt8] {
  written {
    COSESign1.encodeMessage(
      protected: protected.span, payload: payload.span, signature: Signature(),
      into: $0.mutableSpan)
  }
}

/// Protected header and payload of a message.
func content(_ message: [UInt8]) throws -> (protected: [UInt8], payload: [UInt8]) {
  let (protected, payload) = try COSESign1.document(message.span)
  return (Array(message[protected]), Array(message[payload]))
}

/// The places where an item begins, heads of maps and arrays among them.
func itemStarts(_ bytes: [UInt8]) -> [Int] {
  var starts: [Int] = []
  var offset = 0
  while offset < bytes.count {
    starts.append(offset)
    let (major, additional) = (bytes[offset] >> 5, bytes[offset] & 31)
    let extra = additional < 24 ? 0 : 1 << Int(additional - 24)
    var argument = additional < 24 ? Int(additional) : 0
    // Lengths of strings are short; what large numbers say is of no use here.
    for index in 0..<min(extra, 4) { argument = argument << 8 | Int(bytes[offset + 1 + index]) }
    offset += 1 + extra + (major == 2 || major == 3 ? argument : 0)
  }
  return starts
}
