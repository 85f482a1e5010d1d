import FixedMemory
import Proofs
import Records
import Verifier

/// Why a gateway or a board refuses each document of the examples with one bit flipped: a line for every
/// 16 bytes, two bytes for every bit. 0 is for none.
func tellRefusals(_ checkpoints: borrowing Vectors, _ identities: borrowing Vectors) {
  let device = PublicKey(ed25519: checkpoints.fixed("public key"))
  let gateway = PublicKey(ed25519: identities.fixed("key of gateway"))
  tellRefusals("batch", of: checkpoints.message("batch 0")) { (bytes) throws(Refusal) in
    let head = try BatchVerifier.head(of: bytes)
    let verified = try VerifiedCheckpoint(
      verifying: bytes.extracting(head.checkpointRange), key: device)
    _ = try BatchVerifier.content(
      of: bytes, checkpoint: verified.checkpoint, known: MerkleFrontier())
  }
  tellRefusals("receipt", of: identities.message("receipt message")) { (bytes) throws(Refusal) in
    _ = try Receipt(verifying: bytes, gatewayKey: gateway)
  }
  tellRefusals("challenge", of: identities.message("challenge of a beacon message")) {
    (bytes) throws(Refusal) in
    _ = try Challenge(verifying: bytes, gatewayKey: gateway)
  }
  tellRefusals("head", of: identities.message("head of a device message")) {
    (bytes) throws(Refusal) in
    _ = try DeviceHead(verifying: bytes, gatewayKey: gateway)
  }
}

private func tellRefusals(
  _ name: StaticString, of message: Message, _ verify: (Span<UInt8>) throws(Refusal) -> Void
) {
  guard code(of: message, verify) == 0 else { fail("a document of the examples is refused") }
  var flipped = message
  var codes = Message()
  for bit in 0..<message.count * 8 {
    flipped.flip(bit: bit)
    let code = code(of: flipped, verify)
    flipped.flip(bit: bit)
    codes.append(UInt8(truncatingIfNeeded: code >> 8))
    codes.append(UInt8(truncatingIfNeeded: code))
    guard bit % 128 == 127 || bit == message.count * 8 - 1 else { continue }
    var line = Name()
    line.append("refusals of a ")
    line.append(name)
    line.append(" with a bit flipped from byte ")
    line.append(UInt64(bit / 128 * 16))
    tell(line.span, codes.span)
    codes = Message()
  }
}

private func code(
  of message: Message, _ verify: (Span<UInt8>) throws(Refusal) -> Void
) -> UInt16 {
  do throws(Refusal) {
    try verify(message.span)
    return 0
  } catch { return error.code.rawValue }
}
