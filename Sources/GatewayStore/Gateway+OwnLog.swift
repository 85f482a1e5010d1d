import FixedMemory
import GRDB
import Identity
import Proofs

extension Gateway {
  /// What becomes a leaf of the gateway's own log (docs/identity.md).
  enum OwnLogEntry {
    /// An enrolment message that was taken.
    case enrolment([UInt8])
    /// A revocation message of an owner.
    case revocation([UInt8])
    case operatorRevocation(deviceKeyHash: Digest, reason: RevocationReason)
    /// Two checkpoint messages of one device for one position.
    case fork(held: [UInt8], sent: [UInt8])
  }

  /// The one place from which enrolments, revocations and forks go into the gateway's own log: within the
  /// transaction that stores them, so that nothing is answered which is not a leaf.
  func appendToLog(_ entry: OwnLogEntry, utcMilliseconds: Int64, _ database: Database) throws {}
}
