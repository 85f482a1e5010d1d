import FixedMemory
import Foundation
import GRDB
import Proofs
import Signers

extension Gateway {
  /// The signed head of what this gateway has of a device's log (docs/identity.md, `cairn-head`); nil while it
  /// has no batch of it.
  public func head(of device: Device, utcMilliseconds: Int64) throws -> [UInt8]? {
    guard let end = try store.database.read({ try $0.logEnd(device: device.id) }) else {
      return nil
    }
    let head = DeviceHead(
      algorithm: publicKey.algorithm, keyID: publicKey.keyID, deviceKeyHash: device.keyHash,
      epoch: end.epoch, batch: end.batch, size: end.frontier.size,
      nowUTCMilliseconds: utcMilliseconds, checkpointHash: end.hash)
    let message = signed(maximumByteCount: DeviceHead.maximumMessageByteCount) {
      (signer: inout FileKey, bytes) throws(SigningFailure) in
      try head.sign(with: &signer, into: bytes).byteCount
    }
    guard let message else { throw Problem(signingFailed: ()) }
    return message
  }
}
