import FixedMemory
import Proofs

/// An Ed25519 key of the main network: a byte of network and type, then the key.
public enum HeliumKey {
  private static let mainNetworkEd25519: UInt8 = 0x01
  private static let alphabet = Array(
    "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")

  public static func binary(_ key: FixedBytes<32>) -> [UInt8] {
    [mainNetworkEd25519] + (0..<32).map { key[$0] }
  }

  /// Base58 of 0 ‖ binary ‖ the first four bytes of SHA-256 of SHA-256 of both.
  public static func text(_ key: FixedBytes<32>) -> String {
    let bytes = [0] + binary(key)
    let check = SHA256.hash(SHA256.hash(bytes.span).span)
    return base58(bytes + (0..<4).map { check[$0] })
  }

  private static func base58(_ bytes: [UInt8]) -> String {
    var digits: [Int] = []
    for byte in bytes {
      var carry = Int(byte)
      for index in digits.indices {
        carry += digits[index] << 8
        digits[index] = carry % 58
        carry /= 58
      }
      while carry > 0 {
        digits.append(carry % 58)
        carry /= 58
      }
    }
    let zeros = bytes.prefix { $0 == 0 }.count
    return String(repeating: "1", count: zeros)
      + String(digits.reversed().map { alphabet[$0] })
  }
}
