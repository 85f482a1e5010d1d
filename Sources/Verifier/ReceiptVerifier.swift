import CBOR
import FixedMemory
import Proofs
import Records

/// What a gateway signs, against the gateway's key that is known already. Form first, then key, algorithm
/// and signature. Gateways have Ed25519 keys only.
extension Receipt {
  /// Reads a gateway's receipt strictly and checks its signature.
  public init(verifying message: Span<UInt8>, gatewayKey: PublicKey) throws(Refusal) {
    let receipt: Receipt
    do throws(CBORDecoder.Failure) { receipt = try Receipt(decoding: message) } catch {
      throw Refusal(error)
    }
    _ = try DocumentHeader(algorithm: receipt.algorithm, keyID: receipt.keyID)
      .check(message, by: gatewayKey)
    self = receipt
  }
}

extension DeviceHead {
  /// Reads what a gateway says it has of a device strictly and checks its signature.
  public init(verifying message: Span<UInt8>, gatewayKey: PublicKey) throws(Refusal) {
    let head: DeviceHead
    do throws(CBORDecoder.Failure) { head = try DeviceHead(decoding: message) } catch {
      throw Refusal(error)
    }
    _ = try DocumentHeader(algorithm: head.algorithm, keyID: head.keyID)
      .check(message, by: gatewayKey)
    self = head
  }
}

extension Challenge {
  /// Reads a challenge strictly and checks its signature. Whether it is in force, a clock tells.
  public init(verifying message: Span<UInt8>, gatewayKey: PublicKey) throws(Refusal) {
    let challenge: Challenge
    do throws(CBORDecoder.Failure) { challenge = try Challenge(decoding: message) } catch {
      throw Refusal(error)
    }
    _ = try DocumentHeader(algorithm: challenge.algorithm, keyID: challenge.keyID)
      .check(message, by: gatewayKey)
    self = challenge
  }
}

extension GatewayHead {
  /// Reads the head of a gateway's log strictly and checks its signature.
  public init(verifying message: Span<UInt8>, gatewayKey: PublicKey) throws(Refusal) {
    let head: GatewayHead
    do throws(CBORDecoder.Failure) { head = try GatewayHead(decoding: message) } catch {
      throw Refusal(error)
    }
    _ = try DocumentHeader(algorithm: head.algorithm, keyID: head.keyID)
      .check(message, by: gatewayKey)
    self = head
  }
}

extension GatewayKeyChange {
  /// Reads a change of a gateway's key strictly and checks the old key's signature.
  public init(verifying message: Span<UInt8>, gatewayKey: PublicKey) throws(Refusal) {
    let change: GatewayKeyChange
    do throws(CBORDecoder.Failure) { change = try GatewayKeyChange(decoding: message) } catch {
      throw Refusal(error)
    }
    _ = try DocumentHeader(algorithm: change.algorithm, keyID: change.keyID)
      .check(message, by: gatewayKey)
    self = change
  }
}
