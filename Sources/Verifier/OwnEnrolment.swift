import CBOR
import FixedMemory
import Identity
import Proofs
import Records

extension Enrolment {
  /// Reads an enrolment message strictly and checks that `key` is enrolled and has signed it. What the owner
  /// signed in it is not looked at: for a device that asks whether an enrolment is its own.
  public init(verifying message: Span<UInt8>, of key: PublicKey) throws(Refusal) {
    guard message.count <= Self.maximumMessageByteCount else { throw Refusal(.tooLarge) }
    let enrolment: Enrolment
    do throws(CBORDecoder.Failure) {
      enrolment = try Enrolment.decode(message).enrolment
    } catch { throw Refusal(error) }
    guard enrolment.deviceKey == key else { throw Refusal(.keyMismatch) }
    _ = try DocumentHeader(of: key).check(message, by: key)
    self = enrolment
  }
}
