import FixedMemory
import Proofs
import TestSupport
import Testing
import Verifier

@testable import P256Signatures

/// RFC 6979 appendix A.2.5: P-256 and SHA-256, the message "sample".
private enum Example {
  static let x = "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
  static let r = "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
  static let s = "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
  /// y is 7903FE10…2239A99, odd: 03.
  static var point: [UInt8] { [3] + hex(x.lowercased()) }
  static var message: [UInt8] { Array("sample".utf8) }
  /// As RFC 6979 prints it; s is in the upper half.
  static var printed: [UInt8] { hex((r + s).lowercased()) }
}

private func key(_ bytes: [UInt8]) throws -> PublicKeyBytes {
  let made = PublicKey(algorithm: .es256, bytes: bytes.span)
  return try #require(made).bytes
}

private func signature(_ bytes: [UInt8]) throws -> Signature {
  try fixed(bytes)
}

@Test func theSignatureOfTheStandardVerifiesWithItsLowTwinOnly() throws {
  let printed = try signature(Example.printed)
  let (es256, point) = (OpenSSLES256(), try key(Example.point))
  #expect(!printed.hasLowS)
  #expect(es256.verifies(printed, of: Example.message.span, by: point) == false)
  #expect(es256.verifies(printed.withLowS, of: Example.message.span, by: point) == true)
}

@Test func everyFlippedBitOfTheSignatureIsRefused() throws {
  let low = try signature(Example.printed).withLowS
  let point = try key(Example.point)
  for bit in 0..<512 {
    var flipped = low
    flipped[bit / 8] ^= 1 << UInt8(bit % 8)
    #expect(
      OpenSSLES256().verifies(flipped, of: Example.message.span, by: point) == false, "bit \(bit)")
  }
}

@Test func everyFlippedBitOfTheKeyIsRefused() throws {
  let low = try signature(Example.printed).withLowS
  for bit in 8..<Example.point.count * 8 {
    var bytes = Example.point
    bytes[bit / 8] ^= 1 << UInt8(bit % 8)
    let other = try key(bytes)
    #expect(OpenSSLES256().verifies(low, of: Example.message.span, by: other) == false)
  }
  // The other point with this x.
  var mirrored = Example.point
  mirrored[0] = 2
  #expect(OpenSSLES256().verifies(low, of: Example.message.span, by: try key(mirrored)) == false)
}

@Test func numbersOutsideOfTheGroupAreRefused() throws {
  let point = try key(Example.point)
  let order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
  let (zero, one) = ([UInt8](repeating: 0, count: 32), [UInt8](repeating: 0, count: 31) + [1])
  for r in [zero, order, [UInt8](repeating: 0xff, count: 32)] {
    for s in [zero, one] {
      let pair = try signature(r + s)
      #expect(OpenSSLES256().verifies(pair, of: Example.message.span, by: point) == false)
    }
  }
  let noS = try signature(Array(Example.printed.prefix(32)) + zero)
  #expect(OpenSSLES256().verifies(noS, of: Example.message.span, by: point) == false)
}

@Test func aKeyThatIsNoPointIsNotPossible() throws {
  #expect(OpenSSLES256().isPossibleKey(try key(Example.point)))
  // Of all x about every second one is a point's; all ones is beyond the field.
  #expect(!OpenSSLES256().isPossibleKey(try key([2] + [UInt8](repeating: 0xff, count: 32))))
  var isPoint = 0
  for last in UInt8.min...UInt8.max {
    var bytes = Example.point
    bytes[32] = last
    if OpenSSLES256().isPossibleKey(try key(bytes)) { isPoint += 1 }
  }
  #expect((64...192).contains(isPoint))
  let edwards = PublicKey(ed25519: try fixed([UInt8](repeating: 1, count: 32)))
  #expect(!OpenSSLES256().isPossibleKey(edwards.bytes))
}
