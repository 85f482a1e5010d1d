import CBOR
import FixedMemory
import Proofs
import Records

extension Receipt {
  /// Reads a gateway's receipt strictly and checks its signature against the gateway's key.
  public init(verifying message: Span<UInt8>, gatewayKey: PublicKey) throws(Refusal) {
    let parts: COSESign1
    let receipt: Receipt
    do throws(CBORDecoder.Failure) {
      parts = try COSESign1(decoding: message)
      receipt = try Receipt(decoding: message)
    } catch {
      throw Refusal(error)
    }
    guard receipt.keyID == gatewayKey.keyID else { throw Refusal(.unknownKey) }
    guard receipt.algorithm == gatewayKey.algorithm else { throw Refusal(.unknownAlgorithm) }
    var structure = InlineArray<160, UInt8>(repeating: 0)
    let count = COSESign1.encodeSigStructure(
      protected: message.extracting(parts.protected), externalData: Span(),
      payload: receipt.checkpointHash.span, into: structure.mutableSpan)
    guard count <= structure.count else { throw Refusal(.malformed) }
    guard
      SignatureCheck.verifies(
        parts.signature, of: structure.span.extracting(0..<count), by: gatewayKey)
    else { throw Refusal(.badSignature) }
    self = receipt
  }
}
