import FixedMemory
import Foundation
import Identity
import Proofs
import Signers
import TestSupport

/// An owner with a key whose seed is one byte, 32 times.
struct WorldOwner {
  private let seed: UInt8

  init(seed: UInt8) { self.seed = seed }

  private func key() throws -> FileKey {
    try FileKey(seed: fixed([UInt8](repeating: seed, count: 32)))
  }

  func publicKey() throws -> PublicKey { try key().publicKey }

  static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

  /// For a new node; with one named, a move.
  func invite(
    for gateway: PublicKey, node: Digest? = nil, validMilliseconds: Int64 = 3_600_000,
    uses: Invite.Uses = .once
  ) throws -> [UInt8] {
    var key = try key()
    let invite = Invite(
      ownerKey: key.publicKey, gatewayKeyHash: gateway.hash, node: node,
      expiresUTCMilliseconds: Self.now + validMilliseconds, uses: uses,
      nonce: try fixed((0..<16).map { _ in UInt8.random(in: 0...255) }))
    return try written { try invite.sign(with: &key, into: $0.mutableSpan).byteCount }
  }

  func succession(node: Digest, from old: PublicKey, to new: PublicKey) throws -> [UInt8] {
    var key = try key()
    let succession = Succession(
      ownerKey: key.publicKey, oldKeyHash: old.hash, newKey: new,
      issuedUTCMilliseconds: Self.now, node: node)
    return try written { try succession.sign(with: &key, into: $0.mutableSpan).byteCount }
  }

  /// The section of site.ini that carries a document.
  static func section(_ message: [UInt8]) -> String {
    let text = Data(message).base64EncodedString().replacing("+", with: "-")
      .replacing("/", with: "_").replacing("=", with: "")
    var lines = ["[enrolment]"]
    var rest = Substring(text)
    for name in ["first", "second", "third", "fourth"] where !rest.isEmpty {
      lines.append("authorization_\(name) = \(rest.prefix(160))")
      rest = rest.dropFirst(160)
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Another section of site.ini.
  static func place(latitude: String) -> String {
    "[place]\nlatitude = \(latitude)\nlongitude = -73.7789\n"
  }
}
